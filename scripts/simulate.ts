/**
 * `npm run simulate -- <seed>`: one simulated run, and the same run again, which must be equal to the last row. Without
 * a seed it takes the time; a failing seed is printed, and gives the same failure whenever it is run.
 */

import { simulate } from '#test/simulation/simulate.ts';

const seed = process.argv[2] ?? String(Date.now());
console.log(`seed ${seed}`);
const first = await simulate(seed);
console.log(first);
const again = await simulate(seed);
if (again.hash !== first.hash) {
  console.error(`The same seed gave another run: ${again.hash}`);
  process.exit(1);
}
console.log('The second run was equal.');
