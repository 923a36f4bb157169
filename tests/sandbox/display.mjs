// SPDX-License-Identifier: MIT
//
// A display of a test's own (Xvfb), for what browsers do only when they have a window: ask.

import { start } from './processes.mjs';

export async function startDisplay() {
  const server = await start('Xvfb',
    ['-displayfd', '1', '-screen', '0', '1280x900x24', '-nolisten', 'tcp', '-noreset'], { ready: /^(\d+)$/m });
  return { name: `:${server.match[1]}`, close: () => server.stop() };
}
