// SPDX-License-Identifier: MIT
//
// What tests/demo runs once everything is built: a sandbox for a person to play with, or (--script)
// the whole journey by itself with the time of each step.

import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { X509Certificate } from 'node:crypto';
import { findProgram, launchChromium } from './browser.mjs';
import { startSandbox } from './sandbox.mjs';
import { says, signedIn } from './says.mjs';

const PIN = '123456';

const { values } = parseArgs({
  options: {
    card: { type: 'string', default: 'alice' },
    trust: { type: 'string' },
    crl: { type: 'string' },
    script: { type: 'boolean', default: false },
  },
});

if (values.script) await journey();
else await play();

async function play() {
  const pinentry = findProgram('pinentry-gtk-2', 'pinentry-qt', 'pinentry-gnome3', 'pinentry');
  if (!pinentry || !(process.env.DISPLAY || process.env.WAYLAND_DISPLAY)) {
    process.stderr.write('tests/demo: the PIN prompt needs a display; --script works without one\n');
    process.exit(1);
  }
  const sandbox = await startSandbox({
    ...await cards(),
    pinentry,
    directory: join(process.env.XDG_RUNTIME_DIR ?? tmpdir(), 'lanyard-sandbox'),
    report: (line) => process.stdout.write(`  ${line}\n`),
  });
  process.stdout.write(`
Open this:  ${sandbox.url}

${values.card === 'real' ? 'Use your own card and its PIN.' : `Every card's PIN is ${PIN}. In another terminal:

  tests/sandbox/ctl remove reader-0          take the card out
  tests/sandbox/ctl insert reader-0 carol    put another one in
  tests/sandbox/ctl --help                   everything else`}

Ctrl-C ends it.
`);
  await new Promise((resolve) => {
    process.removeAllListeners('SIGINT').once('SIGINT', resolve);
  });
  await sandbox.close();
}

async function cards() {
  if (values.card === 'none') return { card: null };
  if (values.card !== 'real') return { card: values.card };
  const bundle = values.trust ? await readFile(values.trust, 'utf8') : '';
  const anchors = (bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [])
    .map((pem) => Buffer.from(new X509Certificate(pem).toString()));
  const lists = values.crl ? [await readFile(values.crl)] : [];
  return { readers: [], card: null, strangers: true, trust: { anchors, lists } };
}

// Each step with its time; the times are the sandbox's and nobody's promise.
async function journey() {
  let last = performance.now();
  const step = (what) => {
    const now = performance.now();
    process.stdout.write(`${Math.round(now - last).toString().padStart(6)} ms  ${what}\n`);
    last = now;
  };
  const sandbox = await startSandbox({ card: 'alice' });
  let browser;
  try {
    step('the sandbox runs, alice\'s card is in the reader');
    browser = await launchChromium();
    const page = await browser.newPage();
    await page.goto(sandbox.url);
    step('the sample application is open');
    await page.click('#sign-in');
    await says(page, 'Enter your PIN');
    const prompt = await sandbox.pinentry.next();
    step('the provider\'s page has reached Lanyard, and Lanyard asks for the PIN');
    prompt.answer(PIN);
    await page.click('.roles button');
    step('the card has signed, the provider has checked it, alice has chosen a role');
    const { who, role, organisation } = await signedIn(page);
    step(`the application knows ${who}, ${role}, ${organisation}`);
    await page.click('text=Sign out');
    await page.click('button[value=yes]');
    await page.waitForSelector('#sign-in');
    step('alice has signed out everywhere');
  } finally {
    await browser?.close();
    await sandbox.close();
  }
  step('everything has ended');
}
