// SPDX-License-Identifier: MIT
//
// `lanyard pin` with virtual cards: the real agent, lanyard-card, OpenSC and pcscd, and a person at
// the agent's window.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inSandbox, newChallenge, PIN } from './card-rig.mjs';
import { ends, lanyard, types } from './cli-rig.mjs';
import { atDesk } from './keeper-rig.mjs';

const PUK = '12345678'; // of every card of the sandbox
const NEW = '654987';

const pin = ({ sandbox }, ...args) => lanyard(sandbox, ['pin', ...args]);

// What the audit trail says, where no journal takes it.
function audited(sandbox, event) {
  const path = join(sandbox.directory, 'state/lanyard/audit.jsonl');
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line))
    .filter((entry) => entry.LANYARD_EVENT === event).map((entry) => entry.LANYARD_OUTCOME);
}

test('the PIN is changed by who knows it', async (t) => {
  await inSandbox({ card: 'alice' }, async (rig) => {
    const { sandbox, pinentry, ctl, signIn, agent } = rig;

    await t.test('a wrong one costs a try, a new one that cannot be or differs costs nothing', async () => {
      const run = pin(rig, 'change');
      await types(pinentry, '111111', /PIN that your smartcard has now[^]*Program: .*lanyard[^]*555000000101[^]*Tries left: 3/);
      await types(pinentry, '12', /4 to 8 characters/);
      await types(pinentry, NEW, /too short\. It has at least 4/);
      await types(pinentry, '999999', /once more/);
      await types(pinentry, '111111', /not the same/);
      await types(pinentry, NEW, /the PIN that you have now/);
      await types(pinentry, NEW, /once more/);
      await types(pinentry, PIN, /Tries left: 2[^]*That PIN is wrong/);
      await ends(run, 0, /Type your PIN into[^]*Choose a new PIN[^]*has its new PIN now/);
      assert.equal(await ctl('tries', 'alice'), '3');
    });

    await t.test('the card signs with the new one only', async () => {
      const answer = signIn();
      await types(pinentry, PIN);
      await types(pinentry, NEW, /wrong/);
      await answer;
    });

    await t.test('cancelling takes the window away, and changes nothing', async () => {
      const run = pin(rig, 'change');
      const dialogue = await pinentry.next();
      run.interrupt();
      await dialogue.gone;
      await ends(run, 4, /That was cancelled\. \(LY-1001\)\nThe PIN was not changed, unless [^\n]*\.\n$/);
      const again = pin(rig, 'change');
      (await pinentry.next()).cancel();
      await ends(again, 4, /That was cancelled\. \(LY-1001\)\nThe PIN was not changed\.\n$/);
      const called = agent.request('card.changePin');
      (await pinentry.next()).cancel();
      await assert.rejects(called, { message: 'That was cancelled.' });
    });

    await t.test('pulling the card ends it', async () => {
      const run = pin(rig, 'change');
      const dialogue = await pinentry.next();
      await ctl('remove', 'reader-0');
      await dialogue.gone;
      await ends(run, 5, /taken out/);
      await ends(pin(rig, 'change'), 5, /no smartcard in the reader/);
    });

    assert.deepEqual(audited(sandbox, 'pin-change').slice(0, 2), ['ok', 'cancelled']);
  });
});

test('a blocked card is unblocked by its PUK', async () => {
  await inSandbox({ card: 'alice' }, async (rig) => {
    const { sandbox, pinentry, ctl } = rig;
    const change = pin(rig, 'change');
    await types(pinentry, '111111');
    await types(pinentry, NEW);
    await types(pinentry, NEW);
    await types(pinentry, '111111', /Tries left: 2/);
    const last = await pinentry.next();
    assert.match(last.texts.description, /last try[^]*only its PUK can unblock it/);
    last.confirm();
    await types(pinentry, '111111', /Tries left: 1/);
    await ends(change, 5, /blocked[^]*lanyard pin unblock/);
    await ends(pin(rig, 'change'), 5, /LY-1004/);

    const run = pin(rig, 'unblock');
    await types(pinentry, '00000000', /Type the PUK[^]*555000000101/);
    await types(pinentry, NEW);
    await types(pinentry, NEW);
    await types(pinentry, '00000000', /Tries left: 2[^]*PUK is wrong/);
    const lastPuk = await pinentry.next();
    assert.match(lastPuk.texts.description, /nobody can unblock this card again/);
    lastPuk.confirm();
    await types(pinentry, PUK, /Tries left: 1/);
    await ends(run, 0, /PUK[^]*unblocked/);
    assert.equal(await ctl('tries', 'alice'), '3');

    // Of the tries that the card has told nothing is remembered once it has them all again.
    const spoilt = pin(rig, 'unblock');
    await types(pinentry, '00000000');
    await types(pinentry, NEW);
    await types(pinentry, NEW);
    await types(pinentry, '00000000');
    (await pinentry.next()).confirm();
    await types(pinentry, '00000000');
    await ends(spoilt, 5, /cannot be unblocked any more/);
    assert.deepEqual(audited(sandbox, 'pin-unblock'), ['ok', 'puk-blocked']);
  });
});

test('one at a time, and which card', async (t) => {
  await inSandbox({ card: 'alice', readers: ['reader-0', 'reader-1'] }, async (rig) => {
    const { agent, pinentry, ctl, origin } = rig;

    await t.test('a sign-in and a change of the PIN wait for each other, in order', async () => {
      const first = agent.request('card.signIn', { challenge: newChallenge(), origin });
      const question = await pinentry.next();
      const run = pin(rig, 'change');
      await run.said(/comes first/);
      question.answer(PIN);
      await first;
      await types(pinentry, PIN, /has now/);
      const late = agent.request('card.signIn', { challenge: newChallenge(), origin });
      await agent.notification(({ method, params }) => method === 'operation.waiting' && params.for === 'turn');
      await types(pinentry, NEW);
      await types(pinentry, NEW);
      await ends(run, 0);
      await types(pinentry, NEW);
      await late;
    });

    await t.test('of two cards one has to be named', async () => {
      await ctl('insert', 'reader-1', 'bob');
      await agent.request('agent.subscribe');
      while ((await agent.request('card.list')).cards.length < 2)
        await agent.notification(({ method }) => method === 'card.changed');
      await ends(pin(rig, 'change'), 5, /Several smartcards[^]*--reader/);
      const { cards } = await agent.request('card.list');
      const bob = cards.find(({ certificates }) => certificates.some(({ uid }) => uid === '555000000102'));
      const run = pin(rig, 'change', '--reader', bob.reader);
      (await pinentry.next()).cancel();
      await ends(run, 4);
      await ends(pin(rig, 'change', '--reader', 'No such reader'), 5, /no smartcard reader of that name.*LY-1306/);
    });

    await t.test('what is no command is said', async () => {
      await ends(pin(rig), 2, /change or unblock/);
      await ends(pin(rig, 'change', '--key', '1'), 2, /does not take --key/);
    });
    await assert.rejects(agent.request('card.changePin', { reader: 7 }), { code: -32602 });
  });
});

test('a session that hangs on the card goes on', async () => {
  await atDesk({}, async (desk) => {
    const agent = await desk.connect();
    const { sid, state } = await desk.signIn(agent);
    assert.equal(state, 'active');
    const run = pin(desk, 'change');
    for (const typed of [PIN, NEW, NEW]) await types(desk.pinentry, typed);
    await ends(run, 0);
    const after = await desk.status(agent);
    assert.deepEqual([after.state, after.sid, after.card], ['active', sid, true]);
    await agent.request('session.end');
    await agent.close();
  });
});

test('a PIN pad that cannot take a new PIN says so', async () => {
  await inSandbox({ card: null, readers: ['pinpad-0'] }, async (rig) => {
    const { pinentry, ctl, agent } = rig;
    await agent.request('agent.subscribe');
    await ctl('insert', 'pinpad-0', 'bob');
    while ((await agent.request('card.list')).cards.length < 1)
      await agent.notification(({ method }) => method === 'card.changed');
    const run = pin(rig, 'change');
    const notice = await pinentry.notice();
    assert.match(notice.texts.description, /on the keys of the card reader, then a new PIN, twice/);
    await run.said(/reader's own keys/);
    await ctl('pinpad', 'pinpad-0', PIN);
    await notice.gone;
    await ends(run, 5, /cannot do that here/);
  });
});
