/** Many builds at once, much output, and a deadline that really ends what runs. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Clock } from '#base/clock.ts';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { createSlipway, type Slipway } from '#slipway';
import {
  type BuildClients,
  connectBuilds,
  contextOf,
  createBuildRole,
  phasesOf,
  spec,
} from '#test/support/builds.ts';
import type { TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

const directory = mkdtempSync(join(tmpdir(), 'slipway-load-'));
/** The server's clock, which this test can put forward. */
let aheadMs = 0;
const clock: Clock = {
  now: () => systemClock.now() + aheadMs,
  callAt: (at, run) => systemClock.callAt(at - aheadMs, run),
};
let slipway: Slipway;
let clients: BuildClients;
before(async () => {
  slipway = await createSlipway({
    directory: join(directory, 'data'),
    host: '127.0.0.1',
    port: 0,
    account: '123456789012',
    region: 'us-east-1',
    runtime: 'sandbox',
    builds: 20,
    environment: {},
    log: silentLog,
    clock,
  });
  clients = connectBuilds({
    endpoint: slipway.url,
    region: 'us-east-1',
    credentials: slipway.rootKey,
  } as TestHouse);
  await createBuildRole(clients.iam);
});
after(async () => {
  clients.close();
  await slipway.close(2000);
  rmSync(directory, { recursive: true, force: true });
});

test('more builds than there are places all succeed, and the rest wait in QUEUED', async () => {
  await clients.createProject('many', spec(['sleep 0.5; echo done']));
  const started = await Promise.all(Array.from({ length: 30 }, () => clients.start('many')));
  const seen = await Promise.all(started.map((build) => clients.get(build.id)));
  assert.ok(seen.some((build) => build.currentPhase === 'QUEUED'));
  const builds = await Promise.all(started.map((build) => clients.ended(build.id)));
  assert.deepEqual([...new Set(builds.map((build) => build.buildStatus))], ['SUCCEEDED']);
  const numbers = builds.map((build) => build.buildNumber ?? 0).toSorted((a, b) => a - b);
  assert.deepEqual(
    numbers,
    Array.from({ length: 30 }, (_, i) => i + 1),
  );
});

test('a hundred thousand lines arrive whole and in order, long and broken ones included', async () => {
  await clients.createProject(
    'loud',
    spec(['seq 1 100000', 'head -c 700000 /dev/zero | tr "\\\\0" x; printf "\\\\377\\\\0end"']),
  );
  const { id } = await clients.start('loud');
  const build = await until('the end of the build', 90_000, async () => {
    const found = await clients.get(id);
    return found.buildComplete ? found : undefined;
  });
  assert.equal(contextOf(build), undefined);
  let next = 1;
  let long = 0;
  let token: string | undefined;
  for (;;) {
    const page = await clients.logs.getLogEvents({
      logGroupName: build.logs?.groupName,
      logStreamName: build.logs?.streamName,
      startFromHead: true,
      ...(token && { nextToken: token }),
    });
    if (page.nextForwardToken === token) break;
    token = page.nextForwardToken;
    for (const { message = '' } of page.events ?? []) {
      if (message === `${next}\n`) next++;
      if (message.startsWith('xxx')) long += message.replace(/[^x]/g, '').length;
    }
  }
  assert.equal(next, 100_001);
  assert.equal(long, 700_000);
});

test('a build past its deadline is TIMED_OUT and its whole tree is gone', async () => {
  await clients.createProject('late', spec(['(setsid sleep 6661 &) ; sleep 6661']), { timeoutInMinutes: 5 });
  const { id } = await clients.start('late');
  await until(
    'the command',
    10_000,
    () => spawnSync('pgrep', ['-f', 'sleep 6661']).status === 0 || undefined,
  );
  aheadMs = 6 * 60_000;
  const build = await until('the end of the build', 30_000, async () => {
    const { builds } = await slipway.root.send('codebuild:BatchGetBuilds', { ids: [id ?? ''] });
    return builds?.[0]?.buildComplete ? builds[0] : undefined;
  });
  assert.equal(build.buildStatus, 'TIMED_OUT');
  assert.equal(contextOf(build), 'BUILD_TIMED_OUT: Build has timed out. ');
  assert.deepEqual(phasesOf(build).slice(6), ['BUILD=TIMED_OUT', 'COMPLETED']);
  assert.equal(spawnSync('pgrep', ['-f', 'sleep 6661']).status, 1);
});
