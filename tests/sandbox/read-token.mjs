// SPDX-License-Identifier: MIT
//
// Reads a card token the way its own certificate allows: for tests of the card's side, which ask
// what was signed and by whom. Whether a provider should believe it is op/card-token.mjs's business.

import { X509Certificate } from 'node:crypto';
import { compactVerify } from 'jose';

// { header, certificate, claims } of a token whose signature is that of its first certificate.
export async function readToken(token) {
  const header = JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
  const certificate = new X509Certificate(Buffer.from(header.x5c[0], 'base64'));
  const { payload } = await compactVerify(token, certificate.publicKey);
  return { header, certificate, claims: JSON.parse(Buffer.from(payload)) };
}

// The UID of the card holder.
export const tokenUid = async (token) =>
  /CN=(\d{12})/.exec((await readToken(token)).certificate.subject)[1];
