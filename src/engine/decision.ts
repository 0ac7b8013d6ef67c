/**
 * One decision inside one transaction: reads the machine, decides, and writes state, journal, effects and wake time.
 * What follows from it outside the database happens in `follow`, after the commit.
 */

import { Fault } from '#base/fault.ts';
import { assert } from '#base/assert.ts';
import type { Kysely } from 'kysely';
import type { Context } from './context.ts';
import type { EngineEvent, Machine, Order, Stamp } from './machine.ts';
import { tellOthers } from './others.ts';
import { runStatement } from './tables.ts';
import type { EffectRow, MachineRow } from './tables.ts';

/** Another node decided on the same machine first; decide again. */
export class Conflict extends Error {
  override readonly name = 'Conflict';
}

export interface Decided {
  /** `undefined` when there is no machine, before and after. */
  readonly state: unknown;
  readonly value: unknown;
  readonly changed: boolean;
  readonly wakeAt: number | undefined;
  /** Leased to this node already; the others wait in the database. */
  readonly taken: readonly EffectRow[];
  /** When an effect that this node has not taken is due. */
  readonly leftAt: number | undefined;
}

type StoredMachine = Omit<MachineRow, 'kind' | 'id'>;

/** Throws the decision's fault; the transaction must then be rolled back. */
export async function decide(
  context: Context,
  transaction: Kysely<unknown>,
  machine: Machine,
  id: string,
  event: { readonly type: string },
  chance: string,
): Promise<Decided> {
  const row = await readMachine(context, transaction, machine.kind, id);
  const before = row && stateOf(machine, row);
  const stamped = { ...event, at: context.clock.now(), chance };
  const decision = machine.decider.decide(before, stamped);
  if (decision.reply && 'fault' in decision.reply) {
    const { code, message, members } = decision.reply.fault;
    throw new Fault(code, message, members ? { members } : {});
  }
  const value = decision.reply?.value;
  if (decision.state === undefined) {
    assert(row === undefined, `${machine.kind} ${id} lost its state while deciding ${event.type}`);
    assert(decision.effects.length === 0, `${machine.kind} ${id} orders effects without a state`);
    return { state: undefined, value, changed: false, wakeAt: undefined, taken: [], leftAt: undefined };
  }
  const text = JSON.stringify(decision.state);
  const isSame = row !== undefined && decision.effects.length === 0 && text === textOf(machine, row, before);
  if (isSame) {
    const wakeAt = row.wake_at ?? undefined;
    return { state: before, value, changed: false, wakeAt, taken: [], leftAt: undefined };
  }
  const born = row?.born ?? chance.slice(0, 8);
  const revision = (row?.revision ?? 0) + 1;
  const wakeAt = await writeMachine(context, transaction, machine, id, {
    row,
    born,
    text,
    state: decision.state,
  });
  await writeJournal(context, transaction, machine, id, revision, stamped);
  const effects = await writeEffects(
    context,
    transaction,
    decision.effects,
    machine.kind,
    id,
    `${born}.${revision}`,
  );
  await machine.record?.(transaction, {
    id,
    before,
    after: decision.state,
    event: stamped,
    effects: decision.effects,
  });
  return { state: decision.state, value, changed: true, wakeAt, ...effects };
}

/** After the commit: performs the taken effects and sees to it that nothing due is forgotten. */
export function follow(context: Context, decided: Decided): void {
  if (decided.taken.length > 0) context.hooks.perform(decided.taken);
  if (decided.changed && decided.wakeAt !== undefined) context.hooks.dueAt(decided.wakeAt);
  if (decided.leftAt !== undefined) context.hooks.dueAt(decided.leftAt);
}

export async function readMachine(
  context: Context,
  kysely: Kysely<unknown>,
  kind: string,
  id: string,
): Promise<StoredMachine | undefined> {
  const { rows } = await runStatement<StoredMachine>(kysely, context.statements.readMachine, [kind, id]);
  return rows[0];
}

/** The stored state, lifted to the version that this node knows. */
export function stateOf(machine: Machine, row: Pick<MachineRow, 'version' | 'state'>): unknown {
  const { version, lift } = machine.decider;
  const state: unknown = JSON.parse(row.state);
  if (row.version === version) return state;
  assert(row.version < version, `${machine.kind} was stored by a newer Slipway (version ${row.version})`);
  assert(lift !== undefined, `${machine.kind} cannot lift states of version ${row.version}`);
  return lift(state, row.version);
}

/** The text to compare with: of the state as the decision saw it. */
function textOf(machine: Machine, row: StoredMachine, before: unknown): string {
  return row.version === machine.decider.version ? row.state : JSON.stringify(before);
}

async function writeMachine(
  context: Context,
  transaction: Kysely<unknown>,
  machine: Machine,
  id: string,
  next: { row: StoredMachine | undefined; born: string; text: string; state: unknown },
): Promise<number | undefined> {
  const { row, born, text } = next;
  const { decider, kind } = machine;
  const { statements, limits } = context;
  assert(
    text.length <= limits.stateLengthMax,
    `the state of ${kind} ${id} is longer than ${limits.stateLengthMax}`,
  );
  const wakeAt = decider.wakeAt?.(next.state);
  assert(wakeAt === undefined || Number.isSafeInteger(wakeAt), `${kind} ${id} wants to wake at ${wakeAt}`);
  const { count } = row
    ? await runStatement(transaction, statements.updateMachine, [
        decider.version,
        text,
        wakeAt ?? null,
        kind,
        id,
        row.revision,
      ])
    : await runStatement(transaction, statements.insertMachine, [
        kind,
        id,
        born,
        decider.version,
        text,
        wakeAt ?? null,
      ]);
  if (count !== 1) throw new Conflict(`${kind} ${id} changed meanwhile`);
  return wakeAt;
}

async function writeJournal(
  context: Context,
  transaction: Kysely<unknown>,
  machine: Machine,
  id: string,
  revision: number,
  event: ({ readonly type: string } | EngineEvent) & Stamp,
): Promise<void> {
  const { at, chance, ...rest } = event;
  await runStatement(transaction, context.statements.insertJournal, [
    machine.kind,
    id,
    revision,
    at,
    chance,
    machine.decider.version,
    JSON.stringify(rest),
  ]);
  const { journalEventsMin } = context.limits;
  if (revision % Math.ceil(journalEventsMin / 10) !== 0 || revision <= journalEventsMin) return;
  const { shortenJournal } = context.statements;
  await runStatement(transaction, shortenJournal, [machine.kind, id, revision - journalEventsMin]);
}

async function writeEffects(
  context: Context,
  transaction: Kysely<unknown>,
  effects: readonly Order[],
  kind: string,
  machine: string,
  origin: string,
): Promise<{ taken: EffectRow[]; leftAt: number | undefined }> {
  const { limits, statements, owner } = context;
  assert(
    effects.length <= limits.effectsPerDecisionMax,
    `${kind} ${machine} orders ${effects.length} effects at once`,
  );
  const now = context.clock.now();
  let capacity = context.hooks.capacity();
  const rows = effects.map((effect, index): EffectRow => {
    const place = effect.place ?? null;
    const isTaken = context.takes(kind, place) && capacity-- > 0;
    return {
      id: `${kind}:${machine}#${origin}.${index}`,
      kind,
      machine,
      effect: JSON.stringify(effect),
      ...(isTaken
        ? { attempt: 1, owner, due_at: now + limits.leaseMs }
        : { attempt: 0, owner: null, due_at: now }),
      failures: 0,
      place,
    };
  });
  for (const row of rows) {
    const { id, effect, attempt, due_at, place } = row;
    await runStatement(transaction, statements.insertEffect, [
      id,
      kind,
      machine,
      effect,
      attempt,
      row.owner,
      due_at,
      place,
    ]);
  }
  const left = rows.filter((row) => row.owner === null);
  for (const row of left) await tellOthers(context, transaction, row);
  return {
    taken: rows.filter((row) => row.owner !== null),
    leftAt: left.some((row) => context.takes(row.kind, row.place)) ? now : undefined,
  };
}
