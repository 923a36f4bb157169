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
// Times are CLOCK_MONOTONIC, of one computer, taken in C where they matter.

import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { built } from '../sandbox/build.mjs';
import { nativePath } from '../sandbox/native.mjs';
import { makePeople } from '../sandbox/people.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

const execute = promisify(execFile);
const PIN = '123456'; // of every card of the sandbox
const SOFTHSM = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib64/pkcs11/libsofthsm2.so'];
const ROUND_TRIPS = 400;
const SIGNATURES = 100;
const WARM_UP = 5; // signatures that are not counted
const REST_MS = 30; // about as long as the prompt keeps the module waiting
const INSERTIONS = 30;
const REMOVALS = 100;
const STARTS = 20;
const IDLE_SECONDS = 10;

const scratch = await mkdtemp(join(tmpdir(), 'lanyard-bench-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const figure = (name, value, unit) => console.log(`${name} ${value} ${unit}`);
const nanoseconds = () => process.hrtime.bigint();
const milliseconds = (from, to) => Number(to - from) / 1e6;

/** The nearest-rank percentile. */
function percentile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil((p / 100) * sorted.length) - 1];
}

/** A program that is given lines and prints lines; next() is the next one it prints. */
function lineProgram(program, args, environment = {}) {
  const child = spawn(program, args, {
    env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    say: (line) => child.stdin.write(`${line}\n`),
    async next() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${program} ended`);
      return value;
    },
    end: () => child.stdin.end(),
  };
}

/** One connection through a door; messages come with the nanoseconds at which they arrived. */
async function connect(...door) {
  const relay = lineProgram(await built('bench_client'), [...door, 'relay']);
  let lastId = 0;
  const client = {
    ask(method, params) {
      lastId += 1;
      relay.say(JSON.stringify({ jsonrpc: '2.0', id: lastId, method, params }));
      return lastId;
    },
    /** The next message for which `matches` holds, with its `at`. */
    async until(matches) {
      for (;;) {
        const line = await relay.next();
        const space = line.indexOf(' ');
        const message = JSON.parse(line.slice(space + 1));
        message.at = BigInt(line.slice(0, space));
        if (message.error && !matches(message)) throw new Error(message.error.message);
        if (matches(message)) return message;
      }
    },
    waiting: (what) => client.until(({ method, params }) =>
      method === 'operation.waiting' && params.for === what),
    answer: (id) => client.until((message) => message.id === id),
    end: () => relay.end(),
  };
  return client;
}

/** The prompt: bench_pinentry, whose questions arrive here with their nanoseconds. */
async function makePrompt(directory) {
  const socket = join(directory, 'prompt.sock');
  const program = join(directory, 'pinentry');
  await writeFile(program, `#!/bin/sh\nexec '${await built('bench_pinentry')}' '${socket}'\n`);
  await chmod(program, 0o700);
  const questions = [];
  const takers = [];
  const server = createServer((connection) => {
    connection.on('error', () => {});
    connection.once('data', (data) => {
      const question = { at: BigInt(data.toString().trim()), answer: (pin) => connection.write(`${pin}\n`) };
      if (takers.length > 0) takers.shift()(question);
      else questions.push(question);
    });
  });
  await new Promise((resolve) => server.listen(socket, resolve));
  server.unref();
  return {
    program,
    next: () => questions.length > 0 ? questions.shift()
      : new Promise((resolve) => takers.push(resolve)),
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

const signIn = (more = {}) =>
  ({ challenge: randomBytes(32).toString('base64url'), ...more });

async function inSandbox(options, measure) {
  const prompt = await makePrompt(scratch);
  const sandbox = await startSandbox({ sessions: false, ...options, pinentry: prompt.program });
  try {
    return await measure(sandbox, prompt);
  } finally {
    await sandbox.close();
    await prompt.close();
  }
}

// ---- the figures ----

async function roundTrips(sandbox) {
  const { stdout } = await execute(await built('bench_client'),
    ['web', String(sandbox.agentPort), sandbox.op.origin, 'rtt', String(ROUND_TRIPS)]);
  const samples = stdout.trim().split('\n').map(Number);
  figure('hello_rtt_p50_us', percentile(samples, 50).toFixed(0), 'us');
}

/** The agent and the helpers it has now. */
async function processes(agent) {
  const children = await readFile(`/proc/${agent}/task/${agent}/children`, 'utf8');
  return [agent, ...children.trim().split(' ').filter(Boolean).map(Number)];
}

async function statusSum(pids, ...names) {
  let sum = 0;
  for (const pid of pids) {
    for (const task of await readdir(`/proc/${pid}/task`)) {
      const perProcess = names.includes('VmRSS');
      if (perProcess && task !== String(pid)) continue;
      const status = await readFile(`/proc/${pid}/task/${task}/status`, 'utf8');
      for (const name of names) sum += Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]);
    }
  }
  return sum;
}

async function idle(sandbox) {
  const pids = await processes(sandbox.agent.pid);
  const switches = () => statusSum(pids, 'voluntary_ctxt_switches', 'nonvoluntary_ctxt_switches');
  await sleep(15000); // what its start set going comes to rest
  const before = await switches();
  await sleep(IDLE_SECONDS * 1000);
  figure('idle_wakeups_per_s', ((await switches() - before) / IDLE_SECONDS).toFixed(1), '1/s');
  figure('agent_rss_mb', (await statusSum(pids, 'VmRSS') / 1024).toFixed(1), 'MB');
  let shared = 0; // root may ask the kernel for this, others may not
  for (const pid of pids) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    shared += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? NaN);
  }
  if (!Number.isNaN(shared)) figure('agent_pss_mb', (shared / 1024).toFixed(1), 'MB');
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
  await inSandbox({ card: null, settings }, async (sandbox, prompt) => {
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

await inSandbox({ card: null }, async (sandbox, prompt) => {
  await roundTrips(sandbox);
  await insertions(sandbox, prompt);
  await removals(sandbox, prompt);
});
await signatures();
await inSandbox({ card: 'alice' }, async (sandbox) => {
  await idle(sandbox);
  await starts(sandbox);
});
