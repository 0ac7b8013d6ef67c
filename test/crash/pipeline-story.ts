/**
 * The story of a pipeline that uses what the machine has: a queue, an entry condition with a build as its rule, a
 * variable check, actions side by side, an automatic retry, an approval, a worker's action, an automatic rollback, a
 * skipped stage. The room and its machines are real; builds, objects and the worker are notes on disk.
 */

import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isFault } from '#base/fault.ts';
import { silentLog } from '#base/log.ts';
import { openCodepipeline } from '#services/codepipeline/index.ts';
import type { Call, House } from '#services/service.ts';
import { openKeyring } from '#store/keyring.ts';
import type { Chapter, Life, Story } from './harness.ts';

const NAME = 'story';
const ROLE = 'arn:aws:iam::123456789012:role/pipeline';
const WORKER = { category: 'Deploy', owner: 'Custom', provider: 'Worker', version: '1' };
/** E1 goes through; E2 fails in its last stage and is rolled back to E1. */
const EXECUTIONS = 2;

type AnyHandler = (call: Call, input: object) => Promise<Record<string, unknown>>;

interface Execution {
  readonly pipelineExecutionId: string;
  readonly status: string;
  readonly executionType: string;
}

interface ActionRun {
  readonly pipelineExecutionId: string;
  readonly stageName: string;
  readonly actionName: string;
  readonly status: string;
  readonly input: { readonly actionTypeId: { readonly category: string } };
  readonly output: { readonly executionResult?: { readonly externalExecutionId?: string } };
}

const migrations = openCodepipeline({} as House).migrations;

export const story: Story = { migrations, open: (life) => tellStory(life) };

function tellStory({ directory, database, engine, clock }: Life): Chapter {
  const world = join(directory, 'world');
  mkdirSync(world, { recursive: true });
  const notes = (file: string): string[] => {
    const path = join(world, file);
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  };
  /** What a service with idempotency tokens does: the first time it happens, then it is known. */
  const noteOnce = (file: string, token: string, text: string): number => {
    const known = notes(file).findIndex((line) => line.startsWith(`${token} `));
    if (known >= 0) return known;
    appendFileSync(join(world, file), `${token} ${text}\n`);
    return notes(file).length - 1;
  };

  const house = {
    ...{ account: '123456789012', region: 'us-east-1', directory, clock, log: silentLog },
    ...{ database, engine, quotas: 'seed', keyring: openKeyring(directory) },
    endpoint: () => 'http://127.0.0.1:1',
    assumeRole: async () => ({ ...role, credentials: CREDENTIALS }),
    asService: () => role,
    // One event under one id, however often it is published.
    publish: async ({ id, detail }: { id: string; detail: Record<string, string> }) => {
      const { stage = '', action = '', state = '' } = detail;
      noteOnce('bus', id, [stage, action, state].join('/'));
    },
  } as unknown as House;
  const role = { send: (operation: string, input: never) => answer(operation, input) };

  /** The other rooms. A build of `flaky` fails the first time; the third `last` fails. */
  async function answer(operation: string, input: Record<string, string>): Promise<object> {
    switch (operation) {
      case 's3:GetBucketVersioning':
        return { Status: 'Enabled' };
      case 's3:HeadObject':
        return { VersionId: 'v1', ETag: '"e"', ContentLength: 1 };
      case 's3:CopyObject':
        noteOnce('objects', input['Key'] ?? '', 'copied');
        return {};
      case 'codebuild:StartBuild': {
        const index = noteOnce('builds', input['idempotencyToken'] ?? '', input['projectName'] ?? '');
        return { build: buildOf(index) };
      }
      case 'codebuild:BatchGetBuilds': {
        const [id = ''] = input['ids'] as unknown as readonly string[];
        return { builds: [{ ...buildOf(Number(id.split(':')[1])), ...endOf(Number(id.split(':')[1])) }] };
      }
      default:
        throw new Error(`the story has no ${operation}`);
    }
  }

  function buildOf(index: number) {
    const project = notes('builds')[index]?.split(' ')[1] ?? '';
    return { id: `${project}:${index}`, buildStatus: 'IN_PROGRESS', buildComplete: false };
  }

  function endOf(index: number) {
    const project = notes('builds')[index]?.split(' ')[1] ?? '';
    const earlier = notes('builds')
      .slice(0, index)
      .filter((line) => line.endsWith(` ${project}`)).length;
    const fails = (project === 'flaky' && earlier === 0) || (project === 'last' && earlier === 1);
    return { buildStatus: fails ? 'FAILED' : 'SUCCEEDED', buildComplete: true };
  }

  const service = openCodepipeline(house);
  const handlers = service.operations as unknown as Record<string, AnyHandler>;
  const call = {
    ...{ account: house.account, region: house.region, source: '127.0.0.1' },
    principal: { type: 'root', account: house.account },
    // Polls are not held.
    signal: AbortSignal.abort(),
    authorize: async () => {},
  } as unknown as Call;
  const send = (operation: string, input: object) => {
    const handler = handlers[operation];
    if (!handler) throw new Error(operation);
    return handler({ ...call, at: clock.now() }, input);
  };
  const executions = async () => {
    const list = await send('ListPipelineExecutions', { pipelineName: NAME });
    return list['pipelineExecutionSummaries'] as readonly Execution[];
  };
  const actions = async () => {
    const list = await send('ListActionExecutions', { pipelineName: NAME });
    return list['actionExecutionDetails'] as readonly ActionRun[];
  };

  async function approve(run: ActionRun): Promise<void> {
    const token = run.output.executionResult?.externalExecutionId;
    const { stageName, actionName } = run;
    const result = { status: 'Approved', summary: 'ok' };
    const given = { pipelineName: NAME, stageName, actionName, token, result };
    await send('PutApprovalResult', given).catch(unless('ApprovalAlreadyCompletedException'));
  }

  /** Takes one job, if there is one, and does it. What is in work is in the worker's diary, for its next life. */
  async function work(): Promise<void> {
    const diary = join(world, 'diary');
    const open = existsSync(diary) ? readFileSync(diary, 'utf8') : '';
    const job = open === '' ? await takeJob() : (JSON.parse(open) as Job);
    if (!job) return;
    writeFileSync(diary, JSON.stringify(job));
    const { id: jobId, nonce, data } = job;
    const late = unless('InvalidJobStateException', 'InvalidNonceException');
    await send('AcknowledgeJob', { jobId, nonce }).catch(late);
    noteOnce('jobs', data.pipelineContext.action.actionExecutionId, 'done');
    await send('PutJobSuccessResult', { jobId }).catch(late);
    writeFileSync(diary, '');
  }

  async function takeJob(): Promise<Job | undefined> {
    const { jobs = [] } = await send('PollForJobs', { actionTypeId: WORKER, maxBatchSize: 1 });
    return (jobs as readonly Job[])[0];
  }

  return {
    machines: service.machines,
    async begin() {
      await send('CreateCustomActionType', {
        ...{ category: WORKER.category, provider: WORKER.provider, version: WORKER.version },
        inputArtifactDetails: { minimumCount: 0, maximumCount: 1 },
        outputArtifactDetails: { minimumCount: 0, maximumCount: 0 },
      });
      await send('CreatePipeline', { pipeline: declaration }).catch(unless('PipelineNameInUseException'));
      for (let count = 1; count < EXECUTIONS; count++) {
        await send('StartPipelineExecution', { name: NAME, clientRequestToken: `${count}` });
      }
    },
    async isOver() {
      await work();
      const running = (await actions()).filter((run) => run.status === 'InProgress');
      for (const run of running) if (run.input.actionTypeId.category === 'Approval') await approve(run);
      const all = await executions();
      return (
        all.length === EXECUTIONS + 1 && all.every(({ status }) => !/^(InProgress|Stopping)$/.test(status))
      );
    },
    async end() {
      const all = await executions();
      const runs = await actions();
      return {
        executions: all.map(({ status, executionType }) => `${executionType} ${status}`),
        actions: all.map(({ pipelineExecutionId: id }) =>
          runs
            .filter((run) => run.pipelineExecutionId === id)
            .map((run) => `${run.stageName}/${run.actionName} ${run.status}`)
            .sort(),
        ),
        builds: notes('builds')
          .map((line) => line.split(' ')[1])
          .sort(),
        objects: notes('objects').length,
        jobs: notes('jobs').length,
        bus: notes('bus')
          .map((line) => line.split(' ')[1])
          .sort(),
      };
    },
  };
}

interface Job {
  readonly id: string;
  readonly nonce: string;
  readonly data: { readonly pipelineContext: { readonly action: { readonly actionExecutionId: string } } };
}

const CREDENTIALS = {
  accessKeyId: 'ASIASTORYSTORYSTORY0',
  secretAccessKey: 'not-a-secret',
  sessionToken: 'token',
};

function unless(...codes: readonly string[]) {
  return (error: unknown): Record<string, unknown> => {
    if (isFault(error) && codes.includes(error.code)) return {};
    throw error;
  };
}

function action(name: string, category: string, provider: string, configuration: object, more: object = {}) {
  const actionTypeId = { category, owner: 'AWS', provider, version: '1' };
  return { name, actionTypeId, configuration, ...more };
}

function build(name: string, ProjectName: string, more: object = {}) {
  return action(name, 'Build', 'CodeBuild', { ProjectName }, { inputArtifacts: [{ name: 'Site' }], ...more });
}

function rule(provider: string, configuration: object, more: object = {}) {
  const ruleTypeId = { category: 'Rule', owner: 'AWS', provider, version: '1' };
  return { name: provider, ruleTypeId, configuration, ...more };
}

const declaration = {
  name: NAME,
  roleArn: ROLE,
  executionMode: 'QUEUED',
  artifactStore: { type: 'S3', location: 'artifacts' },
  stages: [
    {
      name: 'Source',
      actions: [
        action(...(['Fetch', 'Source', 'S3', { S3Bucket: 'source', S3ObjectKey: 'site.zip' }] as const), {
          outputArtifacts: [{ name: 'Site' }],
          namespace: 'Fetched',
        }),
      ],
    },
    {
      name: 'Test',
      beforeEntry: {
        conditions: [
          {
            result: 'FAIL',
            rules: [
              rule('CodeBuild', { ProjectName: 'gate' }, { inputArtifacts: [{ name: 'Site' }] }),
              rule('VariableCheck', { Variable: '#{Fetched.VersionId}', Value: 'v1', Operator: 'EQ' }),
            ],
          },
        ],
      },
      actions: [build('Unit', 'unit'), build('Flaky', 'flaky')],
      onFailure: { result: 'RETRY', retryConfiguration: { retryMode: 'FAILED_ACTIONS' } },
    },
    {
      name: 'Never',
      beforeEntry: {
        conditions: [
          { result: 'SKIP', rules: [rule('VariableCheck', { Variable: 'a', Value: 'b', Operator: 'EQ' })] },
        ],
      },
      actions: [build('Nothing', 'nothing')],
    },
    {
      name: 'Deploy',
      actions: [
        action('Ask', 'Approval', 'Manual', {}),
        { name: 'Work', actionTypeId: WORKER, runOrder: 2 },
        build('Last', 'last', { runOrder: 3 }),
      ],
      onFailure: { result: 'ROLLBACK' },
    },
  ],
};
