/** Conditions of stages: W13 and the table of results, overriding, stopping and updating meanwhile. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { present } from '#base/assert.ts';
import { World, buildAction, condition, pipeline, sourceAction } from './decide-fixture.ts';
import type { GivenStage } from './definition/declaration-given.ts';
import { completeDeclaration } from './definition/declaration-given.ts';

const source: GivenStage = { name: 'S1', actions: [sourceAction()] };

/** S1, then S2 with these conditions, then S3. */
function withConditions(conditions: Partial<GivenStage>) {
  return pipeline(
    source,
    { name: 'S2', actions: [buildAction('Build')], ...conditions },
    { name: 'S3', actions: [buildAction('Deploy')] },
  );
}

function inStage2(conditions: Partial<GivenStage>): { world: World; id: string } {
  const world = new World(withConditions(conditions));
  const id = world.created;
  world.succeed(id, 'S1', 'Source');
  return { world, id };
}

test('an entry condition that is met lets the actions start', () => {
  const { world, id } = inStage2({ beforeEntry: condition('FAIL', 'A', 'B') });
  assert.equal(
    world.orders.some((order) => order.action === 'Build'),
    false,
  );
  world.rule(id, 'S2', 'beforeEntry', 'A', 'met');
  assert.equal(
    world.orders.some((order) => order.action === 'Build'),
    false,
  );
  world.rule(id, 'S2', 'beforeEntry', 'B', 'met');
  assert.equal(
    world.orders.some((order) => order.action === 'Build'),
    true,
  );
  assert.equal(world.execution(id).stages['S2']?.conditions.beforeEntry?.status, 'Succeeded');
});

test('an entry condition that fails settles at the first rule, and nothing runs', () => {
  const { world, id } = inStage2({ beforeEntry: condition('FAIL', 'A', 'B') });
  world.rule(id, 'S2', 'beforeEntry', 'B', 'unmet');
  const run = world.execution(id).stages['S2']?.conditions.beforeEntry;
  assert.equal(run?.status, 'Failed');
  assert.equal(run?.rules['A']?.status, 'Abandoned');
  assert.equal(world.where(id), 'Failed');
  assert.equal(world.state?.stages[1]?.occupant, undefined);
  assert.deepEqual(world.story(id).slice(-2), ['stage S2 FAILED', 'pipeline FAILED']);
});

test('a rule that cannot be evaluated makes its condition Errored, and the result engages', () => {
  const { world, id } = inStage2({ beforeEntry: condition('FAIL', 'A') });
  world.rule(id, 'S2', 'beforeEntry', 'A', 'errored');
  assert.equal(world.execution(id).stages['S2']?.conditions.beforeEntry?.status, 'Errored');
  assert.equal(world.execution(id).stages['S2']?.conditions.beforeEntry?.summary, 'Rule A: no such alarm');
  assert.equal(world.where(id), 'Failed');
});

test('SKIP leaves the stage out, without an event, and it cannot be retried (W13)', () => {
  const world = new World(
    pipeline(
      source,
      { name: 'S2', actions: [buildAction('Build')] },
      { name: 'S3', actions: [buildAction('Deploy')], beforeEntry: condition('SKIP', 'A') },
    ),
  );
  const id = world.created;
  world.run(id, ['S1', 'Source'], ['S2', 'Build']).rule(id, 'S3', 'beforeEntry', 'A', 'unmet');
  assert.equal(world.where(id), 'Succeeded');
  assert.equal(world.execution(id).stages['S3']?.status, 'Skipped');
  assert.deepEqual(world.execution(id).stages['S3']?.actions, {});
  assert.deepEqual(world.story(id).slice(-2), ['stage S2 SUCCEEDED', 'pipeline SUCCEEDED']);
  assert.equal(world.retry(id, 'S3', 'ALL_ACTIONS').fault, 'StageNotRetryableException');
  assert.equal(world.override(id, 'S3', 'beforeEntry').fault, 'ConditionNotOverridableException');
  assert.equal(world.rollBack('S3', id, { succeeded: false }).fault, 'UnableToRollbackStageException');
});

test('a success condition holds the lock, and fails the stage when it is not met', () => {
  const { world, id } = inStage2({ onSuccess: condition('FAIL', 'A') });
  world.succeed(id, 'S2', 'Build');
  assert.equal(world.where(id), 'InProgress@S2');
  assert.equal(world.state?.stages[1]?.occupant, id);
  world.rule(id, 'S2', 'onSuccess', 'A', 'unmet');
  assert.equal(world.where(id), 'Failed');
  assert.equal(world.retry(id, 'S2', 'FAILED_ACTIONS').fault, 'StageNotRetryableException');
  world.retry(id, 'S2', 'ALL_ACTIONS').succeed(id, 'S2', 'Build').rule(id, 'S2', 'onSuccess', 'A', 'met');
  assert.equal(world.where(id), 'InProgress@S3');
});

test('an override passes a condition that is being evaluated', () => {
  const { world, id } = inStage2({ beforeEntry: condition('FAIL', 'A') });
  world.override(id, 'S2', 'beforeEntry');
  const run = world.execution(id).stages['S2']?.conditions.beforeEntry;
  assert.equal(run?.status, 'Overridden');
  assert.equal(run?.rules['A']?.status, 'Abandoned');
  assert.equal(world.where(id), 'InProgress@S2');
  assert.equal(world.orders.at(-1)?.action, 'Build');
  assert.equal(world.override(id, 'S2', 'beforeEntry').fault, 'ConditionNotOverridableException');
});

test('an override resumes a stage that its condition failed', () => {
  const { world, id } = inStage2({ onSuccess: condition('FAIL', 'A') });
  world.succeed(id, 'S2', 'Build').rule(id, 'S2', 'onSuccess', 'A', 'unmet').override(id, 'S2', 'onSuccess');
  assert.equal(world.where(id), 'InProgress@S3');
  assert.equal(world.execution(id).attempt, 2);
  assert.deepEqual(world.story(id).slice(-5, -1), [
    'pipeline RESUMED',
    'stage S2 RESUMED',
    'stage S2 SUCCEEDED',
    'stage S3 STARTED',
  ]);
});

test('only the latest execution of a stage can be overridden, and only what can be', () => {
  const { world, id } = inStage2({ beforeEntry: condition('FAIL', 'A') });
  world.rule(id, 'S2', 'beforeEntry', 'A', 'unmet');
  const second = world.start();
  world.succeed(second, 'S1', 'Source');
  assert.equal(world.override(id, 'S2', 'beforeEntry').fault, 'NotLatestPipelineExecutionException');
  assert.equal(world.override(second, 'S2', 'onSuccess').fault, 'ConditionNotOverridableException');
  assert.equal(world.override(second, 'S9', 'onSuccess').fault, 'StageNotFoundException');
});

test('stop and abandon ends a condition at once, stop and wait lets it end', () => {
  for (const abandon of [true, false]) {
    const { world, id } = inStage2({ beforeEntry: condition('FAIL', 'A') });
    world.stop(id, abandon);
    assert.equal(world.where(id), abandon ? 'Stopped' : 'Stopping@S2');
    if (!abandon) world.rule(id, 'S2', 'beforeEntry', 'A', 'met');
    assert.equal(world.where(id), 'Stopped');
    assert.equal(
      world.orders.some((order) => order.action === 'Build'),
      false,
    );
    world.retry(id, 'S2', 'FAILED_ACTIONS').rule(id, 'S2', 'beforeEntry', 'A', 'met');
    assert.equal(world.orders.at(-1)?.action, 'Build');
  }
});

test('an update cancels a condition at once', () => {
  const { world, id } = inStage2({ beforeEntry: condition('FAIL', 'A') });
  world.send({ type: 'PipelineUpdated', declaration: completeDeclaration(withConditions({}), 1) });
  assert.equal(world.where(id), 'Cancelled');
  assert.equal(world.execution(id).stages['S2']?.conditions.beforeEntry?.status, 'Cancelled');
});

test('a rule that is not met within its time is not met', () => {
  const { world, id } = inStage2({ beforeEntry: condition('FAIL', 'A') });
  world.pass(59 * 60_000);
  assert.equal(world.where(id), 'InProgress@S2');
  world.pass(60_000);
  assert.equal(world.where(id), 'Failed');
  const rule = world.execution(id).stages['S2']?.conditions.beforeEntry?.rules['A'];
  assert.equal(rule?.status, 'Failed');
  assert.equal(rule?.summary, 'It was not met within 60 minutes');
});

test('a rule that waits is evaluated again at the time it asks for', () => {
  const { world, id } = inStage2({ beforeEntry: condition('FAIL', 'A') });
  const run = world.execution(id).stages['S2']?.conditions.beforeEntry?.rules['A'];
  const evaluations = () => world.effects.filter((effect) => effect.type === 'EvaluateRule').length;
  world.send({
    type: 'RuleWaited',
    lookAgainAt: world.at + 600_000,
    ...{ executionId: id, stage: 'S2', condition: 'beforeEntry', rule: 'A', ruleExecutionId: run?.id ?? '' },
  });
  assert.equal(world.pass(599_000) && evaluations(), 1);
  assert.equal(world.pass(1_000) && evaluations(), 2);
  assert.equal(world.send({ type: 'TimePassed' }) && evaluations(), 2);
});

test('a rule whose work is said to have ended is looked at at once', () => {
  const { world, id } = inStage2({ beforeEntry: condition('FAIL', 'A') });
  const run = world.execution(id).stages['S2']?.conditions.beforeEntry?.rules['A'];
  const address = { executionId: id, stage: 'S2', condition: 'beforeEntry', rule: 'A' } as const;
  const evaluations = () => world.effects.filter((effect) => effect.type === 'EvaluateRule');
  const ruleExecutionId = run?.id ?? '';
  world.send({ type: 'RuleEndReported', ...address, ruleExecutionId });
  assert.equal(evaluations().length, 1);
  world.send({ type: 'RuleWaited', externalId: 'gate:1', ...address, ruleExecutionId });
  world.send({ type: 'RuleEndReported', ...address, ruleExecutionId });
  assert.equal(evaluations().length, 2);
  assert.equal(evaluations()[1]?.externalId, 'gate:1');
});

test('a late result of a rule changes nothing', () => {
  const { world, id } = inStage2({ beforeEntry: condition('FAIL', 'A', 'B') });
  const run = world.execution(id).stages['S2']?.conditions.beforeEntry?.rules['B'];
  world.rule(id, 'S2', 'beforeEntry', 'A', 'unmet');
  const before = world.state;
  const address = { executionId: id, stage: 'S2', condition: 'beforeEntry', rule: 'B' } as const;
  world.send({ type: 'RuleMet', ...address, ruleExecutionId: run?.id ?? '' });
  assert.deepEqual(world.state, before);
});

test('a retry while a failure condition is evaluated ends the evaluation', () => {
  const { world, id } = inStage2({ onFailure: { result: 'ROLLBACK', ...condition('ROLLBACK', 'A') } });
  world.fail(id, 'S2', 'Build');
  assert.equal(world.where(id), 'InProgress@S2');
  world.retry(id, 'S2', 'FAILED_ACTIONS');
  const { replaced, conditions } = present(world.execution(id).stages['S2'], 'run of S2');
  assert.equal(replaced?.conditions.onFailure?.status, 'Abandoned');
  assert.equal(replaced.conditions.onFailure.rules['A']?.status, 'Abandoned');
  assert.deepEqual(conditions, {});
  world.succeed(id, 'S2', 'Build');
  assert.equal(world.where(id), 'InProgress@S3');
});
