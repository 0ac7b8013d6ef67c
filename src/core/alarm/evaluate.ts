/**
 * Evaluates the datapoints of an alarm: which value follows from them, and why. Missing datapoints are filled as seldom
 * as possible. AWS: "Configuring how CloudWatch alarms treat missing data", whose tables are the tests of this file.
 */

import { unreachable } from '#base/assert.ts';
import { isInsignificant, parseStatistic } from '#core/metric/statistic.ts';
import type { AlarmValue, Comparison, MetricSettings, Verdict } from './state.ts';

export interface Datapoint {
  /** When its period begins. */
  readonly at: number;
  readonly value: number;
  readonly sampleCount?: number;
}

/** Oldest first; `undefined` where the period has no data. */
export type Datapoints = readonly (Datapoint | undefined)[];

/** Further periods that are looked at, beyond those that are evaluated. */
const FURTHER_PERIODS = 2;

export function periodsToRead(settings: MetricSettings): number {
  return settings.evaluationPeriods + FURTHER_PERIODS;
}

/** `undefined` when the alarm keeps the value that it has. */
export function evaluateMetric(
  settings: MetricSettings,
  points: Datapoints,
  current: AlarmValue,
  at: number,
): Verdict | undefined {
  const value = valueOf(settings, points);
  if (value === undefined || value === current) return undefined;
  const used = pointsUsed(settings, points);
  return { value, ...explain(settings, used, points.length, current, value, at) };
}

function valueOf(settings: MetricSettings, points: Datapoints): AlarmValue | undefined {
  const { evaluationPeriods: n, datapointsToAlarm: m = n, treatMissingData = 'missing' } = settings;
  const used = pointsUsed(settings, points);
  const missing = n - used.length;
  const breaching = used.filter((point) => isBreaching(settings, point)).length;
  if (isTooThin(settings, used)) return undefined;
  const decided = (count: number) => (count >= m ? 'ALARM' : 'OK');
  if (missing <= 0) return decided(breaching);
  switch (treatMissingData) {
    case 'breaching':
      return decided(breaching + missing);
    case 'notBreaching':
      return decided(breaching);
    case 'missing':
      if (used.length === 0) return 'INSUFFICIENT_DATA';
      if (breaching < used.length) return decided(breaching);
      return breaching >= m || hasLastedInBreach(points, m) ? 'ALARM' : 'OK';
    case 'ignore':
      if (used.length === 0) return undefined;
      if (breaching < used.length || breaching >= m) return decided(breaching);
      // What the missing ones hide might be an alarm, so nothing changes.
      return undefined;
    default:
      return unreachable(treatMissingData);
  }
}

/** The newest real ones, as many as are evaluated. */
function pointsUsed({ evaluationPeriods }: MetricSettings, points: Datapoints): readonly Datapoint[] {
  return points.filter((point) => point !== undefined).slice(-evaluationPeriods);
}

/**
 * Where all datapoints breach: the oldest one is at least M periods old, and everything since breached or is missing.
 * That is an alarm, however few they are. While the oldest is younger, the next one may still be good.
 */
function hasLastedInBreach(points: Datapoints, m: number): boolean {
  return points.length - points.findIndex((point) => point !== undefined) >= m;
}

/** Percentiles of too few samples change nothing, if the alarm says so. */
function isTooThin(settings: MetricSettings, used: readonly Datapoint[]): boolean {
  if (settings.evaluateLowSampleCountPercentile !== 'ignore' || !settings.stat) return false;
  const statistic = parseStatistic(settings.stat.statistic);
  return (
    statistic !== undefined &&
    used.some(({ sampleCount = Infinity }) => isInsignificant(statistic, sampleCount))
  );
}

function isBreaching({ comparison, threshold }: MetricSettings, { value }: Datapoint): boolean {
  switch (comparison) {
    case 'GreaterThanOrEqualToThreshold':
      return value >= threshold;
    case 'GreaterThanThreshold':
      return value > threshold;
    case 'LessThanThreshold':
      return value < threshold;
    case 'LessThanOrEqualToThreshold':
      return value <= threshold;
    default:
      return unreachable(comparison);
  }
}

/* The reasons, in the words of AWS. */

const IN_WORDS: Readonly<Record<Comparison, string>> = {
  GreaterThanOrEqualToThreshold: 'greater than or equal to',
  GreaterThanThreshold: 'greater than',
  LessThanThreshold: 'less than',
  LessThanOrEqualToThreshold: 'less than or equal to',
};

const SHOWN_MAX = 10;

function explain(
  settings: MetricSettings,
  used: readonly Datapoint[],
  read: number,
  from: AlarmValue,
  to: AlarmValue,
  at: number,
): Pick<Verdict, 'reason' | 'reasonData'> {
  return {
    reason: reasonOf(settings, used, read, from, to),
    reasonData: JSON.stringify(reasonData(settings, used, at)),
  };
}

function reasonOf(
  settings: MetricSettings,
  used: readonly Datapoint[],
  read: number,
  from: AlarmValue,
  to: AlarmValue,
): string {
  const {
    evaluationPeriods: n,
    datapointsToAlarm: m = n,
    comparison,
    threshold,
    treatMissingData,
  } = settings;
  if (to === 'INSUFFICIENT_DATA') return `Insufficient Data: ${counted(n, 'datapoint')} unknown.`;
  const missing = Math.max(0, n - used.length);
  const treated =
    missing === 0 || treatMissingData === undefined || treatMissingData === 'missing'
      ? ''
      : `${counted(missing, 'missing datapoint')} treated as [${capital(treatMissingData)}]`;
  if (used.length === 0) {
    return `Threshold Crossed: no datapoints were received for ${read} periods and ${treated}.`;
  }
  const isAlarm = to === 'ALARM';
  const telling = used.filter((point) => isBreaching(settings, point) === isAlarm);
  const shown = telling.slice(-SHOWN_MAX).reverse();
  const list = shown.map(({ value, at }) => `${double(value)} (${dayAndTime(at)})`).join(', ');
  const verb = `${telling.length === 1 ? 'was' : 'were'}${isAlarm ? '' : ' not'}`;
  const least = isAlarm ? m : n - m + 1;
  return (
    `Threshold Crossed: ${telling.length} out of the last ${used.length} datapoints [${list}] ${verb} ` +
    `${IN_WORDS[comparison]} the threshold (${double(threshold)})${treated === '' ? '' : ` and ${treated}`} ` +
    `(minimum ${least} datapoint${least === 1 ? '' : 's'} for ${from} -> ${to} transition).`
  );
}

function reasonData(settings: MetricSettings, used: readonly Datapoint[], at: number): object {
  const { stat, periodSeconds, threshold } = settings;
  const [first] = used;
  return {
    version: '1.0',
    queryDate: timestamp(at),
    ...(first && { startDate: timestamp(first.at) }),
    ...(stat?.unit !== undefined && { unit: stat.unit }),
    ...(stat && { statistic: stat.statistic }),
    period: periodSeconds,
    recentDatapoints: used.slice(-SHOWN_MAX).map(({ value }) => value),
    threshold,
    evaluatedDatapoints: used
      .slice(-SHOWN_MAX)
      .reverse()
      .map(({ at: from, sampleCount, value }) => ({
        timestamp: timestamp(from),
        ...(sampleCount !== undefined && { sampleCount }),
        value,
      })),
  };
}

function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun} was` : `${count} ${noun}s were`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Numbers as AWS prints them, which says that they need not be whole. */
export function double(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e7 ? `${value}.0` : String(value);
}

/** `2019-10-02T17:04:40.989+0000` */
export function timestamp(at: number): string {
  return new Date(at).toISOString().replace('Z', '+0000');
}

/** `02/10/19 16:59:00` */
function dayAndTime(at: number): string {
  const [date = '', time = ''] = new Date(at).toISOString().split('T');
  const [year = '', month = '', day = ''] = date.split('-');
  return `${day}/${month}/${year.slice(-2)} ${time.slice(0, 8)}`;
}
