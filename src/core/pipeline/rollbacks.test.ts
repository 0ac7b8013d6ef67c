/** Rolling a stage back: W7, by hand and by itself. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { present } from '#base/assert.ts';
import { World, buildAction, condition, pipeline, sourceAction, threeStages } from './decide-fixture.ts';
import type { GivenStage } from './definition/declaration-given.ts';
import { completeDeclaration } from './definition/declaration-given.ts';

const PATH = [
  ['S1', 'Source'],
  ['S2', 'Build'],
] as const;

function withDeploy(stage: Partial<GivenStage>) {
  return pipeline(
    { name: 'S1', actions: [sourceAction()] },
    { name: 'S2', actions: [buildAction('Build')] },
    { name: 'S3', actions: [buildAction('Deploy')], ...stage },
  );
}

/** E1 and E2 succeeded in S3. */
function twoSuccesses(stage: Partial<GivenStage> = {}): { world: World; e1: string; e2: string } {
  const world = new World(withDeploy(stage));
  const e1 = world.created;
  world.run(e1, ...PATH, ['S3', 'Deploy']);
  const e2 = world.start();
  world.run(e2, ...PATH, ['S3', 'Deploy']);
  return { world, e1, e2 };
}

test('a manual rollback runs only that stage, with what the target had (W7)', () => {
  const { world, e2 } = twoSuccesses();
  const e3 = world.start();
  world.run(e3, ...PATH).fail(e3, 'S3', 'Deploy');
  const target = present(world.history[e2], 'target');
  world.rollBack('S3', e2);
  const r1 = world.newest;
  assert.equal(r1.type, 'ROLLBACK');
  assert.equal(r1.target, e2);
  assert.deepEqual(r1.trigger, { type: 'ManualRollback', detail: 'ann' });
  assert.deepEqual(r1.artifacts, target.artifacts);
  assert.deepEqual(world.orders.at(-1)?.inputs[0]?.key, target.artifacts['SourceOutput']?.key);
  assert.equal(world.where(r1.id), 'InProgress@S3');
  assert.equal(world.retry(e3, 'S3', 'FAILED_ACTIONS').fault, 'NotLatestPipelineExecutionException');
  world.succeed(r1.id, 'S3', 'Deploy');
  assert.equal(world.where(r1.id), 'Succeeded');
  assert.deepEqual(world.story(r1.id), [
    'pipeline STARTED',
    'stage S3 STARTED',
    'action Deploy STARTED',
    'action Deploy SUCCEEDED',
    'stage S3 SUCCEEDED',
    'pipeline SUCCEEDED',
  ]);
  assert.equal(world.rollBack('S3', r1.id).fault, 'UnableToRollbackStageException');
});

test('a rollback of a stage in the middle never goes on to the next', () => {
  const { world, e2 } = twoSuccesses();
  const e3 = world.start();
  world.succeed(e3, 'S1', 'Source').fail(e3, 'S2', 'Build').rollBack('S2', e2);
  const { id } = world.newest;
  world.succeed(id, 'S2', 'Build');
  assert.equal(world.where(id), 'Succeeded');
  assert.equal(world.state?.stages[2]?.latest, e2);
});

test('what cannot be rolled back is refused', () => {
  const { world, e1, e2 } = twoSuccesses();
  assert.equal(world.rollBack('S9', e2).fault, 'StageNotFoundException');
  assert.equal(world.rollBack('S3', 'nobody').fault, 'PipelineExecutionNotFoundException');
  assert.equal(world.rollBack('S1', e2).fault, 'UnableToRollbackStageException');
  assert.equal(world.rollBack('S3', e2, { succeeded: false }).fault, 'UnableToRollbackStageException');
  assert.equal(world.rollBack('S3', e2, { outdated: true }).fault, 'PipelineExecutionOutdatedException');
  const e3 = world.start();
  world.run(e3, ...PATH);
  assert.equal(world.rollBack('S3', e2).fault, 'UnableToRollbackStageException');
  world.send({ type: 'PipelineUpdated', declaration: completeDeclaration(threeStages, 1) });
  world.succeed(e3, 'S3', 'Deploy');
  assert.equal(world.rollBack('S3', e2).fault, 'UnableToRollbackStageException');
  assert.notEqual(e1, e2);
});

test('a plain ROLLBACK goes back to the newest success at once, and a waiter waits for it (W7)', () => {
  const { world, e2 } = twoSuccesses({ onFailure: { result: 'ROLLBACK' } });
  const e3 = world.start();
  world.run(e3, ...PATH);
  const e4 = world.start();
  world.run(e4, ...PATH).fail(e3, 'S3', 'Deploy');
  const r2 = world.newest;
  assert.equal(world.where(e3), 'Failed');
  assert.equal(r2.target, e2);
  assert.deepEqual(r2.trigger, { type: 'AutomatedRollback', detail: e3 });
  assert.equal(world.where(r2.id), 'InProgress@S3');
  assert.equal(world.where(e4), 'InProgress@S3in');
  world.succeed(r2.id, 'S3', 'Deploy');
  assert.equal(world.where(e4), 'InProgress@S3');
});

test('a rollback that fails is not rolled back', () => {
  const { world } = twoSuccesses({ onFailure: { result: 'ROLLBACK' } });
  const e3 = world.start();
  world.run(e3, ...PATH).fail(e3, 'S3', 'Deploy');
  const { id, number } = world.newest;
  world.fail(id, 'S3', 'Deploy');
  assert.equal(world.where(id), 'Failed');
  assert.equal(world.newest.number, number);
});

test('without an earlier success of this version the stage is just failed, and says why', () => {
  const world = new World(withDeploy({ onFailure: { result: 'ROLLBACK' } }));
  const id = world.created;
  world.run(id, ...PATH).fail(id, 'S3', 'Deploy');
  assert.equal(world.newest.id, id);
  assert.equal(
    world.execution(id).statusSummary,
    'Stage S3 failed, no rollback: this version of the pipeline has no earlier success of this stage',
  );
});

test('a failure condition decides whether a failed stage is rolled back', () => {
  for (const outcome of ['met', 'unmet', 'errored'] as const) {
    const onFailure = { result: 'ROLLBACK' as const, ...condition('ROLLBACK', 'A') };
    const { world } = twoSuccesses({ onFailure });
    const e3 = world.start();
    world.run(e3, ...PATH).fail(e3, 'S3', 'Deploy');
    assert.equal(world.where(e3), 'InProgress@S3');
    world.rule(e3, 'S3', 'onFailure', 'A', outcome);
    assert.equal(world.where(e3), 'Failed');
    assert.equal(world.newest.type, outcome === 'met' ? 'ROLLBACK' : 'STANDARD');
  }
});

test('a success condition with ROLLBACK fails the stage and goes back', () => {
  const { world, e1 } = twoSuccesses();
  const declaration = completeDeclaration(withDeploy({ onSuccess: condition('ROLLBACK', 'A') }), 1);
  world.send({ type: 'PipelineUpdated', declaration });
  const e3 = world.start();
  world.run(e3, ...PATH, ['S3', 'Deploy']).rule(e3, 'S3', 'onSuccess', 'A', 'met');
  const e4 = world.start();
  world.run(e4, ...PATH, ['S3', 'Deploy']).rule(e4, 'S3', 'onSuccess', 'A', 'unmet');
  assert.equal(world.where(e4), 'Failed');
  assert.equal(world.newest.target, e3);
  world.succeed(world.newest.id, 'S3', 'Deploy').rule(world.newest.id, 'S3', 'onSuccess', 'A', 'met');
  assert.equal(world.newest.status, 'Succeeded');
  assert.notEqual(e1, e3);
});

test('the success before an update is no target after it', () => {
  const { world } = twoSuccesses();
  const declaration = completeDeclaration(withDeploy({ onFailure: { result: 'ROLLBACK' } }), 1);
  world.send({ type: 'PipelineUpdated', declaration });
  const e3 = world.start();
  world.run(e3, ...PATH).fail(e3, 'S3', 'Deploy');
  assert.equal(world.newest.id, e3);
});
