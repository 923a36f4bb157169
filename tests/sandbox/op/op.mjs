// SPDX-License-Identifier: MIT
//
// The CIS2 stand-in: one loopback web server with oidc-provider under CIS2's issuer path, the
// sign-in pages, and lanyard.js straight from the source tree.
//
//   const op = await startOp({ people, trust, agentPort });
//   op.register(client, another); ... op.issuer ... op.sessionEndpoint ... await op.close();
//
// The applications are registered after all servers listen, because each needs the others' ports.
// op.sessions has the CIS sessions: whoever runs the provider can end one (sessions.mjs). op.fault()
// makes the session endpoint misbehave (faults.mjs).

import { readAccounts } from './accounts.mjs';
import { realClock } from './clock.mjs';
import { makeFaults } from './faults.mjs';
import { makeKeyPages } from './key-pages.mjs';
import { endBrowserSession, ISSUER_PATH, makeProvider } from './provider.mjs';
import { makeSessionEndpoint } from './session-endpoint.mjs';
import { LIMITS, makeSessions } from './sessions.mjs';
import { makeSignIn } from './sign-in.mjs';
import { listen, serveFile } from '../http.mjs';

const here = (path) => new URL(path, import.meta.url);
const FILES = {
  '/care-identity.css': here('public/care-identity.css'),
  '/sign-in.js': here('public/sign-in.js'),
  '/roles.js': here('public/roles.js'),
  '/security-keys.js': here('public/security-keys.js'),
  '/telling.js': here('public/telling.js'),
  '/lanyard.js': here('../../../ipc/web/lanyard.js'),
};

const SESSION_PATH = `${ISSUER_PATH}/session`;

// people: path of people.json; strangers: see accounts.mjs. trust: from makeTrust(). format: of the
// card token, jws or web-eid:1.1. tls, host: see http.mjs. report(line): what an operator would read.
// sessions: whether there are any for agents, so that one proof signs in; false: the page has the card
// sign each time. begin: where nobody is signed in, the page has the card sign and hands the session to
// the agent, instead of leaving both to the agent; so it is without a session endpoint (endpoint:
// false). keys: security keys are taken too, { anchors } as in security-keys.mjs; the provider is then
// at localhost, since no key signs for an address. limits: see sessions.mjs. clock: see clock.mjs.
export async function startOp({
  people, trust, agentPort, format = 'jws', sessions: bound = true, endpoint: offered = true, begin = !offered,
  keys: takesKeys, limits, clock = realClock, strangers = false, host, port, tls, report = () => {},
}) {
  const accounts = await readAccounts(people, { strangers });
  const web = await listen({ host, port, tls, ...(takesKeys && { name: 'localhost' }) });
  const { origin } = web;
  const keys = takesKeys ? await securityKeys({ origin, accounts, ...takesKeys }) : null;
  const faults = makeFaults();
  const asked = [];
  const sessions = makeSessions({ clock, limits: { ...LIMITS, ...limits }, claimed: offered, ended });
  const endpoint = bound && offered
    ? makeSessionEndpoint({ origin, path: SESSION_PATH, sessions, accounts, keys, trust, clock, report }) : null;
  const by = !bound || format !== 'jws' ? 'card' : begin ? 'begin' : 'proof';
  let provider;

  function ended({ person, browsers }, cause) {
    report(`a session of ${person.uid} has ended: ${cause}`);
    for (const browser of browsers) {
      endBrowserSession(provider, browser, report).catch((error) => report(error.stack));
    }
  }

  async function serveEndpoint(request, response, pathname) {
    if (!endpoint || !`${pathname}/`.startsWith(`${SESSION_PATH}/`)) return false;
    const path = pathname.slice(SESSION_PATH.length);
    asked.push(`${request.method} ${path || '/'}`);
    return await faults.strike(request, response, path) ||
      endpoint.handle(request, response, pathname);
  }

  function register(...clients) {
    provider = makeProvider({ origin, accounts, clients, sessions, keys: Boolean(keys), clock, report });
    const oidc = provider.callback();
    const signIn = makeSignIn({
      provider, origin, accounts, sessions, keys, trust, agentPort, format, by, bound, clock, report,
    });
    const keyPages = keys && makeKeyPages({ provider, origin, sessions, keys, agentPort, clock, report });
    web.server.on('request', async (request, response) => {
      const pathname = request.url.split('?')[0];
      try {
        if (await serveFile(response, pathname, FILES)) return;
        if (await signIn(request, response, pathname)) return;
        if (await keyPages?.(request, response, pathname)) return;
        if (await serveEndpoint(request, response, pathname)) return;
        if (!pathname.startsWith(`${ISSUER_PATH}/`)) return notFound(response);
        request.originalUrl = request.url;
        request.url = request.url.slice(ISSUER_PATH.length);
        await oidc(request, response);
      } catch (error) {
        report(`${request.method} ${pathname}: ${error.stack}`);
        if (!response.headersSent) response.writeHead(500);
        response.end();
      }
    });
  }

  return {
    origin,
    port: web.port,
    issuer: origin + ISSUER_PATH,
    sessionEndpoint: endpoint?.endpoint ?? null,
    sessions,
    keys, // see security-keys.mjs; null: none are taken
    register,
    asked, // of the session endpoint, each request as "GET /SID"
    fault: faults.fault,
    close: web.close,
  };
}

// Loaded where it is needed: checking keys takes longer to load than all the rest of the provider.
async function securityKeys(options) {
  const { makeSecurityKeys } = await import('./security-keys.mjs');
  return makeSecurityKeys(options);
}

function notFound(response) {
  response.writeHead(404);
  response.end();
}
