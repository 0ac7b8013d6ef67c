/**
 * Releases in a house of its own process, which is killed before the write that it is told, or sees that write fail. A
 * client that hears of the failure asks again, and the release arrives in the same life; only a failed opening ends it.
 */

import { openHouse, release } from './house-story.ts';

const [directory = '', write = '', disturbance = ''] = process.argv.slice(2);
const UNDISTURBED = 0;
const FAILED = 3;

let failed = false;
const beforeWrite = (n: number) => {
  if (failed || n !== Number(write)) return;
  if (disturbance === 'kill') process.kill(process.pid, 'SIGKILL');
  failed = true;
  throw new Error(`write ${n} fails`);
};

const slipway = await openHouse(directory, beforeWrite).catch((error: unknown) => {
  if (!failed) throw error;
});
if (slipway) {
  await release(slipway).catch(async (error: unknown) => {
    if (!failed) throw error;
    await release(slipway);
  });
  await slipway.close(0);
}
process.exit(failed ? FAILED : UNDISTURBED);
