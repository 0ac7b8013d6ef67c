/**
 * Tells a story in a house of its own process, which is killed before the write that it is told, or sees that write
 * fail. A client that hears of the failure asks again, and the story ends in the same life; only a failed opening ends it.
 */

import { FAILED, type HouseStory } from './house-tellings.ts';

const [module = '', directory = '', write = '', disturbance = ''] = process.argv.slice(2);
const UNDISTURBED = 0;
const { story } = (await import(module)) as { readonly story: HouseStory };

let failed = false;
const beforeWrite = (n: number) => {
  if (failed || n !== Number(write)) return;
  if (disturbance === 'kill') process.kill(process.pid, 'SIGKILL');
  failed = true;
  throw new Error(`write ${n} fails`);
};

const slipway = await story.open(directory, beforeWrite).catch((error: unknown) => {
  if (!failed) throw error;
});
if (slipway) {
  await story.live(slipway).catch(async (error: unknown) => {
    if (!failed) throw error;
    await story.live(slipway);
  });
  await slipway.close(0);
}
process.exit(failed ? FAILED : UNDISTURBED);
