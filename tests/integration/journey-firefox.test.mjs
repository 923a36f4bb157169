// SPDX-License-Identifier: MIT
//
// The same agent through Firefox: signing in, cancelling, and the way round a missing agent.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchFirefox } from '../sandbox/browser.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { attend, otherWays, says, signedIn } from '../sandbox/says.mjs';

let browser;
before(async () => { browser = await launchFirefox(); });
after(() => browser.close());

async function journey(options, body) {
  const sandbox = await startSandbox({ card: 'bob', sessions: false, ...options });
  const context = await browser.createBrowserContext();
  try {
    const page = attend(await context.newPage());
    await page.goto(`${sandbox.url}/sign-in`);
    await body(page, sandbox);
  } finally {
    await context.close();
    await sandbox.close();
  }
}

test('bob signs in', () => journey({}, async (page, sandbox) => {
  await says(page, 'Enter your PIN');
  (await sandbox.pinentry.next()).answer('123456');
  assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
}));

test('cancelling on the page takes the prompt away', () => journey({}, async (page, sandbox) => {
  const dialogue = await sandbox.pinentry.next();
  await page.click('#cancel');
  await says(page, 'The sign-in was cancelled.');
  await dialogue.gone;
}));

test('without an agent the page says so and offers the other ways', () =>
  journey({ agent: false }, async (page) => {
    await says(page, 'Lanyard, this computer\'s sign-in program, cannot be reached.');
    await otherWays(page);
  }));
