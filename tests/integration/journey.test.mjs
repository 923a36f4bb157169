// SPDX-License-Identifier: MIT
//
// The journeys of a clinician, all parts real: sample application, provider, browser, agent, reader
// service, card. Only the card's chip and the person at the prompt are played. Each test has a
// sandbox of its own.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from '../sandbox/browser.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { attend, otherWays, says, signedIn } from '../sandbox/says.mjs';

const PIN = '123456';
let browser;
before(async () => { browser = await launchChromium(); });
after(() => browser.close());

// Runs `body` with a sandbox and its page, at the point where the person chose to sign in.
async function journey(options, body) {
  const lines = [];
  const sandbox = await startSandbox({
    sessions: false, report: (line) => lines.push(line), ...options,
  });
  const context = await browser.newContext();
  try {
    const page = attend(await context.newPage());
    await options.prepare?.(sandbox);
    await page.goto(sandbox.url);
    await page.click('#sign-in');
    await body(page, sandbox);
  } catch (error) {
    error.message += `\n${lines.join('\n')}\n${sandbox.agent?.output ?? ''}`;
    throw error;
  } finally {
    await context.close();
    await sandbox.close();
  }
}

async function typePin({ pinentry }, pin = PIN) {
  const dialogue = await pinentry.next();
  assert.equal(dialogue.kind, 'pin');
  dialogue.answer(pin);
  return dialogue;
}

async function insertBlocked({ ctl }) {
  await ctl('block', 'bob');
  await ctl('insert', 'reader-0', 'bob');
}

// Unplugged before anybody reads the card: OpenSC 0.23 loops when that happens in mid-command.
async function startUnplugged({ ctl, startAgent }) {
  await ctl('unplug', 'reader-0');
  await startAgent();
}

test('alice signs in with RSA, chooses one of three roles, and the application knows her', () =>
  journey({ card: 'alice' }, async (page, sandbox) => {
    await says(page, 'Enter your PIN');
    const dialogue = await typePin(sandbox);
    assert.ok(dialogue.texts.description.includes(sandbox.op.origin), dialogue.texts.description);
    await page.click('.roles button >> nth=1');
    const { who, role, organisation, uid, acr, amr } = await signedIn(page);
    assert.deepEqual({ who, role, organisation, uid, acr, amr }, {
      who: 'Dr Alice Adams',
      role: 'Admin/Clinical Support Access Role',
      organisation: 'Willow Surgery (W0001)',
      uid: '5550 0000 0101',
      acr: 'AAL3_CIS2_SMARTCARD',
      amr: 'CIS2_SMARTCARD',
    });
  }));

test('bob has one role, which is chosen for him', () =>
  journey({ card: 'bob' }, async (page, sandbox) => {
    await typePin(sandbox);
    assert.equal((await signedIn(page)).role, 'Nurse Access Role');
  }));

test('whoever is asked for somebody else\'s role goes back to the application', () =>
  journey({ card: 'alice' }, async (page, sandbox) => {
    await typePin(sandbox);
    await page.click('#not-me');
    await page.waitForURL(`${sandbox.url}/?problem=left`);
    await page.click('#sign-in');
    await says(page, 'Enter your PIN');
  }));

test('carol searches among eight roles', () =>
  journey({ card: 'carol' }, async (page, sandbox) => {
    await typePin(sandbox);
    await page.fill('#search', 'privacy three');
    assert.equal(await page.textContent('#found'), '1 role');
    await page.click('.roles li:not([hidden]) button');
    assert.equal((await signedIn(page)).role, 'Privacy Officer');
  }));

test('dave signs in without any role', () =>
  journey({ card: 'dave' }, async (page, sandbox) => {
    await typePin(sandbox);
    assert.equal((await signedIn(page)).role, 'None');
  }));

test('a provider may ask for a Web eID token instead', () =>
  journey({ card: 'bob', format: 'web-eid:1.1' }, async (page, sandbox) => {
    await typePin(sandbox);
    assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
  }));

test('a reader with a PIN pad takes the PIN itself', () =>
  journey({ card: 'bob', readers: ['pinpad-0'] }, async (page, sandbox) => {
    await says(page, 'Enter your PIN on the reader');
    await sandbox.ctl('pinpad', 'pinpad-0', PIN);
    assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
  }));

test('cancelling at the prompt ends the sign-in, and it can be started again', () =>
  journey({ card: 'bob' }, async (page, sandbox) => {
    (await sandbox.pinentry.next()).cancel();
    await says(page, 'The sign-in was cancelled.');
    await page.click('#again');
    await typePin(sandbox);
    await signedIn(page);
  }));

test('cancelling on the page takes the prompt away', () =>
  journey({ card: 'bob' }, async (page, sandbox) => {
    const dialogue = await sandbox.pinentry.next();
    await page.click('#cancel');
    await says(page, 'The sign-in was cancelled.');
    await dialogue.gone;
    await otherWays(page);
  }));

test('leaving the page takes the prompt away', () =>
  journey({ card: 'bob' }, async (page, sandbox) => {
    const dialogue = await sandbox.pinentry.next();
    await otherWays(page);
    await dialogue.gone;
  }));

test('a wrong PIN is asked for again, and the page counts the tries with the person', () =>
  journey({ card: 'bob' }, async (page, sandbox) => {
    await typePin(sandbox, '654321');
    const again = await sandbox.pinentry.next();
    assert.ok(Object.values(again.texts).some((text) => /wrong/i.test(text)), JSON.stringify(again.texts));
    await page.waitForSelector('text=You have 2 tries left.');
    again.answer(PIN);
    await signedIn(page);
  }));

test('the third wrong PIN blocks the card, and the person was warned', () =>
  journey({ card: 'bob' }, async (page, sandbox) => {
    const seen = [];
    sandbox.pinentry.always((dialogue) => {
      seen.push(JSON.stringify(dialogue.texts));
      if (dialogue.kind === 'pin') dialogue.answer('654321');
      else dialogue.confirm();
    });
    await says(page, 'This card is blocked because the PIN was wrong too often.');
    assert.ok(seen.some((texts) => /last try/i.test(texts)), seen.join('\n'));
    await otherWays(page);
  }));

test('a card that is blocked already asks for no PIN', () =>
  journey({ card: null, prepare: insertBlocked }, async (page, sandbox) => {
    await says(page, 'This card is blocked because the PIN was wrong too often.');
    assert.equal(sandbox.pinentry.dialogues.length, 0);
    await otherWays(page);
  }));

test('without a card the page asks for it, and goes on when it comes', () =>
  journey({ card: null }, async (page, sandbox) => {
    await says(page, 'Insert your smartcard');
    await sandbox.ctl('insert', 'reader-0', 'bob');
    await typePin(sandbox);
    await signedIn(page);
  }));

test('without a reader the page asks for one, and goes on when it comes', () =>
  journey({ card: 'bob', agent: false, prepare: startUnplugged }, async (page, sandbox) => {
    await says(page, 'Connect a smartcard reader');
    await sandbox.ctl('plug', 'reader-0');
    await typePin(sandbox);
    await signedIn(page);
  }));

test('taking the card out at the prompt ends the sign-in and the prompt', () =>
  journey({ card: 'bob' }, async (page, sandbox) => {
    const dialogue = await sandbox.pinentry.next();
    await sandbox.ctl('remove', 'reader-0');
    await says(page, 'The smartcard was taken out before it had signed.');
    await dialogue.gone;
    await otherWays(page);
  }));

for (const [card, sentence] of [
  ['erin', 'This smartcard has been withdrawn.'],
  ['frank', 'The certificate on this smartcard has expired.'],
  ['grace', 'The certificate on this smartcard comes from an authority that is not trusted here.'],
  ['heidi', 'This smartcard holds no certificate for signing in.'],
  ['judy', 'The certificate on this smartcard is not valid yet.'],
]) {
  test(`${card} is told: ${sentence}`, () =>
    journey({ card }, async (page, sandbox) => {
      sandbox.pinentry.always((dialogue) => dialogue.answer(PIN));
      await says(page, sentence);
      await otherWays(page);
    }));
}

test('without an agent the page says so; once it runs, "Try again" is enough', () =>
  journey({ card: 'bob', agent: false }, async (page, sandbox) => {
    await says(page, 'Lanyard, this computer\'s sign-in program, cannot be reached.');
    await sandbox.startAgent();
    await page.click('#again');
    await typePin(sandbox);
    await signedIn(page);
  }));

test('an agent that ends during the sign-in is missed at once, and takes its prompt along', () =>
  journey({ card: 'bob' }, async (page, sandbox) => {
    const dialogue = await sandbox.pinentry.next();
    await sandbox.stopAgent();
    await says(page, 'Lanyard, this computer\'s sign-in program, cannot be reached.');
    await dialogue.gone;
  }));

test('a site that is not listed learns no more than if nobody were there', () =>
  journey({ card: 'bob', origins: ['https://another.sandbox.test'] }, async (page, sandbox) => {
    await says(page, 'Lanyard, this computer\'s sign-in program, cannot be reached.');
    assert.equal(sandbox.pinentry.dialogues.length, 0);
  }));

test('signing out in one window ends the session in the other', () =>
  journey({ card: 'bob' }, async (page, sandbox) => {
    await typePin(sandbox);
    await signedIn(page);
    const other = attend(await page.context().newPage());
    await other.goto(sandbox.url);
    await signedIn(other);
    await page.click('text=Sign out');
    await other.waitForURL(/problem=ended/);
    await page.click('button[value=yes]');
    await page.waitForURL(`${sandbox.url}/signed-out*`);
    assert.match(await page.textContent('main'), /You have signed out\./);
  }));

test('signing out ends the application\'s session, whatever the provider is told', () =>
  journey({ card: 'bob' }, async (page, sandbox) => {
    await typePin(sandbox);
    await signedIn(page);
    await page.click('text=Sign out');
    await page.click('text=Stay signed in');
    await page.waitForURL(`${sandbox.url}/signed-out*`);
    await page.goto(sandbox.url);
    await page.waitForSelector('#sign-in');
  }));
