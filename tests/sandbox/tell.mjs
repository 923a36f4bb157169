// SPDX-License-Identifier: MIT
//
// One line to a control socket, one line back; `ctl` says the same from a shell.

import { connect } from 'node:net';
import { inTime } from './patience.mjs';

// Resolves with what follows "ok", rejects with what follows "error". who: in the words of a failure.
export function tell(path, line, who) {
  return inTime(new Promise((resolve, reject) => {
    const socket = connect(path);
    let answer = '';
    socket.setEncoding('utf8').on('data', (text) => { answer += text; });
    socket.on('connect', () => socket.write(`${line}\n`));
    socket.on('data', () => answer.endsWith('\n') && socket.end());
    socket.on('error', reject);
    socket.on('close', () => answer.startsWith('ok') ? resolve(answer.slice(2).trim())
      : reject(new Error(`ctl ${line}: ${answer.trim()}`)));
  }), `${who} to answer "${line}"`);
}
