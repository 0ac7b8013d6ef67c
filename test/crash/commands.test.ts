/**
 * A Commands action under `kill -9`: the server is killed again and again while it runs, from before its build begins
 * until after it ended. Every command ran once, every line of its log is there once, and the pipeline goes on.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectBuilds, type BuildClients } from '#test/support/builds.ts';
import { action, SITE } from '#test/support/actions.ts';
import { createPipelines, type Pipelines } from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';
import { createKilledServer, type KilledServer } from './killed-server.ts';

const WITHIN_MS = 60_000;
const LINES = 20;

let server: KilledServer;
let pipelines: Pipelines;
let builds: BuildClients;

before(async () => {
  server = await createKilledServer();
  pipelines = await createPipelines(server.house);
  builds = connectBuilds(server.house);
});
after(async () => {
  builds.close();
  pipelines.close();
  await server.close();
});

const run = action('Run', 'Compute/Commands', {
  inputArtifacts: SITE,
  outputArtifacts: [{ name: 'Out', files: ['once'] }],
  commands: [
    `i=0; while [ $i -lt ${LINES} ]; do i=$((i+1)); echo "line $i"; sleep 0.05; done`,
    'echo ran >> once; COUNT=$(wc -l < once); sleep 0.5',
    'echo "count $COUNT"',
  ],
  outputVariables: ['COUNT'],
  namespace: 'Ran',
});
const put = action('Put', 'Deploy/S3', {
  inputArtifacts: [{ name: 'Out' }],
  configuration: { BucketName: 'site', Extract: 'true', ObjectKey: '#{Ran.COUNT}' },
});

for (const [name, delays] of [
  ['early', [5, 30, 60, 100, 150]],
  ['middle', [400, 700, 900]],
  ['late', [1_800, 50, 50]],
] as const) {
  test(`commands run once when the server is killed: ${name}`, async () => {
    const id = await pipelines.create(name, [
      { name: 'S2', actions: [run] },
      { name: 'S3', actions: [put] },
    ]);
    for (const delay of delays) {
      await new Promise((resolve) => setTimeout(resolve, delay));
      await server.kill();
      await server.start();
    }
    // Calls fail while the server is down; that is not what is tested.
    const end = await until('the end of the execution', WITHIN_MS, async () => {
      const status = await pipelines.status(name, id).catch(() => undefined);
      return status === 'InProgress' ? undefined : status;
    });
    const runs = await pipelines.actions(name, id);
    const errors = runs.map((each) => each.output?.executionResult?.errorDetails?.message);
    assert.equal(end, 'Succeeded', errors.join());
    const ran = runs.find((each) => each.actionName === 'Run');
    assert.deepEqual(ran?.output?.outputVariables, { COUNT: '1' });
    const { Body } = await pipelines.s3.getObject({ Bucket: 'site', Key: '1/once' });
    assert.equal(await Body?.transformToString(), 'ran\n');
    const { events = [] } = await builds.logs.getLogEvents({
      logGroupName: `/aws/codepipeline/${name}`,
      logStreamName: ran?.actionExecutionId,
      startFromHead: true,
    });
    const lines = events.map(({ message = '' }) => message.trimEnd());
    const said = lines.filter((line) => /^(line|count) \d+$/.test(line));
    assert.deepEqual(said, [...Array.from({ length: LINES }, (_, i) => `line ${i + 1}`), 'count 1']);
  });
}
