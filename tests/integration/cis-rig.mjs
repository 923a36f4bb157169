// SPDX-License-Identifier: MIT
//
// Servers that say what a test wants, and cis_client (cis_client.c) to call them. Everything listens
// on loopback, on ports that the kernel chose, and ends with the test.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import tls from 'node:tls';
import { build } from '../sandbox/build.mjs';
import { makeFolder, removeFolder } from '../sandbox/folder.mjs';
import { issue, issueAuthority, purposes, PURPOSES, usage } from '../sandbox/make-authority.mjs';
import { inTime, LONG_MS } from '../sandbox/patience.mjs';

// ---- certificates ----

// subjectAltName (RFC 5280 §4.2.1.6) of short names: host names, and IPv4 addresses as numbers.
function alternativeNames(names) {
  const entries = names.map((name) => {
    const address = net.isIPv4(name);
    const value = Buffer.from(address ? name.split('.').map(Number) : name);
    return Buffer.concat([Buffer.from([address ? 0x87 : 0x82, value.length]), value]);
  });
  const all = Buffer.concat(entries);
  return ['551d11', Buffer.concat([Buffer.from([0x30, all.length]), all])];
}

// What tls.createServer takes.
export function serverCertificate({ by, names = ['127.0.0.1', 'localhost'], ...more } = {}) {
  const { key, certificate } = issue('server', {
    by, extensions: [usage('80'), purposes(PURPOSES.serverAuth), alternativeNames(names)], ...more,
  });
  return { key: key.export({ type: 'pkcs8', format: 'pem' }), cert: certificate.toString() };
}

export const trusted = issueAuthority('a trusted authority');
export const stranger = issueAuthority('a stranger');
export const goodTls = serverCertificate({ by: trusted });

// The path of a file with the trusted authority alone.
export async function authoritiesFile(t) {
  const folder = await makeFolder('cis');
  t.after(() => removeFolder(folder));
  const path = join(folder, 'authorities.pem');
  await writeFile(path, trusted.certificate.toString());
  return path;
}

// ---- servers ----

// Starts a server and ends it with the test, whatever is connected.
async function listen(t, server, host = '127.0.0.1') {
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // clients of these tests hang up when they like
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.listen(0, host);
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  t.after(() => new Promise((resolve) => {
    server.close(resolve);
    for (const socket of sockets) socket.destroy();
  }));
  return { server, sockets, port: server.address().port };
}

async function textOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

// answer(request, reply): request has method, path, headers, body, connection (a number for each)
// and number (1, 2, ...); reply(status, body, headers) sends an object as JSON, and a text as it is.
// `secure`: what tls.createServer takes; without it the server speaks plain HTTP.
export async function serve(t, answer, { secure = goodTls, host = '127.0.0.1', name = host } = {}) {
  const requests = [];
  let connections = 0;
  const handle = async (incoming, response) => {
    incoming.socket.number ??= ++connections;
    const request = {
      number: requests.length + 1, connection: incoming.socket.number, method: incoming.method,
      path: incoming.url, headers: incoming.headers, socket: incoming.socket, response,
    };
    requests.push(request);
    request.body = await textOf(incoming).catch(() => undefined);
    const reply = (status, body = '', headers = {}) => {
      response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
      response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
    };
    await answer(request, reply);
  };
  const server = secure ? https.createServer(secure, handle) : http.createServer(handle);
  const { port } = await listen(t, server, host);
  return { endpoint: `${secure ? 'https' : 'http'}://${name}:${port}/session`, port, requests };
}

// talk(socket, number) has the connection for itself, without TLS.
export async function serveRaw(t, talk) {
  let number = 0;
  const { port } = await listen(t, net.createServer((socket) => talk(socket, ++number)));
  return {
    endpoint: `http://127.0.0.1:${port}/session`, tlsEndpoint: `https://127.0.0.1:${port}/session`,
    port, get connections() { return number; },
  };
}

// A server that answers every request with these bytes, and then does `then` to the connection.
export function serveBytes(t, bytes, then = (socket) => socket.end()) {
  return serveRaw(t, (socket) => socket.once('data', () => socket.write(bytes, 'latin1', () => then(socket))));
}

// A proxy that connects every CONNECT to that port, after these lines.
export async function serveProxy(t, port, answer = ['HTTP/1.1 200 OK']) {
  const targets = [];
  const server = await serveRaw(t, (socket) => socket.once('data', (head) => {
    targets.push(/^CONNECT (\S+) /.exec(head.toString())?.[1] ?? head.toString());
    socket.write(`${answer.join('\r\n')}\r\n\r\n`);
    if (!/ 200 /.test(answer[0])) return void socket.end();
    const beyond = net.connect(port, '127.0.0.1');
    for (const [from, to] of [[socket, beyond], [beyond, socket]]) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  }));
  return { url: `http://127.0.0.1:${server.port}`, targets };
}

export async function unusedPort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// Until that holds.
export function until(condition, what) {
  let timer;
  return inTime(new Promise((resolve) => {
    timer = setInterval(() => condition() && resolve(), 10);
  }), what).finally(() => clearInterval(timer));
}

export const tlsServer = (t, options, talk) => listen(t, tls.createServer({ ...goodTls, ...options }, talk));

// ---- the client ----

// `endpoints`: a provider each. Options: authorities, proxy, env.
export async function startClient(t, endpoints, { authorities = '', proxy = '', env = {} } = {}) {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name)));
  const child = spawn(join(build, 'tests', 'integration', 'cis_client'),
    [authorities, proxy, ...[endpoints].flat()], { env: { ...clean, ...env } });
  const waiting = new Map(); // id -> what to call with the answer
  let log = '';
  let lastId = 0;
  child.stderr.setEncoding('utf8').on('data', (text) => { log += text; });
  const ended = new Promise((resolve) => child.once('close', (code, signal) => {
    for (const hear of waiting.values()) hear({ result: 'ended' });
    resolve({ code, signal });
  }));
  child.once('error', (error) => { log += error.message; }); // "close" follows
  t.after(() => child.kill('SIGKILL'));

  const lines = createInterface(child.stdout);
  const key = await inTime(new Promise((resolve, reject) => {
    lines.once('line', (line) => resolve(JSON.parse(line)));
    ended.then(() => reject(new Error(`cis_client ended: ${log}`)));
  }), 'the client to start', () => log);
  const answers = [];
  lines.on('line', (line) => {
    const { id, ...answer } = JSON.parse(line);
    if (answer.result !== 'freed') answers.push(id);
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });

  return {
    key,
    answers, // ids, in their order
    log: () => log,
    // Resolves with the answer, or with the result "freed" or "ended". `of`: the provider's number.
    // The promise has the call's id.
    call(verb, words = [], { of = 0 } = {}) {
      const id = ++lastId;
      const answer = inTime(new Promise((resolve) => { waiting.set(id, resolve); }),
        `the answer to ${verb}`, () => log, LONG_MS);
      child.stdin.write(`${[id, of, verb, ...words].join(' ')}\n`);
      return Object.assign(answer, { id });
    },
    free(id) {
      child.stdin.write(`${id} 0 free\n`);
    },
    // Ends it, whatever is under way; it must end well.
    async end() {
      child.stdin.end();
      const { code, signal } = await inTime(ended, 'the client to end', () => log);
      assert.equal(signal ?? code, 0, log);
    },
  };
}

// One call by a client of its own; resolves with the answer, once that client has ended well.
export async function callOnce(t, endpoint, verb, words, options) {
  const client = await startClient(t, endpoint, options);
  const answer = await client.call(verb, words);
  await client.end();
  return { ...answer, log: client.log() };
}

// ---- what is signed ----

// The payload of a JWS that this key has signed; what it should have in its header is `header`.
export function readSigned(token, jwk, header) {
  const [head, payload, signature] = token.split('.');
  assert.deepEqual(JSON.parse(Buffer.from(head, 'base64url')), header);
  assert.ok(verify('sha256', Buffer.from(`${head}.${payload}`),
    { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url')), 'the signature is right');
  return JSON.parse(Buffer.from(payload, 'base64url'));
}

// The claims of a request's DPoP proof (RFC 9449 §4.2), which is right in every other respect.
export function readProof(request, endpoint, jwk) {
  const claims = readSigned(request.headers.dpop, jwk, { typ: 'dpop+jwt', alg: 'ES256', jwk });
  assert.equal(claims.htm, request.method);
  assert.equal(claims.htu, new URL(request.path, endpoint).href);
  assert.ok(Math.abs(claims.iat - Date.now() / 1000) < 60);
  assert.match(claims.jti, /^[\w-]{22}$/);
  return claims;
}

export const SID = 'a-session_1.2~3';
export const session = (more = {}) => ({
  sid: SID, uid: '555000000101', name: 'Alice Example', acr: 'AAL3', amr: ['smartcard', 'pin'],
  auth_time: 1_790_000_000, role: 'r1', expires_in: 36_000, idle: 3600, keep_alive: 60,
  roles: [{ id: 'r1', name: 'Nurse', organisation: 'A ward', code: 'R8001' }, { id: 'r2', name: 'Doctor', organisation: 'B' }],
  ...more,
});
