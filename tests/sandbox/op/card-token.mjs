// SPDX-License-Identifier: MIT
//
// How a provider verifies a card token (ipc/PROTOCOL.md, section 3.1). Meant to be copied.
//
//   const trust = makeTrust({ anchors: [rootPem], intermediates: [subPem], lists: [subCrl, rootCrl] });
//   const { uid, sessionKey } = await verifyCardToken(token, { origin, redeem, trust });
//
// The token is a JWS that the card itself signed. It proves who holds the card only if all of this
// is true, so all of it is checked and nothing is optional: the certificate is one of ours, valid
// today, not revoked and meant for signing in; the signature is by its key; and the person signed for
// this very site, just now, once. Everything that is not right ends in a TokenRefused with its own
// reason: a provider logs the reason and shows the person one sentence.
//
// What is checked of the certificate is in chain.mjs, on top of x509.mjs: copy all three.
//
// `redeem(nonce)` is the provider's: it answers 'ok' once for a challenge it issued at most two
// minutes ago, and 'unknown' or 'stale' otherwise (challenges.mjs).

import { createPublicKey } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { checkCertificate, readCertificate, TokenRefused } from './chain.mjs';

export { makeTrust, TokenRefused } from './chain.mjs';

const TYPE = 'lanyard-card+jwt';
const LIFETIME = 120; // seconds, what the agent gives a token
const CLOCKS_DIFFER = 30; // seconds, between this server and a desktop

export async function verifyCardToken(token, { origin, redeem, trust, now = new Date() }) {
  const { header, certificates } = readHeader(token);
  const holder = certificates[0];
  if (header.typ !== TYPE) throw new TokenRefused('wrong-type', JSON.stringify(header.typ));
  if (!algorithmsOf(holder.publicKey).includes(header.alg)) {
    throw new TokenRefused('wrong-algorithm', JSON.stringify(header.alg));
  }
  const claims = await verifySignature(token, { key: holder.publicKey, alg: header.alg, origin, now });
  checkClaims(claims, origin);
  checkNonce(claims.nonce, redeem);
  checkSessionKey(claims.cnf);
  checkCertificate(holder, { others: certificates.slice(1), trust, now });
  return { uid: uidOf(holder), certificate: holder, sessionKey: claims.cnf.jwk, claims };
}

function readHeader(token) {
  try {
    const header = decodeProtectedHeader(token);
    if (!(header.x5c.length > 0 && header.x5c.length <= 8)) throw new RangeError('x5c');
    return { header, certificates: header.x5c.map(readCertificate) };
  } catch (error) {
    if (error instanceof TokenRefused) throw error;
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
    if (error.claim === 'iat' && error.reason === 'check_failed') throw new TokenRefused('token-from-the-future');
    throw new TokenRefused('malformed', error.message);
  }
}

// What a JWT library lets pass: several sites at once, any end, and claims of any type.
function checkClaims({ aud, iat, exp, jti }, origin) {
  if (aud !== origin) throw new TokenRefused('wrong-origin');
  if (!Number.isInteger(iat) || exp !== iat + LIFETIME) throw new TokenRefused('malformed', 'iat, exp');
  if (typeof jti !== 'string' || jti === '') throw new TokenRefused('malformed', 'jti');
}

export function checkNonce(nonce, redeem) {
  const answer = typeof nonce === 'string' ? redeem(nonce) : 'unknown';
  if (answer === 'stale') throw new TokenRefused('stale-challenge');
  if (answer !== 'ok') throw new TokenRefused('unknown-challenge');
}

// A point on the curve, written the one way there is, and nothing besides.
export function checkSessionKey(cnf) {
  const key = readPublicKey(cnf?.jwk);
  const fits = key?.crv === 'P-256' && isDeepStrictEqual(cnf, { jwk: key });
  if (!fits) throw new TokenRefused('wrong-session-key');
}

function readPublicKey(jwk) {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'jwk' });
  } catch {
    return null;
  }
}

export function uidOf(certificate) {
  const { CN } = certificate.toLegacyObject().subject;
  if (!/^\d{12}$/.test(CN)) throw new TokenRefused('no-uid');
  return CN;
}
