// SPDX-License-Identifier: MIT
//
// The session as a page meets it: lanyard.js before an agent that is played, and before the real
// doors with a service behind them that has no cards (door_server.c).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { built } from '../sandbox/build.mjs';
import { startFakeAgent } from '../sandbox/fake-agent.mjs';
import { makeFolder, removeFolder } from '../sandbox/folder.mjs';
import { connectAs } from '../sandbox/page-alone.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { start } from '../sandbox/processes.mjs';

const OP = 'https://op.example'; // the provider that has sessions
const OTHER = 'https://other.example';
const CHALLENGE = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8';

const undo = [];
after(async () => {
  for (const step of undo.reverse()) await step();
});

const event = async (agent, name) => (await inTime(once(agent, name), `the event ${name}`))[0].detail;

/* ---- before an agent that is played ---- */

// A page and its agent, which answers what the script answers.
async function played(script) {
  const agent = await startFakeAgent((request, reply) =>
    request.method !== 'agent.hello' && (script(request, reply), true));
  undo.push(() => agent.close());
  const page = await connectAs(OP, { port: agent.port });
  return { page, agent, asked: () => agent.received.slice(1) };
}

const answers = (result) => played((request, reply) => reply.result(result));

test('prove asks for what the page said, and gives the proof', async () => {
  const { page, asked } = await answers({ proof: 'a.b.c' });
  assert.deepEqual(await page.prove({ challenge: CHALLENGE }), { proof: 'a.b.c' });
  await page.prove({ challenge: CHALLENGE, interaction: 'silent', maxAge: 0 });
  assert.deepEqual(asked().map(({ method, params }) => [method, params]), [
    ['session.prove', { challenge: CHALLENGE }],
    ['session.prove', { challenge: CHALLENGE, interaction: 'silent', maxAge: 0 }],
  ]);
  page.close();
});

test('begin hands over a session, or has the agent open one', async () => {
  const { page, asked } = await answers({ state: 'active', sid: 's1' });
  assert.equal((await page.begin({ sid: 's1' })).state, 'active');
  await page.begin();
  assert.deepEqual(asked().map(({ method, params }) => [method, params]), [
    ['session.begin', { sid: 's1' }],
    ['session.begin', {}],
  ]);
  page.close();
});

test('status tells who is signed in, endSession signs out', async () => {
  const { page, asked } = await played((request, reply) =>
    reply.result(request.method === 'session.status' ? { state: 'none', cause: 'idle' } : {}));
  assert.deepEqual(await page.status(), { state: 'none', cause: 'idle' });
  assert.equal(await page.endSession(), undefined);
  assert.deepEqual(asked().map(({ method, params }) => [method, params]), [
    ['session.status', {}],
    ['session.end', {}],
  ]);
  page.close();
});

test('while it waits the page is told for what', async () => {
  const { page } = await played((request, reply) => {
    for (const what of ['card', 'pin', 'provider', 'role']) {
      reply.notify('operation.waiting', { request: request.id, for: what });
    }
    reply.notify('operation.waiting', { request: request.id + 1, for: 'turn' });
    reply.result({ proof: 'a.b.c' });
  });
  const waited = [];
  await page.prove({ challenge: CHALLENGE, onWaiting: (waiting) => waited.push(waiting.for) });
  assert.deepEqual(waited, ['card', 'pin', 'provider', 'role']);
  page.close();
});

test('a refusal comes in the agent\'s own words', async () => {
  const { page } = await played((request, reply) =>
    reply.error('no-session', 1701, 'Nobody is signed in.', 'Sign in.'));
  const words = {
    reason: 'no-session', code: 'LY-1701', sentence: 'Nobody is signed in.', advice: 'Sign in.', kind: null,
  };
  for (const ask of ['prove', 'begin', 'status', 'endSession']) await assert.rejects(page[ask](), words);
  page.close();
});

test('a misspelt option is refused by its name, and nothing is asked of the agent', async () => {
  const { page, agent, asked } = await answers({});
  const refusal = (name, call) => ({
    name: 'LanyardError', reason: 'invalid-request', code: 'LY-1405', kind: null,
    message: `${name}: there is no such option of ${call}`,
  });
  await assert.rejects(page.prove({ challenge: CHALLENGE, max_age: 3 }), refusal('max_age', 'prove'));
  for (const call of ['signIn', 'prove', 'begin', 'status', 'endSession']) {
    await assert.rejects(page[call]({ Signal: undefined }), refusal('Signal', call));
  }
  await assert.rejects(connectAs(OP, { prot: agent.port }), refusal('prot', 'connect'));
  assert.deepEqual(asked(), []);
  page.close();
});

test('what the page gives up is given up at the agent', async () => {
  const { page, asked } = await played((request, reply) =>
    request.method === 'session.status' && reply.result({ state: 'none' }));
  const controller = new AbortController();
  const gone = page.prove({ challenge: CHALLENGE, signal: controller.signal });
  controller.abort();
  await assert.rejects(gone, { reason: 'cancelled', code: 'LY-1001' });
  await assert.rejects(page.begin({ timeout: 1 }), { reason: 'timed-out', code: 'LY-1002' });
  await assert.rejects(page.status({ signal: controller.signal }), { reason: 'cancelled' });
  await page.status(); // the agent reads in order
  const [prove, cancelled, begin, timedOut, status] = asked();
  assert.deepEqual([prove.method, begin.method, status.method],
    ['session.prove', 'session.begin', 'session.status']);
  assert.equal(cancelled.method, 'operation.cancel');
  assert.deepEqual(cancelled.params, { request: prove.id });
  assert.deepEqual(timedOut.params, { request: begin.id });
  page.close();
});

test('a change comes by itself, and the end of the connection says that it is over', async () => {
  let agent;
  const { page } = await played((request, reply) => {
    agent = reply;
    reply.result({ state: 'active' });
  });
  const changed = event(page, 'session.changed');
  await page.status();
  agent.notify('session.changed', { state: 'ended', cause: 'card-removed' });
  assert.deepEqual(await changed, { state: 'ended', cause: 'card-removed' });
  const ended = event(page, 'close');
  agent.close(1011);
  assert.equal((await ended).reason, 'agent-unreachable');
  await assert.rejects(page.prove({ challenge: CHALLENGE }), { kind: 'unreachable' });
});

/* ---- before the real doors ---- */

async function startDoors() {
  const directory = await makeFolder('doors');
  undo.push(() => removeFolder(directory));
  const socket = join(directory, 'portd');
  const broker = await start(await built('lanyard-portd'),
    ['--listen', '127.0.0.1:0', '--socket', socket, '--ready-fd', '1'], { ready: /^(\d+)$/m });
  undo.push(() => broker.stop());
  const server = await start(await built('door_server'),
    [join(directory, 'agent'), socket, OP, OTHER], { ready: /pages reach/ });
  undo.push(() => server.stop());
  const port = Number(broker.match[1]);
  return { server, page: (origin) => connectAs(origin, { port }) };
}

test('a sign-in on one page is known to the provider\'s others, and to nobody else\'s', async () => {
  const doors = await startDoors();
  const [page, second, other] = [await doors.page(OP), await doors.page(OP), await doors.page(OTHER)];
  other.addEventListener('session.changed', () => assert.fail('another provider\'s page was told'));
  assert.ok(page.methods.includes('session.prove'));
  assert.ok(!page.methods.includes('session.role'));

  await assert.rejects(page.prove({ challenge: CHALLENGE, interaction: 'silent' }),
    { reason: 'interaction-required' });
  const signedIn = event(second, 'session.changed');
  const { proof } = await page.prove({ challenge: CHALLENGE, maxAge: 60 });
  assert.equal(proof, `${OP} ${CHALLENGE} 60`);
  const session = await signedIn;
  assert.equal(session.state, 'active');
  assert.equal(session.roles.length, 2);
  assert.ok(!('pendingEnds' in session));
  assert.deepEqual(await second.status(), { ...session, cause: null });

  await assert.rejects(other.prove({ challenge: CHALLENGE }), { reason: 'no-session' });
  assert.deepEqual(await other.status(), { state: 'none', cause: null });

  const signedOut = event(second, 'session.changed');
  await page.endSession();
  assert.deepEqual(await signedOut, { state: 'none', cause: 'signed-out' });
  await other.status(); // by now it would have been told
  for (const each of [page, second, other]) each.close();
});

test('a page hands over a session, and only what is one', async () => {
  const doors = await startDoors();
  const page = await doors.page(OP);
  await assert.rejects(page.begin({ sid: 'unknown' }), { reason: 'sign-in-expired' });
  await assert.rejects(page.begin({ sid: '..' }), { reason: 'invalid-request', message: /^sid: / });
  const waited = [];
  const { sid } = await page.begin({ sid: 'stub-session', onWaiting: (waiting) => waited.push(waiting.for) });
  assert.equal(sid, 'stub-session');
  assert.deepEqual(waited, ['role']);
  await assert.rejects(page.begin(), { reason: 'session-exists' });
  page.close();
});

test('the longest session reaches its pages whole, and what follows it too', async () => {
  const doors = await startDoors();
  const page = await doors.page(OP);
  await page.begin();
  const roles = event(page, 'session.changed');
  doors.server.child.kill('SIGHUP');
  const session = await roles;
  assert.equal(session.roles.length, 256);
  assert.equal(session.roles[255].code, '"'.repeat(256));
  assert.deepEqual((await page.status()).roles, session.roles);
  const ended = event(page, 'session.changed');
  await page.endSession();
  assert.equal((await ended).state, 'none');
  page.close();
});

test('a page reads of a pulled card even when the agent does nothing after it', async () => {
  const doors = await startDoors();
  const page = await doors.page(OP);
  await page.begin();
  const changed = event(page, 'session.changed');
  const ended = event(page, 'close');
  doors.server.child.kill('SIGUSR2');
  assert.deepEqual(await changed, { state: 'none', cause: 'card-removed' });
  assert.equal((await ended).reason, 'agent-unreachable');
});
