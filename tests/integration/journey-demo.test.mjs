// SPDX-License-Identifier: MIT
//
// What a person sees of tests/demo: what it prints once it runs, and one sentence, never a stack,
// for each ordinary mistake.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeFolder, removeFolder } from '../sandbox/folder.mjs';
import { inTime, LONG_MS } from '../sandbox/patience.mjs';
import { start } from '../sandbox/processes.mjs';

const sandbox = fileURLToPath(new URL('../sandbox/', import.meta.url));
let runtime;
let env;
before(async () => {
  runtime = await makeFolder('demo');
  await symlink('/bin/true', join(runtime, 'pinentry-gtk-2'));
  const search = `${runtime}:${process.env.PATH}`;
  env = { ...process.env, XDG_RUNTIME_DIR: runtime, DISPLAY: ':77', PATH: search, SUDO_USER: undefined };
});
after(() => removeFolder(runtime));

// Runs it to its end; one that does not come is ended, and the assertion on its status tells.
const runDemo = (...args) => spawnSync(process.execPath, [join(sandbox, 'demo.mjs'), ...args],
  { env, encoding: 'utf8', timeout: LONG_MS });
const toldBy = ({ signal, stdout, stderr }) => `${signal ? `ended by ${signal} after ${LONG_MS / 1000} s\n` : ''}${stdout}${stderr}`;

function refused(args, status, sentence) {
  const demo = runDemo(...args);
  assert.equal(demo.status, status, toldBy(demo));
  assert.match(demo.stderr, /^tests\/demo: [^\n]+\n$/);
  assert.match(demo.stderr, sentence);
}

// The demonstration once it says how to end it (processes.mjs); says(text) resolves once it does.
async function startDemo() {
  const demo = await start(process.execPath, [join(sandbox, 'demo.mjs')], { env, ready: /Ctrl-C ends it\./ });
  const said = async (text) => {
    while (!demo.output.includes(text)) await once(demo.child.stdout, 'data');
  };
  demo.says = (text) => inTime(said(text), `the demo to say "${text}"`, () => demo.output);
  return demo;
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

// Each command of lanyard tells of the sandbox, and not of the computer.
async function describesTheSandbox(path, say) {
  const lanyard = (command) => say(`${path} ${command}`);
  const own = join(runtime, 'lanyard-sandbox');
  const json = (command) => {
    const { stdout, stderr } = lanyard(command);
    try {
      return JSON.parse(stdout);
    } catch {
      throw new assert.AssertionError({ message: `lanyard ${command}: ${stdout}${stderr}` });
    }
  };
  const { providers, values } = json('config show --json');
  assert.deepEqual(providers.map(({ name }) => name), ['sandbox']);
  assert.ok(values.some(({ value }) => value === join(own, 'portd')));
  const checked = json('--json config check');
  assert.ok(checked.right, JSON.stringify(checked));

  const { findings, checks } = json('--json doctor');
  const facts = Object.fromEntries(checks.map(({ check, fact }) => [check, fact]));
  const said = JSON.stringify({ findings, checks });
  assert.deepEqual([facts.provider, facts.readers, facts.cards, facts.keys], ['1', '1', '1', '1 plugged in'], said);
  const wrong = findings.filter(({ severity, check }) => severity === 'error' && check !== 'browsers');
  assert.deepEqual(wrong, [], said);
  assert.equal(lanyard('audit').status, 0);

  const seen = join(runtime, 'browser-saw');
  const browser = join(runtime, 'browser');
  await writeFile(browser, `#!/bin/sh\nenv > '${seen}'\necho "page $1" >> '${seen}'\n`, { mode: 0o700 });
  const opened = spawnSync('sh', ['-c', `${path} open`], { env: { ...env, BROWSER: browser }, encoding: 'utf8' });
  assert.deepEqual([opened.status, opened.stdout, opened.stderr], [0, '', '']);
  const saw = await readFile(seen, 'utf8');
  assert.ok(!saw.includes(join(own, 'config-home')), 'the browser is the person\'s own');
  assert.match(saw, /^page http:\/\/127\.0\.0\.1:\d+\/status\?token=/m);
}

test('the demo prints commands that work as they stand, and ends the agent when it is told', async () => {
  const demo = await startDemo();
  try {
    const [ctl] = /LANYARD_SANDBOX=\S+ \S+ctl/.exec(demo.output);
    const say = (command) => spawnSync('sh', ['-c', command], { cwd: join(sandbox, '../..'), encoding: 'utf8' });
    assert.match(say(`${ctl} list`).stdout, /^ok .*alice/);
    for (const command of ['plug key-0', 'touch key-0', 'unplug key-0']) {
      assert.ok(demo.output.includes(`${ctl} key ${command} `), command);
      assert.match(say(`${ctl} key ${command}`).stdout, /^ok /);
    }
    const [page] = /http:\S+\/security-keys/.exec(demo.output);
    assert.match(await (await fetch(page)).text(), /Sign in first/);
    const [status, lanyard] = /(\S+lanyard) status/.exec(demo.output);
    assert.equal(say(status).status, 0);
    say(`${ctl} key plug key-0`);
    await describesTheSandbox(lanyard, say);
    say(`${ctl} key unplug key-0`);
    assert.ok(existsSync(/socket is (\S+)\)/.exec(demo.output)[1]));

    refused([], 1, new RegExp(`a demo is running already \\(pid ${demo.child.pid}\\)`));

    demo.child.kill('SIGUSR2');
    await demo.says('the agent has ended');
    assert.notEqual(say(status).status, 0);
    demo.child.kill('SIGUSR2');
    await demo.says('the agent runs again');
  } finally {
    await demo.stop('SIGINT');
  }
  assert.ok(!existsSync(join(runtime, 'lanyard-sandbox')));
});

test('what a demo left behind that was killed is cleared away', async () => {
  const directory = join(runtime, 'lanyard-sandbox');
  const gone = spawnSync('mkdir', [directory]);
  await writeFile(join(directory, 'owner'), `${gone.pid} 1`);
  await (await startDemo()).stop('SIGINT');
  assert.ok(!existsSync(directory));
});

test('the script signs in everywhere with one PIN, and tells each step with its time', () => {
  const demo = runDemo('--script');
  assert.equal(demo.status, 0, toldBy(demo));
  for (const line of demo.stdout.trim().split('\n')) assert.match(line, /^ *\d+ ms  \S/);
  const steps = ['Lanyard asks for the PIN', 'knows Dr Alice Adams', 'another application .* without a question',
    'a native program', 'all three say that she is signed out', 'everything has ended'];
  assert.match(demo.stdout, new RegExp(steps.join('[^]*\\n.* ms .*')));
});
