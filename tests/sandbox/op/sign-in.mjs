// SPDX-License-Identifier: MIT
//
// From "who is it?" to an answer for oidc-provider. The page asks for a challenge and brings back one
// of three things: a session proof, made by an agent that has a CIS session or has just opened one at
// the session endpoint; or a card token or what a security key has signed, for which a CIS session is
// opened here and, where an agent is to have it, handed on by the page (session.begin). Where the application asks for a role and the
// session has none of several, the role page asks for it.
//
// Everything hangs on oidc-provider's interaction, whose cookie ties the browser to it; what changes
// something is a POST from our own origin. What is refused is reported with its reason and told in
// one sentence.

import { TokenRefused, verifyCardToken } from './card-token.mjs';
import { makeChallenges } from './challenges.mjs';
import { gonePage, otherWaysPage, rolePage, signInPage } from './pages.mjs';
import { endBrowserSession } from './provider.mjs';
import { verifySessionProof } from './session-proof.mjs';
import { verifyWebEidToken } from './web-eid-token.mjs';
import { readBody, redirect, sendHtml, sendJson } from '../http.mjs';

const PATH = /^\/sign-in\/([A-Za-z0-9_-]+)(?:\/(challenge|proof|token|key-options|assertion|role|other-ways|leave))?$/;

// What a person is told when the provider refuses; anything else is the last line.
const REFUSALS = {
  'certificate-revoked': ['This smartcard has been withdrawn.',
    'Ask your Registration Authority about it. Until then, sign in another way.'],
  'certificate-expired': ['The certificate on this smartcard has expired.',
    'Ask your Registration Authority to renew it. Until then, sign in another way.'],
  'certificate-not-yet-valid': ['The certificate on this smartcard is not valid yet.',
    'Ask your Registration Authority to check the card.'],
  'unknown-authority': ['This smartcard comes from an authority that is not trusted here.',
    'Use the smartcard that your NHS organisation issued.'],
  'stale-challenge': ['The sign-in took longer than two minutes.', 'Start again when you are ready.'],
  'unknown-person': ['This smartcard belongs to nobody who is known here.',
    'Ask your Registration Authority to check your account.'],
  'unknown-session': ['Care Identity has ended your session.', 'Start again and type your PIN.'],
  'stale-authentication': ['Your PIN is needed once more for this.', 'Start again and type your PIN.'],
  'key-unknown': ['This security key is not registered with Care Identity.',
    'Use another key, or sign in with your smartcard and register this one.'],
  'key-copied': ['This security key was refused, because there may be a copy of it.',
    'Tell your IT service desk. Until then, sign in another way.'],
  'key-unverified': ['Your security key has not checked that it is you.',
    'Start again and type its PIN, or use another key.'],
  'another-person': ['Somebody else was signed in in this browser, and has been signed out now.',
    'Go back to the application and sign in from there.'],
};
const REFUSED = ['Your smartcard could not be checked. Nobody was signed in.',
  'Start again. If it persists, tell your IT service desk.'];
const KEY_REFUSED = ['Your security key could not be checked. Nobody was signed in.', REFUSED[1]];

// by: see pages.mjs. bound: sessions are for agents, and bound to the
// key that the card vouches for; otherwise they are the browser's alone.
export function makeSignIn({
  provider, origin, accounts, sessions, keys, trust, agentPort, format, by, bound, clock, report,
}) {
  const challenges = makeChallenges({ clock: clock.now });
  const csp = [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", 'img-src data:',
    `connect-src 'self' ws://127.0.0.1:${agentPort}`, "base-uri 'none'", "frame-ancestors 'none'",
  ].join('; ');

  // The session that a proof names.
  async function proved({ proof }, interaction) {
    const redeem = (nonce) => challenges.redeem(nonce, interaction.uid);
    const session = await verifySessionProof(String(proof),
      { origin, redeem, find: sessions.find, now: new Date(clock.now()) });
    await checkSamePerson(interaction, session.person);
    checkRecent(interaction, session);
    return { session };
  }

  // A new session for whoever's card has signed; with `sid` where an agent is to have it. Where agents
  // have no endpoint to tell us that the PIN was typed again, the browser's session is renewed here.
  async function opened({ format: used, token, challenge }, interaction) {
    const redeem = (nonce) => challenges.redeem(nonce, interaction.uid);
    const now = new Date(clock.now());
    const { uid, sessionKey } = used === 'web-eid:1.1'
      ? verifyWebEidToken(token, { origin, nonce: challenge, redeem, trust, now })
      : await verifyCardToken(String(token), { origin, redeem, trust, now });
    const person = accounts.find(uid);
    if (!person) throw new TokenRefused('unknown-person', uid);
    return openFor(person, sessionKey, interaction);
  }

  // The same with a security key. Where a browser has asked it, no agent can have the session.
  async function openedWithKey({ assertion }, interaction) {
    const redeem = (nonce) => challenges.redeem(nonce, interaction.uid);
    const { person, sessionKey, publicKey, acr, amr } = await keys.signIn(assertion, { redeem });
    return openFor(person, sessionKey, interaction, { publicKey, acr, amr });
  }

  async function openFor(person, sessionKey, interaction, worth) {
    await checkSamePerson(interaction, person);
    const before = sessions.ofBrowser(interaction.session?.uid);
    if (before?.key && !sessions.claimed) {
      sessions.authenticated(before);
      return { session: before };
    }
    const session = sessions.open({ person, key: bound ? sessionKey : null, ...worth });
    return { session, sid: session.key ? session.sid : undefined };
  }

  // Whose keys will do: those of whoever is signed in in this browser, or whom the application expects.
  // A provider on the internet would not tell everybody which keys a person has.
  function keyOptions({ uid, session: browser, params }) {
    const person = sessions.ofBrowser(browser?.uid)?.person ?? accounts.find(params.login_hint);
    return keys.requestOptions(challenges.issue(uid), person);
  }

  // A browser in which somebody is signed in never becomes another person's on the way. It is
  // nobody's then, and the sign-in starts over.
  async function checkSamePerson({ session: browser }, person) {
    const before = browser && sessions.ofBrowser(browser.uid);
    if (!before || before.person.uid === person.uid) return;
    sessions.unlink(browser.uid);
    await endBrowserSession(provider, browser.uid, report);
    throw new TokenRefused('another-person');
  }

  // What the application asked for with max_age or prompt=login.
  function checkRecent({ prompt }, { authTime }) {
    if (authTime < prompt.details.notBefore) throw new TokenRefused('stale-authentication');
  }

  async function accept(request, response, interaction, sessionOf, refusedInGeneral = REFUSED) {
    try {
      const { session, sid } = await sessionOf(JSON.parse(await readBody(request)), interaction);
      sendJson(response, { next: await finish(request, response, session), sid });
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      report(`sign-in refused: ${error.message}`);
      const [sentence, advice] = REFUSALS[error.reason] ?? refusedInGeneral;
      sendJson(response, { refused: { reason: error.reason, sentence, advice } }, 403);
    }
  }

  function finish(request, response, { sid, person, acr, amr }) {
    return provider.interactionResult(request, response,
      { login: { accountId: person.uid, acr, amr, cis: sid } });
  }

  async function chooseRole(request, response, interaction) {
    const role = new URLSearchParams(await readBody(request)).get('role');
    const session = sessions.ofBrowser(interaction.session?.uid);
    if (!session || !sessions.chooseRole(session, role)) {
      return sendHtml(response, gonePage(), { status: 400, csp });
    }
    redirect(response, await provider.interactionResult(request, response, { role: {} }));
  }

  // Whoever leaves instead of choosing a role is not the one who is signed in (provider.mjs).
  function leave(request, response, { prompt }) {
    return provider.interactionResult(request, response, {
      error: 'access_denied',
      error_description: 'The person did not sign in.',
      notMe: prompt.name === 'role',
    });
  }

  function show(response, interaction, what) {
    const path = `/sign-in/${interaction.uid}`;
    if (what === 'other-ways') return sendHtml(response, otherWaysPage({ path, keys }), { csp });
    if (interaction.prompt.name === 'role') return showRoles(response, interaction, path);
    const { force, maxAge } = interaction.prompt.details;
    const now = (force || maxAge !== undefined) && !sessions.claimed ? 'card' : by;
    sendHtml(response, signInPage({ path, port: agentPort, format, by: now, force, maxAge, keys, bound }), { csp });
  }

  function showRoles(response, { session: browser }, path) {
    const session = sessions.ofBrowser(browser?.uid);
    if (!session) return sendHtml(response, gonePage(), { status: 404, csp });
    sendHtml(response, rolePage({ path, person: session.person }), { csp });
  }

  // Resolves with whether the request was one of this file's.
  return async function handle(request, response, pathname) {
    const [, uid, what] = PATH.exec(pathname) ?? [];
    if (!uid) return false;
    const interaction = await interactionOf(provider, request, response, uid);
    const { name } = interaction?.prompt ?? {};
    if (!interaction) sendHtml(response, gonePage(), { status: 404, csp });
    else if (request.method === 'GET') show(response, interaction, what);
    else if (request.method !== 'POST' || request.headers.origin !== origin) sendJson(response, {}, 403);
    else if (what === 'leave') redirect(response, await leave(request, response, interaction));
    else if (what === 'role' && name === 'role') await chooseRole(request, response, interaction);
    else if (what === 'challenge') sendJson(response, { challenge: challenges.issue(uid) });
    else if (what === 'key-options' && keys) sendJson(response, keyOptions(interaction));
    else if (what === 'assertion' && keys && name === 'login') {
      await accept(request, response, interaction, openedWithKey, KEY_REFUSED);
    } else if (what === 'proof' && name === 'login') await accept(request, response, interaction, proved);
    else if (what === 'token' && name === 'login') await accept(request, response, interaction, opened);
    else sendJson(response, {}, 404);
    return true;
  };
}

async function interactionOf(provider, request, response, uid) {
  try {
    const interaction = await provider.interactionDetails(request, response);
    return interaction.uid === uid ? interaction : null;
  } catch {
    return null;
  }
}
