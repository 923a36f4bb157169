// SPDX-License-Identifier: MIT
//
// How a provider verifies a token in the Web eID project's format (ipc/PROTOCOL.md, section 3.2),
// as strictly as that project's validation libraries, which such a provider runs already. The
// certificate's checks are the card token's; the signature is over hash(origin) followed by
// hash(challenge). The token names no challenge, so the provider tries the one it issued to this
// very browser.
//
// web-eid:1.1 brings the authorities' certificates on the way to a trust anchor, or those with which
// the same person signs documents; web-eid:1.0 brings neither. Neither list is signed. The former
// are candidates and no more; the latter are returned for whoever will have something signed, and
// whether they were revoked is to be asked then.

import { constants, createHash, verify } from 'node:crypto';
import { checkNonce, uidOf } from './card-token.mjs';
import { checkCertificate, isIssuedBy, readCertificate, TokenRefused } from './chain.mjs';
import { maySignDocuments } from './x509.mjs';

const FORMATS = ['web-eid:1.0', 'web-eid:1.1'];
const ALGORITHMS = new Map(Object.entries({
  ES256: { hash: 'sha256', curve: 'prime256v1', options: { dsaEncoding: 'ieee-p1363' } },
  ES384: { hash: 'sha384', curve: 'secp384r1', options: { dsaEncoding: 'ieee-p1363' } },
  RS256: { hash: 'sha256', rsa: true, options: { padding: constants.RSA_PKCS1_PADDING } },
  PS256: {
    hash: 'sha256', rsa: true, options: {
      padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    },
  },
}));

const SIGNING_ALGORITHM = {
  cryptoAlgorithm: ['ECC', 'RSA'],
  hashFunction: ['SHA-224', 'SHA-256', 'SHA-384', 'SHA-512', 'SHA3-224', 'SHA3-256', 'SHA3-384', 'SHA3-512'],
  paddingScheme: ['NONE', 'PKCS1.5', 'PSS'],
};

export function verifyWebEidToken(token, { origin, nonce, redeem, trust, now = new Date() }) {
  if (!FORMATS.includes(token?.format)) throw new TokenRefused('wrong-type', JSON.stringify(token?.format));
  const { others, signing } = readCompany(token);
  const holder = readCertificate(token.unverifiedCertificate);
  const algorithm = ALGORITHMS.get(token.algorithm);
  if (!algorithm || !suits(algorithm, holder.publicKey)) {
    throw new TokenRefused('wrong-algorithm', JSON.stringify(token.algorithm));
  }
  checkNonce(nonce, redeem);
  const digest = (text) => createHash(algorithm.hash).update(text, 'ascii').digest();
  const signed = Buffer.concat([digest(origin), digest(nonce)]);
  const key = { key: holder.publicKey, ...algorithm.options };
  if (!verify(algorithm.hash, signed, key, readSignature(token.signature))) {
    throw new TokenRefused('bad-signature'); // of another site or challenge, or simply wrong
  }
  const [, issuer] = checkCertificate(holder, { others, trust, now });
  for (const each of signing) checkSigning(each, holder, { issuer, now });
  return { uid: uidOf(holder), certificate: holder, signing };
}

// The certificates that came along: { others, signing }.
function readCompany({ format, unverifiedIntermediateCertificates: others, unverifiedSigningCertificates: signing }) {
  const lists = [others, signing].filter((list) => list !== undefined);
  const good = format === 'web-eid:1.0' ? lists.length === 0
    : lists.length > 0 && lists.every((list) => Array.isArray(list) && list.length > 0 && list.length <= 8);
  if (!good) throw new TokenRefused('malformed', `not as ${format} has it`);
  return {
    others: (others ?? []).map(readCertificate),
    signing: (signing ?? []).map((each) => {
      const algorithms = each?.supportedSignatureAlgorithms;
      const known = Array.isArray(algorithms) && algorithms.length > 0 && algorithms.every((algorithm) =>
        Object.entries(SIGNING_ALGORITHM).every(([name, values]) => values.includes(algorithm?.[name])));
      if (!known) throw new TokenRefused('malformed', 'supportedSignatureAlgorithms');
      return { certificate: readCertificate(each.certificate), algorithms };
    }),
  };
}

// The same person's, from the same authority, and for signing documents.
function checkSigning({ certificate }, holder, { issuer, now }) {
  const sameIssuer = issuer && isIssuedBy(certificate, issuer);
  const valid = now >= new Date(certificate.validFrom) && now <= new Date(certificate.validTo);
  const good = sameIssuer && valid && certificate.subject === holder.subject && maySignDocuments(certificate);
  if (!good) throw new TokenRefused('wrong-signing-certificate');
}

function readSignature(base64) {
  const signature = typeof base64 === 'string' && Buffer.from(base64, 'base64');
  if (!signature || signature.toString('base64') !== base64) throw new TokenRefused('malformed', 'signature');
  return signature;
}

function suits({ rsa, curve }, key) {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails;
  if (rsa) return key.asymmetricKeyType === 'rsa' && modulusLength >= 2048;
  return namedCurve === curve;
}
