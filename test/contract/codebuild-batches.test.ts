/** Batches beside other things: whose permissions count, what a large one does to the queue, what is refused. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CodeBuild } from '@aws-sdk/client-codebuild';
import { present } from '#base/assert.ts';
import type { NamedMachine } from '#engine/machine.ts';
import {
  BATCH_ROLE,
  batchContext,
  buildIdOf,
  connectBatches,
  createBatchRole,
  groupStatuses,
  withConfig,
  type BatchClients,
} from '#test/support/batches.ts';
import { connectBuilds, createBuildRole, type BuildClients } from '#test/support/builds.ts';
import { runWithoutSandbox } from '#test/support/fast-builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { postgresSkip, startPostgres } from '#test/support/postgres.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let clients: BuildClients;
let batches: BatchClients;
/** Builds of this name wait until they are let go. */
let gate: Promise<void> | undefined;

function open(databaseUrl?: string): Promise<TestHouse> {
  let opened: TestHouse | undefined;
  const engine = () => present(opened, 'the house').slipway.house.engine;
  const disturb = (machine: NamedMachine) => {
    if (machine.kind !== 'codebuild.build') return;
    runWithoutSandbox(machine, engine, async (plan) => {
      if (!plan.batch?.isRoot) await gate;
      return { status: plan.batch?.identifier === 'bad' ? 'FAILED' : 'SUCCEEDED' };
    });
  };
  return createTestHouse({ disturb, ...(databaseUrl === undefined ? {} : { databaseUrl }) }).then(
    (made) => (opened = made),
  );
}

before(async () => {
  house = await open();
  clients = connectBuilds(house);
  batches = connectBatches(clients);
  await createBuildRole(clients.iam);
  await createBatchRole(clients.iam);
});
after(async () => {
  clients.close();
  await house.close();
});

const buildspec = (batch: object) =>
  JSON.stringify({ version: '0.2', batch, phases: { build: { commands: ['a'] } } });
const list = (...identifiers: string[]) => ({
  'build-list': identifiers.map((identifier) => ({ identifier })),
});

async function clientOf(userName: string, statements: readonly object[]): Promise<CodeBuild> {
  await clients.iam.createUser({ UserName: userName });
  await clients.iam.putUserPolicy({
    UserName: userName,
    PolicyName: 'p',
    PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: statements }),
  });
  const { AccessKey } = await clients.iam.createAccessKey({ UserName: userName });
  const credentials = {
    accessKeyId: AccessKey?.AccessKeyId ?? '',
    secretAccessKey: AccessKey?.SecretAccessKey ?? '',
  };
  return new CodeBuild({ endpoint: house.endpoint, region: house.region, credentials, maxAttempts: 1 });
}

async function runWide(using: BuildClients, parallelism: number): Promise<void> {
  const own = connectBatches(using);
  await own.createProject('wide', buildspec({ 'build-fanout': { parallelism } }));
  const { id } = await own.start('wide');
  const batch = await until('the end of the batch', 110_000, async () => {
    const found = await own.get(id);
    return found.complete ? found : undefined;
  });
  assert.equal(batch.buildBatchStatus, 'SUCCEEDED', batchContext(batch));
  assert.equal(groupStatuses(batch).length, parallelism);
  assert.ok(groupStatuses(batch).every((status) => status.endsWith('=SUCCEEDED')));
}

test('two hundred builds start in one batch, some at a time, and all end', () => runWide(clients, 200));

test('a batch of many builds on PostgreSQL', { skip: postgresSkip }, async () => {
  const cluster = await startPostgres();
  const other = await open(await cluster.createDatabase());
  const using = connectBuilds(other);
  try {
    await createBuildRole(using.iam);
    await createBatchRole(using.iam);
    await runWide(using, 30);
  } finally {
    using.close();
    await other.close();
    await cluster.stop();
  }
});

test('a batch needs no permission of its caller but its own; its builds need the permissions of its role', async () => {
  await batches.createProject('mine', buildspec(list('one', 'two')));
  const resource = 'arn:aws:codebuild:us-east-1:123456789012:project/mine';
  const user = await clientOf('starter', [
    {
      Effect: 'Allow',
      Action: ['codebuild:StartBuildBatch', 'codebuild:BatchGetBuildBatches'],
      Resource: resource,
    },
  ]);
  await assert.rejects(user.startBuild({ projectName: 'mine' }), { name: 'AccessDeniedException' });
  const { buildBatch } = await user.startBuildBatch({ projectName: 'mine' });
  assert.equal(buildBatch?.initiator, 'starter');
  const batch = await batches.ended(buildBatch.id);
  assert.equal(batch.buildBatchStatus, 'SUCCEEDED', batchContext(batch));
  assert.equal((await clients.get(buildIdOf(batch, 'one'))).initiator, 'starter');
  await assert.rejects(user.stopBuildBatch({ id: batch.id }), { name: 'AccessDeniedException' });
  await assert.rejects(user.deleteBuildBatch({ id: batch.id }), { name: 'AccessDeniedException' });

  await clients.iam.putRolePolicy({
    RoleName: 'batch',
    PolicyName: 'deny',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Action: 'codebuild:StartBuild', Resource: resource }],
    }),
  });
  const refused = await batches.run('mine');
  assert.equal(refused.buildBatchStatus, 'FAILED');
  assert.match(
    batchContext(refused) ?? '',
    /AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role\/batch\/AWSCodeBuild-\S+ is not authorized to perform: codebuild:StartBuild/,
  );
  await clients.iam.deleteRolePolicy({ RoleName: 'batch', PolicyName: 'deny' });
});

test('whoever gives a batch a role must be allowed to pass it on', async () => {
  const resource = '*';
  const user = await clientOf('maker', [
    { Effect: 'Allow', Action: ['codebuild:*'], Resource: resource },
    { Effect: 'Allow', Action: 'iam:PassRole', Resource: 'arn:aws:iam::123456789012:role/build' },
  ]);
  const project = {
    name: 'given',
    source: { type: 'NO_SOURCE', buildspec: buildspec(list('one')) },
    artifacts: { type: 'NO_ARTIFACTS' },
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL',
    },
    serviceRole: 'arn:aws:iam::123456789012:role/build',
  } as const;
  const buildBatchConfig = { serviceRole: BATCH_ROLE };
  await assert.rejects(user.createProject({ ...project, buildBatchConfig }), {
    name: 'AccessDeniedException',
  });
  await user.createProject(project);
  await assert.rejects(user.updateProject({ name: 'given', buildBatchConfig }), {
    name: 'AccessDeniedException',
  });
  await assert.rejects(
    user.startBuildBatch({ projectName: 'given', buildBatchConfigOverride: buildBatchConfig }),
    { name: 'AccessDeniedException' },
  );
});

test('a configuration of batches reads back as it was given, and what cannot be is refused', async () => {
  const config = {
    serviceRole: BATCH_ROLE,
    combineArtifacts: true,
    timeoutInMins: 30,
    restrictions: { maximumBuildsAllowed: 10, computeTypesAllowed: ['BUILD_GENERAL1_SMALL'] },
    batchReportMode: 'REPORT_INDIVIDUAL_BUILDS',
  } as const;
  const spec = buildspec(list('one'));
  await batches.createProject('told', spec, {
    buildBatchConfig: {
      ...config,
      restrictions: {
        ...config.restrictions,
        computeTypesAllowed: [...config.restrictions.computeTypesAllowed],
      },
    },
  });
  const { projects } = await clients.codebuild.batchGetProjects({ names: ['told'] });
  assert.deepEqual(projects?.[0]?.buildBatchConfig, config);
  await batches.createProject('cleared', spec);
  const { project } = await clients.codebuild.updateProject({ name: 'cleared', buildBatchConfig: {} });
  assert.equal(project?.buildBatchConfig, undefined, 'an empty one clears it');
  for (const [more, message] of [
    [{ timeoutInMins: 4 }, 'Invalid timeoutInMins: 4. It must be between 5 and 2160'],
    [
      { restrictions: { maximumBuildsAllowed: 501 } },
      'Invalid maximumBuildsAllowed: 501. It must be between 1 and 500',
    ],
    [
      { serviceRole: 'arn:aws:iam::999999999999:role/batch' },
      "Invalid service role: Service role account ID does not match caller's account",
    ],
  ] as const) {
    await assert.rejects(batches.createProject('wrong', spec, withConfig(more)), {
      name: 'InvalidInputException',
      message,
    });
  }
  for (const [more, message] of [
    [{ debugSessionEnabled: true }, /debugSessionEnabled must be false/],
    [
      { secondaryArtifactsOverride: [{ type: 'S3' as const, location: 'x', artifactIdentifier: 'more' }] },
      /only one output artifact is allowed/,
    ],
  ] as const) {
    await assert.rejects(
      clients.codebuild.startBuildBatch({
        projectName: 'told',
        ...more,
        secondaryArtifactsOverride: [
          ...('secondaryArtifactsOverride' in more ? more.secondaryArtifactsOverride : []),
        ],
      }),
      { name: 'InvalidInputException', message },
    );
  }
  await assert.rejects(clients.codebuild.batchGetBuildBatches({ ids: ['nonsense'] }), {
    name: 'InvalidInputException',
    message: 'Invalid build batch ID provided',
  });
  await assert.rejects(
    clients.codebuild.stopBuildBatch({ id: 'told:00000000-0000-4000-8000-000000000000' }),
    {
      name: 'ResourceNotFoundException',
    },
  );
});

test('a build keeps what its project was when the batch began, and overrides reach every build', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  gate = promise;
  const graph = {
    'build-graph': [
      { identifier: 'first', env: { variables: { A: 'node' } } },
      { identifier: 'second', 'depend-on': ['first'] },
    ],
  };
  await batches.createProject('kept', buildspec(graph), { description: 'before', timeoutInMinutes: 30 });
  const started = await batches.start('kept', {
    environmentVariablesOverride: [
      { name: 'A', value: 'override' },
      { name: 'B', value: 'override' },
    ],
    buildTimeoutInMinutesOverride: 7,
  });
  await until(
    'the first build',
    20_000,
    async () => buildIdOf(await batches.get(started.id), 'first') || undefined,
  );
  await clients.codebuild.updateProject({ name: 'kept', queuedTimeoutInMinutes: 17 });
  resolve();
  gate = undefined;
  const batch = await batches.ended(started.id);
  assert.equal(batch.buildBatchStatus, 'SUCCEEDED', batchContext(batch));
  for (const [name, A] of [
    ['first', 'node'],
    ['second', 'override'],
  ] as const) {
    const build = await clients.get(buildIdOf(batch, name));
    const variables = Object.fromEntries(
      (build.environment?.environmentVariables ?? []).map((each) => [each.name, each.value]),
    );
    assert.deepEqual(variables, { A, B: 'override' });
    assert.equal(build.timeoutInMinutes, 7);
    assert.equal(build.queuedTimeoutInMinutes, 480);
  }
});

test('a batch outlives its server', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  gate = promise;
  const graph = {
    'build-graph': [{ identifier: 'x' }, { identifier: 'y', 'depend-on': ['x'] }, { identifier: 'bad' }],
  };
  await batches.createProject('long', buildspec(graph));
  const { id } = await batches.start('long');
  await until('the first build', 20_000, async () => buildIdOf(await batches.get(id), 'x') || undefined);
  gate = undefined;
  await house.restart();
  resolve();
  clients.close();
  clients = connectBuilds(house);
  batches = connectBatches(clients);
  const batch = await batches.ended(id);
  assert.deepEqual(groupStatuses(batch), ['x=SUCCEEDED', 'y=SUCCEEDED', 'bad=FAILED']);
  const { buildBatch } = await clients.codebuild.retryBuildBatch({ id, retryType: 'RETRY_ALL_BUILDS' });
  assert.equal(buildBatch?.currentPhase, 'DOWNLOAD_BATCHSPEC');
  const again = await batches.ended(id);
  assert.equal(again.buildBatchStatus, 'FAILED');
  for (const group of again.buildGroups ?? []) assert.equal(group.priorBuildSummaryList?.length, 1);
});
