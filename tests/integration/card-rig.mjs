// SPDX-License-Identifier: MIT
//
// What the tests of the card's side share: a sandbox with one native client, and a sign-in that is
// answered by the test.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connectNative } from '../sandbox/native.mjs';
import { readToken, tokenUid } from '../sandbox/read-token.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

export { readToken, tokenUid };

export const PIN = '123456'; // of every card of the sandbox

export const newChallenge = () => randomBytes(32).toString('base64url');

// Runs `play` in a sandbox of its own, which is gone afterwards, whatever happened.
export async function inSandbox(options, play) {
  const sandbox = await startSandbox({ web: false, ...options });
  try {
    const agent = await connectNative(sandbox);
    await play({
      sandbox, agent,
      pinentry: sandbox.pinentry,
      ctl: sandbox.ctl,
      origin: sandbox.op.origin,
      signIn: (params = {}, client = agent) => client.request('card.signIn', {
        challenge: newChallenge(), origin: sandbox.op.origin, ...params,
      }),
    });
  } finally {
    await sandbox.close();
  }
}

// Signs in; `look` sees the agent and its helpers at the prompt, before the PIN is typed.
export async function signInWatched(world, look) {
  const { agent, pinentry, signIn } = world;
  await agent.request('agent.subscribe');
  await cardsIn(agent, (cards) => cards.length > 0);
  const answer = signIn();
  answer.catch(() => {}); // it is awaited below
  const dialogue = await pinentry.next();
  look(world);
  dialogue.answer(PIN);
  await readToken((await answer).token);
}

// Rejected with that reason, a sentence, and what to do next.
export async function refusedWith(reason, answer) {
  await assert.rejects(answer, (error) => {
    assert.equal(error.reason, reason, error.message);
    assert.match(error.data.code, /^LY-\d{4}$/);
    assert.equal(error.data.code, `LY-${error.code}`);
    assert.match(error.message, /^[A-Z].*\.$/);
    assert.ok(error.data.advice.length > 0);
    return true;
  });
}

// How often the card in that reader was asked to check a PIN, and to sign.
export async function apdus(ctl, reader = 'reader-0') {
  const [, verify, sign] = /verify=(\d+).* sign=(\d+)/.exec(await ctl('apdus', reader));
  return { verify: Number(verify), sign: Number(sign) };
}

// Until the agent's list of cards (and of readers) is like that; `agent` has subscribed to changes.
export async function cardsIn(agent, like) {
  for (;;) {
    const { cards, readers } = await agent.request('card.list');
    if (like(cards, readers)) return;
    await agent.notification(({ method }) => method === 'card.changed');
  }
}
