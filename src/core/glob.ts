/**
 * Globs as artifacts, caches and triggers use them: `*` and `?` within one path component, `**` across components,
 * `[a-z]` and `{a,b}`. Matching runs all positions side by side, so its cost is pattern × path whatever the pattern;
 * no regular expression is built from a user's text.
 */

export const GLOB_LENGTH_MAX = 1024;
const ALTERNATIVES_MAX = 256;

/** Triggers also know `\` before a character that is meant as it is, and `**` that crosses components anywhere. */
export type GlobDialect = 'artifact' | 'trigger';

export type Glob = readonly (readonly Token[])[];

type Token =
  | { readonly type: 'literal'; readonly character: string }
  /** `?`: one character of a component. */
  | { readonly type: 'one' }
  /** `*`: any number of characters of a component. */
  | { readonly type: 'many' }
  /** A `**` component: any number of whole components, with the slash behind them. */
  | { readonly type: 'components' }
  /** `**` at the end, in triggers anywhere: any characters. */
  | { readonly type: 'rest' }
  | {
      readonly type: 'class';
      readonly negated: boolean;
      readonly ranges: readonly (readonly [string, string])[];
    };

/** `undefined` for a pattern that is too long or has too many alternatives. */
export function parseGlob(pattern: string, dialect: GlobDialect = 'artifact'): Glob | undefined {
  if (pattern.length > GLOB_LENGTH_MAX) return undefined;
  const alternatives = expandBraces(pattern, dialect);
  return alternatives?.map((alternative) => tokenize(alternative, dialect));
}

/** How many positions may still be looked at; below zero, what was answered means nothing. */
export interface GlobBudget {
  left: number;
}

export function matchesGlob(glob: Glob, path: string, budget?: GlobBudget): boolean {
  return glob.some((tokens) => matchesTokens(tokens, path, budget));
}

/** True when the text would be read as a pattern, not as a plain name. */
export function isGlobPattern(text: string): boolean {
  return /[*?[{]/.test(text);
}

/** `a{b,c{d,e}}` → `ab`, `acd`, `ace`; braces without a comma or a partner are plain characters. */
function expandBraces(pattern: string, dialect: GlobDialect): string[] | undefined {
  const done: string[] = [];
  const open = [pattern];
  for (let text = open.pop(); text !== undefined; text = open.pop()) {
    const group = findBraces(text, dialect);
    if (!group) done.push(text);
    else {
      for (const part of group.parts.toReversed()) {
        open.push(text.slice(0, group.start) + part + text.slice(group.end));
      }
    }
    if (done.length + open.length > ALTERNATIVES_MAX) return undefined;
  }
  return done;
}

/** The first brace group that has a comma at its own level. */
function findBraces(
  text: string,
  dialect: GlobDialect,
): { start: number; end: number; parts: string[] } | undefined {
  for (let start = 0; start < text.length; start++) {
    if (isEscape(text, start, dialect)) start++;
    else if (text[start] === '{') {
      const group = readBraces(text, start, dialect);
      if (group) return group;
    }
  }
  return undefined;
}

function readBraces(text: string, start: number, dialect: GlobDialect) {
  const parts: string[] = [];
  let depth = 0;
  let from = start + 1;
  for (let i = start; i < text.length; i++) {
    if (isEscape(text, i, dialect)) {
      i++;
      continue;
    }
    const character = text[i];
    if (character === '{') depth++;
    if (character === ',' && depth === 1) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
    if (character === '}' && --depth === 0) {
      return parts.length === 0 ? undefined : { start, end: i + 1, parts: [...parts, text.slice(from, i)] };
    }
  }
  return undefined;
}

/** A backslash at the very end is a plain character. */
function isEscape(text: string, at: number, dialect: GlobDialect): boolean {
  return dialect === 'trigger' && text[at] === '\\' && at + 1 < text.length;
}

function tokenize(pattern: string, dialect: GlobDialect): Token[] {
  const tokens: Token[] = [];
  for (let i = 0; i < pattern.length;) {
    if (isEscape(pattern, i, dialect)) {
      tokens.push({ type: 'literal', character: pattern[i + 1] as string });
      i += 2;
      continue;
    }
    const atStart = i === 0 || pattern[i - 1] === '/';
    if (atStart && pattern.startsWith('**', i) && (pattern[i + 2] === '/' || i + 2 === pattern.length)) {
      tokens.push(pattern[i + 2] === '/' ? { type: 'components' } : { type: 'rest' });
      i += 3;
      continue;
    }
    if (dialect === 'trigger' && pattern.startsWith('**', i)) {
      tokens.push({ type: 'rest' });
      i += 2;
      continue;
    }
    const character = pattern[i] as string;
    const set = character === '[' ? readClass(pattern, i) : undefined;
    if (set) {
      tokens.push(set.token);
      i = set.end;
      continue;
    }
    if (character === '*') {
      if (tokens.at(-1)?.type !== 'many') tokens.push({ type: 'many' });
    } else if (character === '?') tokens.push({ type: 'one' });
    else tokens.push({ type: 'literal', character });
    i++;
  }
  return tokens;
}

/** `[abc]`, `[a-z]`, `[!0-9]`; without a closing bracket it is a plain character. */
function readClass(pattern: string, start: number): { token: Token; end: number } | undefined {
  let i = start + 1;
  const negated = pattern[i] === '!' || pattern[i] === '^';
  if (negated) i++;
  const ranges: [string, string][] = [];
  for (let first = true; i < pattern.length; first = false) {
    const from = pattern[i] as string;
    if (from === ']' && !first) return { token: { type: 'class', negated, ranges }, end: i + 1 };
    if (pattern[i + 1] === '-' && pattern[i + 2] !== undefined && pattern[i + 2] !== ']') {
      ranges.push([from, pattern[i + 2] as string]);
      i += 3;
    } else {
      ranges.push([from, from]);
      i++;
    }
  }
  return undefined;
}

/**
 * Holds every state that the path so far can have reached. State `2p` stands before token `p`; state `2p + 1` is in
 * the middle of a component that the `**` at `p` eats, which only a slash ends.
 */
function matchesTokens(tokens: readonly Token[], path: string, budget?: GlobBudget): boolean {
  let states = close(tokens, [0]);
  for (let i = 0; i < path.length && states.size > 0; i++) {
    if (budget && (budget.left -= states.size) < 0) return false;
    const next: number[] = [];
    for (const state of states) {
      const after = advance(tokens, state, path[i] as string);
      if (after !== undefined) next.push(after);
    }
    states = close(tokens, next);
  }
  return states.has(2 * tokens.length);
}

/** The state after one character, or `undefined` when this way is closed. */
function advance(tokens: readonly Token[], state: number, character: string): number | undefined {
  const token = tokens[state >> 1];
  if (!token) return undefined;
  switch (token.type) {
    case 'literal':
      return token.character === character ? state + 2 : undefined;
    case 'one':
      return character === '/' ? undefined : state + 2;
    case 'class':
      return character !== '/' && isInClass(token, character) ? state + 2 : undefined;
    case 'many':
      return character === '/' ? undefined : state;
    case 'rest':
      return state;
    case 'components':
      return character === '/' ? state & ~1 : state | 1;
  }
}

/** Adds the states that are reached without a character: whatever may be empty is also passed. */
function close(tokens: readonly Token[], reached: readonly number[]): Set<number> {
  const closed = new Set<number>();
  for (const start of reached) {
    for (let state = start; !closed.has(state); state += 2) {
      closed.add(state);
      const type = tokens[state >> 1]?.type;
      if (state & 1 || (type !== 'many' && type !== 'rest' && type !== 'components')) break;
    }
  }
  return closed;
}

function isInClass(token: Extract<Token, { type: 'class' }>, character: string): boolean {
  return token.ranges.some(([from, to]) => from <= character && character <= to) !== token.negated;
}
