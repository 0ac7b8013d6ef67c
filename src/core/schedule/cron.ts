/**
 * Cron expressions in two forms. EventBridge's has six fields: minutes, hours, day-of-month, month, day-of-week, year.
 * Quartz's, which a deployment window uses, begins with seconds and may leave out the year. Exactly one of the two day
 * fields is `?`. This file knows calendars only; time zones are in `next.ts`.
 */

import { present } from '#base/assert.ts';
import { type CronDays, daysOfMonth } from './cron-days.ts';
import { type FieldBounds, parseField, parseMonthDays, parseWeekDays } from './cron-field.ts';

export const CRON_LENGTH_MAX = 256;
const YEAR_MIN = 1970;
const YEAR_MAX = 2199;

export type CronForm = 'events' | 'quartz';

/** Lists are ascending and never empty. */
export interface Cron {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: CronDays;
  readonly months: readonly number[];
  readonly years: readonly number[];
}

/** A date and time of day as a clock on the wall shows it; months and days start at 1. */
export interface CivilTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

export type ParsedCron = { readonly cron: Cron } | { readonly error: string };

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEK_DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const seconds: FieldBounds = { name: 'seconds', min: 0, max: 59 };
const minutes: FieldBounds = { name: 'minutes', min: 0, max: 59 };
const hours: FieldBounds = { name: 'hours', min: 0, max: 23 };
const monthDays: FieldBounds = { name: 'day-of-month', min: 1, max: 31 };
const months: FieldBounds = { name: 'month', min: 1, max: 12, words: MONTHS };
const weekDays: FieldBounds = { name: 'day-of-week', min: 1, max: 7, words: WEEK_DAYS };
const years: FieldBounds = { name: 'year', min: YEAR_MIN, max: YEAR_MAX };

/** The fields only, without `cron(…)` around them. */
export function parseCron(text: string, form: CronForm): ParsedCron {
  if (text.length > CRON_LENGTH_MAX) {
    return { error: `a cron expression has at most ${CRON_LENGTH_MAX} characters` };
  }
  const fields = text.trim().split(/\s+/);
  if (form === 'events') {
    if (fields.length !== 6) return { error: `a cron expression has 6 fields, not ${fields.length}` };
    return parseFields(['0', ...fields]);
  }
  if (fields.length !== 6 && fields.length !== 7) {
    return { error: `a cron expression has 6 or 7 fields, not ${fields.length}` };
  }
  return parseFields(fields);
}

/** Seconds to year; the year may be missing. */
function parseFields(fields: readonly string[]): ParsedCron {
  const [second = '', minute = '', hour = '', monthDay = '', month = '', weekDay = '', year = '*'] = fields;
  if ((monthDay === '?') === (weekDay === '?')) {
    return { error: "exactly one of the fields day-of-month and day-of-week must be '?'" };
  }
  const parsed = {
    seconds: parseField(second, seconds),
    minutes: parseField(minute, minutes),
    hours: parseField(hour, hours),
    months: parseField(month, months),
    years: parseField(year, years),
  };
  const days = monthDay === '?' ? parseWeekDays(weekDay, weekDays) : parseMonthDays(monthDay, monthDays);
  if ('error' in days) return days;
  const values: Record<string, readonly number[]> = {};
  for (const [name, field] of Object.entries(parsed)) {
    if ('error' in field) return field;
    values[name] = field.values;
  }
  return { cron: { ...(values as Record<keyof typeof parsed, readonly number[]>), days: days.days } };
}

export function matchesCron(cron: Cron, time: CivilTime): boolean {
  return (
    cron.seconds.includes(time.second) &&
    cron.minutes.includes(time.minute) &&
    cron.hours.includes(time.hour) &&
    cron.months.includes(time.month) &&
    cron.years.includes(time.year) &&
    daysOfMonth(cron.days, time.year, time.month).includes(time.day)
  );
}

/** The first matching time after `time` on the wall's clock; at most one look at each month until the last year. */
export function nextCivil(cron: Cron, time: CivilTime): CivilTime | undefined {
  const ofDay = nextTimeOfDay(cron, time);
  for (const year of cron.years) {
    if (year < time.year) continue;
    for (const month of cron.months) {
      if (year === time.year && month < time.month) continue;
      for (const day of daysOfMonth(cron.days, year, month)) {
        const order = year - time.year || month - time.month || day - time.day;
        if (order < 0 || (order === 0 && !ofDay)) continue;
        return { year, month, day, ...(order === 0 && ofDay ? ofDay : firstTimeOfDay(cron)) };
      }
    }
  }
  return undefined;
}

type TimeOfDay = Pick<CivilTime, 'hour' | 'minute' | 'second'>;

function firstTimeOfDay(cron: Cron): TimeOfDay {
  return { hour: first(cron.hours), minute: first(cron.minutes), second: first(cron.seconds) };
}

/** The first matching time of the same day after `time`. */
function nextTimeOfDay(cron: Cron, { hour, minute, second }: TimeOfDay): TimeOfDay | undefined {
  const start = firstTimeOfDay(cron);
  if (cron.hours.includes(hour)) {
    if (cron.minutes.includes(minute)) {
      const later = cron.seconds.find((each) => each > second);
      if (later !== undefined) return { hour, minute, second: later };
    }
    const later = cron.minutes.find((each) => each > minute);
    if (later !== undefined) return { ...start, hour, minute: later };
  }
  const later = cron.hours.find((each) => each > hour);
  return later === undefined ? undefined : { ...start, hour: later };
}

function first(values: readonly number[]): number {
  return present(values[0], 'a value of a cron field');
}
