/**
 * The operations of job workers: poll, acknowledge, ask again for details, report. Whoever may call them may work for
 * the account's custom actions; a job is known by an id that nobody can guess.
 *
 *   PollForJobs ─▶ AcknowledgeJob ─▶ (work, GetJobDetails for fresh credentials) ─▶ a result
 */

import type { CurrentRevision, ExecutionDetails, FailureDetails, Job } from '@aws-sdk/client-codepipeline';
import { present } from '#base/assert.ts';
import { fault } from '#base/fault.ts';
import { isOpen } from '#core/job/decide.ts';
import type { Event, JobDetails, JobStatus, State, WorkRevision } from '#core/job/state.ts';
import type { ActionTypeId } from '#core/pipeline/definition/declaration.ts';
import { OUTPUT_VARIABLES_LENGTH_MAX } from '#core/pipeline/limits.ts';
import type { Handler } from '#services/service.ts';
import { findActionType } from './action-types.ts';
import { jobData, jobDataOrRefusal } from './job-data.ts';
import { actionTypeText, queueOf, type JobRoom } from './job-machine.ts';
import { takeJobs } from './job-queue.ts';
import { jobRows, type JobRow } from './jobs-tables.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

export function jobOperations(room: JobRoom) {
  const { house } = room;

  const PollForJobs: Codepipeline<'PollForJobs'> = async (call, input) => {
    const actionType = present(input.actionTypeId, 'action type id') as ActionTypeId;
    const queryValue = await queryValueOf(actionType, input.queryParam);
    const queue = { actionType, ...(queryValue === undefined ? {} : { queryValue }) };
    const jobs: Job[] = [];
    for (const { work, job, nonce } of await takeJobs(room, queue, input.maxBatchSize, call.signal)) {
      const data = await jobDataOrRefusal(room, work, job);
      if (data) jobs.push({ id: job.id, nonce, accountId: house.account, data });
    }
    return { jobs };
  };

  const queryValueOf = async (
    id: ActionTypeId,
    queryParam: Readonly<Record<string, string>> | undefined,
  ): Promise<string | undefined> => {
    if (id.owner !== 'Custom') {
      throw fault('ValidationException', 'Jobs can be polled for action types with the owner Custom only');
    }
    const type = await findActionType(house, id);
    if (!type) {
      throw fault('ActionTypeNotFoundException', `Action type ${actionTypeText(id)} was not found`);
    }
    const name = type.properties.find(({ queryable }) => queryable)?.name;
    const given = Object.entries(queryParam ?? {});
    if (name === undefined && given.length === 0) return undefined;
    if (name !== undefined && given.length === 1 && given[0]?.[0] === name) return given[0][1];
    throw fault(
      'ValidationException',
      name === undefined
        ? `Action type ${actionTypeText(id)} has no queryable property, so queryParam must be left out`
        : `Action type ${actionTypeText(id)} needs the value of its queryable property ${name} as queryParam`,
    );
  };

  const AcknowledgeJob: Codepipeline<'AcknowledgeJob'> = async (_call, input) => {
    const row = await requireJob(room, input.jobId, isOurs);
    return { status: await acknowledge(room, row, input.nonce) };
  };

  const GetJobDetails: Codepipeline<'GetJobDetails'> = async (_call, input) => {
    const row = await requireJob(room, input.jobId, isOurs);
    const { work, job } = await readJob(room, row);
    return { jobDetails: { id: job.id, accountId: house.account, data: await jobData(house, work, job) } };
  };

  const PutJobSuccessResult: Codepipeline<'PutJobSuccessResult'> = async (_call, input) => {
    const row = await requireJob(room, input.jobId, isOurs);
    await putSuccess(room, row, input);
    return {};
  };

  const PutJobFailureResult: Codepipeline<'PutJobFailureResult'> = async (_call, input) => {
    const row = await requireJob(room, input.jobId, isOurs);
    await putFailure(room, row, input.failureDetails);
    return {};
  };

  return { PollForJobs, AcknowledgeJob, GetJobDetails, PutJobSuccessResult, PutJobFailureResult };
}

/** Jobs of third parties have operations of their own. */
function isOurs(row: JobRow): boolean {
  return !row.action_type.startsWith('ThirdParty/');
}

export async function requireJob(
  { house }: JobRoom,
  jobId: string | undefined,
  isWanted: (row: JobRow) => boolean,
): Promise<JobRow> {
  const row = await jobRows(house.database)
    .selectFrom('codepipeline_jobs')
    .selectAll()
    .where('job_id', '=', jobId ?? '')
    .executeTakeFirst();
  if (row && isWanted(row)) return row;
  throw fault('JobNotFoundException', `Job ${jobId} was not found`);
}

/** The job as it stands; one that was continued succeeded. */
export async function readJob({ house, jobs }: JobRoom, row: JobRow) {
  const state: State = present(await house.engine.read(jobs, row.work_id), 'machine of a job');
  const work = present(state.work, 'work of a job');
  const isPresent = state.job?.id === row.job_id;
  const job = isPresent && state.job;
  return { work, job: job || { id: row.job_id, status: 'Succeeded' as const, since: row.since } };
}

export async function acknowledge(
  { house, jobs }: JobRoom,
  row: JobRow,
  nonce: string | undefined,
): Promise<JobStatus> {
  const status = row.status as JobStatus;
  // What is over stays as it is, also once other jobs have followed.
  if (!isOpen(status) && nonce !== undefined && row.nonce === nonce) return status;
  const event = { type: 'JobAcknowledged', jobId: row.job_id, nonce: nonce ?? '' } as const;
  const { value } = await house.engine.send(jobs, row.work_id, event);
  return (value as { readonly status: JobStatus }).status;
}

export interface SuccessResult {
  readonly currentRevision?: CurrentRevision | undefined;
  readonly continuationToken?: string | undefined;
  readonly executionDetails?: ExecutionDetails | undefined;
  readonly outputVariables?: Readonly<Record<string, string>> | undefined;
}

export async function putSuccess(room: JobRoom, row: JobRow, result: SuccessResult): Promise<void> {
  const { outputVariables, continuationToken } = result;
  if (outputVariables !== undefined && continuationToken !== undefined) {
    throw fault('ValidationException', 'Output variables can be given only without a continuation token');
  }
  const variables = { ...outputVariables };
  if (Buffer.byteLength(JSON.stringify(variables)) > OUTPUT_VARIABLES_LENGTH_MAX) {
    const message = `The output variables of one action must be smaller than ${OUTPUT_VARIABLES_LENGTH_MAX} bytes`;
    throw fault('OutputVariablesSizeExceededException', message);
  }
  const revision = revisionOf(result.currentRevision, room.house.clock.now());
  await put(room, row, {
    type: 'JobSucceeded',
    jobId: row.job_id,
    details: detailsOf(result.executionDetails),
    outputVariables: variables,
    ...(revision ? { revision } : {}),
    ...(continuationToken === undefined ? {} : { continuationToken }),
  });
}

export async function putFailure(
  room: JobRoom,
  row: JobRow,
  failure: FailureDetails | undefined,
): Promise<void> {
  const { type, message, externalExecutionId } = failure ?? {};
  await put(room, row, {
    type: 'JobFailed',
    jobId: row.job_id,
    code: type ?? 'JobFailed',
    message: message ?? '',
    details: detailsOf({ externalExecutionId }),
  });
}

async function put({ house, jobs, bell }: JobRoom, row: JobRow, event: Event): Promise<void> {
  const { state } = await house.engine.send(jobs, row.work_id, event);
  if (state.job?.status === 'Queued' && state.work) bell.ring([queueOf(state.work)]);
}

function detailsOf(given: ExecutionDetails | undefined): JobDetails {
  const { summary, externalExecutionId, percentComplete } = given ?? {};
  return {
    ...(summary === undefined ? {} : { summary }),
    ...(externalExecutionId === undefined ? {} : { externalId: externalExecutionId }),
    ...(percentComplete === undefined ? {} : { percentComplete }),
  };
}

function revisionOf(given: CurrentRevision | undefined, now: number): WorkRevision | undefined {
  if (!given) return undefined;
  const { revision = '', changeIdentifier, created, revisionSummary } = given;
  return {
    revisionId: revision,
    createdAt: created?.getTime() ?? now,
    ...(changeIdentifier === undefined ? {} : { changeId: changeIdentifier }),
    ...(revisionSummary === undefined ? {} : { summary: revisionSummary }),
  };
}
