/** Scenarios 18 to 29 of the flow: how executions share stages in the three modes, told through the official client. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { approval, createPipelines, type Pipelines, stageOf } from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';

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

const twoStages = [stageOf('S2', 'Build'), stageOf('S3', 'Deploy')];

async function finish(name: string, execution: string, ...actions: readonly string[]): Promise<void> {
  for (const action of actions) await pipelines.answer(name, execution, action, 'Approved');
  await pipelines.reached(name, execution, 'Succeeded');
}

test('scenario 18: SUPERSEDED: the newest of those who wait goes on, the other ends when it arrives (W1)', async () => {
  const e1 = await pipelines.create('w1', twoStages);
  await pipelines.entered('w1', 'S2', e1);
  const e2 = await pipelines.start('w1');
  await pipelines.arrived('w1', 'S2', e2);
  const e3 = await pipelines.start('w1');
  await pipelines.reached('w1', e2, 'Superseded');
  assert.equal((await pipelines.stage('w1', 'S2')).latestExecution?.pipelineExecutionId, e1);
  await finish('w1', e1, 'Build', 'Deploy');
  await finish('w1', e3, 'Build', 'Deploy');
  assert.equal(await pipelines.status('w1', e2), 'Superseded');
});

test('scenario 19: QUEUED: all go through, in the order of their starts (W2)', async () => {
  const e1 = await pipelines.create('w2', twoStages, { executionMode: 'QUEUED' });
  await pipelines.entered('w2', 'S2', e1);
  const e2 = await pipelines.start('w2');
  const e3 = await pipelines.start('w2');
  await pipelines.arrived('w2', 'S2', e2);
  const waiting = await pipelines.arrived('w2', 'S2', e3);
  assert.equal(waiting.inboundExecution?.pipelineExecutionId, e2);
  assert.deepEqual(
    waiting.inboundExecutions?.map((inbound) => inbound.pipelineExecutionId),
    [e2, e3],
  );
  for (const execution of [e1, e2, e3]) await finish('w2', execution, 'Build', 'Deploy');
  const deployments = (await pipelines.actions('w2')).filter((run) => run.actionName === 'Deploy');
  assert.deepEqual(deployments.map((run) => run.pipelineExecutionId).reverse(), [e1, e2, e3]);
});

test('scenario 20: PARALLEL: stages overlap, and GetPipelineState tells of no execution (W3)', async () => {
  const e1 = await pipelines.create('w3', twoStages, { executionMode: 'PARALLEL' });
  const e2 = await pipelines.start('w3');
  const runs = await Promise.all([e1, e2].map((each) => pipelines.running('w3', each, 'Build')));
  assert.notEqual(runs[0]?.actionExecutionId, runs[1]?.actionExecutionId);
  const { stageStates = [] } = await pipelines.codepipeline.getPipelineState({ name: 'w3' });
  for (const stage of stageStates) {
    assert.equal(stage.latestExecution, undefined);
    assert.equal(stage.inboundExecution, undefined);
    assert.ok(stage.actionStates?.every((action) => action.latestExecution === undefined));
  }
  await finish('w3', e2, 'Build', 'Deploy');
  await finish('w3', e1, 'Build', 'Deploy');
});

test('scenario 22: the 51st start of a queue is refused, until one of the fifty has ended', async () => {
  const first = await pipelines.create('fifty', [stageOf('S2', 'Ask')], { executionMode: 'QUEUED' });
  for (let count = 1; count < 50; count++) await pipelines.start('fifty');
  await assert.rejects(pipelines.start('fifty'), {
    name: 'ConcurrentPipelineExecutionsLimitExceededException',
  });
  await finish('fifty', first, 'Ask');
  await pipelines.start('fifty');
});

test('scenario 23: of eight actions side by side a PARALLEL execution runs five at a time', async () => {
  const names = Array.from({ length: 8 }, (_, index) => `A${index}`);
  const execution = await pipelines.create('slots', [stageOf('S2', ...names)], {
    executionMode: 'PARALLEL',
  });
  const running = async () =>
    (await pipelines.actions('slots', execution)).filter((run) => run.status === 'InProgress');
  for (let done = 0; done < names.length; done++) {
    const expected = Math.min(5, names.length - done);
    const now = await until(`${expected} actions run`, 20_000, async () => {
      const found = await running();
      assert.ok(found.length <= 5, `${found.length} actions run`);
      return found.length === expected && found.every((run) => run.stageName === 'S2') ? found : undefined;
    });
    await pipelines.answer('slots', execution, now[0]?.actionName ?? '', 'Approved');
  }
  await pipelines.reached('slots', execution, 'Succeeded');
});

test('scenario 24: run orders 1, 1, 5: the third starts when both before it have succeeded', async () => {
  const stage = {
    name: 'S2',
    actions: [approval('A', { runOrder: 1 }), approval('B', { runOrder: 1 }), approval('C', { runOrder: 5 })],
  };
  const execution = await pipelines.create('orders', [stage]);
  await pipelines.running('orders', execution, 'A');
  await pipelines.running('orders', execution, 'B');
  await pipelines.answer('orders', execution, 'A', 'Approved');
  const names = (await pipelines.actions('orders', execution)).map((run) => run.actionName);
  assert.equal(names.includes('C'), false);
  await finish('orders', execution, 'B', 'C');
});

test('scenario 25: behind a disabled transition SUPERSEDED keeps the latest, QUEUED all in order (W4)', async () => {
  for (const executionMode of ['SUPERSEDED', 'QUEUED'] as const) {
    const name = `w4-${executionMode}`;
    const e1 = await pipelines.create(name, twoStages, { executionMode });
    const transition = { pipelineName: name, stageName: 'S3', transitionType: 'Inbound' } as const;
    await pipelines.codepipeline.disableStageTransition({ ...transition, reason: 'freeze' });
    await pipelines.answer(name, e1, 'Build', 'Approved');
    await pipelines.arrived(name, 'S3', e1);
    const e2 = await pipelines.start(name);
    await pipelines.answer(name, e2, 'Build', 'Approved');
    await pipelines.arrived(name, 'S3', e2);
    assert.equal((await pipelines.stage(name, 'S3')).latestExecution, undefined);
    // The same switch, from the other side.
    const outbound = { pipelineName: name, stageName: 'S2', transitionType: 'Outbound' } as const;
    await pipelines.codepipeline.enableStageTransition(outbound);
    if (executionMode === 'SUPERSEDED') assert.equal(await pipelines.status(name, e1), 'Superseded');
    else await finish(name, e1, 'Deploy');
    await finish(name, e2, 'Deploy');
  }
});

test('scenario 26: a disabled transition tells who, when and why; a reason with # is refused', async () => {
  await pipelines.create('reasons', twoStages);
  const transition = { pipelineName: 'reasons', stageName: 'S2', transitionType: 'Inbound' } as const;
  await assert.rejects(pipelines.codepipeline.disableStageTransition({ ...transition, reason: 'issue #4' }), {
    name: 'ValidationException',
  });
  const asked = clock.now();
  await pipelines.codepipeline.disableStageTransition({ ...transition, reason: 'issue 4' });
  const state = (await pipelines.stage('reasons', 'S2')).inboundTransitionState;
  assert.equal(state?.enabled, false);
  assert.equal(state.disabledReason, 'issue 4');
  assert.equal(state.lastChangedBy, 'arn:aws:iam::123456789012:root');
  assert.ok((state.lastChangedAt?.getTime() ?? 0) >= asked - 1);
});

test('scenario 29: two starts with one client request token are one execution', async () => {
  await pipelines.create('tokens', twoStages);
  const start = (clientRequestToken: string) =>
    pipelines.codepipeline.startPipelineExecution({ name: 'tokens', clientRequestToken });
  const first = (await start('a')).pipelineExecutionId;
  assert.equal((await start('a')).pipelineExecutionId, first);
  assert.notEqual((await start('b')).pipelineExecutionId, first);
});

test('scenario 27: who waited more than 30 days before a disabled transition does not enter', async () => {
  const e1 = await pipelines.create('old', twoStages);
  const transition = { pipelineName: 'old', stageName: 'S3', transitionType: 'Inbound' } as const;
  await pipelines.codepipeline.disableStageTransition({ ...transition, reason: 'freeze' });
  await pipelines.answer('old', e1, 'Build', 'Approved');
  await pipelines.arrived('old', 'S3', e1);
  clock.advance(30 * DAY_MS + 60_000);
  pipelines.follow(clock);
  await pipelines.codepipeline.enableStageTransition(transition);
  const { pipelineExecution } = await pipelines.codepipeline.getPipelineExecution({
    pipelineName: 'old',
    pipelineExecutionId: e1,
  });
  assert.equal(pipelineExecution?.status, 'Failed');
  assert.equal(pipelineExecution.statusSummary, 'The execution waited more than 30 days to enter stage S3');
  assert.equal((await pipelines.stage('old', 'S3')).latestExecution, undefined);
});
