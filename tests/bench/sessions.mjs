// SPDX-License-Identifier: MIT
//
// The figures of the session: bob is signed in, and everybody is served by that, until he takes his
// card. bench.mjs says what each figure includes.

import { execFile, spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { withDesktop } from '../integration/desktop-rig.mjs';
import { chromiumProgram, launchChromium } from '../sandbox/browser.mjs';
import { built } from '../sandbox/build.mjs';
import { startDisplay } from '../sandbox/display.mjs';
import { nativePath } from '../sandbox/native.mjs';
import { start } from '../sandbox/processes.mjs';
import { below, childrenOf, pss, rss } from './process.mjs';
import {
  connect, connectBy, figure, inSandbox, lineProgram, milliseconds, newChallenge, percentile, PIN, without,
} from './rig.mjs';

const execute = promisify(execFile);
const PROOFS = 1200;
const REMOVALS = 100;
const LOCKINGS = 30;
const WARM_UP = 2; // of each, not counted
const BROWSER_SIGN_INS = 20;
const AGENTS = 200;
const AGENTS_EACH = 40; // for one pcscd, which serves 200 contexts: two of each agent, one more at work
const FIRST_USER = 61_000; // nobody's, on Debian

const QUIET = '[session]\nsign-in-at-insertion = no\n[desktop]\nlock = no\n';
const LOCKING = '[session]\nsign-in-at-insertion = no\n[desktop]\nlock = yes\n';
const ORIGINS = [...Array(10).keys()].map((n) => `https://login-${n}.sandbox.example`);

const missing = (...programs) => programs.filter((name) => spawnSync('which', [name]).status !== 0);

async function signIn(client, prompt) {
  const id = client.ask('session.begin');
  (await prompt.next()).answer(PIN);
  await client.answer(id);
  client.end();
}

async function proofs(scratch) {
  const settings = `${ORIGINS.map((origin) => `origin = ${origin}`).join('\n')}\n${QUIET}`;
  await inSandbox(scratch, { card: 'bob', sessions: true, settings }, async (sandbox, prompt) => {
    await signIn(await connect('native', nativePath(sandbox)), prompt);
    const { stdout } = await execute(await built('bench_client'),
      ['proofs', String(sandbox.agentPort), String(PROOFS), ...ORIGINS]);
    const samples = stdout.trim().split('\n').map(Number);
    figure('prove_p50_us', percentile(samples, 50).toFixed(0), 'us');
    figure('prove_p99_us', percentile(samples, 99).toFixed(0), 'us');
  });
}

// ---- removal ----

// A desk whose logind does that upon LockSession. play({ sandbox, system, environment, removal });
// removal() signs bob in, takes his card, and resolves with when a bare PC/SC client, his page and
// logind were told.
async function atDesk(scratch, onLock, play) {
  await withDesktop(async ({ system, env: { DBUS_SYSTEM_BUS_ADDRESS } }) => {
    await system.do('logind = Logind()');
    await system.do('logind.session("c1")');
    await system.do(`logind.on_lock(${JSON.stringify(onLock)})`);
    const environment = { DBUS_SYSTEM_BUS_ADDRESS, XDG_SESSION_ID: 'c1' };
    const options = { card: null, sessions: true, settings: LOCKING, environment };
    await inSandbox(scratch, options, async (sandbox, prompt) => {
      const page = await connect('web', String(sandbox.agentPort), sandbox.op.origin);
      const bare = lineProgram(await built('removal_bare'), ['Lanyard Virtual Reader'], sandbox.environment);
      const bus = lineProgram(await built('lock_seen'), [DBUS_SYSTEM_BUS_ADDRESS]);
      await bus.next(); // "ready"
      const removal = async () => {
        await signInAtPage({ sandbox, prompt, page });
        await bare.next(); // "ready"
        await sandbox.ctl('remove', 'reader-0');
        const seen = BigInt(await bare.next());
        const { at: told } = await page.changed('ended');
        return { seen, told, asked: BigInt(await bus.next()) };
      };
      await play({ sandbox, system, environment, removal });
      bare.child.kill();
      bus.child.kill();
      page.end();
    });
  });
}

// The agent asks nobody until it knows that the screen is unlocked.
async function signInAtPage({ sandbox, prompt, page }) {
  for (;;) {
    const id = page.ask('session.prove', { challenge: newChallenge(), interaction: 'if-needed' });
    const { error } = await page.until((message) => message.id === id ||
      (message.method === 'operation.waiting' && message.params.for === 'card'));
    if (error) continue;
    await sandbox.ctl('insert', 'reader-0', 'bob');
    (await prompt.next()).answer(PIN);
    await page.answer(id);
    return;
  }
}

async function removals(scratch) {
  const samples = [];
  await atDesk(scratch, 'rig.logind.set(args[0], LockedHint=True)', async ({ system, removal }) => {
    for (let i = -WARM_UP; i < REMOVALS; i++) {
      const { seen, told, asked } = await removal();
      if (i >= 0) samples.push(milliseconds(seen, told > asked ? told : asked));
      await system.services.next(/^LockSession /); // it has locked
      await system.do('logind.set("c1", LockedHint=False)');
    }
  });
  figure('removal_to_ended_p99_ms', percentile(samples, 99).toFixed(2), 'ms');
}

async function lockings(scratch) {
  const samples = [];
  const toLocker = (signal) => `EmitSignal(rig.SESSION, "${signal}", "", [])`;
  await atDesk(scratch, `rig.logind.at(args[0]).${toLocker('Lock')}`, async ({ system, environment, removal }) => {
    const display = await startDisplay();
    const env = { ...environment, DISPLAY: display.name };
    const locker = lineProgram('xss-lock', ['-s', 'c1', '--', 'i3lock', '--nofork'], env);
    const screen = lineProgram(await built('mapped'), [], env);
    await screen.next(); // "ready"
    for (let i = -WARM_UP; i < LOCKINGS; i++) {
      const { seen } = await removal();
      const mapped = BigInt(await screen.next());
      if (i >= 0) samples.push(milliseconds(seen, mapped));
      const [i3lock] = await childrenOf(locker.child.pid);
      process.kill(i3lock); // opens the screen
    }
    screen.child.kill();
    locker.child.kill();
    await display.close();
  });
  figure('removal_to_locker_p50_ms', percentile(samples, 50).toFixed(1), 'ms');
}

// ---- browsers ----

async function browserSignIns(scratch) {
  await inSandbox(scratch, { card: 'bob', sessions: true, settings: QUIET }, async (sandbox, prompt) => {
    await signIn(await connect('native', nativePath(sandbox)), prompt);
    const browser = await launchChromium();
    const samples = [];
    for (let i = -WARM_UP; i < BROWSER_SIGN_INS; i++) {
      const context = await browser.newContext(); // nobody is signed in there yet
      const page = await context.newPage();
      await page.goto(sandbox.url);
      const from = performance.now();
      await page.click('#sign-in');
      await page.waitForSelector('#who');
      if (i >= 0) samples.push(performance.now() - from);
      await context.close();
    }
    await browser.close();
    figure('browser_sso_ms', percentile(samples, 50).toFixed(0), 'ms');
  });
}

// ---- many ----

// As many users' agents, each signed in at the sandbox's provider with the one card, measured while
// the other sandboxes' agents are there too.
async function manyAgents(scratch, left, pids = []) {
  if (left === 0) {
    figure(`sessions_${AGENTS}_rss_mb_each`, (await rss(pids) / 1024 / AGENTS).toFixed(1), 'MB');
    figure(`sessions_${AGENTS}_pss_mb_each`, (await pss(pids) / 1024 / AGENTS).toFixed(1), 'MB');
    return;
  }
  const folder = join(scratch, `desk-${left}`);
  await mkdir(folder, { mode: 0o711 });
  await inSandbox(folder, { card: 'bob', sessions: true, settings: QUIET, agent: false }, async (sandbox, prompt) => {
    await openToUsers(folder, sandbox);
    const agents = [];
    try {
      for (let i = 0; i < AGENTS_EACH; i++) agents.push(await oneOfMany(sandbox, prompt, FIRST_USER + left - i));
      for (const { pid } of agents) pids.push(pid, ...await below(pid));
      await manyAgents(scratch, left - AGENTS_EACH, pids);
    } finally {
      await Promise.all(agents.map((agent) => agent.stop()));
    }
  });
}

// A sandbox is its owner's alone.
async function openToUsers(folder, { directory, config }) {
  await chmod(dirname(folder), 0o711);
  await chmod(directory, 0o711);
  await chmod(config, 0o755);
  for (const name of await readdir(config)) await chmod(join(config, name), 0o644);
  await chmod(join(directory, 'pcscd.sock'), 0o777);
  await chmod(join(folder, 'prompt.sock'), 0o777);
  await chmod(join(folder, 'pinentry'), 0o755);
}

async function oneOfMany({ directory, config, environment }, prompt, user) {
  const own = join(directory, `user-${user}`);
  await mkdir(own, { mode: 0o700 });
  await chown(own, user, user);
  const asUser = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'];
  const [program, ...args] = [...asUser, await built('lanyardd'), '--config', config, '--helpers', dirname(await built('lanyardd'))];
  const env = { ...environment, HOME: own, XDG_RUNTIME_DIR: own, XDG_STATE_HOME: join(own, 'state') };
  const agent = await start(program, args, { env, ready: /ready/i });
  await signIn(await connectBy(asUser, 'native', join(own, 'lanyard', 'agent')), prompt);
  return agent;
}

export async function measureSessions(scratch) {
  await proofs(scratch);
  await removals(scratch);
  const programs = missing('Xvfb', 'xss-lock', 'i3lock');
  if (programs.length === 0) await lockings(scratch);
  else without('removal_to_locker_p50_ms', `not installed: ${programs.join(', ')}`);
  if (chromiumProgram()) await browserSignIns(scratch);
  else without('browser_sso_ms', 'not installed: chromium');
  if (process.getuid() === 0) await manyAgents(scratch, AGENTS);
  else without(`sessions_${AGENTS}_rss_mb_each`, 'only root may start the agents of so many users');
}
