// SPDX-License-Identifier: MIT
//
// The two things that Node's X509Certificate does not tell: the key usage, and what a revocation
// list says (RFC 5280, 4.2.1.3 and 5.1). Both are a few steps through DER, so this file walks DER
// and does nothing else. A list counts only for the authority whose key signed it; whoever calls
// must ask isBy() first.

import { verify } from 'node:crypto';

const KEY_USAGE = '551d0f'; // 2.5.29.15
const DIGITAL_SIGNATURE = 0x80; // bit 0 of the key usage
const NON_REPUDIATION = 0x40; // bit 1
const TAG = { integer: 0x02, bitString: 0x03, utcTime: 0x17, generalizedTime: 0x18, extensions: 0xa3 };

// Signature algorithms of a list, by the hex of their object identifier.
const HASHES = {
  '2a864886f70d01010b': 'sha256', '2a864886f70d01010c': 'sha384', '2a864886f70d01010d': 'sha512',
  '2a8648ce3d040302': 'sha256', '2a8648ce3d040303': 'sha384', '2a8648ce3d040304': 'sha512',
};

// Whether the certificate's key is meant for signatures. No key usage at all: not meant.
export function maySign(certificate) {
  return (usageOf(certificate) & DIGITAL_SIGNATURE) !== 0;
}

// Whether it is meant for signatures that its holder stands by, such as those of documents.
export function maySignDocuments(certificate) {
  return (usageOf(certificate) & NON_REPUDIATION) !== 0;
}

// The first eight bits of the key usage; 0 without one.
function usageOf(certificate) {
  const [tbs] = children(element(certificate.raw));
  const extensions = children(tbs).find((each) => each.tag === TAG.extensions);
  if (!extensions) return 0;
  const usage = children(children(extensions)[0])
    .map((each) => children(each))
    .find(([name]) => name.value.toString('hex') === KEY_USAGE);
  if (!usage) return 0;
  const bits = element(usage.at(-1).value); // unused-bits count, then the bits
  return bits.tag === TAG.bitString ? bits.value[1] ?? 0 : 0;
}

// A revocation list in DER or PEM as { nextUpdate, isBy(authority), has(certificate) }.
export function readRevocationList(input) {
  const [tbs, algorithm, signature] = children(element(derOf(input)));
  const fields = children(tbs);
  if (fields[0].tag === TAG.integer) fields.shift(); // the version
  const [, issuer, , next, revoked] = fields;
  if (!isTime(next)) throw new Error('A revocation list must say when the next one is due.');
  const serials = new Set(revoked?.tag === 0x30
    ? children(revoked).map((each) => serialOf(children(each)[0].value)) : []);
  return {
    nextUpdate: timeOf(next),
    isBy: (authority) => issuer.bytes.equals(subjectOf(authority)) &&
      verify(hashOf(algorithm), tbs.bytes, authority.publicKey, signature.value.subarray(1)),
    has: (certificate) => serials.has(serialOf(Buffer.from(certificate.serialNumber, 'hex'))),
  };
}

function derOf(input) {
  const text = input.toString('latin1');
  const pem = /-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/.exec(text);
  return pem ? Buffer.from(pem[1], 'base64') : Buffer.from(input);
}

function subjectOf(certificate) {
  const fields = children(children(element(certificate.raw))[0]);
  return fields[fields[0].tag === 0xa0 ? 5 : 4].bytes; // 0xa0: the version, absent in version 1
}

function hashOf(algorithm) {
  const name = children(algorithm)[0].value.toString('hex');
  const hash = HASHES[name];
  if (!hash) throw new Error(`A revocation list is signed with an unknown algorithm: ${name}`);
  return hash;
}

function serialOf(bytes) {
  return bytes.toString('hex').replace(/^(00)+/, '');
}

function isTime(node) {
  return node?.tag === TAG.utcTime || node?.tag === TAG.generalizedTime;
}

// YYMMDDhhmmssZ or YYYYMMDDhhmmssZ; RFC 5280 puts the years 50 to 99 into the last century.
function timeOf({ tag, value }) {
  let text = value.toString('latin1');
  if (tag === TAG.utcTime) text = (text < '50' ? '20' : '19') + text;
  const [, year, ...rest] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  const [month, day, hour, minute, second] = rest.map(Number);
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
}

// One element: its tag, its contents, and all of its bytes.
function element(buffer, start = 0) {
  let at = start + 1;
  let length = buffer[at++];
  if (length & 0x80) {
    const octets = length & 0x7f;
    if (octets === 0 || octets > 4) throw new Error('DER: a length that cannot be');
    length = buffer.readUIntBE(at, octets);
    at += octets;
  }
  const end = at + length;
  if (!(end <= buffer.length)) throw new Error('DER: ends too early');
  return {
    tag: buffer[start],
    value: buffer.subarray(at, end),
    bytes: buffer.subarray(start, end),
    end,
  };
}

function children({ value }) {
  const all = [];
  for (let at = 0; at < value.length; at = all.at(-1).end) all.push(element(value, at));
  return all;
}
