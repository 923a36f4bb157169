// SPDX-License-Identifier: MIT
//
// How tests read the sign-in page, in either browser's driver: what it says is also its title, so
// that is what they wait for, without running code that the page's policy would not allow.

// Resolves once the page says that; the browser may still be on its way to the page.
export async function says(page, text) {
  await page.waitForSelector('[data-path]');
  return page.evaluate((wanted) => new Promise((resolve) => {
    const look = () => document.title === wanted && resolve();
    new MutationObserver(look)
      .observe(document.head, { childList: true, subtree: true, characterData: true });
    look();
  }), `${text} - Care Identity sandbox`);
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
