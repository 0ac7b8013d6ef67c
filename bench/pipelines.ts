/**
 * `npm run bench pipelines`: what a pipeline costs. Reads and a start beside 300 pipelines with a thousand executions
 * each, next to the same with one execution; decisions of a PARALLEL pipeline with 50 executions in flight; a queue of
 * a thousand starts; executions a minute with no-op actions and with sandboxed builds.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '#base/log.ts';
import type { Caller, House } from '#services/service.ts';
import { createSlipway } from '#slipway';
import { zipOf } from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';
import { type Figure, figure, report } from './report.ts';

const PIPELINES = 300;
const HISTORY = 1_000;
const READS = 200;
const STARTS = 1_000;
const IN_FLIGHT = 50;
const WAIT_MS = 300_000;
const ACCOUNT = '123456789012';
const ROLE = `arn:aws:iam::${ACCOUNT}:role/pipeline`;
const END = /^(Succeeded|Failed|Stopped|Superseded|Cancelled)$/;

const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const slipway = await createSlipway({
  ...{ directory, host: '127.0.0.1', port: 0, account: ACCOUNT, region: 'us-east-1' },
  ...{ runtime: 'sandbox', quotas: 'aws', environment: {}, log: silentLog },
});
const { root, house } = slipway;
const figures: Figure[] = [];
try {
  await furnish(root);
  await measureHistory();
  await measureParallel();
  await measureQueue();
  await measureThroughput('no-op actions', 120, []);
  await createProject();
  await measureThroughput('one sandboxed build', 30, [build()]);
} finally {
  await slipway.close(2_000);
  rmSync(directory, { recursive: true, force: true });
}
report('pipelines', figures, [
  'Calls in process: authorization, validation and audit included, HTTP and signature not.',
  'A no-op execution copies an object, and deploys it: two actions of real work on the store.',
]);

/** Each read of a pipeline with a thousand executions beside the same of one with a single execution. */
async function measureHistory(): Promise<void> {
  const names = Array.from({ length: PIPELINES }, (_, index) => `history-${index}`);
  for (const name of names) await create(name, [approvalStage()]);
  await create('alone', [approvalStage()]);
  const alone = await newest('alone');
  const fullId = await newest(names[Math.floor(PIPELINES / 2)] ?? '');
  // So that a page of ten is full, and of the same, in both.
  for (let count = 0; count < 10; count++) {
    await startAndStop('alone');
    await startAndStop(names[Math.floor(PIPELINES / 2)] ?? '');
  }
  await until('the sources have run', WAIT_MS, async () =>
    (await Promise.all(names.map(async (name) => isInside(name)))).every(Boolean) ? true : undefined,
  );
  const full = names[Math.floor(PIPELINES / 2)] ?? '';
  const reads: readonly (readonly [string, (name: string, id: string) => Promise<unknown>])[] = [
    ['GetPipelineState', (name) => root.send('codepipeline:GetPipelineState', { name })],
    [
      'GetPipelineExecution',
      (pipelineName, pipelineExecutionId) =>
        root.send('codepipeline:GetPipelineExecution', { pipelineName, pipelineExecutionId }),
    ],
    [
      'ListPipelineExecutions (10)',
      (pipelineName) => root.send('codepipeline:ListPipelineExecutions', { pipelineName, maxResults: 10 }),
    ],
    [
      'ListActionExecutions of one',
      (pipelineName, pipelineExecutionId) =>
        root.send('codepipeline:ListActionExecutions', { pipelineName, filter: { pipelineExecutionId } }),
    ],
    ['a start and its stop', (name) => startAndStop(name)],
  ];
  await writeHistory(house, names);
  await house.engine.idle();
  for (const [what, read] of reads) {
    const [one, many] = await timedInTurn(
      [`${what}, one execution, alone`, () => read('alone', alone)],
      [`${what}, of ${PIPELINES} × ${HISTORY}`, () => read(full, fullId)],
    );
    figures.push(one, many, figure(`${what}: full beside alone`, '×', [many.median / one.median], '≤ 1.3'));
  }
}

async function startAndStop(name: string): Promise<void> {
  const { pipelineExecutionId } = await root.send('codepipeline:StartPipelineExecution', { name });
  const stop = { pipelineName: name, pipelineExecutionId, abandon: true };
  // It may have been superseded, or have come through its source stage, by now.
  await root.send('codepipeline:StopPipelineExecution', stop);
}

type Timed = readonly [name: string, work: () => Promise<unknown>];

/** In turn, so that whatever else the machine does meets both. */
async function timedInTurn(...pair: readonly [Timed, Timed]): Promise<readonly [Figure, Figure]> {
  const samples: [number[], number[]] = [[], []];
  for (let count = 0; count < READS; count++) {
    for (const side of [0, 1] as const) {
      const from = performance.now();
      await pair[side][1]();
      samples[side].push(performance.now() - from);
    }
  }
  return [figure(pair[0][0], 'ms', samples[0]), figure(pair[1][0], 'ms', samples[1])];
}

/** Copies the rows of each pipeline's own execution a thousand times, under other ids. */
async function writeHistory({ database }: House, names: readonly string[]): Promise<void> {
  type Rows = Record<string, Record<string, unknown>>;
  const kysely = database.read.withTables<Rows>();
  const pipelines = await kysely.selectFrom('codepipeline_pipelines').selectAll().execute();
  for (const { pipeline_id: id, name } of pipelines) {
    if (!names.includes(String(name))) continue;
    const [execution] = await kysely
      .selectFrom('codepipeline_executions')
      .selectAll()
      .where('pipeline_id', '=', id)
      .limit(1)
      .execute();
    const actions = await kysely
      .selectFrom('codepipeline_actions')
      .selectAll()
      .where('pipeline_id', '=', id)
      .execute();
    await database.transaction(async (transaction) => {
      const within = transaction.withTables<Rows>();
      for (let number = 1; number <= HISTORY; number++) {
        const execution_id = `${number}-${String(execution?.['execution_id'])}`;
        await within
          .insertInto('codepipeline_executions')
          .values({ ...execution, execution_id, number: -number, status: 'Succeeded' })
          .execute();
        await within
          .insertInto('codepipeline_actions')
          .values(
            actions.map((action) => ({
              ...action,
              execution_id,
              action_execution_id: `${number}-${String(action['action_execution_id'])}`,
              status: 'Succeeded',
            })),
          )
          .execute();
      }
    });
  }
}

/** One approval answered in a pipeline with fifty executions in flight, beside one with a single execution. */
async function measureParallel(): Promise<void> {
  const stages = [approvalStage('Ask', 10), approvalStage('Last')];
  for (const [name, count] of [
    ['parallel-1', 1],
    ['parallel-50', IN_FLIGHT],
  ] as const) {
    await create(name, stages, { executionMode: 'PARALLEL' });
    for (let started = 1; started < count; started++)
      await root.send('codepipeline:StartPipelineExecution', { name });
    const runs = await until(`${count * 5} questions`, WAIT_MS, async () => {
      const open = await openQuestions(name);
      return open.length === count * 5 ? open : undefined;
    });
    const samples: number[] = [];
    for (const run of runs.slice(0, 100)) {
      const from = performance.now();
      await approve(name, run);
      samples.push(performance.now() - from);
    }
    figures.push(figure(`an answer, ${count} in flight`, 'ms', samples));
  }
}

async function measureQueue(): Promise<void> {
  await create('queue', [approvalStage()]);
  await until('the first is inside', WAIT_MS, async () => ((await isInside('queue')) ? true : undefined));
  const samples: number[] = [];
  for (let count = 0; count < STARTS; count++) {
    const from = performance.now();
    await root.send('codepipeline:StartPipelineExecution', { name: 'queue' });
    samples.push(performance.now() - from);
  }
  figures.push(
    figure(`a start, the first 100 of ${STARTS}`, 'ms', samples.slice(0, 100)),
    figure(`a start, the last 100 of ${STARTS}`, 'ms', samples.slice(-100)),
  );
  await house.engine.idle();
}

async function measureThroughput(what: string, count: number, more: readonly object[]): Promise<void> {
  const name = what.replaceAll(' ', '-');
  await create(name, [{ name: 'Deploy', actions: [...more, deploy()] }], { executionMode: 'QUEUED' });
  const from = performance.now();
  for (let started = 0; started < count; started++) {
    await until('room in the queue', WAIT_MS, async () => {
      try {
        await root.send('codepipeline:StartPipelineExecution', { name });
        return true;
      } catch (error) {
        if ((error as { code?: string }).code !== 'ConcurrentPipelineExecutionsLimitExceededException')
          throw error;
        return undefined;
      }
    });
  }
  await until('all have ended', WAIT_MS, async () => {
    const { pipelineExecutionSummaries = [] } = await root.send('codepipeline:ListPipelineExecutions', {
      pipelineName: name,
      maxResults: 100,
    });
    return pipelineExecutionSummaries.every(({ status }) => END.test(status ?? '')) ? true : undefined;
  });
  const minutes = (performance.now() - from) / 60_000;
  const { pipelineExecutionSummaries = [] } = await root.send('codepipeline:ListPipelineExecutions', {
    pipelineName: name,
    maxResults: 100,
  });
  const bad = pipelineExecutionSummaries.filter(({ status }) => status !== 'Succeeded').length;
  if (bad > 0) throw new Error(`${bad} executions did not succeed`);
  figures.push(figure(`executions in QUEUED mode, ${what}`, '/min', [(count + 1) / minutes]));
}

interface OpenQuestion {
  readonly stageName?: string | undefined;
  readonly actionName?: string | undefined;
  readonly output?:
    | { readonly executionResult?: { readonly externalExecutionId?: string | undefined } | undefined }
    | undefined;
}

async function openQuestions(pipelineName: string): Promise<readonly OpenQuestion[]> {
  const { actionExecutionDetails = [], nextToken } = await root.send('codepipeline:ListActionExecutions', {
    pipelineName,
  });
  const all = [...actionExecutionDetails];
  for (let token = nextToken; token !== undefined;) {
    const page = await root.send('codepipeline:ListActionExecutions', { pipelineName, nextToken: token });
    all.push(...(page.actionExecutionDetails ?? []));
    token = page.nextToken;
  }
  return all.filter((run) => run.status === 'InProgress' && run.input?.actionTypeId?.category === 'Approval');
}

async function approve(pipelineName: string, run: OpenQuestion): Promise<void> {
  await root.send('codepipeline:PutApprovalResult', {
    pipelineName,
    stageName: run.stageName,
    actionName: run.actionName,
    token: run.output?.executionResult?.externalExecutionId,
    result: { status: 'Approved', summary: 'ok' },
  });
}

async function isInside(name: string): Promise<boolean> {
  const { stageStates = [] } = await root.send('codepipeline:GetPipelineState', { name });
  return stageStates[1]?.latestExecution !== undefined;
}

async function newest(pipelineName: string): Promise<string> {
  const { pipelineExecutionSummaries: [found] = [] } = await root.send(
    'codepipeline:ListPipelineExecutions',
    { pipelineName, maxResults: 1 },
  );
  return found?.pipelineExecutionId ?? '';
}

async function create(name: string, stages: readonly object[], more: object = {}): Promise<void> {
  const pipeline = {
    ...{ name, roleArn: ROLE, artifactStore: { type: 'S3', location: 'artifacts' } },
    stages: [{ name: 'Source', actions: [source()] }, ...stages],
    ...more,
  };
  await root.send('codepipeline:CreatePipeline', { pipeline } as never);
}

function action(name: string, category: string, provider: string, configuration: object, more: object) {
  return { name, actionTypeId: { category, owner: 'AWS', provider, version: '1' }, configuration, ...more };
}

function source() {
  const configuration = { S3Bucket: 'source', S3ObjectKey: 'site.zip', PollForSourceChanges: 'false' };
  return action('Fetch', 'Source', 'S3', configuration, { outputArtifacts: [{ name: 'Site' }] });
}

function deploy() {
  const configuration = { BucketName: 'site', Extract: 'false', ObjectKey: 'site.zip' };
  return action('Publish', 'Deploy', 'S3', configuration, {
    inputArtifacts: [{ name: 'Site' }],
    runOrder: 2,
  });
}

function build() {
  return action(
    'Build',
    'Build',
    'CodeBuild',
    { ProjectName: 'true' },
    { inputArtifacts: [{ name: 'Site' }] },
  );
}

function approvalStage(name = 'Ask', count = 1) {
  const actions = Array.from({ length: count }, (_, index) =>
    action(`${name}${index}`, 'Approval', 'Manual', {}, {}),
  );
  return { name, actions };
}

async function createProject(): Promise<void> {
  await root.send('codebuild:CreateProject', {
    name: 'true',
    source: {
      type: 'CODEPIPELINE',
      buildspec: 'version: 0.2\nphases:\n  build:\n    commands:\n      - "true"\n',
    },
    artifacts: { type: 'CODEPIPELINE' },
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL',
    },
    serviceRole: ROLE,
  });
}

async function furnish(caller: Caller): Promise<void> {
  const policy = (statement: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });
  for (const Bucket of ['source', 'artifacts', 'site']) await caller.send('s3:CreateBucket', { Bucket });
  await caller.send('s3:PutBucketVersioning', {
    Bucket: 'source',
    VersioningConfiguration: { Status: 'Enabled' },
  });
  const Body = await zipOf({ 'index.html': 'one' });
  await caller.send('s3:PutObject', { Bucket: 'source', Key: 'site.zip', Body, ContentLength: Body.length });
  await caller.send('iam:CreateRole', {
    RoleName: 'pipeline',
    AssumeRolePolicyDocument: policy({
      Principal: { Service: ['codepipeline.amazonaws.com', 'codebuild.amazonaws.com'] },
      Action: 'sts:AssumeRole',
    }),
  });
  await caller.send('iam:PutRolePolicy', {
    RoleName: 'pipeline',
    PolicyName: 'all',
    PolicyDocument: policy({ Action: '*', Resource: '*' }),
  });
}
