// SPDX-License-Identifier: MIT
//
// What chain.mjs and x509.mjs, the files beside card-token.mjs, accept on the way from a person's
// certificate to a provider's anchor. The authorities are made here, since most of them are wrong.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  authority, issue, issueAuthority, NAMES, other, purposes, PURPOSES, revocationList, usage,
} from '../sandbox/make-authority.mjs';
import { makeCardToken } from '../sandbox/make-token.mjs';
import { makeTrust, verifyCardToken } from '../sandbox/op/card-token.mjs';
import { checkDates } from '../sandbox/op/chain.mjs';
import { inTime } from '../sandbox/patience.mjs';

const ORIGIN = 'https://op.sandbox.test';
const DAY = 86_400_000;
const UID = '555000000101';
const days = (count) => new Date(Date.now() + count * DAY);

const root = issueAuthority('Root');
const sub = issueAuthority('Sub', { by: root, pathLength: 0, serial: 7 });
const lists = { root: revocationList(root), sub: revocationList(sub) };

function trustIn({ anchors = [root], intermediates = [sub], by = [lists.root, lists.sub] } = {}) {
  const raw = ({ certificate }) => certificate.raw;
  return makeTrust({ anchors: anchors.map(raw), intermediates: intermediates.map(raw), lists: by });
}

// Verifies an honest token by that person; `others` come with it.
async function verify(person, trust = trustIn(), { others = [], now = new Date() } = {}) {
  const nonce = 'a-challenge';
  const x5c = [person, ...others].map(({ certificate }) => certificate);
  const token = await inTime(makeCardToken(person, { origin: ORIGIN, nonce, x5c, at: now }), `the token of ${person.common} to be signed`);
  return inTime(verifyCardToken(token, { origin: ORIGIN, redeem: () => 'ok', trust, now }), `the token of ${person.common} to be verified`);
}

const accepts = async (...given) => assert.equal((await verify(...given)).uid, UID);
const refuses = (reason, ...given) => assert.rejects(verify(...given), (error) => {
  assert.equal(error.reason, reason, error.stack);
  return true;
});

test('accepts a person below two authorities that both have a current list', () => accepts(issue(UID, { by: sub })));

test('refuses a list that is not all that its authority has revoked', () => {
  for (const [id, critical] of [
    [NAMES.distributionPoint, true], [NAMES.distributionPoint, false],
    [NAMES.deltaList, true], [NAMES.deltaList, false], [NAMES.unheardOf, true],
  ]) {
    const list = revocationList(sub, { extensions: [other(id, critical)] });
    assert.throws(() => trustIn({ by: [list] }), /must be complete/);
  }
  const entry = { serial: 1, extension: other(NAMES.certificateIssuer, true) };
  assert.throws(() => trustIn({ by: [revocationList(sub, { revoked: [entry] })] }), /must be complete/);
});

test('accepts a list with an extension that demands nothing', () => {
  const list = revocationList(sub, {
    revoked: [{ serial: 2, extension: other(NAMES.unheardOf) }], extensions: [other(NAMES.unheardOf)],
  });
  return accepts(issue(UID, { by: sub }), trustIn({ by: [lists.root, list] }));
});

test('refuses a person whose authority was revoked', () => {
  const by = [lists.sub, revocationList(root, { revoked: [{ serial: 7 }] })];
  return refuses('certificate-revoked', issue(UID, { by: sub }), trustIn({ by }));
});

test('refuses when it cannot know whether the authority was revoked', async () => {
  const person = issue(UID, { by: sub });
  await refuses('revocation-unknown', person, trustIn({ by: [lists.sub] }));
  const old = revocationList(root, { revoked: [{ serial: 7 }], until: days(2) });
  await refuses('revocation-unknown', person, trustIn({ by: [lists.sub, old] }), { now: days(5) });
});

test('asks for no list of an authority above the anchor', () =>
  accepts(issue(UID, { by: sub }), trustIn({ anchors: [sub], intermediates: [], by: [lists.sub] })));

test('tells serial numbers below zero', async () => {
  const revoked = (serial) => trustIn({ by: [lists.root, revocationList(sub, { revoked: [{ serial }] })] });
  const person = issue(UID, { by: sub, serial: -5 });
  await refuses('certificate-revoked', person, revoked(-5));
  await accepts(person, revoked(5));
  await refuses('certificate-revoked', issue(UID, { by: sub, serial: 5 }), revoked(5));
});

test('refuses a path longer than an authority on it allows', async () => {
  const below = issueAuthority('Below', { by: sub });
  const by = [lists.root, lists.sub, revocationList(below)];
  await refuses('path-too-long', issue(UID, { by: below }), trustIn({ by }), { others: [below] });
  const wide = issueAuthority('Sub', { by: root, pathLength: 1, keys: sub.keys });
  await accepts(issue(UID, { by: below }), trustIn({ by, intermediates: [wide] }), { others: [below] });
});

test('counts no authority that signed its own new key', async () => {
  const strict = issueAuthority('Root', { pathLength: 0 });
  const renewed = issueAuthority('Root', { by: strict });
  const by = [revocationList(strict), revocationList(renewed)];
  await accepts(issue(UID, { by: renewed }), trustIn({ anchors: [strict], intermediates: [renewed], by }));
});

test('refuses a critical extension that it does not know, wherever it stands', async () => {
  const critical = other(NAMES.unheardOf, true);
  await refuses('unknown-extension', issue(UID, { by: sub, extensions: [usage('80'), critical] }));
  await accepts(issue(UID, { by: sub, extensions: [usage('80'), other(NAMES.unheardOf)] }));
  const odd = issueAuthority('Sub', { by: root, extensions: [critical] });
  const by = [lists.root, revocationList(odd)];
  await refuses('unknown-extension', issue(UID, { by: odd }), trustIn({ intermediates: [odd], by }));
});

test('refuses an extension that is there twice', () =>
  refuses('malformed', issue(UID, { by: sub, extensions: [usage('80'), usage('80')] })));

test('refuses a key whose named purposes are others', async () => {
  const { serverAuth, clientAuth, smartcardLogon, any } = PURPOSES;
  const person = (...ids) => issue(UID, { by: sub, extensions: [usage('80'), purposes(...ids)] });
  await refuses('key-not-for-signing-in', person(serverAuth));
  for (const each of [clientAuth, smartcardLogon, any]) await accepts(person(serverAuth, each));
});

test('goes on past an authority\'s certificate that is out of date', async () => {
  const expired = issueAuthority('Root', { keys: root.keys, from: days(-9), until: days(-2) });
  const person = issue(UID, { by: sub });
  await accepts(person, trustIn({ anchors: [expired, root] }));
  await accepts(person, trustIn({ anchors: [root, expired] }));
  await refuses('certificate-expired', person, trustIn({ anchors: [expired] }));
  const old = issueAuthority('Sub', { by: root, keys: sub.keys, from: days(-9), until: days(-2) });
  await accepts(person, trustIn({ intermediates: [old, sub] }));
  const revoked = trustIn({ anchors: [expired, root], by: [lists.root, revocationList(sub, { revoked: [{ serial: 1 }] })] });
  await refuses('certificate-revoked', person, revoked);
});

test('ends where authorities certify each other', async () => {
  const one = issueAuthority('One');
  const two = issueAuthority('Two', { by: one });
  const crossed = issueAuthority('One', { by: two, keys: one.keys });
  await refuses('unknown-authority', issue(UID, { by: one }), trustIn(), { others: [one, two, crossed] });
});

test('refuses an authority that is none', async () => {
  const person = issue('555000000102', { by: sub });
  await refuses('unknown-authority', issue(UID, { by: person }), trustIn(), { others: [person] });
  const unmarked = issue('Sub', { by: root, extensions: [usage('06')] });
  await refuses('unknown-authority', issue(UID, { by: unmarked }), trustIn({ intermediates: [unmarked] }));
  const unused = issue('Sub', { by: root, extensions: [authority(), usage('80')] });
  await refuses('unknown-authority', issue(UID, { by: unused }), trustIn({ intermediates: [unused] }));
});

test('takes a date that cannot be read for none', () => {
  const [validFrom, validTo, odd] = [String(days(-1)), String(days(1)), 'one of these days'];
  checkDates({ validFrom, validTo }, new Date());
  for (const dates of [{ validFrom: odd, validTo }, { validFrom, validTo: odd }]) {
    assert.throws(() => checkDates(dates, new Date()), { reason: 'certificate-expired' });
  }
  assert.throws(() => checkDates({ validFrom, validTo }, new Date(odd)), { reason: 'certificate-expired' });
});
