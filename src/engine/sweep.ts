/**
 * The sweep: finds what is due in the database, whoever left it there. One timer stands for the earliest due time this
 * node knows of, and at the latest every few seconds it looks again, for what other nodes left. Due effects are taken
 * under a lease; due machines receive `TimePassed`, and only if they are still due inside the transaction.
 */

import type { Context } from './context.ts';
import { decide, follow, readMachine } from './decision.ts';
import type { Decided } from './decision.ts';
import { retryConflicts } from './retry.ts';
import { runStatement } from './tables.ts';
import type { EffectRow, MachineRow } from './tables.ts';

/** The pause after a sweep that failed, so that a broken database is not asked without end. */
const AGAIN_MS = 1_000;

export interface Sweep {
  start(): void;
  stop(): Promise<void>;
  /** Something will be due at that time. */
  dueAt(at: number): void;
  /** An effect has left this node's hands; in time this fetches more of those that wait. */
  handsFree(): void;
  /** Whether a sweep is going on. */
  isBusy(): boolean;
}

/** `onChange` is called after each sweep. */
export function createSweep(context: Context, onChange: () => void): Sweep {
  const { clock, log, limits, statements } = context;
  const kinds = [...context.machines.keys()];
  /** Parameters of the statements about effects that this node takes. */
  const mine = [...kinds.filter((kind) => context.takes(kind, null)), ...kinds, context.place];
  let phase: 'new' | 'running' | 'stopped' = 'new';
  let current: Promise<void> | undefined;
  /** Something became due since the current sweep began to look. */
  let isWanted = false;
  /** More effects were due than this node could take. */
  let hasBacklog = false;
  let timer: { readonly at: number; readonly cancel: () => void } | undefined;

  function arm(at: number): void {
    if (phase !== 'running' || (timer && timer.at <= at)) return;
    timer?.cancel();
    timer = undefined;
    if (at <= clock.now()) return run();
    timer = { at, cancel: clock.callAt(at, run) };
  }

  function run(): void {
    timer = undefined;
    if (phase !== 'running') return;
    isWanted = true;
    current ??= sweepWhileWanted().finally(() => {
      current = undefined;
      if (isWanted) run();
      onChange();
    });
  }

  async function sweepWhileWanted(): Promise<void> {
    try {
      while (isWanted && phase === 'running') {
        isWanted = false;
        await takeEffects();
        await wakeMachines();
        arm(Math.min(await findNext(), clock.now() + limits.sweepMs));
      }
    } catch (error) {
      isWanted = false;
      log.error('the sweep failed', { error });
      arm(clock.now() + AGAIN_MS);
    }
  }

  async function takeEffects(): Promise<void> {
    const capacity = context.hooks.capacity();
    const isDue = (await earliest(statements.nextEffect, mine)) <= clock.now();
    hasBacklog = isDue;
    if (!isDue || capacity === 0) return;
    const rows = await context.database.transaction(async (transaction) => {
      const now = clock.now();
      const parameters = [context.owner, now + limits.leaseMs, now, ...mine, capacity];
      return (await runStatement<EffectRow>(transaction, statements.takeEffects, parameters)).rows;
    }, 'snapshot');
    hasBacklog = rows.length === capacity;
    context.hooks.perform(rows);
  }

  async function wakeMachines(): Promise<void> {
    const parameters = [clock.now(), ...kinds, limits.wakesPerSweepMax];
    const due = await runStatement<MachineRow>(context.database.read, statements.dueMachines, parameters);
    await Promise.all(due.rows.map((row) => wake(row.kind, row.id)));
  }

  async function wake(kind: string, id: string): Promise<void> {
    try {
      const chance = context.chance();
      const work = async () =>
        await context.database.transaction(
          (transaction) => passTime(transaction, kind, id, chance),
          'snapshot',
        );
      const decided = await retryConflicts(context, work);
      if (decided) follow(context, decided);
    } catch (error) {
      log.error('a machine could not be woken', { kind, id, error });
      await postpone(kind, id);
    }
  }

  async function passTime(
    transaction: typeof context.database.read,
    kind: string,
    id: string,
    chance: string,
  ): Promise<Decided | undefined> {
    const row = await readMachine(context, transaction, kind, id);
    const machine = context.machines.get(kind);
    const isDue = row !== undefined && row.wake_at !== null && row.wake_at <= clock.now();
    if (!isDue || !machine) return undefined;
    const decided = await decide(context, transaction, machine, id, { type: 'TimePassed' }, chance);
    if (decided.changed) return decided;
    // Still due, and nothing came of it: without a pause this would go on without end.
    log.warn('a machine is due but time changes nothing', { kind, id });
    const again = clock.now() + limits.wakeAgainMs;
    await runStatement(transaction, statements.postponeWake, [again, kind, id, row.revision]);
    return decided;
  }

  async function postpone(kind: string, id: string): Promise<void> {
    await context.database.transaction(async (transaction) => {
      const row = await readMachine(context, transaction, kind, id);
      if (!row) return;
      const again = clock.now() + limits.wakeAgainMs;
      await runStatement(transaction, statements.postponeWake, [again, kind, id, row.revision]);
    }, 'snapshot');
  }

  /** The earliest time at which there is something to do; effects do not count while no hands are free. */
  async function findNext(): Promise<number> {
    const wake = await earliest(statements.nextWake, kinds);
    return context.hooks.capacity() === 0
      ? wake
      : Math.min(wake, await earliest(statements.nextEffect, mine));
  }

  async function earliest(sql: string, parameters: readonly string[]): Promise<number> {
    const { rows } = await runStatement<{ at: number | null }>(context.database.read, sql, parameters);
    return rows[0]?.at ?? Infinity;
  }

  return {
    start() {
      phase = 'running';
      run();
    },
    async stop() {
      phase = 'stopped';
      timer?.cancel();
      await current;
    },
    dueAt: arm,
    handsFree() {
      if (hasBacklog && context.hooks.capacity() >= limits.effectsAtOnceMax / 4) arm(clock.now());
    },
    isBusy: () => current !== undefined,
  };
}
