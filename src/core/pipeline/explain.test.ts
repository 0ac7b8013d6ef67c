/** What an execution waits for, in words. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { State } from './state.ts';
import {
  World,
  approvalAction,
  buildAction,
  condition,
  pipeline,
  sourceAction,
  threeStages,
} from './decide-fixture.ts';
import { reasonsOf } from './explain.ts';

function reasons(world: World, id: string): readonly string[] {
  return reasonsOf(world.state as State, id);
}

test('an execution waits behind another one, and behind those that came before it', () => {
  const world = new World({ ...threeStages, executionMode: 'QUEUED' });
  const [e1, e2, e3] = [world.created, world.start(), world.start()];
  assert.deepEqual(reasons(world, e2), [`Behind execution ${e1}, which is InProgress in stage S1`]);
  assert.deepEqual(reasons(world, e3), [
    `Behind execution ${e1}, which is InProgress in stage S1`,
    'Behind 1 further execution before stage S1',
  ]);
});

test('a closed door tells who closed it, since when and why', () => {
  const world = new World();
  world.send({ type: 'TransitionDisabled', stage: 'S2', direction: 'Inbound', by: 'ann', reason: 'freeze' });
  world.succeed(world.created, 'S1', 'Source');
  assert.deepEqual(reasons(world, world.created), [
    'The transition into stage S2 is disabled by ann since 1970-01-01T00:16:40.000Z: freeze',
  ]);
});

test('a stage tells its running work, its open question, its condition', () => {
  const world = new World(
    pipeline(
      { name: 'S1', actions: [sourceAction()] },
      {
        name: 'S2',
        actions: [buildAction('Build'), approvalAction('Ask')],
        beforeEntry: condition('FAIL', 'Window'),
      },
    ),
  );
  const id = world.created;
  assert.deepEqual(reasons(world, id), ['Action Source of stage S1 runs in CodeCommit']);
  world.succeed(id, 'S1', 'Source');
  assert.deepEqual(reasons(world, id), [
    'The entry condition of stage S2 is not met yet: rule Window: it is being evaluated',
  ]);
  world.rule(id, 'S2', 'beforeEntry', 'Window', 'met');
  world.send({ type: 'ActionStarted', externalId: 'web:1', ...world.address(id, 'S2', 'Build') });
  assert.deepEqual(reasons(world, id), [
    'Action Build of stage S2 runs in CodeBuild (web:1)',
    'Action Ask of stage S2 waits for an approval until 1970-01-08T00:16:40.000Z',
  ]);
  world.stop(id, false);
  assert.equal(reasons(world, id)[0], 'The execution stops when its running work ends');
  world.stop(id, true);
  assert.deepEqual(reasons(world, id), []);
});
