import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHECK_MS, STARTING_MAX, TRY_AGAIN_MS, batchDecider } from './decide.ts';
import { BatchWorld, build } from './fixture.ts';
import { RETRIES_MAX } from './retry.ts';

const graph = [
  build('lib'),
  build('api', { dependsOn: ['lib'] }),
  build('web', { dependsOn: ['lib'] }),
  build('e2e', { dependsOn: ['api', 'web'] }),
];
const list = [build('a'), build('b'), build('c')];
const report = (name: string) => ({ reportArns: [`arn:report/${name}`] });

test('a graph goes from its roots to its ends, side by side where it may', () => {
  const world = new BatchWorld({ builds: graph });
  assert.deepEqual(world.phases(), ['SUBMITTED=SUCCEEDED', 'DOWNLOAD_BATCHSPEC']);
  world.startAll();
  assert.deepEqual(world.running, ['DOWNLOAD_SOURCE']);
  world.read();
  assert.deepEqual(world.running, ['lib']);
  world.end('lib');
  assert.deepEqual(world.running, ['api', 'web']);
  world.end('web');
  assert.deepEqual(world.running, ['api']);
  world.end('api');
  assert.deepEqual(world.running, ['e2e']);
  world.end('e2e');
  assert.deepEqual(world.phases(), [
    'SUBMITTED=SUCCEEDED',
    'DOWNLOAD_BATCHSPEC=SUCCEEDED',
    'IN_PROGRESS=SUCCEEDED',
    'SUCCEEDED',
  ]);
  assert.equal(world.state.status, 'SUCCEEDED');
  assert.equal(world.state.resolvedSourceVersion, 'c0ffee');
  const changes = world.effects.filter(({ type }) => type === 'PublishChange');
  assert.deepEqual(
    changes.map((each) => 'change' in each && each.change),
    ['STARTED', 'ENDED'],
  );
});

test('a failed build keeps those that depend on it from starting, and lets the others end', () => {
  const world = new BatchWorld({ builds: graph }).read();
  world.end('lib');
  world.end('api', 'FAILED');
  assert.deepEqual(world.running, ['web']);
  world.end('web');
  assert.equal(world.state.status, 'FAILED');
  assert.equal(world.context(), '1 build did not succeed: api (FAILED)');
  assert.equal(world.group('e2e').progress, 'WAITING');
  assert.deepEqual(world.phases().slice(2), ['IN_PROGRESS=FAILED', 'FAILED']);
});

test('with fast-fail a failure stops what runs, also what was just being started', () => {
  const world = new BatchWorld({ builds: list, fastFail: true });
  world.read();
  world.orders.length = 0;
  world.end('a', 'FAILED');
  assert.deepEqual(world.orders, [
    { type: 'StopBuild', buildId: world.idOf('b') },
    { type: 'StopBuild', buildId: world.idOf('c') },
  ]);
  assert.equal(world.state.isComplete, false);
  world.end('b', 'STOPPED');
  world.end('c', 'SUCCEEDED');
  assert.equal(world.state.status, 'FAILED');

  const late = new BatchWorld({ builds: graph.slice(0, 3), fastFail: true }).read();
  late.end('lib');
  const early = new BatchWorld({ builds: [build('x'), build('y')], fastFail: true });
  early.startAll();
  early.send({
    type: 'BuildsEnded',
    ends: [
      {
        buildId: early.idOf('DOWNLOAD_SOURCE'),
        status: 'SUCCEEDED',
        artifacts: [],
        reportArns: [],
        batch: early.spec,
      },
    ],
  });
  early.send({ type: 'BuildRefused', buildId: early.idOf('x'), message: 'no', isPassing: false });
  assert.equal(early.state.ending, 'FAILED');
  early.orders.length = 0;
  early.send({ type: 'BuildStarted', buildId: early.idOf('y') });
  assert.deepEqual(early.orders, [{ type: 'StopBuild', buildId: early.idOf('y') }]);
});

test('a failure that is ignored fails neither the batch nor those that depend on it', () => {
  const world = new BatchWorld({
    builds: [build('a', { ignoreFailure: true }), build('b', { dependsOn: ['a'] })],
    fastFail: true,
  }).read();
  world.end('a', 'FAILED');
  assert.deepEqual(world.running, ['b']);
  world.end('b');
  assert.equal(world.state.status, 'SUCCEEDED');
});

test('a root that fails, or that asks for more than is allowed, fails the batch where the spec is read', () => {
  const failed = new BatchWorld({ builds: list });
  const context = { statusCode: 'YAML_FILE_ERROR', message: 'YAML file does not exist' };
  failed.end('DOWNLOAD_SOURCE', 'FAILED', { context });
  assert.deepEqual(failed.phases(), ['SUBMITTED=SUCCEEDED', 'DOWNLOAD_BATCHSPEC=FAILED', 'FAILED']);
  assert.equal(failed.context(), 'YAML file does not exist');
  const { limits } = failed.plan;
  const many = new BatchWorld({ builds: list }, { limits: { ...limits, buildsMax: 2 } }).read();
  assert.deepEqual(many.phases(), ['SUBMITTED=SUCCEEDED', 'DOWNLOAD_BATCHSPEC=FAILED', 'FAILED']);
  assert.equal(many.context(), 'The batch has 3 builds, and the project allows at most 2');
  const refused = new BatchWorld({ builds: list });
  const buildId = refused.idOf('DOWNLOAD_SOURCE');
  refused.send({ type: 'BuildRefused', buildId, message: 'AccessDenied: no', isPassing: false });
  assert.equal(refused.context(), 'AccessDenied: no');
  assert.equal(refused.state.status, 'FAILED');
});

test('a stop is seen at once and over when nothing runs any more', () => {
  const world = new BatchWorld({ builds: list }).read();
  world.send({ type: 'StopRequested' });
  assert.equal(world.state.status, 'STOPPED');
  assert.equal(world.state.isComplete, false);
  for (const name of ['a', 'b', 'c']) world.end(name, 'STOPPED');
  assert.deepEqual(world.phases().slice(2), ['IN_PROGRESS=STOPPED', 'STOPPED']);
  assert.equal(world.state.isComplete, true);
});

test('a batch that takes too long is stopped and timed out', () => {
  const world = new BatchWorld({ builds: list }, { timeoutMinutes: 5 }).read();
  world.at = world.state.startAt + 5 * 60_000;
  world.send({ type: 'TimePassed' });
  for (const name of ['a', 'b', 'c']) world.end(name, 'STOPPED');
  assert.deepEqual(world.phases().slice(2), ['IN_PROGRESS=TIMED_OUT', 'FAILED']);
  assert.equal(world.context(), 'Build batch has timed out. ');
  assert.equal(world.state.status, 'TIMED_OUT');
});

test('two hundred builds start a few at a time, and slowly while the queue is full', () => {
  const builds = Array.from({ length: 200 }, (_, i) => build(`b${i}`));
  const world = new BatchWorld({ builds });
  world.startAll();
  world.orders.length = 0;
  const end = { buildId: world.idOf('DOWNLOAD_SOURCE'), status: 'SUCCEEDED', artifacts: [] } as const;
  world.send({ type: 'BuildsEnded', ends: [{ ...end, reportArns: [], batch: world.spec }] });
  assert.equal(world.orders.length, STARTING_MAX);
  for (let i = 0; i < 100; i++) world.send({ type: 'BuildStarted', buildId: world.idOf(`b${i}`) });
  assert.equal(world.orders.length, 100 + STARTING_MAX);
  for (let i = 100; i < 100 + STARTING_MAX; i++) {
    world.send({ type: 'BuildRefused', buildId: world.idOf(`b${i}`), message: 'full', isPassing: true });
  }
  world.orders.length = 0;
  assert.equal(batchDecider.wakeAt(world.state), world.at + TRY_AGAIN_MS);
  world.at += TRY_AGAIN_MS;
  world.send({ type: 'TimePassed' });
  assert.equal(world.orders.length, 1, 'one tries whether there is room');
  world.send({ type: 'BuildStarted', buildId: world.idOf('b100') });
  assert.equal(world.orders.length, 3, 'then two, and so on');
  world.send({ type: 'BuildRefused', buildId: world.idOf('b101'), message: 'full', isPassing: true });
  world.send({ type: 'BuildRefused', buildId: world.idOf('b102'), message: 'full', isPassing: true });
  world.orders.length = 0;
  world.send({
    type: 'BuildsEnded',
    ends: [{ ...end, buildId: world.idOf('b0'), reportArns: [] }],
  });
  assert.equal(world.orders.length, 1, 'an end makes room for one');
});

test('builds that run are looked at from time to time', () => {
  const world = new BatchWorld({ builds: list }).read();
  world.orders.length = 0;
  world.at += CHECK_MS;
  assert.equal(batchDecider.wakeAt(world.state), world.at);
  world.send({ type: 'TimePassed' });
  assert.deepEqual(world.orders, [{ type: 'CheckBuilds' }]);
  assert.equal(batchDecider.wakeAt(world.state), world.at + CHECK_MS);
});

test('reports are merged and artifacts combined before the end, each once in a round', () => {
  const world = new BatchWorld({ builds: list.slice(0, 2) }, { combinesArtifacts: true }).read();
  world.end('a', 'SUCCEEDED', report('a'));
  world.orders.length = 0;
  world.end('b');
  assert.deepEqual(world.orders, [{ type: 'MergeReports', round: 0 }]);
  assert.equal(batchDecider.wakeAt(world.state), undefined);
  world.send({ type: 'ReportsMerged', round: 7, arns: [] });
  assert.equal(world.orders.length, 1, 'news of another round are not heard');
  world.send({ type: 'ReportsMerged', round: 0, arns: ['merged'] });
  assert.deepEqual(world.orders[1], { type: 'CombineArtifacts', round: 0 });
  assert.equal(world.phases().at(-1), 'COMBINE_ARTIFACTS');
  const artifact = { location: 'arn:aws:s3:::out/all.zip' };
  world.send({ type: 'ArtifactsCombined', round: 0, artifact });
  assert.deepEqual(world.state.combined, artifact);
  assert.deepEqual(world.state.reportArns, ['merged']);
  assert.deepEqual(world.phases().slice(2), [
    'IN_PROGRESS=SUCCEEDED',
    'COMBINE_ARTIFACTS=SUCCEEDED',
    'SUCCEEDED',
  ]);
});

test('artifacts that cannot be combined fail the batch, and a retry only combines again', () => {
  const world = new BatchWorld({ builds: [build('a')] }, { combinesArtifacts: true }).read();
  world.end('a');
  const context = { statusCode: 'CLIENT_ERROR', message: 'AccessDenied' };
  world.send({ type: 'CombiningFailed', round: 0, context });
  assert.deepEqual(world.phases().slice(3), ['COMBINE_ARTIFACTS=FAILED', 'FAILED']);
  world.orders.length = 0;
  world.send({ type: 'RetryRequested', retryType: 'RETRY_FAILED_BUILDS' });
  assert.deepEqual(
    world.orders.map(({ type }) => type),
    ['PublishChange', 'CombineArtifacts'],
  );
  assert.deepEqual(world.group('a').prior, []);
});

test('a retry does again what failed and what was not reached, and keeps the rest', () => {
  const world = new BatchWorld({ builds: graph }).read();
  world.end('lib');
  world.end('web');
  world.end('api', 'FAILED');
  const failed = world.group('api').current;
  world.send({ type: 'RetryRequested', retryType: 'RETRY_FAILED_BUILDS' });
  world.startAll();
  assert.deepEqual(world.running, ['api']);
  assert.deepEqual(world.group('api').prior, [failed]);
  assert.notEqual(world.idOf('api'), failed?.buildId);
  world.end('api');
  world.end('e2e');
  assert.equal(world.state.status, 'SUCCEEDED');
  assert.deepEqual(world.group('lib').prior, []);
  assert.deepEqual(world.phases(), [
    'SUBMITTED=SUCCEEDED',
    'DOWNLOAD_BATCHSPEC=SUCCEEDED',
    'IN_PROGRESS=SUCCEEDED',
    'SUCCEEDED',
  ]);
});

test('a retry of all reads the batch again and does every build again', () => {
  const world = new BatchWorld({ builds: list }).read();
  for (const name of ['a', 'b']) world.end(name);
  world.end('c', 'FAILED');
  world.send({ type: 'RetryRequested', retryType: 'RETRY_ALL_BUILDS' });
  world.startAll();
  assert.deepEqual(world.running, ['DOWNLOAD_SOURCE']);
  world.read();
  assert.deepEqual(world.running, ['a', 'b', 'c']);
  for (const name of ['a', 'b', 'c']) assert.equal(world.group(name).prior.length, 1);
});

test('only a batch that failed is retried, and not without end', () => {
  const world = new BatchWorld({ builds: [build('a')] }).read();
  const fault = (retried = world) => {
    const { reply } = retried.send({ type: 'RetryRequested', retryType: 'RETRY_FAILED_BUILDS' });
    return reply && 'fault' in reply ? reply.fault.message : undefined;
  };
  assert.equal(fault(), 'Build batch shop:u is still running and cannot be retried');
  world.end('a');
  assert.equal(fault(), 'Build batch shop:u is SUCCEEDED; only a batch that failed can be retried');
  const failing = new BatchWorld({ builds: [build('a')] }).read();
  for (let i = 0; i < RETRIES_MAX; i++) {
    failing.end('a', 'FAILED');
    assert.equal(fault(failing), undefined);
  }
  failing.end('a', 'FAILED');
  assert.equal(fault(failing), `Build batch shop:u was retried ${RETRIES_MAX} times already`);
});

test('a provider hears of the batch when its commit is known, when it ends, and again with a retry', () => {
  const told = (world: BatchWorld) =>
    world.effects.flatMap((each) => (each.type === 'ReportStatus' ? [each.change] : []));
  const world = new BatchWorld({ builds: [build('a')] }, { reportsStatus: true });
  world.startAll();
  assert.deepEqual(told(world), []);
  world.read();
  assert.deepEqual(told(world), ['PENDING']);
  world.end('a', 'FAILED');
  world.send({ type: 'RetryRequested', retryType: 'RETRY_FAILED_BUILDS' });
  world.end('a');
  assert.deepEqual(told(world), ['PENDING', 'ENDED', 'PENDING', 'ENDED']);
  const silent = new BatchWorld({ builds: [build('a')] }).read();
  silent.end('a');
  assert.deepEqual(told(silent), []);
});

test('what the engine could not do is told to the batch', () => {
  const failed = (world: BatchWorld, effect: { readonly type: string }) =>
    world.send({ type: 'EffectFailed', effectType: effect.type, effect, message: 'broken' });
  const world = new BatchWorld({ builds: list.slice(0, 2) });
  world.startAll();
  const end = { buildId: world.idOf('DOWNLOAD_SOURCE'), status: 'SUCCEEDED', artifacts: [] } as const;
  world.send({ type: 'BuildsEnded', ends: [{ ...end, reportArns: [], batch: world.spec }] });
  failed(world, { type: 'StartBuild', buildId: world.idOf('a') } as object as { type: string });
  assert.equal(world.group('a').problem, 'broken');
  world.end('b', 'SUCCEEDED', report('b'));
  failed(world, { type: 'MergeReports', round: 0 } as object as { type: string });
  assert.equal(world.state.status, 'FAULT');
  const change = world.effects.at(-1) ?? { type: '' };
  assert.deepEqual(failed(world, change).effects, [change], 'an end is told until it is heard');
});
