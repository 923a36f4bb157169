// SPDX-License-Identifier: MIT
//
// The sample of a native program: what it says of every end of a sign-in and of a session. That it
// signs in with everything else is in session-sso.test.mjs.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { launchChromium } from '../sandbox/browser.mjs';
import { startNativeApp } from '../sandbox/native-app.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { attend } from '../sandbox/says.mjs';

const PIN = '123456';
let browser;
before(async () => { browser = await launchChromium(); });
after(() => browser.close());

// Runs play({ ...sandbox, start, page }); start(browse): the program, with a browser that does that
// with the page when it is given an address; it goes there unless told.
async function atDesk(options, play) {
  const sandbox = await startSandbox({ card: 'bob', ...options });
  const context = await browser.newContext();
  const page = attend(await context.newPage());
  const visit = (url) => page.goto(url).catch(() => {}); // the program says what is wrong
  try {
    await play({ ...sandbox, sandbox, page, visit, start: (browse = visit) => startNativeApp(sandbox, browse) });
  } catch (error) {
    error.message += `\n${sandbox.agent?.output}`;
    throw error;
  } finally {
    await context.close();
    await sandbox.close();
  }
}

// Until the program has written that.
async function writes(program, line) {
  const found = () => program.output.split('\n').includes(line);
  await inTime(new Promise((resolve) => {
    const look = () => found() && resolve();
    program.child.stdout.on('data', look);
    look();
  }), `the program to write "${line}"`, () => program.output);
}

async function endsWith(program, line) {
  await inTime(program.ended, 'the program to end', () => program.output);
  assert.equal(program.child.exitCode, 0);
  assert.equal(program.output.trim().split('\n').at(-1), line);
}

test('it follows a session that is locked and resumed, and ends with it', () =>
  atDesk({ settings: '[session]\nmode = lock-persistence\n' }, async ({ start, pinentry, ctl, page, sandbox }) => {
    (await pinentry.next()).answer(PIN);
    const program = await start();
    await page.waitForSelector('text=Go back to the program');
    await ctl('remove', 'reader-0');
    await writes(program, 'Locked');
    await ctl('insert', 'reader-0', 'bob');
    (await pinentry.next()).answer(PIN);
    await writes(program, 'Unlocked');
    await sandbox.stopAgent();
    await endsWith(program, 'Signed out: agent-unreachable');
  }));

test('whoever knocks at its port without having been sent is not let in, and stops nobody', () =>
  atDesk({}, async ({ start, pinentry, ctl, visit }) => {
    (await pinentry.next()).answer(PIN);
    const answers = [];
    const program = await start(async (url) => {
      const back = new URL(url).searchParams.get('redirect_uri');
      connect(new URL(back).port, '127.0.0.1').on('error', () => {}); // says nothing
      for (const path of ['', '?code=stolen', '?code=stolen&state=guessed', 'more', '?state=%00&code=']) {
        answers.push((await fetch(back + path)).status);
      }
      await visit(url);
    });
    assert.deepEqual(answers, [404, 404, 404, 404, 404]);
    await ctl('remove', 'reader-0');
    await endsWith(program, 'Signed out: card-removed');
  }));

test('nobody signs in: it says so', () =>
  atDesk({ card: null }, async ({ start, page, visit }) => {
    await assert.rejects(start(async (url) => {
      await visit(url);
      await page.click('#other-ways');
      await page.click('text=Go back to the application');
    }), /ended with 1 before it was ready:\nThe provider signed nobody in: access_denied\n$/);
  }));

test('without an agent it says what to do, and opens no browser', () =>
  atDesk({ agent: false }, async ({ start }) => {
    await assert.rejects(start(() => assert.fail('a browser')),
      /ended with 3 before it was ready:\nLanyard, this computer's sign-in program, cannot be reached\. \S/);
  }));
