// SPDX-License-Identifier: MIT
//
// What becomes of a session when its card leaves, comes back or is exchanged, when the person signs
// out, and when the desktop is locked: every mode, with the real reader driver, agent and card. Each
// time what applications are told, whether a proof is to be had, and what the provider knows.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { skip, withDesktop } from './desktop-rig.mjs';
import { ALICE, atDesk, cardsIn, newChallenge, PIN, refusedWith } from './keeper-rig.mjs';

const settings = (session, desktop = 'lock = no') =>
  `[session]\nsign-in-at-insertion = no\n${session}\n[desktop]\n${desktop}\n`;

// A fresh agent with these settings, and bob's card in.
async function fresh(desk, text) {
  await desk.restart(text, async () => {
    await desk.ctl('remove', 'reader-0').catch(() => {}); // there may be none
    await desk.ctl('insert', 'reader-0', 'bob');
  });
  return desk.connect();
}

// Somebody is signed in, and one more client only listens.
async function signIn(desk, client) {
  const other = await desk.connect();
  const { sid } = await desk.signIn(client);
  return { client, other, sid };
}

// And a proof is to be had.
async function again(desk, client) {
  const session = await signIn(desk, client);
  assert.equal((await desk.proves(client)).sid, session.sid);
  return session;
}

const signedIn = async (desk, text) => again(desk, await fresh(desk, settings(text)));
// Of a session that may end at any moment.
const shortLived = async (desk, text) => signIn(desk, await fresh(desk, settings(text)));

// Nobody is signed in any more: not here, not at the provider, and everybody has been told.
async function isOver(desk, { client, other, sid }, cause) {
  for (const each of [client, other]) {
    assert.equal((await desk.changed(each, 'ended')).cause, cause);
    assert.equal((await desk.changed(each, 'none')).cause, cause);
  }
  await desk.over(sid);
  await noProof(desk, client);
  assert.equal((await desk.status(client)).state, 'none');
}

const noProof = (desk, client) => refusedWith('interaction-required', desk.prove(client));

// The prompt that the agent puts by itself when the card is back.
async function resume(desk, { client, sid }) {
  const prompt = await desk.pinentry.next();
  assert.match(prompt.texts.description, /555000000102/);
  const before = desk.op.sessions.find(sid).authTime;
  await noProof(desk, client);
  prompt.answer(PIN);
  assert.equal((await desk.changed(client, 'active')).cause, 'pin');
  const session = await desk.proves(client);
  assert.equal(session.sid, sid, 'it is the session as before');
  assert.ok(session.authTime > before, 'and the provider knows of the PIN');
}

test('removal, by every mode', async (t) => {
  await atDesk({}, async (desk) => {
    await t.test('normal: removal ends it, the card\'s return brings nothing back', async () => {
      const session = await signedIn(desk, 'mode = normal');
      await desk.ctl('remove', 'reader-0');
      await isOver(desk, session, 'card-removed');
      await desk.ctl('insert', 'reader-0', 'bob');
      const { client } = session;
      await noProof(desk, client);
      const renewed = await again(desk, client);
      assert.notEqual(renewed.sid, session.sid);
      await desk.ctl('swap', 'reader-0', 'alice');
      await isOver(desk, renewed, 'card-removed');
      const hers = await desk.signIn(client, { role: 'caller' });
      assert.equal(hers.uid, ALICE);
      await client.request('session.end');
      await isOver(desk, { client, other: renewed.other, sid: hers.sid }, 'sign-out');
    });

    await t.test('a reader that is unplugged is a card that is pulled', async () => {
      const session = await signedIn(desk, 'mode = normal');
      await desk.ctl('unplug', 'reader-0');
      await isOver(desk, session, 'card-removed');
      await desk.ctl('plug', 'reader-0');
    });

    await t.test('a grace period: the same card keeps it, another ends it', async () => {
      const session = await signedIn(desk, 'mode = normal\ngrace = 3600');
      const { client, sid } = session;
      const asked = desk.pinentry.dialogues.length;
      await desk.ctl('remove', 'reader-0');
      assert.equal((await desk.changed(client, 'leaving')).cause, 'card-removed');
      await noProof(desk, client);
      assert.ok(desk.op.sessions.find(sid), 'the provider is not told yet');
      const waiting = desk.prove(client, { interaction: 'if-needed' });
      await client.waiting('card');
      await desk.ctl('insert', 'reader-0', 'bob');
      assert.equal((await desk.check((await waiting).proof)).sid, sid);
      assert.deepEqual(desk.changes(client).slice(-2), ['leaving card-removed', 'active card-back']);
      assert.equal(desk.pinentry.dialogues.length, asked, 'nobody was asked');
      await desk.ctl('swap', 'reader-0', 'alice');
      await isOver(desk, session, 'other-card');
    });

    await t.test('a grace period that passes', async () => {
      const session = await signedIn(desk, 'mode = normal\ngrace = 1');
      await desk.ctl('remove', 'reader-0');
      await desk.changed(session.client, 'leaving');
      await isOver(desk, session, 'card-removed');
    });

    await t.test('lock-persistence: removal locks it, the same card and PIN resume it', async () => {
      const session = await signedIn(desk, 'mode = lock-persistence');
      const { client, sid } = session;
      await desk.ctl('remove', 'reader-0');
      assert.equal((await desk.changed(client, 'locked')).cause, 'card-removed');
      await noProof(desk, client);
      await desk.ctl('insert', 'reader-0', 'bob');
      await resume(desk, session);

      // Not the PIN: it stays locked, and is resumed when somebody asks.
      await desk.ctl('remove', 'reader-0');
      await desk.changed(client, 'locked');
      await desk.ctl('insert', 'reader-0', 'bob');
      (await desk.pinentry.next()).cancel();
      await desk.unasked();
      const asked = desk.prove(client, { interaction: 'if-needed' });
      const prompt = await desk.pinentry.next();
      await noProof(desk, client);
      prompt.answer(PIN);
      assert.equal((await desk.check((await asked).proof)).sid, sid);

      await desk.ctl('remove', 'reader-0');
      await desk.changed(client, 'locked');
      assert.ok(desk.op.sessions.find(sid));
      await desk.ctl('insert', 'reader-0', 'alice');
      await isOver(desk, session, 'other-card');
    });

    await t.test('lock-persistence: signed out while it is locked', async () => {
      const session = await signedIn(desk, 'mode = lock-persistence\ngrace = 1');
      await desk.ctl('remove', 'reader-0');
      await desk.changed(session.client, 'leaving');
      await desk.changed(session.client, 'locked');
      await session.client.request('session.end');
      await isOver(desk, session, 'sign-out');
    });

    await t.test('mobility: the card may leave, another card ends it', async () => {
      const session = await signedIn(desk, 'mode = mobility');
      const { client, sid } = session;
      await desk.ctl('remove', 'reader-0');
      await client.notification(({ method, params }) => method === 'card.changed' && params.cards.length === 0);
      assert.equal((await desk.proves(client)).sid, sid);
      assert.equal((await desk.status(client)).card, false);
      await desk.ctl('insert', 'reader-0', 'alice');
      await isOver(desk, session, 'other-card');
    });

    await t.test('mobility: a timer asks for card and PIN again', async () => {
      const { client, other, sid } = await shortLived(desk, 'mode = mobility\nreauthenticate = 1');
      assert.equal((await desk.changed(client, 'locked')).cause, 'pin-owed');
      const before = desk.op.sessions.find(sid).authTime;
      const prompt = await desk.pinentry.next();
      await noProof(desk, client);
      prompt.answer(PIN);
      assert.equal((await desk.changed(client, 'active')).cause, 'pin');
      assert.ok(desk.op.sessions.find(sid).authTime > before);
      await desk.changed(client, 'locked');
      await desk.ctl('remove', 'reader-0');
      await noProof(desk, client);
      await client.request('session.end');
      await isOver(desk, { client, other, sid }, 'sign-out');
    });

    await t.test('the limits: unused too long, and too old', async () => {
      const idle = await shortLived(desk, 'mode = normal\nidle-limit = 1');
      await isOver(desk, idle, 'idle');
      const { life } = desk.op.sessions.limits;
      desk.op.sessions.limits.life = 1; // the server's own limit counts where it is shorter
      const limited = await shortLived(desk, 'mode = normal');
      desk.op.sessions.limits.life = life;
      await isOver(desk, limited, 'limit');
    });
  });
});

test('the desktop locked and unlocked, by every mode', { skip }, async (t) => {
  await withDesktop(async ({ system, env: { DBUS_SYSTEM_BUS_ADDRESS } }) => {
    await system.do('logind = Logind()');
    await system.do('logind.session("c1")');
    await atDesk({ environment: { DBUS_SYSTEM_BUS_ADDRESS } }, async (desk) => {
      const locked = (is) => system.do(`logind.set("c1", LockedHint=${is ? 'True' : 'False'})`);

      await t.test('enhanced-normal: a locked desktop asks for the PIN again', async () => {
        const session = await signedIn(desk, 'mode = enhanced-normal');
        const { client } = session;
        await locked(true);
        assert.equal((await desk.changed(client, 'locked')).cause, 'pin-owed');
        await noProof(desk, client);
        const asked = desk.pinentry.dialogues.length;
        await noProof(desk, client);
        assert.equal(desk.pinentry.dialogues.length, asked, 'nobody is asked behind a locked screen');
        await locked(false);
        await resume(desk, session);
        await desk.ctl('remove', 'reader-0');
        await isOver(desk, session, 'card-removed');
      });

      await t.test('enhanced-normal: pulled while the desktop is locked', async () => {
        const session = await signedIn(desk, 'mode = enhanced-normal');
        await locked(true);
        await desk.changed(session.client, 'locked');
        await desk.ctl('remove', 'reader-0');
        await isOver(desk, session, 'card-removed');
        await locked(false);
      });

      await t.test('another user in front: cards and keys are theirs, and nothing is asked', async () => {
        const session = await signedIn(desk, 'mode = normal');
        const { client, sid } = session;
        await system.do('logind.set("c1", Active=False)');
        assert.equal((await desk.changed(client, 'checking')).cause, 'out-of-sight');
        const asked = desk.pinentry.dialogues.length;
        await refusedWith('cancelled', client.request('card.signIn', { challenge: newChallenge(), origin: desk.origin }));
        await refusedWith('cancelled', client.request('key.info'));
        await noProof(desk, client);
        assert.equal(desk.pinentry.dialogues.length, asked);
        await system.do('logind.set("c1", Active=True)');
        await desk.changed(client, 'active');
        assert.equal((await desk.proves(client)).sid, sid);
        await client.request('session.end');
        await isOver(desk, session, 'sign-out');
      });

      await t.test('another user in front: what was begun is cancelled, and their card is not seen', async () => {
        await desk.ctl('remove', 'reader-0').catch(() => {}); // there may be none
        const client = await fresh(desk, settings('mode = normal'));
        await cardsIn(client, (cards) => cards.length === 1);
        const before = desk.pinentry.dialogues.length;
        const answers = [
          client.request('card.signIn', { challenge: newChallenge(), origin: desk.origin }),
          client.request('card.changePin'),
        ].map((answer) => refusedWith('cancelled', answer));
        const dialogue = await desk.pinentry.next();
        await system.do('logind.set("c1", Active=False)');
        await Promise.all(answers);
        await dialogue.gone;
        await client.notification(({ method, params }) =>
          method === 'card.changed' && params.cards.length === 0 && params.readers.length === 0);

        const noticed = client.notifications.length;
        await desk.ctl('swap', 'reader-0', 'karl'); // who is soon to be told that it expires
        await new Promise((resolve) => setTimeout(resolve, 1500)); // as long as a card takes to be read
        assert.deepEqual((await client.request('card.list')).cards, []);
        assert.deepEqual((await client.request('agent.status')).expiring, []);
        assert.ok(!client.notifications.slice(noticed).some(({ method }) => method === 'card.changed'));
        assert.equal(desk.pinentry.dialogues.length, before + 1);
        const audit = () => readFile(join(desk.sandbox.directory, 'state/lanyard/audit.jsonl'), 'utf8');
        assert.doesNotMatch(await audit(), /card-expiry|555000000111/);

        await system.do('logind.set("c1", Active=True)'); // and it has stayed in
        await cardsIn(client, (cards) => cards.length === 1);
        assert.equal((await client.request('agent.status')).expiring.length, 1);
        assert.match(await audit(), /card-expiry/);
      });

      for (const mode of ['normal', 'lock-persistence', 'mobility']) {
        await t.test(`${mode}: it does not mind`, async () => {
          const session = await signedIn(desk, `mode = ${mode}`);
          const { client, sid } = session;
          await locked(true);
          await locked(false);
          await locked(true);
          assert.equal((await desk.proves(client)).sid, sid);
          await client.request('session.end');
          await isOver(desk, session, 'sign-out');
          await locked(false);
          assert.ok(!desk.changes(client).includes('locked pin-owed'));
        });
      }

      await t.test('another user in front: nothing is proved until the card has been looked at', async () => {
        const session = await signedIn(desk, 'mode = normal');
        const { client, sid } = session;
        await system.do('logind.set("c1", Active=False)');
        assert.equal((await desk.changed(client, 'checking')).cause, 'out-of-sight');
        await noProof(desk, client);
        await system.do('logind.set("c1", Active=True)');
        assert.equal((await desk.changed(client, 'active')).cause, 'card-back');
        assert.equal((await desk.proves(client)).sid, sid);
        await system.do('logind.set("c1", Active=False)');
        await desk.changed(client, 'checking');
        await desk.ctl('swap', 'reader-0', 'alice');
        await isOver(desk, session, 'card-removed');
        await system.do('logind.set("c1", Active=True)');
      });

      await t.test('sleep: the card is looked for when the computer wakes', async () => {
        const session = await signedIn(desk, 'mode = lock-persistence');
        const { client, sid } = session;
        await system.do('logind.sleep(True)');
        await desk.changed(client, 'checking');
        await noProof(desk, client);
        await system.do('logind.sleep(False)');
        await desk.changed(client, 'active');
        assert.equal((await desk.proves(client)).sid, sid);
        await client.request('session.end');
        await isOver(desk, session, 'sign-out');
      });

      await t.test('removal locks the desktop where the policy says so', async () => {
        const session = await again(desk, await fresh(desk, settings('mode = normal', 'lock = yes')));
        await system.do("logind.on_lock('rig.logind.set(args[0], LockedHint=True)')");
        await desk.ctl('remove', 'reader-0');
        await isOver(desk, session, 'card-removed');
        await system.services.next(/^LockSession \["c1"\]$/);
      });
    });
  });
});
