// SPDX-License-Identifier: MIT
//
// A card near its end, and one behind it: what `lanyard status` and `lanyard cards` say, and that the
// audit trail has it once a day, also over a new agent.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectNative } from '../sandbox/native.mjs';
import { cardsIn, inSandbox } from './card-rig.mjs';
import { ends, lanyard } from './cli-rig.mjs';

async function entries(sandbox) {
  const text = await readFile(join(sandbox.directory, 'state/lanyard/audit.jsonl'), 'utf8').catch(() => '');
  return text.split('\n').filter(Boolean).map((line) => JSON.parse(line))
    .filter((entry) => entry.LANYARD_EVENT === 'card-expiry');
}

const has = (uid) => (cards) => cards.some(({ certificates }) => certificates.some((each) => each.uid === uid));

test('a card near its end is told of once a day', async () => {
  await inSandbox({ card: 'karl' }, async ({ sandbox, agent, ctl }) => {
    await agent.request('agent.subscribe');
    await cardsIn(agent, has('555000000111'));
    const { expiring } = await agent.request('agent.status');
    assert.equal(expiring.length, 1);
    assert.equal(expiring[0].uid, '555000000111');
    assert.ok(expiring[0].daysLeft > 50 && expiring[0].daysLeft < 61, `${expiring[0].daysLeft}`);
    assert.match(await ends(lanyard(sandbox, ['status']), 0), /expiring:\n +- reader: .*\n +uid: 555000000111/);

    await ctl('remove', 'reader-0');
    await cardsIn(agent, (cards) => cards.length === 0);
    await ctl('insert', 'reader-0', 'karl');
    await cardsIn(agent, has('555000000111'));
    await ctl('swap', 'reader-0', 'frank');
    await cardsIn(agent, has('555000000106'));
    const [gone] = (await agent.request('agent.status')).expiring;
    assert.ok(gone.daysLeft < 0);
    const told = (await entries(sandbox)).map((entry) => [entry.LANYARD_UID, entry.LANYARD_OUTCOME]);
    assert.deepEqual(told, [['555000000111', 'ok'], ['555000000106', 'certificate-expired']]);

    await agent.close();
    await sandbox.stopAgent();
    await sandbox.startAgent();
    const next = await connectNative(sandbox);
    await next.request('agent.subscribe');
    await cardsIn(next, has('555000000106'));
    await next.close();
    assert.equal((await entries(sandbox)).length, 2);
  });
});

test('a card far from its end is not, and --verbose shows what its certificates say', async () => {
  await inSandbox({ card: 'alice' }, async ({ sandbox, agent }) => {
    await agent.request('agent.subscribe');
    await cardsIn(agent, has('555000000101'));
    assert.deepEqual((await agent.request('agent.status')).expiring, []);
    assert.deepEqual(await entries(sandbox), []);
    const brief = await ends(lanyard(sandbox, ['cards']), 0);
    assert.match(brief, /use: authentication\n +uid: 555000000101\n +notAfter: .*\n +daysLeft: 7\d\d\n +chosen: yes\n/);
    const all = await ends(lanyard(sandbox, ['cards', '--verbose']), 0);
    assert.match(all, /subject: .*CN=555000000101[^]*issuer: [^]*serialNumber: [0-9a-f]+\n[^]*notBefore: [^]*key: RSA-2048/);
  });
});
