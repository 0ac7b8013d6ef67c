/** The life of a job by example: given what happened, when one thing more happens, then this is so. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACKNOWLEDGE_MS_MAX, jobDecider } from './decide.ts';
import { WorkWorld, work } from './fixture.ts';

const success = { type: 'JobSucceeded', details: {}, outputVariables: {} } as const;
const failure = { type: 'JobFailed', code: 'JobFailed', message: 'red', details: {} } as const;

test('requested work is queued as one job, however often it is requested', () => {
  const world = new WorkWorld();
  world.request();
  const first = world.job;
  world.request();
  assert.deepEqual(world.job, first);
  assert.equal(first.status, 'Queued');
  assert.deepEqual(
    world.effects.map((effect) => effect.type === 'ReportProgress' && effect.reference),
    [{ summary: 'No job worker has polled for this job yet' }],
  );
  assert.match(first.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('a job is given to one worker only', () => {
  const world = new WorkWorld();
  world.request();
  const { id } = world.job;
  const { nonce } = world.send({ type: 'JobPolled', jobId: id }) as { nonce: string };
  assert.equal(world.job.status, 'Dispatched');
  assert.equal(world.job.nonce, nonce);
  assert.deepEqual(world.send({ type: 'JobPolled', jobId: id }), {});
});

test('the right nonce begins the job, once, and tells the pipeline so', () => {
  const world = new WorkWorld();
  world.request();
  const { id, nonce } = world.dispatch();
  assert.deepEqual(world.send({ type: 'JobAcknowledged', jobId: id, nonce }), { status: 'InProgress' });
  assert.equal(world.job.status, 'InProgress');
  const { summary, count } = { ...world.state.progress, ...world.state.progress.reference };
  assert.deepEqual([summary, count], ['A job worker has acknowledged the job', 2]);
  assert.deepEqual(world.send({ type: 'JobAcknowledged', jobId: id, nonce }), { status: 'InProgress' });
  assert.equal(world.state.progress.count, 2);
});

test('a job that nobody acknowledged is offered again, and its old nonce is worth nothing', () => {
  const world = new WorkWorld();
  world.request();
  const { id, nonce } = world.dispatch();
  world.pass(ACKNOWLEDGE_MS_MAX - 1);
  assert.equal(world.job.status, 'Dispatched');
  world.pass(1);
  assert.equal(world.job.status, 'Queued');
  assert.equal(world.fault({ type: 'JobAcknowledged', jobId: id, nonce }), 'InvalidNonceException');
  const again = world.dispatch();
  assert.equal(again.id, id);
  assert.notEqual(again.nonce, nonce);
  assert.equal(world.fault({ type: 'JobAcknowledged', jobId: id, nonce }), 'InvalidNonceException');
  assert.deepEqual(world.send({ type: 'JobAcknowledged', jobId: id, nonce: again.nonce }), {
    status: 'InProgress',
  });
});

test('a result is taken only from a job that was acknowledged, and only once', () => {
  const world = new WorkWorld();
  world.request();
  const { id } = world.job;
  assert.equal(world.fault({ ...success, jobId: id }), 'InvalidJobStateException');
  const { nonce } = world.dispatch();
  assert.equal(world.fault({ ...failure, jobId: id }), 'InvalidJobStateException');
  world.send({ type: 'JobAcknowledged', jobId: id, nonce });
  assert.equal(world.fault({ ...success, jobId: 'another' }), 'InvalidJobStateException');
  world.send({ ...success, jobId: id, outputVariables: { Answer: '42' } });
  assert.equal(world.job.status, 'Succeeded');
  assert.equal(world.fault({ ...failure, jobId: id }), 'InvalidJobStateException');
  const end = world.effects.at(-1);
  assert.ok(end?.type === 'ReportEnd' && end.end.type === 'Succeeded');
  assert.deepEqual(end.end.outputVariables, { Answer: '42' });
});

test('URLs come from the templates as soon as all in them is known', () => {
  const world = new WorkWorld();
  world.request({
    urls: {
      entity: 'https://ci/job/{Config:ProjectName}',
      execution: 'https://ci/job/{Config:ProjectName}/{ExternalExecutionId}',
      revision: 'https://git/{RevisionId}',
    },
    configuration: { ProjectName: 'Web & App/main' },
  });
  assert.equal(world.state.progress.reference.entityUrl, 'https://ci/job/Web%20%26%20App/main');
  assert.equal(world.state.progress.reference.externalUrl, undefined);
  const { id } = world.begin();
  const revision = { revisionId: 'r1', createdAt: 5 };
  world.send({ ...success, jobId: id, details: { externalId: '17', summary: 'green' }, revision });
  const end = world.effects.at(-1);
  assert.ok(end?.type === 'ReportEnd');
  assert.deepEqual(end.end.reference, {
    summary: 'green',
    externalId: '17',
    entityUrl: 'https://ci/job/Web%20%26%20App/main',
    externalUrl: 'https://ci/job/Web%20%26%20App/main/17',
    revisionUrl: 'https://git/r1',
  });
});

test('a continuation token ends the job and offers another one with that token', () => {
  const world = new WorkWorld();
  world.request();
  const { id, nonce } = world.begin();
  const details = { percentComplete: 40, externalId: 'x' };
  world.send({ ...success, jobId: id, details, continuationToken: 'next' });
  const { job } = world;
  assert.notEqual(job.id, id);
  assert.equal(job.status, 'Queued');
  assert.equal(job.continuationToken, 'next');
  assert.equal(world.fault({ type: 'JobAcknowledged', jobId: id, nonce }), 'InvalidNonceException');
  assert.equal(world.fault({ ...success, jobId: id }), 'InvalidJobStateException');
  assert.equal(world.effects.filter((effect) => effect.type === 'ReportEnd').length, 0);
  world.begin();
  world.send({ ...failure, jobId: job.id });
  const end = world.effects.at(-1);
  assert.ok(end?.type === 'ReportEnd' && end.end.type === 'Failed');
  assert.equal(end.end.message, 'red');
  assert.equal(end.end.reference.externalId, 'x');
});

test('what workers tell reaches the pipeline one after the other, and nothing after the end', () => {
  const world = new WorkWorld();
  world.request();
  const { id } = world.begin();
  world.send({ ...success, jobId: id, details: { percentComplete: 10 }, continuationToken: 'a' });
  const second = world.begin();
  world.send({ ...success, jobId: second.id, details: { percentComplete: 20 }, continuationToken: 'b' });
  const told = () => world.effects.filter((effect) => effect.type === 'ReportProgress');
  assert.deepEqual(
    told().map(({ count }) => count),
    [1],
  );
  world.send({ type: 'ProgressReported', count: 1 });
  assert.deepEqual(
    told().map(({ count, reference }) => [count, reference.percentComplete]),
    [
      [1, undefined],
      [5, 20],
    ],
  );
  const third = world.begin();
  world.send({ ...success, jobId: third.id });
  world.send({ type: 'ProgressReported', count: 5 });
  assert.equal(told().length, 2);
});

test('open work times out at its deadline, whatever its status', () => {
  for (const prepare of ['request', 'dispatch', 'begin'] as const) {
    const world = new WorkWorld();
    world.request();
    if (prepare !== 'request') world[prepare]();
    world.pass(work.deadline);
    assert.equal(world.job.status, 'TimedOut', prepare);
    assert.equal(jobDecider.wakeAt(world.state), undefined);
    const end = world.effects.at(-1);
    assert.ok(end?.type === 'ReportEnd' && end.end.type === 'Failed');
    assert.equal(end.end.code, 'JobTimedOut');
    assert.equal(world.fault({ ...success, jobId: world.job.id }), 'InvalidJobStateException');
  }
});

test('withdrawn work takes no result', () => {
  const world = new WorkWorld();
  world.request();
  const { id } = world.begin();
  assert.deepEqual(world.send({ type: 'WorkWithdrawn', onlyUnacknowledged: false }), { isVoided: true });
  assert.equal(world.job.status, 'Failed');
  assert.equal(world.fault({ ...success, jobId: id }), 'InvalidJobStateException');
  assert.equal(world.effects.filter((effect) => effect.type === 'ReportEnd').length, 0);
  assert.deepEqual(world.send({ type: 'WorkWithdrawn', onlyUnacknowledged: true }), { isVoided: true });
});

test('an update withdraws only what nobody has begun', () => {
  const begun = new WorkWorld();
  begun.request();
  begun.begin();
  assert.deepEqual(begun.send({ type: 'WorkWithdrawn', onlyUnacknowledged: true }), { isVoided: false });
  assert.equal(begun.job.status, 'InProgress');
  const continued = new WorkWorld();
  continued.request();
  const { id } = continued.begin();
  continued.send({ ...success, jobId: id, continuationToken: 'more' });
  assert.deepEqual(continued.send({ type: 'WorkWithdrawn', onlyUnacknowledged: true }), { isVoided: false });
  const offered = new WorkWorld();
  offered.request();
  offered.dispatch();
  assert.deepEqual(offered.send({ type: 'WorkWithdrawn', onlyUnacknowledged: true }), { isVoided: true });
  assert.equal(offered.job.status, 'Failed');
});

test('work that was withdrawn before it was requested never begins', () => {
  const world = new WorkWorld();
  assert.deepEqual(world.send({ type: 'WorkWithdrawn', onlyUnacknowledged: false }), { isVoided: true });
  world.request();
  assert.equal(world.state.job, undefined);
  assert.deepEqual(world.send({ type: 'JobPolled', jobId: 'any' }), {});
});

test('a job whose role forbids what its worker needs fails the action', () => {
  const world = new WorkWorld();
  world.request();
  const { id } = world.dispatch();
  world.send({ type: 'JobRefused', jobId: id, code: 'PermissionError', message: 'no' });
  assert.equal(world.job.status, 'Failed');
  const end = world.effects.at(-1);
  assert.ok(end?.type === 'ReportEnd' && end.end.type === 'Failed');
  assert.equal(end.end.code, 'PermissionError');
});

test('a success that could not be checked fails, and the pipeline is told until it hears', () => {
  const world = new WorkWorld();
  world.request();
  const { id } = world.begin();
  world.send({ ...success, jobId: id });
  for (let time = 0; time < 2; time++) {
    const effect = world.effects.at(-1);
    world.send({ type: 'EffectFailed', effectType: 'ReportEnd', effect, message: 'the store is down' });
    const end = world.effects.at(-1);
    assert.notEqual(end, effect);
    assert.ok(end?.type === 'ReportEnd' && end.end.type === 'Failed');
    assert.equal(end.end.code, 'SystemUnavailable');
  }
});
