/** Scenarios 32 to 47: failure, retry, stop, rollback, update and time limits, told through the official client. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { approval, createPipelines, type Pipelines, sourceAction, stageOf } from '#test/support/pipelines.ts';
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

type Mode = 'FAILED_ACTIONS' | 'ALL_ACTIONS';

function retry(pipelineName: string, stageName: string, pipelineExecutionId: string, retryMode: Mode) {
  return pipelines.codepipeline.retryStageExecution({
    pipelineName,
    stageName,
    pipelineExecutionId,
    retryMode,
  });
}

function stop(pipelineName: string, pipelineExecutionId: string, abandon = false) {
  return pipelines.codepipeline.stopPipelineExecution({
    pipelineName,
    pipelineExecutionId,
    abandon,
    reason: 'by the test',
  });
}

async function rollBack(pipelineName: string, stageName: string, targetPipelineExecutionId: string) {
  const answer = await pipelines.codepipeline.rollbackStage({
    pipelineName,
    stageName,
    targetPipelineExecutionId,
  });
  assert.ok(answer.pipelineExecutionId);
  return answer.pipelineExecutionId;
}

/** Takes an execution through these approvals to its end. */
async function finish(name: string, execution: string, ...actions: readonly string[]): Promise<void> {
  for (const action of actions) await pipelines.answer(name, execution, action, 'Approved');
  await pipelines.reached(name, execution, 'Succeeded');
}

async function newest(pipelineName: string) {
  const { pipelineExecutionSummaries: [found] = [] } = await pipelines.codepipeline.listPipelineExecutions({
    pipelineName,
    maxResults: 1,
  });
  assert.ok(found?.pipelineExecutionId);
  return { ...found, id: found.pipelineExecutionId };
}

test('scenario 32: a failure lets the waiter in and cannot be retried then; behind a closed door it can (W5)', async () => {
  for (const closed of [false, true]) {
    const name = `w5-${closed}`;
    const e1 = await pipelines.create(name, twoStages);
    await pipelines.running(name, e1, 'Build');
    const e2 = await pipelines.start(name);
    await pipelines.arrived(name, 'S2', e2);
    if (closed) {
      await pipelines.codepipeline.disableStageTransition({
        pipelineName: name,
        stageName: 'S2',
        transitionType: 'Inbound',
        reason: 'to retry',
      });
    }
    await pipelines.answer(name, e1, 'Build', 'Rejected');
    if (closed) {
      await retry(name, 'S2', e1, 'FAILED_ACTIONS');
      await pipelines.running(name, e1, 'Build');
      await pipelines.arrived(name, 'S2', e2);
    } else {
      await pipelines.entered(name, 'S2', e2);
      await assert.rejects(retry(name, 'S2', e1, 'FAILED_ACTIONS'), {
        name: 'NotLatestPipelineExecutionException',
      });
    }
  }
});

test('scenario 33: failed actions are retried while others run, all actions are not (W6)', async () => {
  const stage = {
    name: 'S2',
    actions: [approval('A'), approval('B'), approval('C'), approval('D', { runOrder: 2 })],
  };
  const execution = await pipelines.create('w6', [stage]);
  await pipelines.answer('w6', execution, 'B', 'Rejected');
  assert.equal(await pipelines.status('w6', execution), 'InProgress');
  await assert.rejects(retry('w6', 'S2', execution, 'ALL_ACTIONS'), { name: 'ConflictException' });
  await retry('w6', 'S2', execution, 'FAILED_ACTIONS');
  const runs = await pipelines.actions('w6', execution);
  assert.equal(runs.filter((run) => run.actionName === 'B').length, 2);
  assert.equal(runs.filter((run) => run.actionName === 'A').length, 1);
  await finish('w6', execution, 'A', 'B', 'C', 'D');
});

test('scenario 34: a retry keeps the execution and its history', async () => {
  const execution = await pipelines.create('again', twoStages);
  await pipelines.answer('again', execution, 'Build', 'Rejected');
  await pipelines.reached('again', execution, 'Failed');
  const answer = await retry('again', 'S2', execution, 'FAILED_ACTIONS');
  assert.equal(answer.pipelineExecutionId, execution);
  await pipelines.running('again', execution, 'Build');
  const state = await pipelines.stage('again', 'S2');
  assert.deepEqual(state.retryStageMetadata, {
    manualStageRetryAttempt: 1,
    latestRetryTrigger: 'ManualStageRetry',
  });
  const runs = (await pipelines.actions('again', execution)).filter((run) => run.actionName === 'Build');
  assert.deepEqual(
    runs.map((run) => run.status),
    ['InProgress', 'Failed'],
  );
});

test('scenario 36: after an update nothing of the old version is retried', async () => {
  const execution = await pipelines.create('changed', twoStages);
  await pipelines.answer('changed', execution, 'Build', 'Rejected');
  await pipelines.reached('changed', execution, 'Failed');
  const { pipeline } = await pipelines.codepipeline.getPipeline({ name: 'changed' });
  await pipelines.codepipeline.updatePipeline({ pipeline });
  await assert.rejects(retry('changed', 'S2', execution, 'FAILED_ACTIONS'), {
    name: 'StageNotRetryableException',
    message: /structure might have changed/,
  });
});

test('scenario 37: what succeeded or was superseded is not retried', async () => {
  const e1 = await pipelines.create('done', twoStages);
  await pipelines.running('done', e1, 'Build');
  const e2 = await pipelines.start('done');
  await pipelines.arrived('done', 'S2', e2);
  const e3 = await pipelines.start('done');
  await pipelines.reached('done', e2, 'Superseded');
  await assert.rejects(retry('done', 'S2', e2, 'ALL_ACTIONS'), {
    name: 'NotLatestPipelineExecutionException',
  });
  await finish('done', e1, 'Build', 'Deploy');
  await finish('done', e3, 'Build', 'Deploy');
  for (const mode of ['FAILED_ACTIONS', 'ALL_ACTIONS'] as const) {
    await assert.rejects(retry('done', 'S3', e3, mode), { name: 'StageNotRetryableException' });
  }
});

test('scenario 38: onFailure RETRY gives one attempt by itself', async () => {
  const stage = { ...stageOf('S2', 'Build'), onFailure: { result: 'RETRY' } } as const;
  const execution = await pipelines.create('auto', [stage]);
  await pipelines.answer('auto', execution, 'Build', 'Rejected');
  await until('the second attempt', 20_000, async () => {
    const builds = (await pipelines.actions('auto', execution)).filter((run) => run.actionName === 'Build');
    return builds.length === 2 ? true : undefined;
  });
  assert.deepEqual((await pipelines.stage('auto', 'S2')).retryStageMetadata, {
    autoStageRetryAttempt: 1,
    latestRetryTrigger: 'AutomatedStageRetry',
  });
  await pipelines.answer('auto', execution, 'Build', 'Rejected');
  await pipelines.reached('auto', execution, 'Failed');
});

test('scenario 39: stop and wait lets what runs end and starts nothing more (W8)', async () => {
  const stage = { name: 'S2', actions: [approval('Build'), approval('Test', { runOrder: 2 })] };
  const execution = await pipelines.create('w8', [stage]);
  await pipelines.running('w8', execution, 'Build');
  await stop('w8', execution);
  assert.equal(await pipelines.status('w8', execution), 'Stopping');
  await assert.rejects(stop('w8', execution), { name: 'DuplicatedStopRequestException' });
  await pipelines.answer('w8', execution, 'Build', 'Approved');
  await pipelines.reached('w8', execution, 'Stopped');
  const names = (await pipelines.actions('w8', execution)).map((run) => run.actionName);
  assert.equal(names.includes('Test'), false);
  await retry('w8', 'S2', execution, 'FAILED_ACTIONS');
  await pipelines.running('w8', execution, 'Test');
  await stop('w8', execution);
  await stop('w8', execution, true);
  await pipelines.reached('w8', execution, 'Stopped');
});

test('scenario 41: an execution that waits stops at once and never enters; one that ended cannot be stopped', async () => {
  const e1 = await pipelines.create('waits', twoStages);
  await pipelines.running('waits', e1, 'Build');
  const e2 = await pipelines.start('waits');
  await pipelines.arrived('waits', 'S2', e2);
  await stop('waits', e2);
  assert.equal(await pipelines.status('waits', e2), 'Stopped');
  await finish('waits', e1, 'Build', 'Deploy');
  assert.equal((await pipelines.stage('waits', 'S2')).latestExecution?.pipelineExecutionId, e1);
  await assert.rejects(stop('waits', e1), { name: 'PipelineExecutionNotStoppableException' });
});

test('scenarios 42 and 43: a manual rollback runs that stage alone, with what its target had (W7)', async () => {
  const stages = [stageOf('S2', 'Build'), stageOf('S3', 'Deploy'), stageOf('S4', 'After')];
  const e1 = await pipelines.create('w7', stages);
  await finish('w7', e1, 'Build', 'Deploy', 'After');
  const e2 = await pipelines.start('w7');
  await finish('w7', e2, 'Build', 'Deploy', 'After');
  const e3 = await pipelines.start('w7');
  await pipelines.answer('w7', e3, 'Build', 'Approved');
  const unable = { name: 'UnableToRollbackStageException' };
  await pipelines.running('w7', e3, 'Deploy');
  await assert.rejects(rollBack('w7', 'S3', e1), unable);
  await pipelines.answer('w7', e3, 'Deploy', 'Rejected');
  await pipelines.reached('w7', e3, 'Failed');

  const r1 = await rollBack('w7', 'S3', e1);
  const get = async (pipelineExecutionId: string) =>
    (await pipelines.codepipeline.getPipelineExecution({ pipelineName: 'w7', pipelineExecutionId }))
      .pipelineExecution;
  const rolled = await get(r1);
  assert.equal(rolled?.executionType, 'ROLLBACK');
  assert.equal(rolled.rollbackMetadata?.rollbackTargetPipelineExecutionId, e1);
  assert.deepEqual(rolled.trigger, {
    triggerType: 'ManualRollback',
    triggerDetail: 'arn:aws:iam::123456789012:root',
  });
  assert.deepEqual(rolled.artifactRevisions, (await get(e1))?.artifactRevisions);
  assert.equal((await pipelines.stage('w7', 'S3')).latestExecution?.type, 'ROLLBACK');
  await finish('w7', r1, 'Deploy');
  const stagesOfRollback = (await pipelines.actions('w7', r1)).map((run) => run.stageName);
  assert.deepEqual(stagesOfRollback, ['S3']);
  assert.equal((await pipelines.stage('w7', 'S4')).latestExecution?.pipelineExecutionId, e2);

  await assert.rejects(rollBack('w7', 'S3', r1), unable);
  await assert.rejects(rollBack('w7', 'S1', e1), unable);
  await assert.rejects(rollBack('w7', 'S3', e3), unable);
  await assert.rejects(rollBack('w7', 'S3', '11111111-1111-4111-8111-111111111111'), {
    name: 'PipelineExecutionNotFoundException',
  });
  const { pipeline } = await pipelines.codepipeline.getPipeline({ name: 'w7' });
  await pipelines.codepipeline.updatePipeline({ pipeline });
  await assert.rejects(rollBack('w7', 'S3', e1), unable);
});

test('scenarios 44 and 45: an automatic rollback takes the newest success, and a waiter enters after it', async () => {
  const guarded = { ...stageOf('S3', 'Deploy'), onFailure: { result: 'ROLLBACK' } } as const;
  const first = await pipelines.create('back', [stageOf('S2', 'Build'), guarded]);
  await pipelines.answer('back', first, 'Build', 'Approved');
  await pipelines.answer('back', first, 'Deploy', 'Rejected');
  await pipelines.reached('back', first, 'Failed');
  const alone = await newest('back');
  assert.equal(alone.id, first);
  assert.match(alone.statusSummary ?? '', /no earlier success of this stage/);

  const e1 = await pipelines.start('back');
  await finish('back', e1, 'Build', 'Deploy');
  const e2 = await pipelines.start('back');
  await finish('back', e2, 'Build', 'Deploy');
  const e3 = await pipelines.start('back');
  await pipelines.answer('back', e3, 'Build', 'Approved');
  await pipelines.running('back', e3, 'Deploy');
  const e4 = await pipelines.start('back');
  await pipelines.answer('back', e4, 'Build', 'Approved');
  await pipelines.arrived('back', 'S3', e4);
  await pipelines.answer('back', e3, 'Deploy', 'Rejected');
  await pipelines.reached('back', e3, 'Failed');
  const rollback = await newest('back');
  assert.equal(rollback.executionType, 'ROLLBACK');
  assert.equal(rollback.rollbackMetadata?.rollbackTargetPipelineExecutionId, e2);
  assert.deepEqual(rollback.trigger, { triggerType: 'AutomatedRollback', triggerDetail: e3 });
  await pipelines.arrived('back', 'S3', e4);
  await finish('back', rollback.id, 'Deploy');
  await pipelines.entered('back', 'S3', e4);
});

test('scenario 46: an update cancels what waits and what asks, and starts nothing (W11)', async () => {
  for (const executionMode of ['SUPERSEDED', 'PARALLEL'] as const) {
    const name = `w11-${executionMode}`;
    const e1 = await pipelines.create(name, twoStages, { executionMode });
    await pipelines.running(name, e1, 'Build');
    const e2 = await pipelines.start(name);
    if (executionMode === 'SUPERSEDED') await pipelines.arrived(name, 'S2', e2);
    else await pipelines.running(name, e2, 'Build');
    const { pipeline } = await pipelines.codepipeline.getPipeline({ name });
    await pipelines.codepipeline.updatePipeline({ pipeline });
    if (executionMode === 'PARALLEL') {
      for (const execution of [e1, e2]) await finish(name, execution, 'Build', 'Deploy');
      continue;
    }
    assert.equal(await pipelines.status(name, e1), 'Cancelled');
    assert.equal(await pipelines.status(name, e2), 'Cancelled');
    const build = (await pipelines.actions(name, e1)).find((run) => run.actionName === 'Build');
    assert.equal(build?.status, 'Abandoned');
    assert.equal((await newest(name)).id, e2);
    await finish(name, await pipelines.start(name), 'Build', 'Deploy');
  }
});

test('scenario 31: a start runs every source action, whichever source changed', async () => {
  const more = sourceAction('Other', { outputArtifacts: [{ name: 'OtherSite' }] });
  const stages = [{ name: 'S1', actions: [sourceAction(), more] }, stageOf('S2', 'Build')];
  const execution = await pipelines.create('both', [], { stages });
  await pipelines.running('both', execution, 'Build');
  const names = (await pipelines.actions('both', execution)).map((run) => run.actionName);
  assert.deepEqual(names.sort(), ['Build', 'Fetch', 'Other']);
});

test('scenario 47: an action that takes too long fails with JobTimedOut, and its stage with it', async () => {
  const execution = await pipelines.create('slow', twoStages);
  await pipelines.running('slow', execution, 'Build');
  clock.advance(7 * DAY_MS + 1_000);
  pipelines.follow(clock);
  await pipelines.reached('slow', execution, 'Failed');
  const build = (await pipelines.actions('slow', execution)).find((run) => run.actionName === 'Build');
  assert.deepEqual(build?.output?.executionResult?.errorDetails, {
    code: 'JobTimedOut',
    message: 'The action did not end within its time limit of 10080 minutes',
  });
  assert.equal((await pipelines.stage('slow', 'S2')).latestExecution?.status, 'Failed');
});
