/**
 * The story of a batch: a graph of which one build fails and is ignored, another fails and is done again by a retry;
 * reports are merged and artifacts combined. The room, its operations and both machines are real; what runs in builds,
 * objects and roles are notes on disk.
 */

import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import { createFakeClock } from '#base/clock.ts';
import { isFault } from '#base/fault.ts';
import { silentLog } from '#base/log.ts';
import type { BuildFacts, BuildPlan } from '#core/build/state.ts';
import type { Runtime } from '#runtimes/runtime.ts';
import { openCodebuild } from '#services/codebuild/index.ts';
import { beginReport, finishReport } from '#services/codebuild/report-rows.ts';
import { reportTables } from '#services/codebuild/report-tables.ts';
import type { BusEvent, Call, House } from '#services/service.ts';
import { openKeyring } from '#store/keyring.ts';
import { runWithoutSandbox, type FastEnd } from '#test/support/fast-builds.ts';
import { PLACE, type Chapter, type Life, type Story } from './harness.ts';

const PROJECT = 'story';
const GROUP = 'story-unit';
const ROLE = 'arn:aws:iam::123456789012:role/work';
const BATCH_ROLE = 'arn:aws:iam::123456789012:role/batch';
const AGAIN = 'again';

const BUILDSPEC = JSON.stringify({
  version: '0.2',
  batch: {
    'build-graph': [
      { identifier: 'a' },
      { identifier: 'b', 'ignore-failure': true },
      { identifier: 'c', 'depend-on': ['a', 'b'] },
      { identifier: 'd' },
      { identifier: 'e', 'depend-on': ['d'] },
    ],
  },
});

type AnyHandler = (call: Call, input: object) => Promise<Record<string, unknown>>;

interface Batch {
  readonly id: string;
  readonly complete: boolean;
  readonly buildBatchStatus: string;
  readonly reportArns?: readonly string[];
  readonly artifacts: { readonly location: string };
  readonly phases: readonly { readonly phaseType: string; readonly phaseStatus?: string }[];
  readonly buildGroups: readonly {
    readonly identifier: string;
    readonly currentBuildSummary?: { readonly buildStatus: string };
    readonly priorBuildSummaryList?: readonly object[];
  }[];
}

// Of the room, as it opens with whatever house.
const NOWHERE = { clock: createFakeClock(), database: { dialect: 'sqlite' } } as unknown as House;
const WORKER = { id: PLACE, name: 'here' };
const WORKPLACE = { ...WORKER, directory: '' };
const RUNTIME = {} as Runtime;
const { migrations } = openCodebuild(NOWHERE, RUNTIME, new Map(), WORKPLACE);

export const story: Story = { migrations, open: (life) => tellStory(life) };

function tellStory({ directory, database, engine, clock }: Life): Chapter {
  const world = join(directory, 'world');
  mkdirSync(world, { recursive: true });
  const notes = (file: string): string[] => {
    const path = join(world, file);
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  };
  const noteOnce = (file: string, token: string, text: string): void => {
    if (notes(file).some((line) => line.startsWith(`${token} `))) return;
    appendFileSync(join(world, file), `${token} ${text}\n`);
  };

  const house = {
    ...{ account: '123456789012', region: 'us-east-1', directory, clock, log: silentLog },
    ...{ database, engine, quotas: 'seed', keyring: openKeyring(directory) },
    endpoint: () => 'http://127.0.0.1:1',
    assumeRole: async ({ roleArn, sessionName }: { roleArn: string; sessionName: string }) => ({
      credentials: { accessKeyId: 'A', secretAccessKey: 's', sessionToken: 't' },
      principal: { type: 'role', account: '123456789012', roleName: 'x', roleArn, sessionName },
      send: (operation: string, input: object) => answer(roleArn, sessionName, operation, input),
    }),
    isWanted: async () => false,
    publish: async (event: BusEvent) => {
      const { source, detail, id } = event;
      for (const each of service.subscriptions ?? []) if (each.source === source) await each.hear(event);
      if (detail['build-batch-status']) noteOnce('bus', id, `${detail['build-batch-status'] as string}`);
    },
  } as unknown as House;
  const service = openCodebuild(house, RUNTIME, new Map(), WORKPLACE);
  const handlers = service.operations as unknown as Record<string, AnyHandler>;
  const builds = service.machines.find(({ kind }) => kind === 'codebuild.build');
  if (!builds) throw new Error('the room has no machine of builds');
  runWithoutSandbox(builds, () => engine, work);
  const effects = (builds as unknown as { effects: Record<string, () => Promise<unknown>> }).effects;
  effects['PlaceBuild'] = async () => ({ type: 'BuildPlaced', worker: WORKER });

  /** What a build does: `b` always fails, `d` does the first time. */
  async function work(plan: BuildPlan): Promise<FastEnd> {
    const name = plan.batch?.identifier ?? '';
    const earlier = notes('runs').filter((line) => line.endsWith(` ${name}`) && !line.startsWith(plan.id));
    noteOnce('runs', plan.id, name);
    const fails = name === 'b' || (name === 'd' && earlier.length === 0);
    if (fails || plan.batch?.isRoot) return { status: fails ? 'FAILED' : 'SUCCEEDED' };
    const facts: BuildFacts = {
      artifacts: [{ location: `arn:aws:s3:::out/${plan.uuid}/${name}.zip` }],
      reportArns: [await report(plan)],
    };
    return { status: 'SUCCEEDED', facts };
  }

  async function report({ arn, uuid }: BuildPlan): Promise<string> {
    const id = `${GROUP}:${uuid}`;
    const group = await reportTables(database)
      .selectFrom('codebuild_report_group')
      .selectAll()
      .executeTakeFirstOrThrow();
    await beginReport(house, id, group, arn);
    const test = {
      name: uuid,
      prefix: '',
      suite: 's',
      status: 'SUCCEEDED',
      nanoseconds: 1,
      message: '',
    } as const;
    const counts = { SUCCEEDED: 1, FAILED: 0, ERROR: 0, SKIPPED: 0, UNKNOWN: 0 };
    await finishReport(house, id, {
      status: 'SUCCEEDED',
      isTruncated: false,
      summary: { total: 1, counts, nanoseconds: 1 },
      cases: [{ ...test, rawPath: 'r' }],
      files: [],
    });
    return `arn:aws:codebuild:us-east-1:123456789012:report/${id}`;
  }

  /** The house's API, as the role of the batch and the role of the builds use it. */
  async function answer(roleArn: string, sessionName: string, operation: string, input: object) {
    switch (operation) {
      case 'codebuild:StartBuild':
      case 'codebuild:StopBuild':
        return send(operation.slice('codebuild:'.length), input, {
          source: 'codebuild.amazonaws.com',
          principal: { type: 'role', account: '123456789012', roleName: 'batch', roleArn, sessionName },
        });
      case 's3:GetObject':
        return { Body: await archiveOf((input as { Key: string }).Key) };
      case 's3:PutObject': {
        const { Key, Body } = input as { Key: string; Body: Readable };
        noteOnce('objects', Key, `${(await buffer(Body)).length > 0}`);
        return {};
      }
      default:
        throw new Error(`the story has no ${operation}`);
    }
  }

  function send(operation: string, input: object, more: object = {}) {
    const call = {
      ...{ account: house.account, region: house.region, at: clock.now(), source: '127.0.0.1' },
      ...{ endpoint: house.endpoint(), principal: { type: 'root', account: house.account } },
      authorize: async () => {},
      ...more,
    } as unknown as Call;
    const handler = handlers[operation];
    if (!handler) throw new Error(operation);
    return handler(call, input);
  }

  async function batch(): Promise<Batch | undefined> {
    const { ids } = (await send('ListBuildBatches', {})) as { ids: string[] };
    const { buildBatches } = (await send('BatchGetBuildBatches', { ids })) as { buildBatches: Batch[] };
    return buildBatches[0];
  }

  return {
    machines: service.machines,
    async begin() {
      const exists = unless('ResourceAlreadyExistsException');
      await send('CreateReportGroup', { name: GROUP, type: 'TEST', exportConfig: {} }).catch(exists);
      await send('CreateProject', project).catch(exists);
      await send('StartBuildBatch', { projectName: PROJECT, idempotencyToken: 'once' });
    },
    async isOver() {
      const { id, complete, buildBatchStatus } = (await batch()) ?? {};
      if (complete && buildBatchStatus === 'FAILED') {
        await send('RetryBuildBatch', { id, idempotencyToken: AGAIN }).catch(unless('InvalidInputException'));
      }
      return complete === true && buildBatchStatus !== 'FAILED';
    },
    async end() {
      const found = await batch();
      const { reports } = (await send('BatchGetReports', { reportArns: found?.reportArns ?? [] })) as {
        reports: readonly { readonly testSummary: { readonly total: number } }[];
      };
      return {
        status: found?.buildBatchStatus,
        phases: found?.phases.map(({ phaseType, phaseStatus }) => `${phaseType} ${phaseStatus}`),
        groups: found?.buildGroups.map(
          ({ identifier, currentBuildSummary: now, priorBuildSummaryList: prior = [] }) =>
            `${identifier} ${now?.buildStatus} ${prior.length}`,
        ),
        artifact: found?.artifacts.location,
        reports: reports.map(({ testSummary }) => testSummary.total),
        runs: notes('runs')
          .map((line) => line.split(' ')[1])
          .sort(),
        objects: notes('objects'),
        bus: notes('bus')
          .map((line) => line.split(' ')[1])
          .sort(),
      };
    },
  };
}

async function archiveOf(name: string): Promise<Readable> {
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from(name), name.split('/').at(-1) ?? '', { mtime: new Date(0) });
  zip.end();
  return Readable.from([await buffer(zip.outputStream as Readable)]);
}

function unless(...codes: readonly string[]) {
  return (error: unknown): Record<string, unknown> => {
    if (isFault(error) && codes.includes(error.code)) return {};
    throw error;
  };
}

const project = {
  name: PROJECT,
  source: { type: 'NO_SOURCE', buildspec: `${BUILDSPEC}\n` },
  artifacts: { type: 'S3', location: 'out', name: 'all.zip', packaging: 'ZIP' },
  environment: {
    type: 'LINUX_CONTAINER',
    image: 'aws/codebuild/standard:7.0',
    computeType: 'BUILD_GENERAL1_SMALL',
  },
  serviceRole: ROLE,
  buildBatchConfig: { serviceRole: BATCH_ROLE, combineArtifacts: true },
};
