// SPDX-License-Identifier: MIT
//
// The journeys of a clinician with a security key, all parts real: sample application, provider
// (SimpleWebAuthn checks), Chromium, agent, lanyard-fido, libfido2, and the virtual key behind it.
// Only the person is played. One sandbox and one browser serve all; bob and alice first register the
// key, and everything after that is done with it.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { launchChromium } from '../sandbox/browser.mjs';
import { startDisplay } from '../sandbox/display.mjs';
import { connectNative } from '../sandbox/native.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { run } from '../sandbox/processes.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { attend, otherWays, says, signedIn } from '../sandbox/says.mjs';

const BOB = '555000000102';
const ALICE = '555000000101';
const PINS = { card: '123456', 'key-0': '2580', 'key-1': '1470' };
const UP = 0x01;
const UV = 0x04;

let display;
let sandbox;
let browser;
let agent;
const lines = [];

before(async () => {
  display = await startDisplay();
  sandbox = await startSandbox({
    card: 'bob', begin: true, settings: '[session]\nsign-in-at-insertion = no\n',
    keys: [{ name: 'key-0', pin: PINS['key-0'] }, { name: 'key-1', pin: PINS['key-1'], plugged: false }],
    environment: { DISPLAY: display.name, GDK_BACKEND: 'x11' },
    report: (line) => lines.push(line),
  });
  browser = await launchChromium();
  agent = await connectNative(sandbox);
  sandbox.pinentry.always(answer);
});
after(async () => {
  await browser?.close();
  await sandbox?.close();
  await display?.close();
});

// The person, who knows all the PINs.
function answer(dialogue) {
  const name = Object.keys(PINS).find((key) => dialogue.texts.description.includes(key)) ?? 'card';
  dialogue.answer(PINS[name]);
}

const prompts = () => sandbox.pinentry.dialogues.length;
const key = (...words) => sandbox.keys.ctl(...words);

// Runs `body` with a page of a browser that knows nobody, at the sign-in page of the provider unless
// `at` says otherwise. Nobody is signed in afterwards.
async function journey(body, { query = '', at, prepare, asks = answer } = {}) {
  const context = await browser.newContext();
  sandbox.pinentry.always(asks);
  try {
    const page = attend(await context.newPage());
    await prepare?.(page);
    await page.goto(at ?? `${sandbox.app.origin}/sign-in${query}`);
    await body(page);
  } catch (error) {
    error.message += `\n${lines.join('\n')}\n${sandbox.agent.output}`;
    throw error;
  } finally {
    await context.close();
    sandbox.pinentry.always(answer);
    await agent.request('session.end');
  }
}

// What the page brings to the provider, once it has.
function brought(page, what) {
  return page.waitForRequest((request) => request.url().endsWith(`/${what}`))
    .then((request) => Object.values(request.postDataJSON())[0]);
}

const clientDataOf = ({ response }) => JSON.parse(Buffer.from(response.clientDataJSON, 'base64url'));

function authenticatorDataOf({ response }) {
  const data = Buffer.from(response.authenticatorData, 'base64url');
  return { rpIdHash: data.subarray(0, 32).toString('hex'), flags: data[32], counter: data.readUInt32BE(33), size: data.length };
}

async function signsIn(page) {
  const assertion = brought(page, 'assertion');
  await page.click('#with-key');
  const person = await signedIn(page);
  return { assertion: await assertion, ...person };
}

async function failsWith(page, sentence, advice) {
  await says(page, sentence);
  assert.equal(await page.textContent('#sentence'), sentence);
  assert.equal(await page.textContent('#advice'), advice);
  assert.ok(await page.isVisible('#again'));
  await otherWays(page);
}

const session = () => agent.request('session.status');

async function registers(page) {
  await signedIn(page);
  await page.goto(`${sandbox.op.origin}/security-keys`);
  const registration = brought(page, 'registration');
  await page.click('#register');
  return registration;
}

test('whoever has signed in with a card registers a key, which says who made it, and once', () =>
  journey(async (page) => {
    const registration = await registers(page);
    await page.waitForSelector('#registered li');
    const [{ aaguid }] = sandbox.op.keys.of({ uid: BOB });
    assert.equal(Buffer.from(aaguid.replaceAll('-', ''), 'hex').toString(), 'Lanyard-virtualk');
    assert.equal(sandbox.op.keys.policy.attestation, true);
    const { type, origin, crossOrigin } = clientDataOf(registration);
    assert.deepEqual({ type, origin, crossOrigin },
      { type: 'webauthn.create', origin: sandbox.op.origin, crossOrigin: false });
    assert.deepEqual(registration.clientExtensionResults, { credProps: { rk: true } });
    await page.click('#register');
    await says(page, 'This security key is registered with this site already.');
    assert.equal(await page.textContent('#advice'), 'Sign in with it, or register another key.');
  }));

test('the key alone signs in, is worth AAL3, and the session is the agent\'s', () =>
  journey(async (page) => {
    await sandbox.ctl('remove', 'reader-0');
    await says(page, 'Insert your smartcard');
    const { who, role, acr, amr, assertion } = await signsIn(page);
    assert.deepEqual({ who, role, acr, amr },
      { who: 'Mr Bob Brown', role: 'Nurse Access Role', acr: 'AAL3_FIDO2', amr: 'FIDO2' });
    assert.equal(authenticatorDataOf(assertion).flags & (UP | UV), UP | UV);
    assert.equal(clientDataOf(assertion).lanyard_cnf.jwk.crv, 'P-256');
    const { state, uid, acr: worth } = await session();
    assert.deepEqual({ state, uid, worth }, { state: 'active', uid: BOB, worth: 'AAL3_FIDO2' });
  }));

test('pulling the key out signs out', () =>
  journey(async (page) => {
    await signsIn(page);
    await key('unplug', 'key-0');
    await page.waitForURL(/problem=ended/);
    assert.equal((await session()).state, 'none');
    await key('plug', 'key-0');
  }));

test('where the provider knows who it should be, that person\'s keys are named, and no other will do', async () => {
  await journey(async (page) => {
    const { who, assertion } = await signsIn(page);
    assert.equal(who, 'Mr Bob Brown');
    assert.equal(assertion.id, sandbox.op.keys.of({ uid: BOB })[0].id);
  }, { query: `?login_hint=${BOB}` });
  await key('unplug', 'key-0');
  await key('plug', 'key-1');
  await journey(async (page) => {
    await page.click('#with-key');
    await says(page, 'Use your security key');
    const notice = await sandbox.pinentry.notice(/Plug in another one to sign in/);
    assert.ok(notice.texts.description.includes(`Site: ${sandbox.op.origin}`), notice.texts.description);
    await key('plug', 'key-0');
    assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
  }, { query: `?login_hint=${BOB}` });
  await key('unplug', 'key-1');
});

// A session comes of it, whatever the provider would do with.
for (const verification of ['preferred', 'discouraged']) {
  test(`where the PIN is ${verification} it is asked for all the same, and once`, async () => {
    sandbox.op.keys.policy.verification = verification;
    try {
      await journey(async (page) => {
        const before = prompts();
        const { acr: worth, assertion } = await signsIn(page);
        assert.equal(prompts() - before, 1);
        assert.equal(worth, 'AAL3_FIDO2');
        assert.equal(authenticatorDataOf(assertion).flags & (UP | UV), UP | UV);
      }, { query: `?login_hint=${BOB}` });
    } finally {
      sandbox.op.keys.policy.verification = 'required';
    }
  });
}

test('with two keys plugged in that both would do the touch says which', async () => {
  const [{ id }] = sandbox.op.keys.of({ uid: BOB });
  await copy(id, 'key-1');
  for (const name of ['key-0', 'key-1']) await key('delay', name, 'command');
  await key('plug', 'key-1');
  try {
    await journey(async (page) => {
      await page.click('#with-key');
      await says(page, 'Use your security key');
      await sandbox.pinentry.notice(/Touch the security key that you mean/);
      await key('touch', 'key-0');
      await sandbox.pinentry.notice(/Touch your security key/);
      await key('touch', 'key-0');
      assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
    });
  } finally {
    await key('unplug', 'key-1');
    await key('new', 'key-1');
    await key('pin', 'key-1', 'set', PINS['key-1']);
    for (const name of ['key-0', 'key-1']) await key('delay', name, '0');
  }
});

// What key-0 has under that id, on another key, where it may have another id.
async function copy(id, to, as = id) {
  const { user, privateKey } = await exported(id);
  await key('import', to, 'localhost', as, privateKey, user, 'resident');
}

async function exported(id) {
  const [, user, privateKey] = /user=(\S+) .* private=(\S+)/.exec(await key('export', 'key-0', id));
  return { user, privateKey };
}

test('with two accounts on one key the person chooses in Lanyard\'s window', async () => {
  await sandbox.ctl('insert', 'reader-0', 'alice');
  await journey(async (page) => {
    await choose('your role');
    await registers(page);
    await page.waitForSelector('#registered li');
    assert.equal(sandbox.op.keys.of({ uid: ALICE }).length, 1);
  });
  await sandbox.ctl('remove', 'reader-0');
  await journey(async (page) => {
    await page.click('#with-key');
    await says(page, 'Use your security key');
    assert.ok(await page.isHidden('#with-key'));
    await choose('an account'); // the newest is the first
    await choose('your role');
    assert.equal((await signedIn(page)).who, 'Dr Alice Adams');
  });
});

// The first in the list of that window. A key that comes before the list has the focus is lost, so it
// is pressed again where the window has not gone after a second.
async function choose(what) {
  const env = { ...process.env, DISPLAY: display.name };
  const title = `^Lanyard: choose ${what}$`;
  const xdotool = (...words) => run('xdotool', words, { env });
  const shown = await inTime(xdotool('search', '--sync', '--onlyvisible', '--name', title), `the window "${title}"`);
  const window = shown.trim().split('\n').at(-1);
  const gone = () => xdotool('getwindowname', window).then(() => false, () => true);
  let over = false;
  const pressing = (async () => {
    for (let looks = 0; !over && !await gone(); looks++) {
      if (looks % 20 === 0) {
        await xdotool('windowfocus', window).catch(() => {}); // gone by now
        await xdotool('key', 'Return');
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  await inTime(pressing, `the window "${title}" to go`).finally(() => { over = true; });
}

test('the same credential in Chromium\'s own WebAuthn is accepted alike, and says the same', async () => {
  const [{ id }] = sandbox.op.keys.of({ uid: BOB });
  let ours;
  await journey(async (page) => {
    ours = (await signsIn(page)).assertion;
  }, { query: `?login_hint=${BOB}` });
  const credential = await exported(id);
  await journey(async (page) => {
    await plugIntoBrowser(page, { id, ...credential, signCount: authenticatorDataOf(ours).counter });
    await page.click('#with-key');
    await says(page, 'Use your security key');
    const assertion = brought(page, 'assertion');
    await page.click('#in-browser');
    const { who, acr } = await signedIn(page);
    assert.deepEqual({ who, acr }, { who: 'Mr Bob Brown', acr: 'AAL3_FIDO2' });
    const theirs = await assertion;
    const [a, b] = [ours, theirs].map(authenticatorDataOf);
    assert.equal(a.rpIdHash, createHash('sha256').update('localhost').digest('hex'));
    assert.deepEqual({ ...b, counter: 0 }, { ...a, counter: 0 });
    assert.ok(b.counter > a.counter);
    const [mine, browsers] = [ours, theirs].map(clientDataOf);
    for (const name of ['type', 'origin', 'crossOrigin']) assert.equal(browsers[name], mine[name]);
    assert.equal(Buffer.from(browsers.challenge, 'base64url').length, Buffer.from(mine.challenge, 'base64url').length);
    assert.deepEqual(Object.keys(theirs.response).sort(), Object.keys(ours.response).sort());
    assert.equal(theirs.response.userHandle, ours.response.userHandle);
    assert.equal(browsers.lanyard_cnf, undefined);
    assert.equal((await session()).state, 'none'); // it is the browser's alone
  }, { prepare: () => key('delay', 'key-0', 'never') }).finally(() => key('delay', 'key-0', '0'));
});

// Chromium's own security key, with a credential of the virtual one.
async function plugIntoBrowser(page, { id, user, privateKey, signCount }) {
  const devtools = await page.context().newCDPSession(page);
  const base64 = (text) => Buffer.from(text, 'base64url').toString('base64');
  await devtools.send('WebAuthn.enable');
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options: {
    protocol: 'ctap2', transport: 'usb', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
  } });
  await devtools.send('WebAuthn.addCredential', { authenticatorId, credential: {
    credentialId: base64(id), isResidentCredential: true, rpId: 'localhost',
    privateKey: base64(privateKey), userHandle: base64(user), signCount,
  } });
}

/* ---- what is refused; the key is not asked ---- */

// A page of `origin` that has lanyard.js and nothing else, in a frame of `around` where that is given.
// It is one that the server really has, so that the browser knows where it comes from.
async function bare(page, origin, around) {
  const path = (site) => `${site}/${site === sandbox.op.origin ? 'sign-in.js' : 'app.js'}`;
  await page.goto(path(around ?? origin));
  let frame = page.mainFrame();
  if (around) {
    await page.evaluate((src) => {
      document.body.append(Object.assign(document.createElement('iframe'), { src }));
    }, path(origin));
    frame = await (await page.waitForSelector('iframe')).contentFrame();
    await frame.waitForURL(path(origin));
  }
  const lanyard = await (await fetch(`${sandbox.op.origin}/lanyard.js`)).text();
  await frame.addScriptTag({ type: 'module', content: `${lanyard}\nwindow.credentials = credentials;` });
  await frame.waitForFunction(() => window.credentials);
  return frame;
}

const asksForKey = (frame, publicKey) => frame.evaluate(([port, options]) =>
  window.credentials.get({ use: 'agent', port, publicKey: { challenge: 'A'.repeat(43), ...options } }).then(() => 'signed',
    ({ name, cause: { reason, kind } }) => ({ name, reason, kind })), [sandbox.agentPort, publicKey]);

test('a page inside another site\'s, a site that is not listed and another site\'s name are refused', () =>
  journey(async (page) => {
    const { messages } = await sandbox.keys.state('key-0');
    const framed = await bare(page, sandbox.op.origin, sandbox.app.origin);
    assert.deepEqual(await asksForKey(framed, {}), { name: 'SecurityError', reason: 'not-allowed', kind: null });
    const unlisted = await bare(page, sandbox.app.origin);
    assert.deepEqual(await asksForKey(unlisted, {}),
      { name: 'NotAllowedError', reason: 'agent-unreachable', kind: 'unreachable' });
    const frameOfUnlisted = await bare(page, sandbox.app.origin, sandbox.op.origin);
    assert.equal((await asksForKey(frameOfUnlisted, {})).name, 'SecurityError');
    const listed = await bare(page, sandbox.op.origin);
    for (const rpId of ['example.org', 'host', 'localhost.', '127.0.0.1', 'com', 'ocalhost', 'a.localhost']) {
      assert.deepEqual(await asksForKey(listed, { rpId }),
        { name: 'SecurityError', reason: 'rp-id-not-allowed', kind: null }, rpId);
    }
    assert.equal((await sandbox.keys.state('key-0')).messages, messages);
  }, { at: 'about:blank' }));

/* ---- what goes wrong, and what the person reads ---- */

test('without a key plugged in the page says so, and goes on by itself when one is', async () => {
  await key('unplug', 'key-0');
  await journey(async (page) => {
    await page.click('#with-key');
    await says(page, 'Use your security key');
    await sandbox.pinentry.notice(/Plug in your security key/);
    await key('plug', 'key-0');
    assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
  }, { query: `?login_hint=${BOB}` });
});

test('cancelling, on the page or at the prompt, ends there and the key stops blinking', async () => {
  await key('delay', 'key-0', 'never');
  try {
    await journey(async (page) => {
      await page.click('#with-key');
      await says(page, 'Use your security key');
      const notice = await sandbox.pinentry.notice(/Touch your security key/);
      await page.click('#cancel');
      await notice.gone;
      await says(page, 'The sign-in was cancelled.');
      assert.ok(await page.isHidden('#code')); // nothing went wrong
      await key('rests', 'key-0');
      await otherWays(page);
    });
  } finally {
    await key('delay', 'key-0', '0');
  }
  await journey(async (page) => {
    await page.click('#with-key');
    await failsWith(page, 'The sign-in was cancelled.',
      'Start again when you are ready, or choose another way to sign in.');
  }, { asks: (dialogue) => dialogue.cancel() });
});

test('a key that is pulled out before it has answered', async () => {
  await key('delay', 'key-0', 'never');
  try {
    await journey(async (page) => {
      await page.click('#with-key');
      await says(page, 'Use your security key');
      await sandbox.pinentry.notice(/Touch your security key/);
      await key('unplug', 'key-0');
      await failsWith(page, 'The security key was pulled out before it had answered.',
        'Plug it in again, leave it in, and start again.');
    });
  } finally {
    await key('plug', 'key-0');
    await key('delay', 'key-0', '0');
  }
});

test('a key that nobody has registered signs nobody in', async () => {
  const [{ id }] = sandbox.op.keys.of({ uid: BOB });
  await copy(id, 'key-1', Buffer.from('nobody knows this').toString('base64url'));
  await key('unplug', 'key-0');
  await key('plug', 'key-1');
  await journey(async (page) => {
    await page.click('#with-key');
    await failsWith(page, 'This security key is not registered with Care Identity.',
      'Use another key, or sign in with your smartcard and register this one.');
  });
  await key('unplug', 'key-1');
  await key('plug', 'key-0');
});

test('without Lanyard the browser asks the key; where it cannot either, the page says what to do', async () => {
  await agent.close();
  await sandbox.stopAgent();
  const [{ id, counter: signCount }] = sandbox.op.keys.of({ uid: BOB });
  const credential = await exported(id);
  const context = await browser.newContext();
  try {
    const page = attend(await context.newPage());
    await plugIntoBrowser(page, { id, ...credential, signCount });
    await page.goto(`${sandbox.app.origin}/sign-in`);
    await says(page, 'Lanyard, this computer\'s sign-in program, cannot be reached.');
    await page.click('#with-key');
    assert.equal((await signedIn(page)).who, 'Mr Bob Brown');
    const without = attend(await (await browser.newContext()).newPage());
    await without.addInitScript(() => delete window.PublicKeyCredential);
    await without.goto(`${sandbox.app.origin}/sign-in`);
    await says(without, 'Lanyard, this computer\'s sign-in program, cannot be reached.');
    await without.click('#with-key');
    await failsWith(without, 'Lanyard, this computer\'s sign-in program, cannot be reached.',
      'Log in to this computer again, or ask your IT service desk.');
    await without.context().close();
  } finally {
    await context.close();
  }
});
