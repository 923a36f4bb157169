// SPDX-License-Identifier: MIT
//
// What the figures have in common: a sandbox whose prompt costs next to nothing, clients that stamp
// what they hear, and how a figure is printed.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { built } from '../sandbox/build.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

export const PIN = '123456'; // of every card of the sandbox

/** A folder that is gone when this process is. */
export async function makeScratch(name) {
  const folder = await mkdtemp(join(tmpdir(), `lanyard-${name}-`));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const figure = (name, value, unit) => console.log(`${name} ${value} ${unit}`);
/** The figure cannot be had here. */
export const without = (name, why) => process.stderr.write(`${name}: not measured: ${why}\n`);
export const nanoseconds = () => process.hrtime.bigint();
export const milliseconds = (from, to) => Number(to - from) / 1e6;
export const newChallenge = () => randomBytes(32).toString('base64url');

/** The nearest-rank percentile. */
export function percentile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil((p / 100) * sorted.length) - 1];
}

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A program that is given lines and prints lines; next() is the next one it prints. */
export function lineProgram(program, args, environment = {}) {
  const child = spawn(program, args, {
    env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'inherit'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    say: (line) => child.stdin.write(`${line}\n`),
    async next() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${program} ended`);
      return value;
    },
    end: () => child.stdin.end(),
  };
}

/** One connection through a door; messages come with the nanoseconds at which they arrived. */
export const connect = (...door) => connectBy([], ...door);

/** The same by a client that a program starts with other rights; wrapper: that and its arguments. */
export async function connectBy(wrapper, ...door) {
  const [program, ...args] = [...wrapper, await built('bench_client'), ...door, 'relay'];
  const relay = lineProgram(program, args);
  let lastId = 0;
  const client = {
    ask(method, params = {}) {
      lastId += 1;
      relay.say(JSON.stringify({ jsonrpc: '2.0', id: lastId, method, params }));
      return lastId;
    },
    /** The next message for which `matches` holds, with its `at`. */
    async until(matches) {
      for (;;) {
        const line = await relay.next();
        const space = line.indexOf(' ');
        const message = JSON.parse(line.slice(space + 1));
        message.at = BigInt(line.slice(0, space));
        if (message.error && !matches(message)) throw new Error(message.error.message);
        if (matches(message)) return message;
      }
    },
    waiting: (what) => client.until(({ method, params }) =>
      method === 'operation.waiting' && params.for === what),
    /** The next session.changed that leads to that state. */
    changed: (state) => client.until(({ method, params }) =>
      method === 'session.changed' && params.state === state),
    answer: (id) => client.until((message) => message.id === id),
    end: () => relay.end(),
  };
  return client;
}

/** The prompt: bench_pinentry, whose questions arrive here with their nanoseconds. */
export async function makePrompt(directory) {
  const socket = join(directory, 'prompt.sock');
  const program = join(directory, 'pinentry');
  await writeFile(program, `#!/bin/sh\nexec '${await built('bench_pinentry')}' '${socket}'\n`);
  await chmod(program, 0o700);
  const questions = [];
  const takers = [];
  const server = createServer((connection) => {
    connection.on('error', () => {});
    connection.once('data', (data) => {
      const question = { at: BigInt(data.toString().trim()), answer: (pin) => connection.write(`${pin}\n`) };
      if (takers.length > 0) takers.shift()(question);
      else questions.push(question);
    });
  });
  await new Promise((resolve) => server.listen(socket, resolve));
  server.unref();
  return {
    program,
    next: () => questions.length > 0 ? questions.shift()
      : new Promise((resolve) => takers.push(resolve)),
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** Runs measure(sandbox, prompt) in a sandbox of its own; scratch is where the prompt lives. */
export async function inSandbox(scratch, options, measure) {
  const prompt = await makePrompt(scratch);
  let sandbox;
  try {
    sandbox = await startSandbox({ sessions: false, ...options, pinentry: prompt.program });
    return await measure(sandbox, prompt);
  } finally {
    await sandbox?.close();
    await prompt.close();
  }
}
