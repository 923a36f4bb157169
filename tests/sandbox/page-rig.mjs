// SPDX-License-Identifier: MIT
//
// The provider's sign-in page with a scripted agent behind it, in a headless Chromium: for what the
// page says in each state. The journeys (journey*.test.mjs) have the real agent behind the page.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp } from './app/app.mjs';
import { launchChromium } from './browser.mjs';
import { startFakeAgent } from './fake-agent.mjs';
import { startOp } from './op/op.mjs';

const PEOPLE = [
  { card: 'alice', uid: '555000000101', title: 'Dr', given_name: 'Alice', family_name: 'Adams' },
];
const NOBODY_TRUSTED = { anchors: [], intermediates: [], lists: [] };

// One browser for all of a file's pages. open(script) resolves with a page at the sign-in page of a
// provider whose agent follows the script; `script` null: nothing listens where the agent should.
export async function startPageRig() {
  const directory = await mkdtemp(join(tmpdir(), 'lanyard-page-'));
  const people = join(directory, 'people.json');
  await writeFile(people, JSON.stringify(PEOPLE));
  const browser = await launchChromium();
  const running = [];

  async function open(script) {
    const agent = await startFakeAgent(script ?? (() => true));
    if (!script) await agent.close();
    const op = await startOp({ people, trust: NOBODY_TRUSTED, agentPort: agent.port });
    const app = await startApp();
    op.register(app.registration);
    await app.connect(op.issuer);
    const page = await browser.newPage({ viewport: { width: 900, height: 700 } });
    running.push(page, op, app, agent);
    await page.goto(app.origin);
    await page.click('#sign-in');
    return { page, agent, app, op };
  }

  async function close() {
    for (const part of running) await part.close();
    await browser.close();
    await rm(directory, { recursive: true });
  }

  return { open, close };
}
