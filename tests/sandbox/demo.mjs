// SPDX-License-Identifier: MIT
//
// What tests/demo runs once everything is built: checks what was asked, and only then loads all that
// a sandbox is made of, so that a mistake is told at once.

import { readFile } from 'node:fs/promises';
import { checkCard, giveUp, readOptions } from './demo-options.mjs';

try {
  const options = await readOptions(process.argv.slice(2));
  const { makePeople } = await import('./people.mjs');
  checkCard(options.card, JSON.parse(await readFile((await makePeople()).file, 'utf8')));
  const { journey, play } = await import('./demo-runs.mjs');
  await (options.script ? journey() : play(options));
} catch (error) {
  giveUp(error);
}
