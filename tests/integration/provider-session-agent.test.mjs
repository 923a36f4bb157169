// SPDX-License-Identifier: MIT
//
// The three ways in which a provider's page can sign somebody in to a session, all parts real: the
// agent does all of it, or the page has the card sign and hands the session over, with and without a
// session endpoint. In each the PIN is typed once, an application that asks for it again gets it, and
// a session that the provider has ended is replaced by a new one.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from '../sandbox/browser.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { attend, says, signedIn } from '../sandbox/says.mjs';

const PIN = '123456';
let browser;
before(async () => { browser = await launchChromium(); });
after(() => browser.close());

// Runs `body` with a sandbox in which nothing asks for a PIN but pages.
async function withPages(options, body) {
  const lines = [];
  const sandbox = await startSandbox({
    card: 'bob',
    apps: 2,
    settings: '[session]\nsign-in-at-insertion = no\n[desktop]\nlock = no\n',
    report: (line) => lines.push(line),
    ...options,
  });
  const contexts = [];
  const newPage = async () => {
    contexts.push(await browser.newContext());
    return attend(await contexts.at(-1).newPage());
  };
  try {
    await body(sandbox, newPage);
  } catch (error) {
    error.message += `\n${lines.join('\n')}\n${sandbox.agent?.output ?? ''}`;
    throw error;
  } finally {
    for (const context of contexts) await context.close();
    await sandbox.close();
  }
}

const typePin = async ({ pinentry }) => (await pinentry.next()).answer(PIN);

async function signIn(sandbox, page, app, query = '') {
  await page.goto(`${app.origin}/sign-in${query}`);
  assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
}

for (const [name, options] of [
  ['the agent does all of it', {}],
  ['the page hands over the session that the provider has opened', { begin: true }],
  ['so it does where the provider has no session endpoint', { endpoint: false }],
]) {
  test(`one PIN for every application and browser: ${name}`, () =>
    withPages(options, async (sandbox, newPage) => {
      const page = await newPage();
      const typed = typePin(sandbox);
      await signIn(sandbox, page, sandbox.app);
      await typed;
      await signIn(sandbox, await newPage(), sandbox.app2);
      assert.equal(sandbox.pinentry.dialogues.length, 1);
      assert.equal(sandbox.op.sessions.all().length, 1);

      const typedAgain = typePin(sandbox);
      await page.click('#again');
      await typedAgain;
      await page.waitForURL(`${sandbox.url}/`);
      assert.equal(sandbox.op.sessions.all().length, 1);

      sandbox.op.sessions.end(sandbox.op.sessions.all()[0], 'an operator says so');
      await page.waitForURL(/problem=ended/);
      const typedAnew = typePin(sandbox);
      await signIn(sandbox, page, sandbox.app);
      await typedAnew;
      assert.equal(sandbox.pinentry.dialogues.length, 3);
    }));
}

test('taking the card out signs out of every application, in every browser', () =>
  withPages({}, async (sandbox, newPage) => {
    const [one, two] = [await newPage(), await newPage()];
    const typed = typePin(sandbox);
    await signIn(sandbox, one, sandbox.app);
    await typed;
    await signIn(sandbox, two, sandbox.app2);
    await sandbox.ctl('remove', 'reader-0');
    for (const page of [one, two]) await page.waitForURL(/problem=ended/);
    assert.equal(sandbox.op.sessions.all().length, 0);
    await one.click('#sign-in');
    await says(one, 'Insert your smartcard');
  }));

test('a person with several roles who is not asked in a window is asked by the provider', () =>
  withPages({ card: 'alice' }, async (sandbox, newPage) => {
    const page = await newPage();
    const typed = typePin(sandbox);
    await page.goto(`${sandbox.url}/sign-in`);
    await typed;
    await page.click('.roles button >> nth=2');
    assert.equal((await signedIn(page)).role, 'Health Professional Access Role');
    const other = await newPage();
    await other.goto(`${sandbox.app2.origin}/sign-in`);
    assert.equal((await signedIn(other)).role, 'Health Professional Access Role');
  }));
