// SPDX-License-Identifier: MIT
//
// What the sandbox's two small web servers share: listening on a private loopback port, writing
// HTML without forgetting to escape, reading a small body, and serving a named list of files.
// Nothing here listens beyond loopback, and a request body is at most 64 KiB.

import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';

const BODY_LIMIT = 64 * 1024;
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.html': 'text/html' };

// Listens first and asks for the handler afterwards, because the handler needs to know its origin.
// `tls` is { key, cert, name }: the name is made up and resolved by the browser's own flags. `name`:
// the host's in the origin, where that is another than its address.
export async function listen({ host = '127.0.0.1', name = host, port = 0, tls } = {}) {
  const server = tls ? createSecureServer(tls) : createServer();
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const bound = server.address().port;
  return {
    server,
    port: bound,
    origin: new URL(tls ? `https://${tls.name}:${bound}` : `http://${name}:${bound}`).origin, // without 443
    close: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}

class Markup {
  constructor(text) { this.text = text; }
  toString() { return this.text; }
}

// A tagged template: every value is escaped unless it is itself the result of one.
export function html(strings, ...values) {
  const shown = (value) => {
    if (value instanceof Markup) return value.text;
    if (Array.isArray(value)) return value.map(shown).join('');
    if (value === null || value === undefined || value === false) return '';
    return String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  };
  return new Markup(strings.reduce((text, part, i) => text + shown(values[i - 1]) + part));
}

export function sendHtml(response, page, { status = 200, csp }) {
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': csp,
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(String(page));
}

export function sendJson(response, value, status = 200) {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(value));
}

export function redirect(response, location) {
  response.writeHead(303, { Location: location, 'Cache-Control': 'no-store' });
  response.end();
}

export async function readBody(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BODY_LIMIT) throw new RangeError('The request is too large.');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

// files: { '/name.js': URL of the file }. Resolves with whether the request was for one of them.
export async function serveFile(response, path, files) {
  if (!Object.hasOwn(files, path)) return false;
  const body = await readFile(files[path]);
  response.writeHead(200, {
    'Content-Type': `${TYPES[extname(path)]}; charset=utf-8`,
    'Cache-Control': 'no-cache',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(body);
  return true;
}
