// SPDX-License-Identifier: MIT
//
// Programs of the computer's own, by their names.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

// The program's path, or undefined where it is not installed.
export function findProgram(...names) {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) {
      try {
        accessSync(join(directory, name), constants.X_OK);
        return join(directory, name);
      } catch {
        // not there
      }
    }
  }
  return undefined;
}
