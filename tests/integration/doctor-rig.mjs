// SPDX-License-Identifier: MIT
//
// A computer on which everything is in order, for doctor.test.mjs: a sandbox with reader, card and
// agent, the two buses of a desktop, a provider with TLS, browsers with policies. What is the
// system's (policies, units, /sys) is in a folder of the test's, which doctor takes for the root.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttps } from 'node:https';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { built, build } from '../sandbox/build.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { run, start } from '../sandbox/processes.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { makeCertificate } from '../sandbox/site.mjs';

export const PAGE = 'https://login.example.test'; // an origin whose pages a browser would ask about
export const bin = join(build, 'bin');

// ---- the provider ----

// Answers what a provider would, but for what the first folder of the path says.
function answer(request, reply) {
  const [, what, ...rest] = request.url.split('/');
  const date = { late: -3600, drifting: -60 }[what] ?? 0;
  reply.setHeader('Date', new Date(Date.now() + date * 1000).toUTCString());
  const send = (status, body) => reply.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  if (what === 'broken') return send(503, {});
  if (what === 'absent') return send(404, {});
  if (what === 'nonsense') return send(200, { hello: 'there' });
  if (rest.at(-1) === 'openid-configuration') {
    const issuer = `https://${request.headers.host}/${what}`;
    return send(200, { issuer: what === 'other' ? `${issuer}/` : issuer });
  }
  return send(200, { challenge: 'A'.repeat(43) });
}

async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

async function startProvider(sandbox, name, undo) {
  const directory = join(sandbox.directory, `tls-${name}`);
  mkdirSync(directory);
  const server = createHttps(await makeCertificate({ name, ca: sandbox.people.ca, directory }), answer);
  undo.push(() => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  }));
  return listen(server);
}

// One whose certificate has expired, of an authority of its own.
async function startExpired(sandbox, undo) {
  const at = (file) => join(sandbox.directory, file);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await run('openssl', ['req', '-x509', ...newKey, '-keyout', at('old-ca.key'), '-out', at('old-ca.pem'), '-days', '7', '-subj', '/CN=Old']);
  await run('openssl', ['req', ...newKey, '-keyout', at('old.key'), '-out', at('old.request'), '-subj', '/CN=localhost']);
  writeFileSync(at('old.index'), '');
  writeFileSync(at('old.cnf'), `[ca]\ndefault_ca = old\n[old]\ndatabase = ${at('old.index')}\nnew_certs_dir = ${sandbox.directory}
rand_serial = yes\ndefault_md = sha256\npolicy = any\nx509_extensions = server\n[any]\ncommonName = supplied\n[server]\nsubjectAltName = DNS:localhost\n`);
  await run('openssl', ['ca', '-batch', '-notext', '-config', at('old.cnf'), '-cert', at('old-ca.pem'), '-keyfile', at('old-ca.key'),
    '-startdate', '20240101000000Z', '-enddate', '20240201000000Z', '-in', at('old.request'), '-out', at('old.pem')]);
  const server = createHttps({ key: readFileSync(at('old.key')), cert: readFileSync(at('old.pem')) }, answer);
  undo.push(() => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  }));
  return { port: await listen(server), authorities: at('old-ca.pem') };
}

// ---- the system's files ----

export function put(path, text = '', mode = 0o644) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode });
}

const lists = {
  LoopbackNetworkAllowedForUrls: [PAGE],
  LocalNetworkAccessAllowedForUrls: [PAGE],
};

export const chromiumPolicy = JSON.stringify(lists);
export const firefoxPolicy = JSON.stringify({ policies: { LocalNetworkAccess: { SkipDomains: ['login.example.test'] } } });

function makeRoot(root) {
  mkdirSync(root);
  symlinkSync('/proc', join(root, 'proc'));
  put(join(root, 'etc/os-release'), 'PRETTY_NAME="A computer"\n');
  put(join(root, 'usr/sbin/pcscd'));
  put(join(root, 'usr/lib/udev/rules.d/60-fido-id.rules'));
  put(join(root, 'usr/bin/chromium'));
  put(join(root, 'opt/google/chrome/chrome'));
  put(join(root, 'opt/microsoft/msedge/msedge'));
  put(join(root, 'usr/lib/firefox-esr/firefox-esr'));
  put(join(root, 'usr/lib/firefox-esr/application.ini'), '[App]\nVersion=153.0.1\n');
  for (const folder of ['chromium', 'opt/chrome', 'opt/edge'])
    put(join(root, 'etc', folder, 'policies/managed/lanyard.json'), chromiumPolicy);
  put(join(root, 'etc/firefox/policies/policies.json'), firefoxPolicy);
}

// ---- all of it ----

// desktop: what withDesktop gives. Resolves with { sandbox, ports, root(name, change), config(name,
// change), doctor({...}), agent(name, ...), close }.
export async function startComputer(desktop) {
  const undo = [];
  const computer = { undo, desktop };
  const sandbox = await startSandbox({
    card: 'bob', web: false, agent: false,
    environment: { DBUS_SYSTEM_BUS_ADDRESS: desktop.env.DBUS_SYSTEM_BUS_ADDRESS, DBUS_SESSION_BUS_ADDRESS: desktop.env.DBUS_SESSION_BUS_ADDRESS },
  });
  undo.push(() => sandbox.close());
  try {
    await desktop.system.do('logind = Logind()');
    await desktop.system.do("logind.session('c1')");
    await desktop.system.do("logind.session('far', display=False, remote=True)");
    await desktop.session.do("saver = ScreenSaver('freedesktop')");
    computer.sandbox = sandbox;
    computer.port = await startProvider(sandbox, 'localhost', undo);
    computer.expired = await startExpired(sandbox, undo);
    computer.authorities = join(sandbox.config, 'authorities.pem');
    writeFileSync(computer.authorities, readFileSync(join(sandbox.people.ca, 'root.cert.pem')), { mode: 0o600 });
    const configured = readFileSync(join(sandbox.config, 'lanyard.conf'), 'utf8');
    computer.configuration = `${configured.replace(/^environment = .*$/m, '').replace(/^origin = .*$/m, `origin = https://localhost:${computer.port}\norigin = ${PAGE}`)}
issuer = https://localhost:${computer.port}/op
session-endpoint = https://localhost:${computer.port}/op/session
authorities = ${computer.authorities}
`;
    writeFileSync(join(sandbox.config, 'lanyard.conf'), computer.configuration, { mode: 0o600 });
    makeRoot(join(sandbox.directory, 'root'));
    addTools(computer);
    await sandbox.startAgent();
    await computer.untilCard();
  } catch (error) {
    await computer.close?.();
    throw error;
  }
  return computer;
}

function addTools(computer) {
  const { sandbox, undo } = computer;
  const { directory } = sandbox;
  computer.folder = () => mkdtempSync(join(directory, 'case-'));
  // The same computer, whose close() ends what one case has started.
  computer.forCase = () => {
    const one = { ...computer, undo: [] };
    addTools(one);
    return one;
  };
  // A copy of the system's files, changed.
  computer.root = (change) => {
    const root = join(computer.folder(), 'root');
    cpSync(join(directory, 'root'), root, { recursive: true, verbatimSymlinks: true });
    change(root);
    return root;
  };
  // The configuration with other lines.
  computer.config = (change) => {
    const folder = computer.folder();
    writeFileSync(join(folder, 'lanyard.conf'), change(computer.configuration), { mode: 0o600 });
    return folder;
  };
  // Its /proc, in which one can change what is said of a process.
  computer.proc = (root, path, text) => {
    rmSync(join(root, 'proc'));
    mkdirSync(join(root, 'proc'));
    if (!path.startsWith('net/')) symlinkSync('/proc/net', join(root, 'proc/net'));
    put(join(root, 'proc', path), text);
  };
  // Another agent, with that configuration and a runtime folder of its own; its environment.
  computer.agent = async (config, more = {}) => {
    const env = { ...sandbox.environment, XDG_RUNTIME_DIR: computer.folder(), ...more };
    const agent = await start(join(bin, 'lanyardd'), ['--config', config, '--helpers', bin], { env, ready: /ready/ });
    undo.push(() => agent.stop());
    return { XDG_RUNTIME_DIR: env.XDG_RUNTIME_DIR };
  };
  computer.stale = async (path) => {
    await run('/usr/bin/python3', ['-c', 'import socket, sys\nsocket.socket(socket.AF_UNIX, socket.SOCK_STREAM).bind(sys.argv[1])', path]);
    return path;
  };
  // Somebody who listens at a path and does that with each connection.
  computer.listener = async (path, play = () => {}) => {
    const connections = [];
    const server = createServer((connection) => {
      connections.push(connection);
      connection.on('error', () => {});
      play(connection);
    });
    server.listen(path);
    await once(server, 'listening');
    undo.push(() => {
      server.close();
      for (const each of connections) each.destroy();
    });
    return server.address()?.port ?? path;
  };
  computer.fake = async (name, wish) => {
    const module = join(computer.folder(), `${name}.so`);
    cpSync(await built(`${name}.so`), module);
    writeFileSync(`${module}.env`, `FAKE_PKCS11=${wish}\n`);
    return module;
  };
  computer.doctor = (more) => doctor(computer, more);
  // Until that agent's status is like that.
  computer.untilStatus = (env, like) => inTime((async () => {
    for (;;) {
      const { stdout } = await collect(join(bin, 'lanyard'), ['status', '--json'], { ...sandbox.environment, ...env });
      if (like(JSON.parse(stdout))) return;
    }
  })(), 'the status of an agent');
  computer.untilCard = () => inTime((async () => {
    for (;;) {
      const { stdout } = await collect(join(bin, 'lanyard'), ['cards', '--json'], sandbox.environment);
      if (JSON.parse(stdout).length > 0) return;
    }
  })(), 'the card to be read');
  computer.close = async () => {
    while (undo.length > 0) await undo.pop()();
  };
}

async function collect(program, args, environment) {
  const env = { ...process.env, ...environment };
  for (const [name, value] of Object.entries(env)) if (value === undefined) delete env[name];
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'])
    child[stream].setEncoding('utf8').on('data', (chunk) => { said[stream] += chunk; });
  const [code] = await inTime(once(child, 'close'), `${program} ${args.join(' ')}`, () => said.stdout + said.stderr);
  return { ...said, code };
}

// Runs lanyard doctor: config, root, helpers are folders; env is changed by what is given; words are
// more of the command line; through is a program with its first words, which runs what is behind
// them. Resolves with { code, stdout, stderr, findings, ... } of its JSON.
async function doctor({ sandbox, folder }, { config, root, helpers = bin, env = {}, words = [], through = [], json = true } = {}) {
  const args = ['doctor', '--helpers', helpers, '--root', root ?? join(sandbox.directory, 'root'),
    '--config', config ?? sandbox.config, ...words, ...(json ? ['--json'] : [])];
  const home = folder();
  const clean = { XDG_SESSION_ID: undefined, https_proxy: undefined, HTTPS_PROXY: undefined, all_proxy: undefined, ALL_PROXY: undefined,
    HOME: home, XDG_CONFIG_HOME: undefined };
  const [program, ...before] = [...through, join(bin, 'lanyard')];
  const said = await collect(program, [...before, ...args], { ...sandbox.environment, ...clean, ...env });
  if (!json) return said;
  assert.ok(said.stdout.startsWith('{'), said.stdout + said.stderr);
  return { ...said, ...JSON.parse(said.stdout) };
}
