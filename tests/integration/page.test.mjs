// SPDX-License-Identifier: MIT
//
// What the sign-in page says. A person is never left waiting for nothing: every state of a sign-in
// has a sentence, every failure its own with what to do next and "Try again", and the other ways
// stay within reach in all of them.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { launchChromium } from '../sandbox/browser.mjs';
import { agentThat, agentThatWaitsFor as waitsFor, startPageRig } from '../sandbox/page-rig.mjs';
import { attend } from '../sandbox/says.mjs';

let rig;
let browser;
before(async () => {
  rig = await startPageRig();
  browser = await launchChromium();
});
after(async () => {
  await browser.close();
  await rig.close();
});

afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

async function open(script, options) {
  const parts = await rig.start(script, options);
  const page = attend(await browser.newPage());
  await page.goto(parts.url);
  return { page, ...parts };
}

async function otherWaysAreThere(page) {
  await page.click('#other-ways');
  await page.waitForURL(/\/other-ways$/);
  assert.equal(await page.textContent('h1'), 'Other ways to sign in');
}

async function saysWhileWaiting(page, heading, ...texts) {
  await page.waitForFunction((text) =>
    document.querySelector('#status h2')?.textContent === text, heading);
  const status = await page.textContent('#status');
  for (const text of texts) assert.ok(status.includes(text), `"${status}" lacks "${text}"`);
}

async function failsWith(page, { sentence, advice, code }) {
  await page.waitForSelector('#failure:not([hidden])');
  assert.equal(await page.textContent('#sentence'), sentence);
  assert.equal(await page.textContent('#advice'), advice);
  if (code) assert.equal(await page.textContent('#code'), code);
  assert.equal(await page.isVisible('#code'), Boolean(code));
  assert.ok(await page.isVisible('#again'));
  assert.ok(await page.isHidden('#progress'));
  assert.equal(await page.evaluate(() => document.activeElement.id), 'failure');
}

const WAITS = [
  [{ for: 'turn' }, 'Another sign-in came first'],
  [{ for: 'reader' }, 'Connect a smartcard reader'],
  [{ for: 'card', reader: 'Desk reader' }, 'Insert your smartcard', 'Reader: Desk reader.'],
  [{ for: 'choice' }, 'Say which card is yours'],
  [{ for: 'pin' }, 'Enter your PIN', 'Lanyard window'],
  [{ for: 'pin', triesLeft: 2 }, 'Enter your PIN', 'You have 2 tries left.'],
  [{ for: 'pin', triesLeft: 1 }, 'Enter your PIN',
    'This is the last try: confirm it in the Lanyard window, then type the PIN.'],
  [{ for: 'pin-pad', triesLeft: 1 }, 'Enter your PIN on the reader', 'This is the last try'],
  [{ for: 'pin-pad' }, 'Enter your PIN on the reader'],
  [{ for: 'signature' }, 'Signing you in', 'Leave your smartcard in the reader.'],
];

for (const [params, heading, ...texts] of WAITS) {
  test(`while it waits for ${JSON.stringify(params)} the page says so`, async () => {
    const { page } = await open(waitsFor(params));
    await saysWhileWaiting(page, heading, ...texts);
    await otherWaysAreThere(page);
  });
}

test('the agent\'s own sentence, advice and code are shown', async () => {
  const { page } = await open(agentThat((request, reply) =>
    reply.error('pin-blocked', 1004, 'This card is blocked.', 'Ask somebody.')));
  await failsWith(page, { sentence: 'This card is blocked.', advice: 'Ask somebody.', code: 'LY-1004' });
  await otherWaysAreThere(page);
});

for (const [reason, number] of [['pin-blocked', 1004], ['no-certificate', 1201], ['certificate-expired', 1202]]) {
  test(`with a card that is no use (${reason}) the other ways come first`, async () => {
    let times = 0;
    const { page } = await open(agentThat((request, reply) => {
      if (++times === 1) reply.error(reason, number, 'No.', 'Ask.');
      else reply.notify('operation.waiting', { request: request.id, for: 'card' });
    }));
    await page.waitForSelector('#failure:not([hidden])');
    assert.equal(await page.textContent('#again'), 'Try with another card');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Other ways to sign in');
    await page.click('#again');
    await saysWhileWaiting(page, 'Insert your smartcard');
    assert.ok(await page.isVisible('#ways #other-ways'));
    await otherWaysAreThere(page);
  });
}

test('without an agent the page says that Lanyard cannot be reached', async () => {
  const { page } = await open(null);
  await failsWith(page, {
    sentence: 'Lanyard, this computer\'s sign-in program, cannot be reached.',
    advice: 'Log in to this computer again, or ask your IT service desk.',
    code: 'LY-1406',
  });
  await otherWaysAreThere(page);
});

test('an agent that shares no version of the protocol is too old', async () => {
  const { page } = await open((request, reply) => {
    reply.error('agent-too-old', 1407, 'The Lanyard on this computer is too old.', 'Ask IT.');
    return true;
  });
  await failsWith(page, { sentence: 'The Lanyard on this computer is too old.', advice: 'Ask IT.', code: 'LY-1407' });
});

test('an agent that closes because of too many requests is busy', async () => {
  const { page } = await open((request, reply) => (reply.close(1008), true));
  await failsWith(page, {
    sentence: 'Too many sign-ins are waiting already.',
    advice: 'Finish or cancel the others and start again.',
    code: 'LY-1402',
  });
});

test('an agent that goes away while the card signs is unreachable', async () => {
  const { page } = await open(agentThat((request, reply) => reply.close(1001)));
  await failsWith(page, {
    sentence: 'Lanyard, this computer\'s sign-in program, cannot be reached.',
    advice: 'Log in to this computer again, or ask your IT service desk.',
    code: 'LY-1406',
  });
});

test('an agent that talks nonsense ends in a sentence too', async () => {
  const { page } = await open(agentThat((request, reply) => reply.result({ format: 'jws', token: 'x' })));
  await failsWith(page, {
    sentence: 'Your smartcard could not be checked. Nobody was signed in.',
    advice: 'Start again. If it persists, tell your IT service desk.',
    code: 'malformed',
  });
});

test('Cancel tells the agent and says that it was cancelled', async () => {
  const { page, agent } = await open(waitsFor({ for: 'card' }));
  await saysWhileWaiting(page, 'Insert your smartcard');
  await page.click('#cancel');
  await failsWith(page, {
    sentence: 'The sign-in was cancelled.',
    advice: 'Start again when you are ready, or choose another way to sign in.',
    code: null, // nothing went wrong
  });
  const signIn = agent.received.find(({ method }) => method === 'card.signIn');
  const cancel = agent.received.find(({ method }) => method === 'operation.cancel');
  assert.deepEqual(cancel.params, { request: signIn.id });
});

test('Try again starts anew, with another challenge', async () => {
  let times = 0;
  const { page, agent } = await open(agentThat((request, reply) => {
    if (++times === 1) reply.error('no-card', 1101, 'There is no smartcard in the reader.', 'Insert it.');
    else reply.notify('operation.waiting', { request: request.id, for: 'pin' });
  }));
  await page.waitForSelector('#failure:not([hidden])');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter'); // the failure has the focus, "Try again" is the next stop
  await saysWhileWaiting(page, 'Enter your PIN');
  const challenges = agent.received.filter(({ method }) => method === 'card.signIn')
    .map(({ params }) => params.challenge);
  assert.equal(new Set(challenges).size, 2);
  for (const challenge of challenges) assert.equal(Buffer.from(challenge, 'base64url').length, 33);
});

test('the page asks for what the protocol knows and nothing else', async () => {
  const { page, agent } = await open(waitsFor({ for: 'pin' }));
  await saysWhileWaiting(page, 'Enter your PIN');
  assert.deepEqual(agent.received.map(({ method }) => method), ['agent.hello', 'card.signIn']);
  assert.deepEqual(Object.keys(agent.received[1].params).sort(), ['algorithms', 'challenge', 'format']);
});

test('the status is announced, and the page may talk to nobody but the agent and its own server', async () => {
  const { page, agent } = await open(waitsFor({ for: 'pin' }));
  await saysWhileWaiting(page, 'Enter your PIN');
  assert.equal(await page.getAttribute('#status', 'role'), 'status');
  const response = await page.reload();
  const policy = response.headers()['content-security-policy'];
  assert.ok(policy.includes(`connect-src 'self' ws://127.0.0.1:${agent.port};`));
  assert.ok(policy.includes("default-src 'none'"));
});

test('going back to the application from the other ways ends there, signed out', async () => {
  const { page, app } = await open(null);
  await page.click('#other-ways');
  await page.click('text=Go back to the application');
  await page.waitForURL(`${app.origin}/?problem=left`);
  assert.match(await page.textContent('main'), /You were not signed in\. Start again when you are ready/);
});

/* ---- security keys, where the provider takes them ---- */

// The person chooses a key while the page still waits for a card. `answer` is how the agent takes it.
async function chooseKey(answer) {
  const parts = await open((request, reply) => {
    if (request.method === 'card.signIn') reply.notify('operation.waiting', { request: request.id, for: 'card' });
    else if (request.method === 'webauthn.get') answer(request, reply);
    return request.method !== 'agent.hello';
  }, { keys: {} });
  await saysWhileWaiting(parts.page, 'Insert your smartcard');
  await parts.page.click('#with-key');
  return parts;
}

test('whoever chooses a key reads what to do with it, and may go back to the card', async () => {
  const { page, agent } = await chooseKey((request, reply) =>
    reply.notify('operation.waiting', { request: request.id, for: 'use-key' }));
  await saysWhileWaiting(page, 'Use your security key', 'touch it when it blinks', 'Lanyard window');
  assert.equal(await page.textContent('h1'), 'Sign in with your security key');
  assert.ok(agent.received.some(({ method }) => method === 'operation.cancel'));
  await page.click('#with-card');
  await saysWhileWaiting(page, 'Insert your smartcard');
  assert.equal(await page.textContent('h1'), 'Sign in with your smartcard');
  await otherWaysAreThere(page);
  await page.click('#key');
  await saysWhileWaiting(page, 'Use your security key');
});

test('a key that is no use has the other ways first, and the agent\'s own words', async () => {
  const { page } = await chooseKey((request, reply) => reply.error('key-blocked', 1806,
    'This security key is blocked.', 'Ask somebody.', { name: 'NotAllowedError' }));
  await failsWith(page, { sentence: 'This security key is blocked.', advice: 'Ask somebody.', code: 'LY-1806' });
  assert.equal(await page.textContent('#again'), 'Try with another key');
  await otherWaysAreThere(page);
});

test('what a key has signed that the provider does not know ends in the provider\'s words', async () => {
  const { page } = await chooseKey((request, reply) => reply.result({
    id: 'AAAA', rawId: 'AAAA', type: 'public-key', clientExtensionResults: {},
    response: { clientDataJSON: 'e30', authenticatorData: 'AA', signature: 'AA' },
  }));
  await failsWith(page, {
    sentence: 'This security key is not registered with Care Identity.',
    advice: 'Use another key, or sign in with your smartcard and register this one.',
    code: 'key-unknown',
  });
});
