/**
 * One field of a cron expression: `*`, values, names, ranges, steps and lists of these, as an ascending list of values;
 * and for the two day fields also `L`, `W` and `#`, which stand alone.
 */

import { type CronDays, range } from './cron-days.ts';

export interface FieldBounds {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** In order, the first one meaning `min`. */
  readonly words?: readonly string[];
}

export type ParsedField = { readonly values: readonly number[] } | { readonly error: string };

export type ParsedDays = { readonly days: CronDays } | { readonly error: string };

export function parseField(text: string, bounds: FieldBounds): ParsedField {
  const values = new Set<number>();
  for (const item of text.split(',')) {
    const found = parseItem(item, bounds);
    if (!found) return { error: `'${text}' is not valid in the field ${bounds.name}` };
    for (const value of found) values.add(value);
  }
  return { values: [...values].sort((a, b) => a - b) };
}

export function parseMonthDays(text: string, bounds: FieldBounds): ParsedDays {
  const upper = text.toUpperCase();
  if (upper === 'L') return { days: { type: 'before-last', days: 0 } };
  if (upper === 'LW' || upper === 'WL') return { days: { type: 'last-weekday' } };
  const beforeLast = /^L-(\d{1,2})$/.exec(upper);
  if (beforeLast && Number(beforeLast[1]) <= 30) {
    return { days: { type: 'before-last', days: Number(beforeLast[1]) } };
  }
  const near = /^(\d{1,2})W$/.exec(upper);
  const nearest = near && parseValue(near[1] ?? '', bounds);
  if (nearest) return { days: { type: 'near-weekday', day: nearest } };
  const field = parseField(text, bounds);
  return 'error' in field ? field : { days: { type: 'month-days', days: field.values } };
}

export function parseWeekDays(text: string, bounds: FieldBounds): ParsedDays {
  const upper = text.toUpperCase();
  if (upper === 'L') return { days: { type: 'week-days', days: [bounds.max] } };
  const last = /^(\d|[A-Z]{3})L$/.exec(upper);
  const lastDay = last && parseValue(last[1] ?? '', bounds);
  if (lastDay) return { days: { type: 'last-week-day', day: lastDay } };
  const counted = /^(\d|[A-Z]{3})#([1-5])$/.exec(upper);
  const countedDay = counted && parseValue(counted[1] ?? '', bounds);
  if (countedDay) return { days: { type: 'nth-week-day', day: countedDay, nth: Number(counted[2]) } };
  const field = parseField(text, bounds);
  return 'error' in field ? field : { days: { type: 'week-days', days: field.values } };
}

/** `*`, `5`, `MON`, `1-5`, each with `/step`; a range that ends before it begins goes around, as in `FRI-MON`. */
function parseItem(item: string, bounds: FieldBounds): readonly number[] | undefined {
  const [span = '', stepText, ...more] = item.split('/');
  if (more.length > 0) return undefined;
  const step = stepText === undefined ? 1 : parseStep(stepText, bounds);
  const spanned = step === undefined ? undefined : parseSpan(span, stepText !== undefined, bounds);
  return spanned?.filter((_, index) => index % (step ?? 1) === 0);
}

function parseStep(text: string, { min, max }: FieldBounds): number | undefined {
  if (!/^\d{1,4}$/.test(text)) return undefined;
  const step = Number(text);
  return step >= 1 && step <= max - min + 1 ? step : undefined;
}

function parseSpan(text: string, isStepped: boolean, bounds: FieldBounds): readonly number[] | undefined {
  if (text === '*' || (text === '' && isStepped)) return range(bounds.min, bounds.max);
  const [fromText = '', toText, ...more] = text.split('-');
  const from = parseValue(fromText, bounds);
  if (from === undefined || more.length > 0) return undefined;
  // A single value with a step runs to the end of the field.
  if (toText === undefined) return isStepped ? range(from, bounds.max) : [from];
  const to = parseValue(toText, bounds);
  if (to === undefined) return undefined;
  return from <= to ? range(from, to) : [...range(from, bounds.max), ...range(bounds.min, to)];
}

function parseValue(text: string, { min, max, words = [] }: FieldBounds): number | undefined {
  const word = words.indexOf(text.toUpperCase());
  if (word >= 0) return min + word;
  if (!/^\d{1,4}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}
