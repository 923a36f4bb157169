// SPDX-License-Identifier: MIT
//
// All of it on one computer and in one private directory: certificate authority, cards, reader,
// reader service, agent, PIN prompt, provider, sample application. For the tests, the demonstration
// and people who build applications.
//
//   const sandbox = await startSandbox({ card: 'alice' });
//   ... open sandbox.url in a browser, answer sandbox.pinentry ...
//   await sandbox.close();
//
// Nothing listens beyond loopback, every port is the kernel's choice, every program is ended by its
// own process id, and the directory goes with them: at close(), when starting fails, and when this
// process ends in any other way.

import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startApp } from './app/app.mjs';
import { built } from './build.mjs';
import { claimDirectory } from './directory.mjs';
import { startKeys } from './key.mjs';
import { startOp } from './op/op.mjs';
import { makePeople, trustOf } from './people.mjs';
import { startPinentry } from './pinentry.mjs';
import { start } from './processes.mjs';
import { makeCertificate, makeFetch, SITE_ADDRESS } from './site.mjs';
import { tell } from './tell.mjs';

const beside = (name) => fileURLToPath(new URL(name, import.meta.url));

// card       whose card is in the first reader at the start; null: none
// readers    their names; one that begins with "pinpad" has a PIN pad. []: no virtual ones, so that
//            the machine's own reader service and cards are used
// keys       virtual security keys, as key.mjs has them; sandbox.keys then is what startKeys gives, and
//            the provider takes keys (op/security-keys.mjs)
// web        false: neither provider nor application is started; the provider's origin is a name only
// agent      false: lanyardd is not started (sandbox.startAgent() starts it later, by the program and
//            its first words that are in sandbox.through, if any)
// origins    what the agent is told to trust; the provider unless given
// settings   further lines for lanyard.conf, or (paths) => lines
// pinentry   a program that shows a real prompt; without it the prompt is sandbox.pinentry
// site       a made-up name: the provider is served under it with TLS on 127.0.0.2. The agent cannot
//            reach it there, so it goes without sessions. sitePort: not one that the kernel chooses
// sessions   whether the provider has a session endpoint and the agent knows it; endpoint, begin,
//            limits, clock, format: see op/op.mjs
// apps       2: a second application, sandbox.app2
// trust      { anchors, lists } in PEM or DER, besides the sandbox's own; strangers: see accounts.mjs
// environment  more for the agent, such as the address of a desktop's bus: it has none of its own
// directory  where, instead of a directory in the temporary one; see directory.mjs
// report     called with each line an operator would read
export async function startSandbox({
  card = 'alice', readers = ['reader-0'], keys = [], agent = true, web = true, origins, settings = '', pinentry, site, sitePort,
  format, sessions = true, endpoint, begin, limits, clock, apps = 1, trust, strangers, directory, environment,
  report = () => {},
} = {}) {
  const undo = []; // what close() does, last first
  const sandbox = { readers, op: { origin: 'https://provider.sandbox.example' } };

  let closing = null;
  sandbox.close = () => (closing ??= (async () => {
    while (undo.length > 0) await undo.pop()();
  })());

  try {
    await makeDirectory(sandbox, { directory, environment }, undo);
    sandbox.people = await makePeople();
    if (readers.length > 0) await startReaders(sandbox, { readers, card }, undo);
    if (keys.length > 0) await plugKeys(sandbox, keys, undo);
    await startPrompt(sandbox, pinentry, undo);
    await startBroker(sandbox, undo);
    if (web) {
      const takesKeys = keys.length > 0 && { anchors: [await keyMaker(sandbox.people)] };
      const provider = {
        format, sessions: sessions && !site, keys: takesKeys, endpoint, begin, limits, clock, strangers,
      };
      await startWeb(sandbox, { site, sitePort, apps, trust, provider, report }, undo);
    }
    await writeSettings(sandbox, { origins, settings, trust });
    manageAgent(sandbox, undo);
    if (agent) await sandbox.startAgent();
    return sandbox;
  } catch (error) {
    await sandbox.close();
    throw error;
  }
}

async function makeDirectory(sandbox, { directory, environment }, undo) {
  if (directory) await claimDirectory(directory);
  sandbox.directory = directory ?? await mkdtemp(join(tmpdir(), 'lanyard-'));
  const remove = () => rmSync(sandbox.directory, { recursive: true, force: true });
  process.once('exit', remove);
  undo.push(() => {
    process.removeListener('exit', remove);
    remove();
  });
  sandbox.runtime = join(sandbox.directory, 'run');
  sandbox.config = join(sandbox.directory, 'etc');
  await mkdir(sandbox.runtime, { mode: 0o700 });
  await mkdir(sandbox.config, { mode: 0o700 });
  // The agent remembers in here, meets no desktop but one that a test gives it, no service manager,
  // and no proxy on the way to the provider.
  const noBus = (name) => `unix:path=${join(sandbox.runtime, `no-${name}-bus`)}`;
  sandbox.environment = {
    LANYARD_SANDBOX: sandbox.directory,
    XDG_RUNTIME_DIR: sandbox.runtime,
    XDG_STATE_HOME: join(sandbox.directory, 'state'),
    XDG_CONFIG_HOME: join(sandbox.directory, 'config-home'),
    DBUS_SYSTEM_BUS_ADDRESS: noBus('system'),
    DBUS_SESSION_BUS_ADDRESS: noBus('session'),
    NOTIFY_SOCKET: '',
    DISPLAY: '',
    WAYLAND_DISPLAY: '',
    no_proxy: '127.0.0.1,localhost',
    ...environment,
  };
}

async function startReaders(sandbox, { readers, card }, undo) {
  const { directory } = sandbox;
  const cards = await start(await built('lanyard-virtual-card'),
    [directory, sandbox.people.cards, ...readers], { ready: /^ready$/m });
  undo.push(() => cards.stop());
  sandbox.ctl = (...words) => tell(join(directory, 'control'), words.join(' '), 'the virtual cards');
  if (card) await sandbox.ctl('insert', readers[0], card);
  const driver = await built('libvirtual-reader.so');
  sandbox.startReaderService = async () => {
    sandbox.readerService = await start(beside('start-pcscd'), [directory, driver], { ready: /Listening on/ });
  };
  await sandbox.startReaderService();
  undo.push(() => sandbox.readerService.stop());
  sandbox.environment.PCSCLITE_CSOCK_NAME = join(directory, 'pcscd.sock');
}

async function plugKeys(sandbox, keys, undo) {
  sandbox.keys = await startKeys({ ...sandbox, keys });
  undo.push(() => sandbox.keys.close());
  sandbox.helpers = await sandbox.keys.helpers(join(sandbox.directory, 'helpers'));
}

// Whose attestation certificates the provider believes.
const keyMaker = ({ ca }) => readFile(join(ca, 'maker.cert.pem'), 'utf8');

async function startPrompt(sandbox, program, undo) {
  if (program) {
    sandbox.promptProgram = program;
    return;
  }
  sandbox.pinentry = await startPinentry(sandbox.directory);
  sandbox.promptProgram = sandbox.pinentry.program;
  undo.push(() => sandbox.pinentry.close());
}

async function startBroker(sandbox, undo) {
  sandbox.brokerSocket = join(sandbox.directory, 'portd');
  const broker = await start(await built('lanyard-portd'),
    ['--listen', '127.0.0.1:0', '--socket', sandbox.brokerSocket, '--ready-fd', '1'],
    { ready: /^(\d+)$/m });
  undo.push(() => broker.stop());
  sandbox.broker = broker;
  sandbox.agentPort = Number(broker.match[1]);
}

async function startWeb(sandbox, { site, sitePort, apps, trust, provider, report }, undo) {
  const { people, directory } = sandbox;
  const tls = site && await makeCertificate({ name: site, ca: people.ca, directory });
  sandbox.op = await startOp({
    people: people.file,
    trust: await trustOf(people, trust),
    agentPort: sandbox.agentPort,
    report,
    tls,
    host: site && SITE_ADDRESS,
    port: sitePort,
    ...provider,
  });
  undo.push(() => sandbox.op.close());
  sandbox.app = await startApp({ report });
  undo.push(() => sandbox.app.close());
  if (apps > 1) {
    sandbox.app2 = await startApp({ name: 'Prescriptions', clientId: '120000000002.apps.sandbox', report });
    undo.push(() => sandbox.app2.close());
  }
  const all = [sandbox.app, sandbox.app2].filter(Boolean);
  sandbox.op.register(...all.map(({ registration }) => registration));
  const authority = site && await readFile(join(people.ca, 'root.cert.pem'));
  const fetch = site && makeFetch({ name: site, authority });
  for (const app of all) await app.connect(sandbox.op.issuer, { fetch });
  sandbox.url = sandbox.app.origin;
}

async function writeSettings(sandbox, { origins = [sandbox.op.origin], settings, trust }) {
  const { directory, people, config } = sandbox;
  const issuers = join(config, 'issuers.pem');
  const authorities = [await readFile(join(people.ca, 'chain.pem')), ...trust?.anchors ?? []];
  await writeFile(issuers, Buffer.concat(authorities), { mode: 0o600 });
  const more = typeof settings === 'function' ? settings(sandbox) : settings;
  await writeFile(join(config, 'lanyard.conf'), `# The agent of the sandbox in ${directory}.
[door]
broker-socket = ${sandbox.brokerSocket}

[cards]
issuers = ${issuers}

[prompt]
program = ${sandbox.promptProgram}

[provider sandbox]
environment = sandbox
${origins.map((origin) => `origin = ${origin}`).join('\n')}
${sandbox.op.sessionEndpoint ? `session-endpoint = ${sandbox.op.sessionEndpoint}\n` : ''}
${more}
`, { mode: 0o600 });
}

function manageAgent(sandbox, undo) {
  let agent = null;
  sandbox.startAgent = async () => {
    const program = await built('lanyardd');
    const [command, ...words] = [...sandbox.through ?? [], program];
    agent = await start(command, [...words, '--config', sandbox.config, '--helpers', sandbox.helpers ?? dirname(program)],
      { env: { ...sandbox.environment, ...sandbox.keys?.environment }, ready: /ready/i });
    sandbox.agent = agent;
    return agent;
  };
  sandbox.stopAgent = () => agent?.stop();
  undo.push(() => sandbox.stopAgent());
}
