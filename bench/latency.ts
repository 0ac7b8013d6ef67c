/**
 * `npm run bench latency`: what a user waits for. Push to first sandboxed command, one more action, one more buildspec
 * command, cold start, idle memory, GetPipeline over boto3; each beside a floor of the same run where there is one.
 */

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ActionDeclaration } from '@aws-sdk/client-codepipeline';
import { type Clients, connect, createRoles, NAMES } from '#scripts/demo/world.ts';
import { readRootKey } from '#store/root-key.ts';
import { gitIn } from '#test/support/git-clone.ts';
import { until } from '#test/support/until.ts';
import { type Figure, figure, report } from './report.ts';
import { startServer } from './server.ts';

const run = promisify(execFile);
const REGION = 'us-east-1';
const WAIT_MS = 60_000;
const PUSHES = 15;
const RUNS = 7;
const STARTS = 7;

const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const figures: Figure[] = [];
const server = await startServer(join(directory, 'data'));
try {
  const clients = connect({
    endpoint: server.url,
    region: REGION,
    ...present(readRootKey(join(directory, 'data'))),
  });
  const roles = await createRoles(clients);
  await clients.s3.createBucket({ Bucket: NAMES.bucket });
  await clients.s3.putBucketVersioning({
    Bucket: NAMES.bucket,
    VersioningConfiguration: { Status: 'Enabled' },
  });
  await measurePush(clients, roles);
  await measureActions(clients, roles);
  await measureCommands(clients, roles);
  await measureGetPipeline();
  figures.push(figure('memory after the work above (RSS)', 'MB', [rssMegabytes(server.pid)]));
} finally {
  await server.stop();
}
await measureStart();
rmSync(directory, { recursive: true, force: true });
report('latency', figures);

/** From the start of `git push` to the clock that the first command of the build reads. */
async function measurePush(clients: Clients, roles: { pipeline: string; build: string }): Promise<void> {
  const { repositoryMetadata } = await clients.codecommit.createRepository({ repositoryName: 'push' });
  const credential = await gitCredential(clients);
  const clone = join(directory, 'clone');
  const git = gitIn(clone, directory, credential);
  await run('git', ['init', '--quiet', '--initial-branch=main', clone]);
  writeFileSync(
    join(clone, 'buildspec.yml'),
    'version: 0.2\nphases:\n  build:\n    commands:\n      - echo "at $(date +%s%N)"\n',
  );
  await git('remote', 'add', 'origin', repositoryMetadata?.cloneUrlHttp ?? '');
  await createProject(clients, 'push', roles.build, undefined);
  const push = async (index: number) => {
    writeFileSync(join(clone, 'number'), `${index}\n`);
    await git('add', '.');
    await git('-c', 'user.name=a', '-c', 'user.email=a@example.com', 'commit', '--quiet', '-m', `${index}`);
    const from = Date.now();
    await git('push', '--quiet', 'origin', 'main');
    return { from, pushed: Date.now() };
  };
  await push(0);
  await createPipeline(clients, 'push', roles.pipeline, [
    { ...codecommitSource('push') },
    { ...action('Build', 'CodeBuild', { ProjectName: 'push' }), inputArtifacts: [{ name: 'Source' }] },
  ]);
  let before = await ended(clients, 'push', undefined);
  const whole: number[] = [];
  const afterPush: number[] = [];
  for (let index = 1; index <= PUSHES; index++) {
    const { from, pushed } = await push(index);
    before = await ended(clients, 'push', before);
    const at = await firstCommandAt(clients, 'push');
    whole.push(at - from);
    afterPush.push(at - pushed);
  }
  figures.push(figure('git push started → first sandboxed command', 'ms', whole));
  figures.push(figure('git push answered → first sandboxed command', 'ms', afterPush, '≤ 250'));
}

/** Two pipelines that differ by ten actions in a row; each copies a small object with the S3 deploy action. */
async function measureActions(clients: Clients, roles: { pipeline: string }): Promise<void> {
  await clients.s3.putObject({ Bucket: NAMES.bucket, Key: 'source.zip', Body: 'not really a zip' });
  await clients.iam.putRolePolicy({
    RoleName: 'hello-pipeline',
    PolicyName: 'source',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }],
    }),
  });
  const few = await pipelineSeconds(clients, roles.pipeline, 'few', 1);
  const many = await pipelineSeconds(clients, roles.pipeline, 'many', 11);
  const more = many.map((value, index) => (value - (few[index] ?? Number.NaN)) / 10);
  figures.push(figure('one more action in a row', 'ms', more, '≤ 10'));
}

async function pipelineSeconds(
  clients: Clients,
  role: string,
  name: string,
  count: number,
): Promise<readonly number[]> {
  const copies = Array.from({ length: count }, (_, index) => ({
    ...action('Deploy', 'S3', { BucketName: NAMES.bucket, Extract: 'false', ObjectKey: `${name}/${index}` }),
    name: `Copy${index}`,
    inputArtifacts: [{ name: 'Source' }],
    runOrder: index + 1,
  }));
  await createPipeline(clients, name, role, [
    {
      ...action('Source', 'S3', {
        S3Bucket: NAMES.bucket,
        S3ObjectKey: 'source.zip',
      }),
      outputArtifacts: [{ name: 'Source' }],
    },
    ...copies,
  ]);
  await ended(clients, name, undefined);
  const samples: number[] = [];
  for (let index = 0; index < RUNS; index++) {
    const { pipelineExecutionId = '' } = await clients.codepipeline.startPipelineExecution({ name });
    await ended(clients, name, undefined, pipelineExecutionId);
    const { actionExecutionDetails = [] } = await clients.codepipeline.listActionExecutions({
      pipelineName: name,
      filter: { pipelineExecutionId },
    });
    const starts = actionExecutionDetails.map((detail) => detail.startTime?.getTime() ?? Number.NaN);
    const ends = actionExecutionDetails.map((detail) => detail.lastUpdateTime?.getTime() ?? Number.NaN);
    samples.push(Math.max(...ends) - Math.min(...starts));
  }
  return samples;
}

/** Two buildspecs that differ by fifty commands that do nothing. */
async function measureCommands(clients: Clients, roles: { build: string }): Promise<void> {
  const few = await buildMilliseconds(clients, roles.build, 'command-few', 1);
  const many = await buildMilliseconds(clients, roles.build, 'command-many', 51);
  figures.push(
    figure(
      'one more buildspec command',
      'ms',
      many.map((value, index) => (value - (few[index] ?? Number.NaN)) / 50),
      '≤ 5',
    ),
  );
  figures.push(figure('StartBuild → end, one command', 'ms', few));
}

async function buildMilliseconds(clients: Clients, role: string, name: string, commands: number) {
  const lines = Array.from({ length: commands }, () => '      - ":"').join('\n');
  await createProject(clients, name, role, `version: 0.2\nphases:\n  build:\n    commands:\n${lines}\n`);
  const samples: number[] = [];
  for (let index = 0; index < RUNS; index++) {
    const { build } = await clients.codebuild.startBuild({ projectName: name });
    const finished = await until('the build', WAIT_MS, async () => {
      const { builds } = await clients.codebuild.batchGetBuilds({ ids: [build?.id ?? ''] });
      return builds?.[0]?.buildComplete ? builds[0] : undefined;
    });
    if (finished.buildStatus !== 'SUCCEEDED') throw new Error(`build ended as ${finished.buildStatus}`);
    samples.push((finished.endTime?.getTime() ?? 0) - (finished.startTime?.getTime() ?? 0));
  }
  return samples;
}

/** boto3 asks 300 times for a pipeline, and a server that does nothing but answer the same bytes. */
async function measureGetPipeline(): Promise<void> {
  const script = `
import boto3, sys, time, json
client = boto3.client('codepipeline', endpoint_url=sys.argv[1])
samples = []
for _ in range(330):
    t = time.perf_counter()
    client.get_pipeline(name='many')
    samples.append((time.perf_counter() - t) * 1000)
print(json.dumps(samples[30:]))
`;
  const environment = {
    ...process.env,
    AWS_ACCESS_KEY_ID: present(readRootKey(join(directory, 'data'))).accessKeyId,
    AWS_SECRET_ACCESS_KEY: present(readRootKey(join(directory, 'data'))).secretAccessKey,
    AWS_DEFAULT_REGION: REGION,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const ask = async (url: string) =>
    JSON.parse((await run('python3', ['-c', script, url], { env: environment })).stdout) as number[];
  const floor = createServer((request, response) => {
    request.resume().on('end', () => {
      response
        .setHeader('content-type', 'application/x-amz-json-1.1')
        .end('{"pipeline":{"name":"many","version":1}}');
    });
  });
  await new Promise<void>((ready) => floor.listen(0, '127.0.0.1', ready));
  const address = floor.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  figures.push(figure('GetPipeline over boto3', 'ms', await ask(server.url)));
  figures.push(
    figure('  floor: a server that answers fixed bytes', 'ms', await ask(`http://127.0.0.1:${address.port}`)),
  );
  floor.close();
}

async function measureStart(): Promise<void> {
  const cold: number[] = [];
  const memory: number[] = [];
  for (let index = 0; index < STARTS; index++) {
    const from = performance.now();
    const started = await startServer(join(directory, `start-${index}`));
    cold.push(performance.now() - from);
    await fetch(`${started.url}/_slipway/health`);
    // What the start itself left behind is collected within a second or so; this is what an idle server keeps.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    memory.push(rssMegabytes(started.pid));
    await started.stop();
  }
  const floor: number[] = [];
  for (let index = 0; index < STARTS; index++) {
    const from = performance.now();
    await run(process.execPath, ['-e', '0']);
    floor.push(performance.now() - from);
  }
  figures.push(figure('slipway serve → ready, new data directory', 'ms', cold, '≤ 500'));
  figures.push(figure('  floor: node -e 0', 'ms', floor));
  figures.push(figure('idle memory (RSS)', 'MB', memory, '≤ 100'));
}

function rssMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

function action(
  category: 'Source' | 'Build' | 'Deploy',
  provider: string,
  configuration: Record<string, string>,
) {
  return {
    name: provider,
    actionTypeId: { category, owner: 'AWS' as const, provider, version: '1' },
    configuration,
  };
}

function codecommitSource(repository: string): ActionDeclaration {
  return {
    ...action('Source', 'CodeCommit', {
      RepositoryName: repository,
      BranchName: 'main',
    }),
    outputArtifacts: [{ name: 'Source' }],
  };
}

async function createPipeline(
  clients: Clients,
  name: string,
  roleArn: string,
  [source, ...others]: readonly ActionDeclaration[],
): Promise<void> {
  await clients.codepipeline.createPipeline({
    pipeline: {
      name,
      roleArn,
      artifactStore: { type: 'S3', location: NAMES.bucket },
      stages: [
        { name: 'Source', actions: source ? [source] : [] },
        { name: 'Work', actions: [...others] },
      ],
    },
  });
}

async function createProject(
  clients: Clients,
  name: string,
  serviceRole: string,
  buildspec: string | undefined,
) {
  const ownSource =
    buildspec === undefined
      ? ({ type: 'CODEPIPELINE' } as const)
      : ({ type: 'NO_SOURCE', buildspec } as const);
  await clients.codebuild.createProject({
    name,
    source: ownSource,
    artifacts: { type: buildspec === undefined ? 'CODEPIPELINE' : 'NO_ARTIFACTS' },
    serviceRole,
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL',
    },
  });
}

/** Waits until the newest execution (another than `before`, or this one) has ended well; resolves with its id. */
function ended(
  clients: Clients,
  pipelineName: string,
  before: string | undefined,
  only?: string,
): Promise<string> {
  return until(`an execution of ${pipelineName}`, WAIT_MS, async () => {
    const { pipelineExecutionSummaries: [newest] = [] } = await clients.codepipeline.listPipelineExecutions({
      pipelineName,
      maxResults: 1,
    });
    const id = newest?.pipelineExecutionId;
    if (!id || id === before || (only && id !== only) || newest.status === 'InProgress') return undefined;
    if (newest.status !== 'Succeeded') throw new Error(`${pipelineName} ended as ${newest.status}`);
    return id;
  });
}

async function firstCommandAt(clients: Clients, project: string): Promise<number> {
  const { ids } = await clients.codebuild.listBuildsForProject({
    projectName: project,
    sortOrder: 'DESCENDING',
  });
  const { builds } = await clients.codebuild.batchGetBuilds({ ids: [ids?.[0] ?? ''] });
  const { CloudWatchLogs } = await import('@aws-sdk/client-cloudwatch-logs');
  const key = present(readRootKey(join(directory, 'data')));
  const logs = new CloudWatchLogs({ endpoint: server.url, region: REGION, credentials: key });
  const { events } = await logs.getLogEvents({
    logGroupName: builds?.[0]?.logs?.groupName,
    logStreamName: builds?.[0]?.logs?.streamName ?? '',
    startFromHead: true,
  });
  const nanoseconds = events
    ?.map(({ message }) => /^at (\d{19})/.exec(message ?? '')?.[1])
    .find((match) => match);
  if (!nanoseconds) throw new Error('the build did not say when its first command ran');
  return Number(BigInt(nanoseconds) / 1000n) / 1000;
}

async function gitCredential(clients: Clients) {
  await clients.iam.createUser({ UserName: 'pusher' });
  await clients.iam.putUserPolicy({
    UserName: 'pusher',
    PolicyName: 'git',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: ['codecommit:GitPull', 'codecommit:GitPush'], Resource: '*' }],
    }),
  });
  const { ServiceSpecificCredential: credential } = await clients.iam.createServiceSpecificCredential({
    UserName: 'pusher',
    ServiceName: 'codecommit.amazonaws.com',
  });
  return { userName: credential?.ServiceUserName ?? '', password: credential?.ServicePassword ?? '' };
}

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the installation has no root key');
  return value;
}
