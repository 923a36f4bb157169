// SPDX-License-Identifier: MIT
//
// The person at the PIN prompt, played by a test. `program` is what the agent's configuration names
// as its pinentry; each question it puts arrives here as a dialogue, with the texts that a person
// would have seen, and waits until the test answers, cancels, or the agent takes it away.
//
//   const pinentry = await startPinentry(directory);
//   const dialogue = await pinentry.next();
//   assert.match(dialogue.texts.description, /https:/);
//   dialogue.answer('123456');       // or .confirm(), .cancel(), or let it wait
//   await dialogue.gone;             // the agent has closed it
//
// A notice, which only says what to do and can be called off, comes by notice() and not by next(), and
// only while it is shown.
//
// The protocol is Assuan as pinentry speaks it (pinentry's manual, "Protocol").

import { chmod, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inTime } from './patience.mjs';

const PIPE = fileURLToPath(new URL('pinentry-pipe.mjs', import.meta.url));
const CANCELLED = 'ERR 83886179 Operation cancelled <Pinentry>';
const TEXTS = {
  SETTITLE: 'title', SETDESC: 'description', SETPROMPT: 'prompt', SETERROR: 'error',
  SETOK: 'ok', SETNOTOK: 'notOk', SETCANCEL: 'cancel', SETTIMEOUT: 'timeout',
};
const QUESTIONS = { GETPIN: 'pin', CONFIRM: 'confirm', MESSAGE: 'message' };

export async function startPinentry(directory) {
  const socket = join(directory, 'pinentry.sock');
  const program = join(directory, 'pinentry');
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${PIPE}' '${socket}'\n`);
  await chmod(program, 0o700);

  const questions = queue('a question to the person');
  const notices = queue('a notice to the person');
  const connections = new Set();
  let automatic = null;

  function ask(dialogue, gone) {
    if (dialogue.kind !== 'message') return questions.add(dialogue, automatic);
    notices.add(dialogue);
    gone.then(() => notices.forget(dialogue));
  }

  const server = createServer((connection) => {
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
    connection.on('error', () => {});
    converse(connection, ask);
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(socket, resolve));

  return {
    program,
    dialogues: questions.all,
    // The next question, now or when it comes; the next notice likewise, that says so.
    next: () => questions.next(),
    notice: (says = /(?:)/) => notices.next(({ texts }) => says.test(texts.description)),
    // From now on `how(dialogue)` deals with every question; null ends that.
    always(how) {
      automatic = how;
      if (how) questions.unseen.splice(0).forEach(how);
    },
    close() {
      for (const connection of connections) connection.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

function queue(what) {
  const all = []; // every one so far
  const unseen = []; // those that no next() has taken
  const takers = []; // next() calls that wait for one: { fits, resolve }
  return {
    all,
    unseen,
    add(dialogue, automatic) {
      all.push(dialogue);
      const taker = takers.findIndex(({ fits }) => fits(dialogue));
      if (automatic) automatic(dialogue);
      else if (taker >= 0) takers.splice(taker, 1)[0].resolve(dialogue);
      else unseen.push(dialogue);
    },
    forget: (dialogue) => unseen.includes(dialogue) && unseen.splice(unseen.indexOf(dialogue), 1),
    next(fits = () => true) {
      const found = unseen.findIndex(fits);
      if (found >= 0) return Promise.resolve(unseen.splice(found, 1)[0]);
      return inTime(new Promise((resolve) => takers.push({ fits, resolve })), what,
        () => `before it: ${all.length}${last(all)}`);
    },
  };
}

const last = (dialogues) => dialogues.slice(-1)
  .map(({ kind, texts }) => `, the last one ${kind} ${JSON.stringify(texts)}`).join('');

// One run of the program: texts are set, a question is put, perhaps again with another text.
function converse(connection, ask) {
  const texts = {};
  const gone = new Promise((resolve) => connection.once('close', resolve));
  const say = (...lines) => connection.write(lines.map((line) => `${line}\n`).join(''));
  say('OK Pleased to meet you');
  const lines = createInterface({ input: connection });
  lines.on('error', () => {}); // the agent took the program away in the middle of a line
  lines.on('line', (line) => {
    const [command, ...rest] = line.split(' ');
    const argument = unescape(rest.join(' '));
    if (command in QUESTIONS) {
      const kind = argument === '--one-button' ? 'message' : QUESTIONS[command];
      ask(question(kind, { ...texts }, argument, say, gone), gone);
      delete texts.error; // pinentry forgets it once shown
      return;
    }
    if (command in TEXTS) texts[TEXTS[command]] = argument;
    if (command === 'RESET') for (const name of Object.keys(texts)) delete texts[name];
    if (command === 'GETINFO') say(`D ${argument === 'pid' ? process.pid : 'sandbox'}`);
    say('OK');
    if (command === 'BYE') connection.end();
  });
}

function question(kind, texts, argument, say, gone) {
  return {
    kind,
    texts,
    argument,
    get gone() { return inTime(gone, `the agent to take the question away: ${kind} ${JSON.stringify(texts)}`); },
    answer: (pin) => say(`D ${escape(pin)}`, 'OK'),
    confirm: () => say('OK'),
    cancel: () => say(CANCELLED),
    say, // anything else, for instance an error of the program's own
  };
}

const escape = (text) => text.replace(/[%\r\n]/g, (c) =>
  `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);

function unescape(text) {
  const bytes = Buffer.from(text, 'utf8').toString('latin1')
    .replace(/%([0-9A-Fa-f]{2})/g, (all, hex) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
