// SPDX-License-Identifier: MIT
//
// The provider's clock. Everything here that has to do with time asks one, so that a test can bring
// its own and let ten hours pass at once.

export const realClock = {
  now: () => Date.now(), // milliseconds

  // Calls `what` once, that much later; returns what calls it off. Keeps no process alive.
  after(milliseconds, what) {
    const timer = setTimeout(what, milliseconds).unref();
    return () => clearTimeout(timer);
  },
};
