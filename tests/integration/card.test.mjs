// SPDX-License-Identifier: MIT
//
// Sign-ins with the virtual card through the stock pcscd and OpenSC: every kind of key, and each
// way in which card, reader, PIN and person can fail. The caller is a native program; the pages'
// journeys are elsewhere.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectNative } from '../sandbox/native.mjs';
import { apdus, cardsIn, inSandbox, newChallenge, PIN, readToken, refusedWith, tokenUid } from './card-rig.mjs';
import { processBelow } from './processes.mjs';

const ALICE = '555000000101';
const BOB = '555000000102';

test('each kind of key signs with the algorithm asked for', async () => {
  await inSandbox({ card: null }, async ({ agent, pinentry, ctl, origin, signIn }) => {
    await agent.request('agent.subscribe');
    pinentry.always((dialogue) => dialogue.answer(PIN));
    for (const [card, algorithms, expected] of [
      ['alice', undefined, 'PS256'], ['alice', ['RS256'], 'RS256'], ['alice', ['ES256', 'RS256', 'PS256'], 'RS256'],
      ['dave', ['PS256'], 'PS256'], ['dave', ['RS256'], 'RS256'],
      ['bob', undefined, 'ES256'], ['carol', undefined, 'ES384'],
    ]) {
      await ctl('insert', 'reader-0', card);
      const challenge = newChallenge();
      const { format, token } = await signIn({ challenge, ...algorithms && { algorithms } });
      assert.equal(format, 'jws');
      const { header, claims } = await readToken(token);
      assert.equal(header.typ, 'lanyard-card+jwt');
      assert.equal(header.alg, expected, `${card} ${algorithms}`);
      assert.equal(claims.aud, origin);
      assert.equal(claims.nonce, challenge);
      assert.equal(claims.exp - claims.iat, 120);
      assert.equal(Buffer.from(claims.jti, 'base64url').length, 16);
      assert.equal(claims.cnf.jwk.crv, 'P-256');
      await ctl('remove', 'reader-0');
      await cardsIn(agent, (cards) => cards.length === 0);
    }
  });
});

test('a key that the provider does not accept is not asked for its PIN', async () => {
  await inSandbox({ card: 'alice' }, async ({ pinentry, signIn }) => {
    await refusedWith('key-unsuitable', signIn({ algorithms: ['ES256'] }));
    assert.equal(pinentry.dialogues.length, 0);
  });
});

test('the prompt names site, card holder, reader and tries, and each try counts down', async () => {
  await inSandbox({ card: 'alice' }, async ({ agent, pinentry, ctl, origin, signIn }) => {
    const answer = signIn();
    const first = await pinentry.next();
    assert.equal(first.kind, 'pin');
    assert.match(first.texts.description, new RegExp(`Site: ${origin}`));
    assert.match(first.texts.description, new RegExp(ALICE));
    assert.match(first.texts.description, /Reader: Lanyard Virtual Reader/);
    assert.match(first.texts.description, /Tries left: 3/);
    assert.equal((await agent.waiting('pin')).triesLeft, 3);
    first.answer('999999');
    const second = await pinentry.next();
    assert.match(second.texts.error, /PIN is wrong/);
    assert.match(second.texts.description, /Tries left: 2/);
    assert.equal((await agent.waiting('pin')).triesLeft, 2);
    second.answer(PIN);
    assert.equal(await tokenUid((await answer).token), ALICE);
    assert.deepEqual(await apdus(ctl), { verify: 2, sign: 1 });
  });
});

test('a card that was blocked while it was in is not asked for its PIN', async () => {
  await inSandbox({ card: 'alice' }, async ({ agent, pinentry, ctl, signIn }) => {
    await agent.request('agent.subscribe');
    await cardsIn(agent, (cards) => cards.length === 1);
    await ctl('block', 'alice');
    await new Promise((resolve) => setTimeout(resolve, 2500)); // the agent asks again what it has known for two seconds
    await refusedWith('pin-blocked', signIn());
    assert.equal(pinentry.dialogues.length, 0);
  });
});

test('a PIN of the wrong length never reaches the card', async () => {
  await inSandbox({ card: 'alice' }, async ({ pinentry, ctl, signIn }) => {
    const answer = signIn();
    (await pinentry.next()).answer('12');
    const again = await pinentry.next();
    assert.match(again.texts.error, /length is wrong/);
    assert.match(again.texts.description, /Tries left: 3/);
    assert.deepEqual(await apdus(ctl), { verify: 0, sign: 0 });
    again.answer(PIN);
    await answer;
  });
});

test('the last try needs an explicit yes, and then blocks the card', async () => {
  await inSandbox({ card: 'alice' }, async ({ pinentry, ctl, signIn }) => {
    let answer = signIn();
    (await pinentry.next()).answer('999991');
    (await pinentry.next()).answer('999992');
    let warning = await pinentry.next();
    assert.equal(warning.kind, 'confirm');
    assert.match(warning.texts.title, /^Lanyard: /);
    assert.match(warning.texts.description, /^That PIN is wrong\. This is the last try\./);
    warning.cancel();
    await refusedWith('cancelled', answer);
    assert.match(await ctl('tries', 'alice'), /\b1\b/);

    answer = signIn();
    warning = await pinentry.next();
    assert.equal(warning.kind, 'confirm');
    assert.match(warning.texts.description, /^This is the last try\./);
    warning.confirm();
    (await pinentry.next()).answer('999993');
    await refusedWith('pin-blocked', answer);

    const asked = pinentry.dialogues.length;
    await refusedWith('pin-blocked', signIn());
    assert.equal(pinentry.dialogues.length, asked, 'nobody is asked for the PIN of a blocked card');
  });
});

test('the last try with the right PIN signs in', async () => {
  await inSandbox({ card: 'alice' }, async ({ pinentry, signIn }) => {
    const answer = signIn();
    (await pinentry.next()).answer('999991');
    (await pinentry.next()).answer('999992');
    (await pinentry.next()).confirm();
    (await pinentry.next()).answer(PIN);
    assert.equal(await tokenUid((await answer).token), ALICE);
  });
});

test('a cancelled prompt, a prompt that nobody answers, a prompt that dies', async () => {
  await inSandbox({ card: 'alice' }, async ({ pinentry, ctl, signIn }) => {
    let answer = signIn();
    (await pinentry.next()).cancel();
    await refusedWith('cancelled', answer);
    answer = signIn();
    (await pinentry.next()).say('ERR 83886142 Timeout <Pinentry>');
    await refusedWith('timed-out', answer);
    answer = signIn();
    (await pinentry.next()).say('OK'); // an answer without a PIN
    (await pinentry.next()).say('nonsense');
    await refusedWith('prompt-unavailable', answer);
    assert.deepEqual(await apdus(ctl), { verify: 0, sign: 0 });
  });
});

test('no pinentry program: said so, nobody waits', async () => {
  await inSandbox({ card: 'alice', pinentry: '/nonexistent/pinentry' }, async ({ signIn }) => {
    await refusedWith('prompt-unavailable', signIn());
  });
});

test('the caller cancels, or goes away: the prompt goes with it', async () => {
  await inSandbox({ card: 'alice' }, async ({ sandbox, agent, pinentry, signIn }) => {
    const answer = signIn();
    const request = agent.lastId();
    const first = await pinentry.next();
    await agent.request('operation.cancel', { request });
    await refusedWith('cancelled', answer);
    await first.gone;

    const other = await connectNative(sandbox);
    signIn({}, other).catch(() => {});
    const second = await pinentry.next();
    await other.close();
    await second.gone;
    pinentry.always((dialogue) => dialogue.answer(PIN));
    await signIn();
  });
});

test('no card, then a card: the caller is told, the prompt comes', async () => {
  await inSandbox({ card: null }, async ({ agent, pinentry, ctl, signIn }) => {
    const answer = signIn();
    await agent.waiting('card');
    await ctl('insert', 'reader-0', 'bob');
    (await pinentry.next()).answer(PIN);
    assert.equal(await tokenUid((await answer).token), BOB);
  });
});

test('no reader, then a reader with a card', async () => {
  await inSandbox({ card: null }, async ({ agent, pinentry, ctl, signIn }) => {
    await ctl('unplug', 'reader-0');
    const answer = signIn();
    await agent.waiting('reader');
    await ctl('plug', 'reader-0');
    await agent.waiting('card');
    await ctl('insert', 'reader-0', 'alice');
    (await pinentry.next()).answer(PIN);
    assert.equal(await tokenUid((await answer).token), ALICE);
  });
});

test('pulled while the PIN is asked for: the prompt goes, nobody is signed in', async () => {
  await inSandbox({ card: 'alice' }, async ({ pinentry, ctl, signIn }) => {
    const answer = signIn();
    const dialogue = await pinentry.next();
    await ctl('remove', 'reader-0');
    await refusedWith('card-removed', answer);
    await dialogue.gone;
  });
});

for (const step of ['read', 'verify', 'sign']) {
  test(`pulled when the card is asked to ${step}`, async () => {
    await inSandbox({ card: 'alice' }, async ({ agent, pinentry, ctl, signIn }) => {
      await agent.request('agent.subscribe');
      const answer = signIn();
      const dialogue = await pinentry.next();
      await ctl('fault', 'reader-0', 'remove-at', step);
      dialogue.answer(PIN);
      await refusedWith('card-removed', answer);
      await ctl('clear', 'reader-0');
      await cardsIn(agent, (cards) => cards.length === 0);
      await ctl('insert', 'reader-0', 'alice');
      await cardsIn(agent, (cards) => cards.length === 1);
      pinentry.always((next) => next.answer(PIN));
      assert.equal(await tokenUid((await signIn()).token), ALICE);
    });
  });
}

test('pulled and put back before the card\'s software has looked: the next sign-in works', async () => {
  await inSandbox({ card: null }, async ({ sandbox, agent, pinentry, ctl, signIn }) => {
    await agent.request('agent.subscribe');
    await ctl('insert', 'reader-0', 'alice');
    await cardsIn(agent, (cards) => cards.length === 1);
    const helper = processBelow(sandbox.agent.pid, 'lanyard-card');
    process.kill(helper, 'SIGSTOP'); // a busy computer
    await ctl('remove', 'reader-0');
    await cardsIn(agent, (cards) => cards.length === 0);
    await ctl('insert', 'reader-0', 'alice');
    await cardsIn(agent, (cards, [{ state }]) => state === 'card');
    process.kill(helper, 'SIGCONT');
    await cardsIn(agent, (cards) => cards.length === 1);
    pinentry.always((dialogue) => dialogue.answer(PIN));
    assert.equal(await tokenUid((await signIn()).token), ALICE);
  });
});

for (const step of ['verify', 'sign']) {
  test(`exchanged for another card when it is asked to ${step}`, async () => {
    await inSandbox({ card: 'alice' }, async ({ pinentry, ctl, signIn }) => {
      const answer = signIn();
      const dialogue = await pinentry.next();
      await ctl('fault', 'reader-0', 'swap-at', step, 'bob');
      dialogue.answer(PIN);
      await assert.rejects(answer, (error) => ['card-removed', 'card-changed'].includes(error.reason));
      assert.match(await ctl('tries', 'bob'), /\b3\b/, 'the other card never saw the PIN');
    });
  });
}

test('exchanged while the PIN is asked for: the PIN goes to neither', async () => {
  await inSandbox({ card: null }, async ({ agent, pinentry, ctl, signIn }) => {
    // A card that lay there when pcscd started is not counted, and so quick an exchange not seen.
    const answer = signIn();
    await agent.waiting('card');
    await ctl('insert', 'reader-0', 'alice');
    const dialogue = await pinentry.next();
    await ctl('swap', 'reader-0', 'bob');
    await assert.rejects(answer, (error) => ['card-removed', 'card-changed'].includes(error.reason));
    await dialogue.gone;
    assert.deepEqual(await apdus(ctl), { verify: 0, sign: 0 });
  });
});

test('reader unplugged with the card in it', async () => {
  await inSandbox({ card: 'alice' }, async ({ pinentry, ctl, signIn }) => {
    const answer = signIn();
    const dialogue = await pinentry.next();
    await ctl('unplug', 'reader-0');
    await refusedWith('card-removed', answer);
    await dialogue.gone;
  });
});

// OpenSC 0.23 then sends and reconnects in itself until its stack is used up, ten seconds later.
for (const step of ['verify', 'sign']) {
  test(`reader unplugged when the card is asked to ${step}: the next sign-in works`, async () => {
    await inSandbox({ card: 'alice' }, async ({ agent, pinentry, ctl, signIn }) => {
      pinentry.always((dialogue) => dialogue.answer(PIN));
      await agent.request('agent.subscribe');
      await cardsIn(agent, (cards) => cards.length === 1);
      await ctl('delay', 'reader-0', '300');
      const answer = signIn();
      let over = false;
      answer.catch(() => {}).then(() => { over = true; });
      while (!over && (await apdus(ctl))[step] === 0) await sleep(10);
      await ctl('unplug', 'reader-0');
      await refusedWith('card-removed', answer);
      await ctl('delay', 'reader-0', '0');
      const next = signIn();
      await agent.waiting('reader');
      await ctl('plug', 'reader-0');
      assert.equal(await tokenUid((await next).token), ALICE);
    });
  });
}

test("two people's cards: the person says whose; one person's two: nobody is asked", async () => {
  await inSandbox({ card: 'alice', readers: ['reader-0', 'reader-1'] },
    async ({ agent, pinentry, ctl, signIn }) => {
      await agent.request('agent.subscribe');
      await cardsIn(agent, (cards) => cards.length === 1);
      await ctl('insert', 'reader-1', 'bob');
      await cardsIn(agent, (cards) => cards.length === 2);
      const told = agent.waiting('choice');
      const answer = signIn();
      await told;
      let dialogue = await pinentry.next();
      const seen = [];
      while (dialogue.kind !== 'pin') {
        seen.push(dialogue.texts.description + JSON.stringify(dialogue.texts));
        if (new RegExp(`${BOB}`).test(dialogue.texts.description) && !new RegExp(ALICE).test(dialogue.texts.description)) {
          dialogue.confirm();
        } else {
          dialogue.say('ERR 83886194 not this one <Pinentry>');
        }
        dialogue = await pinentry.next();
      }
      assert.ok(seen.length > 0);
      assert.match(dialogue.texts.description, new RegExp(BOB));
      dialogue.answer(PIN);
      assert.equal(await tokenUid((await answer).token), BOB);

      await ctl('swap', 'reader-1', 'alice-again');
      await cardsIn(agent, (cards) => cards.length === 2 && cards.every(({ label }) => label === ALICE));
      const next = signIn();
      const pin = await pinentry.next();
      assert.equal(pin.kind, 'pin');
      pin.answer(PIN);
      assert.equal(await tokenUid((await next).token), ALICE);
    });
});

for (const [card, reason] of [
  ['heidi', 'no-certificate'], ['frank', 'certificate-expired'],
  ['judy', 'certificate-not-yet-valid'], ['grace', 'issuer-unknown'],
]) {
  test(`${card}'s card: ${reason}, without a prompt`, async () => {
    await inSandbox({ card }, async ({ pinentry, signIn }) => {
      await refusedWith(reason, signIn());
      assert.equal(pinentry.dialogues.length, 0);
    });
  });
}

test('of two authentication certificates the valid one is used', async () => {
  await inSandbox({ card: 'ivan' }, async ({ pinentry, signIn }) => {
    pinentry.always((dialogue) => dialogue.answer(PIN));
    const { certificate } = await readToken((await signIn()).token);
    assert.ok(new Date(certificate.validTo) > new Date());
  });
});

test('the PIN pad: typed there, wrong there, cancelled there, not answered there', async () => {
  await inSandbox({ card: null, readers: ['pinpad-0'] }, async ({ agent, pinentry, ctl, signIn }) => {
    await ctl('insert', 'pinpad-0', 'alice');
    let answer = signIn();
    assert.match((await agent.waiting('pin-pad')).reader, /PIN Pad/);
    let notice = await pinentry.notice();
    assert.notEqual(notice.kind, 'pin', 'the PIN is not typed on the screen');
    await ctl('pinpad', 'pinpad-0', PIN);
    assert.equal(await tokenUid((await answer).token), ALICE);
    await notice.gone;

    answer = signIn();
    await agent.waiting('pin-pad');
    await ctl('pinpad', 'pinpad-0', '999999');
    assert.equal((await agent.waiting('pin-pad')).triesLeft, 2);
    await ctl('pinpad', 'pinpad-0', 'cancel');
    await refusedWith('cancelled', answer);

    answer = signIn();
    await agent.waiting('pin-pad');
    await ctl('pinpad', 'pinpad-0', 'timeout');
    await refusedWith('cancelled', answer); // OpenSC has one code for both
  });
});

test('the notice beside the PIN pad can be cancelled', async () => {
  await inSandbox({ card: null, readers: ['pinpad-0'] }, async ({ agent, pinentry, ctl, signIn }) => {
    await ctl('insert', 'pinpad-0', 'alice');
    const answer = signIn();
    await agent.waiting('pin-pad');
    (await pinentry.notice()).cancel();
    await refusedWith('cancelled', answer);
  });
});

test('two callers: one prompt at a time, first come first served; a ninth is turned away', async () => {
  await inSandbox({ card: 'alice' }, async ({ sandbox, pinentry, signIn }) => {
    const first = signIn();
    const dialogue = await pinentry.next();
    const other = await connectNative(sandbox);
    const waiting = Array.from({ length: 7 }, () => signIn({}, other));
    await other.waiting('turn');
    await refusedWith('busy', signIn({}, other));
    assert.equal(pinentry.dialogues.length, 1);
    pinentry.always((next) => next.answer(PIN));
    dialogue.answer(PIN);
    await Promise.all([first, ...waiting]);
    assert.equal(pinentry.dialogues.length, 8);
  });
});

test('the smartcard service is killed and comes back', async () => {
  await inSandbox({ card: 'alice' }, async ({ sandbox, agent, pinentry, signIn }) => {
    await agent.request('agent.subscribe');
    const answer = signIn();
    const dialogue = await pinentry.next();
    await sandbox.readerService.stop('SIGKILL');
    await refusedWith('card-removed', answer);
    await dialogue.gone;
    await refusedWith('reader-service-down', signIn());
    await sandbox.startReaderService();
    pinentry.always((next) => next.answer(PIN));
    await cardsIn(agent, (cards) => cards.length > 0);
    assert.equal(await tokenUid((await signIn()).token), ALICE);
  });
});

test('silent never prompts', async () => {
  await inSandbox({ card: 'alice' }, async ({ pinentry, signIn }) => {
    await refusedWith('interaction-required', signIn({ interaction: 'silent' }));
    assert.equal(pinentry.dialogues.length, 0);
  });
});

test('a native program is named in the prompt, and cannot name a site that is not listed', async () => {
  await inSandbox({ card: 'alice' }, async ({ pinentry, signIn }) => {
    await refusedWith('not-allowed', signIn({ origin: 'https://elsewhere.example' }));
    assert.equal(pinentry.dialogues.length, 0);
    const answer = signIn();
    const dialogue = await pinentry.next();
    assert.match(dialogue.texts.description, new RegExp(`Program: ${process.execPath}`));
    dialogue.cancel();
    await refusedWith('cancelled', answer);
  });
});
