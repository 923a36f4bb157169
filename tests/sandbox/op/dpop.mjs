// SPDX-License-Identifier: MIT
//
// How a provider verifies DPoP proofs (RFC 9449, section 4.3) with a nonce of its own (section 8).
// Meant to be copied.
//
//   const dpop = makeDpop({ clock });
//   const thumbprint = await dpop.verify(request.headers.dpop, { method: 'GET', url });
//
// A proof says: whoever sends this request, to this address, now, has the private half of this key.
// Whether it is the right key is for the caller to say, who compares its thumbprint (RFC 7638) with
// that of the key it expects. Whatever is wrong ends in a DpopRefused, for a 401 whose
// WWW-Authenticate has its `error`; every answer should carry `DPoP-Nonce: dpop.nonce()`.

import { randomBytes } from 'node:crypto';
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose';

const TYPE = 'dpop+jwt';
const ALGORITHM = 'ES256';
const CLOCKS_DIFFER = 60; // seconds, between this server and a desktop
const NONCE_LIVES = 300_000; // milliseconds as the newest, and once more as the one before
const JTI_LENGTH = 128;

export class DpopRefused extends Error {
  constructor(error, detail) {
    super(`${error}: ${detail}`);
    this.error = error; // use_dpop_nonce or invalid_dpop_proof
  }
}

const invalid = (detail) => new DpopRefused('invalid_dpop_proof', detail);

export function makeDpop({ clock }) {
  const seen = new Map(); // jti -> when it could not be used again anyway, oldest first
  let nonces = []; // newest first, at most two

  function nonce() {
    nonces = nonces.filter(({ at }) => clock.now() - at < 2 * NONCE_LIVES);
    if (!nonces.some(({ at }) => clock.now() - at < NONCE_LIVES)) {
      nonces = [{ value: randomBytes(16).toString('base64url'), at: clock.now() }, ...nonces].slice(0, 2);
    }
    return nonces[0].value;
  }

  function checkNew(jti) {
    for (const [old, until] of seen) {
      if (clock.now() < until) break;
      seen.delete(old);
    }
    if (seen.has(jti)) throw invalid('jti was used before');
    seen.set(jti, clock.now() + 2 * CLOCKS_DIFFER * 1000);
  }

  // Resolves with the thumbprint of the key that made the proof.
  async function verify(proof, { method, url }) {
    const { payload, protectedHeader } = await signed(proof, clock);
    if (protectedHeader.typ !== TYPE) throw invalid('typ');
    if (payload.htm !== method) throw invalid('htm');
    if (!sameAddress(payload.htu, url)) throw invalid('htu');
    const age = Math.floor(clock.now() / 1000) - payload.iat;
    if (!Number.isInteger(age) || Math.abs(age) > CLOCKS_DIFFER) throw invalid('iat');
    const fits = typeof payload.jti === 'string' && payload.jti && payload.jti.length <= JTI_LENGTH;
    if (!fits) throw invalid('jti');
    nonce(); // so that one that is too old by now is none of ours
    if (!nonces.some(({ value }) => value === payload.nonce)) {
      throw new DpopRefused('use_dpop_nonce', 'no nonce of this server, or too old a one');
    }
    checkNew(payload.jti);
    return calculateJwkThumbprint(protectedHeader.jwk);
  }

  return { nonce, verify };
}

// By the key in its own header, which must be a public one.
async function signed(proof, clock) {
  try {
    return await jwtVerify(proof, EmbeddedJWK,
      { algorithms: [ALGORITHM], currentDate: new Date(clock.now()) });
  } catch (error) {
    throw invalid(error.message);
  }
}

// Query and fragment are no part of it.
function sameAddress(given, url) {
  const { origin, pathname } = new URL(url);
  return URL.canParse(given) && new URL(given).origin === origin && new URL(given).pathname === pathname;
}
