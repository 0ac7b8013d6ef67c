/**
 * Which days of a month a cron expression means: one of its two day fields says so, the other one is `?`. Here are the
 * forms that need a calendar: the last day, the weekday nearest to a date, the n-th Monday.
 */

import { unreachable } from '#base/assert.ts';

/** Days of the week are 1 (Sunday) to 7 (Saturday), months 1 to 12. */
export type CronDays =
  | { readonly type: 'month-days'; readonly days: readonly number[] }
  | { readonly type: 'week-days'; readonly days: readonly number[] }
  /** `L`, `L-3`: days before the last one of the month. */
  | { readonly type: 'before-last'; readonly days: number }
  /** `15W`: the weekday (Monday to Friday) nearest to a date, in the same month; none where the month lacks the date. */
  | { readonly type: 'near-weekday'; readonly day: number }
  /** `LW` */
  | { readonly type: 'last-weekday' }
  /** `6L`: the last Friday. */
  | { readonly type: 'last-week-day'; readonly day: number }
  /** `6#3`: the third Friday; none where the month has no such day. */
  | { readonly type: 'nth-week-day'; readonly day: number; readonly nth: number };

/** Ascending. */
export function daysOfMonth(rule: CronDays, year: number, month: number): readonly number[] {
  const last = lastDayOf(year, month);
  switch (rule.type) {
    case 'month-days':
      return rule.days.filter((day) => day <= last);
    case 'week-days': {
      const first = weekDayOf(year, month, 1);
      return range(1, last).filter((day) => rule.days.includes(((first - 1 + day - 1) % 7) + 1));
    }
    case 'before-last':
      return range(last - rule.days, last - rule.days).filter((day) => day >= 1);
    case 'near-weekday':
      return rule.day > last ? [] : [nearWeekday(year, month, rule.day, last)];
    case 'last-weekday':
      return [nearWeekday(year, month, last, last)];
    case 'last-week-day':
      return [last - ((weekDayOf(year, month, last) - rule.day + 7) % 7)];
    case 'nth-week-day': {
      const day = 1 + ((rule.day - weekDayOf(year, month, 1) + 7) % 7) + (rule.nth - 1) * 7;
      return day > last ? [] : [day];
    }
    default:
      return unreachable(rule);
  }
}

export function lastDayOf(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** 1 (Sunday) to 7 (Saturday). */
export function weekDayOf(year: number, month: number, day: number): number {
  return new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 1;
}

export function range(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

function nearWeekday(year: number, month: number, day: number, last: number): number {
  const weekDay = weekDayOf(year, month, day);
  if (weekDay === 7) return day === 1 ? day + 2 : day - 1;
  if (weekDay === 1) return day === last ? day - 2 : day + 1;
  return day;
}
