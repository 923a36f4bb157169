// SPDX-License-Identifier: MIT
// Holds the page's own copy of outcomes, OUTCOMES in ipc/web/lanyard.js, against ipc/base/outcome.h:
// number, sentence and advice of each are the same.
//   node page-outcomes.mjs PROGRAM      PROGRAM is the build's protocol_tables
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { complaints, projectRoot, text } from './tree.mjs';

const path = 'ipc/web/lanyard.js';
const wrong = complaints('page-outcomes');
const agent = new Map(
  execFileSync(process.argv[2], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.split('\t'))
    .filter(([kind]) => kind === 'outcome')
    .map(([, number, reason, sentence, advice]) => [reason, [`LY-${number}`, sentence, advice]]),
);

// Whatever the page's errors say, they say by this table.
const { LanyardError } = await import(join(projectRoot, path));
const [, table] = /^const OUTCOMES = \{\n([\s\S]*?)^\};$/m.exec(text(projectRoot, path)) ?? [];
const reasons = [...(table ?? '').matchAll(/^ {2}'?([a-z-]+)'?:/gm)].map((match) => match[1]);
if (reasons.length === 0) wrong.add(path, 'no OUTCOMES');
for (const reason of reasons) {
  const { code, sentence, advice } = new LanyardError(reason);
  const theirs = agent.get(reason);
  if (!theirs) wrong.add(path, `${reason} is not in ipc/base/outcome.h`);
  else
    [code, sentence, advice].forEach((ours, i) => {
      if (ours !== theirs[i]) wrong.add(path, `${reason}: "${ours}", but outcome.h has "${theirs[i]}"`);
    });
}
wrong.end(`${reasons.length} outcomes are told as the agent tells them`);
