/** Regular expressions of strangers, matched in time that grows with the text only. */

import type { RE2JS } from 're2js';
import type { Matches } from '#core/webhook/event.ts';

const PATTERN_LENGTH_MAX = 2048;

/** Loaded with the first pattern: few projects have one. */
const load = async () => (await import('re2js')).RE2JS;

/** Why a pattern cannot be used, or nothing. */
export async function patternProblem(pattern: string): Promise<string | undefined> {
  if (pattern.length > PATTERN_LENGTH_MAX) return `it is longer than ${PATTERN_LENGTH_MAX} characters`;
  const engine = await load();
  try {
    engine.compile(pattern);
    return undefined;
  } catch (error) {
    return (error as Error).message.slice(0, 200);
  }
}

/** Patterns must have been found to be usable. */
export async function createMatches(): Promise<Matches> {
  const engine = await load();
  const compiled = new Map<string, RE2JS>();
  return (pattern, text) => {
    const expression = compiled.get(pattern) ?? engine.compile(pattern);
    compiled.set(pattern, expression);
    return expression.matcher(text).find();
  };
}
