// SPDX-License-Identifier: MIT
//
// What the agent works with is killed, at each step of a sign-in and inside a session: the card's
// helper, the prompt, the window for roles, the smartcard service. Nobody is signed in who should not
// be, a session that nobody has left goes on, and the next sign-in works.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asService, atDesk, becomes, cardsIn, helperOf, helpersWith, PIN, refusedWith, RELUCTANT } from './keeper-rig.mjs';

test('a helper is killed', async (t) => {
  await atDesk({}, async (desk) => {
    const service = await asService(desk, { helpers: await helpersWith(desk, RELUCTANT) });
    const client = await desk.connect();
    const kill = async (name) => process.kill(
      await becomes(`${name} to run`, () => helperOf(desk, name)), 'SIGKILL');

    await t.test('the card\'s, in a session: it is no removal', async () => {
      const { sid } = await desk.signIn(client);
      for (let times = 0; times < 3; times++) {
        const before = helperOf(desk, 'lanyard-card');
        await kill('lanyard-card');
        assert.equal((await desk.proves(client)).sid, sid);
        await becomes('the helper to be started again', () =>
          ![before, undefined].includes(helperOf(desk, 'lanyard-card')));
        assert.equal((await desk.proves(client)).sid, sid);
      }
      await kill('lanyard-card');
      await desk.ctl('remove', 'reader-0'); // whoever pulls it then is seen all the same
      await desk.over(sid);
      await desk.reaches(client, 'none');
      await desk.puts(client, 'bob');
    });

    await t.test('the card\'s, while it signs', async () => {
      await desk.ctl('fault', 'reader-0', 'hang', 'at', 'sign');
      const answer = desk.begin(client);
      (await desk.prompt(answer)).answer(PIN);
      await desk.waits(client, 'signature', answer);
      await kill('lanyard-card');
      await refusedWith('card-module-failed', answer);
      await desk.ctl('clear', 'reader-0');
      await desk.worksAgain();
    });

    await t.test('the prompt', async () => {
      const answer = desk.begin(client);
      const prompt = await desk.prompt(answer);
      await kill('lanyard-prompt');
      await refusedWith('prompt-unavailable', answer);
      await prompt.gone;
      await desk.worksAgain();
    });

    await t.test('the prompt for a fresh PIN: the session is none the worse', async () => {
      const { sid } = await desk.signIn(client);
      const forced = desk.prove(client, { interaction: 'force' });
      await desk.prompt(forced);
      await kill('lanyard-prompt');
      await refusedWith('prompt-unavailable', forced);
      assert.equal((await desk.proves(client)).sid, sid);
      await client.request('session.end');
    });

    await t.test('the window for roles: no role is no obstacle', async () => {
      await desk.puts(client, 'alice');
      const answer = desk.begin(client);
      (await desk.prompt(answer)).answer(PIN);
      await desk.waits(client, 'role', answer);
      await kill('cat');
      const { uid, role, sid } = await answer;
      assert.equal(uid, '555000000101');
      assert.equal(role, null);
      await client.request('session.end');
      await desk.over(sid);
      await desk.puts(client, 'bob');
    });

    await desk.worksAgain();
    assert.ok(service.manager.output.includes('NOTIFIED READY'));
  });
});

test('the smartcard service is killed', async (t) => {
  await atDesk({}, async (desk) => {
    const { sandbox } = desk;
    const client = await desk.connect();
    const kill = () => sandbox.readerService.stop('SIGKILL');
    const back = async () => {
      await sandbox.startReaderService();
      await cardsIn(client, (cards) => cards.length === 1);
    };

    await t.test('in a session: nothing is proved until the card has been looked at', async () => {
      const { sid } = await desk.signIn(client);
      await kill();
      await desk.changed(client, 'checking');
      await refusedWith('reader-service-down', desk.prove(client));
      await back();
      await desk.reaches(client, 'active');
      assert.equal((await desk.proves(client)).sid, sid);
      await kill();
      await desk.changed(client, 'checking');
      await desk.ctl('swap', 'reader-0', 'alice');
      await back();
      await desk.reaches(client, 'none');
      await desk.over(sid);
      await desk.puts(client, 'bob');
    });

    await t.test('before the PIN, and while the card signs', async () => {
      let answer = desk.begin(client);
      const prompt = await desk.prompt(answer);
      await kill();
      await assert.rejects(answer);
      await prompt.gone;
      await back();
      await desk.worksAgain();

      await desk.ctl('fault', 'reader-0', 'hang', 'at', 'sign');
      answer = desk.begin(client);
      (await desk.prompt(answer)).answer(PIN);
      await desk.waits(client, 'signature', answer);
      await kill();
      await assert.rejects(answer);
      await desk.ctl('clear', 'reader-0');
      await back();
      await desk.worksAgain();
    });

    await t.test('and does not come back', async () => {
      const { sid } = await desk.signIn(client);
      await kill();
      await desk.changed(client, 'checking');
      assert.equal((await desk.changed(client, 'ended')).cause, 'card-removed'); // after ten seconds
      await desk.over(sid);
      await back();
      await desk.worksAgain();
    });
  });
});
