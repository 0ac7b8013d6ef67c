/**
 * The story of a pipeline whose source is done by a worker, in two jobs of which the second continues the first; then
 * somebody would have to approve. The room and its machines are real; the worker keeps a diary on disk, as a build
 * server does, so that its next life goes on with the job that it has.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from '@aws-sdk/client-codepipeline';
import { isFault } from '#base/fault.ts';
import { silentLog } from '#base/log.ts';
import { openCodepipeline } from '#services/codepipeline/index.ts';
import type { Call, House } from '#services/service.ts';
import { openKeyring } from '#store/keyring.ts';
import type { Chapter, Life, Story } from './harness.ts';

const NAME = 'Web';
const SOURCE = { category: 'Source', owner: 'Custom', provider: 'Depot', version: '1' } as const;

type AnyHandler = (call: Call, input: object) => Promise<Record<string, unknown>>;

/** What the worker has in work. */
interface Diary {
  readonly job: Pick<Job, 'id' | 'nonce'>;
  readonly continuationToken?: string | undefined;
}

export const story: Story = {
  // Of the room, as it opens with whatever house.
  migrations: openCodepipeline({} as House).migrations,
  open: (life) => tellStory(life),
};

function tellStory({ directory, database, engine, clock }: Life): Chapter {
  const house = {
    account: '123456789012',
    region: 'us-east-1',
    quotas: 'seed',
    directory,
    clock,
    log: silentLog,
    database,
    engine,
    keyring: openKeyring(directory),
    assumeRole: async () => ({
      send: async () => ({}),
      credentials: { accessKeyId: 'A', secretAccessKey: 's', sessionToken: 't' },
    }),
    publish: async () => {},
  } as unknown as House;
  const service = openCodepipeline(house);
  const handlers = service.operations as unknown as Record<string, AnyHandler>;
  const send = (operation: string, input: object) => {
    const call = {
      account: house.account,
      region: house.region,
      at: clock.now(),
      source: '127.0.0.1',
      principal: { type: 'root', account: house.account },
      // Polls are not held.
      signal: AbortSignal.abort(),
      authorize: async () => {},
    } as unknown as Call;
    const handler = handlers[operation];
    if (!handler) throw new Error(operation);
    return handler(call, input);
  };

  const path = join(directory, 'diary');
  const readDiary = (): Diary | undefined => {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    return text === '' ? undefined : (JSON.parse(text) as Diary);
  };

  async function workOnce(): Promise<void> {
    const diary = readDiary() ?? (await poll());
    if (!diary) return;
    if (await acknowledge(diary)) await report(diary);
    writeFileSync(path, '');
  }

  async function poll(): Promise<Diary | undefined> {
    const { jobs } = (await send('PollForJobs', { actionTypeId: SOURCE })) as { jobs: Job[] };
    const [job] = jobs;
    if (!job) return undefined;
    const { id, nonce, data } = job;
    const diary: Diary = { job: { id, nonce }, continuationToken: data?.continuationToken };
    writeFileSync(path, JSON.stringify(diary));
    return diary;
  }

  /** False if the job was given to another life meanwhile, or is over. */
  async function acknowledge({ job }: Diary): Promise<boolean> {
    const answer = await send('AcknowledgeJob', { jobId: job.id, nonce: job.nonce }).catch(
      (error: unknown) => {
        if (isFault(error, 'InvalidNonceException')) return { status: 'Lost' };
        throw error;
      },
    );
    return answer['status'] === 'InProgress';
  }

  async function report({ job, continuationToken }: Diary): Promise<void> {
    await send('PutJobSuccessResult', {
      jobId: job.id,
      ...(continuationToken === undefined
        ? { continuationToken: 'second half', executionDetails: { percentComplete: 50 } }
        : { outputVariables: { Done: 'yes' }, currentRevision: { revision: 'r1', changeIdentifier: 'c1' } }),
    });
  }

  const actions = async () =>
    (await send('ListActionExecutions', { pipelineName: NAME }))['actionExecutionDetails'] as {
      actionName: string;
      status: string;
      output: { outputVariables: object };
    }[];

  const executions = async () =>
    (await send('ListPipelineExecutions', { pipelineName: NAME }))['pipelineExecutionSummaries'] as {
      status: string;
      sourceRevisions: { revisionId: string }[];
    }[];

  return {
    machines: service.machines,
    async begin() {
      const { category, provider, version } = SOURCE;
      const any = { minimumCount: 0, maximumCount: 5 };
      const details = { inputArtifactDetails: any, outputArtifactDetails: any };
      await send('CreateCustomActionType', { category, provider, version, ...details });
      await send('CreatePipeline', { pipeline }).catch((error: unknown) => {
        if (!isFault(error, 'PipelineNameInUseException')) throw error;
      });
    },
    async isOver() {
      await workOnce();
      return (await actions()).some(({ actionName }) => actionName === 'Ask');
    },
    async end() {
      const jobs = await database.read
        .withTables<{ codepipeline_jobs: { action_type: string; status: string; waiting: string | null } }>()
        .selectFrom('codepipeline_jobs')
        .select(['action_type', 'status', 'waiting'])
        .execute();
      return {
        executions: (await executions()).map(({ status, sourceRevisions }) => [
          status,
          sourceRevisions.map(({ revisionId }) => revisionId),
        ]),
        actions: (await actions())
          .map(({ actionName, status, output }) => [actionName, status, output.outputVariables])
          .sort(([one], [other]) => String(one).localeCompare(String(other))),
        jobs: jobs.map(({ action_type, status, waiting }) => `${action_type} ${status} ${waiting}`).sort(),
      };
    },
  };
}

const pipeline = {
  name: NAME,
  roleArn: 'arn:aws:iam::123456789012:role/pipeline',
  artifactStore: { type: 'S3', location: 'artifacts' },
  stages: [
    {
      name: 'Source',
      actions: [{ name: 'Fetch', actionTypeId: SOURCE, outputArtifacts: [{ name: 'Code' }] }],
    },
    {
      name: 'Review',
      actions: [
        {
          name: 'Ask',
          actionTypeId: { category: 'Approval', owner: 'AWS', provider: 'Manual', version: '1' },
        },
      ],
    },
  ],
};
