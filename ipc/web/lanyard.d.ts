// SPDX-License-Identifier: MIT
//
// What a page can ask of Lanyard, and what it can be told. The behaviour behind these types is
// described in lanyard.js; the messages on the wire in ../PROTOCOL.md.

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
}

export type WaitingFor =
  | 'permission' // answer the browser's question (only while connecting)
  | 'turn' // finish or cancel the sign-in that came first
  | 'reader' // connect a reader
  | 'card' // insert a card
  | 'choice' // say whose card it is
  | 'pin' // type the PIN into Lanyard's window
  | 'pin-pad' // type the PIN on the reader
  | 'signature'; // the card is signing

export interface Waiting {
  for: WaitingFor;
  triesLeft?: number;
  reader?: string;
}

export interface Wait {
  /** Aborting it cancels the request at the agent and rejects with reason `cancelled`. */
  signal?: AbortSignal;
  /** What the person has to do now. */
  onWaiting?: (waiting: Waiting) => void;
  /** Milliseconds; two minutes unless told, as long as a provider's challenge lives. */
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

/** A connection to the agent. While a sign-in is under way it dispatches `card.changed`, a CustomEvent
 *  with the notification's parameters as `detail`; `close` has the LanyardError that ended it. */
export class Lanyard extends EventTarget {
  private constructor();
  /** Rejects with a LanyardError whose `kind` says what stood in the way. */
  static connect(options?: ConnectOptions): Promise<Lanyard>;
  readonly version: string;
  readonly methods: readonly string[];
  signIn(options: SignInOptions): Promise<CardToken>;
  close(): void;
}
