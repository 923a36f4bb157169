// SPDX-License-Identifier: MIT
// Reads every #include line of every C file against includes.table.
//   node includes.mjs [--root FOLDER] [--table FILE]
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { complaints, files, isC, option, projectRoot, text } from './tree.mjs';

const root = option('root', projectRoot);
const tablePath = option('table', join(projectRoot, 'tests/check/includes.table'));
const wrong = complaints('includes');

const ours = new Map();
const theirs = new Map();
for (const line of readFileSync(tablePath, 'utf8').split('\n')) {
  const row = /^(ours|theirs) ([^:]+):\s*(\S.*)$/.exec(line);
  if (row) {
    const names = row[2].trim().split(/\s+/);
    const allowed = row[3].trim().split(/\s+/);
    for (const name of names) (row[1] === 'ours' ? ours : theirs).set(name, allowed);
  } else if (line.trim() !== '' && !line.startsWith('#')) {
    throw new Error(`${tablePath}: not a row: ${line}`);
  }
}

/** True if path is prefix, lies in that folder, or is a file whose name begins so. */
const fits = (prefix, path) =>
  prefix === '*' ||
  path === prefix ||
  path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`) ||
  new RegExp(`^${prefix.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}[._][^/]*$`).test(path);

const longest = (map, path) =>
  [...map.keys()].filter((key) => fits(key, path)).sort((a, b) => b.length - a.length)[0];

let lines = 0;
for (const file of files(root, isC)) {
  text(root, file).split('\n').forEach((line, index) => {
    const include = /^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>|(.+))/.exec(line);
    if (!include) return;
    lines += 1;
    const [, quoted, foreign] = include;
    const place = `${file}:${index + 1}`;
    if (quoted) {
      const who = longest(ours, file);
      // Only tests, and the sandbox's programs, may name what lies beside them by itself.
      const beside = file.startsWith('tests/') && !quoted.includes('/');
      const own = beside ? join(dirname(file), quoted) : quoted;
      if (!existsSync(join(root, own))) wrong.add(place, `"${own}" is no path from the root`);
      else if (!who) wrong.add(place, 'no row of the table says what this file may include');
      else if (!ours.get(who).some((prefix) => fits(prefix, own)))
        wrong.add(place, `${who} may not include "${own}"`);
    } else if (foreign) {
      const row = longest(theirs, foreign);
      if (!row) wrong.add(place, `<${foreign}> is in no row of the table`);
      else if (!theirs.get(row).some((prefix) => fits(prefix, file)))
        wrong.add(place, `<${foreign}> is for ${theirs.get(row).join(', ')} only`);
    } else {
      wrong.add(place, 'an include that cannot be read');
    }
  });
}
wrong.end(`${lines} includes keep to the table`);
