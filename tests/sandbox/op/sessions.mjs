// SPDX-License-Identifier: MIT
//
// The provider's CIS sessions: who has signed in with a card or a security key, in which role, until when
// (ipc/PROTOCOL.md, section 6). Meant to be copied; a real provider keeps them in its database.
//
// A session is bound to a key that the card has vouched for, the `cnf.jwk` of the card token, or that a
// security key has (key-assertion.mjs), and the agent on the person's desktop holds the private half. It belongs to the desktop and not to a
// browser: any browser there may come with a proof, and gets a session of its own at the provider
// that is linked to this one and goes when it goes.
//
// It ends exactly once, with a cause: `unclaimed` (it is provisional for two minutes, and no agent
// has named it with a DPoP proof), `expired`, or whatever the caller of end() says. Then `ended` is
// called, and whoever asks for it later finds nothing.

import { randomBytes } from 'node:crypto';

const PROVISIONAL = 120_000; // milliseconds
// What a sign-in with a card is worth, in CIS2's words.
export const ACR = 'AAL3_CIS2_SMARTCARD';
export const AMR = ['CIS2_SMARTCARD'];

export const LIMITS = { life: 36_000, idle: 0, keepAlive: 60 }; // seconds; CIS's ten hours

// limits: see LIMITS. claimed: whether agents have an endpoint to name a session at; without one each
// is believed to have an agent. ended(session, cause) is called once for each session.
export function makeSessions({ clock, limits, claimed, ended }) {
  const sessions = new Map(); // sid -> the session, while it lasts
  const browsers = new Map(); // a browser's own session at the provider -> the session it is linked to

  function watch(session, until, cause) {
    session.callOff?.();
    session.callOff = clock.after(until - clock.now(), () => end(session, cause));
  }

  // key: the public JWK that the card has vouched for; without one no agent will ever have the
  // session, it is the browser's alone and ends with the last of them. publicKey: the security key's
  // that has signed, COSE; null: it was a card. acr, amr: a card's unless told.
  function open({ person, key = null, publicKey = null, acr = ACR, amr = AMR }) {
    const now = clock.now();
    const session = {
      sid: randomBytes(32).toString('base64url'),
      person,
      key,
      publicKey,
      acr,
      amr,
      role: person.roles.length === 1 ? person.roles[0].id : null,
      authTime: now,
      until: now + limits.life * 1000,
      provisional: claimed && key !== null,
      browsers: new Set(),
    };
    sessions.set(session.sid, session);
    if (session.provisional) watch(session, now + PROVISIONAL, 'unclaimed');
    else watch(session, session.until, 'expired');
    return session;
  }

  // An agent has named it with a proof of its key.
  function confirm(session) {
    if (!session.provisional) return;
    session.provisional = false;
    watch(session, session.until, 'expired');
  }

  // The person has just shown the card again.
  function authenticated(session) {
    session.authTime = clock.now();
  }

  // Whether the role is one of the person's; then it is the session's.
  function chooseRole(session, id) {
    const known = session.person.roles.some((role) => role.id === id);
    if (known) session.role = id;
    return known;
  }

  function end(session, cause) {
    if (!sessions.delete(session.sid)) return;
    session.callOff();
    for (const browser of session.browsers) browsers.delete(browser);
    ended(session, cause);
  }

  function link(session, browser) {
    if (browsers.get(browser) === session) return;
    unlink(browser);
    browsers.set(browser, session);
    session.browsers.add(browser);
  }

  function unlink(browser) {
    const session = browsers.get(browser);
    if (!session) return;
    browsers.delete(browser);
    session.browsers.delete(browser);
    if (!session.key && session.browsers.size === 0) end(session, 'left');
  }

  return {
    limits,
    claimed,
    open,
    confirm,
    authenticated,
    chooseRole,
    end,
    link,
    unlink,
    find: (sid) => sessions.get(sid),
    ofBrowser: (browser) => browsers.get(browser),
    all: () => [...sessions.values()],
  };
}
