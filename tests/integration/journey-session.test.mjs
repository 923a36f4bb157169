// SPDX-License-Identifier: MIT
//
// A clinician's day with one session: pages that come at the same time or go away, a PIN asked for
// once more, another role, a provider that has lost its memory, and each way of leaving. All parts
// are real but the card's chip and the person at the prompt. Each test has a sandbox of its own.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from '../sandbox/browser.mjs';
import { built } from '../sandbox/build.mjs';
import { connectNative } from '../sandbox/native.mjs';
import { startOp } from '../sandbox/op/op.mjs';
import { trustOf } from '../sandbox/people.mjs';
import { run } from '../sandbox/processes.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { attend, says, signedIn } from '../sandbox/says.mjs';

const PIN = '123456';
// A sign-in begins where somebody asks for one, and with the card in.
const ASKED = '[session]\nsign-in-at-insertion = no\n';

let browser;
before(async () => { browser = await launchChromium(); });
after(() => browser.close());

// Runs play(desk); desk has the sandbox's parts and: open(path, app), a page of the application's in
// a browser that knows nobody (or `context`'s); pins(), how often a PIN was asked for so far.
async function atDesk(options, play) {
  const lines = [];
  const sandbox = await startSandbox({ apps: 2, settings: ASKED, ...options, report: (line) => lines.push(line) });
  const contexts = [];
  async function open(path = '/sign-in', { app = sandbox.app, context } = {}) {
    const within = context ?? await browser.newContext();
    contexts.push(within);
    const page = attend(await within.newPage());
    await page.goto(app.origin + path);
    return page;
  }
  try {
    await play({ ...sandbox, sandbox, open, pins: () => sandbox.pinentry.dialogues.length });
  } catch (error) {
    error.message += `\n${lines.join('\n')}\n${sandbox.agent?.output}`;
    throw error;
  } finally {
    for (const context of contexts) await context.close();
    await sandbox.close();
  }
}

const typePin = async ({ pinentry }) => (await pinentry.next()).answer(PIN);

async function signsIn(desk, page) {
  await says(page, 'Enter your PIN');
  await typePin(desk);
  return signedIn(page);
}

const isOut = async (page) => {
  await page.waitForSelector('#sign-in');
  assert.match(page.url(), /problem=ended/);
};

test('a page that is closed takes its prompt along, and the next one gets its own', () =>
  atDesk({ card: 'bob' }, async (desk) => {
    const page = await desk.open();
    await says(page, 'Enter your PIN');
    const prompt = await desk.pinentry.next();
    await page.close();
    await prompt.gone;
    assert.equal((await signsIn(desk, await desk.open())).who, 'Mr Bob Brown');
  }));

test('two pages that sign in at once are served by one prompt, and a third by none', () =>
  atDesk({ card: 'bob' }, async (desk) => {
    const pages = [await desk.open(), await desk.open('/sign-in', { app: desk.app2 })];
    for (const page of pages) await says(page, 'Enter your PIN');
    await typePin(desk);
    for (const page of pages) assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
    await signedIn(await desk.open());
    assert.equal(desk.pins(), 1);
    assert.equal(desk.op.sessions.all().length, 1);
  }));

test('an application asks for a fresh PIN: the session stays, and its time moves', () =>
  atDesk({ card: 'bob' }, async (desk) => {
    const page = await desk.open();
    await signsIn(desk, page);
    const [{ sid, authTime }] = desk.op.sessions.all();
    await page.click('#again'); // prompt=login
    await signsIn(desk, page);
    const [renewed] = desk.op.sessions.all();
    assert.equal(renewed.sid, sid);
    assert.ok(renewed.authTime > authTime);
    await page.goto(`${desk.app.origin}/sign-in?max_age=3600`);
    await signedIn(page);
    assert.equal(desk.pins(), 2);
    await page.goto(`${desk.app.origin}/sign-in?max_age=0`);
    await signsIn(desk, page);
    assert.deepEqual(desk.op.sessions.all().map((each) => each.sid), [sid]);
    assert.equal(desk.pins(), 3);
  }));

test('bob\'s card is exchanged while his PIN is asked for: he is out, and alice is somebody else', () =>
  atDesk({ card: 'bob' }, async (desk) => {
    const page = await desk.open();
    await signsIn(desk, page);
    const other = await desk.open('/sign-in?prompt=login', { app: desk.app2 });
    const prompt = await desk.pinentry.next();
    await desk.ctl('remove', 'reader-0');
    await prompt.gone;
    await desk.ctl('insert', 'reader-0', 'alice');
    await says(other, 'The smartcard was taken out before it had signed.');
    await isOut(page);
    assert.equal(desk.pins(), 2);
    await other.click('#again');
    await says(other, 'Enter your PIN');
    await typePin(desk);
    await other.click('.roles button');
    assert.equal((await signedIn(other)).who, 'Dr Alice Adams');
    assert.deepEqual(desk.op.sessions.all().map(({ person }) => person.givenName), ['Alice']);
  }));

test('another person\'s card beside it is not asked for the PIN that bob owes', () =>
  atDesk({ card: 'bob', readers: ['reader-0', 'reader-1'] }, async (desk) => {
    const page = await desk.open();
    await signsIn(desk, page);
    const [{ sid }] = desk.op.sessions.all();
    await desk.ctl('insert', 'reader-1', 'alice');
    await page.click('#again');
    const prompt = await desk.pinentry.next();
    assert.match(prompt.texts.description, /Card holder: 555000000102\n/);
    prompt.answer(PIN);
    assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
    assert.deepEqual(desk.op.sessions.all().map((each) => each.sid), [sid]);
    assert.equal(desk.pins(), 2);
  }));

test('the provider has forgotten everybody: one PIN, and everything is as before', () =>
  atDesk({ card: 'bob' }, async (desk) => {
    const { sandbox, op, people, app, app2, agentPort } = desk;
    await signsIn(desk, await desk.open());
    const native = await connectNative(sandbox);
    const { sid } = await native.request('session.status');
    await op.close();
    sandbox.op = await startOp({
      people: people.file, trust: await trustOf(people), agentPort, sessions: true, port: op.port,
    });
    sandbox.op.register(app.registration, app2.registration);
    const page = await desk.open();
    assert.equal((await signsIn(desk, page)).who, 'Mr Bob Brown');
    await signedIn(await desk.open('/sign-in', { app: app2 }));
    assert.equal(desk.pins(), 2);
    const renewed = await native.request('session.status');
    assert.equal(renewed.state, 'active');
    assert.notEqual(renewed.sid, sid);
    await native.close();
  }));

test('another role is chosen at the command line, and the application sees it when it asks', () =>
  atDesk({ card: 'alice' }, async (desk) => {
    const lanyard = async (...words) => run(await built('lanyard'), words, { env: desk.environment });
    const page = await desk.open();
    await says(page, 'Enter your PIN');
    await typePin(desk);
    await page.click('.roles button >> nth=0'); // without a display Lanyard has no window to ask in
    assert.equal((await signedIn(page)).role, 'Clinical Practitioner Access Role');
    await lanyard('role', '000000101002');
    await page.click('#refresh');
    await page.waitForSelector('#role:text-is("Admin/Clinical Support Access Role")');
    const other = await desk.open('/sign-in', { app: desk.app2 });
    assert.equal((await signedIn(other)).role, 'Admin/Clinical Support Access Role');
    assert.equal(desk.pins(), 1);

    await lanyard('sign-out');
    await isOut(page);
    await isOut(other);
    await page.click('#sign-in');
    await says(page, 'Enter your PIN');
  }));

test('signing out of an application leaves the desktop signed in', () =>
  atDesk({ card: 'bob' }, async (desk) => {
    const page = await desk.open();
    await signsIn(desk, page);
    const elsewhere = await desk.open('/sign-in', { app: desk.app2 }); // another browser
    await signedIn(elsewhere);
    await page.click('text=Sign out');
    await page.click('button[value=yes]');
    await page.waitForURL(`${desk.app.origin}/signed-out*`);
    await page.click('#sign-in');
    await signedIn(page);
    await elsewhere.reload();
    await signedIn(elsewhere);
    assert.equal(desk.pins(), 1);
  }));
