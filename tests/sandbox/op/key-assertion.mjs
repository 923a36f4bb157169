// SPDX-License-Identifier: MIT
//
// How a provider verifies a security key: what it signs at a sign-in, and what it says of itself when
// it is registered (Web Authentication Level 3, §7.1 and §7.2). Meant to be copied.
//
//   const { credential, attested } = await verifyKeyRegistration(registration, { origin, rpId, redeem });
//   const { verified, sessionKey } = await verifyKeyAssertion(assertion, { credential, ... });
//
// Both take the JSON that `toJSON()` of a credential gives, from a browser or from Lanyard alike, and
// leave the checking to SimpleWebAuthn. Whatever is wrong ends in a TokenRefused with a reason.
//
// One thing is Lanyard's own. Where a CIS session is to be opened, clientDataJSON has the member
// `lanyard_cnf` (ipc/PROTOCOL.md, section 2.15): the session's public key. The security key has
// signed it with everything else there, so it is vouched for as a card token's `cnf` is.
//
// `redeem(nonce)`: see card-token.mjs. Attestation certificates are believed that SimpleWebAuthn's
// SettingsService has roots for.

import { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server';
import { decodeAttestationObject } from '@simplewebauthn/server/helpers';
import { checkSessionKey, TokenRefused } from './card-token.mjs';

export const ALGORITHMS = [-7, -8, -257]; // ES256, EdDSA, RS256, best first

// What SimpleWebAuthn says where the reason is worth a sentence of its own.
const REASONS = [
  [/^Response counter value/, 'key-copied'],
  [/^User verification (was )?required/, 'key-unverified'],
  [/response origin/, 'wrong-origin'],
  [/RP ID/, 'wrong-rp-id'],
  [/CERTIFICATE|Certificate|certificate/, 'key-unattested'],
];

// credential: what was kept at the registration, { id, publicKey, counter, userHandle }; its counter
// is for the caller to set to the new one. verification: whether the key must have checked that it is
// its owner. Resolves with { verified, counter, sessionKey }; sessionKey is null where no session of
// an agent was asked for.
export async function verifyKeyAssertion(assertion, { origin, rpId, redeem, credential, verification }) {
  const { userHandle } = assertion.response ?? {};
  if (userHandle && userHandle !== credential.userHandle) throw new TokenRefused('another-user');
  const { authenticationInfo } = await check(verifyAuthenticationResponse, {
    response: assertion,
    expectedOrigin: origin,
    expectedRPID: rpId,
    requireUserVerification: verification,
    credential,
  }, redeem);
  return {
    verified: authenticationInfo.userVerified,
    counter: authenticationInfo.newCounter,
    sessionKey: sessionKeyIn(assertion.response.clientDataJSON),
  };
}

// Resolves with { credential, verified, attested }. attested: a certificate says who made the key, and
// it comes from an authority that is believed.
export async function verifyKeyRegistration(registration, { origin, rpId, redeem, verification }) {
  const { registrationInfo } = await check(verifyRegistrationResponse, {
    response: registration,
    expectedOrigin: origin,
    expectedRPID: rpId,
    requireUserVerification: verification,
    supportedAlgorithmIDs: ALGORITHMS,
  }, redeem);
  const { credential, userVerified, aaguid, attestationObject } = registrationInfo;
  return { credential: { ...credential, aaguid }, verified: userVerified, attested: isAttested(attestationObject) };
}

// Without a certificate a key vouches for itself, which anything could.
function isAttested(attestationObject) {
  return decodeAttestationObject(attestationObject).get('attStmt').get('x5c')?.length > 0;
}

async function check(verify, options, redeem) {
  let redeemed = null;
  const expectedChallenge = (nonce) => (redeemed = redeem(nonce)) === 'ok';
  let answer;
  try {
    answer = await verify({ ...options, expectedChallenge });
  } catch (error) {
    if (redeemed === 'stale') throw new TokenRefused('stale-challenge');
    if (redeemed === 'unknown') throw new TokenRefused('unknown-challenge');
    const [, reason] = REASONS.find(([said]) => said.test(error.message)) ?? [];
    throw new TokenRefused(reason ?? 'malformed', error.message);
  }
  if (!answer.verified) throw new TokenRefused('bad-signature');
  return answer;
}

function sessionKeyIn(clientDataJSON) {
  const { lanyard_cnf: cnf } = JSON.parse(Buffer.from(clientDataJSON, 'base64url'));
  if (cnf === undefined) return null;
  checkSessionKey(cnf);
  return cnf.jwk;
}
