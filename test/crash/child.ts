/** One life of a story in a process of its own, which is killed or stopped at the step that its order names. */

import { writeSync } from 'node:fs';
import { IN_DOUBT, live } from './harness.ts';
import type { ChildOrder, Story } from './harness.ts';

const order = JSON.parse(process.argv[2] ?? '') as ChildOrder;
const { story } = (await import(order.module)) as { story: Story };

const run = live(order.place, order.directory, story, {
  atStep(n) {
    if (n !== order.step) return;
    if (order.signal === 'SIGSTOP') writeSync(1, 'stopping\n');
    process.kill(process.pid, order.signal);
  },
});
await run.catch((error: Error) => {
  // Nobody can know whether a commit happened whose answer was lost; the caller asks again, here the next life.
  if (error.name !== 'CommitInDoubt') throw error;
  process.exitCode = IN_DOUBT;
});
