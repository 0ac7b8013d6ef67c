/** CodeBuild §11, scenario 78: many builds at once, with the server as a process of its own, and its API meanwhile. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readRootKey } from '#store/root-key.ts';
import { type BuildClients, connectBuilds, createBuildRole, spec } from '#test/support/builds.ts';
import type { TestHouse } from '#test/support/house.ts';
import { createServerProcess, type ServerProcess } from '#test/support/server.ts';
import { until } from '#test/support/until.ts';

const BUILDS = 20;
const BUILDS_MS_MAX = 60_000;
/** The scenario's machine has eight cores; whoever has fewer shares them between builds, server and this test. */
const CALL_MS_P95 = 100 * Math.max(1, 8 / availableParallelism());

const directory = mkdtempSync(join(tmpdir(), 'slipway-throughput-'));
let server: ServerProcess;
let clients: BuildClients;
before(async () => {
  server = await createServerProcess(join(directory, 'data'));
  await server.start();
  clients = connectBuilds({
    endpoint: server.url,
    region: 'us-east-1',
    credentials: readRootKey(server.data),
  } as TestHouse);
  await createBuildRole(clients.iam);
});
after(async () => {
  clients.close();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('scenario 78: twenty builds at once all succeed, and the API answers meanwhile', async () => {
  await clients.createProject('trivial', spec(['echo hi']));
  const started = await Promise.all(Array.from({ length: BUILDS }, () => clients.start('trivial')));
  const ids = started.map(({ id }) => id ?? '');
  const calls: number[] = [];
  const builds = await until('the builds', BUILDS_MS_MAX, async () => {
    const from = performance.now();
    const answer = await clients.codebuild.batchGetBuilds({ ids });
    calls.push(performance.now() - from);
    return answer.builds?.every(({ buildComplete }) => buildComplete) ? answer.builds : undefined;
  });
  assert.deepEqual(
    builds.map(({ buildStatus }) => buildStatus),
    ids.map(() => 'SUCCEEDED'),
  );
  assert.ok(calls.length >= 10, `only ${calls.length} calls were made while the builds ran`);
  const p95 = calls.sort((a, b) => a - b)[Math.floor(calls.length * 0.95)] ?? 0;
  assert.ok(p95 < CALL_MS_P95, `${p95.toFixed(0)} ms is not below ${CALL_MS_P95}`);
});
