// SPDX-License-Identifier: MIT
//
// What happens inside the virtual machine of `run`: a key that the kernel makes a real /dev/hidraw of,
// found by the agent, with its AppArmor profiles in force, and by libfido2's tools through a real udev.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { built } from '../../sandbox/build.mjs';
import { makeFolder, removeFolder } from '../../sandbox/folder.mjs';
import { startKeys } from '../../sandbox/key.mjs';
import { connectNative } from '../../sandbox/native.mjs';
import { makePeople } from '../../sandbox/people.mjs';
import { run, start } from '../../sandbox/processes.mjs';
import { enforceProfiles, label } from '../apparmor-rig.mjs';
import { processBelow } from '../processes.mjs';

let folder;
let profiles;
let keys;
let agentProgram;
let agent;
const file = (name) => join(folder, name);

before(async () => {
  folder = await makeFolder('uhid');
  profiles = await enforceProfiles();
  keys = await startKeys({
    directory: folder, people: await makePeople(), keys: [{ name: 'key-0', kind: 'uhid', plugged: false }],
  });
  const [config, runtime] = ['etc', 'run'].map(file);
  for (const each of [config, runtime]) await mkdir(each, { mode: 0o700 });
  await writeFile(join(config, 'lanyard.conf'), '[provider sandbox]\norigin = https://op.sandbox.example\n');
  const environment = { XDG_RUNTIME_DIR: runtime, XDG_STATE_HOME: file('state') };
  const program = await built('lanyardd');
  agentProgram = await start(program, ['--config', config, '--helpers', dirname(program)],
    { env: environment, ready: /ready/ });
  agent = await connectNative({ runtime, environment });
});

after(async () => {
  agent?.close();
  await agentProgram?.stop();
  await keys?.close();
  await profiles?.remove();
  await removeFolder(folder);
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
  await writeFile(file('make'), `${random()}\nop.sandbox.example\nalice\n${random()}\n`);
  await run('fido2-cred', ['-M', '-i', file('make'), '-o', file('made'), path]);
  await run('fido2-cred', ['-V', '-i', file('made'), '-o', file('credential')]);
  const [id, ...pem] = (await readFile(file('credential'), 'utf8')).split('\n');
  await writeFile(file('public'), pem.join('\n'));
  await writeFile(file('get'), `${random()}\nop.sandbox.example\n${id}\n`);
  await run('fido2-assert', ['-G', '-i', file('get'), '-o', file('got'), path]);
  await run('fido2-assert', ['-V', '-i', file('got'), file('public')]);
});

test('lanyard-fido says what it can', async () => {
  const info = await agent.request('key.info');
  assert.equal(info.aaguid.replaceAll('-', ''), Buffer.from('Lanyard-virtualk').toString('hex'));
  assert.equal(info.residentKeys, true);
});

test('the agent and lanyard-fido have their profiles', async () => {
  const { prefix } = profiles;
  assert.equal(label(agentProgram.pid), `${prefix}_agent (enforce)`);
  assert.equal(label(processBelow(agentProgram.pid, 'lanyard-fido')), `${prefix}_agent//&${prefix}_fido (enforce)`);
});

test('pulled out while it blinks, and gone', async () => {
  const [{ path }] = await keysIn(1);
  await keys.ctl('delay', 'key-0', 'never');
  const waiting = assert.rejects(run('fido2-cred', ['-M', '-i', file('make'), '-o', file('made'), path]));
  await keys.ctl('blinks', 'key-0');
  await keys.ctl('unplug', 'key-0');
  await waiting;
  assert.deepEqual(await keysIn(0), []);
});
