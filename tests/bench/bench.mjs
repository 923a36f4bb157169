// SPDX-License-Identifier: MIT
//
// Lanyard's figures, one line each: name value unit. tests/bench/run builds what this measures.
//
//   hello_rtt_p50_us        agent.hello over the page's door and back, one after the other
//   sign_agent_p50_us       from "the card is signing" to the token in the caller's hands: helper,
//                           log-in, signature, its verification, token, door. The prompt and the
//                           person are not in it; both ends are stamped by the same client
//   sign_direct_p50_us      a program that makes the same PKCS#11 calls itself, on the same module
//                           and key; the two take turns, each after the same rest
//   sign_ratio              the one by the other
//   insert_to_prompt_p50_ms a waiting sign-in, from the card's insertion to the prompt's question:
//                           pcscd, OpenSC reading the card, the agent, the start of the prompt
//   removal_seen_p99_ms     from the card's removal until a bare PC/SC client has been told
//   removal_told_p99_ms     until a page with a sign-in under way has been told, of the same removals
//   idle_wakeups_per_s      context switches of the agent and its helpers while nothing happens
//   agent_rss_mb            resident memory of the agent and its helpers, each library's pages counted
//                           once for each process
//   agent_pss_mb            the same with shared pages divided among those who share them (as root)
//   start_to_ready_ms       from the agent's start until its doors are open (median)
//
// Somebody is signed in (sessions.mjs):
//
//   prove_p50_us, _p99_us   session.prove, silent, over the page's door and back; 1,200 over ten origins
//                           of one provider, as many as the limits let through
//   removal_to_ended_p99_ms from when a bare PC/SC client is told of the card's removal until the
//                           provider's page has heard that the session has ended and logind has been
//                           asked to lock; the key is wiped before either
//   removal_to_locker_p50_ms  from the same until i3lock, which xss-lock starts, covers the screen
//   browser_sso_ms          Chromium, from the click to the application's page for who is signed in:
//                           the provider, lanyard.js, a proof, no prompt (median)
//   sessions_200_rss_mb_each, _pss_mb_each  200 users' agents on one computer, each with a session:
//                           agent and helper as in agent_rss_mb and agent_pss_mb, for each user
//
// With a security key (keys.mjs), the virtual one behind libfido2:
//
//   fido_assert_agent_p50_ms   webauthn.get over the native door and back, for one credential and without
//                           a PIN: helper (started before, as while any key is in), finding the key,
//                           touch, answer. The touch takes no time. The key gets four messages: INIT,
//                           getInfo, a silent look for the credential (no standard demands it, but a wrong
//                           key is then neither touched nor given a PIN in vain), the assertion
//   fido_assert_direct_p50_ms  fido2-assert for the same credential, from its start to its end; it is told
//                           where the key is and does not look before: three messages. They take turns
//   fido_ratio              the one by the other
//   key_unplug_to_ended_p99_ms from when the virtual key is told to unplug itself until a native client
//                           has heard that the session has ended
//
// And what others take (neighbours.mjs), with the same reader driver, card and module:
//
//   pkcs11_eventmgr_removal_p50_ms  from when a bare PC/SC client is told until its command runs
//   sign_card_p50_us        as sign_agent_p50_us, with OpenSC and the virtual card (P-256)
//   ssh_agent_sign_p50_us   one signature asked of ssh-agent, same card and key. It logs in once and
//                           then signs for whoever asks, as session.prove does without the card; for
//                           sign_card the card is asked for the PIN each time
//
// What cannot be measured here is said on standard error. All arguments: the parts to measure, of
// agent, sessions, keys, neighbours; none: all of them.
//
// Times are CLOCK_MONOTONIC, of one computer, taken in C where they matter.

import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { built } from '../sandbox/build.mjs';
import { nativePath } from '../sandbox/native.mjs';
import { makePeople } from '../sandbox/people.mjs';
import { measureKeys } from './keys.mjs';
import { measureNeighbours } from './neighbours.mjs';
import { below, pss, rss, switches } from './process.mjs';
import {
  connect, figure, inSandbox, lineProgram, makeScratch, milliseconds, nanoseconds, newChallenge, percentile, PIN,
} from './rig.mjs';
import { measureSessions } from './sessions.mjs';

const execute = promisify(execFile);
const SOFTHSM = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib64/pkcs11/libsofthsm2.so'];
const ROUND_TRIPS = 400;
const SIGNATURES = 100;
const WARM_UP = 5; // signatures that are not counted
const REST_MS = 30; // about as long as the prompt keeps the module waiting
const INSERTIONS = 30;
const REMOVALS = 100;
const STARTS = 20;
const IDLE_SECONDS = 10;

const scratch = await makeScratch('bench');
const signIn = (more = {}) => ({ challenge: newChallenge(), ...more });

// ---- the figures ----

async function roundTrips(sandbox) {
  const { stdout } = await execute(await built('bench_client'),
    ['web', String(sandbox.agentPort), sandbox.op.origin, 'rtt', String(ROUND_TRIPS)]);
  const samples = stdout.trim().split('\n').map(Number);
  figure('hello_rtt_p50_us', percentile(samples, 50).toFixed(0), 'us');
}

async function idle(sandbox) {
  const pids = [sandbox.agent.pid, ...await below(sandbox.agent.pid)];
  await sleep(15000); // what its start set going comes to rest
  const before = await switches(pids);
  await sleep(IDLE_SECONDS * 1000);
  figure('idle_wakeups_per_s', ((await switches(pids) - before) / IDLE_SECONDS).toFixed(1), '1/s');
  figure('agent_rss_mb', (await rss(pids) / 1024).toFixed(1), 'MB');
  const shared = await pss(pids);
  if (shared !== null) figure('agent_pss_mb', (shared / 1024).toFixed(1), 'MB');
}

async function starts(sandbox) {
  const samples = [];
  for (let i = 0; i < STARTS; i++) {
    await sandbox.stopAgent();
    const from = nanoseconds();
    await sandbox.startAgent();
    samples.push(milliseconds(from, nanoseconds()));
  }
  figure('start_to_ready_ms', percentile(samples, 50).toFixed(1), 'ms');
}

/** Alice's key in a SoftHSM token of its own; SOFTHSM2_CONF then names it. */
async function makeToken(directory) {
  const people = await makePeople();
  await mkdir(join(directory, 'tokens'), { recursive: true });
  process.env.SOFTHSM2_CONF = join(directory, 'softhsm2.conf');
  await writeFile(process.env.SOFTHSM2_CONF,
    `directories.tokendir = ${join(directory, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  let module;
  for (const path of SOFTHSM) if (await readFile(path).catch(() => null)) module ??= path;
  const alice = join(people.cards, 'alice');
  const key = join(directory, 'key.pem');
  const certificate = join(directory, 'certificate.der');
  await execute('openssl', ['pkcs8', '-topk8', '-nocrypt', '-in', join(alice, '9a.key.pem'), '-out', key]);
  await execute('openssl', ['x509', '-in', join(alice, '9a.cert.pem'), '-outform', 'DER', '-out', certificate]);
  await execute('softhsm2-util', ['--init-token', '--free', '--label', 'bench', '--so-pin', '12345678', '--pin', PIN]);
  await execute('softhsm2-util', ['--import', key, '--token', 'bench', '--label', 'bench', '--id', '01', '--pin', PIN]);
  await execute('pkcs11-tool', ['--module', module, '--token-label', 'bench', '--login', '--pin', PIN,
    '--write-object', certificate, '--type', 'cert', '--id', '01', '--label', 'bench']);
  return module;
}

async function signThroughAgent(sandbox, prompt, client) {
  const id = client.ask('card.signIn',
    signIn({ origin: sandbox.op.origin, algorithms: ['RS256'] }));
  (await prompt.next()).answer(PIN);
  const from = (await client.waiting('signature')).at;
  const to = (await client.answer(id)).at;
  return Number(to - from) / 1000;
}

async function signatures() {
  const module = await makeToken(join(scratch, 'softhsm'));
  const settings = `[cards]\nmodule = ${module}\n`;
  await inSandbox(scratch, { card: null, settings }, async (sandbox, prompt) => {
    const client = await connect('native', nativePath(sandbox));
    const agent = [];
    const direct = [];
    const signer = lineProgram(await built('sign_direct'),
      [module, PIN, String(WARM_UP + SIGNATURES)], sandbox.environment);
    for (let i = -WARM_UP; i < SIGNATURES; i++) {
      const through = await signThroughAgent(sandbox, prompt, client);
      await sleep(REST_MS);
      signer.say('');
      const alone = Number(await signer.next());
      await sleep(REST_MS);
      if (i < 0) continue;
      agent.push(through);
      direct.push(alone);
    }
    client.end();
    const through = percentile(agent, 50);
    const alone = percentile(direct, 50);
    figure('sign_agent_p50_us', through.toFixed(0), 'us');
    figure('sign_direct_p50_us', alone.toFixed(0), 'us');
    figure('sign_ratio', (through / alone).toFixed(3), 'x');
  });
}

async function insertions(sandbox, prompt) {
  const page = await connect('web', String(sandbox.agentPort), sandbox.op.origin);
  const observer = await connect('native', nativePath(sandbox));
  await observer.answer(observer.ask('agent.subscribe', {}));
  const samples = [];
  for (let i = -2; i < INSERTIONS; i++) {
    const id = page.ask('card.signIn', signIn());
    await page.waiting('card');
    const from = nanoseconds();
    await sandbox.ctl('insert', 'reader-0', 'alice');
    const { at } = await prompt.next();
    if (i >= 0) samples.push(milliseconds(from, at));
    page.ask('operation.cancel', { request: id });
    await page.answer(id);
    const pulled = nanoseconds();
    await sandbox.ctl('remove', 'reader-0');
    await observer.until((message) => message.at > pulled
      && message.method === 'card.changed' && message.params.cards.length === 0);
  }
  observer.end();
  page.end();
  figure('insert_to_prompt_p50_ms', percentile(samples, 50).toFixed(0), 'ms');
}

async function removals(sandbox, prompt) {
  const page = await connect('web', String(sandbox.agentPort), sandbox.op.origin);
  const bare = lineProgram(await built('removal_bare'), ['Lanyard Virtual Reader'],
    sandbox.environment);
  const seen = [];
  const told = [];
  for (let i = -2; i < REMOVALS; i++) {
    await sandbox.ctl('insert', 'reader-0', 'alice');
    await bare.next(); // "ready"
    const id = page.ask('card.signIn', signIn());
    await prompt.next();
    const from = nanoseconds();
    await sandbox.ctl('remove', 'reader-0');
    const bareAt = BigInt(await bare.next());
    const { at } = await page.until((message) => message.at > from
      && message.method === 'card.changed' && message.params.cards === 0);
    await page.answer(id);
    if (i < 0) continue;
    seen.push(milliseconds(from, bareAt));
    told.push(milliseconds(from, at));
  }
  bare.child.kill();
  page.end();
  figure('removal_seen_p99_ms', percentile(seen, 99).toFixed(2), 'ms');
  figure('removal_told_p99_ms', percentile(told, 99).toFixed(2), 'ms');
}

async function measureAgent() {
  await inSandbox(scratch, { card: null }, async (sandbox, prompt) => {
    await roundTrips(sandbox);
    await insertions(sandbox, prompt);
    await removals(sandbox, prompt);
  });
  await signatures();
  await inSandbox(scratch, { card: 'alice' }, async (sandbox) => {
    await idle(sandbox);
    await starts(sandbox);
  });
}

const parts = {
  agent: measureAgent, sessions: measureSessions, keys: measureKeys, neighbours: measureNeighbours,
};
const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts);
for (const name of chosen) {
  if (!Object.hasOwn(parts, name)) throw new Error(`no such part: ${name} (${Object.keys(parts).join(', ')})`);
  await parts[name](scratch);
}
