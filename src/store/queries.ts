/** What both databases need to know of a query: the values that it carries, and whether it writes. */

import { Bug } from '#base/assert.ts';

export type SqlParameter = string | number | bigint | null | Uint8Array;

/** Booleans become 1 and 0. A value of another kind is a bug of the query, found here and not in the database. */
export function toSqlParameter(value: unknown): SqlParameter {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value === null || typeof value === 'string' || typeof value === 'bigint') return value;
  if (typeof value === 'number' || value instanceof Uint8Array) return value;
  throw new Bug(`a query carries ${value === undefined ? 'undefined' : `a ${typeof value}`} as a value`);
}

/** Whether a statement changes rows or the schema, as opposed to reading or to steering a transaction. */
export function isWrite(sql: string): boolean {
  const [, verb = ''] = /^\s*(\w+)/.exec(sql) ?? [];
  if (verb.toLowerCase() === 'with') return /\b(?:insert|update|delete)\b/i.test(sql);
  return /^(?:insert|update|delete|replace|create|drop|alter)$/i.test(verb);
}
