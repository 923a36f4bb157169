// SPDX-License-Identifier: MIT
//
// A display of a test's own (Xvfb), for what browsers do only when they have a window: ask. And for
// what is to be seen on it: Xvfb keeps its screen as an xwd file (X11/XWDFile.h).

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, removeFolder } from './folder.mjs';
import { start } from './processes.mjs';

export async function startDisplay() {
  const directory = await makeFolder('display');
  const server = await start('Xvfb',
    ['-displayfd', '1', '-screen', '0', '1280x900x24', '-nolisten', 'tcp', '-noreset', '-fbdir', directory],
    { ready: /^(\d+)$/m });
  return {
    name: `:${server.match[1]}`,
    // What is on the screen now, as { width, height, colours }; colours: RRGGBB -> how many pixels.
    async look() {
      return readPicture(await readFile(join(directory, 'Xvfb_screen0')));
    },
    async close() {
      await server.stop();
      await removeFolder(directory);
    },
  };
}

// Four bytes to a pixel, blue first, as Xvfb has it with 24 bits of depth.
function readPicture(file) {
  const [headerSize, width, height, bytesPerLine, colourCount] = [0, 16, 20, 48, 76].map((at) => file.readUInt32BE(at));
  const pixels = headerSize + colourCount * 12;
  const colours = new Map();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = file.readUIntLE(pixels + y * bytesPerLine + x * 4, 3);
      colours.set(colour, (colours.get(colour) ?? 0) + 1);
    }
  }
  const named = [...colours].map(([colour, count]) => [colour.toString(16).padStart(6, '0'), count]);
  return { width, height, colours: Object.fromEntries(named) };
}
