/** Who takes which effects: nodes that perform some kinds only, orders for one place, and how nodes call each other. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { migrate } from '#store/database.ts';
import { onEveryDatabase } from '#test/support/databases.ts';
import { createMemoryWorld, createParcelMachine, parcelDecider } from '#test/support/toy.ts';
import type { Parcel, ParcelEffect, ParcelEvent, World } from '#test/support/toy.ts';
import { createEngine, engineMigrations } from './engine.ts';
import type { EngineOptions } from './engine.ts';
import type { Engine, Machine } from './machine.ts';

const sent = { type: 'ParcelSent', legs: 1, crates: 2, restMs: 0 } as const;

onEveryDatabase((databases) => {
  const engines: Engine[] = [];
  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.stop(0);
  });

  /** Parcels whose crates can only be loaded in that harbour. */
  const parcelsOf = (world: World, place?: string): Machine<Parcel, ParcelEvent, ParcelEffect> => {
    const machine = createParcelMachine(world);
    if (place === undefined) return machine;
    const decider: Machine<Parcel, ParcelEvent, ParcelEffect>['decider'] = {
      ...parcelDecider,
      decide(state, event) {
        const decision = parcelDecider.decide(state, event);
        return { ...decision, effects: decision.effects.map((effect) => ({ ...effect, place })) };
      },
    };
    return { ...machine, decider };
  };

  const open = async (
    machine: Machine<Parcel, ParcelEvent, ParcelEffect>,
    options: Omit<EngineOptions, 'clock' | 'log'>,
  ) => {
    const engine = createEngine({ clock: systemClock, log: silentLog, isAlone: false, ...options });
    engines.push(engine);
    engine.register(machine);
    await engine.start();
    return engine;
  };

  const createPair = async () => {
    const database = await databases.open();
    await migrate(database, engineMigrations);
    return database;
  };

  test('a node decides and wakes what it does not perform, and leaves the effects to others', async () => {
    const database = await createPair();
    const { world, done } = createMemoryWorld();
    const machine = parcelsOf(world);
    const performs = (kind: string) => kind !== 'toy.parcel';
    const desk = await open(machine, { database, performs });
    await desk.send(machine, 'p', sent);
    await desk.idle();
    assert.deepEqual(done(), []);
    const crane = await open(machine, { database });
    await crane.idle();
    assert.equal(done().length, 3);
    assert.equal((await desk.read(machine, 'p'))?.status, 'Arrived');
  });

  test('what is ordered for a place is done there, until nobody will come back to it', async () => {
    const database = await createPair();
    const { world, done } = createMemoryWorld();
    const machine = parcelsOf(world, 'harbour');
    const elsewhere = await open(machine, { database, place: 'airport' });
    await elsewhere.send(machine, 'p', sent);
    await elsewhere.idle();
    assert.deepEqual(done(), []);
    const there = await open(machine, { database, place: 'harbour', performs: () => false });
    await there.idle();
    assert.equal(done().length, 3);
    await there.stop(0);

    await elsewhere.send(machine, 'q', sent);
    await elsewhere.leavePlace('harbour', () => Promise.resolve(false));
    await elsewhere.idle();
    assert.equal(done().length, 3);
    // What follows from them is ordered for the harbour again.
    await elsewhere.leavePlace('harbour', () => Promise.resolve(true));
    await elsewhere.idle();
    await elsewhere.leavePlace('harbour', () => Promise.resolve(true));
    await elsewhere.idle();
    assert.equal(done().length, 6);
  });

  if (databases.dialect === 'postgres') {
    test('nodes call each other, long before the sweep would look', async () => {
      const place = await databases.createPlace();
      const first = await databases.open(place);
      await migrate(first, engineMigrations);
      const { world, done } = createMemoryWorld();
      const machine = parcelsOf(world, 'harbour');
      const limits = { sweepMs: 60_000 };
      const desk = await open(machine, { database: first, limits });
      await open(machine, { database: await databases.open(place), limits, place: 'harbour' });
      await desk.send(machine, 'p', sent);
      const from = performance.now();
      while (done().length < 3 && performance.now() - from < 10_000) await new Promise(setImmediate);
      assert.equal(done().length, 3);
      assert.ok(performance.now() - from < 2_000, `it took ${performance.now() - from} ms`);
    });
  }
});
