/** What must hold for a batch whatever its builds, its callers and time do to it, in any order and repeated. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EngineEvent } from '#base/decider.ts';
import type { PhaseStatus } from '#core/build/state.ts';
import type { BatchBuild, BatchSpec } from './batch-spec.ts';
import { batchDecider } from './decide.ts';
import { BatchWorld, build } from './fixture.ts';
import { allGroups } from './groups.ts';
import type { BatchEffect, BatchEvent, BatchState, BuildEnd } from './state.ts';

const STEPS_MAX = 5_000;

/** Each build depends only on earlier ones, so there is no circle. */
const specs = fc
  .array(fc.record({ edges: fc.array(fc.nat(20), { maxLength: 3 }), ignoreFailure: fc.boolean() }), {
    minLength: 1,
    maxLength: 8,
  })
  .map((nodes): BatchBuild[] =>
    nodes.map(({ edges, ignoreFailure }, i) =>
      build(`b${i}`, {
        ignoreFailure,
        dependsOn: i === 0 ? [] : [...new Set(edges.map((edge) => `b${edge % i}`))],
      }),
    ),
  );
const batches = fc.record({ builds: specs, fastFail: fc.boolean() });
const choices = fc.infiniteStream(fc.nat(999_999));

const STATUSES: readonly PhaseStatus[] = [
  'SUCCEEDED',
  'SUCCEEDED',
  'SUCCEEDED',
  'FAILED',
  'FAULT',
  'TIMED_OUT',
];

/** A world that does what is ordered, in an order of its own, and at times says things twice. */
class Simulation {
  readonly world: BatchWorld;
  readonly running = new Set<string>();
  readonly started = new Map<string, number>();
  readonly #stopped = new Set<string>();
  readonly #next: () => number;
  #last: BatchEvent | EngineEvent | undefined;

  constructor(spec: BatchSpec, next: () => number, combinesArtifacts: boolean) {
    this.world = new BatchWorld(spec, { combinesArtifacts, timeoutMinutes: 5, reportsStatus: true });
    this.#next = next;
  }

  /** False when there is nothing left that could happen by itself. */
  step(canDisturb: boolean): boolean {
    const { world } = this;
    const choice = this.#next();
    world.at += choice % 1_000;
    if (canDisturb && choice % 41 === 0) return this.send({ type: 'StopRequested' });
    if (canDisturb && choice % 7 === 0 && this.#last) return this.send(this.#last);
    if (canDisturb && choice % 11 === 0) return this.send({ type: 'TimePassed' });
    const orders = world.orders.length;
    const pick = choice % (orders + this.running.size || 1);
    if (pick < orders) return this.do(world.orders.splice(pick, 1)[0] as BatchEffect, choice);
    const buildId = [...this.running][pick - orders];
    if (buildId !== undefined) return this.end(buildId, choice);
    const wakeAt = batchDecider.wakeAt(world.state);
    if (wakeAt === undefined) return false;
    world.at = Math.max(world.at, wakeAt);
    return this.send({ type: 'TimePassed' });
  }

  send(event: BatchEvent | EngineEvent): true {
    this.world.send(event);
    this.#last = event;
    return true;
  }

  do(order: BatchEffect, choice: number): true {
    switch (order.type) {
      case 'StartBuild': {
        const { buildId } = order;
        if (choice % 5 === 0) {
          return this.send({ type: 'BuildRefused', buildId, message: 'no', isPassing: choice % 2 === 0 });
        }
        this.started.set(buildId, (this.started.get(buildId) ?? 0) + 1);
        this.running.add(buildId);
        return choice % 9 === 0 ? this.end(buildId, choice) : this.send({ type: 'BuildStarted', buildId });
      }
      case 'StopBuild':
        this.#stopped.add(order.buildId);
        return true;
      case 'CheckBuilds':
      case 'PublishChange':
      case 'ReportStatus':
        return true;
      case 'MergeReports':
        return this.send({ type: 'ReportsMerged', round: order.round, arns: ['all'] });
      case 'CombineArtifacts': {
        const { round } = order;
        const context = { statusCode: 'CLIENT_ERROR', message: 'no' };
        return choice % 4 === 0
          ? this.send({ type: 'CombiningFailed', round, context })
          : this.send({ type: 'ArtifactsCombined', round });
      }
    }
  }

  end(buildId: string, choice: number): true {
    this.running.delete(buildId);
    const isRoot = this.world.state.root.current?.buildId === buildId;
    const status = this.#stopped.has(buildId) ? 'STOPPED' : (STATUSES[choice % STATUSES.length] ?? 'FAILED');
    const end: BuildEnd = {
      buildId,
      status,
      artifacts: [],
      reportArns: choice % 3 === 0 ? [`arn:${buildId}`] : [],
      ...(isRoot && status === 'SUCCEEDED' ? { batch: this.world.spec } : {}),
    };
    return this.send({ type: 'BuildsEnded', ends: [end] });
  }

  runToEnd(disturbances: number): void {
    for (let steps = 0; !this.world.state.isComplete; steps++) {
      assert.ok(steps < STEPS_MAX, 'the batch ends');
      assert.ok(this.step(steps < disturbances), 'an open batch always waits for something');
    }
  }
}

function checkStep(before: BatchState | undefined, after: BatchState): void {
  const earlier = new Map((before ? allGroups(before) : []).map((group) => [group.build.identifier, group]));
  for (const group of allGroups(after)) {
    const was = earlier.get(group.build.identifier);
    if (group.progress === 'STARTING' && was?.progress !== 'STARTING') {
      assert.equal(after.ending, undefined, 'nothing is started in a batch that ends');
      for (const name of group.build.dependsOn) {
        const other = after.groups.find(({ build }) => build.identifier === name);
        assert.equal(other?.progress, 'ENDED', 'dependents come after what they depend on');
        assert.ok(other.build.ignoreFailure || other.current?.status === 'SUCCEEDED');
      }
    }
    if (was && was.attempt === group.attempt && was.progress === 'ENDED')
      assert.equal(group.progress, 'ENDED');
  }
  if (after.isComplete) {
    assert.ok(!allGroups(after).some(({ progress }) => progress === 'STARTING' || progress === 'RUNNING'));
    assert.equal(batchDecider.wakeAt(after), undefined);
    const isFine = after.groups.every(
      ({ build, current }) => build.ignoreFailure || current?.status === 'SUCCEEDED',
    );
    if (after.status === 'SUCCEEDED') assert.ok(isFine, 'a success is one of every build that counts');
    assert.notEqual(after.status, 'IN_PROGRESS');
    assert.equal(after.phases.filter(({ endAt }) => endAt === undefined).length, 1);
  }
}

test('a batch always ends, each build starts at most once, and after what it depends on', () => {
  fc.assert(
    fc.property(batches, choices, fc.boolean(), fc.nat(2), (spec, stream, combines, retries) => {
      const next = () => stream.next().value as number;
      const simulation = new Simulation(spec, next, combines);
      const { world } = simulation;
      for (let round = 0; round <= retries; round++) {
        simulation.runToEnd(200);
        assert.equal(simulation.running.size, 0, 'nothing runs behind the back of a batch that ended');
        const retryType = next() % 2 === 0 ? 'RETRY_ALL_BUILDS' : 'RETRY_FAILED_BUILDS';
        const { status } = world.state;
        const { reply } = world.send({ type: 'RetryRequested', retryType });
        assert.equal(reply !== undefined, status === 'SUCCEEDED' || status === 'STOPPED');
        if (reply) break;
      }
      for (const count of simulation.started.values()) assert.equal(count, 1);
      for (const { before, after } of world.decisions) checkStep(before, after);
    }),
    { numRuns: 400 },
  );
});

test('an event that is repeated at once changes nothing more, and a batch that ended is silent', () => {
  fc.assert(
    fc.property(batches, choices, (spec, stream) => {
      const next = () => stream.next().value as number;
      const simulation = new Simulation(spec, next, true);
      const { world } = simulation;
      const send = world.send.bind(world);
      const events: (BatchEvent | EngineEvent)[] = [];
      world.send = (event) => {
        const decision = send(event);
        events.push(event);
        const once = world.state;
        assert.deepEqual([send(event).effects, world.state], [[], once], event.type);
        return decision;
      };
      simulation.runToEnd(100);
      const end = world.state;
      for (const event of [...events, { type: 'TimePassed' } as const, { type: 'StopRequested' } as const]) {
        assert.deepEqual([send(event).effects, world.state], [[], end], 'silence');
      }
    }),
    { numRuns: 200 },
  );
});

test('a state survives being written and read', () => {
  fc.assert(
    fc.property(batches, choices, (spec, stream) => {
      const simulation = new Simulation(spec, () => stream.next().value as number, false);
      simulation.runToEnd(50);
      for (const { after } of simulation.world.decisions) {
        assert.deepEqual(JSON.parse(JSON.stringify(after)), after);
      }
    }),
    { numRuns: 50 },
  );
});
