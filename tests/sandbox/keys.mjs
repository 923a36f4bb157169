// SPDX-License-Identifier: MIT
//
// Key pairs made on the spot. In Node 20 a key from generateKeyPairSync shares a lock with the job
// that made it. Its JWK is written, and its details are read, under that lock; when the garbage
// collector then takes the job away, the job waits for the same lock in the same thread, and the
// process stands still for ever. So these keys are read back from their encoding, and share nothing.

import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';

const SPKI = { type: 'spki', format: 'der' };
const PKCS8 = { type: 'pkcs8', format: 'der' };

// As generateKeyPairSync.
export function makeKeyPair(type, options) {
  const made = generateKeyPairSync(type, { ...options, publicKeyEncoding: SPKI, privateKeyEncoding: PKCS8 });
  return {
    publicKey: createPublicKey({ key: made.publicKey, ...SPKI }),
    privateKey: createPrivateKey({ key: made.privateKey, ...PKCS8 }),
  };
}
