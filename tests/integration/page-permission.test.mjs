// SPDX-License-Identifier: MIT
//
// Local Network Access: a site on the internet needs the person's permission to reach Lanyard, and
// browsers hold or refuse the connection without a word to the page. The page must say what is going
// on, in both browsers, and the packaged policies must make the question go away.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromiumProgram, firefoxProgram, launchChromium, launchFirefox } from '../sandbox/browser.mjs';
import { startDisplay } from '../sandbox/display.mjs';
import { agentThatWaitsFor, startPageRig } from '../sandbox/page-rig.mjs';
import { policiesImpossible, withPolicies } from '../sandbox/policies.mjs';
import { attend, otherWays, says } from '../sandbox/says.mjs';

const SITE = 'op.sandbox.test';
const impossible = policiesImpossible();
let rig;
let display;
before(async () => {
  rig = await startPageRig();
  display = await startDisplay();
});
after(async () => {
  await display?.close();
  await rig.close();
});

async function startSite(script = agentThatWaitsFor({ for: 'pin' })) {
  const parts = await rig.start(script, { site: SITE });
  return { ...parts, publicSite: { name: SITE, port: parts.op.port } };
}

// Runs `body(page, site)` on the sign-in page, in a Chromium that asks its person.
async function inChromium({ script, permissions, inPage, ...launch }, body) {
  const site = await startSite(script);
  const browser = await launchChromium({
    publicSite: site.publicSite, headless: false, env: { DISPLAY: display.name }, ...launch,
  });
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    if (permissions) await context.grantPermissions(permissions, { origin: site.op.origin });
    const page = attend(await context.newPage());
    if (inPage) await page.addInitScript(inPage);
    await page.goto(site.url);
    await body(page, site);
  } finally {
    await browser.close();
  }
}

async function inFirefox({ script, prepare = async () => ({}) }, body) {
  const site = await startSite(script);
  const browser = await launchFirefox({ publicSite: site.publicSite, ...await prepare(site) });
  try {
    const page = attend(await browser.newPage());
    await page.goto(site.url);
    await body(page, site);
  } finally {
    await browser.close();
  }
}

// What a program sees that does not want to wait for the person for long.
const kindOfFailure = (page) => page.evaluate(async () => {
  const { Lanyard } = await import('/lanyard.js');
  const { port } = document.querySelector('#sign-in').dataset;
  return Lanyard.connect({ port: Number(port), timeout: 500 }).catch(({ kind }) => kind);
});

test('Chromium asks: the page says so, can be cancelled, and offers the other ways', () =>
  inChromium({}, async (page, { agent }) => {
    await says(page, 'Your browser asks you a question');
    assert.equal(agent.connections(), 0);
    assert.equal(await kindOfFailure(page), 'permission-needed');
    await page.click('#cancel');
    await says(page, 'The sign-in was cancelled.');
    await otherWays(page);
  }));

test('Chromium has been told no: the page says how to change that', () =>
  inChromium({ headless: true }, async (page) => {
    await says(page, 'Your browser does not let this site reach Lanyard.');
    assert.equal(await kindOfFailure(page), 'permission-denied');
    await otherWays(page);
  }));

// As on a busy computer, where the socket may close before the news of the answer has arrived.
function permissionWithoutNews() {
  const { query } = Permissions.prototype;
  let asked = 0;
  Permissions.prototype.query = async function queryOnce(descriptor) {
    const status = await query.call(this, descriptor);
    return ++asked === 1 ? { state: 'prompt' } : status;
  };
}

test('Chromium has been told no, which the page hears late: it says how to change that', () =>
  inChromium({ headless: true, inPage: permissionWithoutNews }, async (page) => {
    await says(page, 'Your browser does not let this site reach Lanyard.');
    await otherWays(page);
  }));

test('Chromium has been told yes: the sign-in goes on', () =>
  inChromium({ permissions: ['local-network-access'] }, (page) => says(page, 'Enter your PIN')));

test('Chromium asks nothing when there is no agent to reach', () =>
  inChromium({ script: null }, async (page) => {
    await says(page, 'Lanyard, this computer\'s sign-in program, cannot be reached.');
    assert.equal(await kindOfFailure(page), 'unreachable');
  }));

test('with the packaged policy Chromium asks nothing', { skip: impossible }, async () => {
  const site = await startSite();
  const wrapper = await withPolicies(chromiumProgram(),
    { site: `${SITE}:${site.op.port}`, directory: rig.directory });
  const browser = await launchChromium({ publicSite: site.publicSite, wrapper, headless: false, env: { DISPLAY: display.name } });
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = attend(await context.newPage());
    await page.goto(site.url);
    await says(page, 'Enter your PIN');
  } finally {
    await browser.close();
  }
});

test('Firefox asks: the page says so, can be cancelled, and offers the other ways', () =>
  inFirefox({}, async (page, { agent }) => {
    await says(page, 'Your browser asks you a question');
    assert.equal(agent.connections(), 0);
    assert.equal(await kindOfFailure(page), 'permission-needed');
    await page.click('#cancel');
    await says(page, 'The sign-in was cancelled.');
    await otherWays(page);
  }));

test('Firefox asks nothing when there is no agent to reach', () =>
  inFirefox({ script: null }, (page) =>
    says(page, 'Lanyard, this computer\'s sign-in program, cannot be reached.')));

test('with the packaged policy Firefox asks nothing', { skip: impossible }, () =>
  inFirefox({
    prepare: async ({ op }) => ({
      program: await withPolicies(firefoxProgram(), { site: `${SITE}:${op.port}`, directory: rig.directory }),
    }),
  }, (page) => says(page, 'Enter your PIN')));
