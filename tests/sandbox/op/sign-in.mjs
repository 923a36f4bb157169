// SPDX-License-Identifier: MIT
//
// From "who is it?" to an answer for oidc-provider: the page asks for a challenge, brings back what
// the card signed, and the person chooses a role where there is a choice. Everything hangs on
// oidc-provider's interaction, whose cookie ties the browser to it; what changes something is a
// POST from our own origin. A refused token is reported with its reason and told in one sentence.

import { TokenRefused, verifyCardToken } from './card-token.mjs';
import { makeChallenges } from './challenges.mjs';
import { gonePage, otherWaysPage, rolePage, signInPage } from './pages.mjs';
import { ACR, AMR } from './provider.mjs';
import { verifyWebEidToken } from './web-eid-token.mjs';
import { readBody, redirect, sendHtml, sendJson } from '../http.mjs';

const PATH = /^\/sign-in\/([A-Za-z0-9_-]+)(?:\/(challenge|token|role|other-ways|leave))?$/;

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
};
const REFUSED = ['Your smartcard could not be checked. Nobody was signed in.',
  'Start again. If it persists, tell your IT service desk.'];

export function makeSignIn({ provider, origin, accounts, trust, agentPort, format, report }) {
  const challenges = makeChallenges();
  const verified = new Map(); // interaction -> the person whose card has signed
  const csp = [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", 'img-src data:',
    `connect-src 'self' ws://127.0.0.1:${agentPort}`, "base-uri 'none'", "frame-ancestors 'none'",
  ].join('; ');

  async function verify(uid, { format: used, token, challenge }) {
    const redeem = (nonce) => challenges.redeem(nonce, uid);
    const { uid: person } = used === 'web-eid:1.1'
      ? verifyWebEidToken(token, { origin, nonce: challenge, redeem, trust })
      : await verifyCardToken(String(token), { origin, redeem, trust });
    const account = accounts.find(person);
    if (!account) throw new TokenRefused('unknown-person', person);
    return account;
  }

  async function acceptToken(request, response, uid, path) {
    try {
      const person = await verify(uid, JSON.parse(await readBody(request)));
      if (person.roles.length > 1) verified.set(uid, person);
      const next = person.roles.length > 1 ? path
        : await finish(request, response, uid, person, person.roles[0]?.id);
      sendJson(response, { next });
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      report(`sign-in refused: ${error.message}`);
      const [sentence, advice] = REFUSALS[error.reason] ?? REFUSED;
      sendJson(response, { refused: { reason: error.reason, sentence, advice } }, 403);
    }
  }

  async function chooseRole(request, response, uid) {
    const chosen = new URLSearchParams(await readBody(request)).get('role');
    const person = verified.get(uid);
    const role = person?.roles.find(({ id }) => id === chosen);
    if (!role) return sendHtml(response, gonePage(), { status: 400, csp });
    redirect(response, await finish(request, response, uid, person, role.id));
  }

  function finish(request, response, uid, person, role) {
    verified.delete(uid);
    return provider.interactionResult(request, response, {
      login: { accountId: person.uid, acr: ACR, amr: AMR },
      role,
    });
  }

  function leave(request, response, uid) {
    verified.delete(uid);
    return provider.interactionResult(request, response, {
      error: 'access_denied',
      error_description: 'The person did not sign in.',
    });
  }

  function show(response, uid, path, what) {
    if (what === 'other-ways') return sendHtml(response, otherWaysPage({ path }), { csp });
    const person = verified.get(uid);
    const page = person ? rolePage({ path, person }) : signInPage({ path, port: agentPort, format });
    sendHtml(response, page, { csp });
  }

  // Resolves with whether the request was one of this file's.
  return async function handle(request, response, pathname) {
    const [, uid, what] = PATH.exec(pathname) ?? [];
    if (!uid) return false;
    const path = `/sign-in/${uid}`;
    if (!await interactionIs(provider, request, response, uid)) {
      sendHtml(response, gonePage(), { status: 404, csp });
    } else if (request.method === 'GET') show(response, uid, path, what);
    else if (request.method !== 'POST' || request.headers.origin !== origin) sendJson(response, {}, 403);
    else if (what === 'challenge') sendJson(response, { challenge: challenges.issue(uid) });
    else if (what === 'token') await acceptToken(request, response, uid, path);
    else if (what === 'role') await chooseRole(request, response, uid);
    else if (what === 'leave') redirect(response, await leave(request, response, uid));
    else sendJson(response, {}, 404);
    return true;
  };
}

async function interactionIs(provider, request, response, uid) {
  try {
    return (await provider.interactionDetails(request, response)).uid === uid;
  } catch {
    return false;
  }
}
