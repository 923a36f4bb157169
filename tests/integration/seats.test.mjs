// SPDX-License-Identifier: MIT
//
// A computer with two seats: a reader that is plugged in at another one is not there, nor is its card.
// Which USB device is whose says a made-up udev (umockdev); the readers say which device they are.

import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { machineEnvironment } from '../sandbox/key.mjs';
import { lanyard } from './cli-rig.mjs';
import { skip, withDesktop } from './desktop-rig.mjs';
import { atDesk, becomes, cardsIn } from './keeper-rig.mjs';

const BUS = 200; // as the virtual readers have it, which are the devices 1, 2, ... there
const READERS = ['reader-0', 'reader-1', 'pinpad-2'];

// A folder in which a program under umockdev finds these devices: their seats.
async function machine(folder, seats) {
  const sys = join(folder, 'sys');
  await mkdir(join(sys, 'bus/usb/devices'), { recursive: true });
  for (const [i, seat] of seats.entries()) {
    const device = join(sys, 'devices', `1-${i + 1}`);
    await mkdir(device, { recursive: true });
    await symlink('../../bus/usb', join(device, 'subsystem'));
    await symlink(`../../../devices/1-${i + 1}`, join(sys, 'bus/usb/devices', `1-${i + 1}`));
    await writeFile(join(device, 'busnum'), `${BUS}\n`);
    await writeFile(join(device, 'devnum'), `${i + 1}\n`);
    await writeFile(join(device, 'uevent'), `DEVTYPE=usb_device\nUSEC_INITIALIZED=1\n${seat ? `ID_SEAT=${seat}\n` : ''}`);
  }
  return machineEnvironment(folder);
}

// A desk at that seat, with cards in all its readers; play(client, names): which readers it has.
const atSeat = (seat, seats, play) => withDesktop(async ({ system, env }) => {
  await system.do('logind = Logind()');
  await system.do(`logind.session("c1", seat="${seat}")`);
  await atDesk({ agent: false, readers: READERS, environment: { DBUS_SYSTEM_BUS_ADDRESS: env.DBUS_SYSTEM_BUS_ADDRESS } }, async (desk) => {
    Object.assign(desk.sandbox.environment, await machine(join(desk.sandbox.directory, 'machine'), seats));
    await desk.ctl('insert', 'reader-1', 'alice');
    await desk.ctl('insert', 'pinpad-2', 'carol');
    await desk.sandbox.startAgent();
    const client = await desk.connect();
    await play(desk, client);
  });
});

const has = async (client, ...names) => {
  await cardsIn(client, (cards) => cards.length === names.length);
  const { readers, cards } = await client.request('card.list');
  const named = (list) => list.map((name) => /(Reader|PIN Pad) \d/.exec(name)[0]).sort();
  assert.deepEqual(named(readers.map(({ name }) => name)), names);
  assert.deepEqual(named(cards.map(({ reader }) => reader)), names);
};

test('at the first seat: its own readers, and those of which nobody says whose they are', { skip }, async () => {
  await atSeat('seat0', [null, 'seat1'], async (desk, client) => {
    await has(client, 'PIN Pad 2', 'Reader 0');
    await desk.ctl('swap', 'reader-1', 'grace'); // at the other seat, which is nothing to us
    await desk.ctl('remove', 'pinpad-2');
    await cardsIn(client, (cards) => cards.length === 1);
    await desk.signIn(client);
    await client.request('session.end');
  });
});

test('at the second seat: its own reader alone', { skip }, async () => {
  await atSeat('seat1', [null, 'seat1'], async (desk, client) => {
    await has(client, 'Reader 1');
    assert.match((await lanyard(desk.sandbox, ['readers']).end).out, /^- name: Lanyard Virtual Reader 1/);
    const { sid } = await desk.signIn(client);
    await desk.ctl('remove', 'reader-0');
    assert.equal((await desk.proves(client)).sid, sid);
    await client.request('session.end');
  });
});

test('where no device is another seat\'s, every reader counts', { skip }, async () => {
  await atSeat('seat0', [null, null], async (desk, client) => {
    await has(client, 'PIN Pad 2', 'Reader 0', 'Reader 1');
  });
});

test('at a seat without a reader there is none', { skip }, async () => {
  await atSeat('seat2', [null, 'seat1'], async (desk, client) => {
    await becomes('the reader service to have been asked', async () =>
      (await client.request('agent.status')).modules.every(({ state }) => state === 'ready'));
    assert.deepEqual(await client.request('card.list'), { readers: [], cards: [] });
  });
});
