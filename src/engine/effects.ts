/**
 * The workers: perform effects under a lease, and hand the results back to the machines.
 *
 *   taken ─ perform ─┬─ resolves ─▶ one transaction: remove the effect, decide the result event
 *                    ├─ throws ───▶ free it, due after a pause; after the last failure decide `EffectFailed` instead
 *                    └─ lease lost ▶ signal aborted; whatever still comes is fenced off by owner and attempt
 *
 * If a transaction here fails, nothing was changed: the lease runs out and the effect is delivered again.
 */

import { isFault } from '#base/fault.ts';
import { present } from '#base/assert.ts';
import type { Kysely } from 'kysely';
import type { Context } from './context.ts';
import { decide, follow } from './decision.ts';
import type { Decided } from './decision.ts';
import type { EngineEvent, Machine, Order } from './machine.ts';
import { freeEffects } from './others.ts';
import { retryConflicts } from './retry.ts';
import { runStatement } from './tables.ts';
import type { EffectRow } from './tables.ts';

const MESSAGE_LENGTH_MAX = 2_000;
/** Leases that one transaction renews. */
const RENEWALS_MAX = 200;

export interface Workers {
  capacity(): number;
  perform(effects: readonly EffectRow[]): void;
  /** How many effects are in this node's hands. */
  running(): number;
  start(): void;
  stop(graceMs: number): Promise<void>;
}

interface Running {
  readonly row: EffectRow;
  readonly controller: AbortController;
  leaseUntil: number;
}

/** `onChange` is called whenever an effect has left this node's hands. */
export function createWorkers(context: Context, onChange: () => void): Workers {
  const { clock, limits, log, owner } = context;
  const running = new Set<Running>();
  let phase: 'new' | 'running' | 'stopping' | 'stopped' = 'new';
  let cancelBeat = () => {};
  /** Called when the last running effect ends, while stopping. */
  let onDrained = () => {};

  async function deliver(item: Running): Promise<void> {
    const { row } = item;
    const machine = present(context.machines.get(row.kind), `the machine ${row.kind}`);
    try {
      const event = await performOnce(machine, item);
      if (phase !== 'stopped') await complete(context, machine, row, event);
    } catch (error) {
      if (phase !== 'stopped' && !item.controller.signal.aborted) await fail(machine, row, error);
    } finally {
      running.delete(item);
      if (running.size === 0) onDrained();
      onChange();
    }
  }

  async function performOnce(machine: Machine, item: Running): Promise<{ type: string } | undefined> {
    const { row, controller } = item;
    if (row.attempt > limits.deliveriesMax)
      throw new Error(`delivered ${limits.deliveriesMax} times without an end`);
    const effect = JSON.parse(row.effect) as Order;
    const perform = machine.effects[effect.type];
    if (!perform) throw new Error(`${row.kind} has no handler for ${effect.type}`);
    return await perform(effect as never, {
      effectId: row.id,
      machineId: row.machine,
      attempt: row.attempt,
      signal: controller.signal,
    });
  }

  async function fail(machine: Machine, row: EffectRow, error: unknown): Promise<void> {
    const failures = row.failures + 1;
    const isLast = failures >= limits.failuresMax || row.attempt > limits.deliveriesMax;
    log.warn('an effect failed', { effectId: row.id, attempt: row.attempt, failures, isLast, error });
    try {
      if (isLast) return await complete(context, machine, row, effectFailed(row, error));
    } catch (failure) {
      log.error('a machine could not decide the failure of its effect', { effectId: row.id, error: failure });
    }
    await retryLater(row, Math.min(failures, limits.failuresMax - 1), isLast);
  }

  async function retryLater(row: EffectRow, failures: number, isLast: boolean): Promise<void> {
    const pause = isLast ? limits.pauseMsMax : limits.pauseMsMin * 2 ** (failures - 1);
    const dueAt = clock.now() + Math.min(pause, limits.pauseMsMax);
    try {
      await context.database.transaction(async (transaction) => {
        const fence = [row.id, owner, row.attempt];
        await runStatement(transaction, context.statements.retryEffect, [failures, dueAt, ...fence]);
      }, 'snapshot');
      context.hooks.dueAt(dueAt);
    } catch (error) {
      log.error('an effect waits for the end of its lease', { effectId: row.id, error });
      context.hooks.dueAt(clock.now() + limits.leaseMs);
    }
  }

  /**
   * Shows a sign of life for what has been in our hands for a while; what is no longer ours is aborted. Young leases
   * last until the next beat, so that renewing does not get in the way of the many effects that end quickly.
   */
  async function renewLeases(): Promise<void> {
    const young = clock.now() + (limits.leaseMs * 2) / 3;
    const items = [...running].filter((item) => item.leaseUntil <= young);
    for (let i = 0; i < items.length; i += RENEWALS_MAX) await renew(items.slice(i, i + RENEWALS_MAX));
  }

  async function renew(items: readonly Running[]): Promise<void> {
    const until = clock.now() + limits.leaseMs;
    try {
      const lost = await context.database.transaction(async (transaction) => {
        const lost: Running[] = [];
        for (const item of items) {
          const fence = [item.row.id, owner, item.row.attempt];
          const { count } = await runStatement(transaction, context.statements.renewEffect, [
            until,
            ...fence,
          ]);
          if (count === 0) lost.push(item);
        }
        return lost;
      }, 'snapshot');
      for (const item of items) item.leaseUntil = until;
      for (const item of lost) item.controller.abort(new Error('the lease was lost'));
    } catch (error) {
      log.warn('leases could not be renewed', { error });
      const now = clock.now();
      const expired = items.filter((item) => item.leaseUntil <= now);
      for (const item of expired) item.controller.abort(new Error('the lease ran out'));
    }
  }

  /** We took an effect anew whose lease we had lost without noticing, as after a pause of the process. */
  function abortEarlier(id: string): void {
    const earlier = [...running].filter((item) => item.row.id === id);
    for (const item of earlier) item.controller.abort(new Error('the lease was lost'));
  }

  function beat(): void {
    cancelBeat = clock.callAt(clock.now() + limits.leaseMs / 3, () => {
      void renewLeases().finally(() => {
        if (phase === 'running' || phase === 'stopping') beat();
      });
    });
  }

  /** Lets others take at once what we hold; if that fails, they wait for the end of our leases. */
  async function release(): Promise<void> {
    try {
      await context.database.transaction(async (transaction) => {
        await freeEffects(context, transaction, context.statements.releaseEffects, [clock.now(), owner]);
      }, 'snapshot');
    } catch (error) {
      log.warn('effects wait for the end of their leases', { error });
    }
  }

  return {
    capacity: () => (phase === 'running' ? Math.max(0, limits.effectsAtOnceMax - running.size) : 0),
    running: () => running.size,
    perform(effects) {
      if (phase === 'stopped') {
        // Committed while we stopped: nobody is here to perform them, so others may at once.
        void release();
        return;
      }
      for (const row of effects) {
        if (row.attempt > 1) abortEarlier(row.id);
        const item = { row, controller: new AbortController(), leaseUntil: row.due_at };
        running.add(item);
        void deliver(item);
      }
    },
    start() {
      phase = 'running';
      beat();
    },
    async stop(graceMs) {
      if (phase === 'stopped') return;
      phase = 'stopping';
      if (running.size > 0 && graceMs > 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        onDrained = resolve;
        const cancel = clock.callAt(clock.now() + graceMs, resolve);
        await promise;
        cancel();
      }
      phase = 'stopped';
      cancelBeat();
      for (const item of running) item.controller.abort(new Error('the engine stops'));
      await release();
    },
  };
}

/** Removes the effect and decides its result in one transaction; does nothing when the lease was lost. */
async function complete(
  context: Context,
  machine: Machine,
  row: EffectRow,
  event: { readonly type: string } | undefined,
): Promise<void> {
  const chance = context.chance();
  const work = async (transaction: Kysely<unknown>): Promise<Decided | undefined> => {
    const fence = [row.id, row.owner, row.attempt];
    const { count } = await runStatement(transaction, context.statements.endEffect, fence);
    if (count === 0 || event === undefined) return undefined;
    return await decide(context, transaction, machine, row.machine, event, chance);
  };
  try {
    const decided = await retryConflicts(context, () => context.database.transaction(work, 'snapshot'));
    if (decided) follow(context, decided);
  } catch (error) {
    if (!isFault(error)) throw error;
    // The machine refuses the result; that is its last word about this effect.
    context.log.warn('a machine refused the result of its effect', { effectId: row.id, error });
    await complete(context, machine, row, undefined);
  }
}

function effectFailed(row: EffectRow, error: unknown): EngineEvent {
  const effect = JSON.parse(row.effect) as Order;
  const message = error instanceof Error ? error.message : String(error);
  return {
    type: 'EffectFailed',
    effectType: effect.type,
    effect,
    message: message.slice(0, MESSAGE_LENGTH_MAX),
  };
}
