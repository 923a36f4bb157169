// SPDX-License-Identifier: MIT
//
// The AppArmor profiles: read by AppArmor's own parser everywhere, enforced where the kernel has
// AppArmor and this is root. real-kernel/run brings such a kernel.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from '../sandbox/build.mjs';
import { run } from '../sandbox/processes.mjs';
import { enforceProfiles, label, PARSER, profiles } from './apparmor-rig.mjs';
import { inSandbox, signInWatched } from './card-rig.mjs';
import { processBelow, readable } from './processes.mjs';

const noParser = !PARSER && 'AppArmor\'s parser is not installed: tests/install';
const noKernel = noParser
  || (readable('/sys/module/apparmor/parameters/enabled').toString().trim() !== 'Y' && 'this kernel has no AppArmor')
  || (process.getuid() !== 0 && 'profiles are loaded by root alone')
  || (/^LANYARD_(SANITIZE:STRING=.+|COVERAGE:BOOL=ON)$/m.test(await readFile(join(build, 'CMakeCache.txt'), 'utf8'))
    && 'a sanitiser\'s runtime does what no profile allows');

test('the profiles can be read, and there is one for each program but the prompt', { skip: noParser }, async () => {
  const named = await run(PARSER, ['--names', profiles]);
  for (const name of ['agent', 'broker', 'card', 'chooser', 'fido']) assert.match(named, new RegExp(`^lanyard_${name}$`, 'm'));
  await run(PARSER, ['--skip-kernel-load', '--skip-cache', profiles]);
});

test('a sign-in goes through with the profiles enforced', { skip: noKernel }, async () => {
  const { prefix, remove } = await enforceProfiles();
  try {
    await inSandbox({}, (world) => signInWatched(world, ({ sandbox }) => {
      assert.equal(label(sandbox.agent.pid), `${prefix}_agent (enforce)`);
      assert.equal(label(sandbox.broker.pid), `${prefix}_broker (enforce)`);
      assert.equal(label(processBelow(sandbox.agent.pid, 'lanyard-card')),
        `${prefix}_agent//&${prefix}_card (enforce)`);
    }));
  } finally {
    await remove();
  }
});
