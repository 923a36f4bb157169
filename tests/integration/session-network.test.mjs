// SPDX-License-Identifier: MIT
//
// The way to the provider, and the provider itself, as bad as they get: gone at each step of a
// sign-in, slow, busy, an impostor, at another time of day. Whoever is signed in stays so, whoever is
// not is not let in, and nobody is asked more often than it wants.

import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import { test } from 'node:test';
import { issue, issueAuthority, purposes, PURPOSES, usage } from '../sandbox/make-authority.mjs';
import { atDesk, becomes, clockThatPasses, newChallenge, PIN, QUIET, refusedWith } from './keeper-rig.mjs';

async function nobody(desk, client) {
  assert.equal((await desk.status(client)).state, 'none');
  await refusedWith('interaction-required', desk.prove(client));
}

test('the provider is gone', async (t) => {
  const clock = clockThatPasses();
  await atDesk({ clock }, async (desk) => {
    const client = await desk.connect();
    await t.test('at the challenge: nobody types a PIN in vain', async () => {
      const asked = desk.pinentry.dialogues.length;
      const gone = desk.op.fault({ cut: 'request' });
      await refusedWith('provider-unreachable', desk.begin(client));
      await nobody(desk, client);
      assert.equal(desk.pinentry.dialogues.length, asked);
      gone.lift();
      await desk.worksAgain();
    });

    await t.test('when the token comes', async () => {
      const gone = desk.op.fault({ on: 'POST /', cut: 'request' });
      await refusedWith('provider-unreachable', desk.signIn(client));
      await nobody(desk, client);
      gone.lift();
      await desk.worksAgain();
    });

    await t.test('in the middle of its answer: it has opened a session that nobody has', async () => {
      const gone = desk.op.fault({ on: 'POST /', cut: 'answer', times: 1 });
      await refusedWith('provider-unreachable', desk.signIn(client));
      await nobody(desk, client);
      const [session] = desk.op.sessions.all();
      assert.ok(session.provisional);
      clock.pass(121);
      assert.equal(desk.op.sessions.find(session.sid), undefined);
      await desk.worksAgain();
    });

    await t.test('when the role is chosen: signed in, without the role', async () => {
      await desk.puts(client, 'alice');
      const gone = desk.op.fault({ on: /^PUT/, cut: 'request' });
      const { roles, sid } = await desk.signIn(client, { role: 'caller' });
      await refusedWith('provider-unreachable', client.request('session.role', { role: roles[1].id }));
      gone.lift();
      assert.equal((await desk.status(client)).role, null);
      assert.equal((await client.request('session.role', { role: roles[1].id })).role.id, roles[1].id);
      await client.request('session.end');
      await desk.over(sid);
    });
  });
});

test('the provider is slow, busy, or not to be trusted', async (t) => {
  await atDesk({}, async (desk) => {
    const client = await desk.connect();

    await t.test('slow: the person is told to wait, and may go, which is the end of it', async () => {
      const slow = desk.op.fault({ on: 'POST /', hold: 'answer' });
      const answer = desk.begin(client);
      (await desk.prompt(answer)).answer(PIN);
      const { sid } = await desk.opens();
      await client.waiting('provider');
      assert.equal((await desk.status(client)).state, 'opening');
      await refusedWith('interaction-required', desk.prove(client));
      await client.request('operation.cancel', { request: client.lastId() - 2 });
      await refusedWith('cancelled', answer);
      await nobody(desk, client);
      slow.lift();
      await desk.over(sid);
      await nobody(desk, client);
    });

    for (const [what, fault] of [['429', { status: 429, retryAfter: 3600 }], ['503', { status: 503, retryAfter: 3600 }]]) {
      await t.test(`${what}: nothing is asked until Retry-After has passed`, async () => {
        await desk.restart(); // a pause is the process's own
        const again = await desk.connect();
        const busy = desk.op.fault(fault);
        const before = desk.op.asked.length;
        await refusedWith('provider-busy', desk.begin(again));
        for (let i = 0; i < 5; i++) await refusedWith('provider-busy', desk.begin(again));
        assert.equal(desk.op.asked.length - before, 1);
        await nobody(desk, again);
        busy.lift();
      });
    }

    await t.test('busy in a session: keep-alive waits as well', async () => {
      await desk.restart();
      const busy = desk.op.fault({ on: /^GET/, status: 503, retryAfter: 3600 });
      const again = await desk.connect();
      const { sid } = await desk.signIn(again);
      await becomes('the provider to be out of reach', async () => !(await desk.status(again)).reachable);
      assert.equal((await desk.proves(again)).sid, sid);
      const asked = desk.op.asked.length;
      const forced = desk.prove(again, { interaction: 'force' });
      await refusedWith('provider-busy', forced);
      assert.equal(desk.op.asked.length, asked);
      busy.lift();
      await again.request('session.end');
      await becomes('the end to wait', async () => (await desk.status(again)).pendingEnds === 1);
      assert.equal(desk.op.asked.length, asked, 'nor is the end told before');
      assert.ok(desk.op.sessions.find(sid));
      desk.op.sessions.end(desk.op.sessions.find(sid), 'by its operator');
    });
  });
});

test('an impostor with another certificate is told nothing', async () => {
  const authority = issueAuthority('a stranger');
  const { key, certificate } = issue('server', { by: authority, extensions: [usage('80'), purposes(PURPOSES.serverAuth)] });
  const heard = [];
  const impostor = createServer({
    key: key.export({ type: 'pkcs8', format: 'pem' }), cert: certificate.toString(),
  }, (request) => heard.push(request.url));
  impostor.on('tlsClientError', () => {});
  await new Promise((resolve) => impostor.listen(0, '127.0.0.1', resolve));
  try {
    const origin = 'https://impostor.example';
    await atDesk({
      settings: `${QUIET}[provider other]\norigin = ${origin}\nsession-endpoint = https://127.0.0.1:${impostor.address().port}/session\n`,
    }, async (desk) => {
      const client = await desk.connect();
      await refusedWith('provider-untrusted', desk.begin(client, { origin }));
      await refusedWith('provider-untrusted', client.request('session.prove', { origin, challenge: newChallenge() }));
      await nobody(desk, client);
      assert.equal(desk.pinentry.dialogues.length, 0);
      assert.deepEqual(heard, []);
    });
  } finally {
    await new Promise((resolve) => {
      impostor.close(resolve);
      impostor.closeAllConnections();
    });
  }
});

test('a clock that is five minutes off is named', async () => {
  const clock = { ...clockThatPasses(), now: () => Date.now() + 300_000 };
  await atDesk({ clock }, async (desk) => {
    const client = await desk.connect();
    await refusedWith('clock-wrong', desk.signIn(client));
    await nobody(desk, client);
    assert.equal(desk.op.sessions.all().length, 0);
  });
});
