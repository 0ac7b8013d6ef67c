import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { explainWaiting, freeOf, placeBuilds, type Slots, type Waiting } from './placing.ts';

const GIB = 1024 ** 3;
const worker = (id: string, cpus: number, gib: number, more: Partial<Slots> = {}): Slots => ({
  id,
  name: id,
  cpus,
  memoryBytes: gib * GIB,
  taken: [],
  ...more,
});
const build = (id: string, cpus: number, gib: number, pool = ''): Waiting => ({
  id,
  cpus,
  memoryBytes: gib * GIB,
  pool,
});
const small = (id: string, pool = '') => build(id, 2, 3, pool);
const placed = (...args: Parameters<typeof placeBuilds>) =>
  placeBuilds(...args).map((placement) => `${placement.build.id}@${placement.worker.id}`);

test('builds spread over the workers, the oldest first, and the rest waits', () => {
  const waiting = ['1', '2', '3', '4'].map((id) => small(id));
  assert.deepEqual(placed(waiting, [worker('a', 4, 16), worker('b', 2, 4)]), ['1@a', '2@b', '3@a']);
});

test('a build that asks for more than any worker has gets a whole one', () => {
  const large = build('large', 72, 145);
  assert.deepEqual(placed([large], [worker('a', 2, 4)]), ['large@a']);
  assert.deepEqual(placed([large], [worker('a', 2, 4, { taken: [small('0')] })]), []);
});

test('a build that finds no room is not passed by those behind it', () => {
  const waiting = [build('large', 8, 15), small('small')];
  assert.deepEqual(placed(waiting, [worker('a', 8, 16, { taken: [small('0')] })]), []);
  assert.deepEqual(placed([small('0'), ...waiting], [worker('a', 8, 16)]), ['0@a']);
});

test('a pool is held by its own limit and does not hold up others', () => {
  const waiting = [small('1', 'fleet'), small('2', 'fleet'), small('3')];
  const pools = new Map([['fleet', { buildsMax: 2, running: 1 }]]);
  assert.deepEqual(placed(waiting, [worker('a', 8, 32)], pools), ['1@a', '3@a']);
});

test("the operator's number counts alone", () => {
  const waiting = ['1', '2', '3'].map((id) => build(id, 72, 145));
  assert.deepEqual(placed(waiting, [worker('a', 2, 4, { buildsMax: 2 })]), ['1@a', '2@a']);
  assert.deepEqual(placed(waiting, [worker('a', 2, 4, { buildsMax: 0 })]), []);
});

test('what a build waits for can be told', () => {
  const workers = [worker('a', 2, 4, { taken: [small('0')] }), worker('b', 8, 8, { buildsMax: 0 })];
  assert.equal(explainWaiting(small('1'), 2, workers, undefined), 'Waits behind 2 other builds');
  assert.equal(
    explainWaiting(small('1'), 0, workers, undefined),
    'Waits for 2 vCPU and 3.0 GiB on a worker: a has 0 vCPU and 1.0 GiB free',
  );
  assert.equal(
    explainWaiting(small('1'), 0, [], undefined),
    'Waits for a worker: none that takes builds gives signs of life',
  );
  assert.equal(
    explainWaiting(small('1', 'fleet'), 0, workers, { buildsMax: 2, running: 2 }),
    'Waits until one of the 2 builds that its fleet runs at a time has ended',
  );
});

test('no worker gives more than it has, and an idle one never lets the oldest wait', () => {
  const anyNeed = fc.record({ cpus: fc.integer({ min: 1, max: 72 }), gib: fc.integer({ min: 1, max: 145 }) });
  fc.assert(
    fc.property(
      fc.array(anyNeed, { minLength: 1, maxLength: 20 }),
      fc.array(anyNeed, { minLength: 1, maxLength: 4 }),
      (needs, machines) => {
        const waiting = needs.map(({ cpus, gib }, i) => build(String(i), cpus, gib));
        const workers = machines.map(({ cpus, gib }, i) => worker(`w${i}`, cpus, gib));
        const placements = placeBuilds(waiting, workers);
        assert.equal(placements[0]?.build.id, '0');
        assert.deepEqual(
          placements.map((placement) => placement.build.id),
          waiting.slice(0, placements.length).map(({ id }) => id),
        );
        for (const each of workers) {
          const taken = placements.filter((placement) => placement.worker.id === each.id);
          const free = freeOf({ ...each, taken: taken.map((placement) => placement.build) });
          assert.ok(free.cpus >= 0 && free.memoryBytes >= 0);
        }
      },
    ),
  );
});
