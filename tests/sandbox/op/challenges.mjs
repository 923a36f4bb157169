// SPDX-License-Identifier: MIT
//
// The challenges a provider has issued: 33 random bytes each, since their 44 characters are the
// fewest that a Web eID token is made for; good for one sign-in of the browser they were given to,
// and for two minutes. Trying one uses it up, whatever comes of it. Old ones are dropped when new
// ones are issued, so nothing has to watch the clock.

import { randomBytes } from 'node:crypto';

const LIFETIME = 120_000;
const REMEMBERED = 10 * LIFETIME; // so that a stale one is called stale rather than unknown

export function makeChallenges({ clock = Date.now } = {}) {
  const issued = new Map(); // nonce -> { owner, at }, oldest first

  function forgetOld() {
    for (const [nonce, { at }] of issued) {
      if (clock() - at < REMEMBERED) return;
      issued.delete(nonce);
    }
  }

  return {
    issue(owner) {
      forgetOld();
      const nonce = randomBytes(33).toString('base64url');
      issued.set(nonce, { owner, at: clock() });
      return nonce;
    },

    // 'ok' once; then, or for another's, 'unknown'; 'stale' after two minutes.
    redeem(nonce, owner) {
      const challenge = issued.get(nonce);
      if (!challenge || challenge.owner !== owner) return 'unknown';
      issued.delete(nonce);
      return clock() - challenge.at <= LIFETIME ? 'ok' : 'stale';
    },
  };
}
