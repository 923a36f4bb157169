// SPDX-License-Identifier: MIT
//
// How a provider verifies what the session's key signs for it: session proofs and end statements
// (ipc/PROTOCOL.md, sections 3.3 and 3.4). Meant to be copied.
//
//   const session = await verifySessionProof(proof, { origin, redeem, find, now });
//   const session = await verifyEndStatement(statement, { endpoint, find });
//
// The key is the one that the provider keeps with the session, and never one from the token: `sid`
// only says which, and is worth nothing by itself. `find(sid)` is the provider's: the live session,
// with its `key`. `redeem(nonce)`: see card-token.mjs.

import { decodeJwt, importJWK, jwtVerify } from 'jose';
import { checkNonce, TokenRefused } from './card-token.mjs';

const PROOF = 'lanyard-session+jwt';
const STATEMENT = 'lanyard-end+jwt';
const ALGORITHM = 'ES256';
const LIFETIME = 120; // seconds, what the agent gives a proof
const CLOCKS_DIFFER = 30; // seconds, between this server and a desktop

export async function verifySessionProof(proof, { origin, redeem, find, now = new Date() }) {
  const session = find(sidOf(proof));
  if (!session?.key) throw new TokenRefused('unknown-session');
  const { aud, nonce, iat, exp } = await verify(proof, session.key, PROOF, {
    audience: origin,
    maxTokenAge: LIFETIME,
    clockTolerance: CLOCKS_DIFFER,
    currentDate: now,
    requiredClaims: ['aud', 'nonce', 'iat', 'exp', 'sid'],
  });
  if (aud !== origin) throw new TokenRefused('wrong-origin');
  if (!Number.isInteger(iat) || exp !== iat + LIFETIME) throw new TokenRefused('malformed', 'iat, exp');
  checkNonce(nonce, redeem);
  return session;
}

// Resolves with the session to end, or undefined if there is no such session (any more). A
// statement never gets too old, and a second time it says nothing new.
export async function verifyEndStatement(statement, { endpoint, find }) {
  const session = find(sidOf(statement));
  if (!session?.key) return undefined;
  const { aud, iat } = await verify(statement, session.key, STATEMENT,
    { audience: endpoint, requiredClaims: ['aud', 'sid', 'iat'] });
  if (aud !== endpoint) throw new TokenRefused('wrong-origin');
  if (!Number.isInteger(iat)) throw new TokenRefused('malformed', 'iat');
  return session;
}

function sidOf(token) {
  try {
    return String(decodeJwt(token).sid);
  } catch (error) {
    throw new TokenRefused('malformed', error.message);
  }
}

async function verify(token, jwk, type, options) {
  try {
    const key = await importJWK(jwk, ALGORITHM);
    const { payload, protectedHeader } = await jwtVerify(token, key, { algorithms: [ALGORITHM], ...options });
    if (protectedHeader.typ !== type) throw new TokenRefused('wrong-type', JSON.stringify(protectedHeader.typ));
    return payload;
  } catch (error) {
    if (error instanceof TokenRefused) throw error;
    if (error.code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED') throw new TokenRefused('bad-signature');
    if (error.code === 'ERR_JOSE_ALG_NOT_ALLOWED') throw new TokenRefused('wrong-algorithm');
    if (error.code === 'ERR_JWT_EXPIRED') throw new TokenRefused('token-expired');
    if (error.claim === 'aud') throw new TokenRefused('wrong-origin');
    if (error.claim === 'iat' && error.reason === 'check_failed') throw new TokenRefused('token-from-the-future');
    throw new TokenRefused('malformed', error.message);
  }
}
