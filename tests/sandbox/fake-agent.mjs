// SPDX-License-Identifier: MIT
//
// An agent that says what a test tells it to: for the tests of lanyard.js and of the sign-in page,
// which must show each failure's own sentence whether or not the real agent can be brought to
// produce it. Journeys use the real agent.
//
//   const agent = await startFakeAgent((request, reply) => ...);
//
// `reply` has result(value), error(reason, code, sentence, advice, more), notify(method, params) and
// close(code); more: further members of the error's data. agent.hello is answered unless the script answers it itself (returns true).

import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import { inTime } from './patience.mjs';

export async function startFakeAgent(script) {
  const server = new WebSocketServer({
    host: '127.0.0.1', port: 0, path: '/v1', handleProtocols: () => 'lanyard.v1',
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const received = [];

  server.on('connection', (socket) => {
    const send = (message) => socket.send(JSON.stringify({ jsonrpc: '2.0', ...message }));
    socket.on('message', (data) => {
      const request = JSON.parse(data);
      received.push(request);
      const { id } = request;
      const reply = {
        result: (result) => send({ id, result }),
        error: (reason, code, message, advice, more) => send({
          id, error: { code, message, data: { reason, code: `LY-${code}`, advice, ...more } },
        }),
        notify: (method, params) => send({ method, params }),
        close: (code) => socket.close(code),
      };
      if (script(request, reply)) return;
      if (request.method === 'agent.hello') {
        reply.result({
          agent: 'lanyard', version: '0.1.0', protocol: 1,
          methods: ['card.signIn', 'webauthn.get', 'webauthn.create'],
        });
      }
    });
  });

  return {
    port: server.address().port,
    received,
    connections: () => server.clients.size,
    // Resolves once every page has left.
    async left() {
      for (const client of server.clients) await inTime(once(client, 'close'), 'the page to leave');
    },
    close: () => {
      for (const client of server.clients) client.terminate();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
