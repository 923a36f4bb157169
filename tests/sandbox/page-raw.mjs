// SPDX-License-Identifier: MIT
//
// A page's connection to the agent (ipc/PROTOCOL.md §1.1) without lanyard.js: says what it likes, and
// keeps what it is told in the order in which it came.
//
//   const page = await connectPage(sandbox, 'https://op.example');
//   const { proof } = await page.request('session.prove', { challenge });
//   await page.notification('session.changed', ({ state }) => state === 'ended');

import { WebSocket } from 'ws';
import { inTime } from './patience.mjs';

// Rejects with the HTTP status where the agent does not let it in.
export function connectPage({ agentPort }, origin) {
  const socket = new WebSocket(`ws://127.0.0.1:${agentPort}/v1`, 'lanyard.v1', { origin });
  const requests = new Map(); // id -> { resolve, reject }
  const notifications = []; // { method, params }
  const listeners = new Set();
  let lastId = 0;
  let seen = 0;

  const closed = new Promise((resolve) => socket.once('close', (code) => {
    for (const { reject } of requests.values()) reject(new Error(`the agent closed the connection: ${code}`));
    requests.clear();
    resolve(code);
  }));
  socket.on('error', () => {});
  socket.on('message', (data) => {
    const message = JSON.parse(data);
    const asker = requests.get(message.id);
    requests.delete(message.id);
    if (message.method) {
      notifications.push(message);
      for (const listener of [...listeners]) listener();
    } else if (message.error) {
      asker?.reject(Object.assign(new Error(message.error.message), message.error, { reason: message.error.data?.reason }));
    } else {
      asker?.resolve(message.result);
    }
  });

  const page = {
    notifications,
    get closed() { return inTime(closed, 'the agent to close the page\'s connection'); },
    send: (text) => socket.send(text),
    request(method, params = {}) {
      const id = ++lastId;
      const answer = inTime(new Promise((resolve, reject) => requests.set(id, { resolve, reject })),
        `the answer to ${method}`);
      answer.catch(() => {}); // whoever awaits it sees the error
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      return answer;
    },
    // The params of the next of that method that fit, among those not waited for yet.
    notification: (method, fits = () => true) => inTime(new Promise((resolve) => {
      const look = () => {
        while (seen < notifications.length) {
          const message = notifications[seen++];
          if (message.method !== method || !fits(message.params)) continue;
          listeners.delete(look);
          return resolve(message.params);
        }
      };
      listeners.add(look);
      look();
    }), `a ${method}`, () => JSON.stringify(notifications.slice(-5))),
    close: () => socket.close(),
  };
  return inTime(new Promise((resolve, reject) => {
    socket.once('open', () => resolve(page));
    socket.once('unexpected-response', (request, { statusCode, headers }) => {
      reject(Object.assign(new Error(`HTTP ${statusCode}`), { status: statusCode, headers }));
      request.destroy();
    });
    closed.then((code) => reject(new Error(`closed with ${code}`)));
  }), 'the agent to let the page in');
}
