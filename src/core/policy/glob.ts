/**
 * Wildcard matching for policies: `*` is any run of characters, `?` is one. Time is linear in the text whatever the
 * pattern: runs between stars are found from left to right, each at most once, and none is searched by backtracking.
 * Characters are UTF-16 units. This file knows neither ARNs nor variables; see `pattern.ts`.
 */

export type GlobToken = { readonly literal: string } | 'star' | 'one';

/** A pattern ready to match: the runs between its stars. One run only means that there is no star. */
export interface Glob {
  readonly runs: readonly Run[];
}

/** Characters without a star among them. */
interface Run {
  /** The text itself, when no `?` is in it. */
  readonly text: string | undefined;
  /** Character codes; `ANY` stands for `?`. */
  readonly codes: readonly number[];
  /** Made when first searched with `?`. */
  masks?: Masks;
}

/** For each character the positions of the run that accept it, one bit each, 32 to a word. */
interface Masks {
  readonly byCode: ReadonlyMap<number, Uint32Array>;
  readonly otherwise: Uint32Array;
}

const ANY = -1;
const WORD_BITS = 32;

export function compileGlob(tokens: readonly GlobToken[]): Glob {
  const runs: Run[] = [];
  let codes: number[] = [];
  for (const token of tokens) {
    if (token === 'star') {
      runs.push(createRun(codes));
      codes = [];
    } else if (token === 'one') {
      codes.push(ANY);
    } else {
      for (let i = 0; i < token.literal.length; i++) codes.push(token.literal.charCodeAt(i));
    }
  }
  runs.push(createRun(codes));
  return { runs };
}

/** Does the whole text match? */
export function matchesGlob(glob: Glob, text: string): boolean {
  const { runs } = glob;
  const first = runs[0];
  const last = runs[runs.length - 1];
  if (first === undefined || last === undefined) return false;
  if (runs.length === 1) return text.length === first.codes.length && isAt(first, text, 0);
  const end = text.length - last.codes.length;
  if (end < first.codes.length || !isAt(first, text, 0) || !isAt(last, text, end)) return false;
  let position = first.codes.length;
  for (let i = 1; i < runs.length - 1; i++) {
    const run = runs[i];
    if (run === undefined || run.codes.length === 0) continue;
    const found = find(run, text, position, end);
    if (found < 0) return false;
    position = found + run.codes.length;
  }
  return true;
}

function createRun(codes: readonly number[]): Run {
  if (codes.includes(ANY)) return { text: undefined, codes };
  let text = '';
  for (const code of codes) text += String.fromCharCode(code);
  return { text, codes };
}

function isAt(run: Run, text: string, position: number): boolean {
  if (run.text !== undefined) return text.startsWith(run.text, position);
  return run.codes.every((code, i) => code === ANY || code === text.charCodeAt(position + i));
}

/** The first place at or after `from` where the run lies wholly before `end`, or -1. */
function find(run: Run, text: string, from: number, end: number): number {
  if (end - from < run.codes.length) return -1;
  if (run.text === undefined) return findByMasks(run, text, from, end);
  const found = text.indexOf(run.text, from);
  return found >= 0 && found + run.codes.length <= end ? found : -1;
}

/** Shift-And: all beginnings of the run are followed at once, one bit for each. */
function findByMasks(run: Run, text: string, from: number, end: number): number {
  const masks = (run.masks ??= createMasks(run.codes));
  const state = new Uint32Array(masks.otherwise.length);
  const lastWord = Math.floor((run.codes.length - 1) / WORD_BITS);
  const lastBit = 1 << ((run.codes.length - 1) % WORD_BITS);
  for (let i = from; i < end; i++) {
    const accepts = masks.byCode.get(text.charCodeAt(i)) ?? masks.otherwise;
    let carry = 1;
    for (let word = 0; word < state.length; word++) {
      const bits = state[word] ?? 0;
      state[word] = ((bits << 1) | carry) & (accepts[word] ?? 0);
      carry = bits >>> (WORD_BITS - 1);
    }
    if (((state[lastWord] ?? 0) & lastBit) !== 0) return i - run.codes.length + 1;
  }
  return -1;
}

function createMasks(codes: readonly number[]): Masks {
  const words = Math.ceil(codes.length / WORD_BITS);
  const otherwise = new Uint32Array(words);
  const set = (mask: Uint32Array, i: number) => {
    const word = Math.floor(i / WORD_BITS);
    mask[word] = (mask[word] ?? 0) | (1 << (i % WORD_BITS));
  };
  codes.forEach((code, i) => code === ANY && set(otherwise, i));
  const byCode = new Map<number, Uint32Array>();
  codes.forEach((code, i) => {
    if (code === ANY) return;
    const mask = byCode.get(code) ?? otherwise.slice();
    set(mask, i);
    byCode.set(code, mask);
  });
  return { byCode, otherwise };
}
