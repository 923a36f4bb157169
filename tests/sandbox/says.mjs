// SPDX-License-Identifier: MIT
//
// How tests read the sign-in page, in either browser's driver: what it says is also its title, so
// that is what they wait for, without running code that the page's policy would not allow.

import { inTime, PATIENCE_MS } from './patience.mjs';

const heard = new WeakMap(); // page -> what its console said

// The page, listened to from now on, and waited for with the patience of all other parts.
export function attend(page) {
  const lines = [];
  heard.set(page, lines);
  page.on('console', (message) => lines.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => lines.push(`error: ${error.message}`));
  page.on('requestfailed', (request) =>
    lines.push(`failed: ${request.url()} (${request.failure()?.errorText})`));
  page.setDefaultTimeout(PATIENCE_MS);
  page.setDefaultNavigationTimeout(PATIENCE_MS);
  return page;
}

// Resolves once the page says that; the browser may still be on its way to the page.
export const says = (page, text) => inTime(untilTitled(page, `${text} - Care Identity sandbox`),
  `the page to say "${text}"`, () => stateOf(page));

async function untilTitled(page, wanted) {
  await page.waitForSelector('[data-path]');
  await page.evaluate((title) => new Promise((resolve) => {
    const look = () => document.title === title && resolve();
    new MutationObserver(look)
      .observe(document.head, { childList: true, subtree: true, characterData: true });
    look();
  }), wanted);
}

// What a person would see, and what the console says. A browser that hangs does not even answer
// this; then its silence is what there is to report.
async function stateOf(page) {
  const answer = (promise) => Promise.race([promise.catch(({ message }) => `(${message})`),
    new Promise((resolve) => setTimeout(resolve, 5000, '(the browser does not answer)'))]);
  return [
    `at ${page.url()}`,
    `titled "${await answer(page.title())}"`,
    await answer(page.evaluate(() => document.body.innerText)),
    ...heard.get(page) ?? [],
  ].join('\n');
}

// Takes the way out that has to be there in every state, and comes back.
export async function otherWays(page) {
  await page.click('#other-ways');
  await page.waitForSelector('#smartcard');
}

// The sample application's signed-in page as { who, role, organisation, acr, ... }.
export async function signedIn(page) {
  await page.waitForSelector('#who');
  return page.evaluate(() => Object.fromEntries(
    [...document.querySelectorAll('#who, dd[id]')].map(({ id, textContent }) => [id, textContent])));
}
