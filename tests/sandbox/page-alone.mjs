// SPDX-License-Identifier: MIT
//
// lanyard.js without a browser around it: Node lends it a WebSocket that names an origin, as a
// browser would. What a browser itself does to a connection (asking the person, saying nothing of
// why it failed) is page-permission.test.mjs.

import { WebSocket } from 'ws';
import { Lanyard } from '../../ipc/web/lanyard.js';

globalThis.location ??= { hostname: 'op.example' };

// From now on whatever connects is a page of that origin.
export function browseAs(origin) {
  globalThis.WebSocket = class extends WebSocket {
    constructor(url, protocol) {
      super(url, protocol, { origin });
      this.on('error', () => {}); // a browser tells a page no more than that it is closed
    }
  };
}

// As Lanyard.connect, by a page of that origin.
export function connectAs(origin, options) {
  browseAs(origin);
  return Lanyard.connect(options); // has made its socket when it returns
}
