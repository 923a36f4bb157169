// SPDX-License-Identifier: MIT
//
// Web eID tokens as the agent and a virtual card make them, in the eyes of a provider that holds
// them to the rules of the Web eID project's validation libraries.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { TokenRefused } from '../sandbox/op/card-token.mjs';
import { verifyWebEidToken } from '../sandbox/op/web-eid-token.mjs';
import { trustOf } from '../sandbox/people.mjs';
import { inSandbox, PIN } from './card-rig.mjs';

// As the libraries make it: base64 of 32 bytes, with the padding.
const newNonce = () => randomBytes(32).toString('base64');

// Resolves with the token of that person's card, and a provider's check of it.
async function withToken(card, play) {
  await inSandbox({ card }, async ({ sandbox, pinentry, origin, signIn }) => {
    pinentry.always((dialogue) => dialogue.answer(PIN));
    const nonce = newNonce();
    const { format, token } = await signIn({ challenge: nonce, format: 'web-eid:1.1' });
    assert.equal(format, 'web-eid:1.1');
    assert.match(token.appVersion, /^lanyard:\d+\.\d+\.\d+$/);
    const trust = await trustOf(sandbox.people);
    const redeem = () => 'ok';
    const verify = (more) => verifyWebEidToken(token, { origin, nonce, redeem, trust, ...more });
    await play({ token, origin, verify });
  });
}

for (const [card, uid, algorithms] of [
  ['alice', '555000000101', [['RSA', 'SHA-256', 'PSS'], ['RSA', 'SHA-256', 'PKCS1.5']]],
  ['carol', '555000000103', [['ECC', 'SHA-384', 'NONE']]],
]) {
  test(`${card}'s card brings the certificate for documents: web-eid:1.1`, () =>
    withToken(card, async ({ token, verify }) => {
      assert.equal(token.format, 'web-eid:1.1');
      assert.equal('unverifiedIntermediateCertificates' in token, false);
      const { uid: found, certificate, signing } = verify();
      assert.equal(found, uid);
      assert.equal(signing.length, 1);
      assert.ok(!signing[0].certificate.raw.equals(certificate.raw));
      assert.deepEqual(signing[0].algorithms.map(Object.values), algorithms);
    }));
}

test('a card with nothing to add makes web-eid:1.0', () =>
  withToken('ivan', async ({ token, verify }) => {
    assert.deepEqual(Object.keys(token).sort(),
      ['algorithm', 'appVersion', 'format', 'signature', 'unverifiedCertificate']);
    assert.equal(token.format, 'web-eid:1.0');
    assert.equal(verify().uid, '555000000109');
  }));

test('a token is for one site and one challenge', () =>
  withToken('bob', async ({ origin, verify }) => {
    verify();
    for (const other of [{ origin: `${origin}:444` }, { origin: 'https://elsewhere.test' }, { nonce: newNonce() }]) {
      assert.throws(() => verify(other), (error) =>
        error instanceof TokenRefused && error.reason === 'bad-signature');
    }
  }));

test('a challenge is 44 to 128 printable ASCII characters', () =>
  inSandbox({ card: 'bob' }, async ({ pinentry, signIn }) => {
    const ask = (challenge) => signIn({ challenge, format: 'web-eid:1.1', interaction: 'silent' });
    for (const challenge of ['a'.repeat(43), 'a'.repeat(129), `${'a'.repeat(44)}\n`, 'é'.repeat(44), '']) {
      await assert.rejects(ask(challenge), (error) => error.code === -32602 && /44 to 128/.test(error.message));
    }
    for (const challenge of ['a'.repeat(44), ' ~'.repeat(64)]) {
      await assert.rejects(ask(challenge), (error) => error.reason === 'interaction-required');
    }
    assert.equal(pinentry.dialogues.length, 0);
  }));
