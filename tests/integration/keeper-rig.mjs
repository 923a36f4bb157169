// SPDX-License-Identifier: MIT
//
// A desk at which somebody signs in: the sandbox with a provider that has sessions, native clients
// that are told of every change, and what the provider knows of it all. In the reader is bob's card,
// who has one role, unless the options say otherwise.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { built } from '../sandbox/build.mjs';
import { connectNative } from '../sandbox/native.mjs';
import { verifySessionProof } from '../sandbox/op/session-proof.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { start } from '../sandbox/processes.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { cardsIn, newChallenge, PIN, refusedWith } from './card-rig.mjs';
import { alive, below, processBelow } from './processes.mjs';

export { cardsIn, newChallenge, PIN, refusedWith } from './card-rig.mjs';

export const ALICE = '555000000101';
export const BOB = '555000000102';

// Nothing is asked for by itself, and nobody's screen is locked.
export const QUIET = '[session]\nsign-in-at-insertion = no\n[desktop]\nlock = no\n';

// Runs `play` at a desk of its own, which is gone afterwards, whatever happened.
export async function atDesk(options, play) {
  const lines = [];
  const sandbox = await startSandbox({
    card: 'bob', sessions: true, settings: QUIET, ...options, report: (line) => lines.push(line),
  });
  try {
    await play(makeDesk(sandbox, lines));
    await endsWell(sandbox);
  } catch (error) {
    process.stderr.write(`${sandbox.agent?.output ?? ''}\n${lines.join('\n')}\n`);
    throw error;
  } finally {
    await sandbox.close();
  }
}

// The agent is stopped, and no sanitiser had anything to say of it.
async function endsWell(sandbox) {
  await sandbox.stopAgent();
  assert.doesNotMatch(sandbox.agent.output, /Sanitizer|runtime error/);
}

function makeDesk(sandbox, lines) {
  const { op, pinentry, ctl } = sandbox;
  const { origin } = op;

  const desk = {
    sandbox, op, pinentry, ctl, origin, lines,

    // A client that has subscribed.
    async connect() {
      const client = await connectNative(sandbox);
      await client.request('agent.subscribe');
      return client;
    },

    // One that has said nothing yet.
    fresh: () => connectNative(sandbox),

    begin: (client, params = {}) => client.request('session.begin', params),
    prove: (client, params = {}) => client.request('session.prove',
      { origin, challenge: newChallenge(), interaction: 'silent', ...params }),
    status: (client) => client.request('session.status'),

    // The next prompt; a request that ends instead of asking is an error.
    prompt: (answer) => Promise.race([
      pinentry.next(),
      answer.then((result) => { throw new Error(`answered without a prompt: ${JSON.stringify(result)}`); }),
    ]),
    // Until that answer waits for something; one that comes instead is an error.
    waits: (client, what, answer) => Promise.race([
      client.waiting(what),
      answer.then((result) => { throw new Error(`answered instead: ${JSON.stringify(result)}`); }),
    ]),
    // With the PIN; resolves with session.status.
    signIn(client, params = {}) {
      const answer = desk.begin(client, params);
      const prompted = desk.prompt(answer).then((prompt) => prompt.answer(PIN));
      const signedIn = prompted.then(() => answer);
      signedIn.catch(() => {}); // whoever awaits it sees the error
      return signedIn;
    },
    // Nobody is signed in, and somebody can be.
    async worksAgain() {
      const client = await desk.connect();
      assert.equal((await desk.status(client)).state, 'none');
      await becomes('the card\'s helper to run', async () =>
        (await client.request('agent.status')).modules.every(({ state }) => state === 'ready'));
      await cardsIn(client, (cards) => cards.length === 1);
      await refusedWith('interaction-required', desk.prove(client));
      const { sid } = await desk.signIn(client);
      assert.equal((await desk.proves(client)).sid, sid);
      await client.request('session.end');
      await desk.over(sid);
    },

    // Resolves with the session that the provider reads from a proof for that origin, or rejects
    // with its reason.
    check: (proof, { challenge, audience = origin } = {}) => verifySessionProof(proof, {
      origin: audience, find: op.sessions.find,
      redeem: (nonce) => (challenge === undefined || nonce === challenge ? 'ok' : 'unknown'),
    }),

    // The same person's proof, accepted by the provider.
    async proves(client, params) {
      const challenge = newChallenge();
      const { proof } = await desk.prove(client, { challenge, ...params });
      return desk.check(proof, { challenge });
    },

    // Another card takes the place of whatever is in the reader; resolves once the agent knows it.
    async puts(client, card) {
      await ctl('remove', 'reader-0').catch(() => {}); // there may be none
      await cardsIn(client, (cards) => cards.length === 0);
      await ctl('insert', 'reader-0', card);
      await cardsIn(client, (cards) => cards.length === 1);
    },

    // The one session that there is at the provider, now or when it opens one.
    opens: () => becomes('the provider to open a session', () => op.sessions.all()[0], () => lines.join('\n')),

    // Until that session is over at the provider; resolves with why.
    async over(sid) {
      await inTime(until(() => !op.sessions.find(sid)), `the provider to end ${sid}`,
        () => `${lines.join('\n')}\n${sandbox.agent.output}`);
    },

    // Until session.status says that state, however often it changes before.
    async reaches(client, state) {
      while ((await desk.status(client)).state !== state)
        await client.notification(({ method }) => method === 'session.changed', `the session to be ${state}`);
    },
    // Until the session endpoint has been asked that, after so many earlier requests.
    askedFor: (what, before = 0) => becomes(`the provider to be asked for ${what}`,
      () => op.asked.slice(before).includes(what), () => op.asked.join('\n')),

    // The next session.changed with that state; { state, cause, ... }.
    changed: (client, state) => client.notification(
      ({ method, params }) => method === 'session.changed' && params.state === state,
      `session.changed with ${state}`).then(({ params }) => params),
    // Every one so far, as "state cause".
    changes: (client) => client.notifications.filter(({ method }) => method === 'session.changed')
      .map(({ params: { state, cause } }) => `${state} ${cause}`),

    // Until no prompt is out any more.
    unasked: () => becomes('the prompt to be taken away', () => !helperOf(desk, 'lanyard-prompt')),

    // The agent as if started with other settings.
    async restart(settings, before = () => {}) {
      await endsWell(sandbox);
      if (settings !== undefined) await desk.configure(settings);
      await before();
      await sandbox.startAgent();
    },

    // Other settings in place of QUIET, for the next agent.
    configure: (settings) => configure(sandbox, settings),

    // Until nothing lies in the folder of ends.
    nothingLeft: () => becomes('the last end to be delivered', async () => (await desk.ends()).length === 0,
      async () => JSON.stringify(await desk.ends())),
    // What lies in the folder of ends: { name, text }.
    async ends() {
      const folder = join(sandbox.directory, 'state', 'lanyard', 'ends');
      const names = (await readdir(folder).catch(() => [])).sort();
      return Promise.all(names.map(async (name) => (
        { name, text: await readFile(join(folder, name), 'utf8').catch(() => null) })));
    },
  };
  return desk;
}

// Looks until it is so; whoever waits says how long.
export async function until(look) {
  for (;;) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20).unref());
  }
}
export const becomes = (what, look, seen) => inTime(until(look), what, seen);

async function configure(sandbox, settings) {
  const path = join(sandbox.config, 'lanyard.conf');
  const before = sandbox.settingsText ??= (await readFile(path, 'utf8')).replace(QUIET, '@');
  assert.ok(before.includes('@'));
  await writeFile(path, before.replace('@', settings), { mode: 0o600 });
}

// A clock for the provider (op/clock.mjs) that goes like every other, so that the agent's agrees; what
// was to be done within so many seconds is done at once by pass(seconds).
export function clockThatPasses() {
  const timers = new Set();
  return {
    now: () => Date.now(),
    after(milliseconds, what) {
      const timer = { at: Date.now() + milliseconds, what };
      const real = setTimeout(() => timers.delete(timer) && what(), Math.min(milliseconds, 2 ** 31 - 1)).unref();
      timers.add(timer);
      return () => {
        clearTimeout(real);
        timers.delete(timer);
      };
    },
    pass(seconds) {
      for (const timer of [...timers].filter(({ at }) => at <= Date.now() + seconds * 1000)) {
        if (timers.delete(timer)) timer.what();
      }
    },
  };
}

// ---- the agent as a service ----

// What a test that needs sealed memory is skipped with: false, or why. 447 is memfd_secret(2), for
// which Node has no call.
export const withoutSealedMemory = spawnSync('/usr/bin/python3',
  ['-c', 'import ctypes, sys; sys.exit(ctypes.CDLL(None).syscall(447, 0) < 0)']).status === 1
  && 'this kernel has no memfd_secret';

// The agent under a service manager (tests/fake/service-manager) instead of started by hand; with
// store: 0 one that keeps nothing for it. helpers: the folder of its helpers, if another.
export async function asService(desk, { store = 1, helpers } = {}) {
  const { sandbox } = desk;
  await sandbox.stopAgent();
  const program = await built('lanyardd');
  const manager = await start(await built('service-manager'),
    ['--store-max', String(store), program, '--config', sandbox.config,
      '--helpers', helpers ?? sandbox.helpers ?? dirname(program)],
    { env: { ...sandbox.environment, ...sandbox.keys?.environment }, ready: /^READY$/m, input: true });
  let position = 0; // in its output: what has been waited for
  const heard = (pattern) => becomes(`the service manager to say ${pattern}`, () => {
    const match = pattern.exec(manager.output.slice(position));
    if (match) position += match.index + match[0].length;
    return match;
  }, () => manager.output);
  const say = (word) => manager.child.stdin.write(`${word}\n`);

  const service = {
    manager,
    heard,
    async start() {
      say('start');
      const [, pid] = await heard(/^STARTED (\d+)$/m);
      sandbox.agent = { pid: Number(pid), get output() { return manager.output; } };
      await heard(/^NOTIFIED READY$/m);
    },
    async stop() {
      say('stop');
      await heard(/^ENDED exit 0$/m);
    },
    async kill() {
      say('kill');
      await heard(/^ENDED signal 9$/m);
    },
    forget: () => say('forget'),
    // Until the agent has read its files again; resolves with what is left to say of it: '' where it
    // has taken them.
    async reload() {
      say('reload');
      await heard(/^NOTIFIED RELOADING$/m);
      await heard(/^NOTIFIED READY$/m);
      return (await heard(/^STATUS (.*)$/m))[1];
    },
  };
  sandbox.stopAgent = () => manager.stop(); // its end of input is the end of the agent, too
  await service.start();
  return service;
}

// ---- helpers of the test's own ----

// Nobody chooses a role, until the agent hangs up.
export const RELUCTANT = { 'lanyard-chooser': 'exec cat >/dev/null' };

// A folder with the helpers as they were built, but for those that are given, as shell scripts.
export async function helpersWith(desk, scripts) {
  const folder = join(desk.sandbox.directory, 'helpers');
  await mkdir(folder, { recursive: true });
  for (const name of ['lanyard-card', 'lanyard-prompt', 'lanyard-chooser']) {
    if (scripts[name]) await writeFile(join(folder, name), `#!/bin/sh\n${scripts[name]}\n`, { mode: 0o700 });
    else await symlink(await built(name), join(folder, name));
  }
  return folder;
}

// ---- processes ----

// The agent's helper of that name, or undefined.
export const helperOf = ({ sandbox }, name) => processBelow(sandbox.agent.pid, name);

// Until none of them runs any more.
export const gone = (processes) => becomes('helpers to end with their agent',
  () => !processes.some(({ pid }) => alive(pid)),
  () => JSON.stringify(processes.filter(({ pid }) => alive(pid))));
