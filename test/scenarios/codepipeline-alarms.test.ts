/** Scenarios 72 and 74 with real alarms: an alarm keeps a stage from being entered, and sends one back that baked badly. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CloudWatch } from '@aws-sdk/client-cloudwatch';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { createPipelines, type Pipelines, stageOf } from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';

const MINUTE_MS = 60_000;
const WAIT_MS = 20_000;
const clock = createMovableClock();
let house: TestHouse;
let pipelines: Pipelines;
let cloudwatch: CloudWatch;
before(async () => {
  house = await createTestHouse({ clock });
  pipelines = await createPipelines(house);
  connect();
});
after(async () => {
  pipelines.close();
  cloudwatch.destroy();
  await house.close();
});

function connect(): void {
  const { endpoint, region, credentials } = house;
  cloudwatch?.destroy();
  cloudwatch = new CloudWatch({
    ...{ endpoint, region, credentials, maxAttempts: 1, systemClockOffset: clock.aheadMs },
  });
}

function pass(milliseconds: number): void {
  clock.advance(milliseconds);
  pipelines.follow(clock);
  connect();
}

/** Keeps the value that a test sets: without data nothing is known, and what is not known changes nothing. */
async function createAlarm(name: string, value: 'OK' | 'ALARM', treatMissingData = 'ignore'): Promise<void> {
  await cloudwatch.putMetricAlarm({
    AlarmName: name,
    Namespace: 'shop',
    MetricName: name,
    Statistic: 'Sum',
    Period: 60,
    EvaluationPeriods: 1,
    Threshold: 10,
    ComparisonOperator: 'GreaterThanThreshold',
    TreatMissingData: treatMissingData,
  });
  await setAlarm(name, value);
}

async function setAlarm(AlarmName: string, StateValue: 'OK' | 'ALARM'): Promise<void> {
  await cloudwatch.setAlarmState({ AlarmName, StateValue, StateReason: 'the test says so' });
}

function condition(result: string, AlarmName: string, more: Record<string, string> = {}) {
  const rule = {
    name: 'Alarm',
    ruleTypeId: { category: 'Rule', owner: 'AWS', provider: 'CloudWatchAlarm', version: '1' },
    configuration: { AlarmName, ...more },
  };
  return { conditions: [{ result, rules: [rule] }] } as never;
}

function override(pipelineName: string, pipelineExecutionId: string) {
  return pipelines.codepipeline.overrideStageCondition({
    ...{ pipelineName, pipelineExecutionId, stageName: 'S2', conditionType: 'BEFORE_ENTRY' },
  });
}

const entryOf = async (pipeline: string) => (await pipelines.stage(pipeline, 'S2')).beforeEntryConditionState;

test('scenario 72: an alarm keeps a stage from being entered, until it is overridden', async () => {
  await createAlarm('entry', 'ALARM');
  const stages = (wait: Record<string, string>) => [
    { ...stageOf('S2', 'Build'), beforeEntry: condition('FAIL', 'entry', wait) },
    stageOf('S3', 'Deploy'),
  ];
  const failed = await pipelines.create('failed', stages({}));
  await pipelines.reached('failed', failed, 'Failed');
  const state = await entryOf('failed');
  assert.equal(state?.latestExecution?.status, 'Failed');
  assert.equal(state.latestExecution.summary, 'Rule Alarm: The alarm entry is ALARM');
  assert.equal((await pipelines.stage('failed', 'S2')).actionStates?.[0]?.latestExecution, undefined);
  await override('failed', failed);
  await pipelines.running('failed', failed, 'Build');

  const held = await pipelines.create('held', stages({ WaitTime: '5' }));
  await until('the rule to wait', WAIT_MS, async () => {
    const rule = (await entryOf('held'))?.conditionStates?.[0]?.ruleStates?.[0]?.latestExecution;
    return rule?.summary === 'The alarm entry is ALARM' ? true : undefined;
  });
  await override('held', held);
  await pipelines.running('held', held, 'Build');
  const overridden = await entryOf('held');
  assert.equal(overridden?.latestExecution?.status, 'Overridden');
  assert.equal(overridden.conditionStates?.[0]?.ruleStates?.[0]?.latestExecution?.status, 'Abandoned');
});

test('scenario 72: a stage waits for its alarm to become good, and no longer than it says', async () => {
  await createAlarm('waits', 'ALARM');
  const stages = [
    { ...stageOf('S2', 'Build'), beforeEntry: condition('FAIL', 'waits', { WaitTime: '2' }) },
    stageOf('S3', 'Deploy'),
  ];
  const good = await pipelines.create('becomes-good', stages);
  await pipelines.entered('becomes-good', 'S2', good);
  await setAlarm('waits', 'OK');
  pass(15_000);
  await pipelines.running('becomes-good', good, 'Build');
  await setAlarm('waits', 'ALARM');
  const bad = await pipelines.create('stays-bad', stages);
  await pipelines.entered('stays-bad', 'S2', bad);
  pass(2 * MINUTE_MS + 1_000);
  await pipelines.reached('stays-bad', bad, 'Failed');
  assert.equal((await entryOf('stays-bad'))?.latestExecution?.status, 'Failed');
});

test('scenario 72: an alarm that is not there, or may not be seen, ends the rule in error', async () => {
  const nobody = await pipelines.create('nobody', [
    { ...stageOf('S2', 'Build'), beforeEntry: condition('FAIL', 'nobody') },
    stageOf('S3', 'Deploy'),
  ]);
  await pipelines.reached('nobody', nobody, 'Failed');
  const state = await entryOf('nobody');
  assert.equal(state?.latestExecution?.status, 'Errored');
  const rule = state.conditionStates?.[0]?.ruleStates?.[0]?.latestExecution;
  assert.equal(rule?.errorDetails?.message, 'There is no alarm with the name nobody');

  const Action = 'cloudwatch:DescribeAlarms';
  const denied = { Version: '2012-10-17', Statement: { Effect: 'Deny', Action, Resource: '*' } };
  const named = { RoleName: 'pipeline', PolicyName: 'blind' };
  await pipelines.iam.putRolePolicy({ ...named, PolicyDocument: JSON.stringify(denied) });
  const blind = await pipelines.create('blind', [
    { ...stageOf('S2', 'Build'), beforeEntry: condition('FAIL', 'entry') },
    stageOf('S3', 'Deploy'),
  ]);
  await pipelines.reached('blind', blind, 'Failed');
  await pipelines.iam.deleteRolePolicy(named);
  const refused = (await entryOf('blind'))?.conditionStates?.[0]?.ruleStates?.[0]?.latestExecution;
  assert.equal(refused?.errorDetails?.code, 'PermissionError');
});

test('scenario 74: an alarm in the second minute after a success rolls back to the success before', async () => {
  await createAlarm('bake', 'OK', 'notBreaching');
  const guarded = {
    ...stageOf('S3', 'Deploy'),
    onSuccess: condition('ROLLBACK', 'bake', { WaitTime: '2' }),
  };
  const first = await pipelines.create('bake', [stageOf('S2', 'Build'), guarded]);
  const deploy = async (execution: string) => {
    for (const action of ['Build', 'Deploy']) await pipelines.answer('bake', execution, action, 'Approved');
    await until('the stage to bake', WAIT_MS, async () => {
      const { onSuccessConditionState: state, latestExecution } = await pipelines.stage('bake', 'S3');
      const isOfThis = latestExecution?.pipelineExecutionId === execution;
      const rule = state?.conditionStates?.[0]?.ruleStates?.[0]?.latestExecution;
      return isOfThis && rule?.summary === 'The alarm bake is OK' ? true : undefined;
    });
  };
  await deploy(first);
  assert.equal(await pipelines.status('bake', first), 'InProgress');
  pass(2 * MINUTE_MS + 1_000);
  await pipelines.reached('bake', first, 'Succeeded');

  // From the middle of a minute, so that it is known which minute is over when.
  pass((90 - (Math.floor(clock.now() / 1_000) % 60)) * 1_000);
  const second = await pipelines.start('bake');
  await deploy(second);
  pass(MINUTE_MS);
  await cloudwatch.putMetricData({
    Namespace: 'shop',
    MetricData: [{ MetricName: 'bake', Value: 11, Timestamp: new Date(clock.now()) }],
  });
  pass(40_000);
  await until('the alarm to be raised', WAIT_MS, async () => {
    const { MetricAlarms: [alarm] = [] } = await cloudwatch.describeAlarms({ AlarmNames: ['bake'] });
    return alarm?.StateValue === 'ALARM' ? true : undefined;
  });
  pass(15_000);
  await pipelines.reached('bake', second, 'Failed');
  const { pipelineExecutionSummaries: [rollback] = [] } = await pipelines.codepipeline.listPipelineExecutions(
    { pipelineName: 'bake' },
  );
  assert.equal(rollback?.executionType, 'ROLLBACK');
  assert.equal(rollback.rollbackMetadata?.rollbackTargetPipelineExecutionId, first);
});

test('scenario 75: after a failure an alarm decides whether to roll back', async () => {
  await createAlarm('after', 'OK');
  const guarded = { ...stageOf('S3', 'Deploy'), onFailure: condition('ROLLBACK', 'after') };
  const first = await pipelines.create('after', [stageOf('S2', 'Build'), guarded]);
  for (const action of ['Build', 'Deploy']) await pipelines.answer('after', first, action, 'Approved');
  await pipelines.reached('after', first, 'Succeeded');
  for (const value of ['OK', 'ALARM'] as const) {
    await setAlarm('after', value);
    const execution = await pipelines.start('after');
    await pipelines.answer('after', execution, 'Build', 'Approved');
    await pipelines.answer('after', execution, 'Deploy', 'Rejected');
    await pipelines.reached('after', execution, 'Failed');
    const { pipelineExecutionSummaries: [last] = [] } = await pipelines.codepipeline.listPipelineExecutions({
      pipelineName: 'after',
    });
    assert.equal(last?.executionType, value === 'ALARM' ? 'ROLLBACK' : 'STANDARD', value);
  }
});

test('a pipeline that fails raises the alarm on its own metric, and its successes have a duration', async () => {
  const first = await pipelines.create('measured', [stageOf('S2', 'Build'), stageOf('S3', 'Deploy')]);
  for (const action of ['Build', 'Deploy']) await pipelines.answer('measured', first, action, 'Approved');
  await pipelines.reached('measured', first, 'Succeeded');
  const second = await pipelines.start('measured');
  await pipelines.answer('measured', second, 'Build', 'Rejected');
  await pipelines.reached('measured', second, 'Failed');
  const pipeline = {
    Namespace: 'AWS/CodePipeline',
    Dimensions: [{ Name: 'PipelineName', Value: 'measured' }],
  };
  await cloudwatch.putMetricAlarm({
    ...{ ...pipeline, AlarmName: 'failures', MetricName: 'FailedPipelineExecutions', Statistic: 'Sum' },
    ...{ Period: 300, EvaluationPeriods: 1, Threshold: 1 },
    ...{ ComparisonOperator: 'GreaterThanOrEqualToThreshold', TreatMissingData: 'notBreaching' },
  });
  pass(MINUTE_MS);
  await until('the alarm to be raised', WAIT_MS, async () => {
    const { MetricAlarms: [alarm] = [] } = await cloudwatch.describeAlarms({ AlarmNames: ['failures'] });
    return alarm?.StateValue === 'ALARM' ? true : undefined;
  });
  const { Datapoints } = await cloudwatch.getMetricStatistics({
    ...{ ...pipeline, MetricName: 'PipelineDuration', Period: 3600, Statistics: ['SampleCount'] },
    StartTime: new Date(clock.now() - 3_600_000),
    EndTime: new Date(clock.now()),
  });
  assert.deepEqual(
    Datapoints?.map(({ SampleCount, Unit }) => `${SampleCount} ${Unit}`),
    ['1 Seconds'],
  );
});
