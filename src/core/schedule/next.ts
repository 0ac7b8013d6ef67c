/**
 * When a cron expression next comes true in a time zone: the first instant, at the precision of seconds, whose wall
 * clock matches. So a time that daylight saving skips does not come that day, and one that it repeats comes twice.
 *
 * Between two changes of the offset, instants and wall clocks go in step, so the calendar alone finds the next match.
 * The search walks from change to change, and over long stretches in one step: no wall clock is ever further than
 * `DRIFT_MS_MAX` from where an unchanged offset would have it.
 */

import { type CivilTime, type Cron, nextCivil } from './cron.ts';
import { civilOf, type TimeZone } from './time-zone.ts';

const HOUR_MS = 3_600_000;
const SECOND_MS = 1000;
/** The offsets of all zones lie between -12 and +14 hours, and once one was moved by a day. */
const DRIFT_MS_MAX = 28 * HOUR_MS;
/** No zone changes its offset twice within this. */
const PROBE_MS = 6 * HOUR_MS;
/** A change of offset, a long stretch, or an answer: each gap between two matches needs few of them. */
const STEPS_MAX = 1000;

/** The first match after `afterMs`, or `undefined` when there is none until the last year of the expression. */
export function nextTime(cron: Cron, afterMs: number, zone: TimeZone): number | undefined {
  // All that is known: nothing matches up to `at`, and from there on the wall's clock is `offset` ahead.
  let at = Math.floor(afterMs / SECOND_MS) * SECOND_MS;
  let offset = zone.offsetAt(at);
  for (let step = 0; step < STEPS_MAX; step++) {
    const civil = nextCivil(cron, civilOf(at, { name: '', isFixed: true, offsetAt: () => offset }));
    const match = civil && localMs(civil) - offset;
    if (match !== undefined && zone.isFixed) return match;
    const horizon = Math.min(match ?? Number.POSITIVE_INFINITY, at + DRIFT_MS_MAX);
    const change = zone.isFixed ? undefined : firstChange(zone, at, horizon, offset);
    if (change !== undefined) {
      // The second before the change, read with the offset after it: the change itself may match.
      at = change - SECOND_MS;
      offset = zone.offsetAt(change);
    } else if (match === undefined) {
      return undefined;
    } else if (match === horizon) {
      return match;
    } else {
      at = Math.max(horizon, match - DRIFT_MS_MAX);
      offset = zone.offsetAt(at);
    }
  }
  return undefined;
}

/** The first second in (from, to] at which the offset is another one. */
function firstChange(zone: TimeZone, from: number, to: number, offset: number): number | undefined {
  let low = from;
  for (let probe = from; probe < to;) {
    probe = Math.min(probe + PROBE_MS, to);
    if (zone.offsetAt(probe) !== offset) {
      let high = probe;
      while (high - low > SECOND_MS) {
        const middle = Math.floor((low + high) / 2 / SECOND_MS) * SECOND_MS;
        if (zone.offsetAt(middle) === offset) low = middle;
        else high = middle;
      }
      return high;
    }
    low = probe;
  }
  return undefined;
}

function localMs(civil: CivilTime): number {
  return Date.UTC(civil.year, civil.month - 1, civil.day, civil.hour, civil.minute, civil.second);
}
