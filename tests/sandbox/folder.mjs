// SPDX-License-Identifier: MIT
//
// Folders of a test's own. Whoever makes one removes it; what is still there when this process ends,
// since the test failed before or while it tidied up, goes then.

import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import './processes.mjs'; // whose listener comes first: nobody writes into a folder that goes

const folders = new Set();
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

// Resolves with the path of an empty folder that only this user may enter.
export async function makeFolder(name) {
  const folder = await mkdtemp(join(tmpdir(), `lanyard-${name}-`));
  folders.add(folder);
  return folder;
}

export async function removeFolder(folder) {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  folders.delete(folder);
}
