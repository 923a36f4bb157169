// SPDX-License-Identifier: MIT
//
// One card, one PIN, every application of the desktop; and all of them signed out, and the screen
// locked, when the card is pulled. Everything is real but the card's chip, the fingers and logind:
// two browsers, two applications, a native program, the agent's windows, and a locker.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { launchChromium, launchFirefox } from '../sandbox/browser.mjs';
import { startDisplay } from '../sandbox/display.mjs';
import { startNativeApp } from '../sandbox/native-app.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { run, start } from '../sandbox/processes.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { attend, says, signedIn } from '../sandbox/says.mjs';
import { processBelow } from './processes.mjs';
import { skip as noDesktop, withDesktop } from './desktop-rig.mjs';

const PIN = '123456';
const LOCKED = '305080'; // the locker's colour

const missing = ['Xvfb', 'xdotool', 'xss-lock', 'i3lock'].filter((name) => spawnSync('which', [name]).status !== 0);
const skip = noDesktop || (missing.length > 0 && `not installed: ${missing.join(', ')}`);

let firefox;
before(async () => { if (!skip) firefox = await launchFirefox(); });
after(() => firefox?.close());

// A desk with a screen that somebody looks at, a logind that knows of it, and a locker that listens
// to logind. Chromium has its windows there, and so has the agent.
async function atDesk({ card }, play) {
  await withDesktop(async ({ system, env: buses }) => {
    const display = await startDisplay();
    const undo = [() => display.close()];
    const lines = [];
    let sandbox;
    try {
      await system.do('logind = Logind()');
      await system.do("logind.session('c1')");
      await system.do('logind.on_lock(\'rig.logind.at(args[0]).EmitSignal(rig.SESSION, "Lock", "", [])\')');
      const environment = {
        DISPLAY: display.name, XDG_SESSION_ID: 'c1', GDK_BACKEND: 'x11', GSETTINGS_BACKEND: 'memory', GTK_A11Y: 'none',
        DBUS_SYSTEM_BUS_ADDRESS: buses.DBUS_SYSTEM_BUS_ADDRESS,
        DBUS_SESSION_BUS_ADDRESS: buses.DBUS_SESSION_BUS_ADDRESS,
      };
      const locker = await start('xss-lock', ['-s', 'c1', '--', 'i3lock', '--nofork', '--color', LOCKED],
        { env: environment });
      undo.push(() => locker.stop());
      await system.services.next(/^Inhibit .*xss-lock/); // it listens
      sandbox = await startSandbox({
        card, apps: 2, environment, report: (line) => lines.push(line),
      });
      undo.push(() => sandbox.close());
      const chromium = await launchChromium({ headless: false, env: environment });
      undo.push(() => chromium.close());
      await play({ sandbox, chromium, display, locker });
    } catch (error) {
      error.message += `\n${lines.join('\n')}\n${sandbox?.agent?.output}`;
      throw error;
    } finally {
      while (undo.length > 0) await undo.pop()();
    }
  });
}

const pins = ({ pinentry }) => pinentry.dialogues.length;

async function openApp(context, { origin }) {
  const page = attend(await context.newPage());
  await page.goto(`${origin}/sign-in`);
  return page;
}

// A page of the provider's that stays open and listens; resolves with heard(state): what it has heard
// once it has heard that.
async function listenAtProvider(page) {
  const port = Number(await page.getAttribute('#sign-in', 'data-port'));
  await page.click('#other-ways');
  await page.waitForSelector('#smartcard');
  await page.evaluate(async (given) => {
    const { Lanyard } = await import('/lanyard.js');
    window.agent = await Lanyard.connect({ port: given });
    window.heard = [];
    window.agent.addEventListener('session.changed', ({ detail }) => window.heard.push(detail));
  }, port);
  return (state) => inTime(page.evaluate((wanted) => new Promise((resolve) => {
    const look = () => window.heard.some((each) => each.state === wanted) && resolve(window.heard);
    window.agent.addEventListener('session.changed', look);
    look();
  }), state), `the provider's page to hear "${state}"`);
}

// Looks until it is so.
async function shows(display, what, fits) {
  let picture;
  let over = false;
  await inTime((async () => {
    while (!over) {
      picture = await display.look();
      if (fits(picture)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })(), `the screen to show ${what}`, () => JSON.stringify(picture).slice(0, 300)).finally(() => { over = true; });
  return picture;
}
const share = ({ width, height, colours }) => (colours[LOCKED] ?? 0) / (width * height);

test('bob types his PIN once, works everywhere, and leaves by taking the card', { skip }, () =>
  atDesk({ card: 'bob' }, async ({ sandbox, chromium, display, locker }) => {
    const { app, app2, ctl, pinentry } = sandbox;
    const context = await chromium.newContext();
    const ward = await openApp(context, app);
    await says(ward, 'Enter your PIN');
    (await pinentry.next()).answer(PIN);
    const { who, role, acr, ...rest } = await signedIn(ward);
    assert.deepEqual({ who, role, acr },
      { who: 'Mr Bob Brown', role: 'Nurse Access Role', acr: 'AAL3_CIS2_SMARTCARD' });

    const other = await openApp(await firefox.createBrowserContext(), app);
    assert.deepEqual(await signedIn(other), { who, role, acr, ...rest }); // the time of the PIN, too
    const native = await startNativeApp(sandbox, async (url) =>
      attend(await context.newPage()).goto(url).catch(() => {})); // the program says what is wrong
    assert.equal(native.output, 'Signed in: Mr Bob Brown (555000000102)\n' +
      'Role: Nurse Access Role, Harbour Street Pharmacy\nAssurance: AAL3_CIS2_SMARTCARD\n');
    const prescriptions = await openApp(context, app2);
    assert.equal((await signedIn(prescriptions)).who, 'Mr Bob Brown');
    assert.equal(pins(sandbox), 1);

    const before = await shows(display, 'the application', (picture) => Object.keys(picture.colours).length > 100);
    assert.ok(share(before) < 0.1, `${share(before)}`);
    await ctl('remove', 'reader-0');
    for (const page of [ward, other, prescriptions]) {
      await page.waitForSelector('#sign-in');
      assert.match(page.url(), /problem=ended/);
    }
    assert.deepEqual(await inTime(native.ended, 'the program to end', () => native.output), { code: 0, signal: null });
    assert.match(native.output, /^Signed out: card-removed$/m);
    await shows(display, 'the locker', (picture) => share(picture) > 0.99);

    process.kill(processBelow(locker.pid, 'i3lock')); // the person unlocks the screen
    await shows(display, 'the application again', (picture) => share(picture) < 0.1);
    assert.equal(pins(sandbox), 1);
    await ctl('insert', 'reader-0', 'bob');
    (await pinentry.next()).answer(PIN);
    await ward.click('#sign-in');
    assert.equal((await signedIn(ward)).who, 'Mr Bob Brown');
    await prescriptions.click('#sign-in');
    await signedIn(prescriptions);
    assert.equal(pins(sandbox), 2);
  }));

test('alice chooses her role once, in Lanyard\'s window', { skip }, () =>
  atDesk({ card: null }, async ({ sandbox, chromium, display }) => {
    const { app, app2, ctl, pinentry } = sandbox;
    const xdotool = (...words) => run('xdotool', words, { env: { DISPLAY: display.name } });
    const context = await chromium.newContext();
    const ward = await openApp(context, app);
    const provider = await openApp(context, app2);
    await says(ward, 'Insert your smartcard');
    const heardAtProvider = await listenAtProvider(provider);
    await ctl('insert', 'reader-0', 'alice');
    await says(ward, 'Enter your PIN');
    (await pinentry.next()).answer(PIN);
    await says(ward, 'Choose your role');
    const window = await inTime(
      xdotool('search', '--sync', '--onlyvisible', '--name', '^Lanyard: choose your role$'), 'the window for roles');
    await xdotool('windowfocus', '--sync', window.trim().split('\n').at(-1));
    await xdotool('key', 'Down');
    await xdotool('key', 'Down');
    await xdotool('key', 'Return');
    const chosen = await signedIn(ward);
    assert.equal(chosen.who, 'Dr Alice Adams');
    assert.equal(chosen.role, 'Health Professional Access Role');

    const prescriptions = await openApp(context, app2);
    assert.deepEqual(await signedIn(prescriptions), chosen);
    const other = await openApp(await firefox.createBrowserContext(), app2);
    assert.deepEqual(await signedIn(other), chosen);
    assert.equal(pins(sandbox), 1);

    await ctl('remove', 'reader-0');
    const heard = await heardAtProvider('none');
    assert.deepEqual(heard.map(({ state, role }) => `${state} ${role?.name}`), [
      'active undefined', `active ${chosen.role}`, 'ended undefined', 'none undefined']);
    assert.equal(heard.at(-1).cause, 'card-removed');
    for (const page of [ward, other, prescriptions]) await page.waitForSelector('#sign-in');
  }));
