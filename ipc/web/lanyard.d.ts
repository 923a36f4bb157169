// SPDX-License-Identifier: MIT
//
// What a page can ask of Lanyard, and what it can be told. The behaviour behind these types is
// described in lanyard.js; the messages on the wire in ../PROTOCOL.md.
//
// An option that is not named here is refused with reason `invalid-request`, by its name.

/** Why no connection came about. `unreachable` covers an absent agent and a site that is not on the
 *  administrator's list alike, on purpose: a site that is not listed learns nothing. */
export type ConnectionFailure =
  | 'unreachable'
  | 'permission-needed'
  | 'permission-denied'
  | 'busy'
  | 'too-old';

export class LanyardError extends Error {
  /** Stable word for programs, e.g. `pin-blocked`, `no-card`, `cancelled`. */
  readonly reason: string;
  /** Stable number for people to quote, e.g. `LY-1004`. */
  readonly code: string;
  /** What happened, in plain English. The same as `message`. */
  readonly sentence: string;
  /** What the person can do next. */
  readonly advice: string;
  /** Set when the connection itself failed. */
  readonly kind: ConnectionFailure | null;
  /** The name of the exception with which `credentials` rejects for this: `NotAllowedError`, ... */
  readonly exception: string;
}

export type WaitingFor =
  | 'permission' // answer the browser's question (only while connecting)
  | 'turn' // finish or cancel the sign-in that came first
  | 'reader' // connect a reader
  | 'card' // insert a card
  | 'card-or-key' // insert a card or plug a security key in
  | 'choice' // say whose card it is
  | 'pin' // type the PIN into Lanyard's window
  | 'pin-pad' // type the PIN on the reader
  | 'signature' // the card is signing
  | 'provider' // the provider has not answered yet
  | 'role' // choose a role in Lanyard's window
  | 'use-key' // use a security key: Lanyard's window says how
  | 'browser'; // follow the browser's own window (credentials only)

export interface Waiting {
  for: WaitingFor;
  triesLeft?: number;
  /** The reader. Which security key it is no page is told. */
  reader?: string;
}

export interface Wait {
  /** Aborting it cancels the request at the agent and rejects with reason `cancelled`. */
  signal?: AbortSignal;
  /** What the person has to do now. */
  onWaiting?: (waiting: Waiting) => void;
  /** Milliseconds; two minutes unless told, as long as a provider's challenge lives. For security
   *  keys ten, since the agent ends it sooner: see `webauthn`. */
  timeout?: number;
}

export interface ConnectOptions extends Wait {
  /** 24290 unless a sandbox says otherwise. */
  port?: number;
}

export type Algorithm = 'ES256' | 'ES384' | 'PS256' | 'RS256';

export interface SignInOptions extends Wait {
  /** The provider's nonce: base64url, 32 to 256 bytes when decoded; for `web-eid:1.1` any 44 to 128
   *  printable ASCII characters. */
  challenge: string;
  format?: 'jws' | 'web-eid:1.1';
  /** What the provider accepts, best first. All of them unless told. */
  algorithms?: Algorithm[];
  interaction?: 'if-needed' | 'silent' | 'force';
}

export interface ProveOptions extends Wait {
  /** The provider's nonce: base64url, 32 to 256 bytes when decoded. */
  challenge: string;
  /** `silent` never asks the person, `force` always does. */
  interaction?: 'if-needed' | 'silent' | 'force';
  /** The PIN was typed at most so many seconds ago, 0 to 86,400 (OpenID Connect `max_age`). Any time
   *  in the session unless told. */
  maxAge?: number;
}

export interface SessionProof {
  /** JWS compact, for the provider to verify: PROTOCOL.md 3.3. */
  proof: string;
}

export interface BeginOptions extends Wait {
  /** The session that the provider has opened for this page's card token, or for what a security key
   *  has signed. Without it the agent opens one itself. */
  sid?: string;
}

export interface Role {
  id: string;
  name: string;
  organisation: string;
  code: string | null;
}

/** Nobody is signed in at this page's provider. */
export interface NoSession {
  state: 'none' | 'authenticating' | 'opening' | 'ended';
  /** One word for why the state changed last, e.g. `card-removed`. */
  cause: string | null;
}

/** Somebody is. Only while `state` is `active` does the agent make proofs. */
export interface LiveSession {
  state: 'active' | 'checking' | 'leaving' | 'locked';
  cause: string | null;
  provider: string;
  sid: string;
  uid: string;
  name: string | null;
  role: Role | null;
  roles: Role[];
  acr: string | null;
  amr: string[];
  /** Seconds since the epoch: when the PIN was typed, or the key knew its person otherwise. */
  authTime: number;
  /** Seconds. */
  expiresIn: number;
  /** Seconds; null: no limit. */
  idleIn: number | null;
  /** The session's card, or its security key, is in. */
  card: boolean;
  /** The provider answered last time. */
  reachable: boolean;
}

export type Session = NoSession | LiveSession;

export interface WebEidSigningCertificate {
  certificate: string;
  supportedSignatureAlgorithms: {
    cryptoAlgorithm: 'ECC' | 'RSA';
    hashFunction: 'SHA-256' | 'SHA-384';
    paddingScheme: 'NONE' | 'PKCS1.5' | 'PSS';
  }[];
}

export interface WebEidToken {
  /** 1.1 with one of the two lists, 1.0 with neither. */
  format: 'web-eid:1.0' | 'web-eid:1.1';
  unverifiedCertificate: string;
  algorithm: string;
  signature: string;
  appVersion: string;
  unverifiedIntermediateCertificates?: string[];
  unverifiedSigningCertificates?: WebEidSigningCertificate[];
  [more: string]: unknown;
}

export type CardToken =
  | { format: 'jws'; token: string }
  | { format: 'web-eid:1.1'; token: WebEidToken };

/** Options as a server gives them, in JSON, or with ArrayBuffers. */
export type GetOptions = PublicKeyCredentialRequestOptions | PublicKeyCredentialRequestOptionsJSON;
export type CreateOptions = PublicKeyCredentialCreationOptions | PublicKeyCredentialCreationOptionsJSON;

export interface KeyOptions extends Wait {
  /** Who asks the security key. `either`, the default: the browser where it has WebAuthn, and the
   *  agent where it has none. */
  use?: 'browser' | 'agent' | 'either';
  /** A connection for the agent's part; without one it is made and closed again. */
  agent?: Lanyard;
  /** As for `connect`. */
  port?: number;
}

/** Shaped as a PublicKeyCredential, and one where the browser has asked the key. */
export interface KeyCredential<Response, Json> {
  readonly id: string;
  readonly type: string;
  readonly rawId: ArrayBuffer;
  readonly authenticatorAttachment: string | null;
  readonly response: Response;
  getClientExtensionResults(): AuthenticationExtensionsClientOutputs;
  /** For the server. */
  toJSON(): Json;
}

export interface Assertion {
  readonly clientDataJSON: ArrayBuffer;
  readonly authenticatorData: ArrayBuffer;
  readonly signature: ArrayBuffer;
  readonly userHandle: ArrayBuffer | null;
}

export interface Registration {
  readonly clientDataJSON: ArrayBuffer;
  readonly attestationObject: ArrayBuffer;
  getAuthenticatorData(): ArrayBuffer;
  getPublicKey(): ArrayBuffer | null;
  getPublicKeyAlgorithm(): number;
  getTransports(): string[];
}

/** Security keys, in the shape of `navigator.credentials`. Rejects as that does, with a DOMException
 *  or a TypeError, whose `cause` is a LanyardError. The agent is not asked for a page inside another
 *  origin's page: that is a SecurityError. `timeout` is for the agent's part only; a browser goes by
 *  `publicKey.timeout`. */
export const credentials: {
  get(options: KeyOptions & {
    publicKey: GetOptions;
    /** The provider opens a session with this sign-in, and `begin` follows: pass the connection for
     *  both as `agent`. Only the agent can do it, so `either` means it then. */
    session?: boolean;
  }): Promise<KeyCredential<Assertion, AuthenticationResponseJSON>>;
  create(options: KeyOptions & {
    publicKey: CreateOptions;
  }): Promise<KeyCredential<Registration, RegistrationResponseJSON>>;
};

/** What a connection dispatches. */
export interface LanyardEvents {
  /** While a sign-in is under way: how many readers and cards there are. */
  'card.changed': CustomEvent<{ readers: number; cards: number }>;
  /** Signed in, locked, ended, another role: at any time. */
  'session.changed': CustomEvent<Session>;
  /** The connection has ended, and with it all that is known of the session. */
  close: CustomEvent<LanyardError>;
}

/** A connection to the agent. Its events are CustomEvents: see LanyardEvents for their `detail`. */
export class Lanyard extends EventTarget {
  private constructor();
  /** Rejects with a LanyardError whose `kind` says what stood in the way. */
  static connect(options?: ConnectOptions): Promise<Lanyard>;
  readonly version: string;
  readonly methods: readonly string[];
  /** Proves that somebody is signed in, who signs in first where that is needed. */
  prove(options: ProveOptions): Promise<SessionProof>;
  /** Has the card sign. Then `begin` with what the provider has opened for it. */
  signIn(options: SignInOptions): Promise<CardToken>;
  begin(options?: BeginOptions): Promise<Session>;
  /** A security key's answer as servers take it; `credentials` gives it the shape of a browser's.
   *  As long as `publicKey.timeout` says, half a minute to ten; where it says nothing five minutes,
   *  or two where no PIN can be asked for. */
  webauthn(what: 'get', options: Wait & {
    publicKey: GetOptions; session?: boolean;
  }): Promise<AuthenticationResponseJSON>;
  webauthn(what: 'create', options: Wait & {
    publicKey: CreateOptions;
  }): Promise<RegistrationResponseJSON>;
  status(options?: { signal?: AbortSignal }): Promise<Session>;
  /** Signs out, everywhere on this desktop and at the provider. */
  endSession(options?: { signal?: AbortSignal }): Promise<void>;
  addEventListener<K extends keyof LanyardEvents>(
    type: K,
    listener: ((event: LanyardEvents[K]) => void) | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  close(): void;
}
