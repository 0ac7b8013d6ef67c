/**
 * The vocabulary of decisions: what an event carries, what a decision gives back. Deciders stand in `core/` and know
 * nothing else of the engine; the engine makes durable what they decide. See style.md §4.
 */

/** What every event carries besides its own members; the engine fills both in. */
export interface Stamp {
  /** When it was accepted, milliseconds since the epoch. */
  readonly at: number;
  /** 32 hexadecimal digits; ids and random choices inside the decision derive from it. */
  readonly chance: string;
}

/** The engine's own events, which every machine must decide. */
export type EngineEvent =
  | { readonly type: 'TimePassed' }
  | {
      readonly type: 'EffectFailed';
      readonly effectType: string;
      readonly effect: unknown;
      readonly message: string;
    };

/** An order to the world. `type` picks the handler. */
export interface Order {
  readonly type: string;
  /** Only there can it be performed: where something already stands. Absent for what any node can do. */
  readonly place?: string;
}

/** The answer of a decision to whoever sent the event. A fault changes nothing: no state, no journal, no effect. */
export type Reply =
  | {
      readonly fault: {
        readonly code: string;
        readonly message: string;
        readonly members?: Readonly<Record<string, unknown>>;
      };
    }
  | { readonly value: unknown };

export interface Decision<State, Effect extends Order> {
  /** `undefined` only for an event that does not create a machine that is not there. */
  readonly state: State | undefined;
  readonly effects: readonly Effect[];
  readonly reply?: Reply;
}

/** The pure part, at home in `core/`. Total and deterministic. */
export interface Decider<State, Event extends { readonly type: string }, Effect extends Order> {
  /** Version of the stored form of states and events; rises when an older one has to be lifted. */
  readonly version: number;
  decide(state: State | undefined, event: (Event | EngineEvent) & Stamp): Decision<State, Effect>;
  /** When the machine next wants `TimePassed`; `undefined` for never. */
  wakeAt?(state: State): number | undefined;
  /** Lifts a state stored by an older version. */
  lift?(state: unknown, version: number): State;
}
