// SPDX-License-Identifier: MIT
//
// The AppArmor profiles in force for the programs of the build tree, where the kernel has AppArmor and
// this is root: loaded under names and for paths of the test's own, so that nothing of the machine's is
// touched.

import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, source } from '../sandbox/build.mjs';
import { makeFolder, removeFolder } from '../sandbox/folder.mjs';
import { run } from '../sandbox/processes.mjs';
import { readable } from './processes.mjs';

export const profiles = join(source, 'packaging/apparmor/lanyard');
export const PARSER = ['apparmor_parser', '/sbin/apparmor_parser', '/usr/sbin/apparmor_parser']
  .find((path) => !spawnSync(path, ['--version']).error);

// as      what the names begin with instead of "lanyard", before this process's number
// homes   a folder with people's homes, besides the machine's
// Resolves with { prefix, remove }: what they begin with, and the end of it.
export async function enforceProfiles({ as = 'lanyard_test', homes } = {}) {
  const folder = await makeFolder('apparmor');
  const file = join(folder, 'profiles');
  const prefix = `${as}_${process.pid}`;
  const text = (await readFile(profiles, 'utf8'))
    .replace(/\blanyard_(agent|broker|card|chooser|doctor|fido)\b/g, `${prefix}_$1`)
    .replace(/^(@\{LANYARD_(?:BIN|HELPERS)\})=.*$/gm, `$1=${join(build, 'bin')}`)
    .replace('include <tunables/global>', (line) => (homes ? `${line}\n@{HOMEDIRS}+=${homes}/` : line))
    .replace('include if exists <local/lanyard>', `${tmpdir()}/lanyard-*/** ix, ${process.execPath} ix, # the test's own pinentry`)
    .replace('include if exists <local/lanyard-card>', `${tmpdir()}/lanyard-*/** mrwkl, ${build}/** mr, # the test's own modules`)
    .replace('include if exists <local/lanyard-portd>', '/tmp/** rwk, # its sockets');
  await writeFile(file, text);
  await run(PARSER, ['--replace', '--skip-cache', file]);
  return {
    prefix,
    async remove() {
      await run(PARSER, ['--remove', file]);
      await removeFolder(folder);
    },
  };
}

// Which profiles a process has: "lanyard_test_1_agent (enforce)".
export const label = (pid) => readable(`/proc/${pid}/attr/current`).toString().trim();
