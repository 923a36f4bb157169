// SPDX-License-Identifier: MIT
//
// The whole journey from a provider that counts as a site on the internet, under the packaged browser
// policies: nobody is asked anything but the PIN.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromiumProgram, firefoxProgram, launchChromium, launchFirefox } from '../sandbox/browser.mjs';
import { startDisplay } from '../sandbox/display.mjs';
import { policiesImpossible, withPolicies } from '../sandbox/policies.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { attend, signedIn } from '../sandbox/says.mjs';

const SITE = 'op.sandbox.test';
const skip = policiesImpossible();
let display;
before(async () => { display = await startDisplay(); });
after(() => display.close());

async function journey(program, openPage) {
  const sandbox = await startSandbox({ card: 'bob', site: SITE });
  let browser;
  try {
    const { port } = sandbox.op;
    const wrapper = await withPolicies(program, { site: `${SITE}:${port}`, directory: sandbox.directory });
    let page;
    ({ browser, page } = await openPage(wrapper, { name: SITE, port }));
    await page.goto(`${sandbox.url}/sign-in`);
    (await sandbox.pinentry.next()).answer('123456');
    assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
  } finally {
    await browser?.close();
    await sandbox.close();
  }
}

test('Chromium, under the packaged policy', { skip }, () =>
  journey(chromiumProgram(), async (wrapper, publicSite) => {
    // With a window: only then does Chromium ask, and only then does it matter that it does not.
    const browser = await launchChromium(
      { wrapper, publicSite, headless: false, env: { DISPLAY: display.name } });
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    return { browser, page: attend(await context.newPage()) };
  }));

test('Firefox, under the packaged policy', { skip }, () =>
  journey(firefoxProgram(), async (program, publicSite) => {
    const browser = await launchFirefox({ program, publicSite });
    return { browser, page: attend(await browser.newPage()) };
  }));
