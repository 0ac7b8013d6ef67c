/** What the parts of one engine share. */

import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { Database } from '#store/database.ts';
import type { EngineLimits } from './limits.ts';
import type { Machine } from './machine.ts';
import type { EffectRow, Statements } from './tables.ts';

export interface Context {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: EngineLimits;
  /** Names this run of this node; unlike a node's name it never comes again. */
  readonly owner: string;
  readonly chance: () => string;
  readonly machines: ReadonlyMap<string, Machine>;
  /** Where this node stands; '' for nowhere in particular. */
  readonly place: string;
  /** Whether this node takes that effect at all, now or later. */
  readonly takes: (kind: string, place: string | null) => boolean;
  /** Fixed at the start, when all kinds are known. */
  statements: Statements;
  readonly hooks: Hooks;
}

/** How a commit reaches the parts that act on it. */
export interface Hooks {
  /** How many more effects this node can take right now. */
  capacity(): number;
  /** Effects that were committed under this node's lease: perform them. */
  perform(effects: readonly EffectRow[]): void;
  /** Something will be due at that time. */
  dueAt(at: number): void;
}
