/** What AWS says about polling, where nothing is polled: how many pipelines may, and when an idle one stops. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Kysely } from 'kysely';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { createPipelines, sourceAction, stageOf, zipOf, type Pipelines } from '#test/support/pipelines.ts';

const DAY_MS = 86_400_000;
const clock = createMovableClock();
let house: TestHouse;
let pipelines: Pipelines;

before(async () => {
  house = await createTestHouse({ clock, quotas: 'aws' });
  pipelines = await createPipelines(house);
});
after(async () => {
  pipelines.close();
  await house.close();
});

function stages(PollForSourceChanges?: string) {
  const configuration = {
    S3Bucket: 'source',
    S3ObjectKey: 'site.zip',
    ...(PollForSourceChanges === undefined ? {} : { PollForSourceChanges }),
  };
  return [{ name: 'S1', actions: [sourceAction('Fetch', { configuration })] }, stageOf('S2', 'Review')];
}

async function count(pipelineName: string): Promise<number> {
  const { pipelineExecutionSummaries = [] } = await pipelines.codepipeline.listPipelineExecutions({
    pipelineName,
  });
  return pipelineExecutionSummaries.length;
}

async function putObject(text: string): Promise<void> {
  await pipelines.s3.putObject({ Bucket: 'source', Key: 'site.zip', Body: await zipOf({ text }) });
  await house.slipway.house.engine.idle();
}

async function disabledAt(name: string): Promise<Date | undefined> {
  return (await pipelines.codepipeline.getPipeline({ name })).metadata?.pollingDisabledAt;
}

test('a pipeline that was idle for 30 days does not look out any more, until it is started or updated', async () => {
  await pipelines.create('idle', [], { stages: stages() });
  await pipelines.create('told', [], { stages: stages('false') });
  await putObject('one');
  assert.equal(await count('idle'), 2);
  assert.equal(await disabledAt('idle'), undefined);

  const idleFrom = clock.now();
  clock.advance(30 * DAY_MS);
  pipelines.follow(clock);
  await putObject('two');
  assert.equal(await count('idle'), 2);
  const at = (await disabledAt('idle'))?.getTime() ?? 0;
  assert.ok(Math.abs(at - (idleFrom + 30 * DAY_MS)) < 60_000);
  assert.equal(await disabledAt('told'), undefined);

  await pipelines.start('idle');
  assert.equal(await disabledAt('idle'), undefined);
  await putObject('three');
  assert.equal(await count('idle'), 4);

  clock.advance(31 * DAY_MS);
  pipelines.follow(clock);
  assert.ok(await disabledAt('idle'));
  const { pipeline } = await pipelines.codepipeline.getPipeline({ name: 'idle' });
  assert.ok(pipeline);
  await pipelines.codepipeline.updatePipeline({ pipeline });
  assert.equal(await disabledAt('idle'), undefined);
  const before = await count('idle');
  await putObject('four');
  assert.equal(await count('idle'), before + 1);
});

test('at most 300 pipelines poll; others may be more', async () => {
  await pipelines.create('pattern', [], { stages: stages() });
  await copy('pattern', 298);
  const message =
    'The account has 300 pipelines that poll their sources. The maximum is 300. ' +
    'Set PollForSourceChanges to false and start the pipeline by a rule of EventBridge';
  const excess = { name: 'LimitExceededException', message };
  await assert.rejects(pipelines.create('excess', [], { stages: stages() }), excess);
  await pipelines.create('excess', [], { stages: stages('false') });
  const { pipeline } = await pipelines.codepipeline.getPipeline({ name: 'excess' });
  assert.ok(pipeline);
  const update = () => pipelines.codepipeline.updatePipeline({ pipeline: { ...pipeline, stages: stages() } });
  await assert.rejects(update(), excess);
  await pipelines.codepipeline.deletePipeline({ name: 'pattern' });
  await update();
  // One of the 300 may be changed.
  await update();
});

/** Rows as a pipeline has them, without its machine: nobody will start these. */
async function copy(name: string, times: number): Promise<void> {
  type Tables = {
    codepipeline_pipelines: { pipeline_id: string; name: string };
    codepipeline_versions: { pipeline_id: string };
  };
  await house.slipway.house.database.transaction(async (transaction: Kysely<unknown>) => {
    const kysely = transaction.withTables<Tables>();
    const pipeline = await kysely
      .selectFrom('codepipeline_pipelines')
      .selectAll()
      .where('name', '=', name)
      .executeTakeFirstOrThrow();
    const version = await kysely
      .selectFrom('codepipeline_versions')
      .selectAll()
      .where('pipeline_id', '=', pipeline.pipeline_id)
      .executeTakeFirstOrThrow();
    for (let i = 0; i < times; i++) {
      const key = { pipeline_id: `copy-${i}` };
      await kysely
        .insertInto('codepipeline_pipelines')
        .values({ ...pipeline, ...key, name: `copy-${i}` })
        .execute();
      await kysely
        .insertInto('codepipeline_versions')
        .values({ ...version, ...key })
        .execute();
    }
  });
}
