// SPDX-License-Identifier: MIT
//
// A provider under a made-up name with TLS, on 127.0.0.2: the nearest that a sandbox comes to a site
// on the internet. Its certificate is signed by the sandbox's authority; the sample application
// reaches it through a fetch that knows the name, the address and the authority.

import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { run } from './processes.mjs';

export const SITE_ADDRESS = '127.0.0.2';

// Resolves with { key, cert, name } for http.mjs; files go into `directory`.
export async function makeCertificate({ name, ca, directory }) {
  const [key, cert] = [join(directory, 'site.key.pem'), join(directory, 'site.cert.pem')];
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
    '-nodes', '-keyout', key, '-out', cert, '-days', '7', '-subj', `/CN=${name}`,
    '-addext', `subjectAltName=DNS:${name}`, '-addext', 'extendedKeyUsage=serverAuth',
    '-CA', join(ca, 'sub.cert.pem'), '-CAkey', join(ca, 'sub.key.pem')]);
  const chain = await Promise.all([cert, join(ca, 'sub.cert.pem')].map((file) => readFile(file)));
  return { key: await readFile(key), cert: Buffer.concat(chain), name };
}

// A fetch for this one site, enough for OpenID Connect: whole bodies, no redirects.
export function makeFetch({ name, authority }) {
  return (url, { method = 'GET', headers = {}, body } = {}) => new Promise((resolve, reject) => {
    const target = new URL(url);
    if (target.hostname !== name) return resolve(fetch(url, { method, headers, body }));
    const sent = request(target, {
      method,
      headers: Object.fromEntries(new Headers(headers)),
      ca: authority,
      lookup: (host, { all }, done) =>
        all ? done(null, [{ address: SITE_ADDRESS, family: 4 }]) : done(null, SITE_ADDRESS, 4),
    }, (answer) => {
      resolve(new Response(Readable.toWeb(answer), {
        status: answer.statusCode, headers: new Headers(Object.entries(answer.headers).map(
          ([key, value]) => [key, String(value)])),
      }));
    });
    sent.once('error', reject);
    sent.end(body ? String(body) : undefined);
  });
}
