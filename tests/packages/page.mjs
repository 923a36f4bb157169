// SPDX-License-Identifier: MIT
//
// A page of the provider's, spoken to in lines: "status", "prove silent", "prove prompt", "prove force". Each is
// answered in one line that begins with "ok" or "error".

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connectPage } from './sandbox/page-raw.mjs';

const say = (line) => process.stdout.write(`${line}\n`);
const claims = (jws) => JSON.parse(Buffer.from(jws.split('.')[1], 'base64url'));

const answers = {
  async status(page) {
    const { state, uid } = await page.request('session.status');
    return `${state} ${uid ?? '-'}`;
  },
  async prove(page, interaction) {
    const challenge = randomBytes(32).toString('base64url');
    const { proof } = await page.request('session.prove',
      { challenge, ...(interaction !== 'prompt' && { interaction }) });
    return claims(proof).sid;
  },
};

try {
  const page = await connectPage({ agentPort: 24290 }, readFileSync('/run/provider', 'utf8'));
  await page.request('agent.hello', { protocol: [1] });
  page.closed.then(() => say('closed'), () => {}); // it stops looking after a while
  say('ok open');
  for await (const line of createInterface({ input: process.stdin })) {
    const [word, ...rest] = line.split(' ');
    await answers[word](page, ...rest).then(
      (text) => say(`ok ${text}`), (error) => say(`error ${error.reason ?? error.message}`));
  }
  process.exit(0);
} catch (error) {
  say(`error ${error.message}`);
  process.exit(1);
}
