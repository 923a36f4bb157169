// SPDX-License-Identifier: MIT
//
// One machine, one port, several users: the broker as a user of its own, an agent for each of two, and
// a third who wishes them ill. Only root can be all of these.

import assert from 'node:assert/strict';
import { chmod, chown, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { built } from '../sandbox/build.mjs';
import { makeFolder, removeFolder } from '../sandbox/folder.mjs';
import { connectPage } from '../sandbox/page-raw.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { start } from '../sandbox/processes.mjs';

const skip = process.getuid() !== 0 && 'only root can be several users';
const BROKER = 61901;
const ALICE = { name: 'alice', uid: 61902 };
const BOB = { name: 'bob', uid: 61903 };
const MALLORY = 61904;
const CROWD = 1000;

let folder;
let programs;
let broker;
let port;
let socket;

// Sockets that are made meanwhile are that user's.
async function as(uid, work) {
  process.seteuid(uid);
  try {
    return await work();
  } finally {
    process.seteuid(0);
  }
}

const origin = ({ name }) => `https://${name}.example`;
const page = (user, site = user) => as(user.uid, () => connectPage({ agentPort: port }, origin(site)));
const greet = (each) => each.request('agent.hello', { protocol: [1] });

// Nothing that users run can be expected to lie where they may read it.
async function place(name, uid, mode) {
  const path = join(folder, name);
  await mkdir(path, { mode });
  await chmod(path, mode);
  await chown(path, uid, uid);
  return path;
}

async function startBroker() {
  broker = await start(join(programs, 'lanyard-portd'),
    ['--listen', `127.0.0.1:${port ?? 0}`, '--socket', socket, '--ready-fd', '1'],
    { uid: BROKER, ready: /^(\d+)$/m });
  port = Number(broker.match[1]);
}

async function startAgent(user) {
  const { name, uid } = user;
  user.folder = await place(name, uid, 0o700);
  const config = join(user.folder, 'lanyard.conf');
  await writeFile(config, `[door]\nbroker-socket = ${socket}\n[provider ${name}]\norigin = ${origin(user)}\n`,
    { mode: 0o600 });
  await chown(config, uid, uid);
  const none = `unix:path=${join(user.folder, 'no-bus')}`;
  user.agent = await start(join(programs, 'lanyardd'), ['--config', user.folder, '--helpers', programs], {
    uid,
    env: {
      HOME: user.folder, XDG_RUNTIME_DIR: user.folder, XDG_STATE_HOME: user.folder, NOTIFY_SOCKET: '',
      DBUS_SYSTEM_BUS_ADDRESS: none, DBUS_SESSION_BUS_ADDRESS: none,
      PCSCLITE_CSOCK_NAME: join(user.folder, 'no-pcscd'),
    },
    ready: /pages reach this agent/,
  });
}

// As often as the broker has come back, the agent has said that pages reach it.
const reached = (user, times) => inTime((async () => {
  while (user.agent.output.split('pages reach').length <= times) await new Promise((next) => { setTimeout(next, 20); });
})(), `${user.name}'s agent to register again`, () => user.agent.output);

before(async () => {
  if (skip) return;
  folder = await makeFolder('two-users');
  await chmod(folder, 0o755);
  programs = await place('programs', 0, 0o755);
  for (const name of ['lanyard-portd', 'lanyardd', 'lanyard-card']) {
    await copyFile(await built(name), join(programs, name));
    await chmod(join(programs, name), 0o755);
  }
  // Agents listen to a broker only where its folder is its own, and each above it root's: not in /tmp.
  socket = join('/run', `lanyard-test-${process.pid}`, 'portd');
  await mkdir(join(socket, '..'), { mode: 0o755 });
  await chmod(join(socket, '..'), 0o755);
  await chown(join(socket, '..'), BROKER, BROKER);
  await startBroker();
  await startAgent(ALICE);
  await startAgent(BOB);
});

after(async () => {
  if (skip) return;
  for (const part of [ALICE.agent, BOB.agent, broker]) await part?.stop();
  await removeFolder(join(socket, '..'));
  await removeFolder(folder);
});

test('each page reaches its own user\'s agent and no other', { skip }, async () => {
  for (const [user, other] of [[ALICE, BOB], [BOB, ALICE]]) {
    const own = await page(user);
    await greet(own);
    own.close();
    await assert.rejects(page(user, other), /403/); // the other's agent would have let this site in
  }
  await assert.rejects(as(MALLORY, () => connectPage({ agentPort: port }, origin(ALICE))), /503/);
});

test('a thousand connections of a third user disturb neither', { skip }, async () => {
  const before = [await page(ALICE), await page(BOB)];
  const crowd = [];
  await as(MALLORY, async () => {
    for (let i = 0; i < CROWD; i++) {
      const one = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      one.on('error', () => {});
      crowd.push(one);
      await inTime(new Promise((resolve) => {
        one.once('connect', resolve);
        one.once('close', resolve);
      }), 'a connection of the crowd');
      if (i % 3 === 0) one.write('GET /v1 HTTP/1.1\r\n'); // and no more
    }
  });
  for (const each of before) await greet(each);
  for (const user of [ALICE, BOB]) {
    const another = await page(user);
    await greet(another);
    another.close();
  }
  for (const each of crowd) each.destroy();
  for (const each of before) each.close();
});

test('the broker killed and started again loses no connection', { skip }, async () => {
  const before = [await page(ALICE), await page(BOB)];
  broker.child.kill('SIGKILL');
  await inTime(broker.ended, 'the broker to end');
  for (const each of before) await greet(each);
  await startBroker();
  for (const user of [ALICE, BOB]) await reached(user, 2);
  for (const each of before) assert.equal((await each.request('session.status')).state, 'none');
  for (const user of [ALICE, BOB]) {
    const another = await page(user);
    await greet(another);
    another.close();
    await assert.rejects(page(user, user === ALICE ? BOB : ALICE), /403/);
  }
  for (const each of before) each.close();
});
