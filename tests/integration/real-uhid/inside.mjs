// SPDX-License-Identifier: MIT
//
// What happens inside the virtual machine of `run`: a key that the kernel makes a real /dev/hidraw of,
// found by the agent and by libfido2's tools through a real udev.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { startKeys } from './sandbox/key.mjs';
import { connectNative } from './sandbox/native.mjs';
import { run, start } from './sandbox/processes.mjs';

let keys;
let agentProgram;
let agent;

before(async () => {
  keys = await startKeys({
    directory: '/tmp', people: { keys: '/attestation' }, keys: [{ name: 'key-0', kind: 'uhid', plugged: false }],
  });
  await mkdir('/etc/lanyard');
  await mkdir('/run/user', { mode: 0o700 });
  await writeFile('/etc/lanyard/lanyard.conf', '[provider sandbox]\norigin = https://op.sandbox.example\n');
  const environment = { XDG_RUNTIME_DIR: '/run/user', XDG_STATE_HOME: '/tmp/state' };
  agentProgram = await start('/build/lanyardd', ['--config', '/etc/lanyard', '--helpers', '/build'],
    { env: environment, ready: /ready/ });
  agent = await connectNative({ runtime: '/run/user', environment });
});

after(async () => {
  agent?.close();
  await agentProgram?.stop();
  await keys?.close();
});

// Until the agent's list of keys is that long; resolves with it.
async function keysIn(count) {
  await agent.request('agent.subscribe');
  for (;;) {
    const { keys: found } = await agent.request('key.list');
    if (found.length === count) return found;
    await agent.notification(({ method }) => method === 'key.changed');
  }
}

test('a key that is plugged in is found by the agent', async () => {
  assert.deepEqual(await keysIn(0), []);
  await keys.ctl('plug', 'key-0');
  const [key] = await keysIn(1);
  assert.match(key.path, /^\/dev\/hidraw\d$/);
  assert.match(key.name, /Virtual Key/);
});

test('it signs, and libfido2 verifies', async () => {
  const [{ path }] = await keysIn(1);
  const random = () => randomBytes(32).toString('base64');
  await writeFile('/tmp/make', `${random()}\nop.sandbox.example\nalice\n${random()}\n`);
  await run('fido2-cred', ['-M', '-i', '/tmp/make', '-o', '/tmp/made', path]);
  await run('fido2-cred', ['-V', '-i', '/tmp/made', '-o', '/tmp/credential']);
  const [id, ...pem] = (await readFile('/tmp/credential', 'utf8')).split('\n');
  await writeFile('/tmp/public', pem.join('\n'));
  await writeFile('/tmp/get', `${random()}\nop.sandbox.example\n${id}\n`);
  await run('fido2-assert', ['-G', '-i', '/tmp/get', '-o', '/tmp/got', path]);
  await run('fido2-assert', ['-V', '-i', '/tmp/got', '/tmp/public']);
});

test('lanyard-fido says what it can', async () => {
  const info = await agent.request('key.info');
  assert.equal(info.aaguid.replaceAll('-', ''), Buffer.from('Lanyard-virtualk').toString('hex'));
  assert.equal(info.residentKeys, true);
});

test('pulled out while it blinks, and gone', async () => {
  const [{ path }] = await keysIn(1);
  await keys.ctl('delay', 'key-0', 'never');
  const waiting = assert.rejects(run('fido2-cred', ['-M', '-i', '/tmp/make', '-o', '/tmp/made', path]));
  await keys.ctl('blinks', 'key-0');
  await keys.ctl('unplug', 'key-0');
  await waiting;
  assert.deepEqual(await keysIn(0), []);
});
