// SPDX-License-Identifier: MIT
//
// A sandbox's directory under a fixed name. It has one owner, whose process id and time of start
// stand in its file `owner`; what an owner left behind who was killed is cleared away.

import { lstat, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export async function claimDirectory(path) {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    await clearAway(path);
    await mkdir(path, { mode: 0o700 });
  }
  await writeFile(join(path, 'owner'), `${process.pid} ${await startOf(process.pid)}`);
}

async function clearAway(path) {
  const found = await lstat(path);
  if (!found.isDirectory() || found.uid !== process.getuid()) {
    throw new Error(`${path} is somebody else's: remove it, or set XDG_RUNTIME_DIR`);
  }
  const owner = await readFile(join(path, 'owner'), 'utf8').catch(() => null);
  if (!owner) throw new Error(`${path} is in the way: remove it`);
  const [pid, start] = owner.split(' ');
  if (await startOf(pid) === start) throw new Error(`a demo is running already (pid ${pid})`);
  await rm(path, { recursive: true });
}

// When the kernel started the process (proc(5), stat, field 22): an id alone may be another's by now.
async function startOf(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
