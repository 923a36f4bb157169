// SPDX-License-Identifier: MIT
//
// No wait of the sandbox is for ever: what does not come is named, with what was seen last, so that
// a test that hangs tells why. It measures nothing; whatever works is over long before.

export const PATIENCE_MS = 60_000;
export const LONG_MS = 180_000; // for what spans several other waits

// Settles as `promise` does. When it has not in that time, rejects with an error that says what was
// awaited and what `seen()`, which may be asynchronous, tells at that moment.
export async function inTime(promise, awaited, seen = () => '', ms = PATIENCE_MS) {
  let timer;
  const patience = new Promise((resolve, reject) => {
    timer = setTimeout(async () => {
      const last = await Promise.resolve().then(seen).catch((error) => `(not known: ${error.message})`);
      reject(new Error(`waited ${ms / 1000} s for ${awaited}${last && `\n${last}`}`));
    }, ms);
  });
  try {
    return await Promise.race([promise, patience]);
  } finally {
    clearTimeout(timer);
  }
}
