// SPDX-License-Identifier: MIT
//
// The sample program (native-app/), started by somebody whose browser is the test's: what it finds in
// $BROWSER passes the address on.

import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { built } from './build.mjs';
import { NATIVE_APP } from './op/provider.mjs';
import { start } from './processes.mjs';

const SEND = "require('node:net').connect(process.argv[1]).end(process.argv[2])";

// browse(url) is called with the address that the program opens. Resolves with the program
// (processes.mjs) once it says who is signed in.
export async function startNativeApp({ op, directory, environment }, browse) {
  const folder = await mkdtemp(join(directory, 'browser-'));
  const socket = join(folder, 'socket');
  const browser = join(folder, 'browser');
  await writeFile(browser, `#!/bin/sh\nexec '${process.execPath}' -e "${SEND}" '${socket}' "$1"\n`);
  await chmod(browser, 0o700);
  const server = createServer(async (connection) => {
    let url = '';
    for await (const piece of connection.setEncoding('utf8')) url += piece;
    browse(url);
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(socket, resolve));
  try {
    return await start(await built('lanyard-native-app'), [op.issuer, NATIVE_APP.clientId],
      { env: { ...environment, BROWSER: browser }, ready: /^Assurance: .*$/m });
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
}
