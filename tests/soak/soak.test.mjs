// SPDX-License-Identifier: MIT
//
// The soak's short form; tests/soak/run is the long one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soak } from './soak.mjs';

test('150 sign-ins and removals leave nothing behind', async (t) => {
  assert.deepEqual(await soak({ cycles: 150, every: 50, report: (line) => t.diagnostic(line) }), []);
});
