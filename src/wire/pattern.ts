/**
 * Patterns of the models, applied to whole values. They come from AWS, values come from strangers: longer values than
 * the limit do not reach a pattern that could backtrack, and the few that explode are rewritten in the tables.
 */

const LENGTH_MAX = 4096;
/** One character class, repeated: linear whatever its length. */
const ONE_CLASS = /^\^?\(?(?:\[(?:[^\]\\]|\\.)*\]|\.|\\[wdsS])[*+]?\)?\$?$/;

const compiled = new Map<string, { readonly regex: RegExp; readonly isLinear: boolean }>();

export function matchesPattern(pattern: string, value: string): boolean {
  let known = compiled.get(pattern);
  if (!known) {
    known = { regex: compile(pattern), isLinear: ONE_CLASS.test(pattern) };
    compiled.set(pattern, known);
  }
  return (known.isLinear || value.length <= LENGTH_MAX) && known.regex.test(value);
}

/** What a pattern of Java starts with when the case does not matter. */
const ANY_CASE = '(?i)';

/** With Unicode where the pattern allows it; some models escape characters that then must not be escaped. */
function compile(pattern: string): RegExp {
  const isAnyCase = pattern.startsWith(ANY_CASE);
  const whole = `^(?:${isAnyCase ? pattern.slice(ANY_CASE.length) : pattern})$`;
  const flags = isAnyCase ? 'i' : '';
  try {
    return new RegExp(whole, `${flags}u`);
  } catch {
    return new RegExp(whole, flags);
  }
}
