/** The promises of the engine, kept for a toy machine on both databases. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { createFakeClock, systemClock } from '#base/clock.ts';
import type { Clock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { migrate } from '#store/database.ts';
import type { Database } from '#store/database.ts';
import { onEveryDatabase } from '#test/support/databases.ts';
import { createMemoryWorld, createParcelMachine, parcelDecider } from '#test/support/toy.ts';
import type { Parcel, ParcelEvent, World } from '#test/support/toy.ts';
import { createEngine, engineMigrations, readJournal, replay } from './engine.ts';
import type { EngineOptions } from './engine.ts';
import type { Engine } from './machine.ts';

const sent = { type: 'ParcelSent', legs: 1, crates: 2, restMs: 0 } as const;

onEveryDatabase((databases) => {
  const engines: Engine[] = [];
  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.stop(0);
  });

  const openEngineDatabase = async (options?: Parameters<typeof databases.open>[1]) => {
    const database = await databases.open(undefined, options);
    await migrate(database, engineMigrations);
    return database;
  };

  const openEngine = async (
    world: World,
    options: Partial<EngineOptions> & { database: Database },
    isStarted = true,
  ) => {
    const engine = createEngine({ clock: systemClock, log: silentLog, ...options });
    engines.push(engine);
    const machine = createParcelMachine(world);
    engine.register(machine);
    if (isStarted) await engine.start();
    return { engine, machine };
  };

  test('a parcel travels all its legs, and the world sees each order once', async () => {
    const database = await openEngineDatabase();
    const { world, done } = createMemoryWorld();
    const { engine, machine } = await openEngine(world, { database });
    const first = await engine.send(machine, 'p', { ...sent, legs: 2, restMs: 5 });
    assert.equal(first.value, 'sent');
    assert.equal(first.state.status, 'Travelling');
    await waitFor(engine, async () => (await engine.read(machine, 'p'))?.status === 'Arrived');
    const loads = [1, 2].flatMap((leg) => [0, 1].map((crate) => `p: load ${crate} for leg ${leg}`));
    assert.deepEqual(done(), [...loads, 'p: ring'].sort());
  });

  test('replaying the journal gives the stored state', async () => {
    const database = await openEngineDatabase();
    const { engine, machine } = await openEngine(createMemoryWorld().world, { database });
    await engine.send(machine, 'p', sent);
    await engine.idle();
    const journal = await readJournal<ParcelEvent>(database, machine.kind, 'p');
    assert.deepEqual(
      journal.map((event) => event.type),
      ['ParcelSent', 'CrateLoaded', 'CrateLoaded'],
    );
    assert.deepEqual(replay(machine, journal), await engine.read(machine, 'p'));
  });

  test('the journal of a long life forgets its beginning', async () => {
    const database = await openEngineDatabase();
    const limits = { journalEventsMin: 10 };
    const { engine, machine } = await openEngine(createMemoryWorld().world, { database, limits });
    await engine.send(machine, 'p', { ...sent, crates: 24 });
    await engine.idle();
    const kept = await readJournal(database, machine.kind, 'p');
    assert.equal(kept.length, 10);
    assert.equal((await engine.read(machine, 'p'))?.status, 'Arrived');
  });

  test('a repeated event changes nothing, and is answered', async () => {
    const database = await openEngineDatabase();
    const { engine, machine } = await openEngine(createMemoryWorld().world, { database });
    await engine.send(machine, 'p', sent);
    await engine.idle();
    const state = await engine.read(machine, 'p');
    assert.deepEqual(await engine.send(machine, 'p', sent), { state, value: 'sent before', changed: false });
    assert.equal((await readJournal(database, machine.kind, 'p')).length, 3);
  });

  test('a fault changes nothing, not even the rows alongside', async () => {
    const database = await openEngineDatabase();
    const { engine, machine } = await openEngine(createMemoryWorld().world, { database });
    const alongside = async (transaction: Database['read']) => {
      await transaction.schema.createTable('beside').addColumn('name', 'text').execute();
    };
    await assert.rejects(engine.send(machine, 'p', { ...sent, legs: 0 }, alongside), {
      name: 'Fault',
      code: 'BadParcel',
      message: 'A parcel has legs.',
    });
    assert.equal(await engine.read(machine, 'p'), undefined);
    const tables = await database.read.introspection.getTables();
    assert.ok(!tables.some((table) => table.name === 'beside'));
  });

  test('an event for a machine that is not there is a bug', async () => {
    const database = await openEngineDatabase();
    const { engine, machine } = await openEngine(createMemoryWorld().world, { database });
    await assert.rejects(engine.send(machine, 'p', { type: 'CrateLoaded', leg: 1, crate: 0 }), {
      name: 'Bug',
      message: 'toy.parcel p does not exist, and CrateLoaded does not create it',
    });
  });

  test('what a room records is in the transaction of the decision', async () => {
    const database = await openEngineDatabase();
    const engine = createEngine({ database, clock: systemClock, log: silentLog });
    engines.push(engine);
    const seen: unknown[] = [];
    let isBroken = true;
    const machine = {
      ...createParcelMachine(createMemoryWorld().world),
      async record(_: Database['read'], change: { id: string; before: Parcel | undefined; after: Parcel }) {
        seen.push([change.id, change.before?.status, change.after.status]);
        if (isBroken) throw new Error('no room for it');
      },
    };
    engine.register(machine);
    await assert.rejects(engine.send(machine, 'p', sent), { message: 'no room for it' });
    assert.equal(await engine.read(machine, 'p'), undefined);
    isBroken = false;
    await engine.send(machine, 'p', sent);
    assert.deepEqual(seen, [
      ['p', undefined, 'Travelling'],
      ['p', undefined, 'Travelling'],
    ]);
  });

  test('a failing effect is tried again with pauses, and then its machine hears of it', async () => {
    const database = await openEngineDatabase();
    const attempts: string[] = [];
    const world: World = async (effectId, what) => {
      attempts.push(effectId);
      if (what === 'p: load 1 for leg 1') throw new Error('the crane is broken');
    };
    const limits = { failuresMax: 3, pauseMsMin: 1 };
    const { engine, machine } = await openEngine(world, { database, limits });
    await engine.send(machine, 'p', sent);
    await engine.idle();
    assert.equal((await engine.read(machine, 'p'))?.status, 'Lost');
    const second = attempts.filter((id) => id.endsWith('.1'));
    assert.equal(second.length, 3);
    const failed = (await readJournal(database, machine.kind, 'p')).at(-1);
    assert.deepEqual(
      { ...failed, at: 0, chance: '' },
      {
        type: 'EffectFailed',
        effectType: 'LoadCrate',
        effect: { type: 'LoadCrate', leg: 1, crate: 1 },
        message: 'the crane is broken',
        at: 0,
        chance: '',
      },
    );
  });

  test('many senders to one machine all get their turn', async () => {
    const database = await openEngineDatabase();
    const { engine, machine } = await openEngine(createMemoryWorld().world, { database }, false);
    await engine.send(machine, 'p', { ...sent, crates: 12 });
    await Promise.all(
      Array.from({ length: 12 }, (_, crate) =>
        engine.send(machine, 'p', { type: 'CrateLoaded', leg: 1, crate }),
      ),
    );
    assert.equal((await engine.read(machine, 'p'))?.status, 'Arrived');
  });

  test('effects ordered before the start, or left by a stopped engine, are performed by the next', async () => {
    const database = await openEngineDatabase();
    const { world, done } = createMemoryWorld();
    const stuck: World = (_, __, signal) =>
      new Promise((_resolve, reject) => (signal.onabort = () => reject(signal.reason)));
    const first = await openEngine(stuck, { database });
    await first.engine.send(first.machine, 'p', sent);
    await first.engine.stop(0);
    const second = await openEngine(world, { database }, false);
    await second.engine.send(second.machine, 'q', sent);
    assert.deepEqual(done(), []);
    await second.engine.start();
    await second.engine.idle();
    assert.equal((await second.engine.read(second.machine, 'p'))?.status, 'Arrived');
    assert.equal((await second.engine.read(second.machine, 'q'))?.status, 'Arrived');
  });

  test('stopping lets running effects end within the grace', async () => {
    const database = await openEngineDatabase();
    const gate = Promise.withResolvers<void>();
    const { engine, machine } = await openEngine(() => gate.promise, { database });
    await engine.send(machine, 'p', sent);
    const stopped = engine.stop(10_000);
    gate.resolve();
    await stopped;
    assert.deepEqual((await engine.read(machine, 'p'))?.loaded, [0, 1]);
  });

  test('a node paused past its lease loses the effect, and its late result counts for nothing', async () => {
    const database = await openEngineDatabase();
    const slowClock = createFakeClock();
    const fastClock = createFakeClock();
    const gate = Promise.withResolvers<void>();
    const slowDone: string[] = [];
    let slowSignal: AbortSignal | undefined;
    const slow = await openEngine(
      async (_, what, signal) => {
        slowSignal = signal;
        await gate.promise;
        slowDone.push(what);
      },
      { database, clock: slowClock, node: 'slow', isAlone: false },
    );
    await slow.engine.send(slow.machine, 'p', { ...sent, crates: 1 });

    const { world, done } = createMemoryWorld();
    const fast = await openEngine(world, { database, clock: fastClock, node: 'fast', isAlone: false });
    assert.deepEqual(done(), [], 'the lease holds');
    fastClock.advance(31_000);
    await fast.engine.idle();
    assert.deepEqual(done(), ['p: load 0 for leg 1', 'p: ring']);
    const journal = await readJournal(database, 'toy.parcel', 'p');

    slowClock.advance(31_000);
    await until(() => slowSignal?.aborted === true);
    gate.resolve();
    await slow.engine.stop(0);
    assert.deepEqual(await readJournal(database, 'toy.parcel', 'p'), journal);
  });

  test('signs of life keep a lease for as long as the effect runs', async () => {
    const database = await openEngineDatabase();
    const clock = createFakeClock();
    const gate = Promise.withResolvers<void>();
    const holder = await openEngine(() => gate.promise, { database, clock, node: 'holder', isAlone: false });
    await holder.engine.send(holder.machine, 'p', { ...sent, crates: 1 });
    const { world, asked } = createMemoryWorld();
    const other = await openEngine(world, { database, clock, node: 'other', isAlone: false });
    for (let beats = 0; beats < 5; beats++) {
      const before = await leaseEnd(database);
      clock.advance(10_000);
      await until(async () => (await leaseEnd(database)) > before);
    }
    assert.equal(asked(), 0);
    gate.resolve();
    await until(async () => (await holder.engine.read(holder.machine, 'p'))?.status === 'Arrived');
    await other.engine.stop(0);
  });

  test('a node that takes anew what it lost without noticing aborts its earlier performance', async () => {
    const database = await openEngineDatabase();
    const clock = createFakeClock();
    const signals: AbortSignal[] = [];
    const world: World = async (_, __, signal) => {
      signals.push(signal);
      if (signals.length === 1) await new Promise((resolve) => (signal.onabort = resolve));
    };
    const { engine, machine } = await openEngine(world, { database, clock });
    await engine.send(machine, 'p', { ...sent, crates: 1 });
    await database.transaction(async (transaction) => {
      await transaction
        .withTables<{ engine_effects: { due_at: number } }>()
        .updateTable('engine_effects')
        .set({ due_at: clock.now() })
        .execute();
    });
    clock.advance(5_000);
    await engine.idle();
    assert.deepEqual(
      signals.map((signal) => signal.aborted),
      [true, false, false],
    );
    assert.equal((await engine.read(machine, 'p'))?.status, 'Arrived');
  });

  test('more effects than hands wait in the database and are all performed', async () => {
    const database = await openEngineDatabase();
    let now = 0;
    let most = 0;
    const world: World = async () => {
      most = Math.max(most, ++now);
      await new Promise(setImmediate);
      now--;
    };
    const { engine, machine } = await openEngine(world, { database, limits: { effectsAtOnceMax: 4 } });
    await engine.send(machine, 'p', { ...sent, crates: 40 });
    await engine.idle();
    assert.equal((await engine.read(machine, 'p'))?.status, 'Arrived');
    assert.ok(most <= 8, `${most} at once`);
  });

  test('a forgotten machine leaves nothing, and its next life has effect ids of its own', async () => {
    const database = await openEngineDatabase();
    const ids = new Set<string>();
    const { engine, machine } = await openEngine(async (id) => void ids.add(id), { database });
    for (let life = 1; life <= 2; life++) {
      await engine.send(machine, 'p', sent);
      await engine.idle();
      await engine.forget(machine, 'p');
      assert.equal(await engine.read(machine, 'p'), undefined);
      assert.deepEqual(await readJournal(database, machine.kind, 'p'), []);
      assert.equal(ids.size, life * 3);
    }
  });

  test('effects of machines that this node does not know stay for another', async () => {
    const database = await openEngineDatabase();
    const { world, done } = createMemoryWorld();
    const first = await openEngine(world, { database }, false);
    await first.engine.send(first.machine, 'p', sent);
    const stranger = createEngine({ database, clock: systemClock, log: silentLog });
    engines.push(stranger);
    stranger.register({ ...createParcelMachine(world), kind: 'toy.other' } as { kind: string });
    await stranger.start();
    await stranger.idle();
    assert.deepEqual(done(), []);
    await first.engine.start();
    await first.engine.idle();
    assert.equal(done().length, 3);
  });

  test('a machine that stays due without changing is asked again only after a pause', async () => {
    const database = await openEngineDatabase();
    const clock: Clock & { advance(ms: number): void } = createFakeClock();
    const engine = createEngine({ database, clock, log: silentLog });
    engines.push(engine);
    let asked = 0;
    const machine = {
      ...createParcelMachine(createMemoryWorld().world),
      decider: {
        ...parcelDecider,
        decide: ((state, event) => {
          if (event.type === 'TimePassed') asked++;
          return event.type === 'TimePassed' ? { state, effects: [] } : parcelDecider.decide(state, event);
        }) as typeof parcelDecider.decide,
        wakeAt: () => 1,
      },
    };
    engine.register(machine);
    await engine.start();
    await engine.send(machine, 'p', { ...sent, crates: 1 });
    await engine.idle();
    const before = asked;
    clock.advance(29_000);
    await engine.idle();
    assert.equal(asked, before);
    clock.advance(2_000);
    await until(() => asked === before + 1);
  });
});

async function leaseEnd(database: Database): Promise<number> {
  type Tables = { engine_effects: { due_at: number } };
  const query = database.read.withTables<Tables>().selectFrom('engine_effects').select('due_at');
  return (await query.executeTakeFirstOrThrow()).due_at;
}

/** Waits through the engine's own quiet moments until `holds`. */
async function waitFor(engine: Engine, holds: () => Promise<boolean>): Promise<void> {
  await until(async () => {
    await engine.idle();
    return await holds();
  });
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(setImmediate);
}
