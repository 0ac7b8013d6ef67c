/** CodeBuild §11, reports: scenarios 37 and 60 to 62, from real files of a build to the answers of the API. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import type { Build, Report } from '@aws-sdk/client-codebuild';
import {
  type BuildClients,
  connectBuilds,
  contextOf,
  createBuildRole,
  phasesOf,
} from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { COVERAGE_SAMPLES, TEST_SAMPLES } from '#test/support/report-samples.ts';

let house: TestHouse;
let clients: BuildClients;
before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam, ['logs:*', 's3:*', 'kms:*', 'codebuild:*']);
  await clients.s3.createBucket({ Bucket: 'results' });
});
after(async () => {
  clients.close();
  await house.close();
});

const GROUP = 'arn:aws:codebuild:us-east-1:123456789012:report-group/';
/** A command that writes a file, whatever is in it. */
const write = (path: string, text: string) =>
  `echo ${Buffer.from(text).toString('base64')} | base64 -d > ${path}`;

function buildspec(commands: readonly string[], more: object = {}): string {
  return JSON.stringify({
    version: '0.2',
    env: { variables: { CODEBUILD_CONFIG_AUTO_DISCOVER: 'false' } },
    phases: { build: { commands } },
    ...more,
  });
}

let count = 0;
async function run(spec: string, more = {}): Promise<Build> {
  const name = `r${++count}x`;
  await clients.createProject(name, spec, more);
  return clients.run(name);
}

async function reportsOf(build: Build): Promise<Report[]> {
  if (!build.reportArns?.length) return [];
  const { reports } = await clients.codebuild.batchGetReports({ reportArns: build.reportArns });
  return reports ?? [];
}

const texts = async (build: Build) =>
  (await clients.log(build)).map((line) => line.replace(/^\[Container\] \S+ \S+ /, ''));

test('scenario 60: each format of test results gives its cases, their counts, times and messages', async () => {
  for (const [format, sample] of Object.entries(TEST_SAMPLES)) {
    const build = await run(
      buildspec([write('result', sample)], {
        reports: { unit: { files: ['result'], 'file-format': format } },
      }),
    );
    assert.equal(contextOf(build), undefined, format);
    assert.equal(build.buildStatus, 'SUCCEEDED');
    const [report] = await reportsOf(build);
    assert.equal(report?.status, 'FAILED', format);
    assert.equal(report.reportGroupArn, `${GROUP}${build.projectName}-unit`);
    assert.equal(report.executionId, build.arn);
    assert.equal(report.truncated, false);
    const erring = format === 'TESTNGXML' ? { FAILED: 2, ERROR: 0 } : { FAILED: 1, ERROR: 1 };
    assert.deepEqual(report.testSummary, {
      total: 5,
      statusCounts: { SUCCEEDED: 2, SKIPPED: 1, UNKNOWN: 0, ...erring },
      durationInNanoSeconds: 1_500_000_000,
    });
    const { testCases } = await clients.codebuild.describeTestCases({
      reportArn: report.arn,
      filter: { keyword: 'COUNTS' },
    });
    assert.equal(testCases?.length, 1);
    assert.equal(testCases[0]?.status, 'FAILED');
    assert.match(testCases[0].message ?? '', /^expected 2/);
    assert.equal(testCases[0].testRawDataPath, 'result');
    assert.equal(testCases[0].durationInNanoSeconds, 250_000_000);
  }
});

test('scenario 60: each format of coverage gives its files, lines and branches', async () => {
  for (const [format, sample] of Object.entries(COVERAGE_SAMPLES)) {
    const build = await run(
      buildspec([write('result', sample)], {
        reports: { cover: { files: ['result'], 'file-format': format } },
      }),
    );
    assert.equal(contextOf(build), undefined, format);
    const [report] = await reportsOf(build);
    assert.equal(report?.status, 'SUCCEEDED', format);
    assert.equal(report.type, 'CODE_COVERAGE');
    assert.deepEqual(report.codeCoverageSummary, {
      lineCoveragePercentage: 60,
      linesCovered: 3,
      linesMissed: 2,
      branchCoveragePercentage: 50,
      branchesCovered: 1,
      branchesMissed: 1,
    });
    const describe = async (more: object) =>
      (await clients.codebuild.describeCodeCoverages({ reportArn: report.arn, ...more })).codeCoverages ?? [];
    const files = await describe({ sortBy: 'LINE_COVERAGE_PERCENTAGE', sortOrder: 'ASCENDING' });
    assert.deepEqual(
      files.map((file) => [file.lineCoveragePercentage, file.branchCoveragePercentage]),
      [
        [0, 100],
        [75, 50],
      ],
    );
    assert.equal((await describe({ minLineCoveragePercentage: 70 })).length, 1);
    assert.equal((await describe({ maxLineCoveragePercentage: 70 })).length, 1);
  }
});

test('scenario 60: of too many cases the failed ones are kept, and all are counted', async () => {
  const good = Array.from({ length: 600 }, (_, i) => `<testcase name="g${i}" time="1"/>`).join('');
  const bad = Array.from({ length: 3 }, (_, i) => `<testcase name="b${i}"><failure/></testcase>`).join('');
  const build = await run(
    buildspec(
      [
        write('a.xml', `<testsuite name="s">${good}</testsuite>`),
        write('b.xml', `<testsuite name="s">${bad}</testsuite>`),
      ],
      {
        reports: { unit: { files: ['*.xml'] } },
      },
    ),
  );
  const [report] = await reportsOf(build);
  assert.equal(report?.truncated, true);
  assert.equal(report.testSummary?.total, 603);
  const failed = await clients.codebuild.describeTestCases({
    reportArn: report.arn,
    filter: { status: 'FAILED' },
  });
  assert.equal(failed.testCases?.length, 3);
  let kept = 0;
  let nextToken: string | undefined;
  do {
    const page = await clients.codebuild.describeTestCases({ reportArn: report.arn, nextToken });
    kept += page.testCases?.length ?? 0;
    nextToken = page.nextToken;
  } while (nextToken);
  assert.equal(kept, 500);
});

test('scenario 60: what would read other files or never end is an incomplete report, and the house stays awake', async () => {
  const entity =
    '<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&x;"/></testsuite>';
  const build = await run(buildspec([write('x.xml', entity)], { reports: { unit: { files: ['x.xml'] } } }));
  assert.equal(build.buildStatus, 'FAILED');
  assert.equal(
    contextOf(build),
    'CLIENT_ERROR: Error in UPLOAD_ARTIFACTS phase: [unit: [error processing report: ' +
      '[x.xml: a document type with declarations is not allowed]]]',
  );
  const [report] = await reportsOf(build);
  assert.equal(report?.status, 'INCOMPLETE');
  const { testCases } = await clients.codebuild.describeTestCases({ reportArn: report.arn });
  assert.deepEqual(testCases, []);

  const deep = `python3 -c "print('<testsuite>' + '<a>' * 3000000)" > deep.xml; python3 -c "print('<testsuite>' + '<testcase/>' * 2500000 + '</testsuite>')" > wide.xml`;
  await clients.createProject(
    'hostile',
    buildspec([deep], { reports: { deep: { files: ['deep.xml'] }, wide: { files: ['wide.xml'] } } }),
  );
  const started = await clients.start('hostile');
  let slowest = 0;
  for (let build = started; !build.buildComplete;) {
    const before = performance.now();
    build = await clients.get(started.id);
    slowest = Math.max(slowest, performance.now() - before);
  }
  const ended = await clients.get(started.id);
  assert.match(
    contextOf(ended) ?? '',
    /deep: \[.*nested deeper than 100 levels.*wide: \[.*more than 1000000 elements/,
  );
  assert.ok(slowest < 2000, `an answer took ${slowest} ms`);
});

test('reports that cannot be made fail the phase with their name: no files, the wrong type, no permission', async () => {
  const report = (more: object) => ({ reports: { unit: { files: ['none.xml'], ...more } } });
  const none = await run(buildspec(['true'], report({})));
  assert.equal(
    contextOf(none),
    'CLIENT_ERROR: Error in UPLOAD_ARTIFACTS phase: [unit: [report files not found in build]]',
  );
  assert.ok(phasesOf(none).includes('UPLOAD_ARTIFACTS=FAILED'));
  await clients.codebuild.createReportGroup({
    name: 'cover',
    type: 'CODE_COVERAGE',
    exportConfig: { exportConfigType: 'NO_EXPORT' },
  });
  const sample = TEST_SAMPLES['JUNITXML'] ?? '';
  const wrong = await run(
    buildspec([write('a.xml', sample)], { reports: { [`${GROUP}cover`]: { files: ['a.xml'] } } }),
  );
  assert.match(
    contextOf(wrong) ?? '',
    /the report group is of type CODE_COVERAGE, and JUNITXML makes reports of type TEST/,
  );
  assert.equal((await reportsOf(wrong))[0]?.status, 'INCOMPLETE');
  await clients.iam.putRolePolicy({
    RoleName: 'build',
    PolicyName: 'mute',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Action: 'codebuild:BatchPutTestCases', Resource: '*' }],
    }),
  });
  const denied = await run(buildspec([write('a.xml', sample)], { reports: { unit: { files: ['a.xml'] } } }));
  assert.match(contextOf(denied) ?? '', /\[unit: \[AccessDeniedException: .*codebuild:BatchPutTestCases/);
  await clients.iam.deleteRolePolicy({ RoleName: 'build', PolicyName: 'mute' });
});

test('scenario 61: the trend of five reports', async () => {
  await clients.codebuild.createReportGroup({
    name: 'trend',
    type: 'TEST',
    exportConfig: { exportConfigType: 'NO_EXPORT' },
  });
  await clients.createProject('trend', buildspec(['true']));
  for (const passed of [0, 1, 2, 3, 4]) {
    const cases = Array.from(
      { length: 4 },
      (_, i) => `<testcase name="${i}">${i < passed ? '' : '<failure/>'}</testcase>`,
    );
    const xml = `<testsuite name="s">${cases.join('')}</testsuite>`;
    await clients.run('trend', {
      buildspecOverride: buildspec([write('a.xml', xml)], {
        reports: { [`${GROUP}trend`]: { files: ['a.xml'] } },
      }),
    });
  }
  const trend = (trendField: 'PASS_RATE' | 'TOTAL' | 'LINE_COVERAGE', numOfReports?: number) =>
    clients.codebuild.getReportGroupTrend({ reportGroupArn: `${GROUP}trend`, trendField, numOfReports });
  const { stats, rawData } = await trend('PASS_RATE');
  assert.deepEqual(stats, { average: '50', max: '100', min: '0' });
  assert.deepEqual(
    rawData?.map((point) => point.data),
    ['100', '75', '50', '25', '0'],
  );
  assert.deepEqual(
    (await trend('TOTAL', 2)).rawData?.map((point) => point.data),
    ['4', '4'],
  );
  await assert.rejects(trend('LINE_COVERAGE'), { name: 'InvalidInputException' });
});

test('scenario 62: a result file that nobody declared is found, unless that is turned off', async () => {
  const commands = [
    'mkdir -p target node_modules/x',
    write('target/TEST-a.xml', TEST_SAMPLES['JUNITXML'] ?? ''),
    'cp target/TEST-a.xml node_modules/x/',
    'echo "<project/>" > pom.xml',
  ];
  const found = await run(JSON.stringify({ version: '0.2', phases: { build: { commands } } }));
  assert.equal(found.buildStatus, 'SUCCEEDED');
  const [report] = await reportsOf(found);
  assert.equal(report?.reportGroupArn, `${GROUP}${found.projectName}-JUNITXML-AutoDiscovered`);
  assert.equal(report.testSummary?.total, 5);
  const lines = await texts(found);
  assert.ok(lines.includes('Set report auto-discover timeout to 5 seconds'));
  assert.ok(lines.includes('Found 1 file(s)'));
  const off = await run(buildspec(commands));
  assert.deepEqual(await reportsOf(off), []);
  const declared = JSON.stringify({
    version: '0.2',
    phases: { build: { commands } },
    reports: { unit: { files: ['target/*.xml'] } },
  });
  assert.equal((await reportsOf(await run(declared))).length, 1);
});

test('raw files go to the bucket of the group, one by one or in one archive, encrypted by its key', async () => {
  const { KeyMetadata } = await house.slipway.root.send('kms:CreateKey', {});
  const destination = { bucket: 'results', path: 'raw', encryptionKey: KeyMetadata?.Arn } as const;
  const group = async (name: string, more: object) =>
    clients.codebuild.createReportGroup({
      name,
      type: 'TEST',
      exportConfig: { exportConfigType: 'S3', s3Destination: { ...destination, ...more } },
    });
  await group('single', { packaging: 'NONE' });
  await group('zipped', { packaging: 'ZIP', encryptionDisabled: true });
  await group('foreign', { bucketOwner: '999999999999' });
  const reports = (name: string) => ({ reports: { [`${GROUP}${name}`]: { files: ['out/**/*.xml'] } } });
  const commands = ['mkdir -p out/deep', write('out/deep/a.xml', TEST_SAMPLES['JUNITXML'] ?? '')];
  const exported = async (name: string) => {
    const build = await run(buildspec(commands, reports(name)));
    const uuid = build.reportArns?.[0]?.split(':').at(-1);
    const { Contents } = await clients.s3.listObjectsV2({ Bucket: 'results', Prefix: `raw/${uuid}` });
    return { build, keys: (Contents ?? []).map((each) => each.Key?.replace(uuid ?? '', '*')), uuid };
  };
  const single = await exported('single');
  assert.deepEqual(single.keys, ['raw/*/out/deep/a.xml']);
  const object = await clients.s3.headObject({ Bucket: 'results', Key: `raw/${single.uuid}/out/deep/a.xml` });
  assert.equal(object.SSEKMSKeyId, KeyMetadata?.Arn);
  assert.deepEqual((await exported('zipped')).keys, ['raw/*.zip']);
  const foreign = await exported('foreign');
  assert.match(
    contextOf(foreign.build) ?? '',
    /The bucket owner for the report group does not match the owner of the S3 bucket/,
  );
});

test('groups and reports are listed, changed and deleted', async () => {
  const { codebuild } = clients;
  const { reportGroup } = await codebuild.createReportGroup({
    name: 'life',
    type: 'TEST',
    exportConfig: { exportConfigType: 'NO_EXPORT' },
    tags: [{ key: 'a', value: 'b' }],
  });
  assert.equal(reportGroup?.arn, `${GROUP}life`);
  assert.equal(reportGroup.status, 'ACTIVE');
  assert.deepEqual(reportGroup.tags, [{ key: 'a', value: 'b' }]);
  await assert.rejects(
    codebuild.createReportGroup({
      name: 'life',
      type: 'TEST',
      exportConfig: { exportConfigType: 'NO_EXPORT' },
    }),
    { name: 'ResourceAlreadyExistsException' },
  );
  const exportConfig = { exportConfigType: 'S3', s3Destination: { bucket: 'results' } } as const;
  const updated = await codebuild.updateReportGroup({ arn: reportGroup.arn, exportConfig });
  assert.equal(updated.reportGroup?.exportConfig?.s3Destination?.packaging, 'NONE');
  assert.ok((await codebuild.listReportGroups({ maxResults: 100 })).reportGroups?.includes(`${GROUP}life`));
  const page = await codebuild.listReportGroups({ maxResults: 1 });
  assert.equal(page.reportGroups?.length, 1);
  const next = await codebuild.listReportGroups({ maxResults: 1, nextToken: page.nextToken });
  assert.notDeepEqual(next.reportGroups, page.reportGroups);

  const build = await run(
    buildspec([write('a.xml', TEST_SAMPLES['JUNITXML'] ?? '')], {
      reports: { [`${GROUP}life`]: { files: ['a.xml'] } },
    }),
  );
  const [arn = ''] = build.reportArns ?? [];
  assert.deepEqual((await codebuild.listReportsForReportGroup({ reportGroupArn: `${GROUP}life` })).reports, [
    arn,
  ]);
  assert.ok((await codebuild.listReports({ filter: { status: 'FAILED' } })).reports?.includes(arn));
  assert.ok(!(await codebuild.listReports({ filter: { status: 'SUCCEEDED' } })).reports?.includes(arn));
  await assert.rejects(codebuild.deleteReportGroup({ arn: `${GROUP}life` }), {
    name: 'InvalidInputException',
  });
  await codebuild.deleteReport({ arn });
  await codebuild.deleteReport({ arn });
  assert.deepEqual((await codebuild.batchGetReports({ reportArns: [arn] })).reportsNotFound, [arn]);
  await assert.rejects(codebuild.describeTestCases({ reportArn: arn }), {
    name: 'ResourceNotFoundException',
  });
  await codebuild.deleteReportGroup({ arn: `${GROUP}life`, deleteReports: true });
  assert.deepEqual(
    (await codebuild.batchGetReportGroups({ reportGroupArns: [`${GROUP}life`] })).reportGroupsNotFound,
    [`${GROUP}life`],
  );
});

test('a policy shares a project or a report group, and who is not named sees nothing', async () => {
  const { codebuild, iam } = clients;
  await clients.createProject('shared', buildspec(['true']));
  const resourceArn = 'arn:aws:codebuild:us-east-1:123456789012:project/shared';
  await iam.createUser({ UserName: 'eve' });
  const { AccessKey } = await iam.createAccessKey({ UserName: 'eve' });
  const eve = connectBuilds({
    ...house,
    endpoint: house.endpoint,
    credentials: {
      accessKeyId: AccessKey?.AccessKeyId ?? '',
      secretAccessKey: AccessKey?.SecretAccessKey ?? '',
    },
  });
  await assert.rejects(eve.codebuild.batchGetProjects({ names: [resourceArn] }), {
    name: 'AccessDeniedException',
  });
  const policy = (Effect: string) =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect,
          Principal: { AWS: 'arn:aws:iam::123456789012:user/eve' },
          Action: 'codebuild:BatchGetProjects',
          Resource: resourceArn,
        },
      ],
    });
  await assert.rejects(codebuild.putResourcePolicy({ resourceArn, policy: policy('Deny') }), {
    name: 'InvalidInputException',
  });
  await codebuild.putResourcePolicy({ resourceArn, policy: policy('Allow') });
  assert.equal((await eve.codebuild.batchGetProjects({ names: [resourceArn] })).projects?.length, 1);
  assert.equal((await codebuild.getResourcePolicy({ resourceArn })).policy, policy('Allow'));
  await codebuild.deleteResourcePolicy({ resourceArn });
  await assert.rejects(eve.codebuild.batchGetProjects({ names: [resourceArn] }), {
    name: 'AccessDeniedException',
  });
  await assert.rejects(codebuild.getResourcePolicy({ resourceArn }), { name: 'ResourceNotFoundException' });
  await assert.rejects(
    codebuild.putResourcePolicy({ resourceArn: `${resourceArn}x`, policy: policy('Allow') }),
    {
      name: 'ResourceNotFoundException',
    },
  );
  assert.deepEqual((await codebuild.listSharedProjects({})).projects, []);
  assert.deepEqual((await codebuild.listSharedReportGroups({})).reportGroups, []);
  eve.close();
});

// The python of the machine, which builds have; not one that a person has in front of it.
const hasPytest = spawnSync('/usr/bin/python3', ['-c', 'import pytest, pytest_cov']).status === 0;
test(
  'scenario 37: pytest with coverage gives one report of tests and one of code, and its exit code fails the build',
  { skip: hasPytest ? false : 'wants pytest and pytest-cov' },
  async () => {
    const commands = [
      write('shop.py', 'def add(a, b):\n    if a > 100:\n        return 0\n    return a + b\n'),
      write(
        'test_shop.py',
        'from shop import add\ndef test_good(): assert add(1, 2) == 3\ndef test_bad(): assert add(1, 2) == 4\n',
      ),
      'python3 -m pytest -q --junitxml=reports/junit.xml --cov=shop --cov-report=xml',
    ];
    const build = await run(
      buildspec(commands, {
        reports: {
          unit: { files: ['reports/junit.xml'] },
          cover: { files: ['coverage.xml'], 'file-format': 'COBERTURAXML' },
        },
      }),
    );
    assert.equal(build.buildStatus, 'FAILED');
    const reports = await reportsOf(build);
    assert.deepEqual(
      reports.map((report) => [report.type, report.status]),
      [
        ['TEST', 'FAILED'],
        ['CODE_COVERAGE', 'SUCCEEDED'],
      ],
    );
    assert.deepEqual(
      [reports[1]?.codeCoverageSummary?.linesCovered, reports[1]?.codeCoverageSummary?.linesMissed],
      [3, 1],
    );
  },
);
