// SPDX-License-Identifier: MIT
// Every code that a document, a page or a line of the journal names (LY-nnnn) is one of the tables':
// ipc/base/outcome.h, agent/doctor/code.h. A range ("LY-2101 to LY-2109") begins and ends with one.
import { complaints, files, projectRoot, text } from './tree.mjs';

const wrong = complaints('codes');
const known = new Set();
for (const path of ['ipc/base/outcome.h', 'agent/doctor/code.h'])
  for (const [, code] of text(projectRoot, path).matchAll(/ROW\(\w+,\s*(\d{4}),/g)) {
    if (known.has(code)) wrong.add(path, `LY-${code} is given twice`);
    known.add(code);
  }

const named = files(projectRoot, (path) =>
  /^(README\.md$|(agent|ipc|fido|pkcs11|packaging)\/)/.test(path) && /\.(c|h|md|js|\d|in)$/.test(path));
let count = 0;
for (const path of named)
  text(projectRoot, path).split('\n').forEach((line, index) => {
    for (const [, code] of line.matchAll(/LY-(\d{4})(?!\d)/g)) {
      count++;
      if (!known.has(code)) wrong.add(`${path}:${index + 1}`, `LY-${code} is no code`);
    }
  });
wrong.end(`${count} codes are among the ${known.size}`);
