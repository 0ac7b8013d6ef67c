/**
 * Texts of policies that may hold wildcards and variables: `arn:aws:s3:::home/${aws:username}/*`. Variables exist from
 * version 2012-10-17 on; what they stand for is taken literally, never as a wildcard. ARNs are compared part by part,
 * so that neither a wildcard nor a variable reaches over a colon into the next part.
 */

import { compileGlob, matchesGlob, type Glob, type GlobToken } from './glob.ts';

/** The value of a context key (in lower case), if it has exactly one. */
export type Lookup = (key: string) => string | undefined;

/** `undefined` means that a variable has no value: the statement does not apply. */
export type Matched = boolean | undefined;

export interface Pattern {
  readonly tokens: readonly Token[];
  /** Present when no variable is in it. */
  readonly glob: Glob | undefined;
}

/** `all` for a lone star, else the parts of an ARN; a pattern with fewer than six matches nothing. */
export type ArnPattern = 'all' | readonly Pattern[];

type Token = GlobToken | Variable;

interface Variable {
  /** In lower case. */
  readonly variable: string;
  readonly fallback: string | undefined;
}

const ARN_PARTS = 6;
/** A longer `${…}` is not a variable; keeps reading a pattern linear. */
const VARIABLE_LENGTH_MAX = 512;
const VARIABLE = /^\$\{([^}',]*)(?:,[ ]?'([^']*)'[ ]?)?\}/;

export function compilePattern(text: string, withVariables: boolean): Pattern {
  return createPattern(tokenize(text, withVariables));
}

export function matchesPattern(pattern: Pattern, text: string, lookup: Lookup): Matched {
  if (pattern.glob !== undefined) return matchesGlob(pattern.glob, text);
  const tokens: GlobToken[] = [];
  for (const token of pattern.tokens) {
    if (!isVariable(token)) {
      tokens.push(token);
      continue;
    }
    const value = lookup(token.variable) ?? token.fallback;
    if (value === undefined) return undefined;
    tokens.push({ literal: value });
  }
  return matchesGlob(compileGlob(tokens), text);
}

/** The text with its variables filled in, stars and question marks as they are: for operators without wildcards. */
export function resolvePattern(pattern: Pattern, lookup: Lookup): string | undefined {
  let text = '';
  for (const token of pattern.tokens) {
    if (token === 'star') text += '*';
    else if (token === 'one') text += '?';
    else if (isVariable(token)) {
      const value = lookup(token.variable) ?? token.fallback;
      if (value === undefined) return undefined;
      text += value;
    } else text += token.literal;
  }
  return text;
}

/** Of a Resource element, where missing parts at the end count as `*` ("IAM JSON policy elements: Resource"). */
export function compileResourcePattern(text: string, withVariables: boolean): ArnPattern {
  const parts = compileArnPattern(text, withVariables);
  if (parts === 'all') return parts;
  const rest = Array.from({ length: ARN_PARTS - parts.length }, () => createPattern(['star']));
  return [...parts, ...rest];
}

export function compileArnPattern(text: string, withVariables: boolean): ArnPattern {
  if (/^\*+$/.test(text)) return 'all';
  const parts: Token[][] = [[]];
  for (const token of tokenize(text, withVariables)) {
    if (token === 'star' || token === 'one' || isVariable(token)) {
      parts[parts.length - 1]?.push(token);
      continue;
    }
    const pieces = splitArn(token.literal, ARN_PARTS - parts.length + 1);
    pieces.forEach((piece, i) => {
      if (i > 0) parts.push([]);
      if (piece !== '') parts[parts.length - 1]?.push({ literal: piece });
    });
  }
  return parts.map(createPattern);
}

/** How every ARN that the pattern matches begins. */
export function arnPrefix(pattern: ArnPattern): string {
  if (pattern === 'all') return '';
  let prefix = '';
  for (const [i, { tokens }] of pattern.entries()) {
    if (i > 0) prefix += ':';
    for (const token of tokens) {
      if (typeof token === 'string' || isVariable(token)) return prefix;
      prefix += token.literal;
    }
  }
  return prefix;
}

/** `parts` are those of the ARN; see `splitArn`. */
export function matchesArn(pattern: ArnPattern, parts: readonly string[], lookup: Lookup): Matched {
  if (pattern === 'all') return true;
  if (pattern.length !== ARN_PARTS || parts.length !== ARN_PARTS) return false;
  let unresolved = false;
  // From the end, where ARNs differ most.
  for (let i = ARN_PARTS - 1; i >= 0; i--) {
    const part = pattern[i];
    const matched = part === undefined ? false : matchesPattern(part, parts[i] ?? '', lookup);
    if (matched === false) return false;
    if (matched === undefined) unresolved = true;
  }
  return unresolved ? undefined : true;
}

/** At most `count` parts, cut at the first colons; the last keeps its colons. */
export function splitArn(text: string, count = ARN_PARTS): string[] {
  const parts: string[] = [];
  let from = 0;
  while (parts.length < count - 1) {
    const colon = text.indexOf(':', from);
    if (colon < 0) break;
    parts.push(text.slice(from, colon));
    from = colon + 1;
  }
  parts.push(text.slice(from));
  return parts;
}

function createPattern(tokens: readonly Token[]): Pattern {
  const plain = tokens.filter((token): token is GlobToken => !isVariable(token));
  return { tokens, glob: plain.length === tokens.length ? compileGlob(plain) : undefined };
}

function isVariable(token: Token): token is Variable {
  return typeof token === 'object' && 'variable' in token;
}

function tokenize(text: string, withVariables: boolean): Token[] {
  const tokens: Token[] = [];
  let literal = '';
  const push = (token: Token) => {
    if (literal !== '') tokens.push({ literal });
    literal = '';
    tokens.push(token);
  };
  for (let i = 0; i < text.length; i++) {
    const character = text[i] ?? '';
    if (character === '*') push('star');
    else if (character === '?') push('one');
    else if (withVariables && character === '$' && text[i + 1] === '{') {
      const found = VARIABLE.exec(text.slice(i, i + VARIABLE_LENGTH_MAX));
      if (found === null) literal += character;
      else {
        const [whole, name = '', fallback] = found;
        i += whole.length - 1;
        if (name === '*' || name === '?' || name === '$') literal += name;
        else push({ variable: name.trim().toLowerCase(), fallback });
      }
    } else literal += character;
  }
  if (literal !== '') tokens.push({ literal });
  return tokens;
}
