// SPDX-License-Identifier: MIT
//
// The page's way to Lanyard, the agent on the person's own computer.
//
//   const agent = await Lanyard.connect({ signal, onWaiting });
//   const { proof } = await agent.prove({ challenge, signal, onWaiting });
//   agent.addEventListener('session.changed', ({ detail }) => ...);
//
//   const credential = await credentials.get({ publicKey, signal, onWaiting });  // a security key
//
// The agent listens on a WebSocket at 127.0.0.1 and speaks JSON-RPC (ipc/PROTOCOL.md). Two things
// are hard about that and are solved here, once. A browser never tells a page why a WebSocket
// failed, and it may hold one back for as long as it asks the person whether this site may talk to
// this computer. So the permission's state is asked for beside the attempt, the page is told when
// the person has a question to answer, and every failure becomes one LanyardError with a reason to
// compare, a code to quote, a sentence to show and the advice that goes with it.
//
// Every wait ends: by an answer, by the caller's AbortSignal, or by a time-out. Nothing polls.
// An option that a call does not know is refused, so that a misspelt one never changes what is asked.

const PROTOCOL = 1;
const SUBPROTOCOL = 'lanyard.v1';
const PORT = 24290;

const ANSWER_WITHIN = 5_000; // an agent on this computer answers in milliseconds
const PERSON_WITHIN = 120_000; // as long as a provider's challenge lives
const PROMPT_SHOWS_AFTER = 300; // longer than any connection that nobody holds back
const KEY_WITHIN = 610_000; // the agent ends it in ten minutes at most, and says why

// For requests that wait for nobody.
const AT_ONCE = { timeout: ANSWER_WITHIN, late: 'agent-unreachable' };

// What the client itself can report, in the words of ipc/base/outcome.h.
// The agent's own errors carry their words with them.
const OUTCOMES = {
  'cancelled': ['LY-1001', 'The sign-in was cancelled.',
    'Start again when you are ready, or choose another way to sign in.'],
  'timed-out': ['LY-1002', 'Nobody answered in time, so it was given up.',
    'Start again when you are ready.'],
  'busy': ['LY-1402', 'Too many sign-ins are waiting already.',
    'Finish or cancel the others and start again.'],
  'not-allowed': ['LY-1404', 'This site may not ask for a sign-in here.',
    'An administrator can add it to the providers in Lanyard\'s configuration.'],
  'invalid-request': ['LY-1405', 'The request is not valid.',
    'This is a fault of the page or program that asked. Tell its makers.'],
  'agent-unreachable': ['LY-1406', 'Lanyard, this computer\'s sign-in program, cannot be reached.',
    'Log in to this computer again, or ask your IT service desk.'],
  'agent-too-old': ['LY-1407', 'The Lanyard on this computer is too old.',
    'Ask your IT service desk to update it.'],
  'permission-needed': ['LY-1501', 'Your browser has not let this site reach Lanyard yet.',
    'Start again and choose Allow when your browser asks. If it does not ask, tell your IT service desk.'],
  'permission-denied': ['LY-1502', 'Your browser does not let this site reach Lanyard.',
    'Open the site settings beside the address, allow access to this device, and start again.'],
  'key-registered': ['LY-1804', 'This security key is registered with this site already.',
    'Sign in with it, or register another key.'],
  'key-unable': ['LY-1805', 'This security key cannot do what this site asks for.',
    'Use another security key, or ask your IT service desk.'],
  'rp-id-not-allowed': ['LY-1817', 'This site may not use security keys of that name.',
    'This is a fault of the page or program that asked. Tell its makers.'],
  'algorithm-unknown': ['LY-1818', 'This site asks for a kind of security key that does not exist here.',
    'This is a fault of the page or program that asked. Tell its makers.'],
  'internal': ['LY-1901', 'Something went wrong inside Lanyard. Nobody was signed in.',
    'Start again. If it persists, send your IT service desk the code.'],
};

// Which of the five ways a connection fails in. `null` for everything a request can end with.
const KINDS = {
  'agent-unreachable': 'unreachable',
  'permission-needed': 'permission-needed',
  'permission-denied': 'permission-denied',
  'busy': 'busy',
  'agent-too-old': 'too-old',
};

// With which DOMException navigator.credentials would reject, where the agent has not said it.
const EXCEPTIONS = {
  'invalid-request': 'TypeError',
  'not-allowed': 'SecurityError',
  'agent-too-old': 'NotSupportedError',
  'internal': 'UnknownError',
};
// The other way round: what a browser's own WebAuthn means by each.
const REASONS = {
  NotAllowedError: 'cancelled',
  InvalidStateError: 'key-registered',
  ConstraintError: 'key-unable',
  SecurityError: 'rp-id-not-allowed',
  NotSupportedError: 'algorithm-unknown',
  TypeError: 'invalid-request',
};

export class LanyardError extends Error {
  constructor(reason, { code, sentence, advice, exception, cause } = {}) {
    const known = OUTCOMES[reason] ?? OUTCOMES.internal;
    super(sentence ?? known[1], cause === undefined ? undefined : { cause });
    this.name = 'LanyardError';
    this.reason = reason;
    this.kind = KINDS[reason] ?? null;
    this.code = code ?? known[0];
    this.sentence = this.message;
    this.advice = advice ?? known[2];
    this.exception = exception ?? EXCEPTIONS[reason] ?? 'NotAllowedError';
  }
}

// Security keys, in the shape of navigator.credentials. The options are the ordinary ones, with
// ArrayBuffers, or a server's JSON; what comes back is shaped as a PublicKeyCredential, its toJSON()
// included, whoever has asked the key.
//
// `use` says who: 'browser', 'agent', or 'either', which it is unless told: the browser where it has
// WebAuthn, and the agent where it has none. `session` (get) means that session.begin is to follow;
// only the agent can do that, so 'either' is then the agent. `agent` is a connection to use; without
// one it is made (at `port`) and closed again.
//
// What fails rejects as navigator.credentials does, with a DOMException or a TypeError. Its `cause`
// is the LanyardError, with the sentence and the advice.
export const credentials = {
  get: (options) => ceremony('get', options),
  create: (options) => ceremony('create', options),
};

export class Lanyard extends EventTarget {
  #socket;
  #requests = new Map(); // id -> { resolve, reject, onWaiting }
  #lastId = 0;
  #ended = null; // the error that every later request gets

  // Reaches the agent, or rejects with a LanyardError whose `kind` says what stood in the way.
  // onWaiting({ for: 'permission' }) means: the browser is asking the person.
  static async connect({ port = PORT, signal, onWaiting, timeout = PERSON_WITHIN, ...others } = {}) {
    refuseOthers('connect', others);
    const socket = await open(port, { signal, onWaiting, timeout });
    const agent = new Lanyard(socket);
    try {
      const hello = await agent.#request('agent.hello', { protocol: [PROTOCOL] },
        { signal, ...AT_ONCE });
      if (hello?.protocol !== PROTOCOL) throw new LanyardError('agent-too-old');
      agent.version = hello.version;
      agent.methods = hello.methods ?? [];
      return agent;
    } catch (error) {
      agent.close();
      throw error;
    }
  }

  // For connect() only.
  constructor(socket) {
    super();
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code }) => this.#end(closeReason(code));
  }

  // The card signs the provider's challenge: base64url of 32 to 256 bytes, or for 'web-eid:1.1' any
  // 44 to 128 printable ASCII characters. Resolves with { format, token }; format is what was asked
  // for, and a Web eID token says by its own whether it is web-eid:1.1 or 1.0.
  async signIn({
    challenge, format, algorithms, interaction, signal, onWaiting, timeout, ...others
  } = {}) {
    refuseOthers('signIn', others);
    const params = { challenge, format, algorithms, interaction };
    return this.#request('card.signIn', params, { signal, onWaiting, timeout });
  }

  // A proof that somebody is signed in, made for the provider's challenge (base64url of 32 to 256
  // bytes); the person signs in first where that is needed. Resolves with { proof }. Reason
  // 'no-session': this page does it with signIn() and begin().
  async prove({ challenge, interaction, maxAge, signal, onWaiting, timeout, ...others } = {}) {
    refuseOthers('prove', others);
    const params = { challenge, interaction, maxAge };
    return this.#request('session.prove', params, { signal, onWaiting, timeout });
  }

  // Takes over the session that the provider has opened for the token of signIn(), or without a sid
  // has the agent open one. Resolves with the session, as status() does.
  async begin({ sid, signal, onWaiting, timeout, ...others } = {}) {
    refuseOthers('begin', others);
    return this.#request('session.begin', { sid }, { signal, onWaiting, timeout });
  }

  // What a security key answers, 'get' or 'create', in JSON as servers take it; `credentials` gives
  // it the shape that a browser's has. With `session` begin() follows, as after signIn().
  async webauthn(what, {
    publicKey, session, signal, onWaiting, timeout = KEY_WITHIN, ...others
  } = {}) {
    refuseOthers('webauthn', others);
    const method = `webauthn.${what}`;
    if (!this.methods.includes(method)) throw new LanyardError('agent-too-old');
    const params = { publicKey: jsonOf(publicKey), session };
    return this.#request(method, params, { signal, onWaiting, timeout });
  }

  // Who is signed in: { state, ... }. What changes from then on comes as 'session.changed', so a
  // page that follows the session listens first and asks second.
  async status({ signal, ...others } = {}) {
    refuseOthers('status', others);
    return this.#request('session.status', {}, { signal, ...AT_ONCE });
  }

  // Signs out; resolves also when nobody was signed in.
  async endSession({ signal, ...others } = {}) {
    refuseOthers('endSession', others);
    await this.#request('session.end', {}, { signal, ...AT_ONCE });
  }

  // Ends the connection; whatever is under way is cancelled by the agent.
  close() {
    this.#end('cancelled');
    this.#socket.close();
  }

  #request(method, params, { signal, onWaiting, timeout = PERSON_WITHIN, late = 'timed-out' }) {
    const id = ++this.#lastId;
    const giveUp = (reason, cause) => {
      if (!this.#requests.has(id)) return;
      this.#send({ method: 'operation.cancel', params: { request: id }, id: ++this.#lastId });
      this.#settle(id, ({ reject }) => reject(new LanyardError(reason, { cause })));
    };
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      if (signal?.aborted) return reject(new LanyardError('cancelled', { cause: signal.reason }));
      const clear = bound(signal, timeout, giveUp, late);
      this.#requests.set(id, { resolve, reject, onWaiting, clear });
      this.#send({ method, params, id });
    });
  }

  #send(message) {
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', ...message }));
  }

  #receive(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return this.close();
    }
    if (message.method === 'operation.waiting') this.#waiting(message.params ?? {});
    else if (message.method) {
      this.dispatchEvent(new CustomEvent(message.method, { detail: message.params }));
    } else if (message.error) {
      this.#settle(message.id, ({ reject }) => reject(errorOf(message.error)));
    } else this.#settle(message.id, ({ resolve }) => resolve(message.result));
  }

  #waiting({ request, ...what }) {
    this.#requests.get(request)?.onWaiting?.(what);
  }

  #settle(id, how) {
    const request = this.#requests.get(id);
    if (!request) return; // the answer to a cancellation, or to a request given up
    this.#requests.delete(id);
    request.clear();
    how(request);
  }

  #end(reason) {
    if (this.#ended) return;
    this.#ended = new LanyardError(reason);
    for (const id of [...this.#requests.keys()]) {
      this.#settle(id, ({ reject }) => reject(this.#ended));
    }
    this.dispatchEvent(new CustomEvent('close', { detail: this.#ended }));
  }
}

function refuseOthers(call, others) {
  const [name] = Object.keys(others);
  if (name === undefined) return;
  throw new LanyardError('invalid-request', { sentence: `${name}: there is no such option of ${call}` });
}

// Opens the WebSocket and finds out why, when it does not open.
function open(port, { signal, onWaiting, timeout }) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new LanyardError('cancelled', { cause: signal.reason }));
    const permission = askPermission();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1`, SUBPROTOCOL);
    let asked = false; // the browser is holding the socket back to ask the person
    let clear = bound(signal, ANSWER_WITHIN, fail, 'agent-unreachable');

    const prompt = setTimeout(async () => {
      asked = (await permission)?.state === 'prompt' && socket.readyState === WebSocket.CONNECTING;
      if (!asked) return;
      clear();
      clear = bound(signal, timeout, fail, 'permission-needed');
      onWaiting?.({ for: 'permission' });
    }, PROMPT_SHOWS_AFTER);

    function finish() {
      clearTimeout(prompt);
      clear();
      socket.onopen = socket.onclose = null;
    }
    function fail(reason, cause) {
      finish();
      socket.close();
      reject(new LanyardError(reason, { cause }));
    }
    socket.onopen = () => {
      finish();
      resolve(socket);
    };
    socket.onclose = async ({ code }) => {
      const closed = closeReason(code);
      fail(closed === 'agent-unreachable' ? whyUnreachable(await askPermission(), asked) : closed);
    };
  });
}

// The permission for Local Network Access (its name, then its older alias); null in a browser
// without it. Its state changes by itself when the person answers, but perhaps only after the
// socket has closed for that reason: then it has to be asked for again.
async function askPermission() {
  for (const name of ['loopback-network', 'local-network-access']) {
    try {
      return await navigator.permissions.query({ name });
    } catch {
      // a name that this browser does not know
    }
  }
  return null;
}

// Browsers ask only once something has answered at the agent's port, and hold the socket while they
// ask. A socket that failed without a question therefore met nobody, unless the answer was no. The
// state says nothing on a page served by this very computer, which needs no permission.
function whyUnreachable(permission, asked) {
  const local = /^(localhost|127(\.\d+){3}|\[::1\]|.*\.localhost)$/.test(location.hostname);
  if (!permission || local) return 'agent-unreachable';
  if (permission.state === 'denied') return 'permission-denied';
  return asked && permission.state === 'prompt' ? 'permission-needed' : 'agent-unreachable';
}

// 1008: too many requests; 1013: try again later (RFC 6455 and its registry).
function closeReason(code) {
  return code === 1008 || code === 1013 ? 'busy' : 'agent-unreachable';
}

function errorOf({ message, data = {} }) {
  return new LanyardError(data.reason ?? 'internal',
    { code: data.code, sentence: data.reason && message, advice: data.advice, exception: data.name });
}

// Calls giveUp once the signal aborts or the time is over; returns the function that calls it off.
function bound(signal, timeout, giveUp, late) {
  const abort = () => giveUp('cancelled', signal.reason);
  const timer = setTimeout(() => giveUp(late), timeout);
  signal?.addEventListener('abort', abort);
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  };
}

/* ---- security keys ---- */

async function ceremony(what, {
  publicKey, session, use = 'either', agent, port, signal, onWaiting, timeout, ...others
} = {}) {
  try {
    refuseOthers(`credentials.${what}`, others);
    if (typeof publicKey !== 'object' || publicKey === null) throw invalid('publicKey is missing');
    if (!['browser', 'agent', 'either'].includes(use)) throw invalid(`use: there is no "${use}"`);
    if (use === 'browser' && session) throw invalid('session: a browser cannot do that');
    const browser = use === 'browser' || (use === 'either' && !session && browserKnowsKeys());
    return browser ? await byBrowser(what, { publicKey, signal, onWaiting })
      : await byAgent(what, { publicKey, session, agent, port, signal, onWaiting, timeout });
  } catch (error) {
    throw rejectionOf(error, signal);
  }
}

const invalid = (sentence, exception) => new LanyardError('invalid-request', { sentence, exception });

const browserKnowsKeys = () => typeof PublicKeyCredential === 'function';

async function byBrowser(what, { publicKey, signal, onWaiting }) {
  if (!browserKnowsKeys()) throw invalid('This browser has no WebAuthn.', 'NotSupportedError');
  const options = { publicKey: bytesIn(publicKey, OPTIONS), signal };
  onWaiting?.({ for: 'browser' });
  const credential = await navigator.credentials[what](options);
  if (!credential) throw new LanyardError('cancelled');
  if (!credential.toJSON) {
    Object.defineProperty(credential, 'toJSON', { value: () => jsonOfBrowsers(credential) });
  }
  return credential;
}

async function byAgent(what, { publicKey, session, agent, port, signal, onWaiting, timeout }) {
  if (isFramedByOthers()) {
    throw new LanyardError('not-allowed', {
      sentence: 'A page inside another site\'s page may not use security keys.',
      advice: 'Open this site by itself and start again.',
    });
  }
  const options = { publicKey, session, signal, onWaiting, timeout };
  const reached = agent ?? await Lanyard.connect({ port, signal, onWaiting });
  try {
    return credentialOf(await reached.webauthn(what, options));
  } finally {
    if (!agent) reached.close();
  }
}

// The agent knows the origin of the page that asks and nothing of pages around it, and says that
// there are none of another origin.
function isFramedByOthers() {
  try {
    for (let page = globalThis; page.parent && page.parent !== page; page = page.parent) {
      if (page.parent.location.origin !== location.origin) return true;
    }
    return false;
  } catch {
    return true; // the parent may not even be asked
  }
}

// What the agent has answered, as a browser would give it.
function credentialOf(json) {
  try {
    const { id, type, rawId, authenticatorAttachment = null, response, clientExtensionResults } = json;
    const results = bytesIn(clientExtensionResults, EXTENSION_RESULTS);
    return {
      id,
      type,
      authenticatorAttachment,
      rawId: bytesOf(rawId),
      response: response.attestationObject ? registrationOf(response) : assertionOf(response),
      getClientExtensionResults: () => results,
      toJSON: () => json,
    };
  } catch (error) {
    throw new LanyardError('internal', { cause: error });
  }
}

function assertionOf({ clientDataJSON, authenticatorData, signature, userHandle }) {
  return {
    clientDataJSON: bytesOf(clientDataJSON),
    authenticatorData: bytesOf(authenticatorData),
    signature: bytesOf(signature),
    userHandle: userHandle ? bytesOf(userHandle) : null,
  };
}

function registrationOf({
  clientDataJSON, attestationObject, authenticatorData, publicKey, publicKeyAlgorithm, transports = [],
}) {
  return {
    clientDataJSON: bytesOf(clientDataJSON),
    attestationObject: bytesOf(attestationObject),
    getAuthenticatorData: () => bytesOf(authenticatorData),
    getPublicKey: () => publicKey ? bytesOf(publicKey) : null,
    getPublicKeyAlgorithm: () => publicKeyAlgorithm,
    getTransports: () => [...transports],
  };
}

// For browsers that know keys and not their JSON.
function jsonOfBrowsers(credential) {
  const { id, type, rawId, authenticatorAttachment, response } = credential;
  const { clientDataJSON, authenticatorData, signature, userHandle, attestationObject } = response;
  const registered = attestationObject && {
    attestationObject,
    authenticatorData: response.getAuthenticatorData?.(),
    publicKey: response.getPublicKey?.() ?? undefined,
    publicKeyAlgorithm: response.getPublicKeyAlgorithm?.(),
    transports: response.getTransports?.() ?? [],
  };
  return jsonOf({
    id,
    type,
    rawId,
    authenticatorAttachment: authenticatorAttachment ?? undefined,
    response: {
      clientDataJSON,
      ...(registered ?? { authenticatorData, signature, userHandle: userHandle ?? undefined }),
    },
    clientExtensionResults: credential.getClientExtensionResults(),
  });
}

function rejectionOf(error, signal) {
  const told = error instanceof LanyardError;
  const reason = signal?.aborted ? 'cancelled' : REASONS[error?.name] ?? 'internal';
  const cause = told ? error : new LanyardError(reason, { cause: error });
  const name = signal?.aborted ? 'AbortError' : told ? error.exception : nameOf(error);
  const rejection = name === 'TypeError' ? new TypeError(cause.sentence)
    : new DOMException(cause.sentence, name);
  return Object.defineProperty(rejection, 'cause', { value: cause });
}

const nameOf = (error) => Object.hasOwn(REASONS, error?.name) ? error.name : 'UnknownError';

// Where there are bytes in what a page gives to WebAuthn, and in what it gets from its extensions:
// in JSON they are base64url.
const BYTES = Symbol('bytes');
const TWO_INPUTS = { first: BYTES, second: BYTES };
const OPTIONS = {
  challenge: BYTES,
  user: { id: BYTES },
  allowCredentials: [{ id: BYTES }],
  excludeCredentials: [{ id: BYTES }],
  extensions: {
    prf: { eval: TWO_INPUTS, evalByCredential: { any: TWO_INPUTS } },
    largeBlob: { write: BYTES },
  },
};
const EXTENSION_RESULTS = { prf: { results: TWO_INPUTS }, largeBlob: { blob: BYTES } };

// The same value, with bytes in place of base64url wherever `shape` says so.
function bytesIn(value, shape) {
  if (shape === BYTES) return typeof value === 'string' ? bytesOf(value) : value;
  if (!shape || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => bytesIn(each, shape[0]));
  return Object.fromEntries(Object.entries(value).map(
    ([name, each]) => [name, bytesIn(each, shape[name] ?? shape.any)]));
}

// The same value, with base64url in place of bytes wherever there are any.
function jsonOf(value) {
  if (value instanceof ArrayBuffer) return base64url(new Uint8Array(value));
  if (ArrayBuffer.isView(value)) {
    return base64url(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(jsonOf);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, jsonOf(each)]));
}

function base64url(bytes) {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  return text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

function bytesOf(text) {
  if (!/^[\w-]*$/.test(text)) throw new TypeError('not base64url');
  const bytes = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(bytes, (character) => character.charCodeAt(0)).buffer;
}
