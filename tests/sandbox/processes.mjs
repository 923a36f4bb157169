// SPDX-License-Identifier: MIT
//
// The programs a sandbox runs: each is started with its output kept, is ready when it says so, and
// is ended by its own process id. They end with the sandbox even when the test dies: on any exit of
// this process whatever still runs is killed.

import { spawn } from 'node:child_process';
import { inTime, LONG_MS } from './patience.mjs';

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(1));
}

// ready: a pattern that the program's output will match; resolves once it does, with the match.
// A program that ends before is an error that carries what it said. input: it is spoken to, through
// part.child.stdin. uid: whose it is, where root starts it.
export async function start(program, args, { env, cwd, ready, input = false, quiet = true, uid } = {}) {
  const child = spawn(program, args, {
    env: { ...process.env, ...env }, cwd, ...(uid !== undefined && { uid, gid: uid }), stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const part = { child, pid: child.pid, output: '', match: null, ended: null };
  part.ended = new Promise((resolve) => child.once('close', (code, signal) => {
    running.delete(child);
    resolve({ code, signal });
  }));
  part.stop = (signal = 'SIGTERM') => {
    child.kill(signal);
    return inTime(part.ended, `${program} to end upon ${signal}`, () => part.output);
  };

  await inTime(new Promise((resolve, reject) => {
    const hear = (chunk) => {
      part.output += chunk;
      if (!quiet) process.stderr.write(chunk);
      if (!part.match && ready) part.match = ready.exec(part.output);
      if (part.match) resolve();
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    child.once('error', (error) => {
      running.delete(child);
      reject(error);
    });
    part.ended.then(({ code, signal }) => reject(new Error(
      `${program} ended with ${signal ?? code} before it was ready:\n${part.output}`)));
    if (!ready) child.once('spawn', resolve);
  }), `${program} to be ready`, () => part.output);
  return part;
}

// Runs a program to its end; resolves with its output, rejects when it fails.
export async function run(program, args, options) {
  const part = await start(program, args, options);
  const { code, signal } = await inTime(part.ended, `${program} ${args.join(' ')} to end`,
    () => part.output, LONG_MS);
  if (code !== 0) throw new Error(`${program} ended with ${signal ?? code}:\n${part.output}`);
  return part.output;
}
