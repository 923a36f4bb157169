#!/usr/bin/env node
// SPDX-License-Identifier: MIT
//
// A pinentry without a window: whatever the agent says to it goes to the sandbox (pinentry.mjs)
// over the Unix socket named by the first argument, and the sandbox's answers go back. It ends when
// either side does.

import { connect } from 'node:net';

const sandbox = connect(process.argv[2]);
process.stdin.pipe(sandbox);
sandbox.pipe(process.stdout);
sandbox.on('close', () => process.exit());
sandbox.on('error', () => process.exit(1));
