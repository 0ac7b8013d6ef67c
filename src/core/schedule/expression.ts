/**
 * Schedule expressions of EventBridge rules: `rate(5 minutes)` and `cron(0 12 * * ? *)`, the latter in UTC. AWS:
 * "Setting a schedule pattern for scheduled rules in Amazon EventBridge".
 */

import { type Cron, parseCron } from './cron.ts';
import { nextTime } from './next.ts';
import { utc } from './time-zone.ts';

export type Schedule =
  { readonly type: 'rate'; readonly periodMs: number } | { readonly type: 'cron'; readonly cron: Cron };

export type ParsedSchedule = { readonly schedule: Schedule } | { readonly error: string };

export const SCHEDULE_LENGTH_MAX = 256;
/** What the digits of a rate can say; some 27,000 years of days. */
const RATE_DIGITS_MAX = 7;
const UNITS_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

export function parseSchedule(text: string): ParsedSchedule {
  if (text.length > SCHEDULE_LENGTH_MAX) {
    return { error: `a schedule expression has at most ${SCHEDULE_LENGTH_MAX} characters` };
  }
  const cron = /^cron\((.*)\)$/.exec(text);
  if (cron) {
    const parsed = parseCron(cron[1] ?? '', 'events');
    return 'error' in parsed ? parsed : { schedule: { type: 'cron', cron: parsed.cron } };
  }
  const rate = /^rate\((.*)\)$/.exec(text);
  if (rate) return parseRate(rate[1] ?? '');
  return { error: 'a schedule expression is rate(…) or cron(…)' };
}

/** `5 minutes`; the unit is singular exactly for 1. */
export function parseRate(text: string): ParsedSchedule {
  const match = /^\s*(\d+)\s+(minute|hour|day)(s?)\s*$/.exec(text);
  const [, digits = '', unit = '', plural] = match ?? [];
  const unitMs = UNITS_MS[unit];
  if (unitMs === undefined || digits.length > RATE_DIGITS_MAX) {
    return { error: 'a rate is a number and one of minute, minutes, hour, hours, day, days' };
  }
  const count = Number(digits);
  if (count < 1) return { error: 'a rate is at least 1 minute' };
  if ((count === 1) !== (plural === '')) return { error: `'${unit}' is singular exactly for 1` };
  return { schedule: { type: 'rate', periodMs: count * unitMs } };
}

/** The first firing after `afterMs` of a schedule that began at `startMs`; `undefined` when it never fires again. */
export function nextFiring(schedule: Schedule, startMs: number, afterMs: number): number | undefined {
  if (schedule.type === 'cron') return nextTime(schedule.cron, afterMs, utc);
  const periods = Math.max(0, Math.floor((afterMs - startMs) / schedule.periodMs));
  return startMs + (periods + 1) * schedule.periodMs;
}
