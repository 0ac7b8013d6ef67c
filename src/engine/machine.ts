/**
 * What the engine makes durable: machines. A machine is a state, changed only by a pure decision over an event,
 * which may order effects. This file is the contract between the rooms and the engine; it names no service.
 *
 *   send(event) ─▶ one transaction: read state ─ decide ─ write state, journal, effects, wake time, rows
 *                                                                                   │
 *   send(result event) ◀─ perform(effect) ◀─ lease ◀─ any worker on any node ◀──────┘
 *
 * The life of an effect: it is stored in the transaction of its decision, under an id that never changes and never
 * comes again (the machine's kind, id and birth, its revision, an index; take it as it is, at most 512 characters).
 * One worker at a time holds its lease, on any node, or on those at the place that the order names. `perform` may be
 * called again with the same id after a crash, so it re-attaches to what already runs, or repeats harmlessly under
 * that id. The event it returns is decided in the transaction that removes the effect. If it throws, it is called
 * again with growing pauses; after the last attempt the machine receives `EffectFailed`.
 *
 * Time: `wakeAt(state)` is a function of the state. When that time comes the machine receives `TimePassed`; what is
 * due is found by `decide`. There is nothing to cancel and nothing to lose.
 */

import type { Kysely } from 'kysely';
import type { Decider, EngineEvent, Order, Stamp } from '#base/decider.ts';

export type { Decider, Decision, EngineEvent, Order, Reply, Stamp } from '#base/decider.ts';
export type { Migration } from '#store/database.ts';

/** What a worker gives to an effect handler. */
export interface Performance {
  /** Never changes for this effect; use it as the idempotency key towards the world. */
  readonly effectId: string;
  readonly machineId: string;
  /** 1 for the first delivery. More than 1 means that an earlier one may have happened in part or in whole. */
  readonly attempt: number;
  /** Aborted when the lease is lost or the engine stops: stop working, do not undo. */
  readonly signal: AbortSignal;
}

/** Does one effect in the world; resolves to the event that tells the machine how it went, or to nothing. */
export type Perform<Effect, Event> = (effect: Effect, performance: Performance) => Promise<Event | undefined>;

/** The rows a room keeps beside its machines (history, indexes), written in the transaction of the decision. */
export interface Change<State, Event, Effect> {
  readonly id: string;
  readonly before: State | undefined;
  readonly after: State;
  readonly event: Event & Stamp;
  readonly effects: readonly Effect[];
}

/** A machine as a room hands it to the engine. */
export interface Machine<
  State = unknown,
  Event extends { readonly type: string } = { readonly type: string },
  Effect extends Order = Order,
> {
  /** Unique in the house: `codebuild.build`. */
  readonly kind: string;
  readonly decider: Decider<State, Event, Effect>;
  /** A handler per effect type. */
  readonly effects: {
    readonly [Type in Effect['type']]: Perform<Extract<Effect, { readonly type: Type }>, Event>;
  };
  /** Writes rows beside the state. Must only write through `transaction`; may run again if the transaction retries. */
  record?(transaction: Kysely<unknown>, change: Change<State, Event | EngineEvent, Effect>): Promise<void>;
}

/** A machine with its types erased, as lists of machines hold it; only `Machine` values are ever meant. */
export interface NamedMachine {
  readonly kind: string;
}

export interface Sent<State> {
  readonly state: State;
  /** The decision's `reply.value`, if it gave one. */
  readonly value: unknown;
  /** False when the event changed nothing (late or repeated). */
  readonly changed: boolean;
}

export interface Engine {
  /** Makes a machine known; before `start`. Kinds are unique. */
  register(machine: NamedMachine): void;
  /**
   * Decides `event` on the machine `id` (created if the decision creates it) and commits. Resolves after commit.
   * Throws the decision's fault as a `Fault`; throws `Bug` when neither state nor decision creates the machine.
   * `alongside` runs in the same transaction, before the decision: a room's own rows that must not part from it.
   */
  send<State, Event extends { readonly type: string }, Effect extends Order>(
    machine: Machine<State, Event, Effect>,
    id: string,
    event: Event,
    alongside?: (transaction: Kysely<unknown>) => Promise<void>,
  ): Promise<Sent<State>>;
  /** The committed state, or `undefined`. */
  read<State, Event extends { readonly type: string }, Effect extends Order>(
    machine: Machine<State, Event, Effect>,
    id: string,
  ): Promise<State | undefined>;
  /** Removes a machine with its journal and undone effects. */
  forget(machine: NamedMachine, id: string): Promise<void>;
  /**
   * Nobody will perform again what was ordered for that place, so that any node may take it, and a handler finds itself
   * elsewhere. Only if `alongside`, in the same transaction, still says so.
   */
  leavePlace(place: string, alongside: (transaction: Kysely<unknown>) => Promise<boolean>): Promise<void>;
  /** Starts workers and the sweep; call once, after all machines are registered and rooms opened. */
  start(): Promise<void>;
  /** Takes no new effects, waits up to `graceMs` for running ones, then aborts them and releases their leases. */
  stop(graceMs: number): Promise<void>;
  /** Resolves when no effect that this node would take is undone and no machine is due; for tests and for draining. */
  idle(): Promise<void>;
}
