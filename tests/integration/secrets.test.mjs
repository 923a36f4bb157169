// SPDX-License-Identifier: MIT
//
// A PIN that occurs nowhere else is typed, wrong once and right once, and then looked for: in what
// the programs wrote, in their arguments and environments, in every file of the sandbox, in all that
// the caller received, in core files, and in the memory of the agent and its helpers.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { launchChromium } from '../sandbox/browser.mjs';
import { attend, says, signedIn } from '../sandbox/says.mjs';
import { inSandbox } from './card-rig.mjs';
import { below, ifThere, readable } from './processes.mjs';

const PIN = '73194682';
const WRONG = '58204917';
const FORMS = [PIN, WRONG].flatMap((pin) => [
  Buffer.from(pin), Buffer.from(Buffer.from(pin).toString('hex')),
  Buffer.from(Buffer.from(pin).toString('base64url')), Buffer.from(pin, 'utf16le'),
]);

const found = (bytes) => FORMS.some((form) => bytes.includes(form));

const family = (pid) => [pid, ...below(pid).map((each) => each.pid)];

const sanitised = (pid) => /lib[at]san/.test(readable(`/proc/${pid}/maps`));

// Which mappings of a process hold the PIN.
function memoryWith(pid) {
  const hits = [];
  const memory = ifThere(() => openSync(`/proc/${pid}/mem`, 'r'), null);
  if (memory === null) return hits;
  try {
    for (const line of readable(`/proc/${pid}/maps`).toString().split('\n').filter(Boolean)) {
      const [, start, end, mode, name] = /^(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)$/.exec(line);
      if (!mode.startsWith('r') || name === '[vvar]' || name === '[vsyscall]' || name === '[vvar_vclock]') continue;
      const bytes = Buffer.alloc(parseInt(end, 16) - parseInt(start, 16));
      try {
        readSync(memory, bytes, 0, bytes.length, parseInt(start, 16));
      } catch {
        continue; // a page that cannot be read cannot be dumped either
      }
      if (found(bytes)) hits.push(line);
    }
  } finally {
    closeSync(memory);
  }
  return hits;
}

function filesWith(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.path, entry.name))
    .filter((path) => found(readable(path)));
}

// Of a process that a sanitiser keeps what was freed of, or whose memory this user may not read,
// nothing is said.
function assertForgotten(pid) {
  if (process.getuid() === 0 && !sanitised(pid)) assert.deepEqual(memoryWith(pid), [], `memory of ${pid}`);
}

function assertNoTrace(sandbox) {
  for (const pid of family(sandbox.agent.pid)) {
    for (const file of ['cmdline', 'environ']) {
      assert.ok(!found(readable(`/proc/${pid}/${file}`)), `${file} of ${pid}`);
    }
  }
  for (const part of [sandbox.agent, sandbox.broker, sandbox.readerService]) {
    assert.ok(!found(Buffer.from(part.output)), part.output);
  }
  assert.deepEqual(filesWith(sandbox.directory), []);
}

test('the PIN leaves no trace', async (t) => {
  await inSandbox({ card: 'alice', settings: '[agent]\nlog-level = debug\n' },
    async ({ sandbox, agent, pinentry, ctl, signIn }) => {
      await ctl('pin', 'alice', PIN);
      let received = '';
      agent.socket.on('data', (data) => { received += data; });
      const answer = signIn();
      (await pinentry.next()).answer(WRONG);
      const second = await pinentry.next();
      assertNoTrace(sandbox);
      second.answer(PIN);
      const { token } = await answer;
      await second.gone;
      assertNoTrace(sandbox);
      assert.ok(!found(Buffer.from(received)));
      const [, , signature] = token.split('.');
      for (const part of [sandbox.agent, sandbox.broker]) assert.ok(!part.output.includes(signature));
      for (const part of token.split('.')) assert.ok(!found(Buffer.from(part, 'base64url')));

      for (const pid of family(sandbox.agent.pid)) {
        const limits = readable(`/proc/${pid}/limits`).toString();
        if (limits) assert.match(limits, /^Max core file size +0 +0 /m);
      }
      await t.test('not in the memory of the agent and its helpers', {
        skip: process.getuid() !== 0 ? 'the kernel lets only root read their memory'
          : sanitised(sandbox.agent.pid) && 'a sanitiser keeps what was freed',
      }, () => {
        for (const pid of family(sandbox.agent.pid)) {
          assert.deepEqual(memoryWith(pid), [], `memory of ${pid}`);
        }
      });
      await t.test('another process of the same user may not read it either', () => {
        assert.match(readFileSync(`/proc/${sandbox.agent.pid}/status`, 'utf8'), /^NoNewPrivs:\s+1$/m);
      });
      sandbox.agent.child.kill('SIGSEGV');
      await sandbox.agent.ended;
      assert.deepEqual(filesWith(sandbox.directory), [], 'no core file');
    });
});

test('the PIN there was, the new one and the PUK leave no trace', async () => {
  const settings = '[agent]\nlog-level = debug\n';
  await inSandbox({ card: 'alice', settings }, async ({ sandbox, agent, pinentry, ctl }) => {
    const type = async (text) => (await pinentry.next()).answer(text);
    await ctl('pin', 'alice', PIN);
    let received = '';
    agent.socket.on('data', (data) => { received += data; });
    const changed = agent.request('card.changePin');
    for (const typed of [PIN, WRONG]) await type(typed);
    const again = await pinentry.next();
    assertNoTrace(sandbox);
    again.answer(WRONG);
    await changed;
    const unblocked = agent.request('card.unblockPin');
    for (const typed of [WRONG, PIN, PIN]) await type(typed); // of which the first is no PUK
    const asked = await pinentry.next();
    assertNoTrace(sandbox);
    asked.cancel();
    await assert.rejects(unblocked, { reason: 'cancelled' });
    await asked.gone;
    assertNoTrace(sandbox);
    for (const pid of family(sandbox.agent.pid)) assertForgotten(pid);
    assert.ok(!found(Buffer.from(received)));
  });
});

test('the PIN of a security key leaves no trace', async () => {
  const options = {
    card: null, keys: [{ name: 'key-0', pin: PIN, delay: 'command' }],
    settings: '[agent]\nlog-level = debug\n',
  };
  await inSandbox(options, async ({ sandbox, agent, pinentry, origin }) => {
    let received = '';
    agent.socket.on('data', (data) => { received += data; });
    const answer = agent.request('webauthn.create', {
      origin,
      publicKey: {
        challenge: randomBytes(32).toString('base64url'), rp: { name: 'Sandbox' },
        user: { id: randomBytes(16).toString('base64url'), name: 'alice', displayName: 'Alice A.' },
        pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
        authenticatorSelection: { userVerification: 'required' },
      },
    });
    (await pinentry.next()).answer(WRONG);
    const second = await pinentry.next();
    assertNoTrace(sandbox);
    second.answer(PIN);
    await sandbox.keys.ctl('blinks', 'key-0');
    await second.gone;
    assertNoTrace(sandbox);
    assertForgotten(sandbox.agent.pid); // lanyard-fido may still want it
    await sandbox.keys.ctl('touch', 'key-0');
    await answer;
    assertNoTrace(sandbox);
    for (const pid of family(sandbox.agent.pid)) assertForgotten(pid);
    assert.ok(!found(Buffer.from(received)));
    assert.ok(!found(Buffer.from(sandbox.keys.program.output)));
  });
});

test('the PIN is in nothing that a browser, a provider or an address sees', async () => {
  const seen = [];
  const options = { web: true, card: 'alice', report: (line) => seen.push(line) };
  await inSandbox(options, async ({ sandbox, pinentry, ctl }) => {
    await ctl('pin', 'alice', PIN);
    const browser = await launchChromium();
    try {
      const page = attend(await browser.newPage());
      page.on('request', (request) => seen.push(request.url(), request.postData() ?? ''));
      page.on('console', (message) => seen.push(message.text()));
      page.on('websocket', (socket) => {
        socket.on('framesent', ({ payload }) => seen.push(String(payload)));
        socket.on('framereceived', ({ payload }) => seen.push(String(payload)));
      });
      await page.goto(sandbox.url);
      await page.click('#sign-in');
      await says(page, 'Enter your PIN');
      (await pinentry.next()).answer(WRONG);
      (await pinentry.next()).answer(PIN);
      await page.click('.roles button >> nth=0');
      await signedIn(page);
      seen.push(await page.content(), JSON.stringify(await page.context().cookies()));
    } finally {
      await browser.close();
    }
    assert.ok(seen.some((text) => text.includes('card.signIn')), 'the frames were watched');
    for (const text of seen) assert.ok(!found(Buffer.from(text)), text);
    assertNoTrace(sandbox);
  });
});
