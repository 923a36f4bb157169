// SPDX-License-Identifier: MIT
//
// What Node's X509Certificate does not tell of a certificate, its extensions above all, and what a
// revocation list says (RFC 5280, 4.2 and 5). Both are a few steps through DER, so this file walks
// DER and does nothing else. A list counts only for the authority whose key signed it; whoever calls
// must ask isBy() first.

import { verify } from 'node:crypto';

const DIGITAL_SIGNATURE = 0x80; // bit 0 of the key usage
const NON_REPUDIATION = 0x40; // bit 1
const TAG = {
  integer: 0x02, bitString: 0x03, sequence: 0x30, utcTime: 0x17, generalizedTime: 0x18,
  version: 0xa0, extensions: 0xa3, listExtensions: 0xa0,
};

// Object identifiers, by their hex.
const EXTENSION = {
  keyUsage: '551d0f', alternativeName: '551d11', basicConstraints: '551d13',
  deltaList: '551d1b', distributionPoint: '551d1c', policies: '551d20', extendedKeyUsage: '551d25',
};
const FOR_CLIENTS = [
  '2b06010505070302', // clientAuth
  '2b060104018237140202', // smartcard logon
  '551d2500', // any
];
// What may be critical: the callers check these, or they restrict nothing here: the person's name is
// the subject, and no policy is asked for.
const KNOWN = [EXTENSION.keyUsage, EXTENSION.basicConstraints, EXTENSION.extendedKeyUsage,
  EXTENSION.alternativeName, EXTENSION.policies];

// Signature algorithms of a list.
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

// Whether it is meant for those who sign in: it says so, or it names no purposes.
export function isForClients(certificate) {
  const purposes = extensionsOf(certificate).get(EXTENSION.extendedKeyUsage);
  return !purposes ||
    children(element(purposes.value)).some((each) => FOR_CLIENTS.includes(hex(each)));
}

// Whether it demands something of whoever relies on it that nobody here knows how to honour.
export function hasUnknownCritical(certificate) {
  return [...extensionsOf(certificate)].some(([name, { critical }]) => critical && !KNOWN.includes(name));
}

// How many authorities may stand between this one and the holder.
export function pathLengthOf(authority) {
  const constraints = extensionsOf(authority).get(EXTENSION.basicConstraints);
  const length = constraints &&
    children(element(constraints.value)).find((each) => each.tag === TAG.integer);
  return length ? integerOf(length) : Infinity;
}

export function isSelfIssued(certificate) {
  const { issuer, subject } = partsOf(certificate);
  return issuer.bytes.equals(subject.bytes);
}

// The first eight bits of the key usage; 0 without one.
function usageOf(certificate) {
  const usage = extensionsOf(certificate).get(EXTENSION.keyUsage);
  if (!usage) return 0;
  const bits = element(usage.value); // unused-bits count, then the bits
  return bits.tag === TAG.bitString ? bits.value[1] ?? 0 : 0;
}

// The parts of the certificate that was signed, as far as somebody here wants them.
function partsOf(certificate) {
  const fields = children(children(element(certificate.raw))[0]);
  if (fields[0].tag === TAG.version) fields.shift(); // absent in version 1
  const [serial, , issuer, , subject, , ...rest] = fields;
  return { serial, issuer, subject, extensions: rest.find((each) => each.tag === TAG.extensions) };
}

function extensionsOf(certificate) {
  const { extensions } = partsOf(certificate);
  return readExtensions(extensions && children(extensions)[0]);
}

// name -> { critical, value }
function readExtensions(sequence) {
  const all = new Map();
  for (const each of sequence ? children(sequence) : []) {
    const [name, ...rest] = children(each);
    if (all.has(hex(name))) throw new Error(`DER: the extension ${hex(name)} twice`);
    all.set(hex(name), { critical: rest.length > 1 && rest[0].value[0] !== 0, value: rest.at(-1).value });
  }
  return all;
}

// A revocation list in DER or PEM as { nextUpdate, isBy(authority), has(certificate) }. One that is
// not the authority's whole list, or may mean something else by being silent, is refused here.
export function readRevocationList(input) {
  const [tbs, algorithm, signature] = children(element(derOf(input)));
  const hash = hashOf(algorithm);
  const fields = children(tbs);
  if (fields[0].tag === TAG.integer) fields.shift(); // the version
  const [, issuer, , next, ...rest] = fields;
  if (!isTime(next)) throw new Error('A revocation list must say when the next one is due.');
  const find = (tag) => rest.find((each) => each.tag === tag);
  const extensions = find(TAG.listExtensions);
  refuseRestrictions(readExtensions(extensions && children(extensions)[0]));
  const revoked = find(TAG.sequence);
  const serials = new Set((revoked ? children(revoked) : []).map((entry) => {
    const [serial, , more] = children(entry);
    refuseRestrictions(readExtensions(more));
    return integerOf(serial);
  }));
  return {
    nextUpdate: timeOf(next),
    isBy: (authority) => issuer.bytes.equals(partsOf(authority).subject.bytes) &&
      verify(hash, tbs.bytes, authority.publicKey, signature.value.subarray(1)),
    has: (certificate) => serials.has(integerOf(partsOf(certificate).serial)),
  };
}

function refuseRestrictions(extensions) {
  for (const [name, { critical }] of extensions) {
    if (critical || name === EXTENSION.distributionPoint || name === EXTENSION.deltaList) {
      throw new Error(`A revocation list must be complete, and this one is restricted by ${name}.`);
    }
  }
}

function derOf(input) {
  const text = input.toString('latin1');
  const pem = /-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/.exec(text);
  return pem ? Buffer.from(pem[1], 'base64') : Buffer.from(input);
}

function hashOf(algorithm) {
  const name = hex(children(algorithm)[0]);
  const hash = HASHES[name];
  if (!hash) throw new Error(`A revocation list is signed with an unknown algorithm: ${name}`);
  return hash;
}

// Two's complement, of any length: a serial number below zero is another than its absolute value.
function integerOf({ value }) {
  return BigInt.asIntN(8 * value.length, BigInt(`0x${value.toString('hex')}`));
}

function hex({ value }) {
  return value.toString('hex');
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
