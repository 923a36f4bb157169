// SPDX-License-Identifier: MIT
// Each manual page renders without a warning, and a program's page and its --help tell the same
// options and commands: each stands in both, and the page begins with the help's words. The events of
// lanyard(1) are those of agent/audit.h.
//   node manuals.mjs PROGRAM... PAGE...      each program has a page packaging/man/PROGRAM.N; each
//                                            page, NAME.N, was made by the build
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { complaints, files, projectRoot } from './tree.mjs';

const wrong = complaints('manuals');
const folder = 'packaging/man/';
const isPage = (path) => /\.\d$/.test(path);
const programs = process.argv.slice(2).filter((path) => !isPage(path));
const pages = [
  ...files(projectRoot, (path) => path.startsWith(folder) && isPage(path)),
  ...process.argv.slice(2).filter(isPage),
];

function render(page) {
  const plain = ['-P-c', '-P-b', '-P-u', '-rLL=1000n', '-rHY=0'];
  const { stdout, stderr, status } = spawnSync(
    'groff',
    ['-mandoc', '-ww', '-Tascii', ...plain, resolve(projectRoot, page)],
    { encoding: 'utf8' },
  );
  if (status !== 0 || stderr !== '') wrong.add(page, `groff: ${stderr.trim() || status}`);
  return stdout;
}

// A head: "--config DIR", "sign-in --origin ORIGIN"; its words follow after two blanks or below it.
const isHead = (indent, line) =>
  line.startsWith(indent) && line[indent.length] !== ' ' && /^(-|[a-z])/.test(line.trim());

/** The entries of a --help: lines two blanks in, and what is further in below them. */
function helpEntries(help) {
  const entries = [];
  for (const line of help.split('\n')) {
    const [head, ...words] = line.trim().split(/ {2,}/);
    if (isHead('  ', line)) entries.push({ head, words: words.join(' ') });
    else if (/^ {4,}\S/.test(line) && entries.length > 0) entries.at(-1).words += ` ${line.trim()}`;
  }
  return entries;
}

/** The tagged entries of a rendered page: a head at five blanks, its words further in. */
function pageEntries(page) {
  const entries = [];
  for (const line of page.split('\n')) {
    const [head, ...words] = line.trim().split(/ {2,}/);
    if (/^ {5}\S/.test(line)) entries.push({ head, words: words.join(' '), closed: false });
    else if (line.trim() === '' && entries.length > 0) entries.at(-1).closed ||= entries.at(-1).words !== '';
    else if (/^ {6,}\S/.test(line) && entries.length > 0 && !entries.at(-1).closed)
      entries.at(-1).words += ` ${line.trim()}`;
  }
  return entries;
}

const plain = (words) => words.toLowerCase().replace(/\s+/g, ' ').replace(/[.;]$/, '').trim();

const rendered = new Map(pages.map((page) => [basename(page).replace(/\.\d$/, ''), render(page)]));
for (const program of programs) {
  const name = basename(program);
  const page = rendered.get(name);
  if (page === undefined) {
    wrong.add(name, `has no page in ${folder}`);
    continue;
  }
  const help = helpEntries(execFileSync(program, ['--help'], { encoding: 'utf8' }));
  const told = pageEntries(page);
  for (const { head, words } of help) {
    const entry = told.find((each) => each.head === head);
    if (!entry) wrong.add(name, `"${head}" is in --help only`);
    else if (!plain(entry.words).startsWith(plain(words)))
      wrong.add(name, `"${head}": --help says "${words.trim()}", the page "${entry.words.trim()}"`);
  }
  for (const { head } of told)
    if (head.startsWith('--') && !help.some((each) => each.head === head))
      wrong.add(name, `"${head}" is in the page only`);
}

const events = readFileSync(resolve(projectRoot, 'agent/audit.h'), 'utf8').matchAll(/ROW\([A-Z_]+, "([a-z-]+)"/g);
const happens = new Set([...events].map(([, name]) => name));
const [, list = ''] = /--event NAME\s[^]*?There are ([^.]+)\./.exec(rendered.get('lanyard')) ?? [];
const listed = new Set(list.match(/[a-z-]+/g)?.filter((word) => word !== 'and'));
for (const name of happens)
  if (!listed.has(name)) wrong.add('lanyard', `--event does not tell of "${name}"`);
for (const name of listed)
  if (!happens.has(name)) wrong.add('lanyard', `--event tells of "${name}", which there is not`);
if (happens.size === 0) wrong.add('agent/audit.h', 'has no events that this check could read');

wrong.end(`${pages.length} pages render, ${programs.length} tell what --help tells`);
