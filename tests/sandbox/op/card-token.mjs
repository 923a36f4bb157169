// SPDX-License-Identifier: MIT
//
// How a provider verifies a card token (ipc/PROTOCOL.md, section 3.1). Meant to be copied.
//
//   const trust = makeTrust({ anchors: [rootPem], intermediates: [subPem], lists: [crlDer] });
//   const { uid, sessionKey } = await verifyCardToken(token, { origin, redeem, trust });
//
// The token is a JWS that the card itself signed. It proves who holds the card only if all of this
// is true, so all of it is checked and nothing is optional: the certificate is one of ours, valid
// today, not revoked and meant for signing; the signature is by its key; and the person signed for
// this very site, just now, once. Everything that is not right ends in a TokenRefused with its own
// reason: a provider logs the reason and shows the person one sentence.
//
// `redeem(nonce)` is the provider's: it answers 'ok' once for a challenge it issued at most two
// minutes ago, and 'unknown' or 'stale' otherwise (challenges.mjs).

import { X509Certificate } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { maySign, readRevocationList } from './x509.mjs';

const TYPE = 'lanyard-card+jwt';
const LIFETIME = 120; // seconds, what the agent gives a token
const CLOCKS_DIFFER = 30; // seconds, between this server and a desktop

export class TokenRefused extends Error {
  constructor(reason, detail) {
    super(detail ? `${reason}: ${detail}` : reason);
    this.reason = reason;
  }
}

// PEM or DER in; what the checks below need out. Read it once, and again when a list is renewed.
export function makeTrust({ anchors, intermediates = [], lists }) {
  return {
    anchors: anchors.map((each) => new X509Certificate(each)),
    intermediates: intermediates.map((each) => new X509Certificate(each)),
    lists: lists.map(readRevocationList),
  };
}

export async function verifyCardToken(token, { origin, redeem, trust, now = new Date() }) {
  const { header, certificates } = readHeader(token);
  const holder = certificates[0];
  if (header.typ !== TYPE) throw new TokenRefused('wrong-type', String(header.typ));
  if (!algorithmsOf(holder.publicKey).includes(header.alg)) {
    throw new TokenRefused('wrong-algorithm', String(header.alg));
  }
  const claims = await verifySignature(token, { key: holder.publicKey, alg: header.alg, origin, now });
  checkNonce(claims.nonce, redeem);
  checkSessionKey(claims.cnf?.jwk);
  checkCertificate(holder, { others: certificates.slice(1), trust, now });
  return { uid: uidOf(holder), certificate: holder, sessionKey: claims.cnf.jwk, claims };
}

function readHeader(token) {
  try {
    const header = decodeProtectedHeader(token);
    const certificates = header.x5c.map((each) => new X509Certificate(Buffer.from(each, 'base64')));
    if (certificates.length === 0 || certificates.length > 8) throw new RangeError('x5c');
    return { header, certificates };
  } catch (error) {
    throw new TokenRefused('malformed', error.message);
  }
}

// The key decides what the algorithm may be; the token's word alone decides nothing.
function algorithmsOf(key) {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2048) return ['RS256', 'PS256'];
  return { prime256v1: ['ES256'], secp384r1: ['ES384'] }[namedCurve] ?? [];
}

async function verifySignature(token, { key, alg, origin, now }) {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [alg],
      audience: origin,
      maxTokenAge: LIFETIME,
      clockTolerance: CLOCKS_DIFFER,
      currentDate: now,
      requiredClaims: ['aud', 'nonce', 'iat', 'exp', 'jti', 'cnf'],
    });
    return payload;
  } catch (error) {
    if (error.code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED') throw new TokenRefused('bad-signature');
    if (error.code === 'ERR_JWT_EXPIRED') throw new TokenRefused('token-expired');
    if (error.claim === 'aud') throw new TokenRefused('wrong-origin');
    if (error.claim === 'iat') throw new TokenRefused('token-from-the-future');
    throw new TokenRefused('malformed', error.message);
  }
}

export function checkNonce(nonce, redeem) {
  const answer = redeem(nonce);
  if (answer === 'stale') throw new TokenRefused('stale-challenge');
  if (answer !== 'ok') throw new TokenRefused('unknown-challenge');
}

function checkSessionKey(jwk) {
  const coordinate = /^[A-Za-z0-9_-]{43}$/;
  const fits = jwk?.kty === 'EC' && jwk.crv === 'P-256' && !('d' in jwk) &&
    coordinate.test(jwk.x) && coordinate.test(jwk.y);
  if (!fits) throw new TokenRefused('wrong-session-key');
}

// From the card holder's certificate up to one of our anchors; `others` came with the token and are
// candidates on the way, trusted for nothing by themselves.
export function checkCertificate(holder, { others = [], trust, now }) {
  if (!maySign(holder)) throw new TokenRefused('key-not-for-signing');
  const candidates = [...trust.anchors, ...trust.intermediates, ...others];
  let current = holder;
  for (let length = 0; length < 8; length++) {
    checkDates(current, now);
    if (trust.anchors.some((anchor) => anchor.raw.equals(current.raw))) return;
    const issuer = candidates.find((each) =>
      each.ca && current.checkIssued(each) && current.verify(each.publicKey));
    if (!issuer) throw new TokenRefused('unknown-authority');
    checkRevocation(current, issuer, { trust, now, required: current === holder });
    current = issuer;
  }
  throw new TokenRefused('unknown-authority');
}

function checkDates(certificate, now) {
  if (now < new Date(certificate.validFrom)) throw new TokenRefused('certificate-not-yet-valid');
  if (now > new Date(certificate.validTo)) throw new TokenRefused('certificate-expired');
}

// No list, or an old one, is no proof that a card is still good.
function checkRevocation(certificate, issuer, { trust, now, required }) {
  const lists = trust.lists.filter((each) => each.isBy(issuer) && now <= each.nextUpdate);
  if (lists.some((each) => each.has(certificate))) throw new TokenRefused('certificate-revoked');
  if (required && lists.length === 0) throw new TokenRefused('revocation-unknown');
}

export function uidOf(certificate) {
  const { CN } = certificate.toLegacyObject().subject;
  if (!/^\d{12}$/.test(CN)) throw new TokenRefused('no-uid');
  return CN;
}
