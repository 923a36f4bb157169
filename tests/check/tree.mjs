// SPDX-License-Identifier: MIT
// What the checks share: the tree's files, and one way to complain and to end.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const NOT_OURS = new Set(['.git', 'build', 'node_modules']);

/** Every file below root that is ours, as paths from root with '/', sorted. */
export function files(root, accept = () => true) {
  const found = [];
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !NOT_OURS.has(entry.name)) walk(path);
      else if (entry.isFile() && !NOT_OURS.has(entry.name)) found.push(relative(root, path));
    }
  };
  walk(root);
  return found.filter(accept).sort();
}

export const isC = (path) => /\.[ch]$/.test(path);

export function text(root, path) {
  return readFileSync(join(root, path), 'utf8');
}

/** C text with comments and the insides of literals blanked out; lines keep their numbers. */
export function codeOnly(source) {
  const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;
  return source.replace(token, (match) => match.replace(/[^\n]/g, ' '));
}

/** Collects complaints; end() prints them and sets the exit status. */
export function complaints(check) {
  const said = [];
  return {
    add: (place, what) => said.push(`${place}: ${what}`),
    end(good) {
      for (const line of said) console.error(line);
      console.log(said.length === 0 ? `${check}: ${good}` : `${check}: ${said.length} wrong`);
      process.exitCode = said.length === 0 ? 0 : 1;
    },
  };
}

/** The value after --NAME on the command line. */
export function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
}

export const projectRoot = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
