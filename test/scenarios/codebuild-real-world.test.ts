/**
 * CodeBuild §11, real-world patterns: scenarios 35, 37, 43, 44 (C with make), 45 and the matrix of a monorepo. Projects as
 * people have them are pushed to a repository and built by the tools of this machine; nothing is asked of the network.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import type { Build, CreateProjectInput, Report } from '@aws-sdk/client-codebuild';
import { openZip } from '#store/zip-entries.ts';
import { batchContext, connectBatches, createBatchRole, withConfig } from '#test/support/batches.ts';
import { type BuildClients, connectBuilds, contextOf, createBuildRole } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createPusher, type Pusher } from '#test/support/repositories.ts';

const BUCKET = 'made';
const has = (program: string) => spawnSync('/bin/sh', ['-c', `command -v ${program}`]).status === 0;
const wants = (...programs: string[]) => {
  const missing = programs.filter((program) => !has(program));
  return missing.length > 0 && `wants ${missing.join(' and ')}`;
};

let house: TestHouse;
let clients: BuildClients;
let pusher: Pusher;
before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam, ['logs:*', 's3:*', 'codecommit:GitPull', 'codebuild:*']);
  await clients.s3.createBucket({ Bucket: BUCKET });
  pusher = await createPusher(house);
});
after(async () => {
  clients.close();
  await house.close();
});

const artifact = {
  type: 'S3',
  location: BUCKET,
  packaging: 'ZIP',
  encryptionDisabled: true,
  overrideArtifactName: true,
} as const;

async function createProject(
  name: string,
  url: string,
  more: Partial<CreateProjectInput> = {},
): Promise<void> {
  const source = { type: 'CODECOMMIT', location: url } as const;
  await clients.createProject(name, '', { source, sourceVersion: 'main', ...more });
}

async function succeeded(name: string, more = {}): Promise<Build> {
  const build = await clients.run(name, more);
  assert.equal(contextOf(build), undefined, (await clients.log(build)).join('\n'));
  assert.equal(build.buildStatus, 'SUCCEEDED');
  return build;
}

async function reportsOf(build: Build): Promise<Report[]> {
  const { reports = [] } = await clients.codebuild.batchGetReports({ reportArns: build.reportArns ?? [] });
  return reports;
}

const texts = async (build: Build) =>
  (await clients.log(build)).map((line) => line.replace(/^\[Container\] \S+ \S+ /, ''));

/** The files of an artifact, by name. */
async function filesOf(build: Build): Promise<ReadonlyMap<string, { text: string; permissions: number }>> {
  const [, key = ''] = (build.artifacts?.location ?? '').split(`:::${BUCKET}/`);
  const { Body } = await clients.s3.getObject({ Bucket: BUCKET, Key: key });
  const path = join(house.directory, 'artifact.zip');
  writeFileSync(path, (await Body?.transformToByteArray()) ?? '');
  const zip = await openZip(path, { entriesMax: 1000, bytesMax: 10_000_000 });
  const files = new Map<string, { text: string; permissions: number }>();
  for await (const entry of zip.entries()) {
    files.set(entry.path, { text: await text(await entry.open()), permissions: entry.permissions });
  }
  zip.close();
  return files;
}

test(
  'scenario 35: npm installs, tests with coverage and builds; the second build finds the cache',
  { skip: wants('npm') },
  async () => {
    const { url } = await pusher.push('npm');
    await createProject('npm', url, {
      artifacts: artifact,
      cache: { type: 'S3', location: `${BUCKET}/caches` },
    });
    const first = await succeeded('npm');
    const [unit, coverage] = await reportsOf(first);
    assert.deepEqual([unit?.status, unit?.testSummary?.total], ['SUCCEEDED', 2]);
    const { linesCovered = 0, linesMissed = 0 } = coverage?.codeCoverageSummary ?? {};
    assert.ok(linesCovered >= 8 && linesMissed >= 1, `${linesCovered} lines covered, ${linesMissed} missed`);
    const files = await filesOf(first);
    assert.deepEqual([...files.keys()].sort(), ['index.html', 'js/shop.js']);
    assert.match(files.get('js/shop.js')?.text ?? '', /apple: 30[\s\S]*export function total/);
    assert.ok((await texts(first)).includes('No cache found'));

    assert.ok((await texts(await succeeded('npm'))).includes('Restored cache'));
  },
);

test(
  'scenario 37: Python with unittest gives one report of tests and one of code, and a failing test fails the build',
  { skip: wants('/usr/bin/python3') },
  async () => {
    const { url } = await pusher.push('python');
    await createProject('python', url);
    const good = await succeeded('python');
    assert.deepEqual(
      (await reportsOf(good)).map(({ type, status }) => [type, status]),
      [
        ['TEST', 'SUCCEEDED'],
        ['CODE_COVERAGE', 'SUCCEEDED'],
      ],
    );
    const bad = await clients.run('python', {
      environmentVariablesOverride: [{ name: 'BREAK', value: 'on purpose' }],
    });
    assert.equal(bad.buildStatus, 'FAILED');
    assert.match(contextOf(bad) ?? '', /python3 run_tests\.py\. Reason: exit status 1$/);
    const [unit, coverage] = await reportsOf(bad);
    assert.equal(unit?.status, 'FAILED');
    assert.deepEqual(unit?.testSummary?.statusCounts?.['FAILED'], 1);
    assert.ok((coverage?.codeCoverageSummary?.lineCoveragePercentage ?? 0) > 50);
  },
);

test(
  'scenario 44: C with make carries the version of its commit into program, artifact and variables',
  { skip: wants('make', 'cc') },
  async () => {
    const { url, commit } = await pusher.push('make');
    await createProject('make', url, { artifacts: artifact });
    const build = await succeeded('make');
    const tag = commit.slice(0, 7);
    assert.equal(build.resolvedSourceVersion, commit);
    assert.ok((await texts(build)).includes(`75 (${tag})`));
    assert.deepEqual(build.exportedEnvironmentVariables, [{ name: 'VERSION_TAG', value: tag }]);
    assert.equal(build.artifacts?.location, `arn:aws:s3:::${BUCKET}/shop-${tag}`);
    const files = await filesOf(build);
    assert.deepEqual([...files.keys()].sort(), ['shop', 'version.json']);
    assert.equal(files.get('shop')?.permissions, 0o755);
    assert.equal(files.get('version.json')?.text, `{"tag":"${tag}"}`);
    assert.equal((await reportsOf(build))[0]?.testSummary?.total, 2);
  },
);

test(
  'scenario 45: an integration test meets its server in the background, which is gone after the build',
  { skip: wants('node', 'curl') },
  async () => {
    const { url } = await pusher.push('npm', 'integration');
    const server =
      "require('http').createServer((q, s) => s.end('served ' + q.url)).listen(Number(process.env.PORT), '127.0.0.1')";
    const buildspec = JSON.stringify({
      version: '0.2',
      env: { variables: { PORT: '8732', MARK: 'slipway-scenario-45' } },
      phases: {
        pre_build: { commands: [`nohup node -e "${server}" slipway-scenario-45 >/dev/null 2>&1 &`] },
        build: {
          commands: ['curl -fsS --retry 40 --retry-delay 1 --retry-all-errors http://127.0.0.1:$PORT/basket'],
        },
      },
    });
    await createProject('integration', url, { source: { type: 'CODECOMMIT', location: url, buildspec } });
    const build = await succeeded('integration');
    assert.deepEqual((await clients.output(build)).at(-1), 'served /basket');
    assert.notEqual(spawnSync('pgrep', ['-f', 'slipway-scenario-45']).status, 0);
  },
);

test(
  'scenario 43: templates that a build synthesizes are its artifact, ready for a deployment',
  { skip: wants('node') },
  async () => {
    const { url } = await pusher.push('npm', 'infrastructure');
    const synthesize = `
    const fs = require('fs');
    const template = { Resources: { Bucket: { Type: 'AWS::S3::Bucket' } } };
    fs.mkdirSync('cdk.out/asset.1', { recursive: true });
    fs.writeFileSync('cdk.out/Shop.template.json', JSON.stringify(template));
    fs.writeFileSync('cdk.out/asset.1/index.js', 'exports.handler = async () => 1;');
    fs.writeFileSync('cdk.out/manifest.json', JSON.stringify({ version: '36.0.0' }));
  `;
    const buildspec = JSON.stringify({
      version: '0.2',
      phases: {
        build: { commands: [`node -e ${JSON.stringify(synthesize.replaceAll('\n', ' '))}`] },
        post_build: { commands: ['sed s/Bucket/Packaged/ cdk.out/Shop.template.json > packaged.json'] },
      },
      artifacts: { name: 'infrastructure', files: ['cdk.out/**/*', 'packaged.json'] },
    });
    await createProject('infrastructure', url, {
      source: { type: 'CODECOMMIT', location: url, buildspec },
      artifacts: artifact,
    });
    const files = await filesOf(await succeeded('infrastructure'));
    assert.deepEqual([...files.keys()].sort(), [
      'cdk.out/Shop.template.json',
      'cdk.out/asset.1/index.js',
      'cdk.out/manifest.json',
      'packaged.json',
    ]);
    const packaged = JSON.parse(files.get('packaged.json')?.text ?? '') as { Resources: object };
    assert.deepEqual(Object.keys(packaged.Resources), ['Packaged']);
  },
);

test(
  'a monorepo is a matrix of its services and stages, each with its own artifact and one report of all',
  { skip: wants('node', '/usr/bin/python3') },
  async () => {
    const { url } = await pusher.push('monorepo');
    await createBatchRole(clients.iam);
    await createProject('monorepo', url, { artifacts: artifact, ...withConfig({}) });
    const batch = await connectBatches(clients).run('monorepo');
    assert.equal(batchContext(batch), undefined);
    assert.equal(batch.buildBatchStatus, 'SUCCEEDED');
    const made = new Map<string, string>();
    for (const { currentBuildSummary } of (batch.buildGroups ?? []).slice(1)) {
      const build = await clients.get(currentBuildSummary?.arn?.split(':build/')[1]);
      const [[name, file] = ['', undefined]] = await filesOf(build);
      made.set(`${build.artifacts?.location?.split(`${BUCKET}/`)[1]} ${name}`, file?.text ?? '');
    }
    assert.deepEqual(
      [...made.keys()].sort(),
      ['test', 'live'].flatMap((stage) => [`api-${stage} answer.json`, `web-${stage} index.html`]).sort(),
    );
    assert.deepEqual(JSON.parse(made.get('api-live answer.json') ?? ''), {
      item: 'pear',
      price: 45,
      stage: 'live',
    });
    assert.match(made.get('web-test index.html') ?? '', /^<h1>test<\/h1>.*apple<td>30/);
    const { reports } = await clients.codebuild.batchGetReports({ reportArns: batch.reportArns ?? [] });
    assert.deepEqual(
      reports?.map(({ testSummary }) => testSummary?.total),
      [6],
    );
  },
);
