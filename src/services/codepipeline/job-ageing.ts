/** Jobs are kept as long as the history of their actions, and then forgotten, a few with every new one. */

import { isOpen } from '#core/job/decide.ts';
import type { JobStatus } from '#core/job/state.ts';
import { HISTORY_MS_MAX } from '#core/pipeline/limits.ts';
import type { JobRoom } from './job-machine.ts';
import { jobRows, withinJobs } from './jobs-tables.ts';

/** More than one, so that what has grown old becomes less. */
const FORGOTTEN_AT_ONCE = 5;

export async function forgetOldJobs({ house, jobs }: JobRoom): Promise<void> {
  const old = await jobRows(house.database)
    .selectFrom('codepipeline_jobs')
    .select(['work_id', 'status'])
    .where('since', '<', house.clock.now() - HISTORY_MS_MAX)
    .orderBy('since')
    .limit(FORGOTTEN_AT_ONCE)
    .execute();
  const over = old.filter(({ status }) => !isOpen(status as JobStatus));
  for (const workId of new Set(over.map(({ work_id }) => work_id))) {
    // The rows last: they lead to the machine.
    await house.engine.forget(jobs, workId);
    await house.database.transaction(async (transaction) => {
      await withinJobs(transaction).deleteFrom('codepipeline_jobs').where('work_id', '=', workId).execute();
    });
  }
}
