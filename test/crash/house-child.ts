/**
 * Releases in a house of its own process, which is killed before the write that it is told, or sees that write fail.
 * A failure that reaches the opening or the client ends the process, and the next one goes on.
 */

import { openHouse, release } from './house-story.ts';

const [directory = '', write = '', disturbance = ''] = process.argv.slice(2);
const UNDISTURBED = 0;
const FAILED = 3;

let failed = false;
try {
  const slipway = await openHouse(directory, (n) => {
    if (failed || n !== Number(write)) return;
    if (disturbance === 'kill') process.kill(process.pid, 'SIGKILL');
    failed = true;
    throw new Error(`write ${n} fails`);
  });
  await release(slipway);
  await slipway.close(0);
} catch (error) {
  if (!failed) throw error;
}
process.exit(failed ? FAILED : UNDISTURBED);
