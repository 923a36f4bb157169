// SPDX-License-Identifier: MIT
//
// The provider's session endpoint where somebody comes with a security key (ipc/PROTOCOL.md, section
// 6, "Security keys"). Agent and key are played, and do what no honest ones would; SimpleWebAuthn
// checks what the key has signed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeKey } from '../sandbox/make-key.mjs';
import { sessionJwk } from '../sandbox/make-token.mjs';
import { startSessionRig } from '../sandbox/session-rig.mjs';

const ALICE = '555000000101';
const BOB = '555000000102';

let rig;
let agent;
let keys; // by uid
before(async () => {
  rig = await startSessionRig({ keys: {} });
  agent = await rig.agent('bob');
  keys = { [ALICE]: await registered(ALICE), [BOB]: await registered(BOB) };
});
after(() => rig.close());

async function registered(uid) {
  const { op } = rig;
  const key = makeKey();
  const options = op.keys.creationOptions('AAAA', { uid, title: '', givenName: 'X', familyName: 'Y' });
  await op.keys.register(key.register(options, { origin: op.origin }), { uid }, { redeem: () => 'ok', at: 0 });
  return key;
}

const challenge = async () => (await agent.request('POST', '/challenge', { body: {}, dpop: null })).body;

// An honest assertion for a fresh challenge, except for what is given.
async function signed({ uid = BOB, key = keys[uid], publicKey, ...how } = {}) {
  return key.sign(publicKey ?? (await challenge()).publicKey, { origin: rig.op.origin, cnf: { jwk: agent.jwk }, ...how });
}

const open = async (how) => agent.request('POST', '', { body: { assertion: await signed(how) } });

async function opened(uid) {
  const answer = await open({ uid });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  agent.sid = answer.body.sid;
  return answer.body;
}

async function refused(answer, status, error) {
  const { status: is, body } = await answer;
  assert.deepEqual([is, body.error], [status, error]);
}

test('a challenge says that keys are taken, and the PIN is owed', async () => {
  const { challenge: nonce, algorithms, publicKey } = await challenge();
  assert.ok(algorithms.length > 0);
  assert.deepEqual([publicKey.challenge, publicKey.rpId, publicKey.userVerification], [nonce, 'localhost', 'required']);
});

test('a key opens a session, bound to the session key that it has vouched for', async () => {
  const { uid, acr, amr, credential_public_key: publicKey } = await opened();
  assert.deepEqual({ uid, acr, amr }, { uid: BOB, acr: 'AAL3_FIDO2', amr: ['FIDO2'] });
  assert.deepEqual(Buffer.from(publicKey, 'base64url'), Buffer.from(rig.op.keys.of({ uid: BOB })[0].publicKey));
  const { status, body } = await agent.look();
  assert.deepEqual([status, body.credential_public_key], [200, publicKey]);
  const other = await rig.agent('bob');
  other.sid = agent.sid;
  await refused(other.look(), 401, 'invalid_dpop_proof');
});

test('what opens none', async () => {
  const before = rig.op.sessions.all().length;
  await refused(open({ cnf: undefined }), 403, 'wrong-session-key'); // a browser's, or a page's own
  await refused(open({ cnf: { jwk: sessionJwk() } }), 401, 'invalid_dpop_proof'); // vouches for another's
  await refused(open({ verified: false }), 403, 'key-unverified');
  await refused(open({ origin: 'http://localhost:1' }), 403, 'wrong-origin');
  await refused(open({ rpId: 'elsewhere.test' }), 403, 'wrong-rp-id');
  await refused(open({ key: makeKey() }), 403, 'key-unknown');
  await refused(agent.request('POST', '', { body: { assertion: 7 } }), 403, 'key-unknown');
  assert.equal(rig.op.sessions.all().length, before);
});

test('a challenge is good once, for two minutes, and for agents only', async () => {
  const assertion = await signed();
  assert.equal((await agent.request('POST', '', { body: { assertion } })).status, 201);
  await refused(agent.request('POST', '', { body: { assertion } }), 403, 'unknown-challenge');
  const { publicKey } = await challenge();
  rig.clock.advance(121);
  await refused(open({ publicKey }), 403, 'stale-challenge');
  const page = await rig.browser().start(rig.apps[0]);
  await refused(open({ publicKey: { ...publicKey, challenge: await page.challenge() } }), 403, 'unknown-challenge');
});

test('a fresh PIN inside the session, by the same person and for the same session key', async () => {
  const authenticate = async (how) =>
    agent.request('POST', `/${agent.sid}/authentication`, { body: { assertion: await signed(how) } });
  const { auth_time: first } = await opened();
  rig.clock.advance(60);
  const { body } = await authenticate();
  assert.deepEqual([body.auth_time, body.acr], [first + 60, 'AAL3_FIDO2']);
  await refused(authenticate({ uid: ALICE }), 403, 'another-person');
  await refused(authenticate({ cnf: { jwk: sessionJwk() } }), 401, 'invalid_dpop_proof');
  assert.equal((await agent.look()).body.auth_time, first + 60);
});

test('a provider that takes no keys says nothing of them, and takes none', async () => {
  const cards = await startSessionRig();
  try {
    const other = await cards.agent('bob');
    const { body } = await other.request('POST', '/challenge', { body: {}, dpop: null });
    assert.equal(body.publicKey, undefined);
    const assertion = await signed();
    await refused(other.request('POST', '', { body: { assertion } }), 403, 'malformed');
  } finally {
    await cards.close();
  }
});
