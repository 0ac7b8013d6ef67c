/**
 * The machine of jobs in this room: what its decisions order is told to the machine of the pipeline, and every job has
 * a row by which workers find it. A success is told only after the outputs that it promised are seen to be there.
 */

import type { Kysely } from 'kysely';
import type { Bell } from '#base/bell.ts';
import { jobDecider } from '#core/job/decide.ts';
import type { Effect, Event, Job, State, Work, WorkEnd } from '#core/job/state.ts';
import type { ActionTypeId } from '#core/pipeline/definition/declaration.ts';
import type { ActionAddress, Event as PipelineEvent } from '#core/pipeline/events.ts';
import type { Change, EngineEvent, Machine } from '#engine/machine.ts';
import type { House } from '#services/service.ts';
import { failureOf } from './actions/failure.ts';
import { withinJobs, type JobRow } from './jobs-tables.ts';
import type { PipelineMachine } from './room.ts';
import { openSession } from './session.ts';

export type JobMachine = Machine<State, Event, Effect>;

/** What the files about jobs share. */
export interface JobRoom {
  readonly house: House;
  readonly jobs: JobMachine;
  /** Rings for a queue when a job comes into it. */
  readonly bell: Bell;
}

/** `pipelines` is asked for only when the house runs, as the two machines know each other. */
export function createJobMachine(house: House, pipelines: () => PipelineMachine): JobMachine {
  const tell = (work: Work, event: PipelineEvent) => house.engine.send(pipelines(), work.pipelineId, event);
  return {
    kind: 'codepipeline.job',
    decider: jobDecider,
    effects: {
      async ReportProgress({ work, reference, count }) {
        await tell(work, { type: 'ActionProgressed', ...addressOf(work), ...reference });
        return { type: 'ProgressReported', count };
      },
      async ReportEnd({ work, end }) {
        await tell(work, await endEvent(house, work, end));
        return undefined;
      },
    },
    record: recordJob,
  };
}

/** `Owner/Category/Provider/Version`, as in the ARN of an action type. */
export function actionTypeText({ owner, category, provider, version }: ActionTypeId): string {
  return `${owner}/${category}/${provider}/${version}`;
}

/** Names a queue for the bell. */
export function queueOf({ actionType, queryValue }: Pick<Work, 'actionType' | 'queryValue'>): string {
  return `${actionTypeText(actionType)}?${queryValue ?? ''}`;
}

async function endEvent(house: House, work: Work, end: WorkEnd): Promise<PipelineEvent> {
  const address = { ...addressOf(work), ...end.reference };
  if (end.type === 'Failed') {
    return { type: 'ActionFailed', code: end.code, message: end.message, ...address };
  }
  const failure = await missingOutput(house, work);
  if (failure) return { type: 'ActionFailed', ...failure, ...address };
  const { revision, outputVariables } = end;
  const { revisionUrl } = end.reference;
  return {
    type: 'ActionSucceeded',
    outputVariables,
    // What other actions worked on is no revision of the execution.
    ...(revision && work.actionType.category === 'Source'
      ? {
          revision: { ...revision, ...(revisionUrl === undefined ? {} : { url: revisionUrl }) },
          pin: { revisionId: revision.revisionId },
        }
      : {}),
    ...address,
  };
}

async function missingOutput(house: House, work: Work) {
  if (work.outputs.length === 0) return undefined;
  try {
    const caller = await openSession(house, work);
    for (const { name, bucket, key } of work.outputs) {
      const isThere = await caller
        .send('s3:HeadObject', { Bucket: bucket, Key: key })
        .then(() => true)
        .catch((error: unknown) => {
          if (['NotFound', 'NoSuchKey'].includes((error as { code?: string }).code ?? '')) return false;
          throw error;
        });
      if (isThere) continue;
      const message = `The job worker reported success, but the output artifact ${name} is not in ${bucket}/${key}`;
      return { code: 'JobFailed', message } as const;
    }
    return undefined;
  } catch (error) {
    return failureOf(error);
  }
}

function addressOf({ executionId, stage, action, actionExecutionId }: Work): ActionAddress {
  return { executionId, stage, action, actionExecutionId };
}

async function recordJob(
  transaction: Kysely<unknown>,
  { id, before, after }: Change<State, Event | EngineEvent, Effect>,
): Promise<void> {
  const { work, job } = after;
  if (!work || !job) return;
  // A job that was continued by another one succeeded.
  const earlier = before?.job;
  if (earlier && earlier.id !== job.id) {
    await recordRow(transaction, id, work, { ...earlier, status: 'Succeeded', since: job.since });
  }
  await recordRow(transaction, id, work, job);
}

async function recordRow(transaction: Kysely<unknown>, workId: string, work: Work, job: Job): Promise<void> {
  const now = {
    status: job.status,
    nonce: job.nonce ?? null,
    waiting: job.status === 'Queued' ? (work.queryValue ?? '') : null,
    since: job.since,
  };
  const row: JobRow = {
    job_id: job.id,
    work_id: workId,
    action_type: actionTypeText(work.actionType),
    ...now,
  };
  await withinJobs(transaction)
    .insertInto('codepipeline_jobs')
    .values(row)
    .onConflict((conflict) => conflict.column('job_id').doUpdateSet(now))
    .execute();
}
