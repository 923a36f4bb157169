// SPDX-License-Identifier: MIT
//
// Security keys as a page asks for them: `credentials` of lanyard.js, before an agent that is played
// and before a browser's WebAuthn that is played, since what is tested is which of the two is asked,
// in which form, and what the page gets. The journeys (journey-key.test.mjs) have real ones.

import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';
import { credentials, Lanyard, LanyardError } from '../../ipc/web/lanyard.js';
import { startFakeAgent } from '../sandbox/fake-agent.mjs';
import { browseAs } from '../sandbox/page-alone.mjs';

browseAs('https://op.example');

const undo = [];
after(async () => {
  for (const step of undo.reverse()) await step();
});
afterEach(() => {
  delete globalThis.PublicKeyCredential;
  delete globalThis.parent;
  Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
});

const bytes = (...values) => Uint8Array.from(values).buffer;
const base64url = (buffer) => Buffer.from(buffer).toString('base64url');

const OPTIONS = {
  challenge: 'AAECAwQFBgcICQoLDA0ODw', rpId: 'op.example', userVerification: 'required', timeout: 60000,
  allowCredentials: [{ type: 'public-key', id: '-_8', transports: ['usb'] }],
  extensions: { prf: { eval: { first: 'AQ' }, evalByCredential: { '-_8': { first: 'Ag', second: 'Aw' } } } },
};
const ASSERTION = {
  id: '-_8', rawId: '-_8', type: 'public-key', authenticatorAttachment: 'cross-platform',
  response: { clientDataJSON: 'e30', authenticatorData: 'AAE', signature: 'AgM', userHandle: 'BAU' },
  clientExtensionResults: { prf: { results: { first: 'AQI' } } },
};
const REGISTRATION = {
  id: '-_8', rawId: '-_8', type: 'public-key', authenticatorAttachment: 'cross-platform',
  response: {
    clientDataJSON: 'e30', attestationObject: 'oA', authenticatorData: 'AAE', publicKey: 'MFk',
    publicKeyAlgorithm: -7, transports: ['usb'],
  },
  clientExtensionResults: { credProps: { rk: true } },
};

async function played(script) {
  const agent = await startFakeAgent((request, reply) =>
    request.method !== 'agent.hello' && (script(request, reply), true));
  undo.push(() => agent.close());
  const asked = () => agent.received.filter(({ method }) => method !== 'agent.hello')
    .map(({ method, params }) => [method, params]);
  return { port: agent.port, agent, asked };
}

const answers = (result) => played((request, reply) => reply.result(result));

// A browser with WebAuthn that answers so.
function browserThat(answer) {
  const asked = [];
  const handle = async (options) => {
    asked.push(options);
    return answer(options);
  };
  globalThis.PublicKeyCredential = class {};
  Object.defineProperty(globalThis, 'navigator',
    { value: { credentials: { get: handle, create: handle } }, configurable: true });
  return asked;
}

const refusal = async (promise) => promise.then(() => assert.fail('it was not refused'), (error) => error);

test('where the browser has no WebAuthn the agent is asked, and what comes back is shaped alike', async () => {
  const { port, asked } = await answers(ASSERTION);
  const credential = await credentials.get({ publicKey: OPTIONS, port });
  assert.deepEqual(asked(), [['webauthn.get', { publicKey: OPTIONS }]]);
  assert.equal(credential.id, '-_8');
  assert.equal(credential.type, 'public-key');
  assert.equal(credential.authenticatorAttachment, 'cross-platform');
  assert.deepEqual(credential.rawId, bytes(251, 255));
  assert.deepEqual(credential.response, {
    clientDataJSON: Uint8Array.from(Buffer.from('{}')).buffer,
    authenticatorData: bytes(0, 1), signature: bytes(2, 3), userHandle: bytes(4, 5),
  });
  assert.deepEqual(credential.getClientExtensionResults(), { prf: { results: { first: bytes(1, 2) } } });
  assert.deepEqual(JSON.parse(JSON.stringify(credential)), ASSERTION);
});

test('a registration comes back with all that a browser\'s has', async () => {
  const { port, asked } = await answers(REGISTRATION);
  const publicKey = {
    challenge: OPTIONS.challenge, rp: { name: 'OP' }, user: { id: 'AQ', name: 'a', displayName: 'A' },
    pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
  };
  const { response, ...credential } = await credentials.create({ publicKey, port });
  assert.deepEqual(asked(), [['webauthn.create', { publicKey }]]);
  assert.equal(base64url(response.attestationObject), 'oA');
  assert.equal(base64url(response.getAuthenticatorData()), 'AAE');
  assert.equal(base64url(response.getPublicKey()), 'MFk');
  assert.equal(response.getPublicKeyAlgorithm(), -7);
  assert.deepEqual(response.getTransports(), ['usb']);
  assert.deepEqual(credential.getClientExtensionResults(), { credProps: { rk: true } });
  assert.deepEqual(credential.toJSON(), REGISTRATION);
});

test('ArrayBuffers and views of them reach the agent as base64url', async () => {
  const { port, asked } = await answers(ASSERTION);
  await credentials.get({
    port,
    publicKey: {
      challenge: new Uint8Array([9, 251, 255, 9]).subarray(1, 3),
      allowCredentials: [{ type: 'public-key', id: bytes(1, 2) }],
      extensions: { largeBlob: { write: new DataView(bytes(3)) } },
    },
  });
  assert.deepEqual(asked()[0][1].publicKey, {
    challenge: '-_8',
    allowCredentials: [{ type: 'public-key', id: 'AQI' }],
    extensions: { largeBlob: { write: 'Aw' } },
  });
});

test('where the browser has WebAuthn it is asked, with ArrayBuffers, and the agent is not', async () => {
  const native = { id: '-_8', toJSON: () => ASSERTION };
  const asked = browserThat(() => native);
  const waited = [];
  const got = await credentials.get({ publicKey: OPTIONS, onWaiting: (waiting) => waited.push(waiting) });
  assert.equal(got, native);
  assert.deepEqual(waited, [{ for: 'browser' }]);
  const [{ publicKey }] = asked;
  assert.equal(base64url(publicKey.challenge), OPTIONS.challenge);
  assert.deepEqual(publicKey.allowCredentials,
    [{ type: 'public-key', id: bytes(251, 255), transports: ['usb'] }]);
  assert.deepEqual(publicKey.extensions.prf, {
    eval: { first: bytes(1) }, evalByCredential: { '-_8': { first: bytes(2), second: bytes(3) } },
  });
  assert.equal(publicKey.rpId, 'op.example');
});

test('a browser\'s credential that has no JSON of its own gets it', async () => {
  const view = (encoded) => Uint8Array.from(Buffer.from(encoded, 'base64url')).buffer;
  const { rawId, clientExtensionResults, response, ...rest } = ASSERTION;
  browserThat(() => ({
    ...rest,
    rawId: view(rawId),
    response: Object.fromEntries(Object.entries(response).map(([name, value]) => [name, view(value)])),
    getClientExtensionResults: () => ({ prf: { results: { first: bytes(1, 2) } } }),
  }));
  assert.deepEqual((await credentials.get({ publicKey: OPTIONS })).toJSON(), ASSERTION);
  const made = REGISTRATION.response;
  browserThat(() => ({
    ...rest,
    rawId: view(rawId),
    response: {
      clientDataJSON: view(made.clientDataJSON),
      attestationObject: view(made.attestationObject),
      getAuthenticatorData: () => view(made.authenticatorData),
      getPublicKey: () => view(made.publicKey),
      getPublicKeyAlgorithm: () => -7,
      getTransports: () => ['usb'],
    },
    getClientExtensionResults: () => ({ credProps: { rk: true } }),
  }));
  assert.deepEqual((await credentials.create({ publicKey: OPTIONS })).toJSON(), REGISTRATION);
});

test('the page may want the agent though the browser could, and a session is the agent\'s alone', async () => {
  const inBrowser = browserThat(() => assert.fail('the browser was asked'));
  const { port, asked } = await answers(ASSERTION);
  await credentials.get({ publicKey: OPTIONS, port, use: 'agent' });
  await credentials.get({ publicKey: OPTIONS, port, session: true });
  assert.deepEqual(asked().map(([, { session }]) => session), [undefined, true]);
  assert.equal(inBrowser.length, 0);
});

test('a connection that the page has is used and stays open', async () => {
  const { port, asked } = await answers(ASSERTION);
  const agent = await Lanyard.connect({ port });
  await credentials.get({ publicKey: OPTIONS, use: 'agent', agent });
  assert.equal((await agent.webauthn('get', { publicKey: OPTIONS })).id, '-_8');
  assert.deepEqual(asked().map(([method]) => method), ['webauthn.get', 'webauthn.get']);
  agent.close();
});

test('a connection that was made for one request is closed after it', async () => {
  const { port, agent } = await answers(ASSERTION);
  await credentials.get({ publicKey: OPTIONS, port });
  await agent.left();
});

test('the page is told what the person has to do now', async () => {
  const { port } = await played(({ id }, reply) => {
    for (const what of ['turn', 'use-key']) reply.notify('operation.waiting', { request: id, for: what });
    reply.result(ASSERTION);
  });
  const waited = [];
  await credentials.get({ publicKey: OPTIONS, port, onWaiting: (waiting) => waited.push(waiting) });
  assert.deepEqual(waited, [{ for: 'turn' }, { for: 'use-key' }]);
});

test('the agent\'s refusal has the name that a browser\'s has, and the agent\'s own words behind it', async () => {
  for (const [reason, name] of [
    ['key-registered', 'InvalidStateError'], ['rp-id-not-allowed', 'SecurityError'],
    ['key-unable', 'ConstraintError'], ['timed-out', 'NotAllowedError'], ['internal', 'UnknownError'],
  ]) {
    const { port } = await played((request, reply) => reply.error(reason, 1804, 'No.', 'Ask.', { name }));
    const error = await refusal(credentials.create({ publicKey: OPTIONS, port }));
    assert.ok(error instanceof DOMException);
    assert.equal(error.name, name);
    assert.equal(error.message, 'No.');
    assert.ok(error.cause instanceof LanyardError);
    const { reason: told, code, advice, sentence } = error.cause;
    assert.deepEqual({ told, code, advice, sentence }, { told: reason, code: 'LY-1804', advice: 'Ask.', sentence: 'No.' });
  }
});

test('what is malformed is a TypeError, with the browser or without', async () => {
  const { port } = await played((request, reply) =>
    reply.error('invalid-request', 1405, 'publicKey.challenge is too short', 'Tell its makers.', { name: 'TypeError' }));
  for (const options of [
    { publicKey: OPTIONS, port }, {}, { publicKey: OPTIONS, use: 'both' }, { publicKey: OPTIONS, mediation: 'silent' },
    { publicKey: OPTIONS, use: 'browser', session: true },
  ]) {
    const error = await refusal(credentials.get(options));
    assert.ok(error instanceof TypeError, error);
    assert.equal(error.cause.reason, 'invalid-request');
  }
  browserThat(() => assert.fail('the browser was asked'));
  const error = await refusal(credentials.get({ publicKey: { challenge: 'not base64url!' } }));
  assert.ok(error instanceof TypeError);
});

test('a browser\'s refusal keeps its name and gets words', async () => {
  for (const [name, reason] of [
    ['NotAllowedError', 'cancelled'], ['InvalidStateError', 'key-registered'], ['SecurityError', 'rp-id-not-allowed'],
    ['ConstraintError', 'key-unable'], ['NotSupportedError', 'algorithm-unknown'], ['UnknownError', 'internal'],
  ]) {
    const native = new DOMException('no', name);
    browserThat(() => { throw native; });
    const error = await refusal(credentials.get({ publicKey: OPTIONS }));
    assert.equal(error.name, name);
    assert.equal(error.cause.reason, reason);
    assert.equal(error.cause.cause, native);
    assert.ok(error.cause.sentence && error.cause.advice && error.cause.code);
  }
});

test('a page that wants the browser where it has no WebAuthn is told', async () => {
  const error = await refusal(credentials.get({ publicKey: OPTIONS, use: 'browser' }));
  assert.equal(error.name, 'NotSupportedError');
  assert.equal(error.cause.sentence, 'This browser has no WebAuthn.');
});

test('aborting cancels at the agent and rejects with AbortError', async () => {
  const controller = new AbortController();
  const { port, agent } = await played((request, reply) =>
    request.method === 'webauthn.get' && reply.notify('operation.waiting', { request: request.id, for: 'use-key' }));
  const error = await refusal(credentials.get({
    publicKey: OPTIONS, port, signal: controller.signal, onWaiting: () => controller.abort(),
  }));
  assert.equal(error.name, 'AbortError');
  assert.equal(error.cause.reason, 'cancelled');
  await agent.left();
  const [, get, cancel] = agent.received;
  assert.deepEqual([cancel.method, cancel.params], ['operation.cancel', { request: get.id }]);
  const late = await refusal(credentials.get({ publicKey: OPTIONS, port, signal: controller.signal }));
  assert.equal(late.name, 'AbortError');
});

test('aborting reaches the browser', async () => {
  const controller = new AbortController();
  browserThat(({ signal }) => new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    controller.abort(new Error('enough'));
  }));
  const error = await refusal(credentials.get({ publicKey: OPTIONS, signal: controller.signal }));
  assert.equal(error.name, 'AbortError');
  assert.equal(error.cause.cause.message, 'enough');
});

test('without an agent and without WebAuthn nothing is allowed, and the kind says why', async () => {
  const agent = await startFakeAgent(() => true);
  await agent.close();
  const error = await refusal(credentials.get({ publicKey: OPTIONS, port: agent.port }));
  assert.equal(error.name, 'NotAllowedError');
  assert.equal(error.cause.kind, 'unreachable');
});

test('an agent that knows no security keys is too old', async () => {
  const agent = await startFakeAgent((request, reply) =>
    (reply.result({ agent: 'lanyard', version: '0.0.1', protocol: 1, methods: ['card.signIn'] }), true));
  undo.push(() => agent.close());
  const error = await refusal(credentials.get({ publicKey: OPTIONS, port: agent.port }));
  assert.equal(error.name, 'NotSupportedError');
  assert.equal(error.cause.reason, 'agent-too-old');
});

test('an agent that talks nonsense is an UnknownError', async () => {
  for (const result of [null, {}, { ...ASSERTION, rawId: '!' }, { ...ASSERTION, response: undefined }]) {
    const { port } = await answers(result);
    const error = await refusal(credentials.get({ publicKey: OPTIONS, port }));
    assert.equal(error.name, 'UnknownError');
    assert.equal(error.cause.reason, 'internal');
  }
});

test('a page inside another site\'s page asks nobody; one inside its own site\'s does', async () => {
  const { port, agent } = await answers(ASSERTION);
  const outside = { get location() { throw new DOMException('blocked', 'SecurityError'); } };
  for (const parent of [outside, { location: { origin: 'https://evil.example' } }]) {
    globalThis.parent = parent;
    const error = await refusal(credentials.get({ publicKey: OPTIONS, port }));
    assert.equal(error.name, 'SecurityError');
    assert.equal(error.cause.reason, 'not-allowed');
  }
  assert.equal(agent.received.length, 0);
  globalThis.parent = { location: globalThis.location };
  await credentials.get({ publicKey: OPTIONS, port });
});
