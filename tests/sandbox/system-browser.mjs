// SPDX-License-Identifier: MIT
//
// What a native program finds in $BROWSER: a program that has a test's own browser open the address.

import { chmod, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

const SEND = "require('node:net').connect(process.argv[1]).end(process.argv[2])";

// open(url) is called with each address. Resolves with { program, close }.
export async function startSystemBrowser(directory, open) {
  const socket = join(directory, 'browser.sock');
  const program = join(directory, 'browser');
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' -e "${SEND}" '${socket}' "$1"\n`);
  await chmod(program, 0o700);
  const server = createServer(async (connection) => {
    let url = '';
    for await (const piece of connection.setEncoding('utf8')) url += piece;
    open(url);
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(socket, resolve));
  return { program, close: () => new Promise((resolve) => server.close(resolve)) };
}
