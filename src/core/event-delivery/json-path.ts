/** The part of JSONPath that EventBridge knows: `$`, `.name`, `['name']` and `[0]`, one after the other. */

import type { Json } from '#core/event-pattern/match.ts';

export type JsonPath = readonly (string | number)[];

const PATH_LENGTH_MAX = 256;
const STEP = /\.([^.[\]'"\s]+)|\[(\d{1,6})\]|\['([^']+)'\]/y;

/** `undefined` for a text that is no such path. */
export function parseJsonPath(text: string): JsonPath | undefined {
  if (!text.startsWith('$') || text.length > PATH_LENGTH_MAX) return undefined;
  const steps: (string | number)[] = [];
  for (let at = 1; at < text.length; at = STEP.lastIndex) {
    STEP.lastIndex = at;
    const match = STEP.exec(text);
    if (!match) return undefined;
    const [, name, index, quoted] = match;
    steps.push(index === undefined ? (name ?? quoted ?? '') : Number(index));
  }
  return steps;
}

/** `undefined` where the path leads nowhere. */
export function valueAt(path: JsonPath, json: Json): Json | undefined {
  let value: Json | undefined = json;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    if (Array.isArray(value) !== (typeof step === 'number')) return undefined;
    value = (value as Readonly<Record<string | number, Json>>)[step];
  }
  return value;
}
