// SPDX-License-Identifier: MIT
//
// What the agent and its helpers have given up (ipc/confine), as the kernel and a module that goes
// where it has no business see it. What each filter says call by call is tests/unit/test_confine.c's.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { build, built } from '../sandbox/build.mjs';
import { connectNative } from '../sandbox/native.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { cardsIn, inSandbox, newChallenge, PIN, readToken, signInWatched } from './card-rig.mjs';
import { becomes } from './keeper-rig.mjs';
import { processBelow, readable } from './processes.mjs';

const options = await readFile(join(build, 'CMakeCache.txt'), 'utf8');
const skip = /^LANYARD_(SANITIZE:STRING=.+|COVERAGE:BOOL=ON)$/m.test(options)
  && 'built with a sanitiser or for coverage: nothing is given up';
const { EACCES, EAFNOSUPPORT, ECONNREFUSED, ENOSYS, EPERM } = constants.errno;

// [filters, no new privileges] of a process that has not ended.
function confinement(pid) {
  const status = readable(`/proc/${pid}/status`).toString();
  const value = (name) => Number(status.match(new RegExp(`^${name}:\\s*(\\d+)$`, 'm'))?.[1]);
  assert.equal(value('Seccomp'), 2, status);
  return [value('Seccomp_filters'), value('NoNewPrivs')];
}

test('the agent, the broker and the helpers are confined, and what they start is', { skip }, async () => {
  await inSandbox({}, (world) => signInWatched(world, ({ sandbox }) => {
    const helper = (name) => processBelow(sandbox.agent.pid, name);
    assert.deepEqual(confinement(sandbox.agent.pid), [1, 1], 'lanyardd');
    assert.deepEqual(confinement(sandbox.broker.pid), [1, 1], 'lanyard-portd');
    assert.deepEqual(confinement(helper('lanyard-card')), [2, 1], 'lanyard-card');
    assert.deepEqual(confinement(helper('lanyard-connect')), [2, 1], 'lanyard-connect');
    assert.deepEqual(confinement(helper('lanyard-prompt')), [2, 1], 'lanyard-prompt');
  }));
});

// A service of the person's that a module has no business with, such as the session bus.
async function startService(path) {
  const service = createServer();
  service.visits = 0;
  service.on('connection', (visit) => {
    service.visits += 1;
    visit.destroy();
  });
  service.listen(path);
  await once(service, 'listening');
  return service;
}

async function withRover(wish, play) {
  const sandbox = await startSandbox({ web: false, card: null, agent: false });
  const socket = join(sandbox.directory, 'service');
  const service = await startService(socket);
  try {
    const file = join(sandbox.config, 'lanyard.conf');
    const module = join(sandbox.directory, 'fake-rover.so');
    const report = join(sandbox.directory, 'report');
    const settings = (await readFile(file, 'utf8')).replace(/^issuers = .*$/m, `module = ${module}`);
    await writeFile(file, settings, { mode: 0o600 });
    await copyFile(await built('fake-rover.so'), module);
    await writeFile(`${module}.env`, `FAKE_PKCS11=${wish}\nFAKE_PKCS11_REPORT=${report}\nFAKE_PKCS11_SOCKET=${socket}\n`);
    await sandbox.startAgent();
    const agent = await connectNative(sandbox);
    await agent.request('agent.subscribe');
    await cardsIn(agent, (cards) => cards.length > 0);
    sandbox.pinentry.always((dialogue) => dialogue.answer(PIN));
    const signIn = () => agent.request('card.signIn', { challenge: newChallenge(), origin: sandbox.op.origin });
    await play({ sandbox, agent, report, service, signIn });
  } finally {
    service.close();
    await sandbox.close();
  }
}

test('a module that roams is refused what it has no business with, and signs', { skip }, async () => {
  await withRover('', async ({ report, service, signIn }) => {
    const seen = Object.fromEntries((await readFile(report, 'utf8')).trim().split('\n')
      .map((line) => line.split(' ')).map(([what, number]) => [what, Number(number)]));
    assert.equal(seen.read, 0);
    assert.equal(seen.unix, 0);
    assert.equal(seen.datagrams, ENOSYS);
    assert.equal(seen.connect, ECONNREFUSED);
    assert.equal(seen.disguised, 0); // it has met pcscd
    assert.equal(service.visits, 0);
    assert.equal(seen.inet, EAFNOSUPPORT);
    assert.equal(seen.exec, EACCES);
    assert.equal(seen.mode, EPERM);
    assert.equal(seen.session, 0);
    assert.equal(seen.null, 0);
    // Landlock's part, as far as this kernel has it: see test_confine.c.
    assert.ok([0, EACCES].includes(seen.write), `${seen.write}`);
    assert.equal(seen.terminal, seen.write, 'a terminal is out of reach where anything is');
    assert.ok([0, EPERM].includes(seen.signal), `${seen.signal}`);
    await readToken((await signIn()).token);
  });
});

test('a module that reaches for the agent is ended, and the journal says which', { skip }, async () => {
  await withRover('trace', async ({ sandbox, agent, signIn }) => {
    await assert.rejects(signIn(), ({ reason }) => reason === 'card-module-failed');
    await becomes('the agent to say which helper was ended', () =>
      /lanyard-card \(process \d+\) was ended: it made a system call/.test(sandbox.agent.output),
    () => sandbox.agent.output);
    const second = await connectNative(sandbox);
    assert.equal((await second.request('agent.hello', { protocol: [1] })).agent, 'lanyard');
    await second.close();
    await cardsIn(agent, (cards) => cards.length > 0); // in a new process
  });
});
