// SPDX-License-Identifier: MIT
//
// How a provider verifies a token in the Web eID project's format, web-eid:1.1 (ipc/PROTOCOL.md,
// section 3.2), for those that already run one of its validation libraries. The certificate's
// checks are the card token's; the signature is over hash(origin) followed by hash(challenge).
// The token names no challenge, so the provider tries the one it issued to this very browser.

import { constants, createHash, verify, X509Certificate } from 'node:crypto';
import { checkCertificate, checkNonce, TokenRefused, uidOf } from './card-token.mjs';

const FORMAT = 'web-eid:1.1';
const ALGORITHMS = {
  ES256: { hash: 'sha256', curve: 'prime256v1', options: { dsaEncoding: 'ieee-p1363' } },
  ES384: { hash: 'sha384', curve: 'secp384r1', options: { dsaEncoding: 'ieee-p1363' } },
  RS256: { hash: 'sha256', rsa: true, options: { padding: constants.RSA_PKCS1_PADDING } },
  PS256: {
    hash: 'sha256', rsa: true, options: {
      padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    },
  },
};

export function verifyWebEidToken(token, { origin, nonce, redeem, trust, now = new Date() }) {
  if (token?.format !== FORMAT) throw new TokenRefused('wrong-type', String(token?.format));
  const holder = readCertificate(token.unverifiedCertificate);
  const algorithm = Object.hasOwn(ALGORITHMS, token.algorithm) && ALGORITHMS[token.algorithm];
  if (!algorithm || !suits(algorithm, holder.publicKey)) {
    throw new TokenRefused('wrong-algorithm', String(token.algorithm));
  }
  checkNonce(nonce, redeem);
  const digest = (text) => createHash(algorithm.hash).update(text, 'ascii').digest();
  const signed = Buffer.concat([digest(origin), digest(nonce)]);
  const key = { key: holder.publicKey, ...algorithm.options };
  if (!verify(algorithm.hash, signed, key, Buffer.from(String(token.signature), 'base64'))) {
    throw new TokenRefused('bad-signature'); // of another site or challenge, or simply wrong
  }
  checkCertificate(holder, { trust, now });
  return { uid: uidOf(holder), certificate: holder };
}

function readCertificate(base64) {
  try {
    return new X509Certificate(Buffer.from(base64, 'base64'));
  } catch (error) {
    throw new TokenRefused('malformed', error.message);
  }
}

function suits({ rsa, curve }, key) {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails;
  if (rsa) return key.asymmetricKeyType === 'rsa' && modulusLength >= 2048;
  return namedCurve === curve;
}
