// SPDX-License-Identifier: MIT
//
// Tokens as the agent makes them, from a card folder's key files: for the tests of what a provider
// accepts and refuses, which need tokens that no honest agent would make.

import { createHash, createPrivateKey, randomBytes, sign, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { makeKeyPair } from './keys.mjs';

// The authentication key and certificate of a card.
export async function readCard(people, name, slot = '9a') {
  const read = (kind) => readFile(join(people.cards, name, `${slot}.${kind}.pem`));
  return {
    key: createPrivateKey(await read('key')),
    certificate: new X509Certificate(await read('cert')),
  };
}

export function sessionJwk(namedCurve = 'P-256') {
  return makeKeyPair('ec', { namedCurve }).publicKey.export({ format: 'jwk' });
}

// An honest card token, except for what is given: header and claims replace single members
// (undefined removes one), key signs in place of the card's own, x5c is what the token carries.
export function makeCardToken(card, { origin, nonce, alg, key, x5c, header, claims, at = new Date() }) {
  const seconds = Math.floor(at.getTime() / 1000);
  return new SignJWT({
    aud: origin, nonce, iat: seconds, exp: seconds + 120, jti: randomBytes(16).toString('base64url'),
    cnf: { jwk: sessionJwk() }, ...claims,
  }).setProtectedHeader({
    typ: 'lanyard-card+jwt',
    alg: alg ?? algorithmOf(card.key),
    x5c: (x5c ?? [card.certificate]).map((each) => each.raw.toString('base64')),
    ...header,
  }).sign(key ?? card.key);
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }) {
  if (asymmetricKeyType === 'rsa') return 'RS256';
  return asymmetricKeyDetails.namedCurve === 'secp384r1' ? 'ES384' : 'ES256';
}

// A Web eID token of a P-256 or RSA key: web-eid:1.0 unless what replaces its members says otherwise.
export function makeWebEidToken(card, { origin, nonce, ...replaced }) {
  const digest = (text) => createHash('sha256').update(text).digest();
  const signed = Buffer.concat([digest(origin), digest(nonce)]);
  const key = { key: card.key, dsaEncoding: 'ieee-p1363' };
  return {
    format: 'web-eid:1.0',
    appVersion: 'lanyard:0.1.0',
    unverifiedCertificate: card.certificate.raw.toString('base64'),
    algorithm: algorithmOf(card.key),
    signature: sign('sha256', signed, key).toString('base64'),
    ...replaced,
  };
}

// The members that make it web-eid:1.1, in either of the two ways.
export function withIntermediates(...certificates) {
  return {
    format: 'web-eid:1.1',
    unverifiedIntermediateCertificates: certificates.map((each) => each.raw.toString('base64')),
  };
}

export function withSigning(certificate, algorithm) {
  const supported = { cryptoAlgorithm: 'ECC', hashFunction: 'SHA-256', paddingScheme: 'NONE', ...algorithm };
  return {
    format: 'web-eid:1.1',
    unverifiedSigningCertificates: [{
      certificate: certificate.raw.toString('base64'),
      supportedSignatureAlgorithms: [supported],
    }],
  };
}
