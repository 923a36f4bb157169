// SPDX-License-Identifier: MIT
//
// The CIS2 stand-in: one loopback web server with oidc-provider under CIS2's issuer path, the
// sign-in pages, and lanyard.js straight from the source tree.
//
//   const op = await startOp({ people, trust, agentPort });
//   op.register(client); ... op.issuer ... await op.close();
//
// The application is registered after both servers listen, because each needs the other's port.

import { readAccounts } from './accounts.mjs';
import { ISSUER_PATH, makeProvider } from './provider.mjs';
import { makeSignIn } from './sign-in.mjs';
import { listen, serveFile } from '../http.mjs';

const here = (path) => new URL(path, import.meta.url);
const FILES = {
  '/care-identity.css': here('public/care-identity.css'),
  '/sign-in.js': here('public/sign-in.js'),
  '/roles.js': here('public/roles.js'),
  '/lanyard.js': here('../../../ipc/web/lanyard.js'),
};

// people: path of people.json; strangers: see accounts.mjs. trust: from makeTrust(). format: of the
// token, jws or web-eid:1.1. tls, host: see http.mjs. report(line): what an operator would read.
export async function startOp({
  people, trust, agentPort, format = 'jws', strangers = false, host, port, tls, report = () => {},
}) {
  const accounts = await readAccounts(people, { strangers });
  const web = await listen({ host, port, tls });
  const { origin } = web;

  function register(client) {
    const provider = makeProvider({ origin, accounts, client, report });
    const oidc = provider.callback();
    const signIn = makeSignIn({ provider, origin, accounts, trust, agentPort, format, report });
    web.server.on('request', async (request, response) => {
      const { pathname } = new URL(request.url, origin);
      try {
        if (await serveFile(response, pathname, FILES)) return;
        if (await signIn(request, response, pathname)) return;
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

  return { origin, port: web.port, issuer: origin + ISSUER_PATH, register, close: web.close };
}

function notFound(response) {
  response.writeHead(404);
  response.end();
}
