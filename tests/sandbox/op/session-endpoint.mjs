// SPDX-License-Identifier: MIT
//
// The provider's session endpoint (ipc/PROTOCOL.md, section 6): where the agent on a person's desktop
// opens, keeps, changes and ends a CIS session without any page. Meant to be copied, with
// sessions.mjs, dpop.mjs, session-proof.mjs, challenges.mjs and what card-token.mjs needs.
//
//   POST E/challenge            a challenge for a card token or a security key
//   POST E                      card token, or a key's assertion -> session
//   GET  E/SID                  the session as it is now; also the agent's keep-alive
//   PUT  E/SID/role             another role
//   POST E/SID/authentication   the same evidence -> the same session, with the PIN typed just now
//   POST E/end                  end statement -> no session any more
//
// What opens a session vouches for the agent's session key: a card token by its `cnf`, what a security
// key has signed by the `lanyard_cnf` in its clientDataJSON (key-assertion.mjs).
//
// Nothing here uses cookies, so no page can make a browser ask for anything. The three requests that
// name a session need a DPoP proof by that session's own key; whoever knows a sid and no more gets
// a 401.

import { calculateJwkThumbprint } from 'jose';
import { displayName } from './accounts.mjs';
import { TokenRefused, verifyCardToken } from './card-token.mjs';
import { makeChallenges } from './challenges.mjs';
import { DpopRefused, makeDpop } from './dpop.mjs';
import { verifyEndStatement } from './session-proof.mjs';
import { readBody } from '../http.mjs';

const ALGORITHMS = ['ES256', 'ES384', 'PS256', 'RS256'];
const AGENT = 'agent'; // whom challenges are for: no browser's challenge is good here, nor the other way

// What the protocol calls a refusal where card-token.mjs has another word.
const REASONS = { 'unknown-authority': 'issuer-unknown', 'unknown-person': 'person-unknown' };

class NoSession extends Error {}
class BadRequest extends Error {}

// path: below the provider's origin. handle(request, response, pathname) resolves with whether the
// request was one of this file's. keys: see security-keys.mjs; null: none are taken.
export function makeSessionEndpoint({ origin, path, sessions, accounts, keys = null, trust, clock, report }) {
  const endpoint = origin + path;
  const challenges = makeChallenges({ clock: clock.now });
  const dpop = makeDpop({ clock });

  const routes = [
    ['POST', /^\/challenge$/, challenge],
    ['POST', /^\/end$/, end],
    ['POST', /^$/, open],
    ['GET', /^\/([\w.~-]{1,128})$/, look],
    ['PUT', /^\/([\w.~-]{1,128})\/role$/, chooseRole],
    ['POST', /^\/([\w.~-]{1,128})\/authentication$/, authenticate],
  ];

  async function challenge() {
    const nonce = challenges.issue(AGENT);
    const publicKey = keys && { ...keys.requestOptions(nonce), userVerification: 'required' };
    return [200, { challenge: nonce, algorithms: ALGORITHMS, ...(publicKey && { publicKey }) }];
  }

  async function open(request) {
    const prover = await proverOf(request, path);
    const { person, sessionKey, publicKey, acr, amr } = await evidenceOf(await bodyOf(request));
    await checkKey(sessionKey, prover);
    const session = sessions.open({ person, key: sessionKey, publicKey, acr, amr });
    report(`a session of ${person.uid} was opened`);
    return [201, shown(session)];
  }

  async function look(request, sid) {
    return [200, shown(await sessionOf(request, sid))];
  }

  async function chooseRole(request, sid) {
    const session = await sessionOf(request, sid, '/role');
    const { role } = await bodyOf(request);
    if (!sessions.chooseRole(session, role)) throw new TokenRefused('role-unknown');
    return [200, shown(session)];
  }

  async function authenticate(request, sid) {
    const session = await sessionOf(request, sid, '/authentication');
    const { person, sessionKey } = await evidenceOf(await bodyOf(request));
    if (person.uid !== session.person.uid) throw new TokenRefused('another-person');
    await checkKey(sessionKey, await calculateJwkThumbprint(session.key));
    sessions.authenticated(session);
    return [200, shown(session)];
  }

  async function end(request) {
    const { statement } = await bodyOf(request);
    try {
      const session = await verifyEndStatement(statement, { endpoint, find: sessions.find });
      if (session) sessions.end(session, 'ended by the agent');
      return [204];
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      return [401, { error: error.reason }];
    }
  }

  // The session that a request names, if the request has a proof by the session's key.
  async function sessionOf(request, sid, rest = '') {
    const session = sessions.find(sid);
    if (!session?.key) throw new NoSession('no such session');
    await checkKey(session.key, await proverOf(request, `${path}/${sid}${rest}`));
    sessions.confirm(session);
    return session;
  }

  // As it is now, unless it has ended while the request was read.
  function shown(session) {
    if (sessions.find(session.sid) !== session) throw new NoSession('no such session');
    return describe(session, sessions.limits, clock.now());
  }

  const proverOf = (request, pathname) =>
    dpop.verify(request.headers.dpop, { method: request.method, url: origin + pathname });

  async function checkKey(jwk, prover) {
    if (await calculateJwkThumbprint(jwk) !== prover) {
      throw new DpopRefused('invalid_dpop_proof', 'it is by another key than the session\'s');
    }
  }

  const redeem = (nonce) => challenges.redeem(nonce, AGENT);

  // Who has shown what: { person, sessionKey, publicKey, acr, amr }, the last three where it was no card.
  const evidenceOf = ({ token, assertion }) => (keys && assertion ? keyOf(assertion) : cardOf(token));

  // Whose security key has signed, and the key that it has vouched for. No session without its PIN.
  async function keyOf(assertion) {
    const signed = await keys.signIn(assertion, { redeem });
    if (!signed.verified) throw new TokenRefused('key-unverified');
    if (!signed.sessionKey) throw new TokenRefused('wrong-session-key');
    return signed;
  }

  // Whose card has signed, and the key that it has vouched for.
  async function cardOf(token) {
    const { uid, sessionKey } = await verifyCardToken(String(token),
      { origin, redeem, trust, now: new Date(clock.now()) });
    const person = accounts.find(uid);
    if (!person) throw new TokenRefused('unknown-person', uid);
    return { person, sessionKey };
  }

  async function answer(request, pathname) {
    for (const [method, pattern, handle] of routes) {
      const match = method === request.method && pattern.exec(pathname.slice(path.length));
      if (match) return handle(request, match[1]);
    }
    throw new NoSession('no such session');
  }

  function refusal(error) {
    if (error instanceof DpopRefused) {
      return [401, { error: error.error }, { 'WWW-Authenticate': `DPoP error="${error.error}", algs="ES256"` }];
    }
    if (error instanceof TokenRefused) return [403, { error: REASONS[error.reason] ?? error.reason }];
    if (error instanceof NoSession) return [404, { error: 'no-session' }];
    if (error instanceof BadRequest) return [400, { error: 'malformed' }];
    throw error;
  }

  return {
    endpoint,
    async handle(request, response, pathname) {
      if (pathname !== path && !pathname.startsWith(`${path}/`)) return false;
      const [status, body, headers] = await answer(request, pathname).catch((error) => {
        const refused = refusal(error);
        if (error.error !== 'use_dpop_nonce') report(`session endpoint: ${refused[0]}, ${error.message}`);
        return refused;
      });
      response.writeHead(status, {
        ...(body && { 'Content-Type': 'application/json' }),
        'Cache-Control': 'no-store',
        Date: new Date(clock.now()).toUTCString(),
        'DPoP-Nonce': dpop.nonce(),
        ...headers,
      });
      response.end(body && JSON.stringify(body));
      return true;
    },
  };
}

async function bodyOf(request) {
  try {
    const body = JSON.parse(await readBody(request));
    const type = request.headers['content-type'] ?? '';
    if (/^application\/json\b/.test(type) && Object.getPrototypeOf(body) === Object.prototype) return body;
  } catch (error) {
    throw new BadRequest(error.message);
  }
  throw new BadRequest('not a JSON object');
}

// The session object of section 6.
function describe({ sid, person, publicKey, acr, amr, role, authTime, until }, { idle, keepAlive }, now) {
  return {
    sid,
    uid: person.uid,
    name: displayName(person),
    acr,
    amr,
    auth_time: Math.floor(authTime / 1000),
    role,
    roles: person.roles.map(({ id, name, orgName, code }) => ({ id, name, organisation: orgName, code })),
    expires_in: Math.max(1, Math.floor((until - now) / 1000)),
    ...(idle > 0 && { idle }),
    keep_alive: keepAlive,
    ...(publicKey && { credential_public_key: Buffer.from(publicKey).toString('base64url') }),
  };
}
