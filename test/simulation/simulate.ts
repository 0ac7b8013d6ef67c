/**
 * The simulation: several engines on one database, with parcels to bring home, while a seed decides what goes wrong:
 * nodes are paused (often past their leases) or die and are replaced, clocks differ, writes fail, answers of commits
 * are lost, orders are done late, twice, or fail before or after they were done. Time is false. The same seed gives the
 * same run, to the last row and millisecond. After the faults end, everything must come to rest, whole.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createFakeClock } from '#base/clock.ts';
import type { Clock, FakeClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { engineMigrations, readJournal, replay } from '#engine/engine.ts';
import { migrate, openDatabase } from '#store/database.ts';
import type { Database } from '#store/database.ts';
import { parcelDecider } from '#test/support/toy.ts';
import type { ParcelEvent, World } from '#test/support/toy.ts';
import { startNode } from './node.ts';
import type { SimulatedNode } from './node.ts';
import { createRandom } from './random.ts';
import type { Random } from './random.ts';

export interface SimulationReport {
  readonly seed: string;
  /** Over every row and everything the world saw, with times: equal for equal runs. */
  readonly hash: string;
  readonly simulatedMs: number;
  readonly parcels: number;
  readonly orders: number;
  readonly deliveries: number;
  readonly faults: Readonly<Record<Fault, number>>;
}

type Fault = 'paused' | 'died' | 'writesFailed' | 'answersLost' | 'ordersFailed' | 'ordersRepeated';

const NODES = 3;
const PARCELS = 60;
const TICK_MS = 100;
const FAULTS_MS = 10 * 60_000;
/** Without faults everything must be at rest after this time. */
const REST_MS_MAX = 30 * 60_000;
const SKEW_MS_MAX = 2_000;
const PATIENCE_MS = 5_000;

interface Sea {
  readonly random: Random;
  readonly clock: FakeClock;
  readonly database: Database;
  readonly faults: Record<Fault, number>;
  isRough: boolean;
  deliveries: number;
  /** What was done, by effect id. */
  readonly done: Map<string, { readonly at: number; readonly what: string }>;
}

export async function simulate(seed: string): Promise<SimulationReport> {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-simulation-'));
  const random = createRandom(seed);
  const faults = { paused: 0, died: 0, writesFailed: 0, answersLost: 0, ordersFailed: 0, ordersRepeated: 0 };
  let sea: Sea | undefined;
  const beforeWrite = () => {
    if (!sea?.isRough || !random.happens(0.01)) return;
    faults.writesFailed++;
    throw new Error('a write fails');
  };
  const database = await openDatabase({ path: join(directory, 'slipway.db'), log: silentLog, beforeWrite });
  try {
    await migrate(database, engineMigrations);
    const clock = createFakeClock();
    sea = { random, clock, database, faults, isRough: true, deliveries: 0, done: new Map() };
    return await sail(seed, sea);
  } finally {
    await database.close();
    rmSync(directory, { recursive: true });
  }
}

async function sail(seed: string, sea: Sea): Promise<SimulationReport> {
  const { clock, random, faults } = sea;
  const started = clock.now();
  const nodes: SimulatedNode[] = [];
  for (let i = 0; i < NODES; i++) nodes.push(await launch(sea, `node${i}`));
  const orders = Array.from({ length: PARCELS }, (_, i) => ({
    id: `parcel${i}`,
    at: started + random.between(0, FAULTS_MS * 0.8),
    event: {
      type: 'ParcelSent' as const,
      legs: random.between(1, 3),
      crates: random.between(1, 3),
      restMs: random.between(0, 60_000),
    },
  }));
  const failures: unknown[] = [];
  for (const { id, at, event } of orders) {
    clock.callAt(at, () => void send(sea, nodes, id, event).catch((error: unknown) => failures.push(error)));
  }
  while (clock.now() < started + FAULTS_MS) {
    await disturb(sea, nodes);
    await tick(sea);
  }
  sea.isRough = false;
  for (const node of nodes) node.resume();
  while (!(await isAtRest(sea, orders.length))) {
    assert.ok(clock.now() < started + FAULTS_MS + REST_MS_MAX, 'everything comes to rest');
    await tick(sea);
  }
  assert.deepEqual(failures, []);
  for (const node of nodes) await node.engine.stop(0);
  await check(sea, orders);
  return {
    seed,
    hash: await hashEverything(sea),
    simulatedMs: clock.now() - started,
    parcels: orders.length,
    orders: sea.done.size,
    deliveries: sea.deliveries,
    faults,
  };
}

async function tick(sea: Sea): Promise<void> {
  sea.clock.advance(TICK_MS);
  // Nothing here waits for the outside, so that all that follows from this moment happens before the next turn.
  await nextTurn();
}

async function launch(sea: Sea, name: string): Promise<SimulatedNode> {
  const { random, clock, database } = sea;
  for (;;) {
    try {
      return await startNode({
        name,
        clock,
        database,
        random,
        skewMs: random.between(-SKEW_MS_MAX, SKEW_MS_MAX),
        losesAnswer: () => losesAnswer(sea),
        createWorld: (nodeClock) => createWorld(sea, nodeClock),
      });
    } catch {
      // A write failed while starting: the next start may do better.
    }
  }
}

function losesAnswer(sea: Sea): boolean {
  const isLost = sea.isRough && sea.random.happens(0.02);
  if (isLost) sea.faults.answersLost++;
  return isLost;
}

/** Orders take their time, may fail before or after they were done, and may be performed twice at the same time. */
function createWorld(sea: Sea, clock: Clock): World {
  const { random, done, faults } = sea;
  const once: World = async (effectId, what, signal) => {
    sea.deliveries++;
    const duration = random.happens(0.1) ? random.between(20_000, 80_000) : random.between(0, 2_000);
    await new Promise<void>((resolve) => clock.callAt(clock.now() + duration, resolve));
    if (signal.aborted && random.happens(0.5)) throw signal.reason;
    const fails = sea.isRough && random.happens(0.1);
    if (fails) faults.ordersFailed++;
    if (fails && random.happens(0.5)) throw new Error('failed before it was done');
    if (!done.has(effectId)) done.set(effectId, { at: sea.clock.now(), what });
    if (fails) throw new Error('failed after it was done');
  };
  return async (effectId, what, signal) => {
    if (!sea.isRough || !random.happens(0.1)) return await once(effectId, what, signal);
    faults.ordersRepeated++;
    await Promise.all([once(effectId, what, signal), once(effectId, what, signal)]);
  };
}

/** Sends as a client does: asks another node when there is no answer, or a bad one. */
async function send(
  sea: Sea,
  nodes: readonly SimulatedNode[],
  id: string,
  event: ParcelEvent,
): Promise<void> {
  const { clock } = sea;
  for (let isAnswered = false; !isAnswered;) {
    const node = sea.random.pick(nodes);
    const answer = node.engine.send(node.machine, id, event).then(
      () => true,
      () => false,
    );
    const silence = new Promise<false>((resolve) =>
      clock.callAt(clock.now() + PATIENCE_MS, () => resolve(false)),
    );
    isAnswered = await Promise.race([answer, silence]);
    if (!isAnswered) await silence;
  }
}

async function disturb(sea: Sea, nodes: SimulatedNode[]): Promise<void> {
  const { random, faults, clock } = sea;
  if (random.happens(0.01)) {
    const node = random.pick(nodes);
    if (!node.isPaused()) {
      faults.paused++;
      node.pause();
      clock.callAt(clock.now() + random.between(1_000, 90_000), () => node.resume());
    }
  }
  if (random.happens(0.002)) {
    const index = random.between(0, nodes.length - 1);
    faults.died++;
    nodes[index]?.die();
    nodes[index] = await launch(sea, `node${index}.${faults.died}`);
  }
}

async function isAtRest(sea: Sea, parcels: number): Promise<boolean> {
  const { machines, effects } = await readTables(sea.database);
  return effects.length === 0 && machines.length === parcels && machines.every((row) => row.wake_at === null);
}

/** Every parcel is home, every order was done once, and the journals lead to the states. */
async function check(
  sea: Sea,
  orders: readonly { readonly id: string; readonly event: Extract<ParcelEvent, { type: 'ParcelSent' }> }[],
): Promise<void> {
  const expected = orders.flatMap(({ id, event }) => [
    ...Array.from({ length: event.legs * event.crates }, (_, i) => {
      const leg = Math.floor(i / event.crates) + 1;
      return `${id}: load ${i % event.crates} for leg ${leg}`;
    }),
    `${id}: ring`,
  ]);
  const seen = [...sea.done.values()].map(({ what }) => what);
  assert.deepEqual(seen.sort(), expected.sort(), 'the world saw each order once');
  const { machines, journal } = await readTables(sea.database);
  for (const row of machines) {
    const events = await readJournal<ParcelEvent>(sea.database, row.kind, row.id);
    assert.deepEqual(
      replay({ decider: parcelDecider }, events),
      JSON.parse(row.state),
      `replay of ${row.id}`,
    );
    const revisions = journal.filter((entry) => entry.machine === row.id).map((entry) => entry.revision);
    assert.deepEqual(
      revisions,
      revisions.map((_, i) => i + 1),
      `revisions of ${row.id}`,
    );
    assert.equal(JSON.parse(row.state).status, 'Arrived', row.id);
  }
}

type Tables = {
  engine_machines: { kind: string; id: string; state: string; wake_at: number | null };
  engine_journal: { machine: string; revision: number };
  engine_effects: { id: string };
};

async function readTables(database: Database) {
  const tables = database.read.withTables<Tables>();
  return {
    machines: await tables.selectFrom('engine_machines').selectAll().orderBy('id').execute(),
    journal: await tables
      .selectFrom('engine_journal')
      .selectAll()
      .orderBy('machine')
      .orderBy('revision')
      .execute(),
    effects: await tables.selectFrom('engine_effects').selectAll().orderBy('id').execute(),
  };
}

async function hashEverything(sea: Sea): Promise<string> {
  const everything = { ...(await readTables(sea.database)), done: [...sea.done], deliveries: sea.deliveries };
  return createHash('sha256').update(JSON.stringify(everything)).digest('hex');
}
