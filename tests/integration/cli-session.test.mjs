// SPDX-License-Identifier: MIT
//
// `lanyard sign-in`, `sign-out`, `session` and `role`, against the doors with a session of their own
// behind them (door_server.c): as a script runs them, and as a person at a terminal does (script(1)).
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { build, built } from '../sandbox/build.mjs';
import { makeFolder, removeFolder } from '../sandbox/folder.mjs';
import { connectNative } from '../sandbox/native.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { start } from '../sandbox/processes.mjs';

const ORIGIN = 'https://login.example';
const lanyard = join(build, 'bin/lanyard');
const skip = !existsSync('/usr/bin/script') && 'not installed: bsdutils (script)';

async function withDoors(play) {
  const runtime = await makeFolder('cli-session');
  const socket = join(runtime, 'lanyard/agent');
  const server = await start(await built('door_server'), [socket, '', ORIGIN], { ready: /^ready$/m });
  const observer = await connectNative({ runtime });
  try {
    await play({ socket, observer, run: (...args) => run(socket, ...args), terminal: (...args) => terminal(socket, args) });
  } finally {
    await observer.close();
    await server.stop();
    await removeFolder(runtime);
  }
}

const run = (socket, ...args) =>
  spawnSync(lanyard, ['--socket', socket, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

// script(1) with lanyard alone on its pseudo-terminal. The shell between them is always the same one
// and gives its process to lanyard: one that stays is interrupted by Ctrl-C as well, and some (dash)
// then end with a status of their own, 130, whatever lanyard's was.
function onTerminal(command) {
  return spawn('/usr/bin/script', ['-qefc', `exec ${command}`, '/dev/null'],
    { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, SHELL: '/bin/sh' } });
}

// lanyard on a pseudo-terminal: says(pattern) resolves once it has written that since the last time,
// type(text) types, and end is its { status, said }.
function terminal(socket, args) {
  const quoted = [lanyard, '--socket', socket, ...args].map((word) => `'${word}'`).join(' ');
  const child = onTerminal(quoted);
  let said = '';
  let seen = 0;
  let wake = () => {};
  child.stdout.setEncoding('utf8').on('data', (piece) => {
    said += piece;
    wake();
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  return {
    async says(pattern) {
      const heard = new Promise((resolve) => {
        wake = () => {
          const match = pattern.exec(said.slice(seen));
          if (!match) return;
          seen += match.index + match[0].length;
          resolve();
        };
        wake();
      });
      await inTime(heard, `the terminal to say ${pattern}`, () => said);
    },
    type: (text) => child.stdin.write(text),
    get end() {
      return inTime(ended, 'lanyard to end', () => said).then((status) => {
        child.stdin.end();
        return { status, said: said.replaceAll('\r', '') };
      });
    },
  };
}

test('a script signs in, looks, changes the role and signs out', async () => {
  await withDoors(async ({ run, observer }) => {
    const nobody = run('session');
    assert.deepEqual([nobody.status, nobody.stdout], [8, 'Nobody is signed in.\n']);
    assert.equal(run('session', '--json').status, 8);

    const signedIn = run('sign-in');
    assert.equal(signedIn.status, 0);
    assert.match(signedIn.stdout, /^Signed in +555000000001$/m);
    assert.match(signedIn.stderr, /Choose your role in Lanyard's window/); // there is no terminal
    assert.equal((await observer.request('session.status')).state, 'active');

    const again = run('sign-in');
    assert.equal(again.status, 8);
    assert.match(again.stderr, /Somebody is signed in already\. \(LY-1702\)\n.*\n.*lanyard sign-out/);

    const changed = run('role', 'r2');
    assert.equal(changed.status, 0);
    assert.match(changed.stdout, /^Role +Clerk, Stub Infirmary$/m);
    assert.match(changed.stdout, /^ {4}r1 {2}Nurse, Stub Infirmary \(S0010:G0020:R8001\)\n {2}\* r2 {2}Clerk/m);
    const asked = run('role');
    assert.equal(asked.status, 0);
    assert.match(asked.stderr, /Choose your role in Lanyard's window/);
    const unknown = run('role', 'r9', '--json');
    assert.equal(unknown.status, 8);
    assert.equal(JSON.parse(unknown.stdout).error.reason, 'role-unknown');

    const session = run('session');
    assert.equal(session.status, 0);
    assert.match(session.stdout, /^Provider +stub$/m);
    assert.match(session.stdout, /^PIN typed +\d{4}-\d\d-\d\d \d\d:\d\d$/m);
    assert.match(session.stdout, /^Until +\d{4}-\d\d-\d\d \d\d:\d\d$/m);
    assert.deepEqual(JSON.parse(run('session', '--json').stdout).role.id, 'r2');

    assert.equal(run('sign-out').status, 0);
    assert.equal((await observer.request('session.status')).state, 'none');
    assert.equal(run('sign-out', '--json').stdout, '{}\n'); // nobody was, which is no error
    const role = run('role', 'r1');
    assert.equal(role.status, 8);
    assert.match(role.stderr, /LY-1701.*\n.*\nlanyard sign-in signs in\.\n/);
  });
});

test('at a terminal the role is a number, asked for until it is one', { skip }, async () => {
  await withDoors(async ({ terminal, run }) => {
    const signIn = terminal('sign-in');
    await signIn.says(/1 {2}Nurse, Stub Infirmary \(S0010:G0020:R8001\)\r?\n +2 {2}Clerk, Stub Infirmary\r?\n/);
    for (const nonsense of ['', '0', '3', '1x', '-1', '1 2', 'Nurse', `1${' '.repeat(40)}x`, '1'.repeat(30)]) {
      await signIn.says(/Number \(1 to 2; Ctrl-D cancels\): $/);
      signIn.type(`${nonsense}\n`);
    }
    await signIn.says(/Number .*: $/);
    signIn.type(' 2 \n');
    const { status, said } = await signIn.end;
    assert.equal(status, 0);
    assert.match(said, /^Role +Clerk, Stub Infirmary$/m);

    const role = terminal('role', '--json');
    await role.says(/2 {2}Clerk, Stub Infirmary \(current\)\r?\n/);
    role.type('1\n');
    assert.equal((await role.end).status, 0);
    assert.equal(JSON.parse(run('session', '--json').stdout).role.id, 'r1');
  });
});

test('Ctrl-D and Ctrl-C leave the role as it is', { skip }, async () => {
  await withDoors(async ({ terminal, run }) => {
    for (const key of ['\x04', '\x03']) {
      const signIn = terminal('sign-in');
      await signIn.says(/Number .*: $/);
      signIn.type(key);
      const { status, said } = await signIn.end;
      assert.equal(status, 4);
      assert.match(said, /signed in, without a role: lanyard role chooses one/);
      assert.equal(JSON.parse(run('session', '--json').stdout).role, null);

      const role = terminal('role');
      await role.says(/Number .*: $/);
      role.type(`1${key === '\x04' ? '\x04' : ''}${key}`); // what stands on the line does not count
      const ended = await role.end;
      assert.equal(ended.status, 4);
      assert.match(ended.said, /No role was chosen\. You stay signed in\. \(LY-1001\)/);
      assert.equal(JSON.parse(run('session', '--json').stdout).role, null);
      assert.equal(run('sign-out').status, 0);
    }
    const nobody = await terminal('role').end;
    assert.equal(nobody.status, 8);
    assert.match(nobody.said, /LY-1701/);
  });
});

test('with standard output elsewhere the list is still on the terminal, and only there', { skip }, async () => {
  await withDoors(async ({ socket }) => {
    const child = onTerminal(`'${lanyard}' --socket '${socket}' sign-in --json > '${socket}.out'`);
    let said = '';
    const asked = new Promise((resolve) => child.stdout.setEncoding('utf8').on('data', (piece) => {
      said += piece;
      if (/Number .*: $/.test(said)) resolve();
    }));
    await inTime(asked, 'the question', () => said);
    child.stdin.write('1\n');
    const status = await inTime(new Promise((resolve) => child.once('close', resolve)), 'the end', () => said);
    child.stdin.end();
    assert.equal(status, 0);
    assert.equal(JSON.parse(await readFile(`${socket}.out`, 'utf8')).role.id, 'r1');
  });
});

// Runs lanyard against an agent that answers a method with answers[method], { result } or
// { error }; nothing: it stays silent. The end of the program, as that of run.
async function against(answers, ...args) {
  const folder = await makeFolder('cli-session');
  const connections = new Set();
  const server = createServer((socket) => {
    let pending = Buffer.alloc(0);
    connections.add(socket);
    socket.on('error', () => {}).on('data', (data) => {
      pending = Buffer.concat([pending, data]);
      while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE()) {
        const end = 4 + pending.readUInt32BE();
        const { id, method } = JSON.parse(pending.subarray(4, end));
        pending = pending.subarray(end);
        if (!answers[method]) continue;
        const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, ...answers[method] }));
        const header = Buffer.alloc(4);
        header.writeUInt32BE(body.length);
        socket.write(Buffer.concat([header, body]));
      }
    });
  });
  const path = join(folder, 'agent');
  try {
    await new Promise((resolve) => server.listen(path, resolve));
    return await inTime(new Promise((resolve) => execFile(lanyard, ['--socket', path, ...args],
      (error, stdout, stderr) => resolve({ status: error ? error.code : 0, stdout, stderr }))), 'lanyard to end');
  } finally {
    for (const socket of connections) socket.destroy();
    server.close();
    await removeFolder(folder);
  }
}

const hello = { result: { agent: 'lanyard', version: '0.1.0', protocol: 1, methods: [] } };
const alice = {
  state: 'active', cause: null, provider: 'stub', sid: 's', uid: '555000000001', name: 'Alice', role: null,
  roles: [{ id: 'r1', name: 'Nurse', organisation: 'Stub Infirmary', code: null }], acr: null, amr: [],
  authTime: 1, expiresIn: 60, idleIn: null, card: true, reachable: true, pendingEnds: 0,
};

test('who cannot prove anything now is not called signed in', async () => {
  for (const [state, first, sentence] of [
    ['active', /^Signed in +Alice /, null],
    ['locked', /^Locked +Alice /, /^State +Locked\. Put the same smartcard or security key back and type its PIN to go on\.$/m],
    ['leaving', /^Away +Alice /,
      /^State +The smartcard or security key is out\. Put it back, or the session is locked or ends\.$/m],
  ]) {
    const { status, stdout } = await against(
      { 'agent.hello': hello, 'session.status': { result: { ...alice, state, card: state === 'active' } } }, 'session');
    assert.equal(status, 0);
    assert.match(stdout, first);
    if (sentence) assert.match(stdout, sentence);
    assert.match(stdout, /^Role +none; lanyard role chooses one$/m);
  }
});

test('where there is no role to choose, none is offered', async () => {
  const { stdout } = await against(
    { 'agent.hello': hello, 'session.status': { result: { ...alice, roles: [] } } }, 'session');
  assert.match(stdout, /^Role +none$/m);
});

test('who gives up the window for roles stays signed in, and reads so', async () => {
  for (const [reason, code] of [['cancelled', 1001], ['timed-out', 1002]]) {
    const { status, stderr } = await against({
      'agent.hello': hello,
      'session.role': { error: { code, message: 'The sign-in.', data: { reason, code: `LY-${code}`, advice: 'Start again.' } } },
    }, 'role');
    assert.equal(status, 4);
    assert.equal(stderr, `lanyard: No role was chosen. You stay signed in. (LY-${code})\n`);
  }
});

test('who gives up signing in, too late, is signed in and reads so', async () => {
  for (const [state, expected] of [['active', 0], ['authenticating', 4], ['locked', 4]]) {
    const { status, stdout, stderr } = await against({
      'agent.hello': hello,
      'session.begin': { error: { code: 1001, message: 'The sign-in.', data: { reason: 'cancelled', code: 'LY-1001', advice: '' } } },
      'session.status': { result: { ...alice, state, sid: state === 'authenticating' ? undefined : 's' } },
    }, 'sign-in');
    assert.equal(status, expected);
    if (expected === 0) assert.match(stdout, /^Signed in +Alice /);
    else assert.match(stderr, /LY-1001/);
  }
});

test('an agent that does not answer is not taken for a person who does not', async () => {
  const ends = await Promise.all([
    against({}, 'session'),
    ...['status', 'readers', 'cards', 'session', 'sign-out', 'events'].map((command) => against({ 'agent.hello': hello }, command)),
  ]);
  for (const { status, stderr } of ends) {
    assert.equal(status, 3);
    assert.match(stderr, /^lanyard: Lanyard does not answer\. \(LY-1406\)$/m);
  }
});

test('events tell of the session', async () => {
  await withDoors(async ({ socket, run }) => {
    const events = spawn(lanyard, ['--socket', socket, 'events', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    let wake = () => {};
    events.stdout.setEncoding('utf8').on('data', (piece) => {
      said += piece;
      wake();
    });
    const told = (state) => inTime(new Promise((resolve) => {
      wake = () => said.split('\n').filter(Boolean).map((line) => JSON.parse(line)).some(({ method, params }) =>
        method === 'session.changed' && params.state === state) && resolve();
      wake();
    }), `session.changed to ${state}`, () => said);
    try {
      // It is subscribed when it tells of a change; until then a change may have come too early.
      const active = told('active');
      let heard = false;
      active.then(() => { heard = true; });
      while (!heard) {
        run('sign-in');
        run('sign-out');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await active;
      await told('none');
    } finally {
      events.kill('SIGINT');
    }
  });
});
