// SPDX-License-Identifier: MIT
//
// Whoever should not have a session, or somebody else's: other origins, thieves of proofs and of
// session ids, pages that name servers, that are not listed, or that another provider has listed,
// and callers that ask for nonsense or for too much. The provider's own checks are the stand-in's.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { connectNative } from '../sandbox/native.mjs';
import { realClock } from '../sandbox/op/clock.mjs';
import { readCard } from '../sandbox/make-token.mjs';
import { connectPage } from '../sandbox/page-raw.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { makeAgent, makeBrowser } from '../sandbox/session-rig.mjs';
import { atDesk, newChallenge, PIN, QUIET, refusedWith } from './keeper-rig.mjs';

const SECOND = 'https://second.example'; // of the same provider
const OTHER = 'https://other.example'; // of another, which has no session endpoint
const STRANGER = 'https://stranger.example';
const invalid = { code: -32602, reason: 'invalid-request' };

// The sandbox's provider with two origins, and another provider.
const WITH_OTHERS = `origin = ${SECOND}\n${QUIET}[provider other]\norigin = ${OTHER}\n`;

const atBusyDesk = (play) => atDesk({ settings: WITH_OTHERS }, async (desk) => {
  const client = await desk.connect();
  await play({ ...desk, desk, client, page: (origin = desk.origin) => connectPage(desk.sandbox, origin) });
});

test('proofs are for one origin, one browser and once', async () => {
  await atBusyDesk(async ({ desk, client, page, sandbox, origin }) => {
    await desk.signIn(client);
    const proofFor = async (challenge, from) =>
      (await (await page(from)).request('session.prove', { challenge, interaction: 'silent' })).proof;

    const mine = await makeBrowser().start(sandbox.app);
    const elsewhere = await proofFor(await mine.challenge(), SECOND);
    assert.equal((await mine.prove(elsewhere)).body.refused.reason, 'wrong-origin');
    await assert.rejects(desk.check(elsewhere), { reason: 'wrong-origin' });

    const proof = await proofFor(await mine.challenge(), origin);
    const thief = await makeBrowser().start(sandbox.app);
    await thief.challenge();
    assert.equal((await thief.prove(proof)).status, 403); // of another browser's challenge
    const honest = await proofFor(await mine.challenge(), origin);
    assert.equal((await mine.prove(honest)).status, 200);
    const replay = await makeBrowser().start(sandbox.app);
    assert.equal((await replay.prove(honest)).status, 403);

    // A native program names an origin, which must be a listed one; a page cannot name any.
    await refusedWith('not-allowed', desk.prove(client, { origin: STRANGER }));
    await assert.rejects((await page(SECOND)).request('session.prove', { challenge: newChallenge(), origin }), invalid);
  });
});

test('a session id without the key is worth nothing', async () => {
  await atBusyDesk(async ({ desk, client, sandbox, op }) => {
    const { sid, roles } = await desk.signIn(client);
    const thief = makeAgent({ op, clock: realClock, card: await readCard(sandbox.people, 'alice') });
    thief.sid = sid;
    assert.equal((await thief.look()).status, 401);
    assert.equal((await thief.role(roles[0].id)).status, 401);
    assert.equal((await thief.authenticate()).status, 401);
    assert.equal((await thief.end()).status, 401);
    const page = await makeBrowser().start(sandbox.app);
    const refused = await page.prove(await thief.prove(await page.challenge()));
    assert.equal(refused.body.refused.reason, 'bad-signature');
    assert.equal((await desk.proves(client)).sid, sid);
  });
});

test('a page hands over the session of its own card token, and no other', async () => {
  await atBusyDesk(async ({ desk, client, page, sandbox, op, pinentry, origin }) => {
    const stranger = makeAgent({ op, clock: realClock, card: await readCard(sandbox.people, 'alice') });
    await stranger.open();
    const mine = await page();
    await refusedWith('sign-in-expired', mine.request('session.begin', { sid: stranger.sid })); // no token
    const signed = async () => {
      const browser = await makeBrowser().start(sandbox.app);
      const answer = mine.request('card.signIn', { challenge: await browser.challenge() });
      (await pinentry.next()).answer(PIN);
      return { browser, ...await answer };
    };

    await signed();
    await refusedWith('provider-refused', mine.request('session.begin', { sid: stranger.sid }));
    await refusedWith('sign-in-expired', mine.request('session.begin', { sid: stranger.sid })); // its key is spent
    await signed();
    await refusedWith('sign-in-expired', mine.request('session.begin', { sid: 'nobodys' }));
    for (const sid of ['', '.', '..', '../end', 'a/b', 'a%2fb', 'a?b', 'a#b', 'é', 'x'.repeat(129), 5, null])
      await assert.rejects(mine.request('session.begin', { sid }), invalid);
    assert.equal((await desk.status(client)).state, 'none');
    assert.equal((await stranger.look()).status, 200, 'whose session it is has it still');

    const { browser, token } = await signed();
    const { body: { sid } } = await browser.token(token);
    await refusedWith('sign-in-expired', (await page(SECOND)).request('session.begin', { sid })); // not its token
    await refusedWith('sign-in-expired', (await page(OTHER)).request('session.begin', { sid }));
    assert.equal((await desk.status(client)).state, 'none');
    assert.equal((await mine.request('session.begin', { sid })).sid, sid);
    assert.equal((await desk.proves(client)).sid, sid);
    assert.equal(desk.op.sessions.find(sid).person.uid, '555000000102');
    await refusedWith('session-exists', mine.request('session.begin', { sid: stranger.sid }));
    assert.equal((await client.request('session.status')).provider, 'sandbox');
    assert.equal(origin, op.origin);
  });
});

test('no page leads the agent to a server, or chooses a role', async () => {
  const trap = createServer((socket) => { trap.hit = true; socket.destroy(); });
  await once(trap.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${trap.address().port}/session`;
  try {
    await atBusyDesk(async ({ desk, client, page }) => {
      const mine = await page();
      for (const name of ['endpoint', 'sessionEndpoint', 'session-endpoint', 'url', 'provider', 'issuer', 'origin', 'proxy', 'authorities', 'role']) {
        await assert.rejects(mine.request('session.begin', { [name]: url }), invalid, name);
        await assert.rejects(mine.request('session.prove', { challenge: newChallenge(), [name]: url }), invalid, name);
        await assert.rejects(mine.request('session.end', { [name]: url }), invalid, name);
      }
      const before = desk.op.asked.length;
      const { roles } = await desk.signIn(client);
      const { methods } = await mine.request('agent.hello', { protocol: [1] });
      assert.ok(!methods.includes('session.role'));
      await assert.rejects(mine.request('session.role', { role: roles[0].id }), { code: -32601 });
      assert.ok(desk.op.asked.slice(before).every((what) => !what.startsWith('PUT')));
      assert.ok(!trap.hit);
    });
  } finally {
    trap.close();
  }
});

test('who is not listed is not let in, and another provider\'s page learns nothing', async () => {
  await atBusyDesk(async ({ desk, client, page, sandbox }) => {
    const refusal = await page(STRANGER).then(assert.fail, (error) => error);
    assert.equal(refusal.status, 403);
    const other = await page(OTHER);
    const before = await other.request('session.status');
    const { sid } = await desk.signIn(client);
    await (await page()).request('session.status');

    const again = await page(STRANGER).then(assert.fail, (error) => error);
    assert.deepEqual([again.status, again.headers], [refusal.status, refusal.headers], 'the same bytes as before');
    assert.deepEqual(await other.request('session.status'), before);
    assert.deepEqual(before, { state: 'none', cause: null });
    await refusedWith('no-session', other.request('session.prove', { challenge: newChallenge() }));
    await refusedWith('no-session', other.request('session.prove', { challenge: newChallenge(), interaction: 'silent' }));
    await refusedWith('no-session', other.request('session.begin'));
    assert.deepEqual(await other.request('session.end'), {});
    assert.equal((await desk.proves(client)).sid, sid, 'nor can it end the session');
    await desk.ctl('remove', 'reader-0');
    await desk.over(sid);
    assert.deepEqual(await other.request('session.status'), before);
    assert.ok(!JSON.stringify(other.notifications).includes('session.changed'));
    assert.ok(!JSON.stringify(other.notifications).includes(sid));
    assert.equal(sandbox.agent.child.exitCode, null);
  });
});

test('nonsense changes nothing', async () => {
  await atBusyDesk(async ({ desk, client, page }) => {
    const { sid } = await desk.signIn(client);
    const mine = await page();
    const challenge = newChallenge();
    const nonsense = {
      'session.prove': [
        {}, { challenge: '' }, { challenge: 'AAAA' }, { challenge: 5 }, { challenge: 'é'.repeat(43) }, { challenge: 'A'.repeat(400) },
        { challenge: `${challenge}=` }, { challenge, interaction: 'maybe' }, { challenge, interaction: null },
        { challenge, maxAge: -1 }, { challenge, maxAge: 86401 }, { challenge, maxAge: 1.5 }, { challenge, maxAge: '1' },
        { challenge, maxage: 1 }, { challenge, sid }, [], [challenge],
      ],
      'session.begin': [{ sid: { sid } }, { sid: [sid] }, { role: 'none' }, { role: 7 }, [sid]],
      'session.status': [{ sid }, [1]],
      'session.end': [{ sid }, [1]],
    };
    for (const [method, all] of Object.entries(nonsense)) {
      for (const params of all) {
        const code = ({ code: -32602 });
        await assert.rejects(mine.request(method, params), code, JSON.stringify(params));
        const named = Array.isArray(params) ? params : { ...(/prove/.test(method) && { origin: desk.origin }), ...params };
        if (!('role' in named && named.role === 'window'))
          await assert.rejects((await desk.fresh()).request(method, named), code, `native: ${method} ${JSON.stringify(params)}`);
      }
    }
    for (const role of ['', 'x'.repeat(65), 'é', 5, null, {}, '\n'])
      await assert.rejects((await desk.fresh()).request('session.role', { role }), { code: -32602 });
    await refusedWith('role-unknown', client.request('session.role', { role: 'nobodys' }));

    // What is no message at all costs that connection, and no other.
    for (const text of ['{', '[]', '"session.end"', '{"jsonrpc":"2.0","method":"session.end"}']) mine.send(text);
    const broken = await desk.fresh();
    broken.socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]));
    await inTime(once(broken.socket, 'close'), 'the broken connection to be closed');
    assert.equal((await desk.proves(client)).sid, sid);
    assert.equal((await desk.status(client)).state, 'active');
  });
});

test('who asks too often reads busy, and holds up no other origin', async () => {
  await atBusyDesk(async ({ desk, client }) => {
    await desk.signIn(client);
    const answers = [];
    for (let i = 0; i < 4; i++) {
      const eager = await connectNative(desk.sandbox);
      for (let j = 0; j < 70; j++) answers.push(desk.prove(eager).then(() => 'proof', ({ reason }) => reason));
    }
    const all = await Promise.all(answers);
    assert.deepEqual([...new Set(all)].sort(), ['busy', 'proof']);
    assert.ok(all.filter((answer) => answer === 'proof').length >= 60);
    await desk.prove(client, { origin: SECOND });
  });
});
