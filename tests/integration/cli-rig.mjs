// SPDX-License-Identifier: MIT
//
// What the tests of the command line share: a run of `lanyard`, and a person who types PINs into the
// agent's window.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build } from '../sandbox/build.mjs';
import { inTime } from '../sandbox/patience.mjs';

// One run of the program: { said(pattern) resolves when standard error fits, interrupt(), end }, where
// end is { status, out, err }.
export function lanyard(sandbox, args, env = {}) {
  const child = spawn(join(build, 'bin/lanyard'), args,
    { env: { ...process.env, XDG_RUNTIME_DIR: sandbox.runtime, DBUS_SESSION_BUS_ADDRESS: `unix:path=${sandbox.runtime}/no-bus`, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const run = { status: null, out: '', err: '' };
  let wake = () => {};
  child.stdout.setEncoding('utf8').on('data', (text) => { run.out += text; });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    run.err += text;
    wake();
  });
  const ended = new Promise((resolve) => child.once('close', (status) => resolve({ ...run, status })));
  return {
    said: (pattern) => inTime(new Promise((resolve) => {
      wake = () => pattern.test(run.err) && resolve();
      wake();
    }), `lanyard ${args.join(' ')} to say ${pattern}`, () => run.err),
    interrupt: () => child.kill('SIGINT'),
    get end() { return inTime(ended, `lanyard ${args.join(' ')} to end`, () => JSON.stringify(run)); },
  };
}

// A command that ends with this status, and says what fits.
export async function ends(run, status, pattern) {
  const { status: actual, out, err } = await run.end;
  assert.equal(actual, status, `${out}${err}`);
  if (pattern) assert.match(err, pattern);
  return out;
}

// A dialogue for a PIN, in which that is said.
export async function types(pinentry, pin, description) {
  const dialogue = await pinentry.next();
  if (description) assert.match(`${dialogue.texts.description}\n${dialogue.texts.error ?? ''}`, description);
  assert.equal(dialogue.kind, 'pin');
  dialogue.answer(pin);
}
