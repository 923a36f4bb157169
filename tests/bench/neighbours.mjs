// SPDX-License-Identifier: MIT
//
// What programs that people know take for the like, in the same run, with the same reader driver,
// virtual card, key and PKCS#11 module: pkcs11_eventmgr for a removal, ssh-agent for a signature.
// bench.mjs says what each figure includes.

import { execFile } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findProgram } from '../sandbox/programs.mjs';
import { built } from '../sandbox/build.mjs';
import { nativePath } from '../sandbox/native.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { start } from '../sandbox/processes.mjs';
import {
  connect, figure, inSandbox, lineProgram, milliseconds, newChallenge, percentile, PIN, without,
} from './rig.mjs';

const execute = promisify(execFile);
const REMOVALS = 20;
const POLLING_SECONDS = 1; // pkcs11_eventmgr's default, and the shortest that it knows
const SIGNATURES = 50;
const WARM_UP = 3; // signatures that are not counted
const REST_MS = 30;

/** The module that the agent uses. */
async function moduleOf(sandbox) {
  const client = await connect('native', nativePath(sandbox));
  const { result } = await client.answer(client.ask('agent.status'));
  client.end();
  return result.modules[0].path;
}

// ---- a removal ----

/** next(): when bench_stamp was run next, and its socket. */
async function hearStamps(path) {
  const stamps = [];
  const takers = [];
  const server = createServer((connection) => {
    connection.on('error', () => {});
    connection.once('data', (data) => {
      const at = BigInt(data.toString().trim());
      if (takers.length > 0) takers.shift()(at);
      else stamps.push(at);
    });
  });
  await new Promise((resolve) => server.listen(path, resolve));
  server.unref();
  return {
    next: () => stamps.length > 0 ? stamps.shift()
      : inTime(new Promise((resolve) => takers.push(resolve)), 'pkcs11_eventmgr to run its command'),
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

const managerSettings = (module, command) => `pkcs11_eventmgr {
  daemon = false;
  debug = false;
  polling_time = ${POLLING_SECONDS};
  expire_time = 0;
  pkcs11_module = ${module};
  event card_remove { on_error = ignore; action = "${command}"; }
}
`;

async function manager(scratch, program) {
  await inSandbox(scratch, { card: null }, async (sandbox) => {
    const config = join(scratch, 'eventmgr.conf');
    const socket = join(scratch, 'stamp.sock');
    const stamps = await hearStamps(socket);
    await writeFile(config, managerSettings(await moduleOf(sandbox), `${await built('bench_stamp')} ${socket}`));
    await sandbox.stopAgent(); // nobody else is at the card
    const running = await start(program, [`config_file=${config}`], { env: sandbox.environment });
    const bare = lineProgram(await built('removal_bare'), ['Lanyard Virtual Reader'], sandbox.environment);
    const samples = [];
    for (let i = 0; i < REMOVALS; i++) {
      await sandbox.ctl('insert', 'reader-0', 'bob');
      await bare.next(); // "ready"
      // It has looked since, and the removal falls anywhere between two looks.
      await sleep((2 + Math.random()) * POLLING_SECONDS * 1000);
      await sandbox.ctl('remove', 'reader-0');
      samples.push(milliseconds(BigInt(await bare.next()), await stamps.next()));
    }
    bare.child.kill();
    await running.stop();
    await stamps.close();
    figure('pkcs11_eventmgr_removal_p50_ms', percentile(samples, 50).toFixed(0), 'ms');
  });
}

// ---- a signature ----

async function signThroughAgent(sandbox, prompt, client) {
  const id = client.ask('card.signIn', { challenge: newChallenge(), origin: sandbox.op.origin });
  (await prompt.next()).answer(PIN);
  const from = (await client.waiting('signature')).at;
  const to = (await client.answer(id)).at;
  return Number(to - from) / 1000;
}

async function signatures(scratch) {
  await inSandbox(scratch, { card: 'bob' }, async (sandbox, prompt) => {
    const client = await connect('native', nativePath(sandbox));
    const samples = [];
    for (let i = -WARM_UP; i < SIGNATURES; i++) {
      const through = await signThroughAgent(sandbox, prompt, client);
      if (i >= 0) samples.push(through);
      await sleep(REST_MS);
    }
    client.end();
    figure('sign_card_p50_us', percentile(samples, 50).toFixed(0), 'us');
  });
}

async function sshSignatures(scratch, program) {
  await inSandbox(scratch, { card: 'bob' }, async (sandbox) => {
    const module = await moduleOf(sandbox);
    await sandbox.stopAgent(); // nobody else is at the card
    const socket = join(scratch, 'ssh-agent.sock');
    const running = await start(program, ['-D', '-a', socket, '-P', module],
      { env: sandbox.environment, ready: /SSH_AUTH_SOCK/ });
    const askPin = join(scratch, 'ask-pin');
    await writeFile(askPin, `#!/bin/sh\necho ${PIN}\n`);
    await chmod(askPin, 0o700);
    await execute('ssh-add', ['-s', module], {
      env: {
        ...process.env, ...sandbox.environment, SSH_AUTH_SOCK: socket, SSH_ASKPASS: askPin, SSH_ASKPASS_REQUIRE: 'force',
      },
    });
    const signer = lineProgram(await built('ssh_sign'), [socket]);
    const samples = [];
    for (let i = -WARM_UP; i < SIGNATURES; i++) {
      signer.say('');
      const alone = Number(await signer.next());
      if (i >= 0) samples.push(alone);
      await sleep(REST_MS);
    }
    signer.end();
    await running.stop();
    figure('ssh_agent_sign_p50_us', percentile(samples, 50).toFixed(0), 'us');
  });
}

/** A neighbour that is not here or does not do what it should costs its own figure alone. */
async function attempt(name, program, measure) {
  const path = findProgram(program);
  if (!path) return without(name, `not installed: ${program}`);
  return measure(path).catch((error) => without(name, error.message));
}

export async function measureNeighbours(scratch) {
  await attempt('pkcs11_eventmgr_removal_p50_ms', 'pkcs11_eventmgr', (path) => manager(scratch, path));
  await signatures(scratch);
  await attempt('ssh_agent_sign_p50_us', 'ssh-agent', (path) => sshSignatures(scratch, path));
}
