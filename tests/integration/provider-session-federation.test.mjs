// SPDX-License-Identifier: MIT
//
// What applications see of a session: one proof signs in to each of them, the role and the time of
// the PIN are the session's, and its end is everybody's at once. Agent and browser are played; the
// provider and two applications are real.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { makeKeyPair } from '../sandbox/keys.mjs';
import { startSessionRig } from '../sandbox/session-rig.mjs';

let rig;
let ward;
let prescriptions;
before(async () => {
  rig = await startSessionRig();
  [ward, prescriptions] = rig.apps;
});
after(() => rig.close());

// An agent with a session that it has confirmed, in the role with that number.
async function signedIn(card = 'alice', role = 0) {
  const agent = await rig.agent(card);
  await agent.open();
  const { roles } = (await agent.look()).body;
  if (roles.length > 1 && role !== null) await agent.role(roles[role].id);
  return agent;
}

const refused = async (promise, reason) => {
  const { status, body } = await promise;
  assert.equal(status, 403, JSON.stringify(body));
  assert.equal(body.refused.reason, reason);
  assert.ok(body.refused.sentence && body.refused.advice);
};

test('one proof signs in, without a card and without a page to choose a role', async () => {
  const agent = await signedIn('alice', 1);
  const browser = rig.browser();
  const end = await browser.signIn(ward, agent);
  assert.equal(end.url, `${ward.origin}/`);
  const { who, role, organisation, uid, acr, amr } = await browser.sees(ward);
  assert.deepEqual({ who, role, organisation, uid, acr, amr }, {
    who: 'Dr Alice Adams', role: 'Admin/Clinical Support Access Role', organisation: 'Willow Surgery (W0001)',
    uid: '5550 0000 0101', acr: 'AAL3_CIS2_SMARTCARD', amr: 'CIS2_SMARTCARD',
  });
});

test('a second application asks nothing more of the browser; another browser gets its own by a proof', async () => {
  const agent = await signedIn();
  const browser = rig.browser();
  await browser.signIn(ward, agent);
  await browser.go(`${prescriptions.origin}/sign-in`);
  assert.equal((await browser.sees(prescriptions)).who, 'Dr Alice Adams');
  const other = rig.browser();
  await other.signIn(prescriptions, agent);
  assert.equal((await other.sees(prescriptions)).who, 'Dr Alice Adams');
});

// --- proofs ---

test('a proof is for this site, this challenge, now, by the session\'s key', async () => {
  const agent = await signedIn();
  const bob = await signedIn('bob');
  const page = await rig.browser().start(ward);
  const now = Math.floor(rig.clock.now() / 1000);
  const other = makeKeyPair('ec', { namedCurve: 'P-256' });
  const tries = async (change, reason) =>
    refused(page.prove(await agent.prove(await page.challenge(), change)), reason);
  await tries({ claims: { aud: 'https://elsewhere.test' } }, 'wrong-origin');
  await tries({ claims: { aud: [rig.op.origin] } }, 'wrong-origin');
  await tries({ claims: { aud: undefined } }, 'wrong-origin');
  await tries({ claims: { nonce: Buffer.alloc(33).toString('base64url') } }, 'unknown-challenge');
  await tries({ claims: { nonce: undefined } }, 'malformed');
  await tries({ claims: { iat: now - 200, exp: now - 80 } }, 'token-expired');
  await tries({ claims: { iat: now + 300, exp: now + 420 } }, 'token-from-the-future');
  await tries({ claims: { exp: now + 3600 } }, 'malformed');
  await tries({ header: { typ: 'lanyard-card+jwt' } }, 'wrong-type');
  await tries({ header: { typ: 'dpop+jwt' } }, 'wrong-type');
  await tries({ key: other.privateKey }, 'bad-signature');
  await tries({ key: other.privateKey, header: { jwk: other.publicKey.export({ format: 'jwk' }) } }, 'bad-signature');
  await tries({ claims: { sid: bob.sid } }, 'bad-signature');
  await tries({ claims: { sid: 'unknown' } }, 'unknown-session');
  await tries({ claims: { sid: undefined } }, 'unknown-session');
  for (const nonsense of ['', 'x', 'a.b.c', null, {}]) await refused(page.prove(nonsense), 'malformed');
  const { status } = await page.prove(await agent.prove(await page.challenge()));
  assert.equal(status, 200);
});

test('a proof is good once, for two minutes, and in the browser that asked for it', async () => {
  const agent = await signedIn();
  const [page, elsewhere] = [await rig.browser().start(ward), await rig.browser().start(ward)];
  const challenge = await page.challenge();
  const proof = await agent.prove(challenge);
  await refused(elsewhere.prove(proof), 'unknown-challenge');
  assert.equal((await page.prove(proof)).status, 200);
  await refused(page.prove(proof), 'unknown-challenge');
  const late = await page.challenge();
  rig.clock.advance(121);
  await refused(page.prove(await agent.prove(late)), 'stale-challenge');
  const endpointChallenge = await agent.challenge();
  await refused(page.prove(await agent.prove(endpointChallenge)), 'unknown-challenge');
});

test('a session that has ended proves nothing', async () => {
  const agent = await signedIn();
  const page = await rig.browser().start(ward);
  const challenge = await page.challenge();
  await agent.end();
  await refused(page.prove(await agent.prove(challenge)), 'unknown-session');
});

test('a session that ends between the proof and the way back signs nobody in', async () => {
  const agent = await signedIn();
  const browser = rig.browser();
  const page = await browser.start(ward);
  const { body } = await page.prove(await agent.prove(await page.challenge()));
  await agent.end();
  assert.match((await browser.go(body.next)).url, /\/sign-in\//);
  assert.equal((await browser.sees(ward)).who, undefined);
});

// --- the page has the card sign ---

test('a page that has the card sign gets a session for the agent to begin', async () => {
  const agent = await rig.agent('alice');
  const browser = rig.browser();
  const page = await browser.start(ward);
  const { status, body } = await page.token(await agent.token({ challenge: await page.challenge() }));
  assert.equal(status, 200);
  agent.sid = body.sid;
  const looked = await agent.look(); // what session.begin does
  assert.equal(looked.body.uid, '555000000101');
  await agent.role(looked.body.roles[2].id);
  await browser.go(body.next);
  assert.equal((await browser.sees(ward)).role, 'Health Professional Access Role');
  rig.clock.advance(600);
  assert.equal((await agent.look()).status, 200);
});

test('where no agent begins it, the session and what was opened with it end after two minutes', async () => {
  const agent = await rig.agent('bob');
  const browser = rig.browser();
  const page = await browser.start(ward);
  const { body } = await page.token(await agent.token({ challenge: await page.challenge() }));
  await browser.go(body.next);
  assert.equal((await browser.sees(ward)).who, 'Mr Bob Brown');
  const { ended } = await browser.listen(ward);
  rig.clock.advance(121);
  await ended;
  assert.equal((await browser.sees(ward)).who, undefined);
  agent.sid = body.sid;
  assert.equal((await agent.look()).status, 404);
});

test('a provider without sessions keeps people signed in by the browser alone', async () => {
  const plain = await startSessionRig({ sessions: false });
  try {
    const [app] = plain.apps;
    const agent = await plain.agent('bob');
    const browser = plain.browser();
    const page = await browser.start(app);
    assert.equal(page.data.by, 'card');
    const { body } = await page.token(await agent.token({ challenge: await page.challenge() }));
    assert.equal(body.sid, undefined);
    await browser.go(body.next);
    plain.clock.advance(600);
    assert.equal((await browser.sees(app, '/refresh')).role, 'Nurse Access Role');
  } finally {
    await plain.close();
  }
});

test('a provider without an endpoint believes that the session was taken over, and sees a PIN by the card alone', async () => {
  const plain = await startSessionRig({ endpoint: false });
  try {
    const [app] = plain.apps;
    const agent = await plain.agent('bob');
    const browser = plain.browser();
    const page = await browser.start(app);
    assert.equal(page.data.by, 'begin');
    const { body } = await page.token(await agent.token({ challenge: await page.challenge() }));
    agent.sid = body.sid;
    await browser.go(body.next);
    plain.clock.advance(600);
    const first = await browser.sees(app, '/refresh');
    await plain.browser().signIn(app, agent);
    const stepUp = await browser.start(app, '?max_age=60');
    assert.equal(stepUp.data.by, 'card');
    await refused(stepUp.prove(await agent.prove(await stepUp.challenge())), 'stale-authentication');
    const renewed = await stepUp.token(await agent.token({ challenge: await stepUp.challenge() }));
    assert.equal(renewed.body.sid, undefined);
    await browser.go(renewed.body.next);
    assert.notEqual((await browser.sees(app))['auth-time'], first['auth-time']);
    assert.equal(plain.op.sessions.all().length, 1);
  } finally {
    await plain.close();
  }
});

// --- roles ---

test('where the session has no role the provider asks, and the agent learns of it', async () => {
  const agent = await signedIn('alice', null);
  const browser = rig.browser();
  const page = await browser.signIn(ward, agent);
  assert.match(page.text, /Choose your role/);
  const { roles } = (await agent.look()).body;
  const { origin } = new URL(page.url);
  const choose = (role) => browser.go(`${page.url}/role`, { method: 'POST', form: { role }, origin });
  assert.equal((await choose('555000000102001')).status, 400);
  assert.equal((await browser.sees(ward)).who, undefined);
  assert.equal((await choose(roles[2].id)).url, `${ward.origin}/`);
  assert.equal((await browser.sees(ward)).role, 'Health Professional Access Role');
  assert.equal((await agent.look()).body.role, roles[2].id);
});

test('an application that does not ask for a role gets none; one that does, later, has it asked for', async () => {
  const agent = await signedIn('alice', null);
  const browser = rig.browser();
  await browser.signIn(ward, agent, '?scope=openid profile nationalrbacaccess associatedorgs');
  const { who, role } = await browser.sees(ward);
  assert.deepEqual([who, role], ['Dr Alice Adams', 'None']);
  const silent = await browser.go(`${prescriptions.origin}/sign-in?prompt=none`);
  assert.equal(silent.url, `${prescriptions.origin}/?problem=required`);
  const page = await browser.go(`${prescriptions.origin}/sign-in`);
  assert.match(page.text, /Choose your role/);
  await agent.role((await agent.look()).body.roles[0].id);
  assert.equal((await browser.sees(ward, '/refresh')).role, 'None');
  await browser.go(`${prescriptions.origin}/sign-in`);
  assert.equal((await browser.sees(prescriptions)).role, 'Clinical Practitioner Access Role');
});

test('a role that changes is seen by the next sign-in and by whoever asks again', async () => {
  const agent = await signedIn('alice', 0);
  const browser = rig.browser();
  await browser.signIn(ward, agent);
  const { roles } = (await agent.look()).body;
  await agent.role(roles[2].id);
  assert.equal((await browser.sees(ward)).role, 'Clinical Practitioner Access Role');
  assert.equal((await browser.sees(ward, '/refresh')).role, 'Health Professional Access Role');
  await browser.go(`${prescriptions.origin}/sign-in`);
  assert.equal((await browser.sees(prescriptions)).organisation, 'Northwick General Hospital (W0002)');
});

test('whoever says that it is not them ends the session everywhere', async () => {
  const agent = await signedIn('alice', null);
  const browser = rig.browser();
  const page = await browser.signIn(ward, agent);
  const left = await browser.go(`${page.url}/leave`, { method: 'POST', origin: new URL(page.url).origin });
  assert.equal(left.url, `${ward.origin}/?problem=left`);
  assert.equal((await agent.look()).status, 404);
  assert.equal((await browser.go(`${ward.origin}/sign-in?prompt=none`)).url, `${ward.origin}/?problem=required`);
});

// --- how fresh the PIN has to be ---

test('max_age: a PIN that is recent enough is not asked for, an older one is', async () => {
  const agent = await signedIn();
  const browser = rig.browser();
  await browser.signIn(ward, agent);
  rig.clock.advance(200);
  assert.equal((await browser.go(`${ward.origin}/sign-in?max_age=300`)).url, `${ward.origin}/`);
  rig.clock.advance(200);
  const silent = await browser.go(`${ward.origin}/sign-in?max_age=300&prompt=none`);
  assert.equal(silent.url, `${ward.origin}/?problem=required`);
  const page = await browser.start(ward, '?max_age=300');
  assert.equal(page.data['max-age'], '300');
  await refused(page.prove(await agent.prove(await page.challenge())), 'stale-authentication');
  await agent.authenticate();
  const { status, body } = await page.prove(await agent.prove(await page.challenge()));
  assert.equal(status, 200);
  assert.equal((await browser.go(body.next)).url, `${ward.origin}/`);
});

test('the time of the PIN that an application reads is the session\'s', async () => {
  const agent = await signedIn();
  const browser = rig.browser();
  await browser.signIn(ward, agent);
  const first = (await browser.sees(ward))['auth-time'];
  rig.clock.advance(120);
  await browser.go(`${ward.origin}/sign-in`);
  assert.equal((await browser.sees(ward))['auth-time'], first);
  await agent.authenticate();
  await browser.go(`${ward.origin}/sign-in`);
  const second = (await browser.sees(ward))['auth-time'];
  assert.notEqual(second, first);
});

test('prompt=login: only a PIN that was typed since counts, however recent the last one is', async () => {
  const agent = await signedIn();
  const browser = rig.browser();
  await browser.signIn(ward, agent);
  rig.clock.advance(1);
  const page = await browser.start(ward, '?prompt=login');
  assert.equal(page.data.interaction, 'force');
  await refused(page.prove(await agent.prove(await page.challenge())), 'stale-authentication');
  await agent.authenticate();
  const { status, body } = await page.prove(await agent.prove(await page.challenge()));
  assert.equal(status, 200);
  await browser.go(body.next);
  assert.equal((await browser.sees(ward)).who, 'Dr Alice Adams');
});

test('a sign-in that asks for no more is content with the session as it is', async () => {
  const page = await rig.browser().start(ward);
  assert.deepEqual([page.data.interaction, page.data['max-age'], page.data.by], ['if-needed', '', 'proof']);
});

test('a browser in which somebody is signed in never becomes somebody else\'s on the way', async () => {
  const [alice, bob] = [await signedIn('alice'), await signedIn('bob')];
  for (const answer of [
    async (page) => page.prove(await bob.prove(await page.challenge())),
    async (page) => page.token(await bob.token({ challenge: await page.challenge() })),
  ]) {
    const browser = rig.browser();
    await browser.signIn(ward, alice);
    const { ended } = await browser.listen(ward);
    const page = await browser.start(prescriptions, '?prompt=login');
    await bob.authenticate();
    await refused(answer(page), 'another-person');
    await ended; // and the first person is signed out of this browser
    assert.equal((await browser.sees(prescriptions)).who, undefined);
    assert.equal((await alice.look()).status, 200); // but not of their desktop
    await browser.signIn(prescriptions, bob);
    assert.equal((await browser.sees(prescriptions)).who, 'Mr Bob Brown');
  }
});

// --- prompt=none and acr ---

test('prompt=none signs in whom the browser knows already, and nobody else', async () => {
  const agent = await signedIn();
  const browser = rig.browser();
  assert.equal((await browser.go(`${ward.origin}/sign-in?prompt=none`)).url, `${ward.origin}/?problem=required`);
  await browser.signIn(ward, agent);
  assert.equal((await browser.go(`${prescriptions.origin}/sign-in?prompt=none`)).url, `${prescriptions.origin}/`);
});

test('an application gets the assurance it asks for, or an error that says so', async () => {
  const agent = await signedIn();
  for (const acr of ['AAL3_ANY', 'AAL2_OR_AAL3_ANY', 'AAL3_SMARTCARD', 'AAL1_USERPASS AAL3_CIS2_SMARTCARD']) {
    const browser = rig.browser();
    await browser.signIn(ward, agent, `?acr_values=${acr}`);
    assert.equal((await browser.sees(ward)).acr, 'AAL3_CIS2_SMARTCARD');
  }
  for (const acr of ['AAL3_FIDO2', 'AAL1_USERPASS', 'nonsense']) {
    const end = await rig.browser().go(`${ward.origin}/sign-in?acr_values=${acr}`);
    assert.equal(end.url, `${ward.origin}/?problem=assurance`);
  }
});

test('an application that expects somebody else is told, once the one who is there has proved who it is', async () => {
  const agent = await signedIn('alice');
  const browser = rig.browser();
  const query = `?claims=${JSON.stringify({ id_token: { sub: { value: '555000000102' } } })}`;
  assert.equal((await browser.signIn(ward, agent, query)).url, `${ward.origin}/?problem=required`);
  assert.equal((await browser.sees(ward)).who, undefined);
});

// --- the end ---

test('the end of the session reaches every application in every browser, and all sign in anew', async () => {
  const agent = await signedIn();
  const [one, two] = [rig.browser(), rig.browser()];
  await one.signIn(ward, agent);
  await one.go(`${prescriptions.origin}/sign-in`);
  await two.signIn(ward, agent);
  const ends = [await one.listen(ward), await one.listen(prescriptions), await two.listen(ward)];
  await agent.end();
  for (const { ended } of ends) await ended;
  for (const [browser, app] of [[one, ward], [one, prescriptions], [two, ward]]) {
    assert.equal((await browser.sees(app)).who, undefined);
    assert.equal((await browser.go(`${app.origin}/sign-in?prompt=none`)).url, `${app.origin}/?problem=required`);
    assert.match((await browser.go(`${app.origin}/sign-in`)).url, /\/sign-in\//);
  }
});

test('so does its time', async () => {
  const agent = await signedIn();
  const browser = rig.browser();
  await browser.signIn(ward, agent);
  const { ended } = await browser.listen(ward);
  rig.clock.advance(36_000);
  await ended;
  assert.equal((await browser.go(`${ward.origin}/sign-in?prompt=none`)).url, `${ward.origin}/?problem=required`);
});

test('the provider itself can end a session', async () => {
  const agent = await signedIn();
  const browser = rig.browser();
  await browser.signIn(ward, agent);
  const { ended } = await browser.listen(ward);
  rig.op.sessions.end(rig.op.sessions.find(agent.sid), 'the card was withdrawn');
  await ended;
  assert.equal((await agent.look()).status, 404);
});

test('nobody else is signed out', async () => {
  const [alice, bob] = [await signedIn('alice'), await signedIn('bob')];
  const [hers, his] = [rig.browser(), rig.browser()];
  await hers.signIn(ward, alice);
  await his.signIn(ward, bob);
  const { ended } = await hers.listen(ward);
  await alice.end();
  await ended;
  assert.equal((await his.sees(ward, '/refresh')).who, 'Mr Bob Brown');
});

test('signing out of an application ends what this browser opened, and not the session of the desktop', async () => {
  const agent = await signedIn();
  const [browser, other] = [rig.browser(), rig.browser()];
  await browser.signIn(ward, agent);
  await browser.go(`${prescriptions.origin}/sign-in`);
  await other.signIn(ward, agent);
  const { ended } = await browser.listen(prescriptions);
  const question = await browser.go(`${ward.origin}/sign-out`, { method: 'POST', origin: ward.origin });
  const [, action, xsrf] = /action="([^"]*)"><input type="hidden" name="xsrf" value="([^"]*)"/.exec(question.text);
  const done = await browser.go(action, { method: 'POST', form: { xsrf, logout: 'yes' } });
  assert.match(done.url, /\/signed-out/);
  await ended;
  assert.equal((await other.sees(ward, '/refresh')).who, 'Dr Alice Adams');
  assert.equal((await agent.look()).status, 200);
  await browser.signIn(ward, agent); // by a proof
  assert.equal((await browser.sees(ward)).who, 'Dr Alice Adams');
});

// Somebody in an application's place at its back-channel logout endpoint: the next logout token.
async function listenForLogout(answer) {
  let heard;
  const token = new Promise((resolve) => { heard = resolve; });
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => {
      heard(new URLSearchParams(text).get('logout_token'));
      answer(response);
    });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const close = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return { token, close, uri: `http://127.0.0.1:${server.address().port}/` };
}

// With a provider of its own, at which the first application has that address for logout.
async function withLogoutAt(answer, body) {
  const place = await listenForLogout(answer);
  const own = await startSessionRig({
    register: (registration) => registration.clientId === ward.registration.clientId
      ? { ...registration, logoutUri: place.uri } : registration,
  });
  try {
    const agent = await own.agent('bob');
    await agent.open();
    await agent.look();
    const browser = own.browser();
    await browser.signIn(own.apps[0], agent);
    await browser.go(`${own.apps[1].origin}/sign-in`);
    await body({ own, agent, browser, token: place.token });
  } finally {
    await own.close();
    await place.close();
  }
}

test('an application that hangs up keeps nobody signed in elsewhere, and its token is worth nothing', () =>
  withLogoutAt((response) => response.destroy(), async ({ own, agent, browser }) => {
    const { ended } = await browser.listen(own.apps[1]);
    assert.equal((await agent.end()).status, 204);
    await ended;
    assert.equal((await browser.sees(own.apps[0])).who, 'Mr Bob Brown'); // it has not heard
    assert.equal((await browser.sees(own.apps[0], '/refresh')).who, undefined);
  }));

test('a logout token says what the standard asks, and no more', () =>
  withLogoutAt((response) => response.end(), async ({ own, agent, token }) => {
    await agent.end();
    const [header, payload] = (await token).split('.').slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url')));
    assert.equal(header.alg, 'RS256');
    const { iat, exp, jti, sid, ...rest } = payload;
    assert.ok(Number.isInteger(iat) && jti && sid && sid !== agent.sid);
    assert.deepEqual(rest, {
      iss: own.op.issuer,
      aud: ward.registration.clientId,
      sub: '555000000102',
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    });
  }));
