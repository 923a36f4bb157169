// SPDX-License-Identifier: MIT
//
// The end of a session where agent and provider do not hear each other: a provider that is down is
// told later, also by the next agent, from files that hold no secret; and one that has ended the
// session itself is believed at the next keep-alive.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atDesk, becomes, PIN, refusedWith } from './keeper-rig.mjs';

async function nobody(desk, client) {
  assert.equal((await desk.status(client)).state, 'none');
  await refusedWith('interaction-required', desk.prove(client));
}

test('down at the end: it is kept on disk without secrets, and told when the provider is back', async () => {
  await atDesk({}, async (desk) => {
    let client = await desk.connect();
    const sids = [];
    const down = desk.op.fault({ on: 'POST /end', cut: 'request' });
    const proofs = [];
    for (let i = 0; i < 3; i++) {
      const { sid, name } = await desk.signIn(client);
      sids.push(sid);
      proofs.push((await desk.prove(client)).proof);
      assert.equal(name, 'Mr Bob Brown');
      await client.request('session.end');
      await desk.reaches(client, 'none');
    }
    assert.equal((await desk.status(client)).pendingEnds, 3);
    assert.deepEqual(desk.op.sessions.all().map(({ sid }) => sid), sids);

    const ends = await desk.ends();
    assert.deepEqual(ends.map(({ name }) => /\.end$/.test(name)), [true, true, true]);
    for (const [i, { text }] of ends.entries()) {
      assert.match(text, new RegExp(`^sid ${sids[i]}$`, 'm'));
      for (const secret of ['Brown', '555000000102', 'Nurse', PIN, proofs[i], 'PRIVATE', '"d"'])
        assert.ok(!text.includes(secret), secret);
      const statement = /^statement (\S+)$/m.exec(text)[1].split('.');
      assert.deepEqual(JSON.parse(Buffer.from(statement[0], 'base64url')), { typ: 'lanyard-end+jwt', alg: 'ES256' });
      const { aud, sid, iat, ...more } = JSON.parse(Buffer.from(statement[1], 'base64url'));
      assert.deepEqual({ aud, sid, more }, { aud: desk.op.sessionEndpoint, sid: sids[i], more: {} });
      assert.ok(Number.isInteger(iat));
    }

    const told = desk.lines.length;
    await desk.restart(undefined, () => down.lift());
    await desk.nothingLeft();
    assert.equal(desk.op.sessions.all().length, 0);
    assert.equal(desk.lines.slice(told).filter((line) => /ended by the agent/.test(line)).length, 3);
    client = await desk.connect();
    await becomes('no end to wait', async () => (await desk.status(client)).pendingEnds === 0);
    await desk.worksAgain();
  });
});

test('ends are delivered in their order', async () => {
  await atDesk({}, async (desk) => {
    const client = await desk.connect();
    const down = desk.op.fault({ on: 'POST /end', status: 500 });
    const sids = [];
    for (let i = 0; i < 3; i++) {
      const { sid } = await desk.signIn(client);
      sids.push(sid);
      await becomes('the provider to hear of its agent', () => !desk.op.sessions.find(sid).provisional);
      await client.request('session.end');
      await desk.reaches(client, 'none');
    }
    const gone = [];
    for (const sid of sids) {
      const { callOff } = desk.op.sessions.find(sid);
      desk.op.sessions.find(sid).callOff = () => { gone.push(sid); callOff(); };
    }
    down.lift();
    await desk.restart();
    await desk.nothingLeft();
    assert.deepEqual(gone, sids);
  });
});

test('the provider forgets the session: within a keep-alive everything here has ended', async () => {
  await atDesk({ limits: { keepAlive: 10 } }, async (desk) => {
    const client = await desk.connect();
    const { sid } = await desk.signIn(client);
    await desk.askedFor(`GET /${sid}`);
    desk.op.sessions.end(desk.op.sessions.find(sid), 'by its operator');
    assert.equal((await desk.changed(client, 'ended')).cause, 'server-ended');
    await nobody(desk, client);
    await desk.nothingLeft();
    assert.ok(!desk.op.asked.includes('POST /end'), 'it need not be told');

    // And one that an agent could not confirm: nobody has it, says the provider after two minutes.
    const down = desk.op.fault({ on: /^GET/, cut: 'request' });
    const next = await desk.signIn(client);
    assert.equal((await desk.proves(client)).sid, next.sid);
    await becomes('the provider to be out of reach', async () => !(await desk.status(client)).reachable);
    desk.op.sessions.end(desk.op.sessions.find(next.sid), 'unclaimed');
    await assert.rejects(desk.proves(client), { reason: 'unknown-session' });
    down.lift();
    await desk.changed(client, 'ended');
    await nobody(desk, client);
  });
});
