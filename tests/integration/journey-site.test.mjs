// SPDX-License-Identifier: MIT
//
// The whole journey from a provider that counts as a site on the internet, under the browser policies
// that the package installs, byte for byte: nobody is asked anything but the PIN. The provider has the
// name that is in them, and so the port that goes without saying.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { chromiumProgram, firefoxProgram, launchChromium, launchFirefox } from '../sandbox/browser.mjs';
import { startDisplay } from '../sandbox/display.mjs';
import { PACKAGED_SITE, policiesImpossible, withPolicies } from '../sandbox/policies.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { attend, signedIn } from '../sandbox/says.mjs';
import { SITE_ADDRESS } from '../sandbox/site.mjs';

const PORT = 443;
const skip = policiesImpossible() || await portImpossible();
let display;

// Why the provider cannot have its port here, as a sentence; false when it can.
async function portImpossible() {
  const server = createServer();
  try {
    await new Promise((resolve, reject) => server.once('error', reject).listen(PORT, SITE_ADDRESS, resolve));
    return false;
  } catch ({ code }) {
    return `port ${PORT} of ${SITE_ADDRESS} is not to be had (${code})`;
  } finally {
    server.close();
  }
}
before(async () => { display = await startDisplay(); });
after(() => display.close());

async function journey(program, openPage) {
  const sandbox = await startSandbox({ card: 'bob', site: PACKAGED_SITE, sitePort: PORT });
  let browser;
  try {
    const wrapper = await withPolicies(program, { directory: sandbox.directory });
    let page;
    ({ browser, page } = await openPage(wrapper, { name: PACKAGED_SITE, port: PORT }));
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
