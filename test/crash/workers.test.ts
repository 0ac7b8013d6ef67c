/**
 * Builds on workers, each a process of its own beside a server that runs none, on one PostgreSQL. Workers are killed
 * with `kill -9` and stopped at all phases of a build: it goes on where it was when its worker comes back, and ends
 * FAULT when it does not; no command runs twice, and in the end no process is left.
 */

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { Build } from '@aws-sdk/client-codebuild';
import {
  connectBuilds,
  contextOf,
  createBuildRole,
  phasesOf,
  spec,
  type BuildClients,
} from '#test/support/builds.ts';
import { postgresSkip } from '#test/support/postgres.ts';
import { until } from '#test/support/until.ts';
import { createWorkerNodes, isRunning, type Node, type WorkerNodes } from './worker-nodes.ts';

const LOST = /^INTERNAL_SERVICE_ERROR: The worker \S+, which ran this build, gives no sign of life any more/;

const options = { skip: postgresSkip };
let nodes: WorkerNodes;
let clients: BuildClients;

/** What commands did in the world, and how often: `<build id>/<what>`. */
const done = new Map<string, number>();
const world = createServer((request, response) => {
  const what = decodeURIComponent(request.url ?? '').slice(1);
  done.set(what, (done.get(what) ?? 0) + 1);
  response.end();
});
/** A command that does something in the world. */
const does = (what: string) => {
  const { port } = world.address() as AddressInfo;
  return `curl -s "http://127.0.0.1:${port}/$CODEBUILD_BUILD_ID/${what}"`;
};

before(async () => {
  if (postgresSkip) return;
  await new Promise<void>((resolve) => world.listen(0, '127.0.0.1', resolve));
  nodes = await createWorkerNodes(2);
  clients = connectBuilds(nodes.house);
  await createBuildRole(clients.iam, ['logs:*', 's3:*', 'codebuild:RetryBuild']);
});
after(async () => {
  clients?.close();
  world.close();
  await nodes?.close();
});

const uuidOf = (build: Build) => build.id?.split(':')[1] ?? '';
const workerOf = (build: Build): Promise<Node> =>
  until('a worker that has the build', 10_000, async () =>
    nodes.workers.find((worker) => worker.folders().includes(uuidOf(build))),
  );
const reached = (build: Build, phase: string) =>
  until(`${phase} of ${build.id}`, 20_000, async () =>
    (await clients.get(build.id)).currentPhase === phase ? true : undefined,
  );
const isFree = () =>
  until('no folder of a build', 20_000, async () =>
    nodes.workers.every((worker) => worker.folders().length === 0) ? true : undefined,
  );

test('builds are taken by workers at once, and reach the server', options, async (context) => {
  const probe =
    'curl -s "$AWS_CONTAINER_CREDENTIALS_FULL_URI" -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN"';
  await clients.createProject('prompt', spec([`${probe} | grep -o '"RoleArn":"[^"]*"'`]));
  await clients.run('prompt');
  const build = await clients.run('prompt');
  assert.equal(build.buildStatus, 'SUCCEEDED', contextOf(build));
  assert.deepEqual(await clients.output(build), ['"RoleArn":"arn:aws:iam::123456789012:role/build"']);
  const [, queued] = build.phases ?? [];
  const waitedMs = Number(queued?.endTime) - Number(queued?.startTime);
  context.diagnostic(`a waiting build was taken after ${waitedMs} ms`);
  assert.ok(waitedMs < 1_000, `${waitedMs} ms`);
});

test('a stop reaches the worker that has the build', options, async () => {
  await clients.createProject('stopped', spec(['sleep 6011']));
  const build = await clients.start('stopped');
  await reached(build, 'BUILD');
  await workerOf(build);
  await clients.codebuild.stopBuild({ id: build.id });
  assert.equal((await clients.ended(build.id)).buildStatus, 'STOPPED');
  assert.equal(isRunning('sleep 6011'), false);
  await isFree();
});

const LINES = 40;
const counting = `env:\n  exported-variables: [COUNT]\n${spec([
  `i=0; while [ $i -lt ${LINES} ]; do i=$((i+1)); echo "line $i"; sleep 0.03; done`,
  'echo ran >> once; COUNT=$(wc -l < once); sleep 0.3',
  'echo "count $COUNT"',
])}`;

test('a worker that comes back goes on with its build, killed at any moment', options, async () => {
  await clients.createProject('coming-back', counting);
  const [worker, other] = nodes.workers as [Node, Node];
  await other.kill();
  for (const delays of [[0], [100, 600], [1_900]]) {
    const { id } = await clients.start('coming-back');
    for (const delay of delays) {
      // The moment is what this test varies; nothing is waited for here.
      await new Promise((resolve) => setTimeout(resolve, delay));
      await worker.kill();
      await worker.start();
    }
    const build = await clients.ended(id);
    assert.equal(
      build.buildStatus,
      'SUCCEEDED',
      `${delays.join()}: ${phasesOf(build).join()} ${contextOf(build)}`,
    );
    assert.deepEqual(build.exportedEnvironmentVariables, [{ name: 'COUNT', value: '1' }]);
    const lines = Array.from({ length: LINES }, (_, i) => `line ${i + 1}`);
    assert.deepEqual(await clients.output(build), [...lines, 'count 1'], delays.join());
  }
  await isFree();
  await other.start();
});

test(
  'scenario 18: a worker killed with -9 loses its build, and leaves nothing once it is back',
  options,
  async () => {
    await clients.createProject('lost', spec(['sleep 6012']), { autoRetryLimit: 0 });
    const build = await clients.start('lost');
    await reached(build, 'BUILD');
    const worker = await workerOf(build);
    await until('the command', 5_000, async () => isRunning('sleep 6012') || undefined);
    await worker.kill();
    const ended = await clients.ended(build.id);
    assert.equal(ended.buildStatus, 'FAULT');
    assert.deepEqual(phasesOf(ended).slice(-2), ['BUILD=FAULT', 'COMPLETED']);
    assert.match(contextOf(ended) ?? '', LOST);
    const log = await clients.log(ended);
    assert.ok(
      log.some((line) => line.endsWith('Phase complete: BUILD State: FAULT')),
      log.join('\n'),
    );
    await worker.start();
    await isFree();
    assert.equal(isRunning('sleep 6012'), false);
  },
);

test('a worker that was stopped for too long finds its build ended, and clears up', options, async () => {
  await clients.createProject('paused', spec([`${does('first')}; sleep 6`, does('second'), 'sleep 6013']));
  const build = await clients.start('paused');
  await reached(build, 'BUILD');
  const worker = await workerOf(build);
  worker.signal('SIGSTOP');
  try {
    const ended = await clients.ended(build.id);
    assert.equal(ended.buildStatus, 'FAULT');
    assert.match(contextOf(ended) ?? '', LOST);
  } finally {
    worker.signal('SIGCONT');
  }
  await isFree();
  assert.equal(isRunning('sleep 6013'), false);
  const after = await clients.get(build.id);
  assert.deepEqual(phasesOf(after).slice(-2), ['BUILD=FAULT', 'COMPLETED']);
  assert.equal(done.get(`${build.id}/first`), 1);
  assert.equal(done.get(`${build.id}/second`), undefined);
});

test(
  'no build is lost when its worker dies at any phase: it is tried again elsewhere',
  options,
  async (context) => {
    const commands = [`${does('first')}; sleep 1`, does('second'), `sleep 0.5; ${does('third')}`];
    await clients.createProject('dying', spec(commands), { autoRetryLimit: 3 });
    const ends: string[] = [];
    for (const delay of [0, 300, 1_800]) {
      const build = await clients.start('dying');
      await new Promise((resolve) => setTimeout(resolve, delay));
      const [first] = nodes.workers;
      const worker = nodes.workers.find((each) => each.folders().includes(uuidOf(build))) ?? first;
      await worker?.kill();
      let last = await clients.ended(build.id);
      ends.push(`${delay}: ${last.buildStatus}`);
      while (last.buildStatus !== 'SUCCEEDED') {
        assert.equal(last.buildStatus, 'FAULT', contextOf(last));
        assert.match(contextOf(last) ?? '', LOST);
        const { id } = last;
        const next = await until(
          'the next build',
          10_000,
          async () => (await clients.get(id)).autoRetryConfig?.nextAutoRetry,
        );
        last = await clients.ended(next);
      }
      for (const what of ['first', 'second', 'third']) assert.equal(done.get(`${last.id}/${what}`), 1, what);
      await worker?.start();
      await isFree();
    }
    assert.deepEqual([...new Set(done.values())], [1], 'no command of any build ran twice');
    context.diagnostic(ends.join(', '));
  },
);
