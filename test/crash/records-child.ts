/**
 * Changes things in a house of its own process, says each change on standard output when it is answered, and is killed
 * before the write that it is told.
 */

import { writeSync } from 'node:fs';
import { openHouse } from './house-story.ts';

const [directory = '', write = '', life = ''] = process.argv.slice(2);
const CHANGES = 3;
/** One of the changes is denied, which is to be told all the same. */
const DENIED = 1;

const slipway = await openHouse(directory, (n) => {
  if (n === Number(write)) process.kill(process.pid, 'SIGKILL');
});
const stranger = slipway.house.asService('nobody');
await Promise.all(
  Array.from({ length: CHANGES }, async (_, index) => {
    const repositoryName = `life-${life}-${index}`;
    const caller = index === DENIED ? stranger : slipway.root;
    await caller.send('codecommit:CreateRepository', { repositoryName }).catch((error: unknown) => {
      if (index !== DENIED) throw error;
    });
    writeSync(1, `${repositoryName}\n`);
  }),
);
await slipway.close(0);
