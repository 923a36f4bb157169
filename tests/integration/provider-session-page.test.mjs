// SPDX-License-Identifier: MIT
//
// The sign-in page where the provider has sessions: one call to Lanyard instead of a card each time,
// and the ways around it. The browser, the provider and its page are real; the agent does what a test
// tells it to, with a session and a card that are good.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { launchChromium } from '../sandbox/browser.mjs';
import { readCard } from '../sandbox/make-token.mjs';
import { startPageRig } from '../sandbox/page-rig.mjs';
import { makePeople } from '../sandbox/people.mjs';
import { attend, otherWays, says, signedIn } from '../sandbox/says.mjs';
import { makeAgent, makeClock } from '../sandbox/session-rig.mjs';

let rig;
let browser;
let people;
before(async () => {
  people = await makePeople();
  rig = await startPageRig();
  browser = await launchChromium();
});
after(async () => {
  await browser.close();
  await rig.close();
});

afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

// What an agent does with each method unless a test says otherwise: it has a session.
const HONEST = {
  'session.prove': async ({ params }, reply, held) => reply.result({ proof: await held.prove(params.challenge) }),
  'session.status': async (request, reply) => reply.result({ state: 'none', cause: null }),
  'session.end': async (request, reply) => reply.result({}),
  'card.signIn': async ({ params: { challenge, format } }, reply, held) =>
    reply.result({ format, token: await held.token({ challenge }) }),
  'session.begin': async ({ params: { sid } }, reply, held) => {
    held.sid = sid;
    await held.look();
    reply.result({ state: 'active' });
  },
};

// Opens the page with an agent that behaves so; resolves with { page, held, asked, app, op }. held:
// the agent's key and session (session-rig.mjs), opened `age` seconds ago. asked(method): the params
// that it was asked with.
async function open(behaviour = {}, { query = '', age = 0, ...options } = {}) {
  const clock = makeClock();
  let held;
  const parts = await rig.start((request, reply) => {
    const handle = behaviour[request.method] ?? HONEST[request.method];
    handle?.(request, reply, held);
    return Boolean(handle);
  }, { sessions: true, clock, ...options });
  const { op, agent, url } = parts;
  held = makeAgent({ op, clock, card: await readCard(people, 'bob') });
  await held.open();
  await held.look();
  clock.advance(age);
  const page = attend(await browser.newPage());
  await page.goto(url + query);
  const asked = (method) => agent.received.filter((each) => each.method === method).map(({ params }) => params);
  return { page, held, asked, clock, ...parts };
}

async function failsWith(page, sentence) {
  await says(page, sentence);
  assert.ok(await page.isVisible('#again'));
  await otherWays(page);
}

test('one call proves who it is, and the page asks for nothing else', async () => {
  const { page, agent, asked } = await open();
  assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
  assert.deepEqual(agent.received.map(({ method }) => method), ['agent.hello', 'session.prove']);
  const [params] = asked('session.prove');
  assert.deepEqual(Object.keys(params).sort(), ['challenge', 'interaction']);
  assert.equal(params.interaction, 'if-needed');
  assert.equal(Buffer.from(params.challenge, 'base64url').length, 33);
});

for (const [what, heading, text] of [
  ['provider', 'Signing you in', 'Waiting for Care Identity to answer.'],
  ['role', 'Choose your role', 'Choose in the Lanyard window'],
  ['pin', 'Enter your PIN', 'Lanyard window'],
]) {
  test(`while Lanyard waits for ${what} the page says so, and the other ways stay`, async () => {
    const { page } = await open({
      'session.prove': ({ id }, reply) => reply.notify('operation.waiting', { request: id, for: what }),
    });
    await says(page, heading);
    const status = await page.textContent('#status');
    assert.ok(status.includes(text), status);
    await otherWays(page);
  });
}

test('an agent that knows no session endpoint has the card sign, and takes the session over', async () => {
  const { page, agent, held } = await open({
    'session.prove': (request, reply) => reply.error('no-session', 1601, 'Nobody is signed in.', 'Sign in.'),
  });
  assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
  assert.deepEqual(agent.received.map(({ method }) => method),
    ['agent.hello', 'session.prove', 'card.signIn', 'session.begin']);
  assert.equal((await held.look()).status, 200);
});

test('where the page hands sessions over, one that is there already is proved and no other made', async () => {
  const { page, agent } = await open({
    'session.status': (request, reply) => reply.result({ state: 'active', cause: null }),
  }, { begin: true });
  assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
  assert.deepEqual(agent.received.map(({ method }) => method), ['agent.hello', 'session.status', 'session.prove']);
});

test('a provider may have the card sign and hand the session over from the start', async () => {
  const { page, agent, asked } = await open({}, { begin: true });
  assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
  assert.deepEqual(agent.received.map(({ method }) => method),
    ['agent.hello', 'session.status', 'card.signIn', 'session.begin']);
  assert.deepEqual(Object.keys(asked('session.begin')[0]), ['sid']);
});

test('a session that Lanyard does not take over signs nobody in', async () => {
  const { page, app } = await open({
    'session.begin': (request, reply) =>
      reply.error('session-exists', 1602, 'Somebody is signed in already.', 'Sign out first.'),
  }, { begin: true });
  await failsWith(page, 'Somebody is signed in already.');
  await page.goto(app.origin);
  await page.waitForSelector('#sign-in');
});

test('a session that the provider has ended goes from the desktop too, and a new one comes, once', async () => {
  let ended = false;
  const { page, agent, held } = await open({
    'session.prove': async ({ params }, reply, { prove }) => reply.result({
      proof: await prove(params.challenge, ended ? {} : { claims: { sid: 'of-another-day' } }),
    }),
    'session.end': (request, reply) => {
      ended = true;
      reply.result({});
    },
  });
  assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
  assert.deepEqual(agent.received.map(({ method }) => method),
    ['agent.hello', 'session.prove', 'session.end', 'session.prove']);
  assert.equal((await held.look()).status, 200);
});

test('an agent that goes on with a session that is over is not asked for ever', async () => {
  const { page, agent } = await open({
    'session.prove': async ({ params }, reply, { prove }) =>
      reply.result({ proof: await prove(params.challenge, { claims: { sid: 'of-another-day' } }) }),
  });
  await failsWith(page, 'Care Identity has ended your session.');
  assert.equal(agent.received.filter(({ method }) => method === 'session.prove').length, 2);
});

test('prompt=login asks for the PIN, and a proof without one does not do', async () => {
  const { page, asked } = await open({}, { query: '?prompt=login', age: 1 });
  await failsWith(page, 'Your PIN is needed once more for this.');
  assert.deepEqual(asked('session.prove').map(({ interaction }) => interaction), ['force', 'force']);
});

test('prompt=login with the PIN signs in', async () => {
  const { page } = await open({
    'session.prove': async ({ params }, reply, held) => {
      await held.authenticate();
      reply.result({ proof: await held.prove(params.challenge) });
    },
  }, { query: '?prompt=login' });
  assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
});

test('max_age goes to Lanyard; where it takes a PIN for younger than the provider does, it is asked for one', async () => {
  const { page, asked } = await open({
    'session.prove': async ({ params }, reply, held) => {
      if (params.interaction === 'force') await held.authenticate();
      reply.result({ proof: await held.prove(params.challenge) });
    },
  }, { query: '?max_age=60', age: 100 });
  assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
  const [first, second, ...more] = asked('session.prove');
  assert.deepEqual([first.interaction, first.maxAge], ['if-needed', 60]);
  assert.deepEqual([second.interaction, second.maxAge], ['force', undefined]);
  assert.equal(more.length, 0);
});

test('somebody else\'s session in a browser that is taken already is told, and comes after that', async () => {
  const { page, app, op, clock } = await open();
  await signedIn(page);
  const alice = makeAgent({ op, clock, card: await readCard(people, 'alice') });
  await alice.open();
  await alice.look();
  await page.goto(`${app.origin}/sign-in?prompt=none`); // still bob's
  assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
  const question = await page.request.get(`${app.origin}/sign-in?prompt=login`);
  const path = new URL(question.url()).pathname;
  const post = async (what, data) => (await page.request.post(`${op.origin}${path}/${what}`,
    { data, headers: { origin: op.origin } })).json();
  const { challenge } = await post('challenge', {});
  const { refused } = await post('proof', { proof: await alice.prove(challenge) });
  assert.equal(refused.sentence, 'Somebody else was signed in in this browser, and has been signed out now.');
  await page.waitForURL(/problem=ended/);
});

test('Cancel tells the agent', async () => {
  const { page, agent, asked } = await open({
    'session.prove': ({ id }, reply) => reply.notify('operation.waiting', { request: id, for: 'pin' }),
    'operation.cancel': (request, reply) => reply.result({}),
  });
  await says(page, 'Enter your PIN');
  await page.click('#cancel');
  await failsWith(page, 'The sign-in was cancelled.');
  const { id } = agent.received.find(({ method }) => method === 'session.prove');
  assert.deepEqual(asked('operation.cancel'), [{ request: id }]);
});

test('where the provider offers Web eID tokens the page has the card sign', async () => {
  const { page, asked } = await open({
    'card.signIn': ({ id }, reply) => reply.notify('operation.waiting', { request: id, for: 'card' }),
  }, { format: 'web-eid:1.1' });
  await says(page, 'Insert your smartcard');
  assert.equal(asked('card.signIn')[0].format, 'web-eid:1.1');
});
