// SPDX-License-Identifier: MIT
//
// A sample application that signs people in with Care Identity: what a relying party has to do, and
// no more. One page, a session in memory behind a cookie, PKCE and private_key_jwt through
// openid-client, and a back-channel logout endpoint. When that ends a session the open page learns
// of it at once through server-sent events. /refresh asks Care Identity again who the person is, in
// which role: the session goes on, so the role may have changed.
//
// /sign-in passes on prompt, max_age, acr_values, login_hint, scope and claims, for trying what they do.

import { randomBytes, randomUUID } from 'node:crypto';
import { createRemoteJWKSet, customFetch, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { homePage } from './pages.mjs';
import { listen, readBody, redirect, sendHtml, serveFile } from '../http.mjs';

const SCOPE = 'openid profile email nhsperson associatedorgs nationalrbacaccess ' +
  'organisationalmemberships selectedrole';
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "img-src data:; base-uri 'none'; frame-ancestors 'none'";
const FILES = {
  '/app.css': new URL('public/app.css', import.meta.url),
  '/app.js': new URL('public/app.js', import.meta.url),
};

// What a person reads for an error that the provider sends back; `left` for any other.
const PROBLEM_OF = {
  login_required: 'required',
  interaction_required: 'required',
  unmet_authentication_requirements: 'assurance',
};
const PASSED_ON = ['prompt', 'max_age', 'acr_values', 'login_hint', 'scope', 'claims'];

// One for all applications of this process: making it takes longer than all else they need.
let keyPair = null;

// Listens and says how it wants to be registered; connect() then meets the provider.
export async function startApp({
  name = 'Ward Round', clientId = '120000000001.apps.sandbox', report = () => {},
} = {}) {
  const web = await listen();
  const { origin } = web;
  const { publicKey, privateKey } = await (keyPair ??= generateKeyPair('RS512'));
  const registration = {
    clientId,
    jwks: { keys: [{ ...await exportJWK(publicKey), use: 'sig', alg: 'RS512', kid: 'app' }] },
    redirectUri: `${origin}/callback`,
    signedOutUri: `${origin}/signed-out`,
    logoutUri: `${origin}/backchannel-logout`,
  };

  // fetch: only for a provider with a certificate that Node does not know.
  async function connect(issuer, { fetch } = {}) {
    const provider = await discover(issuer, { clientId, privateKey, fetch });
    const handle = makeHandler({ provider, name, origin, registration, fetch, report });
    web.server.on('request', async (request, response) => {
      try {
        await handle(request, response, new URL(request.url, origin));
      } catch (error) {
        report(`${request.method} ${request.url.split('?')[0]}: ${error.stack}`);
        if (!response.headersSent) response.writeHead(500);
        response.end();
      }
    });
  }

  return { origin, registration, connect, close: web.close };
}

function discover(issuer, { clientId, privateKey, fetch }) {
  const options = { execute: [oidc.allowInsecureRequests] };
  if (fetch) options[oidc.customFetch] = fetch;
  return oidc.discovery(new URL(issuer), clientId, { id_token_signed_response_alg: 'RS256' },
    oidc.PrivateKeyJwt({ key: privateKey, kid: 'app' }), options);
}

function makeHandler({ provider, name, origin, registration, fetch, report }) {
  const sessions = new Map(); // cookie -> { checks } while signing in, { claims, idToken } after
  const listeners = new Map(); // cookie -> the open pages' event streams
  const keys = createRemoteJWKSet(new URL(provider.serverMetadata().jwks_uri),
    fetch && { [customFetch]: fetch });

  // The two applications may share a host, and browsers keep cookies apart by host only.
  const cookie = `app-${registration.clientId.split('.')[0]}`;
  const cookiePattern = new RegExp(`(?:^|; )${cookie}=([\\w-]+)`);
  const cookieOf = (request) => cookiePattern.exec(request.headers.cookie ?? '')?.[1];
  const setCookie = (response, id) =>
    response.setHeader('Set-Cookie', `${cookie}=${id}; HttpOnly; SameSite=Lax; Path=/`);

  async function start(response, url) {
    const id = randomBytes(24).toString('base64url');
    const verifier = oidc.randomPKCECodeVerifier();
    const checks = {
      pkceCodeVerifier: verifier, expectedNonce: oidc.randomNonce(), expectedState: oidc.randomState(),
    };
    const { max_age: maxAge, ...asked } = Object.fromEntries(
      PASSED_ON.filter((key) => url.searchParams.has(key)).map((key) => [key, url.searchParams.get(key)]));
    if (maxAge) checks.maxAge = Number(maxAge);
    sessions.set(id, { checks });
    setCookie(response, id);
    redirect(response, oidc.buildAuthorizationUrl(provider, {
      redirect_uri: registration.redirectUri,
      scope: SCOPE,
      acr_values: 'AAL3_ANY',
      nonce: checks.expectedNonce,
      state: checks.expectedState,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...(maxAge && { max_age: maxAge }),
      ...asked,
    }).href);
  }

  async function callback(request, response, url) {
    const session = sessions.get(cookieOf(request));
    sessions.delete(cookieOf(request));
    if (!session?.checks) return redirect(response, '/?problem=lost');
    const error = url.searchParams.get('error');
    if (error) return redirect(response, `/?problem=${PROBLEM_OF[error] ?? 'left'}`);
    const tokens = await oidc.authorizationCodeGrant(provider, url, session.checks);
    const idToken = tokens.claims();
    const person = await oidc.fetchUserInfo(provider, tokens.access_token, idToken.sub);
    const id = randomUUID(); // a new cookie value, so that nobody can have planted it
    sessions.set(id, {
      claims: { ...person, ...idToken }, idToken: tokens.id_token, accessToken: tokens.access_token,
    });
    setCookie(response, id);
    redirect(response, '/');
  }

  async function refresh(request, response) {
    const session = sessions.get(cookieOf(request));
    if (session?.claims) {
      try {
        const { sub } = session.claims;
        Object.assign(session.claims, await oidc.fetchUserInfo(provider, session.accessToken, sub));
      } catch (error) {
        report(`Care Identity says no more of the person: ${error.message}`);
        end(cookieOf(request));
      }
    }
    redirect(response, '/');
  }

  function end(id) {
    sessions.delete(id);
    for (const stream of listeners.get(id) ?? []) stream.write('event: ended\ndata:\n\n');
  }

  // Ours first: whatever becomes of the provider's question, nobody is signed in here any more.
  function signOut(request, response) {
    const session = sessions.get(cookieOf(request));
    if (!session?.idToken) return redirect(response, '/');
    end(cookieOf(request));
    redirect(response, oidc.buildEndSessionUrl(provider, {
      id_token_hint: session.idToken,
      post_logout_redirect_uri: registration.signedOutUri,
    }).href);
  }

  // OpenID Connect Back-Channel Logout 1.0, section 2.6.
  async function backChannelLogout(request, response) {
    const token = new URLSearchParams(await readBody(request)).get('logout_token');
    const { payload } = await jwtVerify(token, keys, {
      issuer: provider.serverMetadata().issuer, audience: registration.clientId, algorithms: ['RS256'],
    });
    if (!payload.events?.[LOGOUT_EVENT] || 'nonce' in payload || !payload.sid) {
      return response.writeHead(400).end();
    }
    for (const [id, { claims }] of sessions) {
      if (claims?.sid === payload.sid) end(id);
    }
    response.writeHead(200, { 'Cache-Control': 'no-store' }).end();
  }

  function events(request, response) {
    const id = cookieOf(request);
    const streams = listeners.get(id) ?? new Set();
    listeners.set(id, streams.add(response));
    request.on('close', () => streams.delete(response));
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write(sessions.get(id)?.claims ? ':\n\n' : 'event: ended\ndata:\n\n');
  }

  return async function handle(request, response, url) {
    const { pathname } = url;
    const ours = request.method === 'POST' && request.headers.origin === origin;
    if (await serveFile(response, pathname, FILES)) return;
    if (pathname === '/' || pathname === '/signed-out') {
      const session = sessions.get(cookieOf(request));
      const problem = pathname === '/' ? url.searchParams.get('problem') : 'out';
      const page = homePage({ name, claims: session?.claims, problem });
      sendHtml(response, page, { csp: CSP });
    } else if (pathname === '/sign-in') await start(response, url);
    else if (pathname === '/refresh') await refresh(request, response);
    else if (pathname === '/callback') await callback(request, response, url);
    else if (pathname === '/sign-out' && ours) signOut(request, response);
    else if (pathname === '/events') events(request, response);
    else if (pathname === '/backchannel-logout' && request.method === 'POST') {
      await backChannelLogout(request, response);
    } else response.writeHead(404).end();
  };
}
