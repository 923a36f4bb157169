// SPDX-License-Identifier: MIT
//
// The agent is killed at each step of a sign-in, and of a fresh PIN inside the session. Nobody is
// signed in who should not be, no process is left behind, and the next sign-in works.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  asService, atDesk, clockThatPasses, gone, helpersWith, PIN, RELUCTANT, withoutSealedMemory,
} from './keeper-rig.mjs';
import { below } from './processes.mjs';

test('the agent is killed', async (t) => {
  const clock = clockThatPasses();
  await atDesk({ clock }, async (desk) => {
    const service = await asService(desk, { helpers: await helpersWith(desk, RELUCTANT) });
    const answersPin = async (answer) => (await desk.prompt(answer)).answer(PIN);
    // What it leaves behind: no process.
    async function kill() {
      const processes = below(desk.sandbox.agent.pid);
      await service.kill();
      await gone(processes);
      await service.start();
    }

    await t.test('while the challenge is fetched', async () => {
      const slow = desk.op.fault({ on: 'POST /challenge', hold: true });
      const answer = desk.begin(await desk.connect());
      await slow.reached;
      await kill();
      slow.lift();
      await assert.rejects(answer);
      assert.equal(desk.op.sessions.all().length, 0);
      await desk.worksAgain();
    });

    await t.test('before the PIN', async () => {
      const answer = desk.begin(await desk.connect());
      const prompt = await desk.prompt(answer);
      await kill();
      await prompt.gone;
      await assert.rejects(answer);
      assert.equal(desk.op.sessions.all().length, 0);
      await desk.worksAgain();
    });

    await t.test('while the card signs', async () => {
      await desk.ctl('fault', 'reader-0', 'hang', 'at', 'sign');
      const client = await desk.connect();
      const answer = desk.begin(client);
      await answersPin(answer);
      await desk.waits(client, 'signature', answer);
      await kill();
      await desk.ctl('clear', 'reader-0');
      await assert.rejects(answer);
      assert.equal(desk.op.sessions.all().length, 0);
      await desk.worksAgain();
    });

    await t.test('after the PIN, while the provider is slow', async () => {
      const slow = desk.op.fault({ on: 'POST /', hold: 'answer' });
      const answer = desk.begin(await desk.connect());
      await answersPin(answer);
      const session = await desk.opens();
      await kill();
      await assert.rejects(answer);
      slow.lift();
      assert.ok(session.provisional);
      clock.pass(121);
      assert.equal(desk.op.sessions.find(session.sid), undefined, 'nobody had it');
      await desk.worksAgain();
    });

    await t.test('while a role is asked for: the PIN was typed, the card is in, it goes on', { skip: withoutSealedMemory }, async () => {
      const client = await desk.connect();
      await desk.puts(client, 'alice');
      const answer = desk.begin(client);
      await answersPin(answer);
      await desk.waits(client, 'role', answer);
      await kill();
      await assert.rejects(answer);
      const after = await desk.connect();
      const { sid, person } = await desk.proves(after);
      assert.equal(person.uid, '555000000101');
      assert.equal((await desk.status(after)).role, null);

      // A fresh PIN inside the session, which does not come.
      const forced = desk.prove(after, { interaction: 'force' });
      await desk.prompt(forced);
      await kill();
      await assert.rejects(forced);
      const last = await desk.connect();
      assert.equal((await desk.proves(last)).sid, sid);
      await last.request('session.end');
      await desk.over(sid);
      await desk.puts(last, 'bob');
      await desk.worksAgain();
    });

    await desk.nothingLeft();
  });
});
