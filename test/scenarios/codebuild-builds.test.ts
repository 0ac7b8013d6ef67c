/** CodeBuild §11, lifecycle: scenarios 1 to 10, 12 to 14, 16, 17, 70 and 72, each a real build. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import {
  type BuildClients,
  connectBuilds,
  contextOf,
  createBuildRole,
  phasesOf,
  ROLE,
  spec,
} from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let clients: BuildClients;
before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam, ['logs:*', 's3:*', 'codecommit:GitPull', 'codebuild:RetryBuild']);
  await clients.s3.createBucket({ Bucket: 'files' });
});
after(async () => {
  clients.close();
  await house.close();
});

let count = 0;
async function runSpec(buildspec: string, more = {}) {
  const name = `b${++count}x`;
  await clients.createProject(name, buildspec, more);
  return clients.run(name);
}

/** Phases of the buildspec by name, each a list of commands or a whole block. */
function phases(blocks: Readonly<Record<string, readonly string[] | object>>, more: object = {}): string {
  const phase = (block: readonly string[] | object) => (Array.isArray(block) ? { commands: block } : block);
  return JSON.stringify({
    version: '0.2',
    phases: Object.fromEntries(Object.entries(blocks).map(([name, block]) => [name, phase(block)])),
    ...more,
  });
}

const from = (phase: string, names: readonly string[]) =>
  names.slice(names.findIndex((name) => name.startsWith(phase)));

test('scenario 1: a build of one command goes through its eleven phases', async () => {
  await clients.createProject('one', spec(['echo hi']));
  const started = await clients.start('one');
  assert.equal(started.buildStatus, 'IN_PROGRESS');
  assert.equal(started.buildNumber, 1);
  const build = await clients.ended(started.id);
  assert.equal(build.buildStatus, 'SUCCEEDED');
  assert.equal(phasesOf(build).length, 11);
  assert.equal(phasesOf(build).at(-1), 'COMPLETED');
  assert.deepEqual(await clients.output(build), ['hi']);
});

test('scenario 2: a failing command in build names itself; post_build and uploads still come', async () => {
  const build = await runSpec(phases({ build: ['exit 3'] }));
  assert.equal(
    contextOf(build),
    'COMMAND_EXECUTION_ERROR: Error while executing command: exit 3. Reason: exit status 3',
  );
  assert.deepEqual(from('BUILD', phasesOf(build)), [
    'BUILD=FAILED',
    'POST_BUILD=SUCCEEDED',
    'UPLOAD_ARTIFACTS=SUCCEEDED',
    'FINALIZING=SUCCEEDED',
    'COMPLETED',
  ]);
  assert.equal(build.buildStatus, 'FAILED');
});

async function failEarly(phase: string, name: string): Promise<void> {
  const build = await runSpec(phases({ [phase]: ['false'], build: ['echo no'], post_build: ['echo no'] }));
  assert.deepEqual(from(name, phasesOf(build)), [`${name}=FAILED`, 'FINALIZING=SUCCEEDED', 'COMPLETED']);
  assert.equal(build.buildStatus, 'FAILED');
  assert.deepEqual(await clients.output(build), []);
}

test('scenario 3: a failing pre_build leaves out everything up to FINALIZING', () =>
  failEarly('pre_build', 'PRE_BUILD'));

test('scenario 4: a failing install leaves out everything up to FINALIZING', () =>
  failEarly('install', 'INSTALL'));

test('scenario 5: a failing post_build does not keep artifacts from being uploaded', async () => {
  const buildspec = phases(
    { build: ['echo made > out.txt'], post_build: ['false'] },
    { artifacts: { files: ['out.txt'] } },
  );
  const artifacts = { type: 'S3', location: 'files', name: '/', path: 'five' };
  const build = await runSpec(buildspec, { artifacts });
  assert.equal(build.buildStatus, 'FAILED');
  assert.equal((await clients.s3.getObject({ Bucket: 'files', Key: 'five/out.txt' })).ContentLength, 5);
});

test('scenario 6: finally runs after a failure, and the message names the command that failed first', async () => {
  const build = await runSpec(
    phases({
      build: {
        commands: ['exit 4', 'echo never'],
        finally: ['echo after $CODEBUILD_BUILD_SUCCEEDING', 'exit 5'],
      },
    }),
  );
  assert.match(contextOf(build) ?? '', /command: exit 4\. Reason: exit status 4$/);
  assert.deepEqual(await clients.output(build), ['after 0']);
});

test('scenario 7: a failing finally alone fails its phase', async () => {
  const build = await runSpec(phases({ build: { commands: ['true'], finally: ['exit 6'] } }));
  assert.ok(phasesOf(build).includes('BUILD=FAILED'));
  assert.match(contextOf(build) ?? '', /exit status 6$/);
});

test('scenario 8: on-failure ABORT goes straight to FINALIZING', async () => {
  const build = await runSpec(
    phases({ build: { 'on-failure': 'ABORT', commands: ['false'] }, post_build: ['echo no'] }),
  );
  assert.deepEqual(from('BUILD', phasesOf(build)), ['BUILD=FAILED', 'FINALIZING=SUCCEEDED', 'COMPLETED']);
});

test('scenario 9: on-failure CONTINUE runs the next phase, which knows, and the build stays failed', async () => {
  const build = await runSpec(
    phases({
      pre_build: { 'on-failure': 'CONTINUE', commands: ['false'] },
      build: ['echo $CODEBUILD_BUILD_SUCCEEDING'],
    }),
  );
  assert.deepEqual(await clients.output(build), ['0']);
  assert.equal(build.buildStatus, 'FAILED');
});

test('scenario 10: RETRY-2 runs a phase three times at most, and a pattern retries only what it matches', async () => {
  const third = 'echo run >> runs; [ $(wc -l < runs) = 3 ]';
  const retried = await runSpec(
    phases({ build: { 'on-failure': 'RETRY-2', commands: [third, 'cat runs'] } }),
  );
  assert.equal(retried.buildStatus, 'SUCCEEDED');
  assert.deepEqual(await clients.output(retried), ['run', 'run', 'run']);
  const other = { 'on-failure': 'RETRY-2-timeout', commands: ['echo tried; echo something else; false'] };
  const unmatched = await runSpec(phases({ build: other }));
  assert.equal(unmatched.buildStatus, 'FAILED');
  assert.deepEqual(await clients.output(unmatched), ['tried', 'something else']);
});

test('scenario 12: a stop ends a build, and a second one answers the same', async () => {
  await clients.createProject('long', spec(['echo going', 'sleep 300']));
  const started = await clients.start('long');
  await until('the build phase', 30_000, async () =>
    (await clients.get(started.id)).currentPhase === 'BUILD' ? true : undefined,
  );
  const { build: stopping } = await clients.codebuild.stopBuild({ id: started.id });
  assert.equal(stopping?.buildStatus, 'STOPPED');
  const build = await clients.ended(started.id);
  assert.deepEqual(from('BUILD', phasesOf(build)), ['BUILD=STOPPED', 'COMPLETED']);
  const again = await clients.codebuild.stopBuild({ id: started.id });
  assert.equal(again.build?.buildStatus, 'STOPPED');
});

test('scenario 13: stopping what has ended answers its end', async () => {
  const done = await runSpec(spec(['true']));
  assert.equal((await clients.codebuild.stopBuild({ id: done.id })).build?.buildStatus, 'SUCCEEDED');
});

test('scenario 14: a project at its limit refuses, and no number is used', async () => {
  await clients.createProject('narrow', spec(['sleep 300']), { concurrentBuildLimit: 1 });
  const first = await clients.start('narrow');
  await assert.rejects(clients.start('narrow'), { name: 'AccountLimitExceededException' });
  await clients.codebuild.stopBuild({ id: first.id });
  await clients.ended(first.id);
  const second = await clients.start('narrow');
  assert.equal(second.buildNumber, 2);
  await clients.codebuild.stopBuild({ id: second.id });
});

test('scenario 16: a build that fails is retried twice, in a chain', async () => {
  await clients.createProject('again', spec(['exit 1']), { autoRetryLimit: 2 });
  const first = await clients.run('again');
  const follow = (id: string | undefined) =>
    until(
      `the build after ${id}`,
      60_000,
      async () => (await clients.get(id)).autoRetryConfig?.nextAutoRetry,
    );
  const second = await clients.ended(await follow(first.id));
  const third = await clients.ended(await follow(second.id));
  await house.slipway.house.engine.idle();
  const chain = [first, second, third].map((build) => build.autoRetryConfig);
  assert.deepEqual(
    chain.map((config) => config?.autoRetryNumber),
    [0, 1, 2],
  );
  assert.deepEqual(
    chain.map((config) => config?.previousAutoRetry),
    [undefined, first.arn, second.arn],
  );
  assert.equal((await clients.get(third.id)).autoRetryConfig?.nextAutoRetry, undefined);
  const { ids } = await clients.codebuild.listBuildsForProject({ projectName: 'again' });
  assert.equal(ids?.length, 3);
});

test('a stopped build is not retried, and no role without permission retries', async () => {
  await clients.iam.putRolePolicy({
    RoleName: 'build',
    PolicyName: 'no-retry',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Action: 'codebuild:RetryBuild', Resource: '*' }],
    }),
  });
  await clients.createProject('denied', spec(['exit 1']), { autoRetryLimit: 1 });
  const build = await clients.run('denied');
  await house.slipway.house.engine.idle();
  assert.equal((await clients.get(build.id)).autoRetryConfig?.nextAutoRetry, undefined);
  await clients.iam.deleteRolePolicy({ RoleName: 'build', PolicyName: 'no-retry' });
});

test('scenario 17: one token starts one build, and only for the same parameters', async () => {
  await clients.createProject('token', spec(['true']));
  const one = await clients.start('token', { idempotencyToken: 'x' });
  const two = await clients.start('token', { idempotencyToken: 'x' });
  assert.equal(two.id, one.id);
  await assert.rejects(clients.start('token', { idempotencyToken: 'x', timeoutInMinutesOverride: 7 }), {
    name: 'InvalidInputException',
  });
  await clients.ended(one.id);
});

test('scenario 70: a project keeps what an update does not name, and its builds outlive it', async () => {
  await clients.createProject('kept', spec(['true']), { concurrentBuildLimit: 3, description: 'old' });
  const { project } = await clients.codebuild.updateProject({ name: 'kept', description: 'new' });
  assert.equal(project?.concurrentBuildLimit, 3);
  assert.equal(project.serviceRole, ROLE);
  const free = await clients.codebuild.updateProject({ name: 'kept', concurrentBuildLimit: -1 });
  assert.equal(free.project?.concurrentBuildLimit, undefined);
  const build = await clients.run('kept');
  await clients.codebuild.deleteProject({ name: 'kept' });
  await clients.codebuild.deleteProject({ name: 'kept' });
  assert.equal((await clients.get(build.id)).buildStatus, 'SUCCEEDED');
});

test('the log lies in S3 when it is wanted there, masked and compressed, with or without CloudWatch', async () => {
  const logsConfig = {
    cloudWatchLogs: { status: 'DISABLED' },
    s3Logs: { status: 'ENABLED', location: 'files/logs', encryptionDisabled: true },
  } as const;
  const commands = [
    'i=0; while [ $i -lt 30000 ]; do echo "line number $i of many"; i=$((i+1)); done',
    'echo AKIA0123456789ABCDEF',
  ];
  const build = await runSpec(spec(commands), { logsConfig });
  const Key = `logs/${build.id?.split(':')[1]}.gz`;
  assert.equal(build.logs?.s3LogsArn, `arn:aws:s3:::files/${Key}`);
  assert.deepEqual(build.logs.s3Logs, logsConfig.s3Logs);
  const { Body } = await clients.s3.getObject({ Bucket: 'files', Key });
  const lines = gunzipSync((await Body?.transformToByteArray()) ?? '')
    .toString()
    .split('\n');
  assert.equal(lines.filter((line) => /^line number \d+ of many$/.test(line)).length, 30_000);
  assert.ok(lines.includes('***'));
  assert.ok(!lines.includes('AKIA0123456789ABCDEF'));
  assert.ok(lines.some((line) => line.endsWith('Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED')));
});

test('scenario 72: a badge is public and tells of its branch', async () => {
  const source = { type: 'CODECOMMIT', location: `${house.endpoint}/v1/repos/none` } as const;
  await clients.createProject('badge', '', { source, badgeEnabled: true });
  const { projects } = await clients.codebuild.batchGetProjects({ names: ['badge'] });
  const url = projects?.[0]?.badge?.badgeRequestUrl ?? '';
  const shown = async (address: string) => {
    const response = await fetch(address);
    assert.equal(response.headers.get('content-type'), 'image/svg+xml');
    return /aria-label="build: ([^"]+)"/.exec(await response.text())?.[1];
  };
  assert.equal(await shown(url), 'unknown');
  await clients.run('badge', {
    sourceTypeOverride: 'NO_SOURCE',
    buildspecOverride: spec(['true']),
    sourceVersion: 'main',
  });
  assert.equal(await shown(url), 'passing');
  assert.equal(await shown(url.replace('branch=main', 'branch=other')), 'unknown');
  await clients.run('badge', {
    sourceTypeOverride: 'NO_SOURCE',
    buildspecOverride: spec(['false']),
    sourceVersion: 'main',
  });
  assert.equal(await shown(url), 'failing');
  assert.equal((await fetch(url.replace('uuid=', 'uuid=x'))).status, 404);
});
