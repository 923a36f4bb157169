// SPDX-License-Identifier: MIT
//
// What a person sees of tests/demo: what it prints once it runs, and one sentence, never a stack,
// for each ordinary mistake.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inTime } from '../sandbox/patience.mjs';

const sandbox = fileURLToPath(new URL('../sandbox/', import.meta.url));
let runtime;
let env;
before(async () => {
  runtime = await mkdtemp(join(tmpdir(), 'lanyard-demo-'));
  await symlink('/bin/true', join(runtime, 'pinentry-gtk-2'));
  env = { ...process.env, XDG_RUNTIME_DIR: runtime, DISPLAY: ':77', PATH: `${runtime}:${process.env.PATH}` };
  delete env.SUDO_USER;
});
after(() => rm(runtime, { recursive: true }));

function refused(args, status, sentence) {
  const demo = spawnSync(process.execPath, [join(sandbox, 'demo.mjs'), ...args], { env, encoding: 'utf8' });
  assert.equal(demo.status, status, demo.stderr);
  assert.match(demo.stderr, /^tests\/demo: [^\n]+\n$/);
  assert.match(demo.stderr, sentence);
}

async function startDemo() {
  const child = spawn(process.execPath, [join(sandbox, 'demo.mjs')], { env });
  const demo = { child, output: '' };
  child.stderr.pipe(process.stderr);
  child.stdout.setEncoding('utf8').on('data', (text) => { demo.output += text; });
  const said = async (text) => {
    while (!demo.output.includes(text)) await once(child.stdout, 'data');
  };
  demo.says = (text) => inTime(said(text), `the demo to say "${text}"`, () => demo.output);
  await demo.says('Ctrl-C ends it.');
  return demo;
}

async function end({ child }, signal) {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

for (const [args, sentence] of [
  [['--bogus'], /Unknown option '--bogus'/],
  [['--card', 'nobody'], /there is no card "nobody"; there are alice, /],
  [['--card', 'real'], /needs --trust FILE as well: the provider accepts a card only from an authority/],
  [['--card', 'real', '--trust', '/nope.pem'], /--trust \/nope.pem: there is no such file/],
  [['--card', 'real', '--trust', fileURLToPath(import.meta.url)], /holds no certificates in PEM/],
  [['--trust', '/nope.pem'], /add --card real/],
]) test(`${args.join(' ')} is a mistake in one sentence`, () => refused(args, 2, sentence));

test('ctl says in one line that no sandbox runs', () => {
  const ctl = spawnSync(join(sandbox, 'ctl'), ['list'], { env, encoding: 'utf8' });
  assert.equal(ctl.status, 2);
  assert.match(ctl.stderr, new RegExp(`^ctl: no sandbox runs at ${runtime}/lanyard-sandbox .*\n$`));
});

test('the demo prints commands that work as they stand, and ends the agent when it is told', async () => {
  const demo = await startDemo();
  try {
    const [ctl] = /LANYARD_SANDBOX=\S+ \S+ctl/.exec(demo.output);
    const say = (command) => spawnSync('sh', ['-c', command], { cwd: join(sandbox, '../..'), encoding: 'utf8' });
    assert.match(say(`${ctl} list`).stdout, /^ok .*alice/);
    const [status] = /XDG_RUNTIME_DIR=\S+ \S+ status/.exec(demo.output);
    assert.equal(say(status).status, 0);
    assert.ok(existsSync(/socket is (\S+)\)/.exec(demo.output)[1]));

    refused([], 1, new RegExp(`a demo is running already \\(pid ${demo.child.pid}\\)`));

    demo.child.kill('SIGUSR2');
    await demo.says('the agent has ended');
    assert.notEqual(say(status).status, 0);
    demo.child.kill('SIGUSR2');
    await demo.says('the agent runs again');
  } finally {
    await end(demo, 'SIGINT');
  }
  assert.ok(!existsSync(join(runtime, 'lanyard-sandbox')));
});

test('what a demo left behind that was killed is cleared away', async () => {
  const directory = join(runtime, 'lanyard-sandbox');
  const gone = spawnSync('mkdir', [directory]);
  await writeFile(join(directory, 'owner'), `${gone.pid} 1`);
  await end(await startDemo(), 'SIGINT');
  assert.ok(!existsSync(directory));
});

test('the script signs in everywhere with one PIN, and tells each step with its time', () => {
  const demo = spawnSync(process.execPath, [join(sandbox, 'demo.mjs'), '--script'], { env, encoding: 'utf8' });
  assert.equal(demo.status, 0, demo.stderr);
  for (const line of demo.stdout.trim().split('\n')) assert.match(line, /^ *\d+ ms  \S/);
  const steps = ['Lanyard asks for the PIN', 'knows Dr Alice Adams', 'another application .* without a question',
    'a native program', 'all three say that she is signed out', 'everything has ended'];
  assert.match(demo.stdout, new RegExp(steps.join('[^]*\\n.* ms .*')));
});
