// SPDX-License-Identifier: MIT
//
// Things that happen at the same time: proofs while the card leaves, the card pulled at each step of
// everything, callers that ask together and callers that go. Whatever wins, nothing is proved once
// the end was told, and the provider and everybody here agree in the end.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectPage } from '../sandbox/page-raw.mjs';
import { makeBrowser } from '../sandbox/session-rig.mjs';
import { atDesk, becomes, cardsIn, newChallenge, PIN, QUIET, refusedWith } from './keeper-rig.mjs';

const ROUNDS = 12;

async function nobody(desk, client, sid) {
  await desk.reaches(client, 'none');
  await refusedWith('interaction-required', desk.prove(client));
  if (sid) await desk.over(sid);
  await desk.nothingLeft();
}

test('proofs while the card leaves: none after the end was told, and none of them is good for anything', async () => {
  await atDesk({}, async (desk) => {
    for (let round = 0; round < ROUNDS; round++) {
      const client = await desk.connect();
      const { sid } = await desk.signIn(client);
      const eager = await desk.connect();
      let over = false;
      const asking = (async () => {
        while (!over) {
          await Promise.allSettled([desk.prove(eager), desk.prove(eager)]);
          await sleep(60); // it is not to read busy
        }
      })();
      await sleep(randomInt(150));
      await desk.ctl(...round % 2 ? ['swap', 'reader-0', 'alice'] : ['remove', 'reader-0']);
      await desk.changed(eager, 'ended');
      await desk.prove(eager).catch(() => {});
      over = true;
      await asking;
      await nobody(desk, client, sid);

      const told = eager.heard.findIndex(({ params }) => params?.state === 'ended');
      const proofs = eager.heard.flatMap(({ result }, at) => (result?.proof ? [{ at, proof: result.proof }] : []));
      assert.ok(told >= 0);
      for (const { at, proof } of proofs) {
        assert.ok(at < told, 'no proof after the end was told');
        await assert.rejects(desk.check(proof), { reason: 'unknown-session' });
      }
      await desk.puts(client, 'bob');
      await client.close();
      await eager.close();
    }
  });
});

test('the card is pulled at each step', async (t) => {
  await atDesk({}, async (desk) => {
    const { op, sandbox, ctl } = desk;
    const client = await desk.connect();
    const pull = () => ctl('remove', 'reader-0');
    const removed = (answer) => refusedWith('card-removed', answer);
    const step = (name, play) => t.test(name, async () => {
      await desk.puts(client, 'bob');
      await play();
      await desk.nothingLeft();
      await becomes('the provider to have no session', () => op.sessions.all().length === 0,
        () => desk.lines.join('\n'));
      await nobody(desk, client);
    });

    await step('while the challenge is fetched', async () => {
      const slow = op.fault({ on: 'POST /challenge', hold: true });
      const answer = desk.begin(client);
      await slow.reached;
      await pull();
      await removed(answer);
      slow.lift();
    });

    await step('while the PIN is asked for', async () => {
      const answer = desk.begin(client);
      const prompt = await desk.prompt(answer);
      await pull();
      await removed(answer);
      await prompt.gone;
    });

    await step('while it signs', async () => {
      await ctl('fault', 'reader-0', 'remove-at', 'sign');
      await removed(desk.signIn(client));
    });

    await step('exchanged while it signs', async () => {
      await ctl('fault', 'reader-0', 'swap-at', 'sign', 'alice');
      await assert.rejects(desk.signIn(client));
    });

    await step('while the provider opens the session: it is told to end it', async () => {
      const slow = op.fault({ on: 'POST /', hold: 'answer' });
      const answer = desk.signIn(client);
      const { sid } = await desk.opens();
      await pull();
      await removed(answer);
      assert.ok(op.sessions.find(sid));
      slow.lift();
      await desk.over(sid);
    });

    await step('while the provider has not read the token yet', async () => {
      const slow = op.fault({ on: 'POST /', hold: true });
      const answer = desk.signIn(client);
      await slow.reached;
      await pull();
      await removed(answer);
      slow.lift();
    });

    await step('while a page hands over its session', async () => {
      const browser = await makeBrowser().start(sandbox.app);
      const page = await connectPage(sandbox, desk.origin);
      const signed = page.request('card.signIn', { challenge: await browser.challenge() });
      (await desk.prompt(signed)).answer(PIN);
      const { body: { sid } } = await browser.token((await signed).token);
      const slow = op.fault({ on: `GET /${sid}`, hold: 'answer' });
      const answer = page.request('session.begin', { sid });
      await slow.reached;
      await pull();
      await refusedWith('card-removed', answer);
      slow.lift();
      await desk.over(sid);
      await refusedWith('sign-in-expired', page.request('session.begin', { sid }));
      page.close();
    });

    await step('before the provider\'s answer to that is lost', async () => {
      const browser = await makeBrowser().start(sandbox.app);
      const page = await connectPage(sandbox, desk.origin);
      const signed = page.request('card.signIn', { challenge: await browser.challenge() });
      (await desk.prompt(signed)).answer(PIN);
      const { body: { sid } } = await browser.token((await signed).token);
      op.fault({ on: `GET /${sid}`, cut: 'answer', times: 1 }); // libcurl may ask once more by itself
      await assert.rejects(page.request('session.begin', { sid }));
      await desk.over(sid); // the agent has it ended, since nobody has it
      await pull();
      page.close();
    });

    await step('between its token and session.begin', async () => {
      const browser = await makeBrowser().start(sandbox.app);
      const page = await connectPage(sandbox, desk.origin);
      const signed = page.request('card.signIn', { challenge: await browser.challenge() });
      (await desk.prompt(signed)).answer(PIN);
      const { body: { sid } } = await browser.token((await signed).token);
      await pull();
      await cardsIn(client, (cards) => cards.length === 0);
      await refusedWith('sign-in-expired', page.request('session.begin', { sid }));
      page.close();
      op.sessions.end(op.sessions.find(sid), 'unclaimed'); // as it does after two minutes
    });

    await step('while a fresh PIN is asked for, and while the provider hears of it', async () => {
      await desk.signIn(client);
      let forced = desk.prove(client, { interaction: 'force' });
      const prompt = await desk.prompt(forced);
      await pull();
      await removed(forced);
      await prompt.gone;
      await nobody(desk, client);

      await desk.puts(client, 'bob');
      await desk.signIn(client);
      const slow = op.fault({ on: /authentication$/, hold: 'answer' });
      forced = desk.prove(client, { interaction: 'force' });
      (await desk.prompt(forced)).answer(PIN);
      await slow.reached;
      await pull();
      await removed(forced);
      slow.lift();
    });

    await step('while the role is changed', async () => {
      await desk.puts(client, 'alice');
      const { roles } = await desk.signIn(client, { role: 'caller' });
      const slow = op.fault({ on: /^PUT/, hold: 'answer' });
      const change = client.request('session.role', { role: roles[1].id });
      await slow.reached;
      await pull();
      await assert.rejects(change);
      slow.lift();
    });

    await step('while somebody signs out', async () => {
      await desk.signIn(client);
      const slow = op.fault({ on: 'POST /end', hold: 'answer' });
      await client.request('session.end');
      await pull();
      await slow.reached;
      slow.lift();
      await desk.reaches(client, 'none');
      assert.equal(desk.changes(client).filter((change) => change.startsWith('ended')).at(-1), 'ended sign-out');
    });
  });
});

test('the card is pulled while a locked session is resumed', async () => {
  await atDesk({ settings: QUIET.replace('[session]', '[session]\nmode = lock-persistence') }, async (desk) => {
    const client = await desk.connect();
    const { sid } = await desk.signIn(client);
    const locks = async () => {
      await desk.ctl('remove', 'reader-0');
      await desk.reaches(client, 'locked');
      await refusedWith('interaction-required', desk.prove(client));
    };
    const insert = () => desk.ctl('insert', 'reader-0', 'bob');

    await locks();
    await insert();
    const prompt = await desk.pinentry.next();
    await locks();
    await prompt.gone;

    await desk.ctl('fault', 'reader-0', 'remove-at', 'sign');
    await insert();
    (await desk.pinentry.next()).answer(PIN);
    await cardsIn(client, (cards) => cards.length === 0);
    assert.equal((await desk.status(client)).state, 'locked');

    const slow = desk.op.fault({ on: /authentication$/, hold: 'answer' });
    await insert();
    (await desk.pinentry.next()).answer(PIN);
    await slow.reached;
    await locks();
    slow.lift();

    await insert();
    (await desk.pinentry.next()).answer(PIN);
    await desk.reaches(client, 'active');
    assert.equal((await desk.proves(client)).sid, sid);
  });
});

test('callers that ask together share one prompt, and whoever goes takes nobody\'s', async () => {
  await atDesk({}, async (desk) => {
    const { pinentry, sandbox } = desk;
    const client = await desk.connect();
    const another = await desk.connect();
    const page = await connectPage(sandbox, desk.origin);

    const all = [
      desk.begin(client), desk.prove(another, { interaction: 'if-needed' }), desk.prove(client, { interaction: 'force' }),
      page.request('session.prove', { challenge: newChallenge() }), page.request('session.begin'),
    ];
    (await desk.prompt(all[0])).answer(PIN);
    const [begun, ...rest] = await Promise.all(all);
    for (const { proof, sid } of rest) assert.equal(sid ?? (await desk.check(proof)).sid, begun.sid);
    assert.equal(pinentry.dialogues.length, 1);
    await client.request('session.end');
    await nobody(desk, client, begun.sid);

    // The one who asked first goes: the prompt stays for the other, and goes with the last.
    const leaver = await desk.connect();
    const first = desk.begin(leaver);
    const prompt = await desk.prompt(first);
    const second = desk.begin(another);
    await another.waiting('pin');
    leaver.socket.destroy();
    await assert.rejects(first);
    prompt.answer(PIN);
    const { sid } = await second;
    assert.equal(pinentry.dialogues.length, 2);
    await client.request('session.end');
    await nobody(desk, client, sid);

    const alone = await desk.connect();
    const third = desk.begin(alone);
    const last = await desk.prompt(third);
    alone.socket.destroy();
    await last.gone;
    await nobody(desk, client);
    await desk.worksAgain();
  });
});

test('a second reader: another card is another person\'s, and the session\'s card may change places', async () => {
  await atDesk({ readers: ['reader-0', 'reader-1'], settings: `${QUIET.replace('[session]', '[session]\ngrace = 3600')}` }, async (desk) => {
    const { ctl } = desk;
    const client = await desk.connect();
    const { sid } = await desk.signIn(client);
    await ctl('insert', 'reader-1', 'alice');
    await cardsIn(client, (cards) => cards.length === 2);
    assert.equal((await desk.proves(client)).sid, sid, 'it is beside the session');

    const forced = desk.prove(client, { interaction: 'force' });
    const prompt = await desk.prompt(forced);
    assert.match(prompt.texts.description, /555000000102/, 'only the session\'s card is asked');
    prompt.answer(PIN);
    assert.equal((await desk.check((await forced).proof)).person.uid, '555000000102');

    await ctl('remove', 'reader-1');
    await cardsIn(client, (cards) => cards.length === 1);
    await ctl('remove', 'reader-0');
    await desk.reaches(client, 'leaving');
    await ctl('insert', 'reader-1', 'bob');
    await desk.reaches(client, 'active');
    assert.equal((await desk.proves(client)).sid, sid);
    await ctl('insert', 'reader-0', 'alice');
    await cardsIn(client, (cards) => cards.length === 2);
    assert.equal((await desk.proves(client)).sid, sid);
    await ctl('remove', 'reader-1');
    await desk.reaches(client, 'leaving'); // her card was in before: it is nobody's decision yet
    await ctl('swap', 'reader-0', 'dave');
    await nobody(desk, client, sid);
  });
});
