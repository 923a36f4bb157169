// SPDX-License-Identifier: MIT
//
// Sign-in, proof, removal, over and over: bob's card goes into the reader, he types his PIN, a native
// program and a page prove who he is, and he takes the card out again. The reader service, OpenSC,
// the helpers and both doors are real; the provider is the sandbox's, and checks every proof.
//
// Whatever is left behind by one of these is found by looking at the processes now and then: none of
// them may have more memory, descriptors, threads or children than after the warm-up, the provider
// may have no session left, and no end may wait to be told to it. A sanitiser's processes grow by
// what the sanitiser remembers, so their memory is not looked at. The agent keeps a few connections
// to the provider open for the next request, as many as it once needed at the same time: they are
// counted apart, and may not be more than a few.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, connections, descriptors, nameOf, rss, threads } from '../bench/process.mjs';
import { makePrompt, makeScratch, newChallenge, PIN } from '../bench/rig.mjs';
import { connectNative } from '../sandbox/native.mjs';
import { verifySessionProof } from '../sandbox/op/session-proof.mjs';
import { connectAs } from '../sandbox/page-alone.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

// Of the same provider; at one origin no more than 20 proofs a second are made.
const MORE_ORIGINS = [1, 2, 3, 4].map((n) => `https://login-${n}.sandbox.example`);
const SETTINGS = `${MORE_ORIGINS.map((origin) => `origin = ${origin}`).join('\n')}
[session]
sign-in-at-insertion = no
[desktop]
lock = no
`;
const KEPT_MAX = 4; // connections to the provider, as agent/cis/http.c has it
const GROWTH_KB = 1024; // after the warm-up, however long it goes on: pages touched late, not a leak

// Runs that many cycles and looks each `every`; report(line) is called with what was seen. Resolves
// with what grew or was left, a sentence each: [] is good.
export async function soak({ cycles, every, report }) {
  const prompt = await makePrompt(await makeScratch('soak'));
  let sandbox;
  try {
    sandbox = await startSandbox({ card: null, sessions: true, settings: SETTINGS, pinentry: prompt.program });
    sandbox.origins = [sandbox.op.origin, ...MORE_ORIGINS];
    return await run(sandbox, prompt, { cycles, every, report });
  } catch (error) {
    error.message += `\n${sandbox?.agent?.output.slice(-4000) ?? ''}`;
    throw error;
  } finally {
    await sandbox?.close();
    await prompt.close();
  }
}

async function run(sandbox, prompt, { cycles, every, report }) {
  const faults = new Set();
  let first = null; // what was seen after the warm-up
  let from = performance.now();
  for (let done = 0; done < cycles;) {
    const count = Math.min(every, cycles - done);
    await several(sandbox, prompt, count);
    done += count;
    const each = ((performance.now() - from) / count).toFixed(0);
    const { now, wrong } = await lookUntilGood(sandbox, first);
    report(`${String(done).padStart(6)} cycles, ${each} ms each: ${describe(now)}`);
    first ??= now;
    for (const fault of wrong) faults.add(fault);
    from = performance.now();
  }
  return [...faults];
}

// The last session's end is on its way to the provider, the last prompt's process on its way out, a
// thread of pcscd's not gone yet: what is still there after ten seconds stays.
async function lookUntilGood(sandbox, first) {
  for (let tries = 100;; tries--) {
    const now = await look(sandbox);
    const wrong = [...left(now), ...grown(first ?? now, now)];
    if (wrong.length === 0 || tries === 0) return { now, wrong };
    await sleep(100);
  }
}

// ---- what is done ----

async function several(sandbox, prompt, count) {
  const client = await connectNative(sandbox);
  await client.request('agent.subscribe');
  for (let i = 0; i < count; i++) await cycle(sandbox, prompt, client, sandbox.origins[i % sandbox.origins.length]);
  await client.close();
}

// The card comes when it is asked for, so that the helper has seen the reader without it and need not
// be replaced by another.
async function cycle(sandbox, prompt, client, origin) {
  const { op, ctl } = sandbox;
  const begun = client.request('session.begin');
  await Promise.race([client.waiting('card'), begun]);
  await ctl('insert', 'reader-0', 'bob');
  (await inTime(Promise.race([prompt.next(), begun]), 'the prompt')).answer(PIN);
  const { sid } = await begun;

  await proves(op, { sid, origin }, (challenge) =>
    client.request('session.prove', { challenge, origin, interaction: 'silent' }));
  const page = await connectAs(origin, { port: sandbox.agentPort });
  await proves(op, { sid, origin }, (challenge) => page.prove({ challenge, interaction: 'silent' }));
  page.close();

  await ctl('remove', 'reader-0');
  for (const state of ['ended', 'none']) await client.notification(({ method, params }) =>
    method === 'session.changed' && params.state === state, `session.changed with ${state}`);
}

async function proves({ sessions }, { sid, origin }, ask) {
  const challenge = newChallenge();
  const { proof } = await ask(challenge);
  const session = await verifySessionProof(proof, {
    origin, find: sessions.find, redeem: (nonce) => (nonce === challenge ? 'ok' : 'unknown'),
  });
  if (session.sid !== sid) throw new Error(`a proof of ${session.sid}, not of ${sid}`);
}

// ---- what is seen ----

async function look(sandbox) {
  const agent = sandbox.agent.pid;
  const kept = await connections(agent, Number(new URL(sandbox.op.origin).port));
  const helpers = (await Promise.all((await childrenOf(agent)).map(helper))).filter(Boolean);
  return {
    processes: {
      agent: await measure(agent, kept),
      ...Object.fromEntries(helpers),
      portd: await measure(sandbox.broker.pid),
      pcscd: await measure(sandbox.readerService.pid),
    },
    kept,
    children: helpers.map(([name]) => name).sort().join(' '),
    sessions: sandbox.op.sessions.all().length,
    ends: (await ends(sandbox)).length,
  };
}

// null: it has ended meanwhile.
async function helper(pid) {
  try {
    return [await nameOf(pid), await measure(pid)];
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return null;
    throw error;
  }
}

const ends = ({ directory }) => readdir(join(directory, 'state', 'lanyard', 'ends')).catch(() => []);

async function measure(pid, kept = 0) {
  const maps = await readFile(`/proc/${pid}/maps`, 'utf8');
  return {
    memory: await rss([pid]),
    sanitised: /lib[at]san/.test(maps),
    descriptors: await descriptors([pid]) - kept,
    threads: await threads([pid]),
  };
}

const describe = ({ processes, kept, sessions, ends: waiting }) => [
  ...Object.entries(processes).map(([name, { memory, descriptors, threads }]) =>
    `${name} ${memory} kB ${descriptors} fds ${threads} threads`),
  `${kept} kept connections`, `${sessions} sessions`, `${waiting} ends`,
].join(', ');

// ---- what is wrong ----

function* left({ kept, children, sessions, ends: waiting }) {
  if (kept > KEPT_MAX) yield `the agent keeps ${kept} connections to the provider`;
  if (children !== 'lanyard-card') yield `the agent's children are: ${children}`;
  if (sessions > 0) yield `the provider has sessions left: ${sessions}`;
  if (waiting > 0) yield `ends wait to be told: ${waiting}`;
}

function* grown(first, now) {
  for (const [name, then] of Object.entries(first.processes)) {
    const is = now.processes[name];
    if (!is) continue; // said already
    if (!is.sanitised && is.memory > then.memory + GROWTH_KB) yield `${name} has grown beyond ${then.memory} kB by more than ${GROWTH_KB} kB`;
    if (is.descriptors > then.descriptors) yield `${name} had ${then.descriptors} descriptors and has ${is.descriptors}`;
    if (is.threads > then.threads) yield `${name} had ${then.threads} threads and has ${is.threads}`;
  }
}
