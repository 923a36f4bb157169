// SPDX-License-Identifier: MIT
//
// Card modules that misbehave, through the agent: whatever one does in its own process, a sign-in
// ends with a sentence, a PIN is sent once at most, and a second caller is served meanwhile and
// afterwards. The modules are real shared objects (tests/fake/pkcs11).

import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { built } from '../sandbox/build.mjs';
import { connectNative } from '../sandbox/native.mjs';
import { cardsIn, newChallenge, PIN, readToken, refusedWith } from './card-rig.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

// The agent with one fake module that is wished to go wrong in that way.
async function withModule(name, wish, play) {
  const sandbox = await startSandbox({ web: false, card: null, agent: false });
  try {
    const file = join(sandbox.config, 'lanyard.conf');
    const module = join(sandbox.directory, `${name}.so`);
    const settings = (await readFile(file, 'utf8')).replace(/^issuers = .*$/m, `module = ${module}`);
    await writeFile(file, settings, { mode: 0o600 });
    const journal = join(sandbox.directory, 'journal');
    await copyFile(await built(`${name}.so`), module);
    await writeFile(`${module}.env`, `FAKE_PKCS11=${wish}\nFAKE_PKCS11_JOURNAL=${journal}\n`);
    await sandbox.startAgent();
    sandbox.pinentry.always((dialogue) => dialogue.kind === 'pin' ? dialogue.answer(PIN) : dialogue.confirm());
    const agent = await connectNative(sandbox);
    await play({
      sandbox, agent,
      signIn: (client = agent) => client.request('card.signIn', {
        challenge: newChallenge(), origin: sandbox.op.origin,
      }),
      // Waits until the module's process has listed its card.
      async listed() {
        await agent.request('agent.subscribe');
        await cardsIn(agent, (cards) => cards.length > 0);
      },
      logins: async () => (await readFile(journal, 'utf8').catch(() => '')).match(/login/gi)?.length ?? 0,
      async serves() {
        const second = await connectNative(sandbox);
        assert.equal((await second.request('agent.hello', { protocol: [1] })).agent, 'lanyard');
        await second.close();
      },
    });
  } finally {
    await sandbox.close();
  }
}

test('a module that behaves signs', async () => {
  await withModule('fake-honest', '', async ({ listed, signIn, logins }) => {
    await listed();
    const { header } = await readToken((await signIn()).token);
    assert.equal(header.alg, 'ES256');
    assert.equal(await logins(), 1);
  });
});

for (const where of ['C_Login', 'C_Sign', 'C_SignInit', 'C_OpenSession']) {
  for (const what of ['crash', 'exit']) {
    test(`a module that does ${what} at ${where}`, async () => {
      await withModule('fake-trouble', `${what}@${where}`, async ({ signIn, logins, serves, agent }) => {
        const answer = signIn();
        await serves();
        await assert.rejects(answer, (error) =>
          ['card-module-failed', 'card-unreadable', 'no-card'].includes(error.reason), where);
        assert.ok(await logins() <= 1, 'the PIN was sent once at most');
        await serves();
        const { modules } = await agent.request('agent.status');
        assert.equal(modules.length, 1);
      });
    });
  }
}

for (const where of ['C_Initialize', 'C_GetSlotList']) {
  for (const what of ['crash', 'exit', 'hang']) {
    test(`a module that does ${what} at ${where}: others are served`, async () => {
      await withModule('fake-trouble', `${what}@${where}`, async ({ serves, agent }) => {
        await serves();
        assert.equal((await agent.request('card.list')).cards.length, 0);
        await serves();
      });
    });
  }
}

test('a module that hangs with the PIN: the caller may give up, others are served', async () => {
  await withModule('fake-trouble', 'hang@C_Sign', async ({ listed, agent, signIn, logins, serves }) => {
    await listed();
    const answer = signIn();
    const request = agent.lastId();
    await agent.waiting('signature');
    await serves();
    await agent.request('operation.cancel', { request });
    await refusedWith('cancelled', answer);
    await serves();
    assert.ok(await logins() <= 1);
  });
});

for (const lie of ['slots', 'objects', 'attributes', 'unavailable', 'texts', 'many', 'short', 'long', 'logged-in']) {
  test(`a module that lies: ${lie}`, async () => {
    await withModule('fake-liar', lie, async ({ agent, signIn, serves, logins }) => {
      const asked = agent.waiting('card'); // where the lie leaves nothing that could be a card
      const answer = await Promise.race([asked, signIn().catch((error) => error)]);
      if (answer instanceof Error) assert.match(answer.data.code, /^LY-\d{4}$/);
      else if (answer.token) await readToken(answer.token); // the signature is the card's
      await serves();
      assert.ok(await logins() <= 1);
    });
  });
}

for (const wish of ['', 'close']) {
  test(`a module that writes to descriptors${wish && ' and closes them'}`, async () => {
    await withModule('fake-descriptors', wish, async ({ signIn, serves }) => {
      const answer = await signIn().catch((error) => error);
      if (answer instanceof Error) assert.match(answer.data.code, /^LY-\d{4}$/);
      else await readToken(answer.token);
      await serves();
    });
  });
}

for (const [name, wish] of [['fake-no-entry', ''], ['fake-no-functions', 'null'],
  ['fake-no-functions', 'refused'], ['fake-no-functions', 'version'], ['fake-no-functions', 'empty']]) {
  test(`${name} ${wish}: said so`, async () => {
    await withModule(name, wish, async ({ agent, serves }) => {
      let [module] = (await agent.request('agent.status')).modules;
      while (module.state === 'starting') {
        await new Promise((resolve) => setTimeout(resolve, 100)); // nothing is announced: no card came or went
        [module] = (await agent.request('agent.status')).modules;
      }
      assert.equal(module.state, 'failed');
      assert.ok(module.detail.length > 0);
      await serves();
    });
  });
}
