/** Fleets: named bounds of builds that run at the same time, in the way of reserved capacity. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Build } from '@aws-sdk/client-codebuild';
import { connectBuilds, contextOf, createBuildRole, spec, type BuildClients } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let clients: BuildClients;
before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam);
});
after(async () => {
  clients.close();
  await house.close();
});

const LINUX = { environmentType: 'LINUX_CONTAINER', computeType: 'BUILD_GENERAL1_SMALL' } as const;

async function projectIn(name: string, fleetArn: string, command: string): Promise<void> {
  await clients.createProject(name, spec([command]), {
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_LARGE',
      fleet: { fleetArn },
    },
  });
}

const inPhase = (id: string | undefined, phase: string) =>
  until(`${id} in ${phase}`, 20_000, async () => {
    const build = await clients.get(id);
    return build.currentPhase === phase ? build : undefined;
  });
const timeOf = (build: Build, phase: string) =>
  build.phases?.find(({ phaseType }) => phaseType === phase)?.startTime?.getTime() ?? NaN;

test('a fleet is made, looked at, changed, listed and deleted', async () => {
  const { fleet } = await clients.codebuild.createFleet({
    name: 'shed',
    baseCapacity: 2,
    ...LINUX,
    tags: [{ key: 'team', value: 'a' }],
  });
  assert.match(fleet?.arn ?? '', /^arn:aws:codebuild:us-east-1:123456789012:fleet\/shed:[0-9a-f-]{36}$/);
  assert.deepEqual(fleet?.status, { statusCode: 'ACTIVE' });
  assert.equal(fleet?.overflowBehavior, 'QUEUE');
  await assert.rejects(clients.codebuild.createFleet({ name: 'shed', baseCapacity: 1, ...LINUX }), {
    name: 'ResourceAlreadyExistsException',
    message: `Fleet already exists: ${fleet?.arn}`,
  });
  const { fleet: updated } = await clients.codebuild.updateFleet({
    arn: fleet?.arn,
    baseCapacity: 3,
    scalingConfiguration: {
      scalingType: 'TARGET_TRACKING_SCALING',
      targetTrackingScalingConfigs: [{ metricType: 'FLEET_UTILIZATION_RATE', targetValue: 50 }],
      maxCapacity: 5,
    },
  });
  assert.equal(updated?.baseCapacity, 3);
  assert.equal(updated?.scalingConfiguration?.desiredCapacity, 3);
  assert.deepEqual(updated?.tags, [{ key: 'team', value: 'a' }]);
  const { fleets, fleetsNotFound } = await clients.codebuild.batchGetFleets({
    names: ['shed', fleet?.arn ?? '', 'barn'],
  });
  assert.deepEqual([fleets?.map(({ name }) => name), fleetsNotFound], [['shed', 'shed'], ['barn']]);
  assert.deepEqual((await clients.codebuild.listFleets({})).fleets, [fleet?.arn]);
  for (const wrong of [{ baseCapacity: 0 }, { computeType: 'CUSTOM_INSTANCE_TYPE' as const }]) {
    await assert.rejects(
      clients.codebuild.createFleet({ name: 'wrong', baseCapacity: 1, ...LINUX, ...wrong }),
      { name: 'InvalidInputException' },
    );
  }
  await clients.codebuild.deleteFleet({ arn: fleet?.arn });
  await clients.codebuild.deleteFleet({ arn: fleet?.arn });
  assert.deepEqual((await clients.codebuild.batchGetFleets({ names: ['shed'] })).fleets, []);
  await assert.rejects(clients.codebuild.updateFleet({ arn: fleet?.arn, baseCapacity: 1 }), {
    name: 'ResourceNotFoundException',
  });
});

test('builds of a fleet that is full wait in QUEUED, and more capacity lets them go', async () => {
  const { fleet } = await clients.codebuild.createFleet({ name: 'one', baseCapacity: 1, ...LINUX });
  const arn = fleet?.arn ?? '';
  await projectIn('held', arn, 'sleep 60');
  const first = await clients.start('held');
  assert.deepEqual(first.environment?.fleet, { fleetArn: arn });
  assert.equal(first.environment?.computeType, 'BUILD_GENERAL1_SMALL');
  await inPhase(first.id, 'BUILD');
  const second = await clients.start('held');
  const third = await clients.start('held');
  // A build of no fleet is not held up by one that is full.
  await clients.createProject('free', spec(['true']));
  assert.equal((await clients.run('free')).buildStatus, 'SUCCEEDED');
  assert.equal((await clients.get(second.id)).currentPhase, 'QUEUED');
  await clients.codebuild.stopBuild({ id: first.id });
  await inPhase(second.id, 'BUILD');
  assert.ok(
    timeOf(await clients.get(second.id), 'PROVISIONING') >= timeOf(await clients.ended(first.id), 'BUILD'),
  );
  assert.equal((await clients.get(third.id)).currentPhase, 'QUEUED');
  await clients.codebuild.updateFleet({ arn, baseCapacity: 2 });
  await inPhase(third.id, 'BUILD');
  for (const { id } of [second, third]) await clients.codebuild.stopBuild({ id });
  await Promise.all([clients.ended(second.id), clients.ended(third.id)]);
});

test('builds beyond an ON_DEMAND fleet run outside of it', async () => {
  const { fleet } = await clients.codebuild.createFleet({
    name: 'overflowing',
    baseCapacity: 1,
    overflowBehavior: 'ON_DEMAND',
    computeType: 'ATTRIBUTE_BASED_COMPUTE',
    environmentType: 'LINUX_CONTAINER',
    computeConfiguration: { vCpu: 1, memory: 2 },
  });
  await projectIn('over', fleet?.arn ?? '', 'sleep 60');
  const builds = [await clients.start('over'), await clients.start('over')];
  assert.equal(builds[0]?.environment?.computeType, 'BUILD_GENERAL1_SMALL');
  await Promise.all(builds.map(({ id }) => inPhase(id, 'BUILD')));
  for (const { id } of builds) await clients.codebuild.stopBuild({ id });
  await Promise.all(builds.map(({ id }) => clients.ended(id)));
});

test('a fleet that nothing here can serve says so, and its builds fail with the reason', async () => {
  const { fleet } = await clients.codebuild.createFleet({
    name: 'windows',
    baseCapacity: 1,
    environmentType: 'WINDOWS_SERVER_2022_CONTAINER',
    computeType: 'BUILD_GENERAL1_MEDIUM',
  });
  const message =
    'no machine here runs builds of environment type WINDOWS_SERVER_2022_CONTAINER, only LINUX_CONTAINER';
  assert.deepEqual(fleet?.status, { statusCode: 'CREATE_FAILED', context: 'INSUFFICIENT_CAPACITY', message });
  await projectIn('windows', fleet?.arn ?? '', 'true');
  const build = await clients.run('windows');
  assert.equal(contextOf(build), `CLIENT_ERROR: The fleet windows has no capacity: ${message}`);
  await clients.codebuild.deleteFleet({ arn: fleet?.arn });
  await assert.rejects(clients.start('windows'), {
    name: 'InvalidInputException',
    message: `Invalid fleet: ${fleet?.arn} does not exist`,
  });
});
