// SPDX-License-Identifier: MIT
//
// What the provider accepts and refuses of security keys. The key, the agent and the browser are
// played; the provider is real, and SimpleWebAuthn checks for it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeKey } from '../sandbox/make-key.mjs';
import { makeKeyPair } from '../sandbox/keys.mjs';
import { sessionJwk } from '../sandbox/make-token.mjs';
import { startSessionRig } from '../sandbox/session-rig.mjs';

let rig;
let ward;
before(async () => {
  rig = await startSessionRig({ keys: {} });
  [ward] = rig.apps;
});
after(() => rig.close());

// The page for security keys, in a browser in which whoever has that card is signed in.
async function registrar(card) {
  const agent = await rig.agent(card);
  await agent.open();
  await agent.look();
  const browser = rig.browser();
  await browser.signIn(ward, agent);
  return registrarIn(browser);
}

function registrarIn(browser) {
  const url = `${rig.op.origin}/security-keys`;
  return {
    page: () => browser.go(url),
    options: async () => (await browser.post(`${url}/options`, {})).body,
    register: (registration) => browser.post(`${url}/registration`, { registration }),
  };
}

async function registered(card) {
  const key = makeKey();
  const { options, register } = await registrar(card);
  const { status } = await register(key.register(await options(), { origin: rig.op.origin }));
  assert.equal(status, 200);
  return key;
}

// The sign-in page in another browser: challenge(), and bring(assertion).
async function signInPage(query) {
  const browser = rig.browser();
  const { url } = await browser.start(ward, query);
  return {
    browser,
    options: async () => (await browser.post(`${url}/key-options`, {})).body,
    bring: (assertion) => browser.post(`${url}/assertion`, { assertion }),
  };
}

async function refused(promise, reason) {
  const { status, body } = await promise;
  assert.equal(status, 403, JSON.stringify(body));
  assert.equal(body.refused.reason, reason);
  assert.ok(body.refused.sentence && body.refused.advice);
}

test('a registered key signs in, is worth AAL3, and the session is bound to the key it has vouched for', async () => {
  const key = await registered('bob');
  const { browser, options, bring } = await signInPage();
  const { body } = await bring(key.sign(await options(), { origin: rig.op.origin, cnf: { jwk: sessionJwk() } }));
  await browser.go(body.next);
  const { who, role, acr, amr } = await browser.sees(ward);
  assert.deepEqual({ who, role, acr, amr },
    { who: 'Mr Bob Brown', role: 'Nurse Access Role', acr: 'AAL3_FIDO2', amr: 'FIDO2' });
  const session = rig.op.sessions.find(body.sid);
  assert.equal(session.acr, 'AAL3_FIDO2');
  assert.equal(session.provisional, true); // until the agent has named it
});

test('a key that a browser has asked signs in without a session for an agent', async () => {
  const key = await registered('bob');
  const { browser, options, bring } = await signInPage();
  const { body } = await bring(key.sign(await options(), { origin: rig.op.origin }));
  assert.equal(body.sid, undefined);
  await browser.go(body.next);
  assert.equal((await browser.sees(ward)).who, 'Mr Bob Brown');
});

test('what a key has signed is for this site, this challenge, its own user, with its PIN', async () => {
  const key = await registered('alice');
  const { origin } = rig.op;
  const { options, bring } = await signInPage();
  const tries = async (how, reason) => refused(bring(key.sign(await options(), { origin, ...how })), reason);
  await tries({ origin: 'http://localhost:1' }, 'wrong-origin');
  await tries({ rpId: 'elsewhere.test' }, 'wrong-rp-id');
  await tries({ verified: false }, 'key-unverified');
  await tries({ user: 'AAAA' }, 'another-user');
  await tries({ key: makeKeyPair('ec', { namedCurve: 'P-256' }).privateKey }, 'bad-signature');
  await tries({ claims: { type: 'webauthn.create' } }, 'malformed');
  await tries({ claims: { challenge: Buffer.alloc(33).toString('base64url') } }, 'unknown-challenge');
  await tries({ claims: { crossOrigin: true, topOrigin: 'https://evil.test' } }, 'malformed');
  await refused(bring(undefined), 'key-unknown');
  await refused(bring({ id: key.id }), 'malformed');
  await refused(bring(makeKey().sign(await options(), { origin })), 'key-unknown');
});

test('a session key that is no key of its kind is refused', async () => {
  const key = await registered('alice');
  const { options, bring } = await signInPage();
  for (const cnf of [null, {}, { jwk: {} }, { jwk: sessionJwk('P-384') }, { jwk: sessionJwk(), more: 1 }]) {
    await refused(bring(key.sign(await options(), { origin: rig.op.origin, cnf })), 'wrong-session-key');
  }
});

test('a challenge is good once and for two minutes', async () => {
  const key = await registered('bob');
  const { options, bring } = await signInPage();
  const { origin } = rig.op;
  const first = await options();
  await refused(bring(key.sign(first, { origin, verified: false })), 'key-unverified');
  await refused(bring(key.sign(first, { origin })), 'unknown-challenge');
  const second = await options();
  rig.clock.advance(121);
  await refused(bring(key.sign(second, { origin })), 'stale-challenge');
});

test('a key whose counter goes back may be a copy, and is refused', async () => {
  const key = await registered('bob');
  const { origin } = rig.op;
  const sign = async (count) => {
    const { options, bring } = await signInPage();
    return bring(key.sign(await options(), { origin, count }));
  };
  assert.equal((await sign(10)).status, 200);
  await refused(sign(10), 'key-copied');
  await refused(sign(9), 'key-copied');
  assert.equal((await sign(11)).status, 200);
});

test('where the application expects somebody, that person\'s keys are named; otherwise none are', async () => {
  const key = await registered('carol');
  const { options } = await signInPage('?login_hint=555000000103');
  const { allowCredentials, rpId, userVerification } = await options();
  assert.deepEqual(allowCredentials, [{ type: 'public-key', id: key.id, transports: ['usb'] }]);
  assert.deepEqual({ rpId, userVerification }, { rpId: 'localhost', userVerification: 'required' });
  assert.equal((await (await signInPage()).options()).allowCredentials, undefined);
});

test('a looser policy lets a key in without its PIN, which is worth less', async () => {
  const key = await registered('bob');
  rig.op.keys.policy.verification = 'discouraged';
  try {
    const { options, bring } = await signInPage();
    const { body } = await bring(key.sign(await options(),
      { origin: rig.op.origin, verified: false, cnf: { jwk: sessionJwk() } }));
    assert.equal(rig.op.sessions.find(body.sid).acr, 'AAL2_ANY');
  } finally {
    rig.op.keys.policy.verification = 'required';
  }
});

// --- registering ---

test('only whoever is signed in registers a key, from our own page', async () => {
  const stranger = registrarIn(rig.browser());
  const { status, text } = await stranger.page();
  assert.equal(status, 403);
  assert.match(text, /Sign in first/);
  assert.equal((await stranger.register({})).status, 403);
  const bob = await registrar('bob');
  assert.match((await bob.page()).text, /Bob Brown, you have registered/);
});

test('a registration is for this site, this challenge and one person, and happens once', async () => {
  const { origin } = rig.op;
  const { options, register } = await registrar('bob');
  const tries = async (how, reason) => refused(register(makeKey().register(await options(), { origin, ...how })), reason);
  await tries({ origin: 'https://elsewhere.test' }, 'wrong-origin');
  await tries({ rpId: 'elsewhere.test' }, 'wrong-rp-id');
  await tries({ verified: false }, 'key-unverified');
  await tries({ claims: { type: 'webauthn.get' } }, 'malformed');
  await refused(register(undefined), 'malformed');
  const alice = await registrar('alice');
  await refused(register(makeKey().register(await alice.options(), { origin })), 'unknown-challenge');
  const key = makeKey();
  assert.equal((await register(key.register(await options(), { origin }))).status, 200);
  await refused(register(key.register(await options(), { origin })), 'key-registered');
  assert.ok((await options()).excludeCredentials.some(({ id }) => id === key.id));
});

test('where the policy wants to know who made a key, one that cannot say is refused', async () => {
  rig.op.keys.policy.attestation = true;
  try {
    const { origin } = rig.op;
    const { options, register } = await registrar('bob');
    assert.equal((await options()).attestation, 'direct');
    await refused(register(makeKey().register(await options(), { origin })), 'key-unattested');
    await refused(register(makeKey().register(await options(), { origin, self: true })), 'key-unattested');
    const empty = new Map([['alg', -7], ['sig', Buffer.alloc(8)], ['x5c', []]]);
    const { status } = await register(makeKey().register(await options(), { origin, statement: empty }));
    assert.equal(status, 403);
  } finally {
    rig.op.keys.policy.attestation = false;
  }
});

test('a provider that takes no keys offers none and knows none', async () => {
  const other = await startSessionRig();
  try {
    const browser = other.browser();
    const { url, text } = await browser.start(other.apps[0]);
    assert.ok(!text.includes('with-key'));
    assert.equal((await browser.post(`${url}/key-options`, {})).status, 404);
    assert.equal((await browser.go(`${other.op.origin}/security-keys`)).status, 404);
  } finally {
    await other.close();
  }
});
