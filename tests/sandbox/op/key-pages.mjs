// SPDX-License-Identifier: MIT
//
// Where a person registers security keys: /security-keys, for whoever is signed in in this browser.
// The page asks for options and brings back what the key has made; what changes something is a POST
// from our own origin. What is refused is reported with its reason and told in one sentence.

import { TokenRefused } from './card-token.mjs';
import { makeChallenges } from './challenges.mjs';
import { keysPage, notSignedInPage } from './pages.mjs';
import { sessionOfBrowser } from './provider.mjs';
import { readBody, sendHtml, sendJson } from '../http.mjs';

export const PATH = '/security-keys';

const REFUSALS = {
  'stale-challenge': ['The registration took longer than two minutes.', 'Start again when you are ready.'],
  'key-unattested': ['This kind of security key is not accepted here.',
    'Use a key that your NHS organisation issued.'],
  'key-unverified': ['Your security key has not checked that it is you.',
    'Start again and type its PIN, or use another key.'],
  'key-registered': ['This security key is registered already.', 'Use it, or register another one.'],
  'too-many-keys': ['You have registered as many security keys as one person may.', 'Use one of them.'],
};
const REFUSED = ['Your security key could not be checked. It was not registered.',
  'Start again. If it persists, tell your IT service desk.'];

export function makeKeyPages({ provider, origin, sessions, keys, agentPort, clock, report }) {
  const challenges = makeChallenges({ clock: clock.now });
  const csp = [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", 'img-src data:',
    `connect-src 'self' ws://127.0.0.1:${agentPort}`, "base-uri 'none'", "frame-ancestors 'none'",
  ].join('; ');

  async function register(request, response, { sid, person }) {
    const redeem = (nonce) => challenges.redeem(nonce, sid);
    try {
      const { registration } = JSON.parse(await readBody(request));
      await keys.register(registration, person, { redeem, at: new Date(clock.now()) });
      report(`${person.uid} has registered a security key`);
      sendJson(response, { next: PATH });
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      report(`registration refused: ${error.message}`);
      const [sentence, advice] = REFUSALS[error.reason] ?? REFUSED;
      sendJson(response, { refused: { reason: error.reason, sentence, advice } }, 403);
    }
  }

  // Resolves with whether the request was one of this file's.
  return async function handle(request, response, pathname) {
    if (pathname !== PATH && !pathname.startsWith(`${PATH}/`)) return false;
    const what = `${request.method} ${pathname.slice(PATH.length)}`;
    const session = await sessionOfBrowser(provider, sessions, request, response);
    const ours = request.headers.origin === origin;
    if (what === 'GET ' && !session) sendHtml(response, notSignedInPage(), { status: 403, csp });
    else if (what === 'GET ') {
      const { person } = session;
      sendHtml(response, keysPage({ path: PATH, port: agentPort, person, registered: keys.of(person) }), { csp });
    } else if (!session || !ours) sendJson(response, {}, 403);
    else if (what === 'POST /options') {
      sendJson(response, keys.creationOptions(challenges.issue(session.sid), session.person));
    } else if (what === 'POST /registration') await register(request, response, session);
    else sendJson(response, {}, 404);
    return true;
  };
}
