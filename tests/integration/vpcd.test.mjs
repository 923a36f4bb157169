// SPDX-License-Identifier: MIT
//
// The whole way once more with somebody else's reader driver: the stock vpcd in the stock pcscd.
// It checks our own driver from outside: it polls where ours is woken, it has two slots, and it
// knows a card's removal only from the end of a connection. The agent must not be able to tell.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectNative } from '../sandbox/native.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { startVpcd, whyNoVpcd } from '../sandbox/vpcd-bridge.mjs';
import { apdus, newChallenge, PIN, readToken, refusedWith, tokenUid } from './card-rig.mjs';

const ALICE = '555000000101';
const BOB = '555000000102';
const skip = await whyNoVpcd();

async function withVpcd(play) {
  const sandbox = await startSandbox({ card: null, agent: false, sessions: false });
  let vpcd = null;
  try {
    vpcd = await startVpcd(sandbox, 'reader-0');
    await sandbox.startAgent();
    const agent = await connectNative(sandbox);
    await agent.request('agent.subscribe');
    await play({
      sandbox, agent,
      pinentry: sandbox.pinentry,
      ctl: sandbox.ctl,
      signIn: () => agent.request('card.signIn', {
        challenge: newChallenge(), origin: sandbox.op.origin,
      }),
    });
  } finally {
    await sandbox.stopAgent();
    await vpcd?.stop();
    await sandbox.close();
  }
}

// The next card.changed that shows so many cards.
const changedTo = (agent, count) => agent.notification(({ method, params }) =>
  method === 'card.changed' && params.cards.length === count).then(({ params }) => params);

test('sign in through vpcd: a wrong PIN, the right one, the card goes', { skip }, async () => {
  await withVpcd(async ({ agent, pinentry, ctl, signIn }) => {
    await ctl('insert', 'reader-0', 'alice');
    const { readers, cards: [card] } = await changedTo(agent, 1);
    const inUse = readers.filter(({ state }) => state === 'card');
    assert.equal(inUse.length, 1);
    assert.match(inUse[0].name, /^Virtual PCD /);
    assert.equal(card.reader, inUse[0].name);
    assert.equal(card.triesLeft, 3);
    assert.equal(card.certificates.find(({ chosen }) => chosen).uid, ALICE);

    const answer = signIn();
    const first = await pinentry.next();
    assert.match(first.texts.description, /Reader: Virtual PCD/);
    assert.match(first.texts.description, /Tries left: 3/);
    first.answer('999999');
    const second = await pinentry.next();
    assert.match(second.texts.error, /PIN is wrong/);
    assert.match(second.texts.description, /Tries left: 2/);
    second.answer(PIN);
    const { header, certificate } = await readToken((await answer).token);
    assert.equal(header.alg, 'PS256');
    assert.match(certificate.subject, new RegExp(`CN=${ALICE}`));
    assert.deepEqual(await apdus(ctl), { verify: 2, sign: 1 });

    const gone = changedTo(agent, 0);
    await ctl('remove', 'reader-0');
    assert.ok((await gone).readers.every(({ state }) => state === 'empty'));
  });
});

test('a card comes while the caller waits, and is pulled from under the prompt', { skip }, async () => {
  await withVpcd(async ({ agent, pinentry, ctl, signIn }) => {
    let answer = signIn();
    await agent.waiting('card');
    await ctl('insert', 'reader-0', 'alice');
    const dialogue = await pinentry.next();
    await ctl('remove', 'reader-0');
    await refusedWith('card-removed', answer);
    await dialogue.gone;
    assert.deepEqual(await apdus(ctl), { verify: 0, sign: 0 });

    answer = signIn();
    await agent.waiting('card');
    await ctl('insert', 'reader-0', 'bob');
    (await pinentry.next()).answer(PIN);
    assert.equal(await tokenUid((await answer).token), BOB);
  });
});

test('exchanged while the PIN is asked for: the PIN goes to neither', { skip }, async () => {
  await withVpcd(async ({ agent, pinentry, ctl, signIn }) => {
    await ctl('insert', 'reader-0', 'alice');
    await changedTo(agent, 1);
    const answer = signIn();
    const dialogue = await pinentry.next();
    await ctl('swap', 'reader-0', 'bob');
    await assert.rejects(answer, (error) => ['card-removed', 'card-changed'].includes(error.reason));
    await dialogue.gone;
    assert.deepEqual(await apdus(ctl), { verify: 0, sign: 0 });
  });
});

for (const step of ['verify', 'sign']) {
  test(`pulled when the card is asked to ${step}`, { skip }, async () => {
    await withVpcd(async ({ agent, pinentry, ctl, signIn }) => {
      await ctl('insert', 'reader-0', 'alice');
      await changedTo(agent, 1);
      let answer = signIn();
      const dialogue = await pinentry.next();
      await ctl('fault', 'reader-0', 'remove-at', step);
      dialogue.answer(PIN);
      await refusedWith('card-removed', answer); // though for up to 400 ms vpcd takes it for present
      await changedTo(agent, 0);
      await ctl('clear', 'reader-0');
      answer = signIn();
      await ctl('insert', 'reader-0', 'alice');
      (await pinentry.next()).answer(PIN);
      assert.equal(await tokenUid((await answer).token), ALICE);
    });
  });
}
