/**
 * What authorization remembers between requests, so that a decision costs no query. Everything is forgotten when this
 * node changes a row of IAM. Changes by other nodes, which only PostgreSQL allows, are seen within a second.
 */

import type { Clock } from '#base/clock.ts';

export interface Memory {
  /**
   * The remembered value, or what `load` gives, remembered unless something changed while it loaded. Absence is not
   * remembered: whoever asks for what is not there must not push out what is.
   */
  recall<Value>(key: string, load: () => Promise<Value>): Promise<Value>;
  forget(): void;
}

const ENTRIES_MAX = 10_000;
/** AWS speaks of seconds until a change of IAM is seen everywhere. */
const AGE_MS_MAX_SHARED = 1000;

export function createMemory(clock: Clock, isShared: boolean): Memory {
  const values = new Map<string, unknown>();
  let generation = 0;
  let since = clock.now();
  const forget = () => {
    values.clear();
    generation++;
    since = clock.now();
  };
  return {
    async recall<Value>(key: string, load: () => Promise<Value>) {
      if (isShared && clock.now() - since > AGE_MS_MAX_SHARED) forget();
      const known = values.get(key);
      if (known !== undefined) return known as Value;
      const before = generation;
      const value = await load();
      if (value !== undefined && generation === before) {
        if (values.size >= ENTRIES_MAX) values.clear();
        values.set(key, value);
      }
      return value;
    },
    forget,
  };
}
