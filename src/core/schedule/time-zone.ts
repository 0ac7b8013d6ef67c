/**
 * Time zones as deployment windows and schedules name them: `Europe/Berlin`, `UTC`, `UTC+05:30`, and abbreviations of
 * three to five letters such as `PST`. Offsets come from the zone data of the runtime, which also knows the
 * abbreviations (AWS: "rule reference DeploymentWindow", available time zones).
 */

import type { CivilTime } from './cron.ts';

export interface TimeZone {
  readonly name: string;
  /** True when the offset never changes. */
  readonly isFixed: boolean;
  /** What to add to a time in UTC to read the wall's clock there; whole seconds, in milliseconds. */
  offsetAt(at: number): number;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const OFFSET_MS_MAX = 18 * HOUR_MS;

export const utc: TimeZone = fixedZone('UTC', 0);

/** `undefined` for a name that is no time zone. */
export function parseTimeZone(text: string): TimeZone | undefined {
  const name = text.trim();
  if (/^utc$/i.test(name)) return utc;
  const offset = /^UTC([+-])(\d{1,2})(?::?(\d{2}))?$/i.exec(name);
  if (offset) {
    const [, sign, hours, minutes = '0'] = offset;
    const size = Number(hours) * HOUR_MS + Number(minutes) * MINUTE_MS;
    if (Number(minutes) > 59 || size > OFFSET_MS_MAX) return undefined;
    return fixedZone(name.toUpperCase(), sign === '-' ? -size : size);
  }
  if (!/^[A-Za-z]{3,5}$/.test(name) && !/^[A-Za-z]+(\/[A-Za-z0-9_+-]+)+$/.test(name)) return undefined;
  return namedZone(name);
}

export function civilOf(at: number, zone: TimeZone): CivilTime {
  const local = new Date(at + zone.offsetAt(at));
  return {
    year: local.getUTCFullYear(),
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
    hour: local.getUTCHours(),
    minute: local.getUTCMinutes(),
    second: local.getUTCSeconds(),
  };
}

function fixedZone(name: string, offset: number): TimeZone {
  return { name, isFixed: true, offsetAt: () => offset };
}

function namedZone(name: string): TimeZone | undefined {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  return {
    name,
    isFixed: false,
    offsetAt(at) {
      const whole = Math.floor(at / 1000) * 1000;
      const [month, day, year, hour, minute, second] = (format.format(whole).match(/\d+/g) ?? []).map(Number);
      return Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second) - whole;
    },
  };
}
