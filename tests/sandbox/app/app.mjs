// SPDX-License-Identifier: MIT
//
// A sample application that signs people in with Care Identity: what a relying party has to do, and
// no more. One page, a session in memory behind a cookie, PKCE and private_key_jwt through
// openid-client, and a back-channel logout endpoint. When that ends a session the open page learns
// of it at once through server-sent events.

import { randomBytes, randomUUID } from 'node:crypto';
import { createRemoteJWKSet, customFetch, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { homePage } from './pages.mjs';
import { listen, readBody, redirect, sendHtml, serveFile } from '../http.mjs';

const CLIENT_ID = '120000000001.apps.sandbox';
const SCOPE = 'openid profile email nhsperson associatedorgs nationalrbacaccess ' +
  'organisationalmemberships selectedrole';
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "img-src data:; base-uri 'none'; frame-ancestors 'none'";
const FILES = {
  '/app.css': new URL('public/app.css', import.meta.url),
  '/app.js': new URL('public/app.js', import.meta.url),
};

// Listens and says how it wants to be registered; connect() then meets the provider.
export async function startApp({ report = () => {} } = {}) {
  const web = await listen();
  const { origin } = web;
  const { publicKey, privateKey } = await generateKeyPair('RS512');
  const registration = {
    clientId: CLIENT_ID,
    jwks: { keys: [{ ...await exportJWK(publicKey), use: 'sig', alg: 'RS512', kid: 'app' }] },
    redirectUri: `${origin}/callback`,
    signedOutUri: `${origin}/signed-out`,
    logoutUri: `${origin}/backchannel-logout`,
  };

  // fetch: only for a provider with a certificate that Node does not know.
  async function connect(issuer, { fetch } = {}) {
    const provider = await discover(issuer, privateKey, fetch);
    const handle = makeHandler({ provider, origin, registration, fetch });
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

function discover(issuer, privateKey, fetch) {
  const options = { execute: [oidc.allowInsecureRequests] };
  if (fetch) options[oidc.customFetch] = fetch;
  return oidc.discovery(new URL(issuer), CLIENT_ID, { id_token_signed_response_alg: 'RS256' },
    oidc.PrivateKeyJwt({ key: privateKey, kid: 'app' }), options);
}

function makeHandler({ provider, origin, registration, fetch }) {
  const sessions = new Map(); // cookie -> { checks } while signing in, { claims, idToken } after
  const listeners = new Map(); // cookie -> the open pages' event streams
  const keys = createRemoteJWKSet(new URL(provider.serverMetadata().jwks_uri),
    fetch && { [customFetch]: fetch });

  const cookieOf = (request) => /(?:^|; )app=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];

  async function start(response, url) {
    const id = randomBytes(24).toString('base64url');
    const verifier = oidc.randomPKCECodeVerifier();
    const checks = {
      pkceCodeVerifier: verifier, expectedNonce: oidc.randomNonce(), expectedState: oidc.randomState(),
    };
    sessions.set(id, { checks });
    response.setHeader('Set-Cookie', `app=${id}; HttpOnly; SameSite=Lax; Path=/`);
    redirect(response, oidc.buildAuthorizationUrl(provider, {
      redirect_uri: registration.redirectUri,
      scope: SCOPE,
      acr_values: 'AAL3_CIS2_SMARTCARD',
      nonce: checks.expectedNonce,
      state: checks.expectedState,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...(url.searchParams.has('again') && { prompt: 'login' }),
    }).href);
  }

  async function callback(request, response, url) {
    const session = sessions.get(cookieOf(request));
    sessions.delete(cookieOf(request));
    if (!session?.checks) return redirect(response, '/?problem=lost');
    if (url.searchParams.has('error')) return redirect(response, '/?problem=left');
    const tokens = await oidc.authorizationCodeGrant(provider, url, session.checks);
    const idToken = tokens.claims();
    const person = await oidc.fetchUserInfo(provider, tokens.access_token, idToken.sub);
    const id = randomUUID(); // a new cookie value, so that nobody can have planted it
    sessions.set(id, { claims: { ...person, ...idToken }, idToken: tokens.id_token });
    response.setHeader('Set-Cookie', `app=${id}; HttpOnly; SameSite=Lax; Path=/`);
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
      issuer: provider.serverMetadata().issuer, audience: CLIENT_ID, algorithms: ['RS256'],
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
      const page = homePage({ claims: session?.claims, problem });
      sendHtml(response, page, { csp: CSP });
    } else if (pathname === '/sign-in') await start(response, url);
    else if (pathname === '/callback') await callback(request, response, url);
    else if (pathname === '/sign-out' && ours) signOut(request, response);
    else if (pathname === '/events') events(request, response);
    else if (pathname === '/backchannel-logout' && request.method === 'POST') {
      await backChannelLogout(request, response);
    } else response.writeHead(404).end();
  };
}
