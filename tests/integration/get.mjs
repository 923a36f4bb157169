// SPDX-License-Identifier: MIT
//
// A request as whoever is no browser makes it: fetch says of itself what a page would.

import { request } from 'node:http';

// The bytes of an answer: { status, headers, body }.
export function get(url, headers = {}, method = 'GET') {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (piece) => { body += piece; })
        .on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    asked.on('error', reject).end();
  });
}
