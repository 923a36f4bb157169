// SPDX-License-Identifier: MIT
//
// The provider's session endpoint from an agent's side (ipc/PROTOCOL.md, section 6): what an honest
// agent gets, and what somebody gets who has a part of what is needed and not all of it. The agent
// is played; the real one has its own tests.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeKeyPair } from '../sandbox/keys.mjs';
import { readCard, sessionJwk } from '../sandbox/make-token.mjs';
import { makeAgent, startSessionRig } from '../sandbox/session-rig.mjs';

let rig;
before(async () => { rig = await startSessionRig({ limits: { life: 36_000, idle: 3600 } }); });
after(() => rig.close());

async function opened(card = 'alice') {
  const agent = await rig.agent(card);
  const answer = await agent.open();
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return agent;
}

const says = ({ status, body }, wanted, error) => {
  assert.equal(status, wanted, JSON.stringify(body));
  if (error) assert.equal(body.error, error);
};

test('a card opens a session, and the agent learns whose it is and in which roles', async () => {
  const agent = await rig.agent('alice');
  const { status, body } = await agent.open();
  assert.equal(status, 201);
  assert.match(body.sid, /^[\w.~-]{1,128}$/);
  const { sid, auth_time: authTime, roles, ...rest } = body;
  assert.ok(sid && Number.isInteger(authTime));
  assert.deepEqual(rest, {
    uid: '555000000101', name: 'Dr Alice Adams', acr: 'AAL3_CIS2_SMARTCARD', amr: ['CIS2_SMARTCARD'],
    role: null, expires_in: 36_000, idle: 3600, keep_alive: 60,
  });
  assert.deepEqual(roles.map(({ name, organisation }) => `${name}, ${organisation}`), [
    'Clinical Practitioner Access Role, Willow Surgery',
    'Admin/Clinical Support Access Role, Willow Surgery',
    'Health Professional Access Role, Northwick General Hospital',
  ]);
  assert.deepEqual((await agent.look()).body, body);
});

test('one role is chosen by itself; nobody is kept out for having none', async () => {
  const bob = await (await opened('bob')).look();
  assert.equal(bob.body.role, bob.body.roles[0].id);
  const dave = await (await opened('dave')).look();
  assert.deepEqual([dave.body.role, dave.body.roles], [null, []]);
});

test('what is left of the session is counted from its opening', async () => {
  const agent = await opened();
  await agent.look();
  rig.clock.advance(600);
  assert.equal((await agent.look()).body.expires_in, 35_400);
});

test('after ten hours the session is over', async () => {
  const agent = await opened();
  await agent.look();
  rig.clock.advance(36_000);
  says(await agent.look(), 404);
});

for (const [what, name] of [
  [(agent) => agent.look(), 'a look'],
  [(agent) => agent.role('x'), 'a change of role'],
  [(agent) => agent.authenticate(), 'an authentication'],
]) {
  test(`a session that nobody names for two minutes is forgotten; ${name} keeps it`, async () => {
    const forgotten = await opened();
    const kept = await opened();
    rig.clock.advance(60);
    await what(kept);
    rig.clock.advance(61);
    says(await forgotten.look(), 404);
    says(await kept.look(), 200);
  });
}

test('a proof by another key names nothing, so it does not keep the session either', async () => {
  const agent = await opened();
  const thief = makeAgent({ ...rig, card: await readCard(rig.people, 'alice') });
  thief.sid = agent.sid;
  await thief.challenge(); // for the nonce
  says(await thief.look(), 401, 'invalid_dpop_proof');
  rig.clock.advance(121);
  says(await agent.look(), 404);
});

test('the role changes to another of the person\'s, and to nobody else\'s', async () => {
  const agent = await opened();
  const { roles } = (await agent.look()).body;
  const changed = await agent.role(roles[2].id);
  says(changed, 200);
  assert.equal(changed.body.role, roles[2].id);
  says(await agent.role('555000000102001'), 403, 'role-unknown');
  for (const nonsense of [undefined, null, 5, {}, [roles[0].id], '']) {
    says(await agent.role(nonsense), 403, 'role-unknown');
  }
  assert.equal((await agent.look()).body.role, roles[2].id);
});

test('the card once more moves the time of the PIN, and nothing else', async () => {
  const agent = await opened();
  await agent.role((await agent.look()).body.roles[1].id);
  const { auth_time: first, expires_in: before_, ...rest } = (await agent.look()).body;
  rig.clock.advance(900);
  const answer = await agent.authenticate();
  says(answer, 200);
  const { auth_time: second, expires_in: left, ...same } = answer.body;
  assert.equal(second, first + 900);
  assert.equal(left, before_ - 900);
  assert.deepEqual(same, rest);
});

test('another card of the same person will do; another person\'s will not', async () => {
  const agent = await opened();
  const card = await readCard(rig.people, 'alice-again');
  says(await agent.authenticate({ card }), 200);
  const { auth_time: time } = (await agent.look()).body;
  rig.clock.advance(10);
  says(await agent.authenticate({ card: await readCard(rig.people, 'bob') }), 403, 'another-person');
  assert.equal((await agent.look()).body.auth_time, time);
});

test('a card that vouches for another key renews nothing', async () => {
  const agent = await opened();
  says(await agent.authenticate({ claims: { cnf: { jwk: sessionJwk() } } }), 401, 'invalid_dpop_proof');
});

for (const [card, reason] of [
  ['erin', 'certificate-revoked'], ['frank', 'certificate-expired'],
  ['judy', 'certificate-not-yet-valid'], ['grace', 'issuer-unknown'],
]) {
  test(`${card}'s card opens nothing: ${reason}`, async () => {
    const agent = await rig.agent(card);
    says(await agent.open(), 403, reason);
  });
}

test('a card token for another site, challenge or time opens nothing', async () => {
  const agent = await rig.agent('alice');
  const tries = async (how, reason) =>
    says(await agent.request('POST', '', { body: { token: await agent.token(how) } }), 403, reason);
  await tries({ claims: { aud: 'https://elsewhere.test' } }, 'wrong-origin');
  await tries({ challenge: Buffer.alloc(33).toString('base64url') }, 'unknown-challenge');
  const used = await agent.challenge();
  const token = await agent.token({ challenge: used });
  says(await agent.request('POST', '', { body: { token } }), 201);
  says(await agent.request('POST', '', { body: { token } }), 403, 'unknown-challenge');
  const old = await agent.challenge();
  rig.clock.advance(121);
  await tries({ challenge: old }, 'stale-challenge');
});

test('a challenge of the sign-in page is none of the endpoint\'s', async () => {
  const agent = await rig.agent('alice');
  const page = await rig.browser().start(rig.apps[0]);
  const token = await agent.token({ challenge: await page.challenge() });
  await agent.challenge();
  says(await agent.request('POST', '', { body: { token } }), 403, 'unknown-challenge');
});

test('a stolen card token is worth nothing without the key that it vouches for', async () => {
  const agent = await rig.agent('alice');
  const thief = await rig.agent('bob');
  const token = await agent.token();
  await thief.challenge();
  says(await thief.request('POST', '', { body: { token } }), 401, 'invalid_dpop_proof');
});

// --- DPoP ---

async function refusesProof(error, change, { dpop } = {}) {
  const agent = await opened();
  const url = `${rig.op.sessionEndpoint}/${agent.sid}`;
  const proof = dpop ? await dpop(agent, url) : await agent.proof('GET', url, await change(agent, url));
  const answer = await agent.request('GET', `/${agent.sid}`, { dpop: proof });
  says(answer, 401, error);
  assert.equal(answer.headers.get('www-authenticate'), `DPoP error="${error}", algs="ES256"`);
  assert.ok(answer.headers.get('dpop-nonce'));
}

test('the first proof has to come back with the server\'s nonce', async () => {
  const challenge = await (await rig.agent('alice')).challenge();
  const agent = await rig.agent('alice'); // who has no nonce yet
  const token = await agent.token({ challenge });
  const first = await agent.request('POST', '', { body: { token }, once: true });
  says(first, 401, 'use_dpop_nonce');
  assert.equal(first.headers.get('dpop-nonce'), agent.nonce);
  says(await agent.request('POST', '', { body: { token } }), 201); // and its challenge is not used up
});

test('a nonce that is not the server\'s is no nonce', () =>
  refusesProof('use_dpop_nonce', () => ({ claims: { nonce: 'made-up' } })));

test('nonces change; the last one stays good for a while, an older one does not', async () => {
  const agent = await opened();
  await agent.look();
  const first = agent.nonce;
  const withNonce = async (nonce) => {
    const url = `${rig.op.sessionEndpoint}/${agent.sid}`;
    return agent.request('GET', `/${agent.sid}`, { dpop: await agent.proof('GET', url, { claims: { nonce } }) });
  };
  rig.clock.advance(301);
  const later = await withNonce(first);
  says(later, 200);
  assert.notEqual(later.headers.get('dpop-nonce'), first);
  rig.clock.advance(301);
  says(await withNonce(first), 401, 'use_dpop_nonce');
});

test('a proof is good once', async () => {
  const agent = await opened();
  const dpop = await agent.proof('GET', `${rig.op.sessionEndpoint}/${agent.sid}`);
  says(await agent.request('GET', `/${agent.sid}`, { dpop }), 200);
  says(await agent.request('GET', `/${agent.sid}`, { dpop }), 401, 'invalid_dpop_proof');
});

test('a proof for one request is none for another', async () => {
  const agent = await opened();
  const url = `${rig.op.sessionEndpoint}/${agent.sid}`;
  const role = { role: (await agent.look()).body.roles[0].id };
  const tries = async (dpop) => says(await agent.request('PUT', `/${agent.sid}/role`, { body: role, dpop }), 401);
  await tries(await agent.proof('GET', url));
  await tries(await agent.proof('PUT', url));
  await tries(await agent.proof('POST', `${url}/role`));
  assert.equal((await agent.look()).body.role, null);
});

test('address, method, time, id and type have to be right', async () => {
  const now = Math.floor(rig.clock.now() / 1000);
  for (const claims of [
    { htm: 'get' }, { htm: undefined }, { htu: undefined }, { htu: 'x' }, { htu: 5 },
    { htu: `https://elsewhere.test/${'x'.repeat(20)}` },
    { iat: now - 61 }, { iat: now + 61 }, { iat: `${now}` }, { iat: now + 0.5 }, { iat: undefined },
    { jti: undefined }, { jti: '' }, { jti: 7 }, { jti: 'x'.repeat(129) },
  ]) await refusesProof('invalid_dpop_proof', () => ({ claims }));
  for (const typ of ['JWT', 'lanyard-session+jwt', undefined]) {
    await refusesProof('invalid_dpop_proof', () => ({ header: { typ } }));
  }
});

test('query and fragment are no part of the address', async () => {
  const agent = await opened();
  const url = `${rig.op.sessionEndpoint}/${agent.sid}`;
  says(await agent.request('GET', `/${agent.sid}`, { dpop: await agent.proof('GET', `${url}?a=b#c`) }), 200);
});

test('the key in the header is the session\'s, public, and the one that signed', async () => {
  const other = makeKeyPair('ec', { namedCurve: 'P-256' });
  const jwk = other.publicKey.export({ format: 'jwk' });
  for (const change of [
    () => ({ key: other.privateKey }),
    () => ({ key: other.privateKey, header: { jwk } }),
    (agent) => ({ header: { jwk: agent.keys.privateKey.export({ format: 'jwk' }) } }),
    () => ({ header: { jwk: undefined } }),
    () => ({ header: { jwk: { kty: 'oct', k: 'AAAA' } } }),
  ]) await refusesProof('invalid_dpop_proof', change);
});

test('only ES256', async () => {
  const { privateKey, publicKey } = makeKeyPair('ec', { namedCurve: 'P-384' });
  await refusesProof('invalid_dpop_proof', () => ({
    key: privateKey, header: { alg: 'ES384', jwk: publicKey.export({ format: 'jwk' }) },
  }));
});

test('no proof, nonsense and two proofs at once are no proof', async () => {
  for (const dpop of [null, 'x', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.']) {
    await refusesProof('invalid_dpop_proof', null, { dpop: () => dpop });
  }
  await refusesProof('invalid_dpop_proof', null, {
    dpop: async (agent, url) => `${await agent.proof('GET', url)}, ${await agent.proof('GET', url)}`,
  });
});

// --- the end ---

test('the statement ends the session, and says nothing new a second time', async () => {
  const agent = await opened();
  await agent.look();
  const statement = await agent.statement();
  const ended = await agent.end(statement);
  says(ended, 204);
  assert.equal(ended.body, '');
  says(await agent.look(), 404);
  says(await agent.role('x'), 404);
  says(await agent.authenticate(), 404);
  says(await agent.end(statement), 204);
});

test('a statement that was kept for the whole of the session still ends it', async () => {
  const agent = await opened();
  await agent.look();
  const statement = await agent.statement();
  rig.clock.advance(35_000);
  says(await agent.end(statement), 204);
  says(await agent.look(), 404);
});

test('the end of a session that nobody knows is told without a complaint', async () => {
  const agent = await rig.agent('alice');
  agent.sid = 'unknown';
  says(await agent.end(), 204);
});

test('nobody ends somebody else\'s session', async () => {
  const alice = await opened('alice');
  const bob = await opened('bob');
  await alice.look();
  for (const statement of [
    await bob.statement({ claims: { sid: alice.sid } }),
    await alice.statement({ claims: { aud: rig.op.origin } }),
    await alice.statement({ claims: { aud: [rig.op.sessionEndpoint, 'https://elsewhere.test'] } }),
    await alice.statement({ claims: { iat: undefined } }),
    await alice.statement({ header: { typ: 'lanyard-session+jwt' } }),
    await alice.prove('x'),
    await alice.proof('POST', `${rig.op.sessionEndpoint}/end`, { claims: { sid: alice.sid } }),
    'x', 'a.b.c', '',
  ]) says(await alice.end(statement), 401);
  says(await alice.look(), 200);
});

// --- what is no request at all ---

test('what is no request is refused, and the server goes on', async () => {
  const agent = await rig.agent('alice');
  await agent.challenge();
  for (const body of ['{', '[]', '"x"', 'null', '']) {
    says(await agent.request('POST', '/end', { body: body || ' ', dpop: null }), 400, 'malformed');
  }
  says(await agent.request('POST', '/end', { body: { statement: 'x' }, dpop: null, type: 'text/plain' }), 400);
  says(await agent.request('POST', '', { body: { token: 'x'.repeat(70_000) } }), 400);
  for (const token of [undefined, null, 5, {}, '', 'a.b.c']) {
    says(await agent.request('POST', '', { body: { token } }), 403, 'malformed');
  }
  for (const [method, path] of [
    ['GET', ''], ['DELETE', '/x'], ['GET', '/x/role'], ['POST', '/x/y/z'], ['GET', '/../x'],
    ['PUT', `/${'x'.repeat(129)}/role`], ['GET', '/%00'],
  ]) says(await agent.request(method, path), 404);
  says(await agent.open(), 201);
});

test('a provider without sessions has no endpoint', async () => {
  const plain = await startSessionRig({ sessions: false });
  try {
    assert.equal(plain.op.sessionEndpoint, null);
    const response = await fetch(`${plain.op.issuer}/session/challenge`, { method: 'POST', body: '{}' });
    assert.equal(response.status, 404);
  } finally {
    await plain.close();
  }
});

// --- the endpoint misbehaves on command, for the tests of agents (op/faults.mjs) ---

test('a fault meets the requests it is meant for, as often as it is meant to', async () => {
  const agent = await opened();
  await agent.look();
  const busy = rig.op.fault({ on: /^GET/, times: 2, status: 503, retryAfter: 30 });
  const first = await agent.look();
  says(first, 503);
  assert.equal(first.headers.get('retry-after'), '30');
  says(await agent.role('x'), 403, 'role-unknown');
  says(await agent.look(), 503);
  says(await agent.look(), 200);
  await busy.reached;
  const gone = rig.op.fault({ on: `GET /${agent.sid}`, cut: 'request' });
  await assert.rejects(agent.look(), TypeError);
  gone.lift();
  says(await agent.look(), 200);
  rig.op.fault({ times: 1, cut: 'middle' });
  await assert.rejects(agent.look(), TypeError);
  rig.op.fault({ times: 1, garbage: true });
  await assert.rejects(agent.look(), SyntaxError);
  says(await agent.look(), 200);
});

test('a fault may cut the answer off and do what was asked, or keep somebody waiting', async () => {
  const agent = await opened();
  const { roles } = (await agent.look()).body;
  rig.op.fault({ on: /^PUT/, times: 1, cut: 'answer' });
  await assert.rejects(agent.role(roles[1].id), TypeError);
  assert.equal((await agent.look()).body.role, roles[1].id);
  const slow = rig.op.fault({ on: /^GET/, hold: true });
  const looked = agent.look();
  await slow.reached;
  slow.lift();
  says(await looked, 200);
});
