// SPDX-License-Identifier: MIT
//
// The AppArmor profiles: read by AppArmor's own parser everywhere, enforced where the kernel has
// AppArmor and this is root. There they are loaded under names and for paths of the test's own, so
// that nothing of the machine's is touched.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { build, source } from '../sandbox/build.mjs';
import { makeFolder, removeFolder } from '../sandbox/folder.mjs';
import { run } from '../sandbox/processes.mjs';
import { inSandbox, signInWatched } from './card-rig.mjs';
import { processBelow, readable } from './processes.mjs';

const profiles = join(source, 'packaging/apparmor/lanyard');
const PARSER = ['apparmor_parser', '/sbin/apparmor_parser', '/usr/sbin/apparmor_parser']
  .find((path) => !spawnSync(path, ['--version']).error);
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
  const folder = await makeFolder('apparmor');
  const file = join(folder, 'profiles');
  const prefix = `lanyard_test_${process.pid}`;
  const text = (await readFile(profiles, 'utf8'))
    .replace(/\blanyard_(agent|broker|card|chooser|fido)\b/g, `${prefix}_$1`)
    .replace(/^(@\{LANYARD_(?:BIN|HELPERS)\})=.*$/gm, `$1=${join(build, 'bin')}`)
    .replace('include if exists <local/lanyard>', `${tmpdir()}/lanyard-*/** ix, ${process.execPath} ix, # the test's own pinentry`)
    .replace('include if exists <local/lanyard-portd>', '/tmp/** rwk, # its sockets');
  await writeFile(file, text);
  await run(PARSER, ['--replace', '--skip-cache', file]);
  try {
    await inSandbox({}, (world) => signInWatched(world, ({ sandbox }) => {
      const label = (pid) => readable(`/proc/${pid}/attr/current`).toString().trim();
      assert.equal(label(sandbox.agent.pid), `${prefix}_agent (enforce)`);
      assert.equal(label(sandbox.broker.pid), `${prefix}_broker (enforce)`);
      assert.equal(label(processBelow(sandbox.agent.pid, 'lanyard-card')),
        `${prefix}_agent//&${prefix}_card (enforce)`);
    }));
  } finally {
    await run(PARSER, ['--remove', file]);
    await removeFolder(folder);
  }
});
