// SPDX-License-Identifier: MIT
//
// The demonstration's two ways: a sandbox for a person to play with, or (--script) the whole journey by
// itself with the time of each step.

import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { built } from './build.mjs';
import { command, giveUp } from './demo-options.mjs';
import { startNativeApp } from './native-app.mjs';
import { NATIVE_APP } from './op/provider.mjs';
import { inTime } from './patience.mjs';
import { findProgram } from './programs.mjs';
import { startSandbox } from './sandbox.mjs';
import { attend, signedIn } from './says.mjs';

const PIN = '123456';
// Neither is plugged in at first. A key that is plugged in is touched when somebody says so.
const KEYS = ['key-0', 'key-1'].map((name) => ({ name, pin: PIN, plugged: false, delay: 'command' }));

export async function play({ card, trust }) {
  const pinentry = findProgram('pinentry-gtk-2', 'pinentry-qt', 'pinentry-gnome3', 'pinentry');
  if (!pinentry || !(process.env.DISPLAY || process.env.WAYLAND_DISPLAY)) {
    const instead = process.env.LANYARD_SANDBOX_COMMAND ? '' : '; --script works without one';
    throw new Error(`the PIN prompt needs a display${instead}`);
  }
  const sandbox = await startSandbox({
    ...cards(card, trust),
    keys: card === 'real' ? [] : KEYS,
    pinentry,
    settings: '[desktop]\nlock = no\n', // it is somebody's own
    environment: desktop(),
    apps: 2,
    directory: join(process.env.XDG_RUNTIME_DIR ?? tmpdir(), 'lanyard-sandbox'),
    report: (line) => process.stdout.write(`  ${line}\n`),
  });
  const text = await introduction(sandbox, card, await writeCommand(sandbox));
  process.on('SIGUSR2', () => toggleAgent(sandbox).catch(giveUp));
  const interrupted = interruption(); // it may come as soon as the text is there
  process.stdout.write(text);
  await interrupted;
  await sandbox.close();
}

// Resolves upon Ctrl-C, which until now ended everything at once (processes.mjs). The new listener
// comes before the old ones go: with none in between, Ctrl-C would be lost or would kill.
function interruption() {
  const others = process.listeners('SIGINT');
  const interrupted = new Promise((resolve) => process.once('SIGINT', resolve));
  for (const other of others) process.removeListener('SIGINT', other);
  return interrupted;
}

// What the prompt and the window for a role need of the person's own desktop.
function desktop() {
  const names = ['DBUS_SESSION_BUS_ADDRESS', 'DISPLAY', 'WAYLAND_DISPLAY', 'XAUTHORITY'];
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? '']));
}

function cards(card, trust) {
  if (card === 'none') return { card: null };
  if (card !== 'real') return { card };
  return { readers: [], card: null, strangers: true, trust };
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const settings = (environment) => Object.entries(environment).map(([name, value]) => `${name}=${quoted(value)}`).join(' ');

// Writes the command lanyard as it is in this sandbox, with its agent, configuration, readers and
// keys, and resolves with its path. The browser that it opens is the person's own, so there only
// doctor sees the sandbox.
async function writeCommand({ directory, runtime, config, environment, keys, helpers, agentPort }) {
  const program = await built('lanyard');
  const script = async (path, lines) => {
    await writeFile(path, `#!/bin/sh\n${lines}\n`, { mode: 0o700 });
    return path;
  };
  const doctor = join(directory, 'doctor');
  await mkdir(doctor, { mode: 0o700 });
  await script(join(doctor, 'lanyard-doctor'), `exec env ${settings({ ...environment, ...keys?.environment })} \\
  ${quoted(join(dirname(program), 'lanyard-doctor'))} --config ${quoted(config)} --port ${agentPort} "$@" \\
  --helpers ${quoted(helpers ?? dirname(program))}`);
  return script(join(directory, 'lanyard'), `for command; do
  case $command in -*) ;; *) break ;; esac
done
case $command in
open) exec ${quoted(program)} --helpers ${quoted(doctor)} --socket ${quoted(join(runtime, 'lanyard', 'agent'))} "$@" ;;
doctor) set -- --helpers ${quoted(doctor)} "$@" ;;
config)
  case "$*" in
  *show*) set -- --config ${quoted(config)} "$@" ;;
  *check | *'check --json') set -- "$@" ${quoted(config)} ;;
  esac ;;
esac
exec env ${settings(environment)} ${quoted(program)} "$@"`);
}

async function introduction({ url, app2, op, directory, runtime }, card, lanyard) {
  const sudo = process.env.SUDO_USER ? 'sudo ' : '';
  const tool = command === 'tests/demo' ? 'tests/sandbox/ctl' : `${command} ctl`;
  const ctl = `${sudo}LANYARD_SANDBOX=${directory} ${tool}`;
  return `
Open this:  ${url}
And this:   ${app2.origin}, another application, in any browser
${sudo && `
Lanyard answers its own user only. sudo made that root, so the browser has to be root's too;
without sudo it is yours.
`}
Lanyard asks for the PIN once, when the card goes in. It signs you in everywhere until the card comes out.
On a ward the screen would then be locked; the demonstration leaves yours alone.

${card === 'real' ? 'Use your own card and its PIN.' : `Every card's PIN is ${PIN}, and every security key's. In another terminal:

  ${ctl} remove reader-0          take the card out
  ${ctl} insert reader-0 carol    put another one in
  ${ctl} key plug key-0           plug a security key in (key-1 is another)
  ${ctl} key touch key-0          touch it
  ${ctl} key unplug key-0         pull it out
  ${ctl} --help                   everything else

Register a security key, while you are signed in with a card:  ${op.origin}/security-keys
Then sign in with the key alone: take the card out, sign in, "Use a security key".`}

Without Lanyard:      ${sudo}kill -USR2 ${process.pid} ends the agent; once more starts it again
The command line:     ${sudo}${lanyard} status
                      (doctor, audit, config show and open are about this sandbox too;
                      the agent's socket is ${runtime}/lanyard/agent)
A native program:     ${sudo}XDG_RUNTIME_DIR=${runtime} ${await built('lanyard-native-app')} \\
                        ${op.issuer} ${NATIVE_APP.clientId}

Ctrl-C ends it.
`;
}

async function toggleAgent(sandbox) {
  const { exitCode, signalCode } = sandbox.agent.child;
  const running = exitCode === null && signalCode === null;
  await (running ? sandbox.stopAgent() : sandbox.startAgent());
  process.stdout.write(`  the agent ${running ? 'has ended' : 'runs again'}\n`);
}

// Each step with its time; the times are the sandbox's and nobody's promise.
export async function journey() {
  const { launchChromium } = await import('./browser.mjs'); // which the package goes without
  let last = performance.now();
  const step = (what) => {
    const now = performance.now();
    process.stdout.write(`${Math.round(now - last).toString().padStart(6)} ms  ${what}\n`);
    last = now;
  };
  const sandbox = await startSandbox({ card: 'alice', apps: 2 });
  let browser;
  try {
    step('the sandbox runs, alice\'s card is in the reader');
    const prompt = await sandbox.pinentry.next();
    step('Lanyard asks for the PIN, before any page is open');
    prompt.answer(PIN);
    browser = await launchChromium();
    const page = attend(await browser.newPage());
    await page.goto(sandbox.url);
    step('the sample application is open');
    await page.click('#sign-in');
    await page.click('.roles button');
    step('Lanyard has proved to the provider who is signed in, alice has chosen a role');
    const { who, role, organisation } = await signedIn(page);
    step(`the application knows ${who}, ${role}, ${organisation}`);
    const elsewhere = await browser.newContext();
    const other = attend(await elsewhere.newPage());
    await other.goto(sandbox.app2.origin);
    await other.click('#sign-in');
    await signedIn(other);
    step('so does another application in another browser, without a question');
    const native = await startNativeApp(sandbox, async (url) =>
      (await elsewhere.newPage()).goto(url).catch(() => {})); // the program says what is wrong
    step('and a native program, by way of that browser');
    await sandbox.ctl('remove', 'reader-0');
    await Promise.all([page, other].map((each) => each.waitForURL(/problem=ended/)));
    await inTime(native.ended, 'the native program to end', () => native.output);
    step('alice has taken her card out, and all three say that she is signed out');
  } finally {
    await browser?.close();
    await sandbox.close();
  }
  step('everything has ended');
}
