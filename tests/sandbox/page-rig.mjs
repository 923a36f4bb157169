// SPDX-License-Identifier: MIT
//
// The provider's sign-in page with a scripted agent behind it: for what the page says in each state.
// The journeys (journey*.test.mjs) have the real agent behind the page.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startApp } from './app/app.mjs';
import { startFakeAgent } from './fake-agent.mjs';
import { makeFolder, removeFolder } from './folder.mjs';
import { startOp } from './op/op.mjs';
import { makePeople, trustOf } from './people.mjs';
import { makeCertificate, makeFetch, SITE_ADDRESS } from './site.mjs';

// start(script) resolves with { url, agent, app, op, directory }: a provider whose agent follows the
// script; `script` null: nothing listens where the agent should. `site`: see sandbox.mjs. Without
// `sessions` the page has the card sign for it.
export async function startPageRig() {
  const people = await makePeople();
  const trust = await trustOf(people);
  const directory = await makeFolder('page');
  const running = [];

  async function start(script, { site, sessions = false, ...provider } = {}) {
    const agent = await startFakeAgent(script ?? (() => true));
    if (!script) await agent.close();
    const tls = site && await makeCertificate({ name: site, ca: people.ca, directory });
    const op = await startOp({
      people: people.file, trust, agentPort: agent.port, tls, host: site && SITE_ADDRESS, sessions, ...provider,
    });
    const app = await startApp();
    running.push(op, app, agent);
    op.register(app.registration);
    const authority = await readFile(join(people.ca, 'root.cert.pem'));
    await app.connect(op.issuer, { fetch: site && makeFetch({ name: site, authority }) });
    return { agent, app, op, url: `${app.origin}/sign-in` };
  }

  async function close() {
    for (const part of running) await part.close();
    await removeFolder(directory);
  }

  return { start, close, directory };
}

// What an agent script is mostly about: how card.signIn is answered.
export const agentThat = (signIn) => (request, reply) =>
  request.method === 'card.signIn' && (signIn(request, reply), true);

export const agentThatWaitsFor = (params) => agentThat((request, reply) =>
  reply.notify('operation.waiting', { request: request.id, ...params }));
