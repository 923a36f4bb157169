// SPDX-License-Identifier: MIT
//
// A security key in a few lines, for the tests of what a provider accepts and refuses: it signs what
// no honest key would. The journeys have the virtual key (key/), which the agent and libfido2 drive.
//
//   const key = makeKey();
//   const registration = key.register(options, { origin });     // RegistrationResponseJSON
//   const assertion = key.sign(options, { origin, cnf });       // AuthenticationResponseJSON

import { createHash, randomBytes, sign } from 'node:crypto';
import { makeKeyPair } from './keys.mjs';

const sha256 = (data) => createHash('sha256').update(data).digest();
const base64url = (data) => Buffer.from(data).toString('base64url');
const UP = 0x01;
const UV = 0x04;
const AT = 0x40;

// CBOR (RFC 8949) of whole numbers, texts, bytes, arrays and Maps.
function cbor(value) {
  const head = (major, n) => {
    if (n < 24) return Buffer.from([major << 5 | n]);
    return n < 256 ? Buffer.from([major << 5 | 24, n]) : Buffer.from([major << 5 | 25, n >> 8, n & 255]);
  };
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (ArrayBuffer.isView(value)) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
  return Buffer.concat([head(5, value.size), ...[...value].flatMap(([name, each]) => [cbor(name), cbor(each)])]);
}

export function makeKey() {
  const { publicKey, privateKey } = makeKeyPair('ec', { namedCurve: 'P-256' });
  const id = randomBytes(32);
  let counter = 0;
  let userHandle;

  const clientData = (type, { challenge }, { origin, cnf, ...more }) => Buffer.from(JSON.stringify(
    { type, challenge, origin, crossOrigin: false, ...(cnf !== undefined && { lanyard_cnf: cnf }), ...more.claims }));

  function authData(rpId, flags, { count = ++counter } = {}) {
    const counted = Buffer.alloc(4);
    counted.writeUInt32BE(count);
    return Buffer.concat([sha256(rpId), Buffer.from([flags]), counted]);
  }

  function credentialData() {
    const { x, y } = publicKey.export({ format: 'jwk' });
    const cose = cbor(new Map([[1, 2], [3, -7], [-1, 1],
      [-2, Buffer.from(x, 'base64url')], [-3, Buffer.from(y, 'base64url')]]));
    return Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, cose]);
  }

  const answer = (response) => ({
    id: base64url(id), rawId: base64url(id), type: 'public-key',
    clientExtensionResults: {}, authenticatorAttachment: 'cross-platform', response,
  });

  return {
    id: base64url(id),

    // self: it attests with the credential's own key; otherwise not at all. statement: with that.
    register(options, { origin, verified = true, self = false, statement, rpId = options.rp.id, ...more }) {
      userHandle = options.user.id;
      const clientDataJSON = clientData('webauthn.create', options, { origin, ...more });
      const data = Buffer.concat([authData(rpId, UP | AT | (verified ? UV : 0), more), credentialData()]);
      const signature = () => sign('sha256', Buffer.concat([data, sha256(clientDataJSON)]), privateKey);
      const attStmt = statement ?? (self ? new Map([['alg', -7], ['sig', signature()]]) : new Map());
      const object = new Map([['fmt', self || statement ? 'packed' : 'none'], ['attStmt', attStmt], ['authData', data]]);
      return answer({
        clientDataJSON: base64url(clientDataJSON), attestationObject: base64url(cbor(object)), transports: ['usb'],
      });
    },

    sign(options, { origin, verified = true, user = userHandle, rpId = options.rpId, key = privateKey, ...more }) {
      const clientDataJSON = clientData('webauthn.get', options, { origin, ...more });
      const data = authData(rpId, UP | (verified ? UV : 0), more);
      const signature = sign('sha256', Buffer.concat([data, sha256(clientDataJSON)]), key);
      return answer({
        clientDataJSON: base64url(clientDataJSON), authenticatorData: base64url(data),
        signature: base64url(signature), ...(user && { userHandle: user }),
      });
    },
  };
}
