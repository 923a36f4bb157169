// SPDX-License-Identifier: MIT
//
// `lanyard keys` and `lanyard key` with virtual security keys: the real agent, lanyard-fido, libfido2
// and udev's library, and a person at the agent's window (pinentry.mjs).

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeKeyPair } from '../sandbox/keys.mjs';
import { connectNative } from '../sandbox/native.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { newChallenge, refusedWith } from './card-rig.mjs';
import { ends, lanyard, types } from './cli-rig.mjs';
import { skip, withDesktop } from './desktop-rig.mjs';
import { becomes } from './keeper-rig.mjs';

const PIN = '2580';

async function withKeys(keys, play, settings = '', environment = {}) {
  const sandbox = await startSandbox({
    keys, settings, web: false, readers: [],
    environment: { PCSCLITE_CSOCK_NAME: '/nonexistent/pcscd', ...environment },
  });
  try {
    await play({
      ...sandbox,
      sandbox,
      ctl: sandbox.keys.ctl,
      lanyard: (...args) => lanyard(sandbox, args),
      // Until that many keys are in, as subscribers hear it.
      async count(wanted) {
        const observer = await connectNative(sandbox);
        try {
          await observer.request('agent.subscribe');
          if ((await observer.request('key.list')).keys.length !== wanted)
            await observer.notification(({ method, params }) => method === 'key.changed' && params.keys.length === wanted,
              `${wanted} keys`);
        } finally {
          await observer.close();
        }
      },
    });
  } finally {
    await sandbox.close();
  }
}

// What the trail has of security keys so far: [event, outcome] each.
async function audited({ directory }) {
  const lines = (await readFile(join(directory, 'state', 'lanyard', 'audit.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line)).filter(({ LANYARD_EVENT: event }) => event.startsWith('key-'));
}

// Puts a resident credential of that name onto the key; resolves with its id.
async function register(ctl, key, name) {
  const { privateKey } = makeKeyPair('ec', { namedCurve: 'P-256' });
  const der = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64url');
  const id = Buffer.from(`credential of ${name}`).toString('base64url');
  await ctl('import', key, 'op.example', id, der, Buffer.from(name).toString('base64url'), 'resident');
  return id;
}

test('a new key is listed, told of, and gets its PIN', async () => {
  await withKeys(['key-0'], async ({ sandbox, lanyard, pinentry, ctl }) => {
    const [key] = JSON.parse(await ends(lanyard('keys', '--json'), 0));
    assert.deepEqual({ ...key, id: '', name: '' }, { id: '', name: '', path: '/dev/hidraw0', session: false });
    assert.match(key.id, /^[1-9]\d*$/);
    assert.match(key.name, /\S/);
    assert.match(await ends(lanyard('keys'), 0), new RegExp(`- id: ${key.id}\n`));
    assert.equal(JSON.parse(await ends(lanyard('status', '--json'), 0)).keys, 1);

    const info = JSON.parse(await ends(lanyard('key', 'info', '--json'), 0));
    assert.equal(info.id, key.id);
    assert.ok(info.versions.includes('FIDO_2_1'), info.versions.join());
    assert.deepEqual(info.pin, { possible: true, set: false, triesLeft: null, minLength: 4, changeOwed: false });
    assert.ok(info.credentialManagement && info.residentKeys && info.prf);
    assert.match(await ends(lanyard('key', 'info'), 0), /versions:\n/);

    await ends(lanyard('key', 'credentials', 'list'), 5, /no PIN yet\. \(LY-1808\)\n.*lanyard key pin set/);
    await ends(lanyard('key', 'pin', 'change'), 5, /LY-1808/);

    // Too short, not the same twice, and then as it should be.
    const set = lanyard('key', 'pin', 'set');
    await types(pinentry, '123', /Program: .*lanyard\nSecurity key: /);
    await types(pinentry, '1234', /too short\. It has at least 4 characters/);
    await types(pinentry, '1235', /once more/);
    await types(pinentry, PIN, /not the same/);
    await types(pinentry, PIN);
    await ends(set, 0, /Type the PIN of your security key into Lanyard's window.*\n(.*\n)*The security key has a PIN now/);
    await ends(lanyard('key', 'pin', 'set', '--json'), 5);
    await ends(lanyard('key', 'pin', 'set'), 5, /has a PIN already\. \(LY-1810\)/);

    await ctl('pin', 'key-0', 'minimum', '6');
    const change = lanyard('key', 'pin', 'change');
    await types(pinentry, PIN, /that your security key has now/);
    await types(pinentry, '12345', /at least 6 characters/);
    await types(pinentry, 'abc123', /too short/);
    await types(pinentry, 'abc123');
    await ends(change, 0, /has its new PIN now/);
    const list = lanyard('key', 'credentials', 'list');
    await types(pinentry, 'abc123');
    await ends(list, 0, /No sign-in is kept/);
    assert.deepEqual((await audited(sandbox)).map((entry) => [entry.LANYARD_EVENT, entry.LANYARD_OUTCOME]), [
      ['key-pin-changed', 'key-pin-not-set'], ['key-pin-set', 'ok'], ['key-pin-set', 'key-pin-set'],
      ['key-pin-set', 'key-pin-set'], ['key-pin-changed', 'ok'],
    ]);
  });
});

test('what is on a key is listed, renamed and deleted', async () => {
  await withKeys([{ name: 'key-0', pin: PIN }], async ({ sandbox, lanyard, pinentry, ctl }) => {
    const alice = await register(ctl, 'key-0', 'alice');
    await register(ctl, 'key-0', 'bob');
    const credentials = async () => {
      const list = lanyard('key', 'credentials', 'list', '--json');
      await types(pinentry, PIN, /see what is on the key/);
      return JSON.parse(await ends(list, 0));
    };
    assert.deepEqual((await credentials()).map(({ rpId }) => rpId), ['op.example', 'op.example']);

    const rename = lanyard('key', 'credentials', 'rename', alice, 'alice@op.example', 'Dr Alice');
    await types(pinentry, PIN, /rename/);
    await ends(rename, 0, /It is renamed/);
    const renamed = (await credentials()).find(({ id }) => id === alice);
    assert.deepEqual([renamed.userName, renamed.displayName], ['alice@op.example', 'Dr Alice']);
    assert.equal(Buffer.from(renamed.userId, 'base64url').toString(), 'alice');

    const remove = lanyard('key', 'credentials', 'delete', alice);
    await types(pinentry, PIN, /delete a sign-in .* cannot be undone/);
    await ends(remove, 0, /^Nobody will be able to .* cannot be undone\.\n(.*\n)*It is deleted/);
    assert.equal((await credentials()).length, 1);
    const again = lanyard('key', 'credentials', 'delete', alice);
    await types(pinentry, PIN);
    await ends(again, 5, /LY-1816/);
    const hyphened = lanyard('key', 'credentials', 'delete', '--', '-_8');
    await types(pinentry, PIN);
    await ends(hyphened, 5, /LY-1816/);
    await ends(lanyard('key', 'credentials', 'delete', 'no base64!'), 2);
    const trail = await audited(sandbox);
    assert.deepEqual(trail.map((entry) => [entry.LANYARD_EVENT, entry.LANYARD_OUTCOME]), [
      ['key-credential-renamed', 'ok'], ['key-credential-deleted', 'ok'], ['key-credential-deleted', 'credential-unknown'],
      ['key-credential-deleted', 'credential-unknown'],
    ]);
    const name = createHash('sha256').update(Buffer.from(alice, 'base64url')).digest('hex').slice(0, 16);
    assert.deepEqual(trail.slice(0, 3).map((entry) => entry.LANYARD_CREDENTIAL), [name, name, name]);
    for (const entry of trail) assert.match(entry.LANYARD_KEY, /\S/);
  });
});

test('three wrong PINs want the key anew, eight block it', async () => {
  await withKeys([{ name: 'key-0', pin: PIN }], async ({ lanyard, pinentry, ctl, count }) => {
    const replug = async () => {
      await ctl('unplug', 'key-0');
      await count(0);
      await ctl('plug', 'key-0');
      await count(1);
    };
    for (const tries of [[8, 7, 6], [5, 4, 3]]) {
      const list = lanyard('key', 'credentials', 'list');
      for (const left of tries) await types(pinentry, '0000', new RegExp(`Tries left: ${left}`));
      await ends(list, 5, /plugged in anew\. \(LY-1807\)\nPull it out, plug it in again/);
      await replug();
    }
    const last = lanyard('key', 'credentials', 'list');
    await types(pinentry, '0000', /Tries left: 2/);
    const warning = await pinentry.next();
    assert.equal(warning.kind, 'confirm');
    assert.match(warning.texts.description, /That PIN is wrong\. This is the last try\..*blocked.*erases/s);
    warning.confirm();
    await types(pinentry, '0000', /Tries left: 1/);
    await ends(last, 5, /is blocked because the PIN was wrong too often\. \(LY-1806\)/);
    await replug();
    await ends(lanyard('key', 'credentials', 'list'), 5, /LY-1806/);
  });
});

test('a reset is asked about, then the key is plugged in anew; later than that it is too late', async () => {
  await withKeys([{ name: 'key-0', pin: PIN }], async ({ sandbox, lanyard, pinentry, ctl, keys, count }) => {
    const replug = async (reset) => {
      await reset.said(/Pull your security key out and plug it in again/);
      const notice = await pinentry.notice(/Pull the security key out/);
      await ctl('unplug', 'key-0');
      await count(0);
      await ctl('plug', 'key-0');
      await notice.gone;
    };
    await register(ctl, 'key-0', 'alice');
    const no = lanyard('key', 'reset');
    const question = await pinentry.next();
    assert.equal(question.kind, 'confirm');
    assert.match(question.texts.description, /This erases the security key: its PIN.*Security key: /s);
    question.cancel();
    await ends(no, 4, /^This erases the security key.*cannot be undone/s);

    await ctl('fault', 'key-0', 'status', '30', 'at', 'reset'); // as ten seconds after it was plugged in
    const late = lanyard('key', 'reset');
    (await pinentry.next()).confirm();
    await replug(late);
    await ends(late, 5, /only in the first seconds .*\(LY-1815\)\nStart again/);
    await ctl('clear', 'key-0');
    await ctl('pin', 'key-0', 'set', PIN);
    await register(ctl, 'key-0', 'bob');

    await ctl('delay', 'key-0', 'command');
    const yes = lanyard('key', 'reset');
    (await pinentry.next()).confirm();
    await replug(yes);
    await yes.said(/Touch your security key/);
    await ctl('touch', 'key-0');
    await ends(yes, 0, /The security key is erased/);
    const { pin, resident } = await keys.state('key-0');
    assert.deepEqual([pin, resident], ['none', 0]);
    assert.deepEqual((await audited(sandbox)).map((entry) => [entry.LANYARD_EVENT, entry.LANYARD_OUTCOME]),
      [['key-reset', 'cancelled'], ['key-reset', 'key-reset-late'], ['key-reset', 'ok']]);
  });
});

test('of several keys one is named', async () => {
  await withKeys([{ name: 'key-0', pin: PIN }, { name: 'key-1', plugged: false }], async ({ lanyard, ctl, count }) => {
    const events = lanyard('events', '--json');
    await ctl('plug', 'key-1');
    await count(2);
    events.interrupt();
    await events.end;
    const keys = JSON.parse(await ends(lanyard('keys', '--json'), 0));
    await ends(lanyard('key', 'info'), 5, /Several security keys are connected\. \(LY-1814\)\n.*\nlanyard keys shows/);
    for (const { id, path } of keys) {
      const info = JSON.parse(await ends(lanyard('key', 'info', '--key', id, '--json'), 0));
      assert.equal(info.pin.set, path === '/dev/hidraw0');
    }
    await ends(lanyard('key', 'info', '--key', 'no such key'), 5, /LY-1820/);
    await ctl('unplug', 'key-0');
    await count(1);
    await ends(lanyard('key', 'info', '--key', keys.find(({ path }) => path === '/dev/hidraw0').id), 5, /LY-1820/);
    await ctl('unplug', 'key-1');
    await count(0);
    await ends(lanyard('keys'), 0, /No security key is connected/);
    await ends(lanyard('key', 'info'), 5, /LY-1801/);
  });
});

test('a key that is pulled out, or an interrupt, takes the window away', async () => {
  await withKeys([{ name: 'key-0', pin: PIN }], async ({ lanyard, pinentry, ctl, count }) => {
    const pulled = lanyard('key', 'credentials', 'list');
    const first = await pinentry.next();
    await ctl('unplug', 'key-0');
    await first.gone;
    await ends(pulled, 5, /pulled out before it had answered\. \(LY-1802\)/);

    await ctl('plug', 'key-0');
    await count(1);
    const interrupted = lanyard('key', 'credentials', 'list');
    const second = await pinentry.next();
    interrupted.interrupt();
    await second.gone;
    await ends(interrupted, 4, /That was cancelled\. \(LY-1001\)\nStart again/);
    const cancelled = lanyard('key', 'credentials', 'list');
    (await pinentry.next()).cancel();
    await ends(cancelled, 4, /That was cancelled\. \(LY-1001\)\nStart again when you are ready\.$/m);
  });
});

test('another user in front: what was begun with a key is cancelled', { skip }, async () => {
  await withDesktop(async ({ system, env: { DBUS_SYSTEM_BUS_ADDRESS } }) => {
    await system.do('logind = Logind()');
    await system.do('logind.session("c1")');
    await withKeys([{ name: 'key-0', pin: PIN }], async ({ sandbox, lanyard, pinentry, op }) => {
      const client = await connectNative(sandbox);
      const listed = lanyard('key', 'credentials', 'list');
      const dialogue = await pinentry.next();
      const waits = refusedWith('cancelled', client.request('webauthn.get', {
        origin: op.origin, publicKey: { challenge: newChallenge() },
      }));
      await client.waiting('turn');
      await system.do('logind.set("c1", Active=False)');
      await ends(listed, 4, /That was cancelled\. \(LY-1001\)/);
      await waits;
      await dialogue.gone;
      await system.do('logind.set("c1", Active=True)');
      await becomes('the desktop to be back', () => client.request('key.info').catch(() => null));
      const again = lanyard('key', 'credentials', 'list');
      await types(pinentry, PIN);
      await ends(again, 0);
      await client.close();
    }, '', { DBUS_SYSTEM_BUS_ADDRESS });
  });
});

test('a redirected key is a key while its socket is there', async () => {
  const settings = ({ keys }) => `[keys]\nredirect-socket = ${keys.path('far')}\n`;
  await withKeys([{ name: 'far', kind: 'socket', pin: PIN }], async ({ lanyard, pinentry, keys, ctl, count }) => {
    const [key] = JSON.parse(await ends(lanyard('keys', '--json'), 0));
    assert.equal(key.path, keys.path('far'));
    assert.equal(JSON.parse(await ends(lanyard('key', 'info', '--json'), 0)).pin.set, true);
    const list = lanyard('key', 'credentials', 'list');
    await types(pinentry, PIN);
    await ends(list, 0);
    const pulled = lanyard('key', 'credentials', 'list');
    const question = await pinentry.next();
    await ctl('unplug', 'far');
    await question.gone;
    await ends(pulled, 5, /LY-1802/);
    await count(0);
    await ctl('plug', 'far');
    await count(1);
    const [again] = JSON.parse(await ends(lanyard('keys', '--json'), 0));
    assert.notEqual(again.id, key.id);
  }, settings);
});

test('where security keys are not to be used there are none', async () => {
  await withKeys(['key-0'], async ({ lanyard }) => {
    await ends(lanyard('keys'), 0, /No security key is connected/);
    for (const command of [['info'], ['pin', 'set']])
      await ends(lanyard('key', ...command), 5, /Security keys are not used on this computer\. \(LY-1819\)/);
    assert.equal(JSON.parse(await ends(lanyard('status', '--json'), 0)).keys, 0);
  }, '[keys]\nenabled = no\n');
});

test('what is wrong with the command line is said before anything is asked', async () => {
  await withKeys(['key-0'], async ({ lanyard }) => {
    for (const [words, pattern] of [
      [['key'], /key needs info/],
      [['key', 'pin'], /key needs info/],
      [['key', 'pin', 'set', '1234'], /"1234" is one word too many/],
      [['key', 'credentials', 'delete'], /needs ID/],
      [['key', 'credentials', 'rename', 'AQ'], /needs ID NAME/],
      [['key', 'credentials', 'delete', '-_8'], /An ID that begins with a hyphen stands behind --: -- -_8/],
      [['key', 'credentials', 'rename', 'AQ', 'b', 'c', 'd'], /"d" is one word too many/],
      [['keys', '--key', '1'], /keys does not take --key/],
    ]) await ends(lanyard(...words), 2, pattern);
  });
});
