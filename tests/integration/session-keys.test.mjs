// SPDX-License-Identifier: MIT
//
// A session that hangs on a security key instead of a card: the virtual key behind libfido2, the real
// helper and agent, and a provider that verifies with SimpleWebAuthn. bob has registered key-0;
// key-1 is somebody's whom nobody knows.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  asService, atDesk, becomes, BOB, newChallenge, PIN, QUIET, refusedWith, withoutSealedMemory,
} from './keeper-rig.mjs';
import { connectPage } from '../sandbox/page-raw.mjs';

const KEY_PIN = '2580';
const KEYS = [
  { name: 'key-0', pin: KEY_PIN, plugged: false },
  { name: 'key-1', pin: '8642', plugged: false },
];
const settings = (session) => `[session]\nsign-in-at-insertion = no\n${session}\n[desktop]\nlock = no\n`;

// No card is in, and no key.
const atKeyDesk = (options, play) => atDesk({ card: null, keys: KEYS, ...options }, async (desk) => {
  const { keys } = desk.sandbox;
  await registers(desk);
  await play(Object.assign(desk, {
    key: keys.ctl,
    // Until the agent knows of so many.
    keysIn: (client, count) => becomes(`the agent to know of ${count} keys`, async () =>
      (await client.request('key.list')).keys.length === count),
    signInByKey: (client) => signInByKey(desk, client),
  }));
});

// bob makes a credential on key-0, and the provider keeps it.
async function registers(desk) {
  const { sandbox: { keys }, op, origin, pinentry } = desk;
  const client = await desk.connect();
  await keys.ctl('plug', 'key-0');
  const publicKey = op.keys.creationOptions(newChallenge(), { uid: BOB, title: '', givenName: 'Bob', familyName: 'B' });
  const made = client.request('webauthn.create', { origin, publicKey });
  (await desk.prompt(made)).answer(KEY_PIN);
  await op.keys.register(await made, { uid: BOB }, { redeem: () => 'ok', at: Date.now() });
  await keys.ctl('unplug', 'key-0');
  pinentry.dialogues.length = 0;
}

// The key's PIN, in the next prompt; its touch comes by itself.
async function typesPin(desk, answer) {
  const prompt = await desk.prompt(answer);
  assert.ok(prompt.texts.description.includes(desk.origin), prompt.texts.description);
  prompt.answer(KEY_PIN);
}

// key-1 says from now on that bob's credential is on it; but the private key is another.
async function makesUp({ key, origin }) {
  const [, id, user] = / id=(\S+) .*user=(\S+)/.exec(` ${await key('credentials', 'key-0')}`);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64url');
  await key('import', 'key-1', new URL(origin).hostname, id, der, user, 'resident');
}

// Until key-1, plugged in just now, has been asked and let go.
async function isAsked({ key, sandbox }) {
  await becomes('the other key to be looked at', async () => (await sandbox.keys.state('key-1')).messages > 0);
  await key('closed', 'key-1');
}

// With key-0, which is in; resolves with session.status.
async function signInByKey(desk, client) {
  const answer = desk.begin(client);
  await typesPin(desk, answer);
  return answer;
}

const noProof = (desk, client) => refusedWith('interaction-required', desk.prove(client));

async function isOver(desk, client, sid, cause) {
  assert.equal((await desk.changed(client, 'ended')).cause, cause);
  await desk.over(sid);
  await noProof(desk, client);
}

const audits = async ({ sandbox }) => (await readFile(join(sandbox.directory, 'state', 'lanyard', 'audit.jsonl'), 'utf8'))
  .trim().split('\n').map((line) => JSON.parse(line));

test('a key opens a session, and its leaving ends it', async (t) => {
  await atKeyDesk({}, async (desk) => {
    const { op, key } = desk;
    const client = await desk.connect();

    await t.test('by the first proof that is asked for, whichever comes first', async () => {
      const answer = desk.prove(client, { interaction: 'if-needed' });
      await desk.waits(client, 'card-or-key', answer);
      await key('plug', 'key-0');
      await typesPin(desk, answer);
      const session = await desk.check((await answer).proof);
      assert.deepEqual([session.person.uid, session.acr, session.amr], [BOB, 'AAL3_FIDO2', ['FIDO2']]);
      const status = await desk.status(client);
      assert.deepEqual([status.state, status.card, status.acr], ['active', true, 'AAL3_FIDO2']);
      const { keys } = await client.request('key.list');
      assert.deepEqual(keys.map((each) => each.session), [true]);
      const opened = (await audits(desk)).filter(({ LANYARD_EVENT: event }) => event === 'session-opened');
      assert.deepEqual([opened.length, opened[0].LANYARD_KEY, opened[0].LANYARD_UID], [1, keys[0].name, BOB]);
    });

    await t.test('from then on nobody is asked', async () => {
      const asked = desk.pinentry.dialogues.length;
      await desk.proves(client);
      await desk.proves(await desk.fresh(), { interaction: 'if-needed' });
      const page = await connectPage(desk.sandbox, desk.origin);
      const { proof } = await page.request('session.prove', { challenge: newChallenge(), interaction: 'silent' });
      assert.equal((await desk.check(proof)).person.uid, BOB);
      assert.equal(desk.pinentry.dialogues.length, asked);
    });

    await t.test('other keys and cards come and go', async () => {
      const before = desk.changes(client).length;
      await key('plug', 'key-1');
      await desk.keysIn(client, 2);
      await desk.ctl('insert', 'reader-0', 'alice');
      await desk.ctl('remove', 'reader-0');
      await key('unplug', 'key-1');
      await desk.keysIn(client, 1);
      await desk.proves(client);
      assert.equal(desk.changes(client).length, before);
    });

    await t.test('a fresh PIN on demand', async () => {
      const [session] = op.sessions.all();
      const before = session.authTime;
      const answer = desk.prove(client, { interaction: 'force' });
      await typesPin(desk, answer);
      assert.equal((await desk.check((await answer).proof)).sid, session.sid);
      assert.ok(session.authTime > before);
      const late = desk.prove(client, { interaction: 'if-needed', maxAge: 0 });
      (await desk.prompt(late)).cancel();
      await refusedWith('cancelled', late);
      assert.equal((await desk.proves(client)).sid, session.sid);
    });

    await t.test('pulled', async () => {
      const [{ sid }] = op.sessions.all();
      await key('unplug', 'key-0');
      await isOver(desk, client, sid, 'card-removed');
      await key('plug', 'key-0');
      await desk.keysIn(client, 1);
      assert.equal((await desk.status(client)).state, 'none');
    });

    await t.test('pulled before it has signed', async () => {
      await key('delay', 'key-0', 'never');
      const answer = desk.begin(client);
      await typesPin(desk, answer);
      await desk.waits(client, 'touch', answer);
      await key('unplug', 'key-0');
      await refusedWith('key-removed', answer);
      assert.equal((await desk.status(client)).state, 'none');
      await key('delay', 'key-0', '0');
      await key('plug', 'key-0');
    });

    await t.test('a key that the provider does not know', async () => {
      await key('unplug', 'key-0');
      await key('plug', 'key-1');
      const publicKey = op.keys.creationOptions(newChallenge(), { uid: '555000000199', title: '', givenName: 'N', familyName: 'N' });
      const made = client.request('webauthn.create', { origin: desk.origin, publicKey });
      (await desk.prompt(made)).answer('8642');
      await made;
      const answer = desk.begin(client);
      (await desk.prompt(answer)).answer('8642');
      await refusedWith('key-not-registered', answer);
      assert.equal(op.sessions.all().length, 0);
      await key('unplug', 'key-1');
    });

    await t.test('a card beside it is the card\'s session, whatever becomes of the key', async () => {
      await key('plug', 'key-0');
      await desk.ctl('insert', 'reader-0', 'bob');
      const answer = desk.begin(client);
      (await desk.prompt(answer)).answer(PIN);
      const { sid, acr } = await answer;
      assert.equal(acr, 'AAL3_CIS2_SMARTCARD');
      await key('unplug', 'key-0');
      await desk.keysIn(client, 0);
      await key('plug', 'key-0');
      await desk.keysIn(client, 1);
      assert.equal((await desk.proves(client)).sid, sid);
      await desk.ctl('remove', 'reader-0');
      await isOver(desk, client, sid, 'card-removed');
    });
  });
});

test('a page has a key sign, and hands its session over', async () => {
  await atKeyDesk({}, async (desk) => {
    const { op, key, origin } = desk;
    const client = await desk.connect();
    await key('plug', 'key-0');
    const page = await connectPage(desk.sandbox, origin);
    const signed = async (params) => {
      const answer = page.request('webauthn.get', { publicKey: op.keys.requestOptions(newChallenge()), ...params });
      await typesPin(desk, answer);
      return op.keys.signIn(await answer, { redeem: () => 'ok' });
    };
    assert.equal((await signed({})).sessionKey, null);
    await refusedWith('sign-in-expired', page.request('session.begin', { sid: 'made-up' }));
    const { person, sessionKey, publicKey, acr, amr } = await signed({ session: true });
    const { sid } = op.sessions.open({ person, key: sessionKey, publicKey, acr, amr });
    assert.equal((await page.request('session.begin', { sid })).uid, BOB);
    assert.equal((await desk.proves(client)).sid, sid);
    await key('unplug', 'key-0');
    await isOver(desk, client, sid, 'card-removed');
  });
});

test('lock-persistence: the same key and its PIN resume it', async (t) => {
  await atKeyDesk({ settings: settings('mode = lock-persistence') }, async (desk) => {
    const { key } = desk;
    const client = await desk.connect();
    await key('plug', 'key-0');
    const { sid } = await desk.signInByKey(client);
    const locked = async () => {
      await key('unplug', 'key-0');
      assert.equal((await desk.changed(client, 'locked')).cause, 'card-removed');
      await noProof(desk, client);
    };

    await t.test('it is asked for as soon as it is back', async () => {
      await locked();
      const before = desk.op.sessions.find(sid).authTime;
      await key('plug', 'key-0');
      const prompt = await desk.pinentry.next();
      await noProof(desk, client);
      prompt.answer(KEY_PIN);
      await desk.changed(client, 'active');
      assert.equal((await desk.proves(client)).sid, sid);
      assert.ok(desk.op.sessions.find(sid).authTime > before);
    });

    await t.test('also where a page\'s request waits for a key', async () => {
      await locked();
      const page = await connectPage(desk.sandbox, desk.origin);
      const waits = page.request('webauthn.get', { publicKey: {
        ...desk.op.keys.requestOptions(newChallenge()), userVerification: 'discouraged',
        allowCredentials: [{ type: 'public-key', id: Buffer.from('on no key').toString('base64url') }],
      } });
      await page.notification('operation.waiting', ({ for: what }) => what === 'use-key');
      await key('plug', 'key-0');
      (await desk.pinentry.next()).answer(KEY_PIN);
      await desk.changed(client, 'active');
      assert.equal((await desk.proves(client)).sid, sid);
      page.close();
      await assert.rejects(waits, /closed the connection/);
    });

    await t.test('another key does nothing', async () => {
      await locked();
      const asked = desk.pinentry.dialogues.length;
      await key('plug', 'key-1');
      await isAsked(desk);
      assert.equal((await desk.status(client)).state, 'locked');
      assert.equal(desk.pinentry.dialogues.length, asked);
      await key('unplug', 'key-1');
      await makesUp(desk); // nor one that says that it is the one
      await key('plug', 'key-1');
      await isAsked(desk);
      assert.equal((await desk.status(client)).state, 'locked');
      assert.equal(desk.pinentry.dialogues.length, asked);
      await key('unplug', 'key-1');
      await key('plug', 'key-0');
      (await desk.pinentry.next()).answer(KEY_PIN);
      await desk.changed(client, 'active');
    });

    await t.test('another card ends it', async () => {
      await locked();
      await desk.ctl('insert', 'reader-0', 'alice');
      await isOver(desk, client, sid, 'other-card');
    });
  });
});

test('a session outlives its agent where the key stays in', { skip: withoutSealedMemory }, async () => {
  await atKeyDesk({ settings: QUIET }, async (desk) => {
    const { key } = desk;
    const service = await asService(desk);
    await key('plug', 'key-0');
    const { sid } = await desk.signInByKey(await desk.connect());
    await service.heard(/^STORED session$/m);
    const asked = desk.pinentry.dialogues.length;
    await service.kill();
    await service.start();
    let client = await desk.connect();
    assert.equal((await desk.proves(client)).sid, sid);
    assert.equal(desk.pinentry.dialogues.length, asked);

    await service.stop(); // pulled and put back while none ran, it is the same key
    await key('unplug', 'key-0');
    await makesUp(desk); // and not one that says so
    await key('plug', 'key-1');
    await service.start();
    client = await desk.connect();
    await isAsked(desk);
    assert.equal((await desk.status(client)).state, 'checking');
    const proof = desk.proves(client);
    await key('plug', 'key-0');
    assert.equal((await proof).sid, sid);
    assert.equal(desk.pinentry.dialogues.length, asked);
    await key('unplug', 'key-0');
    await isOver(desk, client, sid, 'card-removed');
  });
});
