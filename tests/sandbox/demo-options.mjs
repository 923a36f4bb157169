// SPDX-License-Identifier: MIT
//
// What was asked of tests/demo, checked before anything is built or started: a mistake is an error
// with one sentence and exit status 2. Run as a program it only checks, with nothing but Node.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { X509Certificate } from 'node:crypto';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;

// What the person has typed: tests/demo, or the package's command.
export const command = process.env.LANYARD_SANDBOX_COMMAND ?? 'tests/demo';

const mistake = (sentence) => Object.assign(new Error(sentence), { status: 2 });

// Resolves with { card, script, trust }; trust only with a real card.
export async function readOptions(args) {
  const { card, script, trust, crl } = parse(args);
  if (card !== 'real') {
    if (trust || crl) throw mistake('--trust and --crl are for a real card: add --card real');
    return { card, script };
  }
  if (script) throw mistake('--script needs no card of yours: leave --card real out');
  if (!trust) {
    throw mistake('--card real needs --trust FILE as well: the provider accepts a card only from an ' +
      'authority that it trusts, and FILE holds the certificates of yours, in PEM');
  }
  const lists = crl ? [await read('--crl', crl)] : [];
  return { card, script, trust: { anchors: anchorsIn(await read('--trust', trust), trust), lists } };
}

export function checkCard(card, people) {
  const cards = people.map((person) => person.card);
  if (['none', 'real', ...cards].includes(card)) return;
  throw mistake(`there is no card "${card}"; there are ${cards.join(', ')}, none and real`);
}

function parse(args) {
  try {
    return parseArgs({
      args,
      options: {
        card: { type: 'string', default: 'alice' },
        trust: { type: 'string' },
        crl: { type: 'string' },
        script: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw mistake(`${error.message.split('. ')[0]} (--help shows what there is)`);
  }
}

async function read(option, path) {
  try {
    return await readFile(path);
  } catch (error) {
    const why = error.code === 'ENOENT' ? 'there is no such file' : error.message;
    throw mistake(`${option} ${path}: ${why}`);
  }
}

function anchorsIn(bundle, path) {
  try {
    return bundle.toString('utf8').match(CERTIFICATE)
      .map((pem) => Buffer.from(new X509Certificate(pem).toString()));
  } catch {
    throw mistake(`--trust ${path}: it holds no certificates in PEM`);
  }
}

// One sentence in place of a stack, and the exit status that goes with it.
export function giveUp(error) {
  process.stderr.write(`${command}: ${error.message}\n`);
  process.exit(error.status ?? 1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await readOptions(process.argv.slice(2)).catch(giveUp);
}
