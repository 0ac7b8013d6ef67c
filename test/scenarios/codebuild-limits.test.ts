/** CodeBuild §11: scenarios 11, 15, 68 and 71, with a clock that is put forward and a bus that is listened to. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { after, before, test } from 'node:test';
import type { Build } from '@aws-sdk/client-codebuild';
import type { BusEvent } from '#services/service.ts';
import { type BuildClients, connectBuilds, createBuildRole, phasesOf, spec } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { until } from '#test/support/until.ts';

const MINUTE_MS = 60_000;
const clock = createMovableClock();
let house: TestHouse;
let clients: BuildClients;
const published: BusEvent[] = [];

before(async () => {
  house = await createTestHouse({ clock });
  clients = connectBuilds(house);
  await createBuildRole(clients.iam);
  const inner = house.slipway.house as {
    publish(event: BusEvent): Promise<void>;
    isWanted(event: BusEvent): Promise<boolean>;
  };
  const publish = inner.publish.bind(inner);
  inner.isWanted = () => Promise.resolve(true);
  inner.publish = async (event) => {
    if (event.source === 'aws.codebuild') published.push(event);
    await publish(event);
  };
});
after(async () => {
  clients.close();
  await house.close();
});

/** Clients sign with the time of the server. */
function advance(milliseconds: number): void {
  clock.advance(milliseconds);
  for (const client of [clients.codebuild, clients.logs]) client.config.systemClockOffset = clock.aheadMs;
}

const eventsOf = (arn: string | undefined, detailType: string) =>
  published.filter((event) => event.resources[0] === arn && event.detailType === detailType);

test('scenario 71: the state of a build and the end of each phase are told in the words of AWS', async () => {
  await clients.createProject('told', spec(['exit 3']));
  const build = await clients.run('told');
  await house.slipway.house.engine.idle();
  const states = eventsOf(build.arn, 'CodeBuild Build State Change').map((event) => event.detail);
  assert.deepEqual(
    states.map((detail) => [detail['build-status'], detail['current-phase']]),
    [
      ['IN_PROGRESS', 'SUBMITTED'],
      ['FAILED', 'COMPLETED'],
    ],
  );
  const phases = eventsOf(build.arn, 'CodeBuild Build Phase Change');
  const byPhase = new Map(phases.map(({ detail }) => [detail['completed-phase'], detail]));
  assert.equal(byPhase.size, 10);
  assert.equal(byPhase.get('FINALIZING')?.['completed-phase-status'], 'SUCCEEDED');
  const failed = byPhase.get('BUILD');
  assert.deepEqual(Object.keys(failed ?? {}).sort(), [
    'additional-information',
    'build-id',
    'completed-phase',
    'completed-phase-context',
    'completed-phase-duration-seconds',
    'completed-phase-end',
    'completed-phase-start',
    'completed-phase-status',
    'project-name',
    'version',
  ]);
  assert.equal(failed?.['completed-phase-status'], 'FAILED');
  assert.equal(
    failed['completed-phase-context'],
    '[COMMAND_EXECUTION_ERROR: Error while executing command: exit 3. Reason: exit status 3]',
  );
  assert.match(
    String(failed['completed-phase-start']),
    /^[A-Z][a-z]{2} \d{1,2}, \d{4} \d{1,2}:\d\d:\d\d [AP]M$/,
  );
  assert.equal(new Set(published.map((event) => event.id)).size, published.length);
});

test('scenario 68: unknown builds are told apart, too many are refused, projects come in pages', async () => {
  await clients.createProject('known', spec(['true']));
  const build = await clients.run('known');
  const unknown = 'known:00000000-0000-4000-8000-000000000000';
  const got = await clients.codebuild.batchGetBuilds({ ids: [build.id ?? '', unknown] });
  assert.deepEqual([got.builds?.length, got.buildsNotFound], [1, [unknown]]);
  await assert.rejects(
    clients.codebuild.batchGetBuilds({ ids: Array.from({ length: 101 }, (_, i) => `known:${i}`) }),
    {
      name: 'InvalidInputException',
    },
  );
  for (let i = 0; i < 250; i++)
    await clients.createProject(`page-${String(i).padStart(3, '0')}`, spec(['true']));
  const names: string[] = [];
  let pages = 0;
  let nextToken: string | undefined;
  do {
    const page = await clients.codebuild.listProjects({ sortBy: 'NAME', sortOrder: 'DESCENDING', nextToken });
    names.push(...(page.projects ?? []));
    nextToken = page.nextToken;
    pages++;
  } while (nextToken);
  assert.equal(pages, 3);
  assert.deepEqual(names, names.toSorted().reverse());
  assert.equal(names.filter((name) => name.startsWith('page-')).length, 250);
});

test('scenario 15: what finds no place waits, runs when one is free, and not for ever', async () => {
  await clients.createProject('many', spec(['sleep 4711']), { timeoutInMinutes: 60 });
  await clients.createProject('waiting', spec(['true']));
  const running: Build[] = [];
  for (let i = 0; i < 20; i++) running.push(await clients.start('many'));
  await until('twenty running builds', 60_000, async () => {
    const { builds } = await clients.codebuild.batchGetBuilds({ ids: running.map(({ id }) => id ?? '') });
    return builds?.every((build) => build.currentPhase === 'BUILD') ? true : undefined;
  });
  const first = await clients.start('waiting');
  const second = await clients.start('waiting', { queuedTimeoutInMinutesOverride: 5 });
  const reasonOf = async ({ id }: Build) => {
    const { currentPhase, phases } = await clients.get(id);
    return [currentPhase, ...(phases?.at(-1)?.contexts ?? []).map((context) => context.message)];
  };
  assert.deepEqual(await reasonOf(first), [
    'QUEUED',
    `Waits for 2 vCPU and 3.0 GiB on a worker: ${hostname()} runs 20 of 20 builds`,
  ]);
  assert.deepEqual(await reasonOf(second), ['QUEUED', 'Waits behind 1 other build']);
  advance(5 * MINUTE_MS);
  const late = await clients.ended(second.id);
  assert.deepEqual(phasesOf(late), ['SUBMITTED=SUCCEEDED', 'QUEUED=TIMED_OUT', 'COMPLETED']);
  assert.equal((await clients.get(first.id)).currentPhase, 'QUEUED');
  await clients.codebuild.stopBuild({ id: running[0]?.id });
  assert.equal((await clients.ended(first.id)).buildStatus, 'SUCCEEDED');
  for (const { id } of running) await clients.codebuild.stopBuild({ id });
  for (const { id } of running) await clients.ended(id);
});

test('scenario 11: a build that takes too long is ended with all its processes and told as failed', async () => {
  await clients.createProject('slow', spec(['echo going', 'sleep 5937']), { timeoutInMinutes: 5 });
  const started = await clients.start('slow');
  await until('the command', 30_000, async () =>
    (await clients.get(started.id)).currentPhase === 'BUILD' ? true : undefined,
  );
  advance(6 * MINUTE_MS);
  const build = await clients.ended(started.id);
  assert.equal(build.buildStatus, 'TIMED_OUT');
  const phase = build.phases?.find((each) => each.phaseType === 'BUILD');
  assert.equal(phase?.phaseStatus, 'TIMED_OUT');
  assert.deepEqual(phase.contexts, [{ statusCode: 'BUILD_TIMED_OUT', message: 'Build has timed out. ' }]);
  assert.deepEqual(phasesOf(build).slice(-2), ['BUILD=TIMED_OUT', 'COMPLETED']);
  assert.notEqual(spawnSync('pgrep', ['-f', 'sleep 5937']).status, 0);
  await house.slipway.house.engine.idle();
  const [, end] = eventsOf(build.arn, 'CodeBuild Build State Change');
  assert.equal(end?.detail['build-status'], 'FAILED');
});
