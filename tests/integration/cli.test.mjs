// SPDX-License-Identifier: MIT
// `lanyard` against a real agent with neither reader nor broker: output, exit status, cancelling.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { makeFolder, removeFolder } from '../sandbox/folder.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { start } from '../sandbox/processes.mjs';

const bin = join(process.env.LANYARD_BUILD, 'bin');
const origin = 'https://login.example';
const folder = await makeFolder('cli');
const socket = join(folder, 'agent');
let agent;

// An agent that serves at `at`, with the smartcard service at that socket.
const startAgent = (at, service) => start(join(bin, 'lanyardd'),
  ['--config', join(folder, 'etc'), '--helpers', bin, '--socket', at, '--ready-fd', '1'], {
    env: { XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: folder, PCSCLITE_CSOCK_NAME: service },
    ready: /^ready$/m,
  });

before(async () => {
  mkdirSync(join(folder, 'etc'), { mode: 0o755 });
  writeFileSync(
    join(folder, 'etc/lanyard.conf'),
    `[door]\nbroker-socket = ${folder}/none\n[provider test]\norigin = ${origin}\n`,
    { mode: 0o644 },
  );
  agent = await startAgent(socket, join(folder, 'no-pcscd'));
  await untilStatus('the smartcard service to be down', ({ readerService }) => readerService === 'down');
});

after(async () => {
  await agent?.stop();
  await removeFolder(folder);
});

const lanyardAt = (at, ...args) =>
  spawnSync(join(bin, 'lanyard'), ['--socket', at, ...args], { encoding: 'utf8' });
const lanyard = (...args) => lanyardAt(socket, ...args);

// Until lanyard status tells what fits.
async function untilStatus(what, fits) {
  let last;
  let given = false;
  const told = (async () => {
    while (!given) {
      last = lanyard('status', '--json').stdout;
      if (fits(JSON.parse(last))) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  await inTime(told, what, () => last).finally(() => { given = true; });
}

// An agent whose smartcard service is there, but has not told of any reader yet.
async function withSilentService(play) {
  const at = join(folder, 'waiting');
  const connections = [];
  const service = createServer((connection) => connections.push(connection));
  service.listen(join(folder, 'pcscd'));
  await once(service, 'listening');
  const waiting = await startAgent(at, join(folder, 'pcscd'));
  try {
    await play(at);
  } finally {
    service.close();
    for (const connection of connections) connection.destroy();
    await waiting.stop();
  }
}

test('status is an outline, and the same as JSON', () => {
  const people = lanyard('status');
  assert.equal(people.status, 0);
  assert.match(people.stdout, /^version: \d/m);
  assert.match(people.stdout, /^door:\n  port: -\n  state: no-broker$/m);
  assert.match(people.stdout, new RegExp(`^origins:\n  - ${origin}$`, 'm'));
  const json = lanyard('--json', 'status');
  assert.deepEqual(JSON.parse(json.stdout).origins, [origin]);
});

test('without readers and cards the lists are empty', async () => {
  await withSilentService((at) => {
    for (const what of ['readers', 'cards']) {
      const people = lanyardAt(at, what);
      assert.equal(people.status, 0);
      assert.equal(people.stdout, '');
      assert.notEqual(people.stderr, '');
      assert.deepEqual(JSON.parse(lanyardAt(at, what, '--json').stdout), []);
    }
  });
});

test('without the smartcard service the lists say so', () => {
  for (const what of ['readers', 'cards']) {
    const people = lanyard(what);
    assert.equal(people.status, 6);
    assert.equal(people.stdout, '');
    assert.match(people.stderr, /service is not running.*LY-1302/);
    const json = lanyard(what, '--json');
    assert.equal(json.status, 6);
    assert.equal(JSON.parse(json.stdout).error.reason, 'reader-service-down');
  }
});

test('a silent sign-in is refused with a reason', () => {
  const people = lanyard('sign-in', '--origin', origin, '--silent');
  assert.equal(people.status, 1);
  assert.equal(people.stdout, '');
  assert.match(people.stderr, /LY-1403/);
  const json = lanyard('sign-in', '--origin', origin, '--silent', '--json');
  assert.equal(JSON.parse(json.stdout).error.reason, 'interaction-required');
});

test('an origin that is not listed is not allowed', () => {
  const refused = lanyard('sign-in', '--origin', 'https://evil.example', '--json');
  assert.equal(refused.status, 1);
  assert.equal(JSON.parse(refused.stdout).error.code, 'LY-1404');
});

test('the audit tells of a refusal, wherever it was written down', async () => {
  const stranger = `https://evil-${process.pid}.example`;
  lanyard('sign-in', '--origin', stranger);
  const env = { ...process.env, XDG_STATE_HOME: folder };
  const told = () => spawnSync(join(bin, 'lanyard'), ['audit', '--event', 'refused', '--json'], { encoding: 'utf8', env })
    .stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line))
    .find((entry) => entry.LANYARD_ORIGIN === stranger);
  const entry = await inTime((async () => {
    for (;;) { // the journal takes its time
      const found = told();
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })(), 'the entry');
  assert.equal(entry.LANYARD_OUTCOME, 'not-allowed');
  assert.equal(entry.LANYARD_CODE, 'LY-1404');
});

test('an interrupt cancels the sign-in and events alike', async () => {
  await withSilentService(async (at) => {
    const signIn = await start(join(bin, 'lanyard'), ['--socket', at, 'sign-in', '--origin', origin],
      { ready: /./ }); // what it says first, it says when it can be cancelled
    const { code } = await signIn.stop('SIGINT');
    assert.match(signIn.output, /LY-1001/);
    assert.equal(code, 4);
  });

  const events = await start(join(bin, 'lanyard'), ['--socket', socket, 'events']);
  await untilStatus('somebody to listen to events', ({ connections }) => connections >= 2);
  assert.equal((await events.stop('SIGINT')).code, 0);
});

test('the command line is checked before anybody is asked', () => {
  const wrong = [
    [], ['nonsense'], ['status', 'more'], ['sign-in', 'more'], ['sign-in', '--silent'],
    ['sign-in', '--challenge', 'x'.repeat(43)], ['role', 'r1', 'r2'], ['session', '--timeout', '5'],
    ['role', '--origin', origin], ['audit', 'more'], ['audit', '--socket', socket], ['audit', '--entries', '0'],
    ['audit', '--event', 'lunch'], ['audit', '--since', 'noon'], ['audit', '--since', '2026-02-31'],
    ['status', '--since', 'today'], ['--nonsense'], ['--timeout', '0', 'status'],
    ['--timeout', '3601', 'status'], ['--timeout', '1s', 'status'], ['--origin'],
    ['-a', 'status'], ['status', '--origin', origin], ['cards', '--silent'], ['--versio'],
    ['--chal', '--json', 'sign-in', '--origin', origin], ['--sock=x', 'status'], [...Array(5)].flatMap(() => ['--algorithm', 'ES256']).concat('status'),
  ];
  for (const args of wrong) {
    const result = spawnSync(join(bin, 'lanyard'), args, { encoding: 'utf8' });
    assert.equal(result.status, 2, args.join(' '));
    assert.equal(result.stdout, '');
    assert.notEqual(result.stderr, '');
  }
});

test('without an agent it says so, and where it has looked', () => {
  const without = ({ XDG_RUNTIME_DIR, ...env }) => env;
  const looks = [
    [['--socket', join(folder, 'nobody'), 'status'], process.env, `${folder}/nobody`],
    [['status'], { ...process.env, XDG_RUNTIME_DIR: folder }, `${folder}/lanyard/agent`],
    [['status', '--json'], without(process.env), 'XDG_RUNTIME_DIR is not set'],
  ];
  for (const [args, env, where] of looks) {
    const result = spawnSync(join(bin, 'lanyard'), args, { encoding: 'utf8', env });
    assert.equal(result.status, 3);
    assert.match(result.stdout + result.stderr, /LY-1406/);
    assert.ok(result.stderr.includes(where), result.stderr);
  }
});

// The agent with this configuration, which does not let it start.
function refusedAgent(name, configuration) {
  const etc = join(folder, name);
  mkdirSync(etc, { mode: 0o755 });
  writeFileSync(join(etc, 'lanyard.conf'), configuration, { mode: 0o644 });
  const args = ['--config', etc, '--helpers', bin, '--socket', join(folder, `${name}.socket`)];
  return spawnSync(join(bin, 'lanyardd'), args, { encoding: 'utf8', timeout: 10000 });
}

test('a file of issuers that cannot be used is a wrong configuration, named by its line', () => {
  const missing = refusedAgent('missing', '[cards]\nissuers = /nonexistent/issuers.pem\n');
  assert.equal(missing.status, 6);
  assert.match(
    missing.stderr,
    /lanyard\.conf:2: issuers: \/nonexistent\/issuers\.pem: there is no such file/,
  );
  const pem = join(folder, 'empty.pem');
  writeFileSync(pem, 'none\n', { mode: 0o644 });
  const empty = refusedAgent('empty', `[cards]\nissuers = ${pem}\n`);
  assert.equal(empty.status, 6);
  assert.match(empty.stderr, /lanyard\.conf:2: issuers: .*empty\.pem: holds no certificate in PEM$/m);
});

test('a card module that is missing is a warning, named once', async () => {
  const etc = join(folder, 'no-module');
  mkdirSync(etc, { mode: 0o755 });
  writeFileSync(join(etc, 'lanyard.conf'), '[cards]\nmodule = /nonexistent/module.so\n', { mode: 0o644 });
  const agent = await start(join(bin, 'lanyardd'),
    ['--config', etc, '--helpers', bin, '--socket', join(folder, 'no-module.socket')],
    { ready: /lanyardd: card module .*\n/ });
  await agent.stop();
  assert.match(agent.output, /^<4>lanyardd: card module \/nonexistent\/module\.so: card-module-missing$/m);
  assert.match(agent.output, /^<3>lanyard-card: \/nonexistent\/module\.so: cannot open/m);
});

test('help has every command and option of the manual page, in the same words', () => {
  const help = lanyard('help').stdout;
  assert.equal(help, lanyard('--help').stdout);
  assert.match(lanyard('version').stdout, /^lanyard \d+\.\d+\.\d+\n$/);
  const page = readFileSync(join(process.env.LANYARD_SOURCE, 'packaging/man/lanyard.1'), 'utf8');
  const items = new Map();
  for (const [, item, words] of page.matchAll(/^\.It ((?:Ic|Fl) .+)\n([^.\n].*?)\.?$/gm))
    items.set(item.replace(/^Ic /, '').replace(/^Fl -/, '--').replace(/ Op Ar (\S+)/, ' [$1]').replace(' Ar ', ' '), words);
  const lines = [...help.matchAll(/^  (\S+(?: \S+)*)(?:  +|\n {6,})(\S.*)$/gm)];
  assert.ok(lines.length > 15);
  for (const [, item, words] of lines) assert.equal(items.get(item), words, item);
  assert.equal(items.size, lines.length);
});
