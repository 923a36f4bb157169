// SPDX-License-Identifier: MIT
//
// lanyard doctor: nothing is found on a computer on which everything is in order; then one thing
// after the other is broken, and that is what it tells first. Most are broken in files, sockets and
// variables of the case's own, several at a time; what concerns the one card is broken in turn.

import assert from 'node:assert/strict';
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeFolder, removeFolder } from '../sandbox/folder.mjs';
import { built } from '../sandbox/build.mjs';
import { start } from '../sandbox/processes.mjs';
import { skip, withDesktop } from './desktop-rig.mjs';
import { bin, chromiumPolicy, PAGE, put, startComputer } from './doctor-rig.mjs';

const AT_A_TIME = 3;
const READER = 'Lanyard Virtual Reader 0 00 00';
const KEY_DESCRIPTOR = Buffer.from('06d0f10901a10109201500', 'hex'); // a FIDO key's collection
const PYTHON = '/usr/bin/python3';
const NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups', '--pdeathsig', 'KILL'];
const SOCKET_CALL = { x64: 41, arm64: 198 }; // socket(2)'s number
const isRoot = process.getuid() === 0;
// What is not root's to read is refused to root as well.
const UNPRIVILEGED = isRoot ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : [];
const instrumented = /LANYARD_(SANITIZE:STRING=.+|COVERAGE:BOOL=ON)/.test(readFileSync(join(process.env.LANYARD_BUILD, 'CMakeCache.txt'), 'utf8'));

const helpersWith = (c, change) => {
  const folder = c.folder();
  for (const name of readdirSync(bin)) symlinkSync(join(bin, name), join(folder, name));
  change(folder);
  return folder;
};
const mask = (root, manager, unit) => {
  mkdirSync(join(root, 'etc/systemd', manager), { recursive: true });
  symlinkSync('/dev/null', join(root, 'etc/systemd', manager, unit));
};
const settingsOf = (c, section, ...lines) => c.config((text) => text.replace(`[${section}]`, `[${section}]\n${lines.join('\n')}`));
const more = (c, ...lines) => c.config((text) => `${text}\n${lines.join('\n')}\n`);
// The provider's endpoint and issuer elsewhere.
const provider = (c, base, change = (text) => text) => c.config((text) => change(text
  .replace(/^issuer = .*$/m, '').replace(/^session-endpoint = .*$/m, `session-endpoint = ${base}/session`)));
const module = (c, path) => c.config((text) => text.replace('[cards]', `[cards]\nmodule = ${path}`));
const noAgent = (c) => ({ XDG_RUNTIME_DIR: c.folder() });
const noBus = (c) => `unix:path=${join(c.folder(), 'none')}`;
const pcscd = (path) => ({ PCSCLITE_CSOCK_NAME: path });
const withKey = (root, name = 'hidraw0') => put(join(root, 'sys/class/hidraw', name, 'device/report_descriptor'), KEY_DESCRIPTOR);

// A pcscd that answers the first question with these numbers, and the second with that result.
const pcscdThatSays = (c, [major, minor, result], denied) => c.listener(join(c.folder(), 'pcscd'), (connection) => {
  connection.on('data', (chunk) => {
    const command = chunk.readUInt32LE(4);
    const answer = Buffer.alloc(12);
    if (command === 0x11) [major, minor, result].forEach((value, i) => answer.writeUInt32LE(value, 4 * i));
    else answer.writeUInt32LE(denied, 8);
    connection.write(answer);
  });
});

// A pcscd that sees the one reader, in which is a card that has not answered.
const pcscdWithMuteCard = (c) => c.listener(join(c.folder(), 'pcscd'), (connection) => {
  const states = Buffer.alloc(16 * 184);
  states.write(READER);
  states.writeUInt32LE(0x4, 132); // present, and not powered
  const answers = new Map([[0x11, [4, 4, 0]], [0x01, [0, 1, 0]]]);
  let have = Buffer.alloc(0);
  connection.on('data', (chunk) => {
    have = Buffer.concat([have, chunk]);
    while (have.length >= 8 && have.length >= 8 + have.readUInt32LE(0)) {
      const numbers = answers.get(have.readUInt32LE(4));
      have = have.subarray(8 + have.readUInt32LE(0));
      connection.write(numbers ? Buffer.from(new Uint32Array(numbers).buffer) : states);
    }
  });
});

// This version's, as the build has it.
const VERSION = /VERSION (\d+\.\d+\.\d+)/.exec(readFileSync(join(process.env.LANYARD_SOURCE, 'CMakeLists.txt'), 'utf8'))[1];

// An agent that is played: it knows the words that doctor says to it, and no more. change: what it
// tells of the card in the reader that is otherwise; readers: which it lists.
const playedAgent = async (c, version, change = {}, readers = [{ name: READER, state: 'card', pinPad: false }]) => {
  const runtime = c.folder();
  mkdirSync(join(runtime, 'lanyard'), { mode: 0o700 });
  const status = { version, pid: c.sandbox.agent.pid, door: { port: c.sandbox.agentPort, state: 'open' }, readerService: 'up', modules: [],
    readers: 1, cards: 1, keys: 0, origins: [`https://localhost:${c.port}`, PAGE], connections: 1, operations: 0 };
  const card = { reader: READER, module: '/x.so', pinState: 'ok', certificates: [{ use: 'authentication', chosen: true, notAfter: '2090-01-01T00:00:00Z' }], ...change };
  await c.listener(join(runtime, 'lanyard/agent'), (connection) => {
    let have = Buffer.alloc(0);
    connection.on('data', (chunk) => {
      have = Buffer.concat([have, chunk]);
      while (have.length >= 4 && have.length >= 4 + have.readUInt32BE(0)) {
        const { id, method } = JSON.parse(have.subarray(4, 4 + have.readUInt32BE(0)));
        have = have.subarray(4 + have.readUInt32BE(0));
        const result = method === 'agent.hello' ? { agent: 'lanyard', version, protocol: 1, methods: [] }
          : method === 'card.list' ? { readers, cards: [card] } : method === 'session.status' ? { state: 'none' } : status;
        const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result }));
        const head = Buffer.alloc(4);
        head.writeUInt32BE(body.length);
        connection.write(Buffer.concat([head, body]));
      }
    });
  });
  return { XDG_RUNTIME_DIR: runtime };
};

const pcscdWithoutReaders = async (c) => {
  const folder = c.folder();
  mkdirSync(join(folder, 'readers'));
  const service = await start(join(process.env.LANYARD_SOURCE, 'tests/sandbox/start-pcscd'),
    [folder, await built('libvirtual-reader.so')], { ready: /Listening on/ });
  c.undo.push(() => service.stop());
  return join(folder, 'pcscd.sock');
};

const proxyThatSays = async (c, status) => {
  const server = createHttp();
  server.on('connect', (request, socket) => socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  c.undo.push(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
};

const unfit = (problem) => ({ use: 'authentication', chosen: false, notAfter: '2090-01-01T00:00:00Z', problem });
const cardThat = async (c, change) => ({ env: await playedAgent(c, VERSION, change) });

// An agent without a broker: the configuration names a socket where none is.
const brokerless = (c, path = join(c.folder(), 'none')) =>
  c.config((text) => text.replace(/^broker-socket = .*$/m, `broker-socket = ${path}`));
// A systemctl that knows one active unit.
const systemdHas = (c, unit) => {
  const folder = c.folder();
  writeFileSync(join(folder, 'systemctl'), `#!/bin/sh\n[ "$1 $2" = "is-active ${unit}" ]\n`, { mode: 0o755 });
  return { PATH: `${folder}:${process.env.PATH}` };
};
const withBrokerless = async (c, path) => {
  const config = brokerless(c, path);
  return { config, env: await c.agent(config), words: ['--port', '1'] };
};

// [code, what is broken, how: (computer) => what doctor is told]
const broken = [
  // the configuration
  ['LY-2201', 'a misspelt key', (c) => ({ config: settingsOf(c, 'cards', 'modul = /x.so') })],
  ['LY-2201', 'a bad value', (c) => ({ config: more(c, '[session]', 'mode = sometimes') })],
  ['LY-2201', 'an origin with a path', (c) => ({ config: more(c, '[provider more]', 'origin = https://a.example/path') })],
  ['LY-2202', 'a configuration that everybody may write', (c) => {
    const config = more(c);
    chmodSync(join(config, 'lanyard.conf'), 0o666);
    return { config };
  }],
  ['LY-2202', 'a configuration that is a link', (c) => {
    const config = c.folder();
    symlinkSync(join(c.sandbox.config, 'lanyard.conf'), join(config, 'lanyard.conf'));
    return { config };
  }],
  ['LY-2209', 'a configuration that people may not read', (c) => {
    const config = more(c);
    chmodSync(join(config, 'lanyard.conf'), 0o000);
    return { config, through: UNPRIVILEGED };
  }],
  ['LY-2209', 'a folder of the configuration that people may not enter', (c) => {
    const config = more(c);
    mkdirSync(join(config, 'conf.d'), { mode: 0o000 });
    return { config, through: UNPRIVILEGED };
  }],
  ['LY-2209', 'authorities that people may not read', (c) => {
    const file = join(c.folder(), 'authorities.pem');
    cpSync(c.authorities, file);
    chmodSync(file, 0o000);
    return { config: c.config((text) => text.replace(/^authorities = .*$/m, `authorities = ${file}`)), through: UNPRIVILEGED };
  }],
  ['LY-2203', 'no provider', (c) => ({ config: c.config((text) => text.slice(0, text.indexOf('[provider'))), skips: { provider: 'LY-2203', browsers: 'LY-2203' } })],
  ['LY-2203', 'neither a provider nor a smartcard service', (c) => ({
    config: c.config((text) => text.slice(0, text.indexOf('[provider'))), env: { ...noAgent(c), ...pcscd(join(c.folder(), 'none')) },
    skips: { provider: 'LY-2203', browsers: 'LY-2203', readers: 'LY-2303', cards: 'LY-2303', hardening: 'LY-2003' },
  })],
  ['LY-2204', 'authorities that are missing', (c) => ({ config: c.config((text) => text.replace(/^issuers = .*$/m, 'issuers = /nonexistent.pem')) })],
  ['LY-2204', 'authorities that are none', (c) => {
    const file = join(c.folder(), 'issuers.pem');
    writeFileSync(file, 'none\n', { mode: 0o600 });
    return { config: c.config((text) => text.replace(/^issuers = .*$/m, `issuers = ${file}`)) };
  }],
  ['LY-2208', 'revocation lists that are none', (c) => ({
    config: settingsOf(c, 'cards', `revocation-lists = ${c.authorities}`), says: /revocation-lists: \S+authorities\.pem: /,
  })],
  ['LY-2201', "a provider's authorities that are none", (c) => {
    const file = join(c.folder(), 'authorities.pem');
    writeFileSync(file, 'none\n', { mode: 0o600 });
    return { config: c.config((text) => text.replace(/^authorities = .*$/m, `authorities = ${file}`)), env: noAgent(c) };
  }],
  ['LY-2205', 'a configuration that the agent has not read', (c) => ({ config: c.config((text) => text.replace(/^(origin = .*)$/m, '$1\norigin = https://127.0.0.1:2')) })],
  ['LY-2205', 'a mode of the session that the agent has not read', (c) => ({ config: more(c, '[session]', 'mode = mobility') })],
  ['LY-2206', "a mistake in the user's file", (c) => {
    const file = join(c.folder(), 'lanyard.conf');
    writeFileSync(file, '[cards]\nmodul = /x.so\n', { mode: 0o600 });
    return { words: ['--user-config', file] };
  }],
  ['LY-2207', 'a provider for development', (c) => ({ config: c.config((text) => text.replace('[provider sandbox]', '[provider sandbox]\nenvironment = sandbox')) })],
  // programs
  ['LY-2010', 'a helper that is missing', (c) => ({ helpers: helpersWith(c, (folder) => rmSync(join(folder, 'lanyard-prompt'))) })],
  ['LY-2010', 'a helper that is a folder', (c) => ({ helpers: helpersWith(c, (folder) => {
    rmSync(join(folder, 'lanyard-card'));
    mkdirSync(join(folder, 'lanyard-card'));
  }) })],
  ['LY-2011', 'a helper that everybody may write', (c) => ({ helpers: helpersWith(c, (folder) => {
    rmSync(join(folder, 'lanyard-fido'));
    cpSync(join(bin, 'lanyard-fido'), join(folder, 'lanyard-fido'));
    chmodSync(join(folder, 'lanyard-fido'), 0o777);
  }) })],
  // the agent
  ['LY-2001', 'no runtime folder', () => ({ env: { XDG_RUNTIME_DIR: undefined } })],
  ['LY-2002', 'an agent that is masked', (c) => ({ env: noAgent(c), root: c.root((root) => mask(root, 'user', 'lanyardd.service')) })],
  ['LY-2002', 'an agent that is masked, whose socket has stayed', async (c) => ({
    words: ['--socket', await c.stale(join(c.folder(), 'agent'))], root: c.root((root) => mask(root, 'user', 'lanyardd.socket')),
  })],
  ['LY-2003', 'no agent', (c) => ({ env: noAgent(c) })],
  ['LY-2004', 'an agent that has died', async (c) => ({ words: ['--socket', await c.stale(join(c.folder(), 'agent'))] })],
  ['LY-2007', 'an agent that hangs', async (c) => ({ words: ['--socket', await c.listener(join(c.folder(), 'agent'))] })],
  ['LY-2007', 'an agent that hangs up', async (c) => ({ words: ['--socket', await c.listener(join(c.folder(), 'agent'), (connection) => connection.destroy())] })],
  ['LY-2006', "another user's agent", async (c) => {
    if (!isRoot) return { skip: 'only root is several users' };
    const folder = await makeFolder('doctor');
    c.undo.push(() => removeFolder(folder));
    chmodSync(folder, 0o777);
    const other = await start('setpriv', [...NOBODY, PYTHON, '-c', LISTEN, join(folder, 'agent')], { ready: /^listening$/m });
    c.undo.push(() => other.stop());
    return { words: ['--socket', join(folder, 'agent')] };
  }],
  ['LY-2008', 'an agent of another version', async (c) => ({ env: await playedAgent(c, '9.9.9') })],
  ['LY-2009', 'a runtime folder that is open', (c) => {
    const runtime = c.folder();
    chmodSync(runtime, 0o755);
    symlinkSync(join(c.sandbox.runtime, 'lanyard'), join(runtime, 'lanyard'));
    return { env: { XDG_RUNTIME_DIR: runtime } };
  }],
  ['LY-2005', 'an agent in a folder of somebody else\'s', async (c) => {
    if (isRoot) return { skip: 'root may enter every folder' };
    const folder = c.folder();
    await c.listener(join(folder, 'agent'));
    chmodSync(folder, 0o000);
    c.undo.push(() => chmodSync(folder, 0o700));
    return { words: ['--socket', join(folder, 'agent')] };
  }],
  // the door
  ['LY-2102', 'no broker', (c) => withBrokerless(c)],
  ['LY-2101', 'a broker that is masked', async (c) => ({ ...await withBrokerless(c), root: c.root((root) => mask(root, 'system', 'lanyard-portd.socket')) })],
  ['LY-2102', 'no broker, and a program on its port at another address', async (c) => {
    const port = await c.listener({ port: 0, host: '127.0.0.2' });
    return { ...await withBrokerless(c), words: ['--port', String(port)] };
  }],
  ['LY-2103', 'a broker that has died', async (c) => withBrokerless(c, await c.stale(join(c.folder(), 'portd')))],
  ['LY-2103', 'a broker that has died, and a socket named like a line of the kernel\'s list', async (c) => {
    const path = await c.stale(join(c.folder(), 'portd'));
    const forger = await start(PYTHON, ['-c', FORGE, path], { ready: /^listening$/m });
    c.undo.push(() => forger.stop());
    return withBrokerless(c, path);
  }],
  ['LY-2104', 'a port that another program has', async (c) => {
    const port = await c.listener(0);
    return { ...await withBrokerless(c), words: ['--port', String(port)], says: new RegExp(`it is user ${process.getuid()}, process ${process.pid} \\(`) };
  }],
  ['LY-2104', 'a port that another program has while systemd holds the socket for agents', async (c) => {
    const port = await c.listener(0);
    const folder = await makeFolder('doctor');
    c.undo.push(() => removeFolder(folder));
    const agents = await start(PYTHON, ['-c', HANGS_UP, join(folder, 'portd')], { ready: /^listening$/m });
    c.undo.push(() => agents.stop());
    if (isRoot) chownSync(join(folder, 'portd'), 1, 1); // whoever holds the socket has not the port
    return isRoot ? { ...await withBrokerless(c, join(folder, 'portd')), words: ['--port', String(port)] }
      : { skip: 'only root is several users' };
  }],
  ['LY-2102', "a port that systemd has for the broker, without the agents' socket", async (c) => {
    if (!isRoot) return { skip: "systemd's sockets are root's" };
    const port = await c.listener(0);
    const told = await withBrokerless(c);
    return { ...told, words: ['--port', String(port)], env: { ...told.env, ...systemdHas(c, 'lanyard-portd.socket') } };
  }],
  ['LY-2101', 'a broker of whose sockets one is masked', async (c) => ({
    ...await withBrokerless(c), root: c.root((root) => mask(root, 'system', 'lanyard-portd-agents.socket')),
  })],
  ['LY-2101', 'a broker that is masked, whose socket has stayed', async (c) => ({
    ...await withBrokerless(c, await c.stale(join(c.folder(), 'portd'))), root: c.root((root) => mask(root, 'system', 'lanyard-portd.service')),
  })],
  ['LY-2105', 'a port on which nobody listens', () => ({ words: ['--port', '1'] })],
  ['LY-2106', 'two agents', async (c) => ({ env: await c.agent(c.sandbox.config) })],
  ['LY-2107', "another user's broker in a folder that everybody may write", async (c) => {
    if (!isRoot) return { skip: 'only root is several users' };
    const folder = await makeFolder('doctor');
    c.undo.push(() => removeFolder(folder));
    chmodSync(folder, 0o777);
    cpSync(await built('lanyard-portd'), join(folder, 'portd'));
    const broker = await start('setpriv', [...NOBODY, join(folder, 'portd'),
      '--listen', '127.0.0.1:0', '--socket', join(folder, 'socket'), '--ready-fd', '1'], { ready: /^(\d+)$/m });
    c.undo.push(() => broker.stop());
    return withBrokerless(c, join(folder, 'socket'));
  }],
  ['LY-2108', 'an agent that is not registered', async (c) => ({ env: await c.agent(brokerless(c)) })],
  ['LY-2109', 'a kernel that does not tell whose a connection is', () => (
    process.arch in SOCKET_CALL ? { through: [PYTHON, '-c', WITHOUT_DIAG] } : { skip: `the number of socket() on ${process.arch}` })],
  // the smartcard service
  ['LY-2301', 'no smartcard service', (c) => ({ env: pcscd(join(c.folder(), 'none')), root: c.root((root) => rmSync(join(root, 'usr/sbin/pcscd'))) })],
  ['LY-2302', 'a smartcard service that is masked', (c) => ({ env: pcscd(join(c.folder(), 'none')), root: c.root((root) => mask(root, 'system', 'pcscd.socket')) })],
  ['LY-2302', 'a smartcard service that is masked, whose socket has stayed', async (c) => ({
    env: pcscd(await c.stale(join(c.folder(), 'pcscd'))), root: c.root((root) => mask(root, 'system', 'pcscd.service')),
  })],
  ['LY-2303', 'a smartcard service that is not active', (c) => ({ env: pcscd(join(c.folder(), 'none')) })],
  ['LY-2304', 'a smartcard service that has died', async (c) => ({ env: pcscd(await c.stale(join(c.folder(), 'pcscd'))) })],
  ['LY-2305', 'a smartcard service that hangs up', async (c) => ({ env: pcscd(await c.listener(join(c.folder(), 'pcscd'), (connection) => connection.destroy())) })],
  ['LY-2305', 'a smartcard service that refuses', async (c) => ({ env: pcscd(await pcscdThatSays(c, [4, 4, 0], 0x8010006a)) })],
  ['LY-2306', 'a smartcard service that hangs', async (c) => ({ env: pcscd(await c.listener(join(c.folder(), 'pcscd'))) })],
  ['LY-2307', 'a smartcard service of another protocol', async (c) => ({ env: pcscd(await pcscdThatSays(c, [5, 0, 0x8010001d])) })],
  ['LY-2308', 'an agent that does not reach the smartcard service', async (c) => ({
    env: { ...await c.agent(brokerless(c), pcscd(join(c.folder(), 'none'))), ...pcscd(c.sandbox.environment.PCSCLITE_CSOCK_NAME) }, despite: ['LY-2108'],
  })],
  ['LY-2403', 'a reader that is left alone', (c) => ({ config: settingsOf(c, 'cards', `ignore-reader = ${READER}`) })],
  ['LY-2401', 'no reader', async (c) => ({ env: pcscd(await pcscdWithoutReaders(c)) })],
  ['LY-2402', 'a reader without a driver', async (c) => ({
    env: pcscd(await pcscdWithoutReaders(c)),
    root: c.root((root) => put(join(root, 'sys/bus/usb/devices/1-1:1.0/bInterfaceClass'), '0b\n')),
  })],
  ['LY-2418', 'a session that is remote', async (c) => {
    const env = await c.agent(brokerless(c), { XDG_SESSION_ID: 'far', PCSCLITE_CSOCK_NAME: '' });
    await c.untilStatus(env, ({ readersWithheld }) => readersWithheld);
    return { env, despite: ['LY-2108'], skips: { 'reader-service': 'LY-2418', cards: 'LY-2418' }, says: /remote-sessions is set at default/ };
  }],
  ['LY-2419', "a reader that is another seat's", async (c) => ({ env: await playedAgent(c, VERSION, {}, []) })],
  ['LY-2406', 'a card that does not answer', async (c) => ({ env: pcscd(await pcscdWithMuteCard(c)) })],
  ['LY-2408', 'a card that its module cannot read', (c) => cardThat(c, { unreadable: true })],
  ['LY-2414', 'a card whose key is too weak', (c) => cardThat(c, { certificates: [unfit('key-unsuitable')] })],
  ['LY-2416', 'a card with one try left', (c) => cardThat(c, { pinState: 'final' })],
  ['LY-2417', 'a card that was withdrawn', (c) => cardThat(c, { certificates: [unfit('certificate-revoked')] })],
  // card modules
  ['LY-2501', 'a module that is missing', (c) => ({ config: module(c, '/nonexistent/module.so') })],
  ['LY-2502', 'a module that is none', (c) => {
    const file = join(c.folder(), 'module.so');
    writeFileSync(file, 'none\n');
    return { config: module(c, file), says: /file too short|invalid ELF header/ };
  }],
  ['LY-2503', 'a module that crashes', async (c) => ({ config: module(c, await c.fake('fake-trouble', 'crash@C_GetSlotList')), says: /signal 11/ })],
  ['LY-2504', 'a module that hangs', async (c) => ({ config: module(c, await c.fake('fake-trouble', 'hang@C_GetSlotList')) })],
  ['LY-2506', 'a module that fails', async (c) => ({ config: module(c, await c.fake('fake-trouble', '5@C_Initialize')) })],
  ['LY-2505', 'a module that everybody may write', async (c) => {
    const file = await c.fake('fake-honest', '');
    chmodSync(file, 0o777);
    return { config: module(c, file) };
  }],
  ['LY-2407', 'a card that no module knows', async (c) => {
    const config = brokerless({ ...c, config: (change) => c.config((text) => change(text).replace('[cards]', `[cards]\nmodule = ${c.honest}`)) });
    return { config, env: await c.agent(config), despite: ['LY-2102'] };
  }],
  // security keys
  ['LY-2601', 'a key without a device', (c) => ({ root: c.root((root) => withKey(root)) })],
  ['LY-2603', 'no rule for keys', (c) => ({ root: c.root((root) => {
    withKey(root);
    put(join(root, 'dev/hidraw0'));
    rmSync(join(root, 'usr/lib/udev'), { recursive: true });
  }) })],
  ['LY-2604', 'a redirected key without its folder', (c) => ({ config: more(c, '[keys]', 'redirect-socket = /nonexistent/folder/key') })],
  ['LY-2602', "a key that is somebody else's", (c) => ({ skip: isRoot && 'root may open everything', root: c.root((root) => {
    withKey(root);
    put(join(root, 'dev/hidraw0'), '', 0o000);
  }) })],
  // the prompt and the desktop
  ['LY-2701', 'a prompt that is missing', (c) => ({ config: c.config((text) => text.replace(/^program = .*$/m, 'program = /nonexistent/pinentry')) })],
  ['LY-2702', 'a prompt for terminals', (c) => {
    const program = join(c.folder(), 'pinentry-curses');
    writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
    return { config: c.config((text) => text.replace(/^program = .*$/m, `program = ${program}`)) };
  }],
  ['LY-2703', 'nothing that locks', (c) => ({ env: { DBUS_SYSTEM_BUS_ADDRESS: noBus(c), DBUS_SESSION_BUS_ADDRESS: noBus(c) } })],
  ['LY-2704', 'no logind', (c) => ({ env: { DBUS_SYSTEM_BUS_ADDRESS: noBus(c) } })],
  ['LY-2706', 'a lock command that is missing', (c) => ({ config: more(c, '[desktop]', 'lock-command = /nonexistent/lock now') })],
  ['LY-2707', 'a lock that only logind may know of', (c) => ({ env: { DBUS_SESSION_BUS_ADDRESS: noBus(c) } })],
  // the provider
  ['LY-2801', 'a name that nobody knows', (c) => ({ config: provider(c, 'https://nowhere.invalid/op') })],
  ['LY-2802', 'a proxy that nobody knows', (c) => ({ config: provider(c, `${PAGE}/op`, (text) => `${text}\nproxy = http://nowhere.invalid:3128\n`) })],
  ['LY-2803', 'a proxy that is away', (c) => ({ config: provider(c, `${PAGE}/op`, (text) => `${text}\nproxy = http://127.0.0.1:1\n`) })],
  ['LY-2803', "a proxy of the agent's environment that is away", async (c) => {
    const config = provider(c, `${PAGE}/op`, (text) => text.replace(/^broker-socket = .*$/m, 'broker-socket = /nonexistent/portd'));
    return { config, env: await c.agent(config, { https_proxy: 'http://127.0.0.1:1' }), despite: ['LY-2102'] };
  }],
  ['LY-2801', "a proxy of this terminal's environment, which is not the agent's", (c) => ({
    config: provider(c, 'https://nowhere.invalid/op'), env: { https_proxy: 'http://127.0.0.1:1' },
  })],
  ['LY-2804', 'a proxy that wants a password', async (c) => {
    const proxy = await proxyThatSays(c, 407);
    return { config: provider(c, `${PAGE}/op`, (text) => `${text}\nproxy = ${proxy}\n`) };
  }],
  ['LY-2805', 'a provider that is away', (c) => ({ config: provider(c, 'https://localhost:1/op') })],
  ['LY-2806', 'an authority that is not trusted', (c) => ({ config: c.config((text) => text.replace(/^authorities = .*$/m, '')) })],
  ['LY-2807', 'a certificate for another name', (c) => ({ config: provider(c, `https://127.0.0.1:${c.port}/op`) })],
  ['LY-2808', 'a certificate that has expired', (c) => {
    const authorities = join(c.folder(), 'authorities.pem');
    writeFileSync(authorities, readFileSync(c.expired.authorities), { mode: 0o600 });
    return { config: provider(c, `https://localhost:${c.expired.port}/op`, (text) => text.replace(/^authorities = .*$/m, `authorities = ${authorities}`)) };
  }],
  ['LY-2809', 'a server that speaks no TLS', async (c) => {
    const port = await c.listener(0, (connection) => connection.end('HTTP/1.1 400 No\r\n\r\n'));
    return { config: provider(c, `https://localhost:${port}/op`) };
  }],
  ['LY-2810', 'a clock that is an hour off', (c) => ({ config: provider(c, `https://localhost:${c.port}/late`) })],
  ['LY-2811', 'a clock that drifts', (c) => ({ config: provider(c, `https://localhost:${c.port}/drifting`) })],
  ['LY-2812', 'an endpoint that is misspelt', (c) => ({ config: provider(c, `https://localhost:${c.port}/absent`) })],
  ['LY-2812', 'an endpoint that is none', (c) => ({ config: provider(c, `https://localhost:${c.port}/nonsense`) })],
  ['LY-2813', 'an endpoint that is broken', (c) => ({ config: provider(c, `https://localhost:${c.port}/broken`) })],
  ['LY-2814', 'no discovery', (c) => ({ config: c.config((text) => text.replace(/^issuer = .*$/m, `issuer = https://localhost:${c.port}/absent`)) })],
  ['LY-2815', 'an issuer of another name', (c) => ({ config: c.config((text) => text.replace(/^issuer = .*$/m, `issuer = https://localhost:${c.port}/other`)) })],
  ['LY-2816', 'no session endpoint', (c) => ({
    config: c.config((text) => text.replace(/^session-endpoint = .*$/m, '')),
    says: /sandbox has no session-endpoint: nobody is signed in when a card goes in, only where its page asks$/,
  })],
  // browsers
  ['LY-2901', 'Chromium without a policy', (c) => ({ root: c.root((root) => rmSync(join(root, 'etc/chromium'), { recursive: true })), says: /Chromium/ })],
  ['LY-2901', 'Firefox with a policy of its own', (c) => ({ root: c.root((root) => put(join(root, 'etc/firefox/policies/policies.json'), '{"policies": {}}')) })],
  ['LY-2901', 'Chromium as a snap', (c) => ({ root: c.root((root) => put(join(root, 'snap/bin/chromium'))), says: /snap/ })],
  ['LY-2901', 'Firefox as a flatpak', (c) => ({ root: c.root((root) => put(join(root, 'var/lib/flatpak/app/org.mozilla.firefox/x'))), says: /flatpak/ })],
  ['LY-2902', 'a policy that blocks', (c) => ({ root: c.root((root) => put(join(root, 'etc/opt/chrome/policies/managed/other.json'), JSON.stringify({ LoopbackNetworkBlockedForUrls: ['*'] }))) })],
  ['LY-2903', 'a policy with a typing mistake', (c) => ({ root: c.root((root) => put(join(root, 'etc/opt/edge/policies/managed/lanyard.json'), chromiumPolicy.slice(0, -1))) })],
  ['LY-2904', 'a policy that people may not read', (c) => ({ root: c.root((root) => chmodSync(join(root, 'etc/chromium/policies/managed/lanyard.json'), 0o600)) })],
  // hardening
  ['LY-2951', 'an agent that may gain privileges', (c) => ({ root: c.root((root) => fakeStatus(c, root, /^NoNewPrivs:.*$/m, 'NoNewPrivs:\t0')) })],
  ['LY-2952', 'an agent without seccomp', (c) => ({ skip: instrumented && 'this build confines nothing', root: c.root((root) => fakeStatus(c, root, /^Seccomp:.*$/m, 'Seccomp:\t0')) })],
  ['LY-2953', 'a profile that only complains', (c) => ({ root: c.root((root) => {
    fakeStatus(c, root, /^NoNewPrivs:.*$/m, 'NoNewPrivs:\t1');
    put(join(root, 'proc', String(c.sandbox.agent.pid), 'attr/current'), 'lanyardd (complain)\n');
    put(join(root, 'sys/module/apparmor/parameters/enabled'), 'Y\n');
    put(join(root, 'etc/apparmor.d/lanyardd'));
  }) })],
];

function fakeStatus(c, root, line, instead) {
  const { pid } = c.sandbox.agent;
  c.proc(root, `${pid}/status`, readFileSync(`/proc/${pid}/status`, 'utf8').replace(line, instead));
}

// What is broken at the one reader, and put right again by the other.
const inTurn = [
  ['LY-2405', 'no card', ['remove reader-0']],
  ['LY-2409', 'a card without a certificate for signing in', ['swap reader-0 heidi']],
  ['LY-2413', 'a card of another authority', ['swap reader-0 grace']],
  ['LY-2410', 'a card that has expired', ['swap reader-0 frank']],
  ['LY-2411', 'a card that expires soon', ['swap reader-0 karl']],
  ['LY-2412', 'a card that is not valid yet', ['swap reader-0 judy']],
  ['LY-2415', 'a card that is blocked', ['remove reader-0', 'block carol', 'insert reader-0 carol']],
];

// A case's own configuration is another than that of the agent, which is told besides (LY-2205).
function check(result, code, { despite = [], says, skips = {}, config } = {}) {
  const worst = ['error', 'warning', 'notice'];
  const [first] = result.findings.filter((each) => !config || each.code === code || each.code !== 'LY-2205')
    .sort((one, other) => worst.indexOf(one.severity) - worst.indexOf(other.severity));
  const all = result.findings.map((each) => `${each.code} ${each.severity} ${each.subject}: ${each.sentence}`).join('\n');
  if (despite.length > 0) assert.ok(result.findings.some((each) => each.code === code), all);
  else assert.equal(first?.code, code, all);
  if (!config) assert.equal(result.first?.code, first?.code, all);
  assert.equal(result.code, first?.severity === 'error' ? 1 : 0);
  for (const [name, because] of Object.entries(skips)) assert.equal(result.checks.find((each) => each.check === name).because, because, name);
  if (says) assert.ok(result.findings.some((each) => each.code === code && says.test(`${each.subject} ${each.sentence}`)), all);
}

const doctorTest = (name, play) => test(name, { skip }, (t) => withDesktop(async (desktop) => {
  const computer = await startComputer(desktop);
  try {
    await play(t, computer);
  } finally {
    await computer.close();
  }
}));

doctorTest('what is broken is told first', async (t, computer) => {
  computer.honest = await computer.fake('fake-honest', '');

  await t.test('nothing is found where everything is in order', async () => {
    const result = await computer.doctor();
    assert.deepEqual(result.findings, []);
    assert.equal(result.first, null);
    assert.equal(result.healthy, true);
    assert.equal(result.code, 0);
    assert.ok(result.checks.every(({ state }) => state === 'ok'), JSON.stringify(result.checks));
    const people = await computer.doctor({ json: false });
    assert.match(people.stdout, /^Everything is in order\.$/m);
    assert.match(people.stdout, /helpers; AppArmor is not in force/); // this machine has none, which is no mistake
    assert.equal(people.code, 0);
  });

  await t.test('a profile that is in force is said to be', async () => {
    const one = computer.forCase();
    try {
      const saidWith = async (change) => {
        const result = await one.doctor({ root: one.root((root) => {
          one.proc(root, `${one.sandbox.agent.pid}/attr/current`, 'lanyard_agent (enforce)\n');
          put(join(root, 'sys/module/apparmor/parameters/enabled'), 'Y\n');
          put(join(root, 'etc/apparmor.d/lanyard'));
          change(join(root, 'sys/kernel/security/apparmor/features'));
        }) });
        return result.checks.find(({ check }) => check === 'hardening').fact;
      };
      assert.match(await saidWith((features) => put(join(features, 'network/af_unix'), 'yes\n')), /; AppArmor is in force$/);
      for (const version of ['network_v8/af_mask', 'network_v9/af_unix']) {
        assert.match(await saidWith((features) => put(join(features, version), 'yes\n')),
          /; AppArmor is in force for files, and this kernel's cannot tell sockets apart/);
      }
      assert.match(await saidWith(() => {}), /; AppArmor is in force for files; whether it tells sockets apart cannot be read in/);
    } finally {
      await one.close();
    }
  });

  await t.test('a mistake does not concern the agent that runs', async () => {
    const one = computer.forCase();
    try {
      const config = settingsOf(one, 'cards', 'modul = /x.so');
      const running = await one.doctor({ config });
      assert.deepEqual([running.first.code, running.first.severity, running.code], ['LY-2201', 'warning', 0]);
      const none = await one.doctor({ config, env: noAgent(one) });
      assert.deepEqual([none.first.code, none.first.severity, none.code], ['LY-2201', 'error', 1]);
    } finally {
      await one.close();
    }
  });

  await t.test('a card\'s software for which nobody connects is said to reach others', { skip: instrumented && 'this build confines nothing' }, async () => {
    const one = computer.forCase();
    const { pid } = one.sandbox.agent;
    const status = (name, parent) => `Name:\t${name}\nPPid:\t${parent}\nNoNewPrivs:\t1\nSeccomp:\t2\n`;
    const factOf = async (processes) => {
      const result = await one.doctor({ root: one.root((root) => {
        one.proc(root, `${pid}/status`, status('lanyardd', 1));
        processes.forEach(([name, parent], i) => put(join(root, 'proc', `${i + 1}/status`), status(name, parent)));
      }) });
      return result.checks.find(({ check }) => check === 'hardening').fact;
    };
    try {
      assert.match(await factOf([['lanyard-card', pid], ['lanyard-fido', pid]]), /^the agent and 2 helpers; AppArmor is not in force: what reads cards reaches other programs' sockets$/);
      assert.match(await factOf([['lanyard-card', pid], ['lanyard-connect', 1]]), /^the agent and 2 helpers; AppArmor is not in force$/);
    } finally {
      await one.close();
    }
  });

  assert.ok(broken.length + inTurn.length >= 50);
  const left = [...broken];
  const worker = async () => {
    for (let next; (next = left.shift());) {
      const [code, what, how] = next;
      await t.test(`${what}: ${code}`, async (each) => {
        const one = computer.forCase();
        try {
          const told = await how(one);
          if (told.skip) return each.skip(told.skip);
          check(await one.doctor(told), code, told);
        } finally {
          await one.close();
        }
      });
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));

  for (const [code, what, words] of inTurn)
    await t.test(`${what}: ${code}`, async () => {
      for (const line of words) await computer.sandbox.ctl(...line.split(' '));
      try {
        check(await untilFound(computer, code), code);
      } finally {
        await computer.sandbox.ctl('remove', 'reader-0').catch(() => {});
        await computer.sandbox.ctl('insert', 'reader-0', 'bob');
      }
    });

  await t.test('no session of the desktop: LY-2705', async () => {
    await computer.desktop.system.do("logind.remove('c1')");
    check(await untilFound(computer, 'LY-2705'), 'LY-2705');
    await computer.desktop.system.do("logind.session('c1')");
  });

  await t.test('a reader that a program has for itself: LY-2404', async () => {
    await computer.sandbox.stopAgent(); // whose helper has the card open, though not for itself
    const holder = await start(PYTHON, ['-c', HOLD], { env: computer.sandbox.environment, ready: /^held$/m });
    try {
      check(await computer.doctor(), 'LY-2404', { despite: ['LY-2004'], says: new RegExp(`\\(${holder.pid}\\)`) });
    } finally {
      await holder.stop('SIGKILL');
    }
  });
});

test('lanyard-errors(7) tells where a finding is milder than its section says', () => {
  const sections = readFileSync(join(process.env.LANYARD_BUILD, 'lanyard-errors.7'), 'utf8').split('.Ss LY-');
  const section = (code) => sections.find((each) => each.startsWith(code));
  assert.match(section('2603'), /^\(warning; notice while no key is in\)$/m);
  assert.match(section('2401'), /^\(error; notice while a security key is in\)$/m);
  assert.match(section('2816'), /^\(notice\)$/m);
});

// pcscd and the agent take a moment to see what was done to the reader.
async function untilFound(computer, code) {
  for (let i = 0; ; i++) {
    const result = await computer.doctor();
    if (result.first?.code === code || i === 20) return result;
  }
}

// Runs a program that the kernel refuses sock_diag, as where its modules are missing: a filter of
// seccomp that looks at socket(AF_NETLINK, ..., NETLINK_SOCK_DIAG) alone.
const WITHOUT_DIAG = `
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7fff0000, 0x00050000 | 93 # EPROTONOSUPPORT
steps = [(LOAD, 0, 0, 0), (EQUAL, 0, 5, ${SOCKET_CALL[process.arch]}),
         (LOAD, 0, 0, 16), (EQUAL, 0, 3, 16), (LOAD, 0, 0, 32), (EQUAL, 0, 1, 4),
         (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]
code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', len(steps), ctypes.addressof(code)))
for number, *words in ((38, 1, 0, 0, 0), (22, 2, program, 0, 0)): # no new privileges; the filter
    if libc.prctl(number, *words) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
os.execv(sys.argv[1], sys.argv[1:])
`;

// Listens on an abstract socket whose name has a line as /proc/net/unix has it, of the path given.
const FORGE = `
import socket, sys, time
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind('\\0\\n0: 2 0 00010000 0005 01 1 ' + sys.argv[1])
listener.listen()
print('listening', flush=True)
time.sleep(600)
`;

// Has the socket at the path, as systemd has while it cannot start the broker: it hangs up.
const HANGS_UP = `
import socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(sys.argv[1])
listener.listen()
print('listening', flush=True)
while True:
    listener.accept()[0].close()
`;

const LISTEN = `
import socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
__import__('os').chmod(sys.argv[1], 0o777)
listener.listen()
print('listening', flush=True)
time.sleep(600)
`;

// Connects to the card in the first reader and lets nobody else.
const HOLD = `
import ctypes, sys, time
pcsc = ctypes.CDLL('libpcsclite.so.1')
number = ctypes.c_ulong
context, card, protocol = ctypes.c_long(), ctypes.c_long(), number()
said = pcsc.SCardEstablishContext(number(2), None, None, ctypes.byref(context))
for _ in range(500):
    said = pcsc.SCardConnect(context, b'${READER}', number(1), number(3), ctypes.byref(card), ctypes.byref(protocol))
    if said == 0:
        print('held', flush=True)
        time.sleep(600)
    time.sleep(0.02)
sys.exit(hex(said & 0xffffffff))
`;
