/**
 * The engine: makes machines durable, as `machine.ts` promises. This page joins its parts; each is one thought:
 * `decision.ts` one decision in one transaction, `effects.ts` the workers, `sweep.ts` what is due.
 */

import type { Kysely } from 'kysely';
import { assert } from '#base/assert.ts';
import { createChance } from '#base/chance.ts';
import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { Database } from '#store/database.ts';
import type { Context } from './context.ts';
import { decide, follow, readMachine, stateOf } from './decision.ts';
import { createWorkers } from './effects.ts';
import { defaultLimits } from './limits.ts';
import type { EngineLimits } from './limits.ts';
import type { Engine, Machine } from './machine.ts';
import { freeEffects, freeGone, listenToOthers } from './others.ts';
import { retryConflicts } from './retry.ts';
import { createSweep } from './sweep.ts';
import type { Sweep } from './sweep.ts';
import { createStatements, runStatement } from './tables.ts';
import { createTurns } from './turns.ts';

export { engineMigrations } from './tables.ts';
export { readJournal, replay } from './journal.ts';

export interface EngineOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** Names this node in the database, for people. */
  readonly node?: string;
  /** 32 hexadecimal digits a call; tests and the simulation pass a seeded one. */
  readonly chance?: () => string;
  readonly limits?: Partial<EngineLimits>;
  /**
   * No other engine works on this database, so that leases found at the start are left from a crash and can be taken
   * at once. So it is on SQLite, unless a test runs several engines on one file.
   */
  readonly isAlone?: boolean;
  /**
   * Whether the node of that name has ended for certain; then what it held is free when this one starts, and need not
   * wait for the end of its leases.
   */
  readonly isGone?: (node: string) => boolean;
  /** Where this node stands; orders for other places are left alone. Nodes at one place can do each other's work. */
  readonly place?: string;
  /**
   * The kinds whose effects this node takes; by default all. The others are decided and woken here as anywhere, and
   * their effects wait for other nodes, unless they are ordered for this place.
   */
  readonly performs?: (kind: string) => boolean;
}

export function createEngine(options: EngineOptions): Engine {
  const { database, clock, log, node = 'node', chance = createChance, place = '' } = options;
  const performs = options.performs ?? (() => true);
  const isAlone = options.isAlone ?? database.dialect === 'sqlite';
  const machines = new Map<string, Machine>();
  // On SQLite the writer's queue already is the turn.
  const turns = database.dialect === 'postgres' ? createTurns() : undefined;
  const context: Context = {
    database,
    clock,
    log,
    limits: { ...defaultLimits, ...options.limits },
    owner: `${node}/${chance()}`,
    chance,
    machines,
    place,
    takes: (kind, at) => (at === null ? performs(kind) : at === place && machines.has(kind)),
    statements: createStatements(database.dialect, 0),
    hooks: {
      capacity: () => workers.capacity(),
      perform: (effects) => workers.perform(effects),
      dueAt: (at) => sweep?.dueAt(at),
    },
  };
  const workers = createWorkers(context, () => {
    sweep?.handsFree();
    notify();
  });
  let sweep: Sweep | undefined;
  let changes = 0;
  let waiting: (() => void)[] = [];
  const notify = () => {
    changes++;
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  };

  async function isIdle(): Promise<boolean> {
    if (workers.running() > 0 || sweep?.isBusy()) return false;
    const kinds = [...machines.keys()];
    const { statements } = context;
    const mine = [...kinds.filter(performs), ...kinds, place];
    const effects = await runStatement(database.read, statements.anyEffect, mine);
    if (effects.rows.length > 0) return false;
    return (
      (await runStatement(database.read, statements.dueMachines, [clock.now(), ...kinds, 1])).rows.length ===
      0
    );
  }

  const engine: Engine = {
    register(machine) {
      assert(!sweep, `${machine.kind} is registered after the start`);
      assert(!machines.has(machine.kind), `${machine.kind} is registered twice`);
      machines.set(machine.kind, machine as Machine);
      const performed = [...machines.keys()].filter(performs).length;
      context.statements = createStatements(database.dialect, machines.size, performed);
    },
    async send(machine, id, event, alongside) {
      const named = machine as unknown as Machine;
      assert(machines.get(machine.kind) === named, `${machine.kind} is not registered`);
      const drawn = chance();
      const work = async (transaction: Kysely<unknown>) => {
        await alongside?.(transaction);
        return await decide(context, transaction, named, id, event, drawn);
      };
      // A room's own rows may depend on what it read; the machine alone is fenced by its revision.
      const run = () => database.transaction(work, alongside ? 'serializable' : 'snapshot');
      const attempt = () => retryConflicts(context, run);
      const decided = await (turns ? turns.take(`${machine.kind}:${id}`, attempt) : attempt());
      follow(context, decided);
      if (decided.taken.length === 0) notify();
      assert(
        decided.state !== undefined,
        `${machine.kind} ${id} does not exist, and ${event.type} does not create it`,
      );
      return { state: decided.state as never, value: decided.value, changed: decided.changed };
    },
    async read(machine, id) {
      const row = await readMachine(context, database.read, machine.kind, id);
      return row && (stateOf(machine as unknown as Machine, row) as never);
    },
    async forget(machine, id) {
      await database.transaction(async (transaction) => {
        const { deleteEffects, deleteJournal, deleteMachine } = context.statements;
        for (const sql of [deleteEffects, deleteJournal, deleteMachine]) {
          await runStatement(transaction, sql, [machine.kind, id]);
        }
      }, 'snapshot');
      notify();
    },
    async leavePlace(left, alongside) {
      assert(left !== place, 'a node does not leave its own place');
      await database.transaction(async (transaction) => {
        if (!(await alongside(transaction))) return;
        const parameters = [clock.now(), left];
        await freeEffects(context, transaction, context.statements.leavePlace, parameters);
      });
      sweep?.dueAt(clock.now());
    },
    async start() {
      assert(!sweep, 'the engine is started twice');
      sweep = createSweep(context, () => notify());
      if (isAlone) {
        await database.transaction(async (transaction) => {
          await runStatement(transaction, context.statements.releaseAllEffects, [clock.now()]);
        }, 'snapshot');
      }
      if (options.isGone) await freeGone(context, options.isGone);
      workers.start();
      sweep.start();
      listenToOthers(context, () => sweep?.dueAt(clock.now()));
    },
    async stop(graceMs) {
      await sweep?.stop();
      await workers.stop(graceMs);
      notify();
    },
    async idle() {
      for (;;) {
        const seen = changes;
        if (await isIdle()) return;
        if (seen === changes) await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
  return engine;
}
