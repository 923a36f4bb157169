// SPDX-License-Identifier: MIT
//
// The figures of security keys, with the virtual key, which is touched the moment it blinks. bench.mjs
// says what each figure includes.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { built } from '../sandbox/build.mjs';
import { nativePath } from '../sandbox/native.mjs';
import {
  connect, figure, inSandbox, lineProgram, milliseconds, nanoseconds, newChallenge, percentile, without,
} from './rig.mjs';

const KEY = 'key-0';
const KEY_PIN = '2580';
const BOB = { uid: '555000000102', title: '', givenName: 'Bob', familyName: 'Brown' };
const ASSERTIONS = 60;
const REMOVALS = 100;
const WARM_UP = 3; // of each, not counted
const REST_MS = 20;

const QUIET = '[session]\nsign-in-at-insertion = no\n[desktop]\nlock = no\n';

// bob's credential, which the provider then knows; resolves with its id.
async function register({ op }, prompt, client) {
  const id = client.ask('webauthn.create', {
    origin: op.origin, publicKey: op.keys.creationOptions(newChallenge(), BOB),
  });
  (await prompt.next()).answer(KEY_PIN);
  const { result } = await client.answer(id);
  await op.keys.register(result, BOB, { redeem: () => 'ok', at: Date.now() });
  return result.id;
}

async function throughAgent({ op }, client, credential) {
  const from = nanoseconds();
  const id = client.ask('webauthn.get', {
    origin: op.origin,
    publicKey: {
      challenge: newChallenge(), userVerification: 'discouraged',
      allowCredentials: [{ type: 'public-key', id: credential }],
    },
  });
  return milliseconds(from, (await client.answer(id)).at);
}

// fido2-assert with the same credential, and without a PIN, too; it comes to the made-up machine as
// lanyard-fido does, by a script that sets the environment.
async function direct(scratch, { keys, op }, credential) {
  const input = join(scratch, 'assertion');
  const hash = createHash('sha256').update('the bench').digest('base64');
  await writeFile(input,
    `${hash}\n${op.keys.rpId}\n${Buffer.from(credential, 'base64url').toString('base64')}\n`);
  const script = join(scratch, 'fido2-assert');
  const words = Object.entries(keys.environment).map(([name, value]) => `${name}='${value}'`).join(' ');
  await writeFile(script, `#!/bin/sh\nexec env ${words} fido2-assert "$@"\n`, { mode: 0o700 });
  return lineProgram(await built('timed'), [input, script, '-G', keys.path(KEY)]);
}

async function assertions(scratch, sandbox, client, credential) {
  if (spawnSync('which', ['fido2-assert']).status !== 0) {
    without('fido_ratio', 'fido2-assert is not installed');
    return;
  }
  const program = await direct(scratch, sandbox, credential);
  const agent = [];
  const alone = [];
  for (let i = -WARM_UP; i < ASSERTIONS; i++) {
    const through = await throughAgent(sandbox, client, credential);
    await sleep(REST_MS);
    program.say('');
    const without = Number(await program.next()) / 1000;
    await sleep(REST_MS);
    if (i < 0) continue;
    agent.push(through);
    alone.push(without);
  }
  program.end();
  figure('fido_assert_agent_p50_ms', percentile(agent, 50).toFixed(2), 'ms');
  figure('fido_assert_direct_p50_ms', percentile(alone, 50).toFixed(2), 'ms');
  figure('fido_ratio', (percentile(agent, 50) / percentile(alone, 50)).toFixed(3), 'x');
}

async function removals(sandbox, prompt, client) {
  const samples = [];
  await client.answer(client.ask('agent.subscribe'));
  for (let i = -WARM_UP; i < REMOVALS; i++) {
    const id = client.ask('session.begin');
    (await prompt.next()).answer(KEY_PIN);
    await client.answer(id);
    const from = nanoseconds();
    await sandbox.keys.ctl('unplug', KEY);
    const { at } = await client.until(({ at: when, method, params }) =>
      when > from && method === 'session.changed' && params.state === 'ended');
    if (i >= 0) samples.push(milliseconds(from, at));
    await sandbox.keys.ctl('plug', KEY);
  }
  figure('key_unplug_to_ended_p99_ms', percentile(samples, 99).toFixed(2), 'ms');
}

export async function measureKeys(scratch) {
  const options = { card: null, sessions: true, settings: QUIET, keys: [{ name: KEY, pin: KEY_PIN }] };
  await inSandbox(scratch, options, async (sandbox, prompt) => {
    const client = await connect('native', nativePath(sandbox));
    const credential = await register(sandbox, prompt, client);
    await assertions(scratch, sandbox, client, credential);
    await removals(sandbox, prompt, client);
    client.end();
  });
}
