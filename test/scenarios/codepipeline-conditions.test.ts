/** Scenarios 72 to 76: conditions of stages and their rules, told through the official client. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { check, createPipelines, type Pipelines, stageOf } from '#test/support/pipelines.ts';

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

function rule(provider: string, configuration: Record<string, string>) {
  const ruleTypeId = { category: 'Rule', owner: 'AWS', provider, version: '1' } as const;
  return { name: provider, ruleTypeId, configuration };
}

function override(
  pipelineName: string,
  stageName: string,
  pipelineExecutionId: string,
  conditionType: 'BEFORE_ENTRY' | 'ON_SUCCESS',
) {
  return pipelines.codepipeline.overrideStageCondition({
    pipelineName,
    stageName,
    pipelineExecutionId,
    conditionType,
  });
}

/** Opens in about half a year, whatever the day. */
function closedWindow(): string {
  const month = new Date(clock.now() + 180 * 86_400_000).getUTCMonth() + 1;
  return `0 0 0 1 ${month} ? *`;
}

test('scenario 72: an entry condition holds or fails the stage, and can be overridden in both cases', async () => {
  const waiting = {
    conditions: [{ result: 'FAIL', rules: [rule('DeploymentWindow', { Cron: closedWindow() })] }],
  };
  const e1 = await pipelines.create('held', [
    { ...stageOf('S2', 'Build'), beforeEntry: waiting as never },
    stageOf('S3', 'Deploy'),
  ]);
  const held = await pipelines.entered('held', 'S2', e1);
  assert.equal(held.latestExecution?.status, 'InProgress');
  assert.equal(held.beforeEntryConditionState?.latestExecution?.status, 'InProgress');
  assert.equal(
    (await pipelines.actions('held', e1)).some((run) => run.actionName === 'Build'),
    false,
  );
  await override('held', 'S2', e1, 'BEFORE_ENTRY');
  const state = (await pipelines.stage('held', 'S2')).beforeEntryConditionState;
  assert.equal(state?.latestExecution?.status, 'Overridden');
  assert.equal(state.conditionStates?.[0]?.ruleStates?.[0]?.latestExecution?.status, 'Abandoned');
  await pipelines.running('held', e1, 'Build');

  const e2 = await pipelines.create('failed', [
    { ...stageOf('S2', 'Build'), beforeEntry: check('FAIL', 'a', 'b') },
    stageOf('S3', 'Deploy'),
  ]);
  await pipelines.reached('failed', e2, 'Failed');
  const failed = await pipelines.stage('failed', 'S2');
  assert.equal(failed.latestExecution?.status, 'Failed');
  assert.equal(failed.beforeEntryConditionState?.latestExecution?.status, 'Failed');
  assert.equal(failed.beforeEntryConditionState.latestExecution.summary, "Rule Check: 'a' EQ 'b'");
  assert.equal(failed.actionStates?.[0]?.latestExecution, undefined);
  await override('failed', 'S2', e2, 'BEFORE_ENTRY');
  await pipelines.running('failed', e2, 'Build');
  const { ruleExecutionDetails: [detail] = [] } = await pipelines.codepipeline.listRuleExecutions({
    pipelineName: 'failed',
  });
  assert.equal(detail?.status, 'Failed');
  assert.equal(detail.ruleName, 'Check');
  assert.equal(detail.stageName, 'S2');
  assert.equal(detail.pipelineExecutionId, e2);
  assert.deepEqual(detail.input?.resolvedConfiguration, { Variable: 'a', Value: 'b', Operator: 'EQ' });
});

test('scenario 73: SKIP leaves the stage out; it cannot be retried, rolled back to or overridden', async () => {
  const execution = await pipelines.create('skips', [
    stageOf('S2', 'Build'),
    { ...stageOf('S3', 'Deploy'), beforeEntry: check('SKIP', 'a', 'b') },
  ]);
  await pipelines.answer('skips', execution, 'Build', 'Approved');
  await pipelines.reached('skips', execution, 'Succeeded');
  const state = await pipelines.stage('skips', 'S3');
  assert.equal(state.latestExecution?.status, 'Skipped');
  assert.equal(state.actionStates?.[0]?.latestExecution, undefined);
  const names = { pipelineName: 'skips', stageName: 'S3' };
  await assert.rejects(
    pipelines.codepipeline.retryStageExecution({
      ...names,
      pipelineExecutionId: execution,
      retryMode: 'ALL_ACTIONS',
    }),
    { name: 'StageNotRetryableException' },
  );
  await assert.rejects(
    pipelines.codepipeline.rollbackStage({ ...names, targetPipelineExecutionId: execution }),
    { name: 'UnableToRollbackStageException' },
  );
  await assert.rejects(override('skips', 'S3', execution, 'BEFORE_ENTRY'), {
    name: 'ConditionNotOverridableException',
  });
  const alarm = { conditions: [{ result: 'SKIP', rules: [rule('CloudWatchAlarm', { AlarmName: 'a' })] }] };
  await assert.rejects(
    pipelines.create('skips-by-alarm', [
      stageOf('S2', 'Build'),
      { ...stageOf('S3', 'Deploy'), beforeEntry: alarm as never },
    ]),
    { name: 'InvalidStageDeclarationException' },
  );
});

test('scenario 74: a success condition that fails with ROLLBACK goes back to the previous success', async () => {
  const guarded = {
    ...stageOf('S3', 'Deploy'),
    onSuccess: check('ROLLBACK', '#{variables.Health}', 'good'),
  };
  const variables = [{ name: 'Health', defaultValue: 'good' }];
  const e1 = await pipelines.create('bake', [stageOf('S2', 'Build'), guarded], { variables });
  for (const action of ['Build', 'Deploy']) await pipelines.answer('bake', e1, action, 'Approved');
  await pipelines.reached('bake', e1, 'Succeeded');
  const { pipelineExecutionId: e2 = '' } = await pipelines.codepipeline.startPipelineExecution({
    name: 'bake',
    variables: [{ name: 'Health', value: 'bad' }],
  });
  for (const action of ['Build', 'Deploy']) await pipelines.answer('bake', e2, action, 'Approved');
  await pipelines.reached('bake', e2, 'Failed');
  const { pipelineExecutionSummaries: [rollback] = [] } = await pipelines.codepipeline.listPipelineExecutions(
    { pipelineName: 'bake' },
  );
  assert.equal(rollback?.executionType, 'ROLLBACK');
  assert.equal(rollback.rollbackMetadata?.rollbackTargetPipelineExecutionId, e1);
  const id = rollback.pipelineExecutionId ?? '';
  await pipelines.answer('bake', id, 'Deploy', 'Approved');
  // With the target's variables its condition is met.
  await pipelines.reached('bake', id, 'Succeeded');
});

test('scenario 75: a failure condition decides between a rollback and a plain failure', async () => {
  for (const isMet of [true, false]) {
    const name = `fails-${isMet}`;
    const onFailure = check('ROLLBACK', isMet ? 'yes' : 'no', 'yes');
    const e1 = await pipelines.create(name, [
      stageOf('S2', 'Build'),
      { ...stageOf('S3', 'Deploy'), onFailure },
    ]);
    for (const action of ['Build', 'Deploy']) await pipelines.answer(name, e1, action, 'Approved');
    await pipelines.reached(name, e1, 'Succeeded');
    const e2 = await pipelines.start(name);
    await pipelines.answer(name, e2, 'Build', 'Approved');
    await pipelines.answer(name, e2, 'Deploy', 'Rejected');
    await pipelines.reached(name, e2, 'Failed');
    const { pipelineExecutionSummaries: [last] = [] } = await pipelines.codepipeline.listPipelineExecutions({
      pipelineName: name,
    });
    assert.equal(last?.executionType, isMet ? 'ROLLBACK' : 'STANDARD');
  }
});

test('scenario 72: a rule whose service is not there ends Errored, with the reason', async () => {
  const alarm = {
    conditions: [{ result: 'FAIL', rules: [rule('LambdaInvoke', { FunctionName: 'nobody' })] }],
  };
  const execution = await pipelines.create('errs', [
    { ...stageOf('S2', 'Build'), beforeEntry: alarm as never },
    stageOf('S3', 'Deploy'),
  ]);
  await pipelines.reached('errs', execution, 'Failed');
  const state = (await pipelines.stage('errs', 'S2')).beforeEntryConditionState;
  assert.equal(state?.latestExecution?.status, 'Errored');
  const ran = state.conditionStates?.[0]?.ruleStates?.[0]?.latestExecution;
  assert.equal(ran?.status, 'Failed');
  assert.ok(ran.errorDetails?.message);
});

test('scenario 76: a stage enters when its window opens, by the time of its zone across a change of the clocks', async () => {
  // Berlin leaves summer time on the last Sunday of October: before it 09:00 is 07:00 UTC, after it 08:00 UTC.
  const year = new Date(clock.now()).getUTCFullYear() + 1;
  const sunday = new Date(Date.UTC(year, 9, 31));
  sunday.setUTCDate(31 - sunday.getUTCDay());
  const beforeOpening = sunday.getTime() + 7 * 3_600_000 + 30 * 60_000;
  clock.advance(beforeOpening - clock.now());
  pipelines.follow(clock);
  const window = {
    conditions: [
      {
        result: 'FAIL',
        rules: [rule('DeploymentWindow', { Cron: '0 0 9 ? * * *', TimeZone: 'Europe/Berlin' })],
      },
    ],
  };
  const execution = await pipelines.create('window', [
    { ...stageOf('S2', 'Build'), beforeEntry: window as never },
    stageOf('S3', 'Deploy'),
  ]);
  await pipelines.entered('window', 'S2', execution);
  // At 07:30 UTC it is 08:30 in Berlin, after the change: closed. In summer time it would be 09:30.
  clock.advance(29 * 60_000);
  pipelines.follow(clock);
  assert.equal(
    (await pipelines.stage('window', 'S2')).beforeEntryConditionState?.latestExecution?.status,
    'InProgress',
  );
  clock.advance(90_000);
  pipelines.follow(clock);
  await pipelines.running('window', execution, 'Build');
});
