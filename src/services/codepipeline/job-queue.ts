/**
 * How workers come to jobs: a poll looks into one queue, in the order in which jobs came, and the machine of each job
 * says whether this poll gets it. So two polls, on one node or on two, never get the same job.
 */

import { present } from '#base/assert.ts';
import type { Job, Work } from '#core/job/state.ts';
import type { ActionTypeId } from '#core/pipeline/definition/declaration.ts';
import { actionTypeText, queueOf, type JobRoom } from './job-machine.ts';
import { jobRows } from './jobs-tables.ts';

/** A poll that finds nothing waits so long for a job. */
const POLL_HELD_MS_MAX = 1_000;
const BATCH_MAX = 100;
/** Jobs looked at beyond the wanted ones, as other polls may be faster. */
const CONTENDED_MAX = 20;
/** How often a poll that lost every job it saw looks again before it waits. */
const LOOKS_MAX = 5;

export interface Queue {
  readonly actionType: ActionTypeId;
  readonly queryValue?: string;
}

export interface TakenJob {
  readonly work: Work;
  readonly job: Job;
  readonly nonce: string;
}

export async function takeJobs(
  room: JobRoom,
  queue: Queue,
  batchSize: number | undefined,
  signal: AbortSignal,
): Promise<readonly TakenJob[]> {
  const { house, bell } = room;
  const count = Math.min(batchSize ?? 1, BATCH_MAX);
  const until = house.clock.now() + POLL_HELD_MS_MAX;
  const listener = bell.listen(queueOf(queue));
  try {
    for (;;) {
      const taken = await takeQueued(room, queue, count);
      const left = until - house.clock.now();
      if (taken.length > 0 || left <= 0 || bell.isSilent || signal.aborted) return taken;
      await listener.wait(left, signal);
    }
  } finally {
    listener.close();
  }
}

async function takeQueued(room: JobRoom, queue: Queue, count: number): Promise<readonly TakenJob[]> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    const found = await jobRows(room.house.database)
      .selectFrom('codepipeline_jobs')
      .select(['job_id', 'work_id'])
      .where('action_type', '=', actionTypeText(queue.actionType))
      .where('waiting', '=', queue.queryValue ?? '')
      .orderBy('since')
      .limit(count + CONTENDED_MAX)
      .execute();
    const taken: TakenJob[] = [];
    for (const row of found) {
      if (taken.length === count) break;
      const job = await takeJob(room, row.work_id, row.job_id);
      if (job) taken.push(job);
    }
    if (taken.length > 0 || found.length === 0) return taken;
  }
  return [];
}

async function takeJob(
  { house, jobs }: JobRoom,
  workId: string,
  jobId: string,
): Promise<TakenJob | undefined> {
  const { state, value } = await house.engine.send(jobs, workId, { type: 'JobPolled', jobId });
  const { nonce } = value as { readonly nonce?: string };
  if (nonce === undefined) return undefined;
  return { work: present(state.work, 'work of a job'), job: present(state.job, 'job'), nonce };
}
