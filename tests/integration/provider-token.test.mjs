// SPDX-License-Identifier: MIT
//
// What a provider accepts and refuses, on card-token.mjs, the file that providers copy. One honest
// token of each kind of key passes; each thing that can be wrong with one has its own reason, and
// nothing but the expected reason counts.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  makeCardToken, makeWebEidToken, readCard, sessionJwk, withIntermediates, withSigning,
} from '../sandbox/make-token.mjs';
import { verifyCardToken } from '../sandbox/op/card-token.mjs';
import { makeChallenges } from '../sandbox/op/challenges.mjs';
import { verifyWebEidToken } from '../sandbox/op/web-eid-token.mjs';
import { makePeople, trustOf } from '../sandbox/people.mjs';

const ORIGIN = 'https://op.sandbox.test';
const BROWSER = 'a-browser';
let people;
let trust;
let bob;
let alice;

before(async () => {
  people = await makePeople();
  trust = await trustOf(people);
  bob = await readCard(people, 'bob');
  alice = await readCard(people, 'alice');
});

// A provider that has just issued a challenge, its clock in our hands.
function provider() {
  const clock = { now: new Date() };
  const challenges = makeChallenges({ clock: () => clock.now.getTime() });
  const nonce = challenges.issue(BROWSER);
  const redeem = (given) => challenges.redeem(given, BROWSER);
  const verify = (token, more) =>
    verifyCardToken(token, { origin: ORIGIN, redeem, trust, now: clock.now, ...more });
  return { clock, challenges, nonce, redeem, verify };
}

const refusal = (reason) => (error) => {
  assert.equal(error.reason, reason, error.stack);
  return true;
};

async function refuses(reason, card, change = {}) {
  const { nonce, verify } = provider();
  const token = await makeCardToken(card, { origin: ORIGIN, nonce, ...change });
  await assert.rejects(verify(token), refusal(reason));
}

for (const [name, alg] of [['alice', 'RS256'], ['alice', 'PS256'], ['bob', 'ES256'], ['carol', 'ES384'], ['dave', 'RS256']]) {
  test(`accepts ${name}'s card with ${alg}`, async () => {
    const { nonce, verify } = provider();
    const card = await readCard(people, name);
    const jwk = sessionJwk();
    const token = await makeCardToken(card, { origin: ORIGIN, nonce, alg, claims: { cnf: { jwk } } });
    const { uid, sessionKey } = await verify(token);
    assert.match(uid, /^5550000001\d\d$/);
    assert.deepEqual(sessionKey, jwk);
  });
}

test('refuses a token for another site', () => refuses('wrong-origin', bob, { claims: { aud: 'https://op.sandbox.test.evil' } }));
test('refuses a challenge that it never issued', () =>
  refuses('unknown-challenge', bob, { claims: { nonce: Buffer.alloc(32).toString('base64url') } }));

test('refuses the same token a second time', async () => {
  const { nonce, verify } = provider();
  const token = await makeCardToken(bob, { origin: ORIGIN, nonce });
  await verify(token);
  await assert.rejects(verify(token), refusal('unknown-challenge'));
});

test('refuses a challenge of another browser', async () => {
  const { challenges, verify } = provider();
  const nonce = challenges.issue('another-browser');
  await assert.rejects(verify(await makeCardToken(bob, { origin: ORIGIN, nonce })), refusal('unknown-challenge'));
});

test('refuses a challenge older than two minutes', async () => {
  const { clock, nonce, verify } = provider();
  clock.now = new Date(clock.now.getTime() + 121_000);
  const token = await makeCardToken(bob, { origin: ORIGIN, nonce, at: clock.now });
  await assert.rejects(verify(token), refusal('stale-challenge'));
});

test('refuses a token that is too old, whatever it says of its end', () => {
  const at = new Date(Date.now() - 200_000);
  return refuses('token-expired', bob, { at, claims: { exp: Math.floor(Date.now() / 1000) + 3600 } });
});

test('refuses a token from the future', () =>
  refuses('token-from-the-future', bob, { at: new Date(Date.now() + 3_600_000) }));

test('refuses an altered payload', async () => {
  const { nonce, verify } = provider();
  const [header, payload, signature] = (await makeCardToken(bob, { origin: ORIGIN, nonce })).split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  const altered = Buffer.from(JSON.stringify({ ...claims, cnf: { jwk: sessionJwk() } })).toString('base64url');
  await assert.rejects(verify([header, altered, signature].join('.')), refusal('bad-signature'));
});

test('refuses a signature by another card\'s key', async () => {
  const { key } = await readCard(people, 'alice-again');
  await refuses('bad-signature', bob, { key });
});

test('refuses an algorithm that the certificate\'s key does not make', async () => {
  await refuses('wrong-algorithm', bob, { alg: 'RS256', key: alice.key });
  await refuses('wrong-algorithm', alice, { alg: 'RS512' });
});

test('refuses another type, so that no other signed object passes for a sign-in', async () => {
  await refuses('wrong-type', bob, { header: { typ: 'lanyard-session+jwt' } });
  await refuses('wrong-type', bob, { header: { typ: undefined } });
});

test('refuses a token that is for another site as well', () =>
  refuses('wrong-origin', bob, { claims: { aud: [ORIGIN, 'https://elsewhere.test'] } }));

test('refuses a token that does not end two minutes after its beginning', async () => {
  const now = Math.floor(Date.now() / 1000);
  for (const claims of [{ exp: 9_999_999_999 }, { exp: now + 60 }, { iat: now + 0.5, exp: now + 120.5 }]) {
    await refuses('malformed', bob, { claims });
  }
});

test('refuses claims of another type', async () => {
  for (const jti of [{}, [], 5, null, '']) await refuses('malformed', bob, { claims: { jti } });
  for (const iat of ['1', null, {}]) await refuses('malformed', bob, { claims: { iat } });
  const { nonce, verify } = provider();
  const token = await makeCardToken(bob, { origin: ORIGIN, nonce: [nonce] });
  await assert.rejects(verify(token, { redeem: () => 'ok' }), refusal('unknown-challenge'));
});

test('refuses certificates with anything besides their DER in base64', async () => {
  const { raw } = bob.certificate;
  for (const entry of [
    Buffer.concat([raw, Buffer.from('more')]).toString('base64'),
    Buffer.from(bob.certificate.toString()).toString('base64'),
    `!!${raw.toString('base64')}===`,
    raw.toString('base64url'),
    [raw.toString('base64')],
    [...raw],
    null,
  ]) {
    await refuses('malformed', bob, { header: { x5c: [entry] } });
    await refuses('malformed', bob, { header: { x5c: [raw.toString('base64'), entry] } });
    await refusesWebEid('malformed', bob, { unverifiedCertificate: entry });
  }
  for (const x5c of ['abc', { length: 1 }, null, undefined]) await refuses('malformed', bob, { header: { x5c } });
});

test('refuses a session key that is none', async () => {
  await refuses('wrong-session-key', bob, { claims: { cnf: { jwk: sessionJwk('P-384') } } });
  await refuses('wrong-session-key', bob, { claims: { cnf: {} } });
  await refuses('wrong-session-key', bob, { claims: { cnf: { jwk: { ...sessionJwk(), d: 'x' } } } });
  await refuses('wrong-session-key', bob, { claims: { cnf: null } });
  await refuses('wrong-session-key', bob, { claims: { cnf: { jwk: null } } });
  await refuses('wrong-session-key', bob, { claims: { cnf: { jwk: sessionJwk(), jkt: 'another' } } });
  await refuses('malformed', bob, { claims: { cnf: undefined } });
});

test('refuses a session key that is no point of the curve, or is not written as one', async () => {
  const { x, y, ...kind } = sessionJwk();
  for (const jwk of [
    { ...kind, x: 'A'.repeat(43), y: 'B'.repeat(43) },
    { ...kind, x: [x], y },
    { ...kind, x: `${x}=`, y },
    { ...kind, x: `AAAA${x}`, y },
    { ...kind, x, y: undefined },
  ]) await refuses('wrong-session-key', bob, { claims: { cnf: { jwk } } });
});

for (const [name, reason] of [
  ['erin', 'certificate-revoked'], ['frank', 'certificate-expired'],
  ['judy', 'certificate-not-yet-valid'], ['grace', 'unknown-authority'],
]) {
  test(`refuses ${name}'s card: ${reason}`, async () => refuses(reason, await readCard(people, name)));
}

test('refuses the key for prescriptions: it is not for signing in', async () =>
  refuses('key-not-for-signing', await readCard(people, 'bob', '9c')));

test('refuses when it cannot know whether the card was revoked', async () => {
  const { nonce, verify } = provider();
  const token = await makeCardToken(bob, { origin: ORIGIN, nonce });
  await assert.rejects(verify(token, { trust: { ...trust, lists: [] } }), refusal('revocation-unknown'));
});

test('refuses when the revocation list is older than it may be', async () => {
  const { clock, challenges, verify } = provider();
  clock.now = new Date(clock.now.getTime() + 60 * 86_400_000);
  const nonce = challenges.issue(BROWSER);
  const token = await makeCardToken(bob, { origin: ORIGIN, nonce, at: clock.now });
  await assert.rejects(verify(token), refusal('revocation-unknown'));
});

test('trusts no authority that came with the token', async () => {
  const grace = await readCard(people, 'grace');
  await refuses('unknown-authority', grace, { x5c: [grace.certificate, bob.certificate, alice.certificate] });
});

test('refuses what is no token at all', async () => {
  const { verify } = provider();
  for (const nonsense of ['', 'x', 'a.b.c', '..', 'eyJhbGciOiJub25lIn0..']) {
    await assert.rejects(verify(nonsense), refusal('malformed'));
  }
  await refuses('malformed', bob, { x5c: [] });
});

test('refuses a Web eID token with a challenge that is no text', () => {
  for (const nonce of [undefined, 5, ['a'], {}]) {
    const token = makeWebEidToken(bob, { origin: ORIGIN, nonce: 'a' });
    assert.throws(() => verifyWebEidToken(token, { origin: ORIGIN, nonce, redeem: () => 'ok', trust }),
      refusal('unknown-challenge'));
  }
});

function webEid(card, { nonce, redeem }, change = {}, believed = trust) {
  const token = makeWebEidToken(card, { origin: ORIGIN, nonce, ...change });
  return verifyWebEidToken(token, { origin: ORIGIN, nonce, redeem, trust: believed });
}

async function refusesWebEid(reason, card, change) {
  assert.throws(() => webEid(card, provider(), change), refusal(reason));
}

for (const name of ['alice', 'bob']) {
  test(`accepts ${name}'s card in the Web eID format`, async () => {
    const { uid, signing } = webEid(await readCard(people, name), provider());
    assert.match(uid, /^5550000001\d\d$/);
    assert.deepEqual(signing, []);
  });
}

test('finds the way to its anchor by the intermediates that a Web eID token brings', () => {
  const [sub] = trust.intermediates;
  const withoutSub = { ...trust, intermediates: [] };
  assert.equal(webEid(bob, provider(), withIntermediates(sub), withoutSub).uid, '555000000102');
  assert.throws(() => webEid(bob, provider(), {}, withoutSub), refusal('unknown-authority'));
  assert.throws(() => webEid(bob, provider(), withIntermediates(alice.certificate), withoutSub),
    refusal('unknown-authority'));
});

test('gets the certificate for documents out of a Web eID token', async () => {
  const { certificate } = await readCard(people, 'bob', '9c');
  const { uid, signing } = webEid(bob, provider(), withSigning(certificate));
  assert.equal(uid, '555000000102');
  assert.equal(signing.length, 1);
  assert.ok(signing[0].certificate.raw.equals(certificate.raw));
  assert.deepEqual(signing[0].algorithms,
    [{ cryptoAlgorithm: 'ECC', hashFunction: 'SHA-256', paddingScheme: 'NONE' }]);
});

test('refuses a certificate for documents that is not this person\'s, or not for documents', async () => {
  const documents = async (name) => (await readCard(people, name, '9c')).certificate;
  await refusesWebEid('wrong-signing-certificate', bob, withSigning(await documents('alice')));
  await refusesWebEid('wrong-signing-certificate', bob, withSigning(await documents('grace')));
  await refusesWebEid('wrong-signing-certificate', bob, withSigning(bob.certificate));
  const frank = await readCard(people, 'frank'); // whose certificates have all expired
  await refusesWebEid('certificate-expired', frank, withSigning(await documents('frank')));
});

test('refuses Web eID tokens whose members do not fit their format', async () => {
  const { certificate } = await readCard(people, 'bob', '9c');
  const [sub] = trust.intermediates;
  const { unverifiedSigningCertificates: [entry] } = withSigning(certificate);
  for (const change of [
    { format: 'web-eid:1.1' },
    { ...withIntermediates(sub), format: 'web-eid:1.0' },
    { ...withSigning(certificate), format: 'web-eid:1.0' },
    withIntermediates(),
    { ...withIntermediates(sub), unverifiedSigningCertificates: [] },
    { ...withIntermediates(sub), unverifiedSigningCertificates: null },
    { format: 'web-eid:1.1', unverifiedIntermediateCertificates: ['AAAA'] },
    { format: 'web-eid:1.1', unverifiedIntermediateCertificates: [null] },
    { format: 'web-eid:1.1', unverifiedSigningCertificates: [{ ...entry, supportedSignatureAlgorithms: [] }] },
    { format: 'web-eid:1.1', unverifiedSigningCertificates: [{ ...entry, certificate: undefined }] },
    { format: 'web-eid:1.1', unverifiedSigningCertificates: [null] },
    withSigning(certificate, { cryptoAlgorithm: 'EC' }),
    withSigning(certificate, { hashFunction: 'SHA256' }),
    withSigning(certificate, { paddingScheme: undefined }),
  ]) await refusesWebEid('malformed', bob, change);
});

test('refuses Web eID tokens of another site, format, algorithm, person or challenge', async () => {
  const erin = await readCard(people, 'erin');
  const again = await readCard(people, 'alice-again');
  for (const [reason, card, change] of [
    ['bad-signature', bob, { origin: 'https://elsewhere.test' }],
    ['bad-signature', bob, { nonce: Buffer.alloc(33).toString('base64') }],
    ['wrong-type', bob, { format: 'web-eid:2.0' }],
    ['wrong-type', bob, { format: undefined }],
    ['wrong-algorithm', bob, { algorithm: 'RS256' }],
    ['wrong-algorithm', bob, { algorithm: 'toString' }],
    ['wrong-algorithm', bob, { algorithm: { toString: 1 } }],
    ['wrong-type', bob, { format: { toString: 1 } }],
    ['malformed', bob, { signature: undefined }],
    ['malformed', bob, { signature: `!!${makeWebEidToken(bob, { origin: ORIGIN, nonce: 'x' }).signature}` }],
    ['bad-signature', bob, { unverifiedCertificate: again.certificate.raw.toString('base64') }],
    ['malformed', bob, { unverifiedCertificate: 'AAAA' }],
    ['certificate-revoked', erin, {}],
  ]) await refusesWebEid(reason, card, change);
});
