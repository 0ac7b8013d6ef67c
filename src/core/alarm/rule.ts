/**
 * Rules of composite alarms: `ALARM("a") AND NOT (OK(b) OR TRUE)`. Alarms are named by name or ARN, with or without
 * quotes. Bounded in length by the API, here in depth and in how many alarms it names. AWS: "PutCompositeAlarm".
 */

import type { AlarmValue, Verdict } from './state.ts';

export type AlarmRule =
  | { readonly type: 'constant'; readonly value: boolean }
  | { readonly type: 'alarm'; readonly name: string; readonly value: AlarmValue }
  | { readonly type: 'not'; readonly of: AlarmRule }
  | { readonly type: 'and' | 'or'; readonly left: AlarmRule; readonly right: AlarmRule };

const ALARMS_MAX = 100;
const DEPTH_MAX = 50;
const TOKEN = /\s*(?:([()])|(AND|OR|NOT|TRUE|FALSE|ALARM|OK|INSUFFICIENT_DATA)(?![A-Za-z0-9_]))/iy;
const QUOTED = /\s*"((?:[^"\\]|\\.)*)"\s*\)/y;
const BARE = /([^()"]+)\)/y;

interface Cursor {
  readonly text: string;
  at: number;
  depth: number;
  alarms: number;
}

class Malformed extends Error {
  override readonly name = 'Malformed';
}

export function parseAlarmRule(text: string): AlarmRule | { readonly error: string } {
  try {
    const cursor: Cursor = { text, at: 0, depth: 0, alarms: 0 };
    const rule = parseOr(cursor);
    if (text.slice(cursor.at).trim() !== '') throw malformed(cursor);
    return rule;
  } catch (error) {
    if (error instanceof Malformed) return { error: error.message };
    throw error;
  }
}

/** The names of the alarms that a rule asks, each once. */
export function alarmsOfRule(rule: AlarmRule): readonly string[] {
  const names = new Set<string>();
  const visit = (each: AlarmRule): void => {
    if (each.type === 'alarm') names.add(each.name);
    else if (each.type === 'not') visit(each.of);
    else if (each.type !== 'constant') [each.left, each.right].forEach(visit);
  };
  visit(rule);
  return [...names];
}

/** Alarms that do not exist have no value, so no question about them is true. */
export function isRuleMet(rule: AlarmRule, values: ReadonlyMap<string, AlarmValue>): boolean {
  switch (rule.type) {
    case 'constant':
      return rule.value;
    case 'alarm':
      return values.get(rule.name) === rule.value;
    case 'not':
      return !isRuleMet(rule.of, values);
    case 'and':
      return isRuleMet(rule.left, values) && isRuleMet(rule.right, values);
    case 'or':
      return isRuleMet(rule.left, values) || isRuleMet(rule.right, values);
  }
}

export interface ChildValue {
  readonly arn: string;
  readonly name: string;
  readonly value: AlarmValue;
  /** When it took on this value. */
  readonly since: number;
}

/** `undefined` when the alarm keeps the value that it has. */
export function evaluateRule(
  rule: AlarmRule,
  children: readonly ChildValue[],
  current: AlarmValue,
): Verdict | undefined {
  const value = isRuleMet(rule, new Map(children.map((child) => [child.name, child.value]))) ? 'ALARM' : 'OK';
  if (value === current) return undefined;
  const [last] = [...children].sort((a, b) => b.since - a.since);
  if (!last) return { value, reason: `The rule of the alarm is ${value === 'ALARM' ? '' : 'not '}met.` };
  const when = new Date(last.since).toUTCString();
  return {
    value,
    reason: `${last.arn} transitioned to ${last.value} at ${when}`,
    reasonData: JSON.stringify({
      triggeringAlarms: [
        {
          arn: last.arn,
          state: { value: last.value, timestamp: new Date(last.since).toISOString().replace('Z', '+0000') },
        },
      ],
    }),
  };
}

function parseOr(cursor: Cursor): AlarmRule {
  let left = parseAnd(cursor);
  while (takeWord(cursor, 'OR')) left = { type: 'or', left, right: parseAnd(cursor) };
  return left;
}

function parseAnd(cursor: Cursor): AlarmRule {
  let left = parseNot(cursor);
  while (takeWord(cursor, 'AND')) left = { type: 'and', left, right: parseNot(cursor) };
  return left;
}

function parseNot(cursor: Cursor): AlarmRule {
  if (++cursor.depth > DEPTH_MAX) throw new Malformed('the rule is nested too deep');
  const rule: AlarmRule = takeWord(cursor, 'NOT') ? { type: 'not', of: parseNot(cursor) } : parseTerm(cursor);
  cursor.depth--;
  return rule;
}

function parseTerm(cursor: Cursor): AlarmRule {
  const word = take(cursor);
  switch (word) {
    case '(': {
      const inner = parseOr(cursor);
      if (take(cursor) !== ')') throw malformed(cursor);
      return inner;
    }
    case 'TRUE':
    case 'FALSE':
      return { type: 'constant', value: word === 'TRUE' };
    case 'ALARM':
    case 'OK':
    case 'INSUFFICIENT_DATA': {
      if (take(cursor) !== '(') throw malformed(cursor);
      if (++cursor.alarms > ALARMS_MAX) throw new Malformed(`the rule names more than ${ALARMS_MAX} alarms`);
      return { type: 'alarm', name: takeName(cursor), value: word };
    }
    default:
      throw malformed(cursor);
  }
}

function peek(cursor: Cursor): { readonly word: string; readonly end: number } | undefined {
  TOKEN.lastIndex = cursor.at;
  const match = TOKEN.exec(cursor.text);
  return match ? { word: (match[1] ?? match[2] ?? '').toUpperCase(), end: TOKEN.lastIndex } : undefined;
}

function take(cursor: Cursor): string | undefined {
  const token = peek(cursor);
  if (token) cursor.at = token.end;
  return token?.word;
}

function takeWord(cursor: Cursor, word: string): boolean {
  const token = peek(cursor);
  if (token?.word !== word) return false;
  cursor.at = token.end;
  return true;
}

/** With the closing parenthesis. */
function takeName(cursor: Cursor): string {
  for (const form of [QUOTED, BARE]) {
    form.lastIndex = cursor.at;
    const match = form.exec(cursor.text);
    if (!match) continue;
    cursor.at = form.lastIndex;
    const name = (match[1] ?? '').trim().replaceAll(/\\(.)/g, '$1');
    if (name === '') continue;
    return name.replace(/^arn:[^:]*:cloudwatch:[^:]*:[^:]*:alarm:/, '');
  }
  throw malformed(cursor);
}

function malformed({ text, at }: Cursor): Malformed {
  const shown = text.slice(at).trim().slice(0, 20);
  return new Malformed(shown === '' ? 'it ends too early' : `unexpected text at '${shown}'`);
}
