/** The worked examples of how pipelines behave, told as given events, when, then. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World, approvalAction, buildAction, pipeline, sourceAction, threeStages } from './decide-fixture.ts';
import { completeDeclaration } from './definition/declaration-given.ts';

const DAY_MS = 86_400_000;

test('a new pipeline runs once by itself and tells it from the outside in', () => {
  const world = new World();
  assert.deepEqual(world.story(world.created), [
    'pipeline STARTED',
    'stage S1 STARTED',
    'action Source STARTED',
  ]);
  assert.equal(world.orders.length, 1);
  assert.match(world.orders[0]?.outputs[0]?.key ?? '', /^P\/SourceOutp\/[A-Za-z0-9]{7}\.zip$/);
});

test('of three executions in SUPERSEDED mode the one that waits gives way to a newer arrival (W1)', () => {
  const world = new World();
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source');
  const e2 = world.start();
  world.succeed(e2, 'S1', 'Source');
  assert.equal(world.where(e2), 'InProgress@S2in');
  const e3 = world.start();
  world.succeed(e3, 'S1', 'Source');
  assert.equal(world.where(e2), 'Superseded');
  assert.equal(world.where(e1), 'InProgress@S2');
  world.succeed(e1, 'S2', 'Build');
  assert.deepEqual([world.where(e1), world.where(e3)], ['InProgress@S3', 'InProgress@S2']);
  world.succeed(e1, 'S3', 'Deploy').succeed(e3, 'S2', 'Build').succeed(e3, 'S3', 'Deploy');
  assert.equal(world.where(e3), 'Succeeded');
  assert.deepEqual(world.story(e2).at(-1), 'pipeline SUPERSEDED');
});

test('a queue lets all executions pass, in order (W2)', () => {
  const world = new World({ ...threeStages, executionMode: 'QUEUED' });
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source');
  const e2 = world.start();
  world.succeed(e2, 'S1', 'Source');
  const e3 = world.start();
  world.succeed(e3, 'S1', 'Source').succeed(e1, 'S2', 'Build');
  assert.deepEqual([world.where(e2), world.where(e3)], ['InProgress@S2', 'InProgress@S2in']);
});

test('parallel executions overlap in a stage (W3)', () => {
  const world = new World({ ...threeStages, executionMode: 'PARALLEL' });
  const e2 = world.start();
  world.succeed(world.created, 'S1', 'Source').succeed(e2, 'S1', 'Source');
  assert.deepEqual([world.where(world.created), world.where(e2)], ['InProgress@S2', 'InProgress@S2']);
});

test('before a disabled transition only the newest execution is left to enter (W4)', () => {
  const world = new World();
  const e1 = world.created;
  world.send({ type: 'TransitionDisabled', stage: 'S2', direction: 'Outbound', by: 'me', reason: 'no' });
  world.succeed(e1, 'S1', 'Source').succeed(e1, 'S2', 'Build');
  assert.equal(world.where(e1), 'InProgress@S3in');
  const e2 = world.start();
  world.succeed(e2, 'S1', 'Source').succeed(e2, 'S2', 'Build');
  assert.deepEqual([world.where(e1), world.where(e2)], ['Superseded', 'InProgress@S3in']);
  world.send({ type: 'TransitionEnabled', stage: 'S3', direction: 'Inbound', by: 'me' });
  assert.equal(world.where(e2), 'InProgress@S3');
});

test('an execution that waited more than 30 days does not enter', () => {
  const world = new World();
  world.send({ type: 'TransitionDisabled', stage: 'S2', direction: 'Inbound', by: 'me', reason: 'no' });
  world.succeed(world.created, 'S1', 'Source');
  world.at += 31 * DAY_MS;
  world.send({ type: 'TransitionEnabled', stage: 'S2', direction: 'Inbound', by: 'me' });
  assert.equal(world.where(world.created), 'Failed');
});

test('a failure frees the stage for the one that waits, and then cannot be retried (W5)', () => {
  const world = new World();
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source');
  const e2 = world.start();
  world.succeed(e2, 'S1', 'Source').fail(e1, 'S2', 'Build');
  assert.deepEqual([world.where(e1), world.where(e2)], ['Failed', 'InProgress@S2']);
  world.retry(e1, 'S2', 'FAILED_ACTIONS');
  assert.equal(world.fault, 'NotLatestPipelineExecutionException');
});

test('with the transition disabled first, the failed execution can be retried and the other keeps waiting (W5)', () => {
  const world = new World();
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source');
  const e2 = world.start();
  world.succeed(e2, 'S1', 'Source');
  world.send({ type: 'TransitionDisabled', stage: 'S2', direction: 'Inbound', by: 'me', reason: 'no' });
  world.fail(e1, 'S2', 'Build').retry(e1, 'S2', 'FAILED_ACTIONS');
  assert.deepEqual([world.where(e1), world.where(e2)], ['InProgress@S2', 'InProgress@S2in']);
  assert.equal(world.execution(e1).attempt, 2);
  assert.deepEqual(world.story(e1).slice(-3), [
    'pipeline RESUMED',
    'stage S2 RESUMED',
    'action Build STARTED',
  ]);
});

const parallelStage = pipeline(
  { name: 'S1', actions: [sourceAction()] },
  {
    name: 'S3',
    actions: [buildAction('A'), buildAction('B'), buildAction('C'), buildAction('D', 2)],
  },
);

test('a failed action can be retried while its siblings run; everything only when they are done (W6)', () => {
  const world = new World(parallelStage);
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source').fail(e1, 'S3', 'B');
  assert.equal(world.where(e1), 'InProgress@S3');
  world.retry(e1, 'S3', 'ALL_ACTIONS');
  assert.equal(world.fault, 'ConflictException');
  const before = world.address(e1, 'S3', 'B').actionExecutionId;
  world.retry(e1, 'S3', 'FAILED_ACTIONS');
  assert.notEqual(world.address(e1, 'S3', 'B').actionExecutionId, before);
  world.succeed(e1, 'S3', 'A').succeed(e1, 'S3', 'C').succeed(e1, 'S3', 'B').succeed(e1, 'S3', 'D');
  assert.equal(world.where(e1), 'Succeeded');
});

test('a retry of the failed actions repeats only those, then goes on (W6)', () => {
  const world = new World(parallelStage);
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source').fail(e1, 'S3', 'B').succeed(e1, 'S3', 'A').succeed(e1, 'S3', 'C');
  assert.equal(world.where(e1), 'Failed');
  const started = world.orders.length;
  world.retry(e1, 'S3', 'FAILED_ACTIONS').succeed(e1, 'S3', 'B');
  assert.deepEqual(
    world.orders.slice(started).map((order) => order.action),
    ['B', 'D'],
  );
});

test('a retry of all actions repeats the whole stage (W6)', () => {
  const world = new World(parallelStage);
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source').fail(e1, 'S3', 'B').succeed(e1, 'S3', 'A').succeed(e1, 'S3', 'C');
  const started = world.orders.length;
  world.retry(e1, 'S3', 'ALL_ACTIONS');
  assert.deepEqual(
    world.orders.slice(started).map((order) => order.action),
    ['A', 'B', 'C'],
  );
});

const twoGroups = pipeline(
  { name: 'S1', actions: [sourceAction()] },
  { name: 'S2', actions: [buildAction('Build'), buildAction('Test', 2)] },
);

test('stop and wait lets the running action end and starts no other; a retry resumes there (W8)', () => {
  const world = new World(twoGroups);
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source').stop(e1, false);
  assert.equal(world.where(e1), 'Stopping@S2');
  world.stop(e1, false);
  assert.equal(world.fault, 'DuplicatedStopRequestException');
  world.succeed(e1, 'S2', 'Build');
  assert.equal(world.where(e1), 'Stopped');
  const started = world.orders.length;
  world.retry(e1, 'S2', 'FAILED_ACTIONS');
  assert.deepEqual(
    world.orders.slice(started).map((order) => order.action),
    ['Test'],
  );
});

test('even a failure meanwhile ends in Stopped (W8)', () => {
  const world = new World(twoGroups);
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source').stop(e1, false).fail(e1, 'S2', 'Build');
  assert.equal(world.where(e1), 'Stopped');
});

test('stop and abandon ends at once and ignores what comes later (W9)', () => {
  const world = new World(twoGroups);
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source');
  const address = world.address(e1, 'S2', 'Build');
  world.stop(e1, true);
  assert.equal(world.where(e1), 'Stopped');
  assert.equal(world.execution(e1).stages['S2']?.actions['Build']?.status, 'Abandoned');
  const before = world.state;
  world.send({ type: 'ActionSucceeded', outputVariables: {}, ...address });
  assert.equal(world.state, before);
  world.stop(e1, true);
  assert.equal(world.fault, 'PipelineExecutionNotStoppableException');
});

test('an inbound execution stops at once and never enters', () => {
  const world = new World();
  const e2 = world.start();
  assert.equal(world.where(e2), 'InProgress@S1in');
  world.stop(e2, false);
  assert.equal(world.where(e2), 'Stopped');
  world.succeed(world.created, 'S1', 'Source');
  assert.equal(world.state?.executions[e2], undefined);
});

const withApproval = pipeline(
  { name: 'S1', actions: [sourceAction()] },
  { name: 'S3', actions: [approvalAction('Approve'), buildAction('Deploy', 2)] },
);

test('an approval holds the stage until it is answered, once (W10 a, e)', () => {
  const world = new World(withApproval);
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source');
  const token = world.execution(e1).stages['S3']?.actions['Approve']?.token ?? '';
  world.answer(e1, 'S3', 'Approve', true);
  assert.deepEqual(world.reply, { value: { approvedAt: world.at } });
  assert.equal(world.orders.at(-1)?.action, 'Deploy');
  world.answer(e1, 'S3', 'Approve', false);
  assert.equal(world.fault, 'ApprovalAlreadyCompletedException');
  world.succeed(e1, 'S3', 'Deploy');
  world.send({
    type: 'ApprovalAnswered',
    stage: 'S3',
    action: 'Approve',
    token: token.replace(/^./, 'x'),
    approved: true,
    summary: '',
    by: 'ann',
  });
  assert.equal(world.fault, 'InvalidApprovalTokenException');
});

test('a rejection fails the execution and the next one gets its own question (W10 b)', () => {
  const world = new World(withApproval);
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source');
  const e2 = world.start();
  world.succeed(e2, 'S1', 'Source');
  const tokenOf = (id: string) => world.execution(id).stages['S3']?.actions['Approve']?.token;
  const first = tokenOf(e1);
  world.answer(e1, 'S3', 'Approve', false);
  assert.deepEqual([world.where(e1), world.where(e2)], ['Failed', 'InProgress@S3']);
  assert.notEqual(tokenOf(e2), first);
});

test('nobody answers for seven days: the approval fails with its time limit (W10 c)', () => {
  const world = new World(withApproval);
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source').pass(7 * DAY_MS);
  assert.equal(world.where(e1), 'Failed');
  assert.equal(world.execution(e1).stages['S3']?.actions['Approve']?.error?.code, 'JobTimedOut');
});

test('approved while stopping: the execution stops, nothing is deployed (W10 d)', () => {
  const world = new World(withApproval);
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source').stop(e1, false).answer(e1, 'S3', 'Approve', true);
  assert.equal(world.where(e1), 'Stopped');
  assert.equal(world.orders.length, 1);
});

test('an update cancels: waiting and asking ones at once, running ones when they end (W11)', () => {
  const declaration = pipeline(
    { name: 'S1', actions: [sourceAction()] },
    { name: 'S2', actions: [approvalAction('Ask')] },
    { name: 'S3', actions: [buildAction('Deploy')] },
  );
  const world = new World(declaration);
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source').answer(e1, 'S2', 'Ask', true);
  const e2 = world.start();
  world.succeed(e2, 'S1', 'Source');
  const e3 = world.start();
  world.succeed(e3, 'S1', 'Source');
  const e4 = world.start();
  const ids = [e1, e2, e3, e4];
  assert.deepEqual(
    ids.map((id) => world.where(id)),
    ['InProgress@S3', 'InProgress@S2', 'InProgress@S2in', 'InProgress@S1'],
  );
  world.send({ type: 'PipelineUpdated', declaration: completeDeclaration(declaration, 2) });
  assert.deepEqual(
    ids.map((id) => world.where(id)),
    ['InProgress@S3', 'Cancelled', 'Cancelled', 'InProgress@S1'],
  );
  const e5 = world.start();
  assert.equal(world.where(e5), 'InProgress@S1in');
  world.succeed(e4, 'S1', 'Source');
  assert.deepEqual([world.where(e4), world.where(e5)], ['Cancelled', 'InProgress@S1']);
  world.fail(e1, 'S3', 'Deploy');
  assert.equal(world.where(e1), 'Cancelled');
  assert.equal(world.story(e2).at(-1), 'pipeline CANCELED');
});

test('one start survives per source run (W12)', () => {
  const world = new World();
  const ids = [world.start(), world.start(), world.start(), world.start()];
  assert.equal(world.where(ids[3] ?? ''), 'InProgress@S1in');
  const superseded = world.told.filter((change) => change.detail['state'] === 'SUPERSEDED');
  assert.deepEqual(
    superseded.map((change) => change.detail['execution-id']),
    ids.slice(0, 3),
  );
});

test('after deletion nothing starts, nothing is told, orders find no pipeline (W14)', () => {
  const world = new World();
  const address = world.address(world.created, 'S1', 'Source');
  world.send({ type: 'PipelineDeleted' });
  const told = world.told.length;
  world.send({ type: 'ActionSucceeded', outputVariables: {}, ...address });
  world.stop(address.executionId, true);
  assert.equal(world.fault, 'PipelineNotFoundException');
  assert.equal(world.told.length, told);
  assert.equal(world.orders.length, 1);
});

test('a start that could not be made in many attempts fails the action; a look that could not, does not', () => {
  const world = new World();
  const e1 = world.created;
  const [effect] = world.effects;
  world.send({ type: 'EffectFailed', effectType: 'StartAction', effect, message: 'the service is down' });
  assert.equal(world.where(e1), 'Failed');
  assert.deepEqual(world.execution(e1).stages['S1']?.actions['Source']?.error, {
    code: 'SystemUnavailable',
    message: 'the service is down',
  });
  const before = world.state;
  world.send({ type: 'EffectFailed', effectType: 'PollAction', effect, message: 'the service is down' });
  assert.equal(world.state, before);
});

test('an artifact that a retry makes anew replaces the old one downstream', () => {
  const world = new World(
    pipeline(
      { name: 'S1', actions: [sourceAction()] },
      { name: 'S2', actions: [buildAction('Build'), buildAction('Check')] },
      {
        name: 'S3',
        actions: [{ ...buildAction('Deploy'), inputArtifacts: [{ name: 'BuildOutput' }] }],
      },
    ),
  );
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source').succeed(e1, 'S2', 'Build').fail(e1, 'S2', 'Check');
  const first = world.execution(e1).artifacts['BuildOutput']?.key;
  world.retry(e1, 'S2', 'ALL_ACTIONS').succeed(e1, 'S2', 'Build').succeed(e1, 'S2', 'Check');
  const used = world.orders.at(-1)?.inputs[0]?.key;
  assert.notEqual(used, first);
  assert.equal(used, world.execution(e1).artifacts['BuildOutput']?.key);
});

test('a client request token starts once', () => {
  const world = new World();
  const request = {
    type: 'ExecutionRequested',
    trigger: { type: 'StartPipelineExecution', detail: 'me' },
    variables: {},
    pinned: {},
    token: 'push-1',
    fingerprint: 'a',
  } as const;
  world.send(request);
  const first = world.reply;
  const before = world.state;
  world.send(request);
  assert.deepEqual(world.reply, first);
  assert.equal(world.state, before);
  world.send({ ...request, fingerprint: 'b' });
  assert.equal(world.fault, 'ValidationException');
});

test('onFailure RETRY gives one attempt by itself', () => {
  const world = new World(
    pipeline(
      { name: 'S1', actions: [sourceAction()] },
      { name: 'S2', actions: [buildAction('Build')], onFailure: { result: 'RETRY' } },
    ),
  );
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source').fail(e1, 'S2', 'Build');
  assert.equal(world.where(e1), 'InProgress@S2');
  assert.equal(world.execution(e1).stages['S2']?.retry?.automatic, 1);
  world.fail(e1, 'S2', 'Build');
  assert.equal(world.where(e1), 'Failed');
});

test('a retry after an update is refused', () => {
  const world = new World();
  const e1 = world.created;
  world.fail(e1, 'S1', 'Source');
  world.send({ type: 'PipelineUpdated', declaration: completeDeclaration(threeStages, 2) });
  world.retry(e1, 'S1', 'FAILED_ACTIONS');
  assert.equal(world.fault, 'StageNotRetryableException');
});

test('a variable reaches the action that refers to it; one without a value fails that action', () => {
  const build = buildAction('Build');
  const world = new World(
    pipeline(
      { name: 'S1', actions: [sourceAction()] },
      {
        name: 'S2',
        actions: [
          { ...build, configuration: { ProjectName: 'x', BuildspecOverride: '#{SourceVariables.CommitId}' } },
        ],
      },
    ),
  );
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source', { CommitId: 'abc', CommitMessage: 'unused' });
  assert.equal(world.orders.at(-1)?.configuration['BuildspecOverride'], 'abc');
  assert.deepEqual(world.execution(e1).outputs, { SourceVariables: { CommitId: 'abc' } });

  const e2 = world.start();
  world.fail(e1, 'S2', 'Build').succeed(e2, 'S1', 'Source', {});
  assert.equal(world.where(e2), 'Failed');
  assert.deepEqual(world.execution(e2).stages['S2']?.actions['Build']?.error, {
    code: 'ConfigurationError',
    message:
      'The variable reference #{SourceVariables.CommitId} in the configuration BuildspecOverride of Build has no value',
  });
});

test('a running build is looked at soon, then at most every half minute, until its time limit', () => {
  const world = new World();
  const e1 = world.created;
  world.succeed(e1, 'S1', 'Source');
  const address = world.address(e1, 'S2', 'Build');
  world.send({ type: 'ActionStarted', externalId: 'Build:1', ...address });
  const polls = () => world.effects.filter((effect) => effect.type === 'PollAction').length;
  world.pass(999);
  assert.equal(polls(), 0);
  world.pass(1);
  assert.equal(polls(), 1);
  for (let i = 0; i < 8; i++) world.pass(30_000);
  assert.equal(polls(), 9);
  world.send({ type: 'ActionEndReported', ...address });
  assert.equal(polls(), 10);
  world.pass(36 * 3_600_000);
  assert.equal(world.execution(e1).stages['S2']?.actions['Build']?.error?.code, 'JobTimedOut');
});

test('what git told of a commit is told at the start, and at the end once the sources have run', () => {
  const world = new World();
  const detail = JSON.stringify({ 'commit-id': 'abc', 'branch-name': 'main' });
  const start = () => {
    world.send({
      type: 'ExecutionRequested',
      trigger: { type: 'WebhookV2', detail },
      ...{ variables: {}, pinned: {}, fingerprint: '' },
    });
    return (world.reply as { value: { pipelineExecutionId: string } }).value.pipelineExecutionId;
  };
  const trigger = (id: string, state: string) =>
    world.told.find((change) => change.detail['execution-id'] === id && change.detail['state'] === state)
      ?.detail['execution-trigger'];
  world.fail(world.created, 'S1', 'Source');
  const first = start();
  assert.deepEqual(trigger(first, 'STARTED'), {
    ...{ 'trigger-type': 'WebhookV2', 'trigger-detail': detail },
    ...{ 'commit-id': 'abc', 'branch-name': 'main' },
  });
  world.fail(first, 'S1', 'Source');
  assert.equal(trigger(first, 'FAILED'), undefined);
});
