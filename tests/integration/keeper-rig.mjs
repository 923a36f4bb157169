// SPDX-License-Identifier: MIT
//
// A desk at which somebody signs in: the sandbox with a provider that has sessions, native clients
// that are told of every change, and what the provider knows of it all. In the reader is bob's card,
// who has one role, unless the options say otherwise.

import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectNative } from '../sandbox/native.mjs';
import { verifySessionProof } from '../sandbox/op/session-proof.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { childOf, newChallenge, PIN } from './card-rig.mjs';

export { cardsIn, childOf, newChallenge, PIN, refusedWith } from './card-rig.mjs';

export const ALICE = '555000000101';
export const BOB = '555000000102';

// Nothing is asked for by itself, and nobody's screen is locked.
export const QUIET = '[session]\nsign-in-at-insertion = no\n[desktop]\nlock = no\n';

// Runs `play` at a desk of its own, which is gone afterwards, whatever happened.
export async function atDesk(options, play) {
  const lines = [];
  const hearing = new Set();
  const report = (line) => {
    lines.push(line);
    for (const hear of [...hearing]) hear();
  };
  const sandbox = await startSandbox({
    card: 'bob', sessions: true, settings: QUIET, ...options, report,
  });
  try {
    await play(makeDesk(sandbox, { lines, hearing }));
  } catch (error) {
    process.stderr.write(`${sandbox.agent?.output ?? ''}\n${lines.join('\n')}\n`);
    throw error;
  } finally {
    await sandbox.close();
  }
}

function makeDesk(sandbox, { lines, hearing }) {
  const { op, pinentry, ctl } = sandbox;
  const { origin } = op;

  // The provider says a line that fits, now or when it comes.
  const says = (pattern) => inTime(new Promise((resolve) => {
    const look = () => {
      if (!lines.some((line) => pattern.test(line))) return;
      hearing.delete(look);
      resolve();
    };
    hearing.add(look);
    look();
  }), `the provider to say ${pattern}`, () => lines.join('\n'));

  const desk = {
    sandbox, op, pinentry, ctl, origin, lines, says,

    // A client that has subscribed.
    async connect() {
      const client = await connectNative(sandbox);
      await client.request('agent.subscribe');
      return client;
    },

    begin: (client, params = {}) => client.request('session.begin', params),
    prove: (client, params = {}) => client.request('session.prove',
      { origin, challenge: newChallenge(), interaction: 'silent', ...params }),
    status: (client) => client.request('session.status'),

    // With the PIN; resolves with session.status.
    async signIn(client, params = {}) {
      const answer = client.request('session.begin', params);
      (await pinentry.next()).answer(PIN);
      return answer;
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

    // Until that session is over at the provider; resolves with why.
    async over(sid) {
      await inTime(until(() => !op.sessions.find(sid)), `the provider to end ${sid}`,
        () => `${lines.join('\n')}\n${sandbox.agent.output}`);
    },

    // The next session.changed with that state; { state, cause, ... }.
    changed: (client, state) => client.notification(
      ({ method, params }) => method === 'session.changed' && params.state === state,
      `session.changed with ${state}`).then(({ params }) => params),
    // Every one so far, as "state cause".
    changes: (client) => client.notifications.filter(({ method }) => method === 'session.changed')
      .map(({ params: { state, cause } }) => `${state} ${cause}`),

    // Until no prompt is out any more.
    unasked: () => becomes('the prompt to be taken away', () => !childOf(sandbox.agent.pid, 'lanyard-prompt')),

    // The agent as if started with other settings.
    async restart(settings, before = () => {}) {
      await sandbox.stopAgent();
      if (settings !== undefined) await configure(sandbox, settings);
      await before();
      await sandbox.startAgent();
    },

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

// Other settings in place of QUIET.
async function configure(sandbox, settings) {
  const path = join(sandbox.config, 'lanyard.conf');
  const before = sandbox.settingsText ??= (await readFile(path, 'utf8')).replace(QUIET, '@');
  assert.ok(before.includes('@'));
  await writeFile(path, before.replace('@', settings), { mode: 0o600 });
}
