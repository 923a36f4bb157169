// SPDX-License-Identifier: MIT
//
// A second card module beside OpenSC: SoftHSM 2, which knows no reader, no removal and no number of
// tries. The same agent serves both at once, each in a process of its own, and whoever holds a
// token of the one and whoever holds a card of the other are simply two people.
//
// The token is made in the sandbox's directory from bob's key and certificate, and found through
// SOFTHSM2_CONF there; no other SoftHSM of this computer is read or written.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectNative } from '../sandbox/native.mjs';
import { run } from '../sandbox/processes.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { apdus, newChallenge, PIN, readToken, refusedWith, tokenUid } from './card-rig.mjs';

const ALICE = '555000000101';
const BOB = '555000000102';
const TOKEN_PIN = '58203917'; // unlike the cards', so that neither opens the other
const LABEL = 'Lanyard';

// Where distributions put PKCS#11 modules.
const folders = ['/usr/lib64', '/usr/lib64/pkcs11', '/usr/lib', '/usr/lib/pkcs11', '/usr/lib/softhsm',
  ...(existsSync('/usr/lib') ? readdirSync('/usr/lib') : [])
    .filter((name) => name.includes('-linux-gnu')).map((name) => `/usr/lib/${name}`)];
const programs = (process.env.PATH ?? '').split(':');
const find = (name, where) => where.map((folder) => join(folder, name)).find(existsSync);

const opensc = find('opensc-pkcs11.so', folders);
const softhsm = find('libsofthsm2.so', folders);
const missing = [
  [opensc, 'opensc-pkcs11'], [softhsm, 'softhsm2'], [find('softhsm2-util', programs), 'softhsm2'],
  [find('pkcs11-tool', programs), 'opensc'],
].filter(([path]) => !path).map(([, name]) => name);
const skip = missing.length > 0 && `not installed: ${[...new Set(missing)].join(', ')}`;

// Resolves with the environment in which SoftHSM has one token: bob's.
async function makeToken({ directory, people }) {
  const tokens = join(directory, 'tokens');
  const conf = join(directory, 'softhsm2.conf');
  const der = join(directory, 'bob.der');
  const card = join(people.cards, 'bob');
  await mkdir(tokens, { mode: 0o700 });
  await writeFile(conf, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  await writeFile(der, new X509Certificate(await readFile(join(card, '9a.cert.pem'))).raw);
  const env = { SOFTHSM2_CONF: conf };
  await run('softhsm2-util', ['--init-token', '--free', '--label', LABEL,
    '--so-pin', '87654321', '--pin', TOKEN_PIN], { env });
  await run('softhsm2-util', ['--import', join(card, '9a.key.pem'), '--token', LABEL,
    '--label', 'authentication', '--id', '01', '--pin', TOKEN_PIN], { env });
  await run('pkcs11-tool', ['--module', softhsm, '--token-label', LABEL, '--login', '--pin', TOKEN_PIN,
    '--write-object', der, '--type', 'cert', '--id', '01'], { env });
  return env;
}

async function withBothModules(play) {
  const sandbox = await startSandbox({
    card: null, agent: false, sessions: false, settings: `[cards]\nmodule = ${opensc}\nmodule = ${softhsm}`,
  });
  try {
    Object.assign(sandbox.environment, await makeToken(sandbox));
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
      // The cards, once they are as many as that. SoftHSM always offers a blank token besides.
      async cards(count) {
        for (;;) {
          const { cards } = await agent.request('card.list');
          const used = cards.filter(({ certificates }) => certificates.length > 0);
          if (used.length === count) return used;
          await agent.notification(({ method }) => method === 'card.changed');
        }
      },
    });
  } finally {
    await sandbox.close();
  }
}

// Turns the people down until that one is on show, takes that one; resolves with the PIN's dialogue.
async function choose(pinentry, uid) {
  let dialogue = await pinentry.next();
  assert.equal(dialogue.kind, 'confirm');
  const shown = [];
  while (dialogue.kind === 'confirm') {
    const [, who] = /\d\/\d: (.*)/.exec(dialogue.texts.description);
    assert.ok(!shown.includes(who), 'each is shown once before anybody is shown again');
    shown.push(who);
    if (who.includes(uid)) dialogue.confirm();
    else dialogue.say('ERR 83886194 Not confirmed <Pinentry>');
    dialogue = await pinentry.next();
  }
  assert.match(dialogue.texts.description, new RegExp(uid));
  return dialogue;
}

test('a token of the second module signs in while the reader is empty', { skip }, async () => {
  await withBothModules(async ({ agent, pinentry, ctl, cards, signIn }) => {
    const [token] = await cards(1);
    assert.equal(token.module, softhsm);
    assert.equal(token.label, LABEL);
    assert.equal(token.triesLeft, null, 'SoftHSM does not tell');
    assert.equal(token.pinPad, false);
    const chosen = token.certificates.filter((certificate) => certificate.chosen);
    assert.deepEqual(chosen.map(({ uid, problem }) => [uid, problem]), [[BOB, null]]);

    const answer = signIn();
    const dialogue = await pinentry.next();
    assert.equal(dialogue.kind, 'pin');
    assert.match(dialogue.texts.description, new RegExp(BOB));
    assert.match(dialogue.texts.description, /SoftHSM/);
    assert.doesNotMatch(dialogue.texts.description, /Tries left/);
    assert.equal((await agent.waiting('pin')).triesLeft, undefined);
    dialogue.answer(TOKEN_PIN);
    const { header, certificate } = await readToken((await answer).token);
    assert.equal(header.alg, 'ES256');
    assert.match(certificate.subject, new RegExp(`CN=${BOB}`));
    assert.deepEqual(await apdus(ctl), { verify: 0, sign: 0 });
  });
});

test('a wrong PIN is asked for again as often as it is wrong: this token never blocks', { skip }, async () => {
  await withBothModules(async ({ pinentry, cards, signIn }) => {
    await cards(1);
    const answer = signIn();
    (await pinentry.next()).answer(PIN);
    for (let i = 0; i < 4; i++) {
      const again = await pinentry.next();
      assert.equal(again.kind, 'pin');
      assert.match(again.texts.error, /PIN is wrong/);
      again.answer(`99999${i}`);
    }
    const last = await pinentry.next();
    assert.match(last.texts.error, /PIN is wrong/);
    last.answer(TOKEN_PIN);
    assert.equal(await tokenUid((await answer).token), BOB);
  });
});

test('a card comes to the token: two people, each with their own module and PIN', { skip }, async () => {
  await withBothModules(async ({ agent, pinentry, ctl, cards, signIn }) => {
    await cards(1);
    await ctl('insert', 'reader-0', 'alice');
    const both = await cards(2);
    assert.deepEqual(
      both.map(({ module, certificates }) => [module, certificates.find(({ chosen }) => chosen)?.uid]),
      [[opensc, ALICE], [softhsm, BOB]]);

    let answer = signIn();
    await agent.waiting('choice');
    (await choose(pinentry, BOB)).answer(TOKEN_PIN);
    assert.equal(await tokenUid((await answer).token), BOB);
    assert.deepEqual(await apdus(ctl), { verify: 0, sign: 0 }, "alice's card was left alone");

    answer = signIn();
    (await choose(pinentry, ALICE)).answer(PIN);
    assert.equal(await tokenUid((await answer).token), ALICE);
    assert.deepEqual(await apdus(ctl), { verify: 1, sign: 1 });

    answer = signIn();
    (await pinentry.next()).cancel();
    await refusedWith('cancelled', answer);

    await ctl('remove', 'reader-0');
    await cards(1);
    answer = signIn();
    const dialogue = await pinentry.next();
    assert.equal(dialogue.kind, 'pin', 'with one person left there is nothing to choose');
    dialogue.answer(TOKEN_PIN);
    assert.equal(await tokenUid((await answer).token), BOB);
  });
});

test('the smartcard service dies: the token does not need it', { skip }, async () => {
  await withBothModules(async ({ sandbox, agent, pinentry, ctl, cards, signIn }) => {
    await ctl('insert', 'reader-0', 'alice');
    await cards(2);
    await sandbox.readerService.stop('SIGKILL');
    const [left] = await cards(1);
    assert.equal(left.module, softhsm);
    assert.equal((await agent.request('agent.status')).readerService, 'down');
    const answer = signIn();
    (await pinentry.next()).answer(TOKEN_PIN);
    assert.equal(await tokenUid((await answer).token), BOB);
  });
});
