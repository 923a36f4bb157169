// SPDX-License-Identifier: MIT
//
// The sandbox's people, their cards and the authority behind them (pki/make-pki). Keys take seconds
// to make, so everything that runs from one build tree shares one set, made by whoever comes first.
// LANYARD_SANDBOX_PEOPLE names another place for it.

import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { makeTrust } from './op/card-token.mjs';
import { run } from './processes.mjs';

const MAKE = fileURLToPath(new URL('pki/make-pki', import.meta.url));

// Resolves with paths: { directory, file, cards, keys, ca }.
export async function makePeople() {
  const directory = process.env.LANYARD_SANDBOX_PEOPLE ?? join(build, 'sandbox-people');
  await mkdir(dirname(directory), { recursive: true });
  await run('flock', [`${directory}.lock`, MAKE, directory]);
  return {
    directory,
    file: join(directory, 'people.json'),
    cards: join(directory, 'cards'),
    keys: join(directory, 'keys'),
    ca: join(directory, 'ca'),
  };
}

// What the provider believes in: the sandbox's authority, and what else it is given.
export async function trustOf(people, { anchors = [], lists = [] } = {}) {
  const read = (name) => readFile(join(people.ca, name));
  return makeTrust({
    anchors: [await read('root.cert.pem'), ...anchors],
    intermediates: [await read('sub.cert.pem')],
    lists: [await read('sub.crl.der'), await read('root.crl.der'), ...lists],
  });
}
