// SPDX-License-Identifier: MIT
//
// webauthn.get and webauthn.create of the native door, with virtual security keys behind libfido2:
// what comes back is verified by SimpleWebAuthn as a browser's answer would be. The pages' journeys
// are elsewhere.

import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectNative } from '../sandbox/native.mjs';
import { connectPage } from '../sandbox/page-raw.mjs';
import { verifyKeyAssertion, verifyKeyRegistration } from '../sandbox/op/key-assertion.mjs';
import { inSandbox as inCardSandbox, newChallenge, PIN as CARD_PIN, readToken } from './card-rig.mjs';

const PIN = '2580';
const RP_ID = 'provider.sandbox.example';

async function inSandbox(keys, play, options = {}) {
  await inCardSandbox({ card: null, readers: [], keys, ...options }, async ({ sandbox, agent, pinentry, origin, ...rest }) => {
    // A site of one person: what it has given out, and what was registered with it.
    const site = {
      origin,
      userId: randomBytes(16).toString('base64url'),
      challenges: new Set(),
      challenge() {
        const challenge = newChallenge();
        site.challenges.add(challenge);
        return challenge;
      },
      redeem: (nonce) => (site.challenges.delete(nonce) ? 'ok' : 'unknown'),
      create: (publicKey = {}, client = agent) => client.request('webauthn.create', {
        origin,
        publicKey: {
          challenge: site.challenge(),
          rp: { name: 'Sandbox' },
          user: { id: site.userId, name: 'alice', displayName: 'Alice A.' },
          pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
          ...publicKey,
        },
      }),
      get: (publicKey = {}, params = {}, client = agent) => client.request('webauthn.get', {
        origin, publicKey: { challenge: site.challenge(), ...publicKey }, ...params,
      }),
      // As create and get, and verified: { answer, verified, credential }.
      async register({ verification = false, ...publicKey } = {}) {
        const answer = await site.create(publicKey);
        const { credential, verified, attested } = await verifyKeyRegistration(answer,
          { origin, rpId: publicKey.rp?.id ?? RP_ID, redeem: site.redeem, verification });
        return { answer, verified, attested, credential: { ...credential, userHandle: site.userId } };
      },
      async signIn(credential, { verification = false, ...publicKey } = {}, params) {
        return site.verify(await site.get(publicKey, params), credential, { verification, rpId: publicKey.rpId });
      },
      async verify(answer, credential, { verification = false, rpId = RP_ID } = {}) {
        assert.equal(answer.id, credential.id);
        const { verified, counter, sessionKey } = await verifyKeyAssertion(answer,
          { origin, rpId, redeem: site.redeem, credential, verification });
        credential.counter = counter;
        return { answer, verified, sessionKey };
      },
    };
    pinentry.always((dialogue) => dialogue.answer(PIN));
    await play({ ...rest, sandbox, agent, pinentry, origin, site, keys: sandbox.keys });
  });
}

const allow = (...credentials) => ({ allowCredentials: credentials.map(({ id }) => ({ type: 'public-key', id })) });
const discoverable = { authenticatorSelection: { residentKey: 'required' } };

// Rejected with that reason, by the name that a browser would give it.
const refusedAs = (name, reason, answer) => assert.rejects(answer, (error) => {
  assert.equal(`${error.data?.name} ${error.reason}`, `${name} ${reason}`, error.message);
  return true;
});

test('a key is registered and signs in, by its name and without', async () => {
  await inSandbox([{ name: 'key-0', pin: PIN }], async ({ agent, pinentry, site, origin }) => {
    const { answer, verified, credential } = await site.register({ ...discoverable, extensions: { credProps: true } });
    assert.ok(verified, 'preferred is verified where there is a PIN');
    assert.equal(answer.rawId, answer.id);
    assert.equal(answer.type, 'public-key');
    assert.equal(answer.authenticatorAttachment, 'cross-platform');
    assert.deepEqual(answer.response.transports, ['usb']);
    assert.equal(answer.response.publicKeyAlgorithm, -7);
    assert.deepEqual(answer.clientExtensionResults, { credProps: { rk: true } });
    assert.match(pinentry.dialogues[0].texts.description, new RegExp(`register.*Site: ${origin}`, 's'));
    assert.equal((await agent.waiting('key-pin')).triesLeft, 8);

    assert.ok((await site.signIn(credential, allow(credential))).verified);
    const found = await site.signIn(credential, { rpId: RP_ID });
    assert.equal(found.answer.response.userHandle, site.userId);
    assert.deepEqual(found.answer.clientExtensionResults, {});
  });
});

test('the site learns what kind of key it is only where it asks', async () => {
  await inSandbox(['key-0'], async ({ site }) => {
    const direct = await site.register({ attestation: 'direct' });
    assert.ok(direct.attested);
    assert.notEqual(direct.credential.aaguid, '00000000-0000-0000-0000-000000000000');
    for (const attestation of ['none', 'indirect']) {
      const { attested, credential } = await site.register({ attestation });
      assert.ok(!attested);
      assert.equal(credential.aaguid, '00000000-0000-0000-0000-000000000000');
    }
    const { credential } = await site.register({ rp: { name: 'Sandbox', id: 'sandbox.example' } });
    await site.signIn(credential, { rpId: 'sandbox.example', ...allow(credential) });
  });
});

test('verification: required, preferred, discouraged', async () => {
  await inSandbox([{ name: 'key-0', pin: PIN }], async ({ site, pinentry, keys }) => {
    const { credential } = await site.register();
    let asked = pinentry.dialogues.length;
    assert.ok(!(await site.signIn(credential, { ...allow(credential), userVerification: 'discouraged' })).verified);
    assert.equal(pinentry.dialogues.length, asked, 'nobody is asked for a PIN that the site does not want');
    await site.signIn(credential, { ...allow(credential), userVerification: 'required', verification: true });
    await keys.ctl('finger', 'key-0', 'on');
    asked = pinentry.dialogues.length;
    await site.signIn(credential, { ...allow(credential), userVerification: 'required', verification: true });
    assert.equal(pinentry.dialogues.length, asked, 'a finger needs no PIN');
  });
  await inSandbox(['key-0'], async ({ site }) => {
    const { credential, verified } = await site.register();
    assert.ok(!verified, 'preferred does without where there is no PIN');
    assert.ok(!(await site.signIn(credential, allow(credential))).verified);
  });
});

test('a wrong PIN is asked for again, and a key that is blocked is not', async () => {
  await inSandbox([{ name: 'key-0', pin: PIN }], async ({ site, pinentry, keys }) => {
    const { credential } = await site.register();
    pinentry.always(null);
    const answer = site.get(allow(credential));
    (await pinentry.next()).answer('9999');
    const again = await pinentry.next();
    assert.match(again.texts.error, /PIN is wrong/);
    assert.equal((await keys.state('key-0')).tries, 7, 'a PIN goes to the key once');
    again.answer(PIN);
    await site.verify(await answer, credential);
    await keys.ctl('pin', 'key-0', 'tries', '0');
    await refusedAs('NotAllowedError', 'key-blocked', site.get({ ...allow(credential), userVerification: 'required' }));
  });
});

test('extensions: prf, largeBlob, credProtect, minPinLength', async () => {
  await inSandbox([{ name: 'key-0', pin: PIN }], async ({ site }) => {
    const { answer, credential } = await site.register({
      ...discoverable, extensions: { prf: {}, largeBlob: { support: 'required' }, minPinLength: true },
    });
    assert.deepEqual(answer.clientExtensionResults, { prf: { enabled: true }, largeBlob: { supported: true } });
    const extended = async (extensions) =>
      (await site.signIn(credential, { ...allow(credential), extensions })).answer.clientExtensionResults;

    const [one, two] = ['one', 'two'].map((text) => Buffer.from(text).toString('base64url'));
    const { prf: { results: first } } = await extended({ prf: { eval: { first: one, second: two } } });
    const { prf: { results: second } } = await extended({ prf: { evalByCredential: { [credential.id]: { first: two } } } });
    assert.equal(Buffer.from(first.first, 'base64url').length, 32);
    assert.equal(second.first, first.second);
    assert.notEqual(first.first, first.second);
    assert.equal(second.second, undefined);

    assert.deepEqual(await extended({ largeBlob: { read: true } }), { largeBlob: {} });
    const blob = randomBytes(100).toString('base64url');
    assert.deepEqual(await extended({ largeBlob: { write: blob } }), { largeBlob: { written: true } });
    assert.deepEqual(await extended({ largeBlob: { read: true } }), { largeBlob: { blob } });
  });
  await inSandbox([{ name: 'key-0', pin: PIN }], async ({ agent, site }) => {
    const { credential } = await site.register({
      ...discoverable,
      extensions: { credentialProtectionPolicy: 'userVerificationRequired', enforceCredentialProtectionPolicy: true },
    });
    await site.signIn(credential, { ...allow(credential), userVerification: 'required', verification: true });
    // Without its person it does not even say that it is there.
    const answer = site.get({ ...allow(credential), userVerification: 'discouraged' });
    await agent.waiting('other-key');
    await agent.request('operation.cancel', { request: agent.lastId() });
    await refusedAs('AbortError', 'cancelled', answer);
  });
});

test('a key that is registered already is told apart, once it is touched', async () => {
  await inSandbox(['key-0'], async ({ site }) => {
    const { credential } = await site.register();
    await refusedAs('InvalidStateError', 'key-registered',
      site.create({ excludeCredentials: allow(credential).allowCredentials }));
    await site.register({ excludeCredentials: [{ type: 'public-key', id: randomBytes(32).toString('base64url') }] });
  });
});

test('a page learns nothing of the keys that are in before one is used', async () => {
  await inSandbox([{ name: 'key-0', pin: PIN }], async ({ sandbox, site, keys, origin, pinentry }) => {
    const { credential } = await site.register();
    await keys.ctl('delay', 'key-0', 'command');
    pinentry.always(null);
    const page = await connectPage(sandbox, origin);
    const strange = { id: randomBytes(32).toString('base64url') };
    const heard = async (method, publicKey, shown) => {
      const from = page.notifications.length;
      const answer = page.request(method, { publicKey: { challenge: site.challenge(), ...publicKey } });
      const window = await shown();
      assert.match(window.texts.description, new RegExp(`Site: ${origin}`));
      const told = page.notifications.slice(from);
      await page.request('operation.cancel', { request: told[0].params.request });
      await refusedAs('AbortError', 'cancelled', answer);
      await window.gone;
      return told.map(({ params: { request, ...told } }) => told);
    };
    const verified = (...allowed) => ({ ...allow(...allowed), userVerification: 'required' });
    const unverified = (...allowed) => ({ ...allow(...allowed), userVerification: 'discouraged' });
    const registration = (...excluded) => ({
      rp: { name: 'Sandbox' }, user: { id: site.userId, name: 'a', displayName: 'A' },
      pubKeyCredParams: [{ type: 'public-key', alg: -7 }], excludeCredentials: allow(...excluded).allowCredentials,
    });
    const hearsNothing = async (...asked) => assert.deepEqual(await heard(...asked), [{ for: 'use-key' }]);
    await hearsNothing('webauthn.get', unverified(credential), () => pinentry.notice(/Touch your security key to sign in/));
    await hearsNothing('webauthn.get', unverified(strange), () => pinentry.notice(/Plug in another one/));
    await hearsNothing('webauthn.get', verified(credential), () => pinentry.next());
    await hearsNothing('webauthn.create', registration(strange), () => pinentry.next());
    await hearsNothing('webauthn.create', registration(credential), () => pinentry.notice(/Touch your security key/));
    await keys.ctl('unplug', 'key-0');
    await hearsNothing('webauthn.get', unverified(credential), () => pinentry.notice(/Plug in your security key/));
    page.close();
  });
});

test('that a key has no PIN, or a blocked one, is said to whoever has touched it', async () => {
  await inSandbox([{ name: 'key-0', pin: PIN }, { name: 'key-1', plugged: false }], async ({ site, keys }) => {
    const { credential } = await site.register();
    const saidAfterTouch = async (key, name, reason, answer) => {
      await keys.ctl('blinks', key);
      await keys.ctl('touch', key);
      await refusedAs(name, reason, answer);
    };
    await keys.ctl('pin', 'key-0', 'tries', '0');
    await keys.ctl('delay', 'key-0', 'command');
    await saidAfterTouch('key-0', 'NotAllowedError', 'key-blocked',
      site.get({ ...allow(credential), userVerification: 'required' }));
    await keys.ctl('unplug', 'key-0');
    await keys.ctl('delay', 'key-1', 'command');
    await keys.ctl('plug', 'key-1');
    await saidAfterTouch('key-1', 'ConstraintError', 'key-pin-not-set',
      site.create({ authenticatorSelection: { userVerification: 'required' } }));
  });
});

test('what no key can do is refused at once', async () => {
  await inSandbox(['key-0'], async ({ site, keys }) => {
    await refusedAs('NotSupportedError', 'algorithm-unknown',
      site.create({ pubKeyCredParams: [{ type: 'public-key', alg: -65535 }] }));
    await refusedAs('ConstraintError', 'key-unable',
      site.create({ authenticatorSelection: { authenticatorAttachment: 'platform' } }));
    await refusedAs('TypeError', 'invalid-request', site.create({ user: 'alice' }));
    await refusedAs('TypeError', 'invalid-request', site.get({ challenge: 'AAAA' }));
    assert.equal((await keys.state('key-0')).messages, 0);
  });
});

test('nobody uses the keys of another site, and no key hears of it', async () => {
  await inSandbox(['key-0'], async ({ site, keys, origin }) => {
    for (const rpId of [
      'example', 'com', 'evil.example', 'other.sandbox.example', 'login.provider.sandbox.example', 'ovider.sandbox.example',
      'PROVIDER.sandbox.example', 'provider.sandbox.example.', '.sandbox.example', 'provider.sandbox.example:443',
      'https://provider.sandbox.example', 'prövider.sandbox.example', '127.0.0.1', '[::1]', '*.sandbox.example',
    ]) {
      await refusedAs('SecurityError', 'rp-id-not-allowed', site.get({ rpId }));
      await refusedAs('SecurityError', 'rp-id-not-allowed', site.create({ rp: { name: 'x', id: rpId } }));
    }
    for (const appid of [
      'https://evil.example/', 'http://provider.sandbox.example/', 'https://provider.sandbox.example@evil.example/',
      'https://example/', 'provider.sandbox.example',
    ]) {
      await refusedAs('SecurityError', 'rp-id-not-allowed', site.get({ extensions: { appid } }));
      await refusedAs('SecurityError', 'rp-id-not-allowed', site.create({ extensions: { appidExclude: appid } }));
    }
    await refusedAs('NotAllowedError', 'not-allowed', site.get({}, { origin: 'https://evil.example' }));
    await refusedAs('NotAllowedError', 'not-allowed', site.get({}, { origin: `${origin}:8443` }));
    assert.equal((await keys.state('key-0')).messages, 0);
  });
});

test('an old key signs, for the site and for an appid', async () => {
  await inSandbox(['key-0'], async ({ site, keys }) => {
    await keys.ctl('option', 'key-0', 'u2f-only', 'on');
    const { credential } = await site.register({ attestation: 'direct' });
    const appid = 'https://sandbox.example/app-id.json';
    const { answer } = await site.signIn(credential, { ...allow(credential), extensions: { appid } });
    assert.deepEqual(answer.clientExtensionResults, { appid: false });

    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const id = randomBytes(64).toString('base64url');
    await keys.ctl('import', 'key-0', appid, id,
      privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url'), '-');
    const old = { id, publicKey: cose(publicKey.export({ format: 'jwk' })), counter: 0 };
    const withAppid = await site.get({ ...allow(old), extensions: { appid } });
    assert.deepEqual(withAppid.clientExtensionResults, { appid: true });
    await site.verify(withAppid, old, { rpId: appid });
  });
});

// ES256 as COSE (RFC 9052 §7).
const cose = ({ x, y }) => Buffer.concat([Buffer.from('a5010203262001215820', 'hex'), Buffer.from(x, 'base64url'),
  Buffer.from('225820', 'hex'), Buffer.from(y, 'base64url')]);

test('of two keys the one that is registered is asked, or the one that is touched', async () => {
  await inSandbox([{ name: 'key-0', delay: 'command' }, { name: 'key-1', delay: 'command' }], async ({ agent, site, keys }) => {
    const made = site.create();
    await agent.waiting('key-choice');
    await keys.ctl('touch', 'key-1');
    await agent.waiting('touch');
    await keys.ctl('touch', 'key-1');
    const answer = await made;
    const { credential } = await verifyKeyRegistration(answer,
      { origin: site.origin, rpId: RP_ID, redeem: site.redeem, verification: false });
    assert.match(await keys.ctl('credentials', 'key-1'), new RegExp(credential.id));

    const got = site.get({ ...allow(credential), userVerification: 'discouraged' });
    const { reader } = await agent.waiting('touch');
    assert.match(reader, /key-1/);
    assert.equal((await keys.state('key-0')).blinking, 0, 'the other key does not blink');
    await keys.ctl('touch', 'key-1');
    await site.verify(await got, { ...credential, userHandle: site.userId });
  });
});

test('of two accounts on a key the person chooses one', async () => {
  await inSandbox([{ name: 'key-0', pin: PIN }], async ({ sandbox, site }) => {
    const accounts = [];
    for (const name of ['alice', 'bob']) {
      site.userId = randomBytes(16).toString('base64url');
      const { credential } = await site.register({
        ...discoverable, user: { id: site.userId, name, displayName: name.toUpperCase() },
      });
      accounts.push(credential);
    }
    const seen = await chooseAccount(sandbox, 'BOB');
    const { answer } = await site.signIn(accounts[1], {});
    assert.equal(answer.response.userHandle, accounts[1].userHandle);
    assert.deepEqual(await seen(), ['ALICE', 'BOB']);
    await chooseAccount(sandbox, 'ALICE');
    await site.signIn(accounts[0], {});
  });
});

// In the place of the window: chooses the account of that name, and says which there were
// (ipc/chooser_message.h).
async function chooseAccount(sandbox, name) {
  const program = join(sandbox.helpers, 'lanyard-chooser');
  const seen = join(sandbox.directory, 'accounts');
  await writeFile(`${program}.mjs`, `
    import { writeFileSync } from 'node:fs';
    import { Socket } from 'node:net';
    const agent = new Socket({ fd: 0 });
    let read = Buffer.alloc(0);
    agent.on('data', (data) => {
      read = Buffer.concat([read, data]);
      if (read.length < 4 || read.length < 4 + read.readUInt32BE()) return;
      let at = 10;
      const number = () => read.readUInt16BE((at += 2) - 2);
      const text = () => { const size = number(); return read.subarray(at, at += size).toString(); };
      text();
      const count = number();
      number();
      const names = Array.from({ length: count }, () => [text(), text(), text()][0]);
      writeFileSync(${JSON.stringify(seen)}, JSON.stringify([...names].sort()));
      const answer = Buffer.alloc(11);
      answer.writeUInt32BE(7);
      answer[4] = 1;
      answer.writeUInt16BE(names.indexOf(${JSON.stringify(name)}), 9);
      agent.end(answer);
    });
  `);
  await writeFile(program, `#!/bin/sh\nexec env -u LD_PRELOAD '${process.execPath}' '${program}.mjs'\n`, { mode: 0o700 });
  return async () => JSON.parse(await readFile(seen, 'utf8'));
}

test('a request can be given up at every stage, and the key rests', async () => {
  await inSandbox([{ name: 'key-0', pin: PIN, delay: 'command' }], async ({ agent, site, keys, pinentry }) => {
    pinentry.always(null);
    const giveUp = async (answer, request) => {
      await agent.request('operation.cancel', { request });
      await refusedAs('AbortError', 'cancelled', answer);
      await keys.ctl('closed', 'key-0');
    };
    // while the PIN is asked for
    let answer = site.create();
    let request = agent.lastId();
    const dialogue = await pinentry.next();
    await giveUp(answer, request);
    await dialogue.gone;
    // while it is to be touched
    answer = site.create({ authenticatorSelection: { userVerification: 'discouraged' } });
    request = agent.lastId();
    await keys.ctl('blinks', 'key-0');
    // and while another waits for its turn
    const second = site.get({ userVerification: 'discouraged' });
    const turn = agent.lastId();
    await agent.waiting('turn');
    await agent.request('operation.cancel', { request: turn });
    await refusedAs('AbortError', 'cancelled', second);
    await giveUp(answer, request);
    await keys.ctl('rests', 'key-0');
    // while another key is to be plugged in, and while any is
    answer = site.get({ ...allow({ id: randomBytes(32).toString('base64url') }), userVerification: 'discouraged' });
    request = agent.lastId();
    await agent.waiting('other-key');
    await giveUp(answer, request);
    await keys.ctl('unplug', 'key-0');
    answer = site.get();
    request = agent.lastId();
    await agent.waiting('key');
    await agent.request('operation.cancel', { request });
    await refusedAs('AbortError', 'cancelled', answer);
    // by the person
    await keys.ctl('plug', 'key-0');
    answer = site.create();
    (await pinentry.next()).cancel();
    await refusedAs('NotAllowedError', 'cancelled', answer);
    // and then it goes on as ever
    await keys.ctl('delay', 'key-0', '0');
    pinentry.always((each) => each.answer(PIN));
    await site.register();
  });
});

test('who leaves gives up', async () => {
  await inSandbox([{ name: 'key-0', delay: 'never' }], async ({ sandbox, site, keys }) => {
    const other = await connectNative(sandbox);
    site.create({}, other);
    await keys.ctl('blinks', 'key-0');
    await other.close();
    await keys.ctl('closed', 'key-0');
  });
});

test('a key that comes late is used, and one that is pulled out ends it', async () => {
  await inSandbox([{ name: 'key-0', plugged: false }], async ({ agent, site, keys }) => {
    const late = site.register();
    await agent.waiting('key');
    await keys.ctl('plug', 'key-0');
    const { credential } = await late;
    await keys.ctl('delay', 'key-0', 'never');
    const answer = site.get(allow(credential));
    await keys.ctl('blinks', 'key-0');
    await keys.ctl('unplug', 'key-0');
    await refusedAs('NotAllowedError', 'key-removed', answer);
    await keys.ctl('delay', 'key-0', '0');
    await keys.ctl('plug', 'key-0');
    await site.signIn(credential, allow(credential));
  });
});

test('a sign-in that means a session has the session key signed', async () => {
  await inSandbox([{ name: 'key-0', pin: PIN }], async ({ site }) => {
    const { credential } = await site.register();
    const { sessionKey, answer } = await site.signIn(credential, allow(credential), { session: true });
    assert.equal(sessionKey.crv, 'P-256');
    const text = Buffer.from(answer.response.clientDataJSON, 'base64url').toString();
    assert.match(text, /^\{"type":"webauthn\.get","challenge":"[\w-]{43}","origin":"https:\/\/provider\.sandbox\.example","crossOrigin":false,"lanyard_cnf":\{"jwk":\{"kty":"EC","crv":"P-256","x":"[\w-]{43}","y":"[\w-]{43}"\}\}\}$/);
    assert.equal((await site.signIn(credential, allow(credential))).sessionKey, null);
  });
});

test('a card and a key are used at the same time', async () => {
  await inSandbox([{ name: 'key-0', pin: PIN, delay: 'command' }], async ({ agent, sandbox, pinentry, signIn, site, keys }) => {
    pinentry.always(null);
    const other = await connectNative(sandbox);
    const card = signIn({}, other);
    const cardPin = await pinentry.next();
    const key = site.create();
    const keyPin = await pinentry.next();
    assert.match(cardPin.texts.description, /Reader: /);
    assert.match(keyPin.texts.description, /Security key: /);
    keyPin.answer(PIN);
    await keys.ctl('blinks', 'key-0');
    cardPin.answer(CARD_PIN);
    assert.equal((await readToken((await card).token)).header.typ, 'lanyard-card+jwt');
    await agent.waiting('touch');
    await keys.ctl('touch', 'key-0');
    await verifyKeyRegistration(await key, { origin: site.origin, rpId: RP_ID, redeem: site.redeem, verification: true });
  }, { card: 'alice', readers: ['reader-0'] });
});
