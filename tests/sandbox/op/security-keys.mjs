// SPDX-License-Identifier: MIT
//
// The security keys that people have registered with the provider, and what is asked of a key. A
// real provider keeps them in its database.
//
//   const keys = await makeSecurityKeys({ origin, accounts, anchors });
//   const publicKey = keys.requestOptions(challenge);          // to the page, or to the agent
//   const { person, sessionKey, publicKey, acr, amr } = await keys.signIn(assertion, { redeem });
//
// A key with its PIN counts as AAL3 (PIN and touch). One that has not checked who is there does not,
// and is let in only where the policy is looser than CIS2's.

import { randomBytes } from 'node:crypto';
import { SettingsService } from '@simplewebauthn/server';
import { displayName } from './accounts.mjs';
import { TokenRefused } from './card-token.mjs';
import { ALGORITHMS, verifyKeyAssertion, verifyKeyRegistration } from './key-assertion.mjs';

export const ACR = 'AAL3_FIDO2';
const ACR_UNVERIFIED = 'AAL2_ANY';
const AMR = ['FIDO2'];

const NAME = 'Care Identity sandbox';
const TIMEOUT = 120_000; // as long as the challenge lives
const KEYS_EACH = 20;

// anchors: in PEM, the authorities of the keys' makers. `policy` may be changed at any time:
// verification: required, preferred or discouraged; attestation: whether a key must show a
// certificate from one of the anchors; residentKey: as in the options; name: the relying party's id.
export function makeSecurityKeys({ origin, accounts, anchors = [] }) {
  const policy = { verification: 'required', attestation: anchors.length > 0, residentKey: 'required' };
  const rpId = new URL(origin).hostname;
  const credentials = new Map(); // credential id -> { id, publicKey, counter, userHandle, uid, at }
  const handles = new Map(); // uid -> the person's name on keys, which says nothing of them

  for (const identifier of ['packed', 'fido-u2f']) {
    SettingsService.setRootCertificates({ identifier, certificates: anchors });
  }

  function handleOf({ uid }) {
    if (!handles.has(uid)) handles.set(uid, randomBytes(32).toString('base64url'));
    return handles.get(uid);
  }

  const of = ({ uid }) => [...credentials.values()].filter((credential) => credential.uid === uid);

  const listOf = (person) => of(person).map(({ id, transports }) => ({ type: 'public-key', id, transports }));

  const expected = () => ({ origin, rpId, verification: policy.verification === 'required' });

  // person: the only one who will do, where that is known; otherwise the key says who it is.
  function requestOptions(challenge, person) {
    const allowCredentials = person ? listOf(person) : [];
    return {
      challenge,
      rpId,
      timeout: TIMEOUT,
      userVerification: policy.verification,
      hints: ['security-key'],
      ...(allowCredentials.length > 0 && { allowCredentials }),
    };
  }

  function creationOptions(challenge, person) {
    return {
      challenge,
      rp: { id: rpId, name: NAME },
      user: { id: handleOf(person), name: person.uid, displayName: displayName(person) },
      pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
      timeout: TIMEOUT,
      excludeCredentials: listOf(person),
      authenticatorSelection: {
        residentKey: policy.residentKey,
        requireResidentKey: policy.residentKey === 'required',
        userVerification: policy.verification,
      },
      attestation: policy.attestation ? 'direct' : 'none',
      hints: ['security-key'],
      extensions: { credProps: true },
    };
  }

  async function register(registration, person, { redeem, at }) {
    const { credential, attested } = await verifyKeyRegistration(registration, { ...expected(), redeem });
    if (policy.attestation && !attested) throw new TokenRefused('key-unattested');
    if (credentials.has(credential.id)) throw new TokenRefused('key-registered');
    if (of(person).length >= KEYS_EACH) throw new TokenRefused('too-many-keys');
    const kept = { ...credential, userHandle: handleOf(person), uid: person.uid, at };
    credentials.set(kept.id, kept);
    return kept;
  }

  async function signIn(assertion, { redeem }) {
    const credential = credentials.get(assertion?.id);
    if (!credential) throw new TokenRefused('key-unknown');
    const { verified, counter, sessionKey } =
      await verifyKeyAssertion(assertion, { ...expected(), redeem, credential });
    credential.counter = counter;
    const person = accounts.find(credential.uid);
    if (!person) throw new TokenRefused('unknown-person', credential.uid);
    const { publicKey } = credential;
    return { person, sessionKey, publicKey, verified, acr: verified ? ACR : ACR_UNVERIFIED, amr: AMR };
  }

  return { policy, rpId, requestOptions, creationOptions, register, signIn, of };
}
