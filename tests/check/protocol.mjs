// SPDX-License-Identifier: MIT
// Holds ipc/PROTOCOL.md against the code: its methods and their doors, its notifications, the names
// of exceptions, and the table of outcomes between the two marks, which --update writes.
//   node protocol.mjs PROGRAM [--update]      PROGRAM is the build's protocol_tables
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { complaints, projectRoot, text } from './tree.mjs';

const path = 'ipc/PROTOCOL.md';
const wrong = complaints('protocol');
const rows = execFileSync(process.argv[2], { encoding: 'utf8' })
  .split('\n')
  .filter(Boolean)
  .map((line) => line.split('\t'));
const code = (kind) => rows.filter((row) => row[0] === kind).map((row) => row.slice(1));
let document = text(projectRoot, path);

/** The cells of the table whose head row begins with these words, without its back quotes. */
function table(...head) {
  const lines = document.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${head.join(' | ')} |`));
  if (start < 0) {
    wrong.add(path, `no table "${head.join(' | ')}"`);
    return [];
  }
  const body = lines.slice(start + 2);
  const end = body.findIndex((line) => !line.startsWith('|'));
  return body.slice(0, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

function same(what, documented, real) {
  for (const row of real)
    if (!documented.includes(row)) wrong.add(path, `${what} ${row} is in the code only`);
  for (const row of documented)
    if (!real.includes(row)) wrong.add(path, `${what} ${row} is in the document only`);
}

same(
  'method',
  table('method', 'door').map(([name, door]) => `${name} (${door})`),
  code('method').map(([name, door]) => `${name} (${door})`),
);

// What navigator.credentials would reject with, where it is not what it mostly is.
same(
  'name',
  table('reason', 'name').map(([reason, name]) => `${reason} (${name})`),
  code('name').filter(([, name]) => name !== 'NotAllowedError').map(([reason, name]) => `${reason} (${name})`),
);

// A notification is written in one place of the doors.
const sent = text(projectRoot, 'ipc/door/answer.c').matchAll(/write_notification\(out, "([^"]+)"/g);
same(
  'notification',
  table('notification', 'to').map(([name]) => name),
  [...sent].map((match) => match[1]),
);

const marks = ['<!-- outcomes -->', '<!-- end of outcomes -->'];
const outcomes = [
  marks[0],
  '',
  '| number | reason | what the person reads |',
  '|---|---|---|',
  ...code('outcome').map(([number, reason, sentence]) => `| ${number} | \`${reason}\` | ${sentence} |`),
  '',
  marks[1],
].join('\n');
const [from, to] = marks.map((mark) => document.indexOf(mark));
if (process.argv.includes('--update')) {
  const end = to < 0 ? from + marks[0].length : to + marks[1].length;
  document = document.slice(0, from) + outcomes + document.slice(end);
  writeFileSync(join(projectRoot, path), document);
} else if (from < 0 || to < 0 || document.slice(from, to + marks[1].length) !== outcomes) {
  wrong.add(path, 'the outcomes differ from ipc/base/outcome.h: run this with --update');
}
wrong.end('methods, notifications and outcomes are as the document says');
