/** Scenarios 87 to 89: the history of executions, told through the official client. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { check, createPipelines, type Pipelines, stageOf } from '#test/support/pipelines.ts';

const DAY_MS = 86_400_000;
const clock = createMovableClock();
let house: TestHouse;
let pipelines: Pipelines;
before(async () => {
  house = await createTestHouse({ clock });
  pipelines = await createPipelines(house);
});
after(async () => {
  pipelines.close();
  await house.close();
});

async function succeededIn(pipelineName: string, stageName: string): Promise<(string | undefined)[]> {
  const { pipelineExecutionSummaries = [] } = await pipelines.codepipeline.listPipelineExecutions({
    pipelineName,
    filter: { succeededInStage: { stageName } },
  });
  return pipelineExecutionSummaries.map((each) => each.pipelineExecutionId);
}

test('scenario 87: 250 executions come in three pages without gaps while new ones start', async () => {
  const first = await pipelines.create('pages', [stageOf('S2', 'Ask')]);
  await pipelines.entered('pages', 'S2', first);
  const started = [first];
  for (let count = 1; count < 250; count++) started.push(await pipelines.start('pages'));
  const seen: string[] = [];
  const sizes: number[] = [];
  let nextToken: string | undefined;
  do {
    const page = await pipelines.codepipeline.listPipelineExecutions({ pipelineName: 'pages', nextToken });
    const ids = (page.pipelineExecutionSummaries ?? []).map((each) => each.pipelineExecutionId ?? '');
    sizes.push(ids.length);
    seen.push(...ids);
    nextToken = page.nextToken;
    await pipelines.start('pages');
  } while (nextToken !== undefined);
  assert.deepEqual(sizes, [100, 100, 50]);
  assert.deepEqual(seen, started.reverse());
  for (const forged of ['bm90IG91cnM', 'x'.repeat(64)]) {
    await assert.rejects(
      pipelines.codepipeline.listPipelineExecutions({ pipelineName: 'pages', nextToken: forged }),
      { name: 'InvalidNextTokenException' },
    );
  }
});

test('scenario 88: succeededInStage lists exactly what can be rolled back to', async () => {
  const guarded = { ...stageOf('S3', 'Deploy'), beforeEntry: check('SKIP', '#{variables.Deploy}', 'yes') };
  const variables = [{ name: 'Deploy', defaultValue: 'yes' }];
  const e1 = await pipelines.create('targets', [stageOf('S2', 'Build'), guarded], { variables });
  const run = async (execution: string, deploy: 'Approved' | 'Rejected' | undefined) => {
    await pipelines.answer('targets', execution, 'Build', 'Approved');
    if (deploy) await pipelines.answer('targets', execution, 'Deploy', deploy);
    await pipelines.reached('targets', execution, deploy === 'Rejected' ? 'Failed' : 'Succeeded');
  };
  await run(e1, 'Approved');
  const e2 = await pipelines.start('targets');
  await run(e2, 'Rejected');
  const { pipelineExecutionId: e3 = '' } = await pipelines.codepipeline.startPipelineExecution({
    name: 'targets',
    variables: [{ name: 'Deploy', value: 'no' }],
  });
  await run(e3, undefined);
  const e4 = await pipelines.start('targets');
  await run(e4, 'Approved');
  const { pipelineExecutionId: rollback = '' } = await pipelines.codepipeline.rollbackStage({
    ...{ pipelineName: 'targets', stageName: 'S3', targetPipelineExecutionId: e1 },
  });
  await pipelines.answer('targets', rollback, 'Deploy', 'Approved');
  await pipelines.reached('targets', rollback, 'Succeeded');
  assert.deepEqual(await succeededIn('targets', 'S3'), [e4, e1]);
  assert.deepEqual(await succeededIn('targets', 'S2'), [e4, e3, e2, e1]);
  const { pipeline } = await pipelines.codepipeline.getPipeline({ name: 'targets' });
  await pipelines.codepipeline.updatePipeline({ pipeline });
  assert.deepEqual(await succeededIn('targets', 'S3'), []);
});

test('scenario 89: after a year an execution has left the lists and the rows', async () => {
  const old = await pipelines.create('ages', [stageOf('S2', 'Ask')]);
  await pipelines.answer('ages', old, 'Ask', 'Approved');
  await pipelines.reached('ages', old, 'Succeeded');
  clock.advance(366 * DAY_MS);
  pipelines.follow(clock);
  const young = await pipelines.start('ages');
  await pipelines.answer('ages', young, 'Ask', 'Approved');
  await pipelines.reached('ages', young, 'Succeeded');
  await assert.rejects(pipelines.status('ages', old), { name: 'PipelineExecutionNotFoundException' });
  const { pipelineExecutionSummaries = [] } = await pipelines.codepipeline.listPipelineExecutions({
    pipelineName: 'ages',
  });
  assert.deepEqual(
    pipelineExecutionSummaries.map((each) => each.pipelineExecutionId),
    [young],
  );
  assert.ok((await pipelines.actions('ages')).every((run) => run.pipelineExecutionId === young));
  for (let count = 2; count < 10; count++) await pipelines.start('ages');
  const tables = house.slipway.house.database.read.withTables<Record<string, { execution_id: string }>>();
  for (const table of ['executions', 'actions', 'successes']) {
    const rows = await tables
      .selectFrom(`codepipeline_${table}`)
      .select('execution_id')
      .where('execution_id', '=', old)
      .execute();
    assert.deepEqual(rows, [], table);
  }
});
