// SPDX-License-Identifier: MIT
//
// Where the programs are: the build tree in LANYARD_BUILD (ctest says which), build/dev otherwise.

import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const source = fileURLToPath(new URL('../..', import.meta.url));
export const build = process.env.LANYARD_BUILD ?? join(source, 'build', 'dev');

let files = null; // name -> path; the tree does not change while a sandbox runs

// What the packages are made of is a second copy, which may be old.
const packed = (path) => relative(build, path).split(sep).includes('_CPack_Packages');

// The path of a program or driver that the build made.
export async function built(name) {
  files ??= readdir(build, { recursive: true, withFileTypes: true }).then((entries) =>
    new Map(entries.filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && !packed(entry.path)).map(({ path, name: file }) => [file, join(path, file)])));
  const path = (await files.catch(() => new Map())).get(name);
  if (!path) throw new Error(`${name} is not built in ${build}: cmake --preset dev && cmake --build --preset dev`);
  return path;
}
