// SPDX-License-Identifier: MIT
//
// A client of the agent's Unix socket (ipc/PROTOCOL.md §1.2), for tests: one connection, requests
// and their answers, and every notification in the order in which it came.
//
//   const agent = await connectNative(sandbox);
//   const signIn = agent.request('card.signIn', { challenge, origin });
//   await agent.waiting('pin');             // until the agent says it waits for that
//   const { token } = await signIn;         // or rejects with { code, message, data }

import { connect } from 'node:net';
import { join } from 'node:path';
import { inTime, LONG_MS } from './patience.mjs';

export const nativePath = (sandbox) => join(sandbox.runtime, 'lanyard', 'agent');

export function connectNative(sandbox) {
  const socket = connect(nativePath(sandbox));
  const requests = new Map(); // id -> { resolve, reject }
  const heard = []; // every message
  const notifications = []; // those of them
  const listeners = new Set(); // called on each
  let pending = Buffer.alloc(0);
  let lastId = 0;

  const latest = () => `notifications so far: ${notifications.length}${
    notifications.slice(-5).map((message) => `\n${JSON.stringify(message)}`).join('')}`;

  function send(message) {
    const body = Buffer.from(JSON.stringify(message));
    const header = Buffer.alloc(4);
    header.writeUInt32BE(body.length);
    socket.write(Buffer.concat([header, body]));
  }

  function receive(message) {
    heard.push(message);
    if (message.id === undefined) {
      notifications.push(message);
      for (const listener of [...listeners]) listener(message);
      return;
    }
    const { resolve, reject } = requests.get(message.id);
    requests.delete(message.id);
    if (message.error) {
      reject(Object.assign(new Error(message.error.message), message.error, {
        reason: message.error.data?.reason,
      }));
    } else {
      resolve(message.result);
    }
  }

  socket.on('data', (data) => {
    pending = Buffer.concat([pending, data]);
    while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE()) {
      const end = 4 + pending.readUInt32BE();
      receive(JSON.parse(pending.subarray(4, end)));
      pending = pending.subarray(end);
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    for (const { reject } of requests.values()) reject(new Error('the agent closed the connection'));
    requests.clear();
  });

  const client = {
    socket,
    heard,
    notifications,
    lastId: () => lastId,
    request(method, params = {}) {
      const id = ++lastId;
      const answer = inTime(new Promise((resolve, reject) => requests.set(id, { resolve, reject })),
        `the answer to ${method}`, latest, LONG_MS);
      answer.catch(() => {}); // whoever awaits it sees the error
      send({ jsonrpc: '2.0', id, method, params });
      return answer;
    },
    // The next notification for which `matches` holds, among those not waited for yet. `what` names
    // it for whoever reads why it did not come.
    seen: 0,
    notification(matches, what = `a notification for which ${matches}`) {
      return inTime(new Promise((resolve) => {
        const look = () => {
          for (; client.seen < notifications.length;) {
            const message = notifications[client.seen++];
            if (matches(message)) {
              listeners.delete(look);
              resolve(message);
              return;
            }
          }
        };
        listeners.add(look);
        look();
      }), what, latest);
    },
    // The params of the next operation.waiting for that.
    waiting: (what) => client.notification(({ method, params }) =>
      method === 'operation.waiting' && params.for === what, `the agent to wait for ${what}`)
      .then(({ params }) => params),
    close: () => inTime(new Promise((resolve) => {
      if (socket.closed) resolve();
      socket.once('close', resolve);
      socket.end();
    }), 'the agent to close the connection'),
  };
  return inTime(new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(client));
    socket.once('error', reject);
  }), 'the agent to let a program in');
}
