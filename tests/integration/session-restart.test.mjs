// SPDX-License-Identifier: MIT
//
// The agent stopped, upgraded and killed with a session open, under a service manager that keeps
// sealed memory for it, and under one that does not. Whoever has left the card in goes on without a
// PIN, and only after the card was looked at; for everybody else it is over, also at the provider.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asService, atDesk, cardsIn, refusedWith, withoutSealedMemory } from './keeper-rig.mjs';

const BOB = '555000000102';

const noProof = (desk, client) => refusedWith('interaction-required', desk.prove(client));
const prompts = (desk) => desk.pinentry.dialogues.length;

test('a session outlives its agent where the card stays in', { skip: withoutSealedMemory }, async (t) => {
  await atDesk({}, async (desk) => {
    const service = await asService(desk);
    let { sid } = await desk.signIn(await desk.connect());
    await service.heard(/^STORED session$/m);
    const asked = prompts(desk);

    for (const how of ['stop', 'kill']) {
      await t.test(`${how}: it goes on without a PIN`, async () => {
        await service[how]();
        assert.ok(desk.op.sessions.find(sid));
        const before = desk.op.asked.length;
        await service.start();
        const client = await desk.connect();
        const session = await desk.proves(client);
        assert.equal(session.sid, sid);
        assert.equal((await desk.status(client)).state, 'active');
        assert.equal(prompts(desk), asked);
        await desk.askedFor(`GET /${sid}`, before); // and the provider is asked whether it stands
      });
    }

    await t.test('the card is looked at before the first proof', async () => {
      await service.kill();
      await desk.ctl('fault', 'reader-0', 'hang', 'at', 'select'); // it cannot be looked at
      await service.start();
      const client = await desk.connect();
      assert.equal((await desk.status(client)).state, 'checking');
      const proof = desk.prove(client);
      await refusedWith('card-removed', proof); // after ten seconds
      await desk.over(sid);
      assert.equal((await desk.status(client)).state, 'none');
      await desk.ctl('clear', 'reader-0');
    });

    await t.test('pulled while no agent runs', async () => {
      await service.kill();
      await service.start();
      const client = await desk.connect();
      ({ sid } = await desk.signIn(client));
      await service.stop();
      await desk.ctl('remove', 'reader-0');
      await service.start();
      await desk.over(sid);
      await noProof(desk, await desk.connect());
    });

    // One that was put back is told by pcscd's count, if pcscd was quick enough to see it out: that is
    // tests/unit/test_keeper_restart.
    await t.test('exchanged while no agent runs', async () => {
      await desk.ctl('insert', 'reader-0', 'bob');
      ({ sid } = await desk.signIn(await desk.connect()));
      await service.kill();
      await desk.ctl('swap', 'reader-0', 'alice');
      await service.start();
      await desk.over(sid);
      const client = await desk.connect();
      await noProof(desk, client);
      assert.equal((await desk.status(client)).uid, undefined);
      await desk.ctl('swap', 'reader-0', 'bob');
      await cardsIn(client, (cards) => JSON.stringify(cards).includes(BOB));
    });

    await t.test('the session was ended at the provider meanwhile', async () => {
      ({ sid } = await desk.signIn(await desk.connect()));
      await service.stop();
      desk.op.sessions.end(desk.op.sessions.find(sid), 'by its operator');
      await service.start();
      const client = await desk.connect();
      await desk.reaches(client, 'none');
      await noProof(desk, client);
      assert.deepEqual(await desk.ends(), [], 'and need not be told');
    });

    await t.test('what the service manager kept is gone for good with a stop for good', async () => {
      ({ sid } = await desk.signIn(await desk.connect()));
      await service.stop();
      service.forget();
      await service.heard(/^FORGOTTEN 1$/m);
      await service.start();
      await desk.over(sid);
      await noProof(desk, await desk.connect());
    });
  });
});

test('a locked session stays locked', { skip: withoutSealedMemory }, async () => {
  await atDesk({}, async (desk) => {
    await desk.configure('[session]\nmode = lock-persistence\nsign-in-at-insertion = no\n[desktop]\nlock = no\n');
    const service = await asService(desk);
    const { sid } = await desk.signIn(await desk.connect());
    await desk.ctl('remove', 'reader-0');
    const client = await desk.connect();
    await desk.reaches(client, 'locked');
    await service.kill();
    await desk.ctl('insert', 'reader-0', 'bob');
    await service.start();
    const after = await desk.connect();
    await noProof(desk, after);
    (await desk.pinentry.next()).answer('123456');
    await desk.reaches(after, 'active');
    assert.equal((await desk.proves(after)).sid, sid);
  });
});

test('without a store the next agent ends it at the provider', async (t) => {
  await atDesk({}, async (desk) => {
    const service = await asService(desk, { store: 0 });
    for (const how of ['stop', 'kill']) {
      await t.test(how, async () => {
        const { sid } = await desk.signIn(await desk.connect());
        const [{ name }] = await desk.ends();
        assert.match(name, /\.armed$/);
        await service[how]();
        assert.ok(desk.op.sessions.find(sid), 'nobody can have told it');
        await service.start();
        await desk.over(sid);
        const client = await desk.connect();
        await noProof(desk, client);
        assert.equal((await desk.status(client)).state, 'none');
        await desk.nothingLeft();
      });
    }
  });
});
