// SPDX-License-Identifier: MIT
// Every source file names its licence, ends in one newline, and has neither tabs nor blanks at the
// end of a line; no file points at work left over or at one machine.
import { complaints, files, projectRoot, text } from './tree.mjs';

const wrong = complaints('sources');
const licensed = /\.(c|h|mjs|js|ts|css|html|sh|service|socket|conf|table|supp)$|(^|\/)CMakeLists\.txt$/;
const binary = /\.(png|ico|der|p12|bin)$|^tests\/fuzz\/corpus\//;
const foreign = /(^|\/)package(-lock)?\.json$|(^|\/)LICENSE$/;
const leftOver = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].map((w) => `\\b${w}\\b`).join('|'));

const paths = files(projectRoot, (path) => !binary.test(path) && !foreign.test(path));
for (const path of paths) {
  const content = text(projectRoot, path);
  const script = content.startsWith('#!');
  if ((licensed.test(path) || script) && !content.slice(0, 300).includes('SPDX-License-Identifier: MIT'))
    wrong.add(path, 'no SPDX line');
  if (content !== '' && !/[^\n]\n$/.test(content)) wrong.add(path, 'does not end in one newline');
  content.split('\n').forEach((line, index) => {
    const place = `${path}:${index + 1}`;
    if (/[ \t\r]$/.test(line)) wrong.add(place, 'blank at the end of the line');
    if (line.includes('\t')) wrong.add(place, 'tab');
    if (leftOver.test(line)) wrong.add(place, 'work left over');
    if (/(^|[\s"'=(])\/(work|home|root)\//.test(line)) wrong.add(place, "one machine's path");
  });
}
wrong.end(`${paths.length} files are clean`);
