/**
 * The operations of partners' workers. A poll tells only that there is a job and for which client; the job itself is
 * given to whoever has the secret that the partner registered.
 *
 *   PollForThirdPartyJobs ─▶ GetThirdPartyJobDetails ─▶ AcknowledgeThirdPartyJob ─▶ (work) ─▶ a result
 */

import type { ThirdPartyJob } from '@aws-sdk/client-codepipeline';
import { present } from '#base/assert.ts';
import { fault } from '#base/fault.ts';
import type { ActionTypeId } from '#core/pipeline/definition/declaration.ts';
import type { Call, Handler } from '#services/service.ts';
import { jobData } from './job-data.ts';
import { actionTypeText, type JobRoom } from './job-machine.ts';
import { takeJobs } from './job-queue.ts';
import { acknowledge, putFailure, putSuccess, readJob, requireJob } from './jobs.ts';
import type { JobRow } from './jobs-tables.ts';
import { findRegisteredType, type RegisteredType } from './registered-types.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

interface Asked {
  readonly jobId?: string | undefined;
  readonly clientToken?: string | undefined;
}

export function thirdPartyJobOperations(room: JobRoom) {
  const { house } = room;

  const PollForThirdPartyJobs: Codepipeline<'PollForThirdPartyJobs'> = async (call, input) => {
    const actionType = present(input.actionTypeId, 'action type id') as ActionTypeId;
    if (actionType.owner !== 'ThirdParty') {
      throw fault(
        'ValidationException',
        'Jobs of third parties can be polled for action types with the owner ThirdParty only',
      );
    }
    const found = await findRegisteredType(house, actionType);
    if (!found || !mayPoll(found, call)) {
      throw fault('ActionTypeNotFoundException', `Action type ${actionTypeText(actionType)} was not found`);
    }
    const taken = await takeJobs(room, { actionType }, input.maxBatchSize, call.signal);
    const jobs: ThirdPartyJob[] = taken.map(({ job }) => ({ clientId: found.clientId, jobId: job.id }));
    return { jobs };
  };

  const GetThirdPartyJobDetails: Codepipeline<'GetThirdPartyJobDetails'> = async (_call, input) => {
    const row = await requirePartnersJob(input);
    const { work, job } = await readJob(room, row);
    if (job.status !== 'Dispatched' && job.status !== 'InProgress') {
      throw fault('InvalidJobException', `Job ${job.id} is ${job.status}: it is not given to any worker`);
    }
    const { pipelineContext, ...data } = await jobData(house, work, job);
    const { pipelineName, stage, action } = present(pipelineContext, 'context');
    return {
      jobDetails: {
        id: job.id,
        nonce: job.nonce,
        data: { ...data, pipelineContext: { pipelineName, stage, action } },
      },
    };
  };

  const AcknowledgeThirdPartyJob: Codepipeline<'AcknowledgeThirdPartyJob'> = async (_call, input) => ({
    status: await acknowledge(room, await requirePartnersJob(input), input.nonce),
  });

  const PutThirdPartyJobSuccessResult: Codepipeline<'PutThirdPartyJobSuccessResult'> = async (
    _call,
    input,
  ) => {
    const { currentRevision, continuationToken, executionDetails } = input;
    const row = await requirePartnersJob(input);
    await putSuccess(room, row, { currentRevision, continuationToken, executionDetails });
    return {};
  };

  const PutThirdPartyJobFailureResult: Codepipeline<'PutThirdPartyJobFailureResult'> = async (
    _call,
    input,
  ) => {
    await putFailure(room, await requirePartnersJob(input), input.failureDetails);
    return {};
  };

  const requirePartnersJob = async ({ jobId, clientToken }: Asked): Promise<JobRow> => {
    const row = await requireJob(room, jobId, ({ action_type }) => action_type.startsWith('ThirdParty/'));
    const [owner = '', category = '', provider = '', version = ''] = row.action_type.split('/');
    const found = await findRegisteredType(house, { owner, category, provider, version });
    if (found?.isClientToken(clientToken)) return row;
    throw fault(
      'InvalidClientTokenException',
      `The client token is not the one of the client of job ${jobId}`,
    );
  };

  return {
    PollForThirdPartyJobs,
    GetThirdPartyJobDetails,
    AcknowledgeThirdPartyJob,
    PutThirdPartyJobSuccessResult,
    PutThirdPartyJobFailureResult,
  };
}

/** A type may name the accounts whose workers poll. */
function mayPoll({ declaration }: RegisteredType, { account }: Call): boolean {
  const { pollingAccounts } = declaration.executor?.configuration?.jobWorkerExecutorConfiguration ?? {};
  return pollingAccounts === undefined || pollingAccounts.includes(account);
}
