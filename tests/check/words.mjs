// SPDX-License-Identifier: MIT
// What no shipped C file may call: no bound, a shell, or a guessable name.
import { codeOnly, complaints, files, isC, projectRoot, text } from './tree.mjs';

const forbidden = [
  ...['gets', 'strcpy', 'stpcpy', 'strcat', 'sprintf', 'vsprintf', 'scanf', 'sscanf', 'fscanf'],
  ...['system', 'popen', 'alloca', 'mktemp', 'tmpnam', 'tempnam', 'rand', 'srand', 'random'],
  ...['atoi', 'atol', 'strtok', 'asctime', 'ctime', 'gmtime', 'localtime'],
];
const call = new RegExp(`\\b(${forbidden.join('|')})\\s*\\(`);

const wrong = complaints('words');
const shipped = files(projectRoot, (path) => isC(path) && /^(ipc|pkcs11|fido|agent)\//.test(path));
for (const path of shipped) {
  codeOnly(text(projectRoot, path))
    .split('\n')
    .forEach((line, index) => {
      const found = call.exec(line);
      if (found) wrong.add(`${path}:${index + 1}`, `${found[1]} is not for shipped code`);
    });
}
wrong.end(`${shipped.length} files call nothing forbidden`);
