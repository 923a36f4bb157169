// SPDX-License-Identifier: MIT
//
// Certificates and revocation lists as their maker wants them, right or wrong: for the tests of what
// a provider accepts and refuses, which need some that no authority would sign. P-256 throughout.

import { sign, X509Certificate } from 'node:crypto';
import { makeKeyPair } from './keys.mjs';

const DAY = 86_400_000;
const COMMON_NAME = '550403';
const VERSION_3 = der(0xa0, integer(2));
const algorithm = sequence(der(0x06, '2a8648ce3d040302')); // ECDSA with SHA-256

export const NAMES = {
  keyUsage: '551d0f', basicConstraints: '551d13', deltaList: '551d1b', distributionPoint: '551d1c',
  certificateIssuer: '551d1d', extendedKeyUsage: '551d25', unheardOf: '2a0304',
};
export const PURPOSES = {
  serverAuth: '2b06010505070301', clientAuth: '2b06010505070302', smartcardLogon: '2b060104018237140202',
  any: '551d2500',
};

function der(tag, ...parts) {
  const content = Buffer.concat(parts.map((each) => Buffer.isBuffer(each) ? each : Buffer.from(each, 'hex')));
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length = Buffer.from([tag, 0x82, 0, 0]);
  length.writeUInt16BE(content.length, 2);
  return Buffer.concat([length, content]);
}

function sequence(...parts) {
  return der(0x30, ...parts);
}

// Of one byte: -128 to 127.
function integer(value) {
  return der(0x02, Buffer.from([value & 0xff]));
}

function name(common) {
  return sequence(der(0x31, sequence(der(0x06, COMMON_NAME), der(0x0c, Buffer.from(common)))));
}

function time(at) {
  return der(0x18, Buffer.from(`${at.toISOString().replace(/[-:T]|\..*/g, '')}Z`));
}

function extension([id, content, critical = false]) {
  return sequence(der(0x06, id), critical ? der(0x01, 'ff') : '', der(0x04, content));
}

function signed(tbs, key) {
  return sequence(tbs, algorithm, der(0x03, '00', sign('sha256', tbs, key)));
}

// The extensions there are, as [id, content, critical].
export const usage = (bits) => [NAMES.keyUsage, der(0x03, '00', bits), true];
export const purposes = (...ids) => [NAMES.extendedKeyUsage, sequence(...ids.map((id) => der(0x06, id)))];
export const authority = (pathLength) => [NAMES.basicConstraints,
  sequence(der(0x01, 'ff'), pathLength === undefined ? '' : integer(pathLength)), true];
export const other = (id, critical = false) => [id, sequence(), critical];

// { key, certificate } of a person (or of an authority, by its extensions), issued by another such
// pair, or by itself. `serial` is one byte, and may be below zero.
export function issue(common, {
  by, serial = 1, extensions = [usage('80')], keys = makeKeyPair('ec', { namedCurve: 'P-256' }),
  from = new Date(Date.now() - DAY), until = new Date(Date.now() + 90 * DAY),
} = {}) {
  const tbs = sequence(VERSION_3, integer(serial), algorithm, name(by?.common ?? common),
    sequence(time(from), time(until)), name(common), keys.publicKey.export({ type: 'spki', format: 'der' }),
    extensions.length ? der(0xa3, sequence(...extensions.map(extension))) : '');
  const certificate = new X509Certificate(signed(tbs, by?.key ?? keys.privateKey));
  return { common, keys, key: keys.privateKey, certificate };
}

export function issueAuthority(common, { pathLength, extensions = [], ...more } = {}) {
  return issue(common, { extensions: [authority(pathLength), usage('06'), ...extensions], ...more });
}

// A revocation list in DER; `revoked` are { serial, extension }, the latter if any.
export function revocationList(by, { revoked = [], extensions = [], until = new Date(Date.now() + 30 * DAY) } = {}) {
  const now = new Date(Date.now() - DAY);
  const entries = revoked.map(({ serial, extension: more }) =>
    sequence(integer(serial), time(now), more ? sequence(extension(more)) : ''));
  return signed(sequence(integer(1), algorithm, name(by.common), time(now), time(until),
    entries.length ? sequence(...entries) : '',
    extensions.length ? der(0xa0, sequence(...extensions.map(extension))) : ''), by.key);
}
