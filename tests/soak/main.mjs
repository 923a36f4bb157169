// SPDX-License-Identifier: MIT
//
// What tests/soak/run runs: main.mjs CYCLES.

import { soak } from './soak.mjs';

const cycles = Number(process.argv[2]);
if (!Number.isInteger(cycles) || cycles < 1) {
  process.stderr.write('usage: tests/soak/run [CYCLES]\n');
  process.exit(2);
}
const faults = await soak({ cycles, every: Math.min(500, cycles), report: (line) => console.log(line) });
for (const fault of faults) console.log(fault);
console.log(faults.length > 0 ? 'NOT GOOD' : `GOOD: after ${cycles} cycles nothing has grown and nothing is left`);
process.exitCode = faults.length > 0 ? 1 : 0;
