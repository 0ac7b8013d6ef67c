/** CodeBuild §11, batches: scenarios 41 and 63 to 65, and what batches promise besides, through the official client. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Build, BuildBatch } from '@aws-sdk/client-codebuild';
import {
  batchContext,
  batchPhases,
  buildIdOf,
  connectBatches,
  createBatchRole,
  groupNamed,
  groupStatuses,
  withConfig,
  type BatchClients,
} from '#test/support/batches.ts';
import { connectBuilds, createBuildRole, type BuildClients } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let clients: BuildClients;
let batches: BatchClients;

before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  batches = connectBatches(clients);
  await createBuildRole(clients.iam, ['logs:*', 's3:*', 'kms:*', 'codebuild:*']);
  await createBatchRole(clients.iam);
  await clients.s3.createBucket({ Bucket: 'out' });
});
after(async () => {
  clients.close();
  await house.close();
});

/** Every build does the same commands; which one it is they know from their identifier. */
function buildspec(batch: object, commands: readonly string[], more: object = {}): string {
  return JSON.stringify({ version: '0.2', batch, phases: { build: { commands } }, ...more });
}

const childOf = (batch: BuildBatch, identifier: string) => clients.get(buildIdOf(batch, identifier));

function phaseTimes(build: Build): { readonly start: number; readonly end: number } {
  return { start: Number(build.startTime), end: Number(build.endTime) };
}

const GRAPH = [
  { identifier: 'lib' },
  { identifier: 'api', 'depend-on': ['lib'] },
  { identifier: 'web', 'depend-on': ['lib'] },
  { identifier: 'e2e', 'depend-on': ['api', 'web'] },
];

test('scenario 41: a graph runs side by side where it may, and its end after both', async () => {
  const spec = buildspec({ 'build-graph': GRAPH }, [
    'echo "I am $CODEBUILD_BATCH_BUILD_IDENTIFIER"',
    'sleep 1',
  ]);
  await batches.createProject('mono', spec);
  const started = await batches.start('mono');
  assert.equal(started.buildBatchStatus, 'IN_PROGRESS');
  assert.equal(started.buildBatchNumber, 1);
  assert.equal(started.currentPhase, 'DOWNLOAD_BATCHSPEC');
  const batch = await batches.ended(started.id);
  assert.equal(batchContext(batch), undefined);
  assert.deepEqual(batchPhases(batch), [
    'SUBMITTED=SUCCEEDED',
    'DOWNLOAD_BATCHSPEC=SUCCEEDED',
    'IN_PROGRESS=SUCCEEDED',
    'SUCCEEDED',
  ]);
  assert.deepEqual(
    batch.buildGroups?.map(({ identifier, dependsOn }) => [identifier, dependsOn]),
    [
      ['DOWNLOAD_SOURCE', []],
      ['lib', []],
      ['api', ['lib']],
      ['web', ['lib']],
      ['e2e', ['api', 'web']],
    ],
  );
  const [lib, api, web, e2e] = await Promise.all(
    ['lib', 'api', 'web', 'e2e'].map(async (name) => {
      const build = await childOf(batch, name);
      assert.deepEqual((await clients.output(build)).slice(0, 1), [`I am ${name}`]);
      assert.equal(build.buildBatchArn, batch.arn);
      assert.equal(build.initiator, 'root');
      return phaseTimes(build);
    }),
  );
  assert.ok(lib && api && web && e2e);
  assert.ok(api.start >= lib.end && web.start >= lib.end, 'both wait for lib');
  assert.ok(api.start < web.end && web.start < api.end, 'api and web overlap');
  assert.ok(e2e.start >= Math.max(api.end, web.end), 'e2e waits for both');
});

test('scenario 41: with fast-fail a failure stops the others, and what depends on it never starts', async () => {
  const spec = buildspec({ 'fast-fail': true, 'build-graph': GRAPH }, [
    'case $CODEBUILD_BATCH_BUILD_IDENTIFIER in api) exit 1 ;; web) sleep 60 ;; esac',
  ]);
  await batches.createProject('monofast', spec);
  const batch = await batches.run('monofast');
  assert.equal(batch.buildBatchStatus, 'FAILED');
  assert.deepEqual(groupStatuses(batch), ['lib=SUCCEEDED', 'api=FAILED', 'web=STOPPED', 'e2e=none']);
  assert.deepEqual(batchPhases(batch).slice(2), ['IN_PROGRESS=FAILED', 'FAILED']);
});

test('scenario 63: a matrix is every combination, and too many of them start nothing', async () => {
  const batch = {
    'build-matrix': {
      dynamic: {
        buildspec: ['arn:aws:s3:::out/one.yml', 'arn:aws:s3:::out/two.yml'],
        env: { variables: { FLAVOUR: ['a', 'b', 'c'] } },
      },
    },
  };
  for (const name of ['one', 'two']) {
    const Body = JSON.stringify({
      version: '0.2',
      phases: { build: { commands: [`echo "${name} $FLAVOUR"`] } },
    });
    await clients.s3.putObject({ Bucket: 'out', Key: `${name}.yml`, Body });
  }
  await batches.createProject('matrix', buildspec(batch, ['exit 1']));
  const done = await batches.run('matrix');
  assert.equal(done.buildBatchStatus, 'SUCCEEDED', batchContext(done));
  const names = done.buildGroups?.slice(1).map(({ identifier }) => identifier ?? '') ?? [];
  const said = await Promise.all(
    names.map(async (name) => {
      const build = await childOf(done, name);
      assert.deepEqual(
        build.environment?.environmentVariables?.map((variable) => variable.name),
        ['FLAVOUR'],
      );
      return (await clients.output(build)).join();
    }),
  );
  assert.deepEqual(said, ['one a', 'one b', 'one c', 'two a', 'two b', 'two c']);

  await batches.createProject(
    'matrixmax',
    buildspec(batch, []),
    withConfig({ restrictions: { maximumBuildsAllowed: 5 } }),
  );
  const refused = await batches.run('matrixmax');
  assert.deepEqual(batchPhases(refused), ['SUBMITTED=SUCCEEDED', 'DOWNLOAD_BATCHSPEC=FAILED', 'FAILED']);
  assert.equal(
    batchContext(refused),
    'CLIENT_ERROR: The batch has 6 builds, and the project allows at most 5',
  );
  const { ids } = await clients.codebuild.listBuildsForProject({ projectName: 'matrixmax' });
  assert.equal(ids?.length, 1, 'only the build that read the batch section ran');
});

test('scenario 64: an ignored failure fails no batch; a retry does only what failed', async () => {
  const list = {
    'build-list': [
      { identifier: 'fine' },
      { identifier: 'shaky', 'ignore-failure': true, env: { variables: { FAILS: 'yes' } } },
    ],
  };
  await batches.createProject('ignoring', buildspec(list, ['test -z "$FAILS"']));
  const ignored = await batches.run('ignoring');
  assert.equal(ignored.buildBatchStatus, 'SUCCEEDED');
  assert.deepEqual(groupStatuses(ignored), ['fine=SUCCEEDED', 'shaky=FAILED']);
  await assert.rejects(clients.codebuild.retryBuildBatch({ id: ignored.id }), {
    name: 'InvalidInputException',
    message: `Build batch ${ignored.id} is SUCCEEDED; only a batch that failed can be retried`,
  });

  // The second time the file is there.
  const flaky = {
    'build-graph': [{ identifier: 'a' }, { identifier: 'b' }, { identifier: 'c', 'depend-on': ['b'] }],
  };
  const command = '[ $CODEBUILD_BATCH_BUILD_IDENTIFIER != b ] || test -f repaired';
  await clients.s3.putObject({ Bucket: 'out', Key: 'src/buildspec.yml', Body: buildspec(flaky, [command]) });
  await batches.createProject('flaky', '', { source: { type: 'S3', location: 'out/src/' } });
  const failed = await batches.run('flaky');
  assert.equal(failed.buildBatchStatus, 'FAILED');
  assert.deepEqual(groupStatuses(failed), ['a=SUCCEEDED', 'b=FAILED', 'c=none']);
  assert.equal(batchContext(failed), 'CLIENT_ERROR: 1 build did not succeed: b (FAILED)');
  await clients.s3.putObject({ Bucket: 'out', Key: 'src/repaired', Body: 'yes' });
  const request = { id: failed.id, retryType: 'RETRY_FAILED_BUILDS', idempotencyToken: 'again' } as const;
  const { buildBatch: retried } = await clients.codebuild.retryBuildBatch(request);
  assert.equal(retried?.id, failed.id);
  assert.equal(retried?.buildBatchStatus, 'IN_PROGRESS');
  const repaired = await batches.ended(failed.id);
  assert.deepEqual(groupStatuses(repaired), ['a=SUCCEEDED', 'b=SUCCEEDED', 'c=SUCCEEDED']);
  assert.equal(buildIdOf(repaired, 'a'), buildIdOf(failed, 'a'));
  assert.deepEqual(
    groupNamed(repaired, 'b').priorBuildSummaryList?.map(({ arn, buildStatus }) => [arn, buildStatus]),
    [[groupNamed(failed, 'b').currentBuildSummary?.arn, 'FAILED']],
  );
  assert.equal(groupNamed(repaired, 'a').priorBuildSummaryList, undefined);
  const { buildBatch: same } = await clients.codebuild.retryBuildBatch(request);
  assert.equal(same?.buildBatchStatus, 'SUCCEEDED', 'the same request does nothing more');
});

test('scenario 65: a fan-out runs each test once, and its reports add up', async () => {
  const runTests =
    'mkdir -p r; { echo "<testsuite name=\\"s\\">"; for f in "$@"; do echo "<testcase name=\\"$f\\"/>"; done; echo "</testsuite>"; } > r/junit.xml';
  for (const strategy of ['equal-distribution', 'stability']) {
    const spec = buildspec(
      { 'build-fanout': { parallelism: 3 } },
      [
        'for i in 1 2 3 4 5 6 7 8 9 10; do echo > test_$i.txt; done',
        `printf '%s\\n' ${JSON.stringify(runTests).replaceAll('$', '\\$')} > run.sh`,
        `codebuild-tests-run --test-command 'bash run.sh' --files-search "codebuild-glob-search 'test_*.txt'" --sharding-strategy ${strategy}`,
      ],
      {
        env: { shell: 'bash', variables: { CODEBUILD_CONFIG_AUTO_DISCOVER: 'false' } },
        reports: { unit: { files: ['r/junit.xml'] } },
      },
    );
    const name = `fan${strategy.replace('-', '')}`;
    await batches.createProject(name, spec);
    const batch = await batches.run(name);
    assert.equal(batch.buildBatchStatus, 'SUCCEEDED', batchContext(batch));
    const builds = await Promise.all(['build_1', 'build_2', 'build_3'].map((each) => childOf(batch, each)));
    const parts = builds.flatMap((build) => build.reportArns ?? []);
    const { reports: shards = [] } = await clients.codebuild.batchGetReports({ reportArns: parts });
    const total = shards.reduce((sum, report) => sum + (report.testSummary?.total ?? 0), 0);
    assert.equal(total, 10);
    assert.equal(batch.reportArns?.length, 1);
    const { reports: [merged] = [] } = await clients.codebuild.batchGetReports({
      reportArns: batch.reportArns,
    });
    assert.equal(merged?.testSummary?.total, 10);
    assert.equal(merged.executionId, batch.arn);
    assert.equal(merged.status, 'SUCCEEDED');
    const { testCases = [] } = await clients.codebuild.describeTestCases({ reportArn: merged.arn });
    assert.deepEqual(
      testCases.map((each) => each.name).sort(),
      Array.from({ length: 10 }, (_, i) => `test_${i + 1}.txt`).sort(),
    );
  }
});

test('combined artifacts are one archive with the files of all builds', async () => {
  const list = { 'build-list': [{ identifier: 'a' }, { identifier: 'b' }] };
  const spec = buildspec(
    list,
    [
      'mkdir d',
      'echo $CODEBUILD_BATCH_BUILD_IDENTIFIER | tee d/$CODEBUILD_BATCH_BUILD_IDENTIFIER.txt > same',
    ],
    {
      artifacts: { files: ['d/*', 'same'] },
    },
  );
  await batches.createProject('whole', spec, {
    artifacts: { type: 'S3', location: 'out', path: 'p', name: 'all.zip', packaging: 'ZIP' },
    ...withConfig({ combineArtifacts: true }),
  });
  const batch = await batches.run('whole');
  assert.deepEqual(
    batchPhases(batch).slice(2),
    ['IN_PROGRESS=SUCCEEDED', 'COMBINE_ARTIFACTS=SUCCEEDED', 'SUCCEEDED'],
    batchContext(batch),
  );
  assert.equal(batch.artifacts?.location, 'arn:aws:s3:::out/p/all.zip');
  const uuid = batch.id?.split(':')[1];
  assert.equal(
    groupNamed(batch, 'a').currentBuildSummary?.primaryArtifact?.location,
    `arn:aws:s3:::out/p/${uuid}/a.zip`,
  );
  assert.deepEqual(await unzipped('p/all.zip'), { 'd/a.txt': 'a\n', 'd/b.txt': 'b\n', same: 'b\n' });
});

async function unzipped(Key: string): Promise<Record<string, string>> {
  const { Body } = await clients.s3.getObject({ Bucket: 'out', Key });
  const { fromBuffer } = await import('yauzl');
  const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
  const found: Record<string, string> = {};
  await new Promise<void>((resolve, reject) => {
    fromBuffer(bytes, { lazyEntries: true }, (error, zip) => {
      if (error) return reject(error);
      zip.on('end', resolve);
      zip.on('entry', (entry: { fileName: string }) => {
        zip.openReadStream(entry as never, (failure, stream) => {
          if (failure) return reject(failure);
          const chunks: Buffer[] = [];
          stream.on('data', (chunk: Buffer) => chunks.push(chunk));
          stream.on('end', () => {
            found[entry.fileName] = Buffer.concat(chunks).toString();
            zip.readEntry();
          });
        });
      });
      zip.readEntry();
    });
  });
  return found;
}

test('a batch that is stopped stops its builds; lists, tokens and deletion know it', async () => {
  const list = { 'build-list': [{ identifier: 'a' }, { identifier: 'b' }] };
  await batches.createProject('slow', buildspec(list, ['sleep 60']));
  const token = { idempotencyToken: 'one' };
  const first = await batches.start('slow', token);
  assert.equal((await batches.start('slow', token)).id, first.id);
  await assert.rejects(batches.start('slow', { ...token, sourceVersion: 'x' }), {
    name: 'InvalidInputException',
  });
  await until('both builds to run', 30_000, async () => {
    const ids = ['a', 'b']
      .map(async (name) => {
        const id = buildIdOf(await batches.get(first.id), name);
        return id !== '' && (await clients.get(id)).currentPhase === 'BUILD';
      })
      .map((each) => each.catch(() => false));
    return (await Promise.all(ids)).every(Boolean) || undefined;
  });
  await assert.rejects(clients.codebuild.deleteBuildBatch({ id: first.id }), {
    name: 'InvalidInputException',
  });
  const { buildBatch } = await clients.codebuild.stopBuildBatch({ id: first.arn });
  assert.equal(buildBatch?.buildBatchStatus, 'STOPPED');
  const stopped = await batches.ended(first.id);
  assert.deepEqual(groupStatuses(stopped), ['a=STOPPED', 'b=STOPPED']);
  assert.deepEqual(batchPhases(stopped).slice(2), ['IN_PROGRESS=STOPPED', 'STOPPED']);
  assert.equal((await clients.codebuild.stopBuildBatch({ id: first.id })).buildBatch?.complete, true);

  const { ids } = await clients.codebuild.listBuildBatchesForProject({ projectName: 'slow' });
  assert.deepEqual(ids, [first.id]);
  const byStatus = await clients.codebuild.listBuildBatches({ filter: { status: 'STOPPED' } });
  assert.deepEqual(byStatus.ids, [first.id]);
  await assert.rejects(clients.codebuild.listBuildBatchesForProject({ projectName: 'nobody' }), {
    name: 'ResourceNotFoundException',
  });
  const deleted = await clients.codebuild.deleteBuildBatch({ id: first.id });
  assert.equal(deleted.statusCode, 'SUCCEEDED');
  assert.equal(deleted.buildsDeleted?.length, 3);
  assert.deepEqual(deleted.buildsNotDeleted, []);
  const { buildBatchesNotFound } = await clients.codebuild.batchGetBuildBatches({ ids: [first.id ?? ''] });
  assert.deepEqual(buildBatchesNotFound, [first.id]);
});

test('what is no batch says so where the batch section is read', async () => {
  await batches.createProject('none', buildspec({}, ['true']).replace('"batch":{},', ''));
  const batch = await batches.run('none');
  assert.equal(batchContext(batch), 'YAML_FILE_ERROR: Missing buildspec key: batch');
  await clients.createProject('roleless', buildspec({ 'build-fanout': { parallelism: 1 } }, ['true']));
  await assert.rejects(batches.start('roleless'), {
    name: 'InvalidInputException',
    message: 'Invalid project: batch builds need a service role, which is buildBatchConfig.serviceRole',
  });
});

test('builds beyond the limit of the project are refused, not queued', async () => {
  const list = { 'build-list': [{ identifier: 'a' }, { identifier: 'b' }] };
  await batches.createProject('one_at_once', buildspec(list, ['sleep 1']), { concurrentBuildLimit: 1 });
  const batch = await batches.run('one_at_once');
  assert.equal(batch.buildBatchStatus, 'FAILED');
  assert.deepEqual(groupStatuses(batch), ['a=SUCCEEDED', 'b=none']);
  assert.match(
    batchContext(batch) ?? '',
    /b \(AccountLimitExceededException: Project one_at_once has reached/,
  );
});
