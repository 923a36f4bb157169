// SPDX-License-Identifier: MIT
//
// From a card holder's certificate up to one of the provider's own anchors (RFC 5280, 6): every
// certificate on the way valid today and demanding nothing that is not known here, no path longer
// than its authorities allow, and below the anchor a current revocation list for each one. No list,
// or an old one, is no proof that a card, or the authority that issued it, is still good.
//
// What came with a token are candidates on the way, trusted for nothing by themselves.

import { X509Certificate } from 'node:crypto';
import {
  hasUnknownCritical, isForClients, isSelfIssued, maySign, pathLengthOf, readRevocationList,
} from './x509.mjs';

const LONGEST = 8; // certificates, the holder's and the anchor among them

export class TokenRefused extends Error {
  constructor(reason, detail) {
    super(detail ? `${reason}: ${detail}` : reason);
    this.reason = reason;
  }
}

// PEM or DER in; what the checks below need out. Read it once, and again when a list is renewed.
// There must be a list by every authority, except those above the anchors.
export function makeTrust({ anchors, intermediates = [], lists }) {
  return {
    anchors: anchors.map((each) => new X509Certificate(each)),
    intermediates: intermediates.map((each) => new X509Certificate(each)),
    lists: lists.map(readRevocationList),
  };
}

// One certificate out of a token: base64 of its DER, and not a byte besides.
export function readCertificate(base64) {
  try {
    const certificate = new X509Certificate(Buffer.from(base64, 'base64'));
    const exact = certificate.publicKey && certificate.raw.toString('base64') === base64;
    if (!exact) throw new RangeError('not the base64 of a certificate alone');
    return certificate;
  } catch (error) {
    throw new TokenRefused('malformed', error.message);
  }
}

// Returns the path, the holder's certificate first.
export function checkCertificate(holder, { others = [], trust, now }) {
  try {
    if (!maySign(holder)) throw new TokenRefused('key-not-for-signing');
    if (!isForClients(holder)) throw new TokenRefused('key-not-for-signing-in');
    return findPath(holder, { others, trust, now });
  } catch (error) {
    if (error instanceof TokenRefused) throw error;
    throw new TokenRefused('malformed', error.message); // DER that cannot be read
  }
}

// An authority may have several certificates, such as an old root's and its successor's with the
// same key; so a path that is not good is no reason to stop. Those with valid ones are tried first,
// and the first path's reason is the one to tell.
function findPath(holder, { others, trust, now }) {
  const isValid = (each) => now >= new Date(each.validFrom) && now <= new Date(each.validTo);
  const candidates = [...trust.anchors, ...trust.intermediates, ...others]
    .filter((each) => each.ca)
    .sort((a, b) => isValid(b) - isValid(a));
  let refusal = null;
  for (const path of pathsFrom([holder], candidates, trust.anchors)) {
    try {
      checkPath(path, { trust, now });
      return path;
    } catch (error) {
      refusal ??= error;
    }
  }
  throw refusal ?? new TokenRefused('unknown-authority');
}

function* pathsFrom(path, candidates, anchors) {
  const last = path.at(-1);
  if (anchors.some((anchor) => anchor.raw.equals(last.raw))) {
    yield path;
  } else if (path.length < LONGEST) {
    for (const each of candidates) {
      if (!path.some((passed) => isSame(passed, each)) && isIssuedBy(last, each)) {
        yield* pathsFrom([...path, each], candidates, anchors);
      }
    }
  }
}

// One authority, whichever of its certificates: no path needs it twice, and none can go in circles.
function isSame(one, other) {
  return one.subject === other.subject && one.publicKey.equals(other.publicKey);
}

export function isIssuedBy(certificate, authority) {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

function checkPath(path, { trust, now }) {
  let between = 0; // authorities below this one; those of one name, made to change keys, do not count
  for (const [at, certificate] of path.entries()) {
    checkDates(certificate, now);
    if (hasUnknownCritical(certificate)) throw new TokenRefused('unknown-extension');
    if (at > 0 && between > pathLengthOf(certificate)) throw new TokenRefused('path-too-long');
    if (at > 0 && !isSelfIssued(certificate)) between += 1;
    if (at < path.length - 1) checkRevocation(certificate, path[at + 1], { trust, now });
  }
}

// As a date that cannot be read is neither before nor after, only being between the two counts.
export function checkDates(certificate, now) {
  const [from, to] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  if (now < from) throw new TokenRefused('certificate-not-yet-valid');
  if (!(now >= from && now <= to)) throw new TokenRefused('certificate-expired');
}

function checkRevocation(certificate, issuer, { trust, now }) {
  const lists = trust.lists.filter((each) => now <= each.nextUpdate && each.isBy(issuer));
  if (lists.some((each) => each.has(certificate))) throw new TokenRefused('certificate-revoked');
  if (lists.length === 0) throw new TokenRefused('revocation-unknown');
}
