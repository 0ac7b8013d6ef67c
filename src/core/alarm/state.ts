/**
 * The vocabulary of alarms. An alarm has a value, which changes when what it watches is evaluated to another one, or when
 * somebody sets it; only a change of the value acts.
 *
 *   AlarmPut ─▶ INSUFFICIENT_DATA ◀──▶ OK ◀──▶ ALARM        each arrow: Announce, and the actions of the new value
 *
 * Evaluating costs reading; it happens outside, again and again, and only what would change an alarm becomes an event.
 */

import type { MetricQuery, MetricStat } from '#core/metric/metric.ts';

export type AlarmValue = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

export const COMPARISONS = [
  'GreaterThanOrEqualToThreshold',
  'GreaterThanThreshold',
  'LessThanThreshold',
  'LessThanOrEqualToThreshold',
] as const;

export type Comparison = (typeof COMPARISONS)[number];

export const MISSING_DATA = ['missing', 'notBreaching', 'breaching', 'ignore'] as const;

export type MissingData = (typeof MISSING_DATA)[number];

export interface CommonSettings {
  readonly description?: string;
  readonly actionsEnabled: boolean;
  /** ARNs by the value that they are for. */
  readonly actions: Readonly<Record<AlarmValue, readonly string[]>>;
}

export interface MetricSettings extends CommonSettings {
  readonly type: 'metric';
  /** Either one metric, or queries of which exactly one returns data. */
  readonly stat?: MetricStat;
  readonly queries?: readonly MetricQuery[];
  /** Of the one metric, or of the queries. */
  readonly periodSeconds: number;
  readonly evaluationPeriods: number;
  /** Absent: all of the periods. */
  readonly datapointsToAlarm?: number;
  readonly threshold: number;
  readonly comparison: Comparison;
  /** Absent means `missing`. */
  readonly treatMissingData?: MissingData;
  readonly evaluateLowSampleCountPercentile?: 'evaluate' | 'ignore';
}

export interface CompositeSettings extends CommonSettings {
  readonly type: 'composite';
  readonly rule: string;
}

export type AlarmSettings = MetricSettings | CompositeSettings;

/** A value and why; what an evaluation gives, and what is remembered of the value before. */
export interface Verdict {
  readonly value: AlarmValue;
  readonly reason: string;
  /** JSON. */
  readonly reasonData?: string;
}

export interface AlarmState {
  readonly name: string;
  readonly settings: AlarmSettings;
  readonly verdict: Verdict;
  /** When the settings were put; an evaluation of older settings does not count. */
  readonly configuredAt: number;
  /** When value or reason were last written. */
  readonly updatedAt: number;
  /** When the value last became another one. */
  readonly transitionedAt: number;
  /** How often the settings or the value changed, for ids. */
  readonly changes: number;
  /** The last action that was taken, or was not to be taken. */
  readonly lastAction?: ActionResult;
  /** It is no alarm any more; what is left is forgotten after a while. */
  readonly deletedAt?: number;
}

/** Without `error` it was taken. */
export interface ActionResult {
  readonly arn: string;
  readonly at: number;
  readonly error?: string;
}

export type AlarmEvent =
  | { readonly type: 'AlarmPut'; readonly name: string; readonly settings: AlarmSettings }
  | { readonly type: 'ActionsSwitched'; readonly enabled: boolean }
  | { readonly type: 'ValueSet'; readonly verdict: Verdict }
  /** `configuredAt` is that of the settings that were evaluated. */
  | { readonly type: 'Evaluated'; readonly verdict: Verdict; readonly configuredAt: number }
  | { readonly type: 'ActionEnded'; readonly arn: string; readonly error?: string }
  | { readonly type: 'AlarmDeleted' };

export type AlarmEffect = Announce | AnnounceSettings | TakeAction | Forget;

/** Tells the bus, and the alarms that are composed of this one. */
export interface Announce {
  readonly type: 'Announce';
  readonly change: ValueChange;
}

/** Tells the bus what the alarm is set to now. */
export interface AnnounceSettings {
  readonly type: 'AnnounceSettings';
  readonly change: SettingsChange;
}

export interface TakeAction {
  readonly type: 'TakeAction';
  readonly arn: string;
  readonly change: ValueChange;
}

/** The machine of a deleted alarm. */
export interface Forget {
  readonly type: 'Forget';
}

export interface SettingsChange {
  readonly name: string;
  readonly operation: 'create' | 'update' | 'delete';
  readonly settings: AlarmSettings;
  readonly configuredAt: number;
  /** Of an update: what was before, and since when. */
  readonly previous?: { readonly settings: AlarmSettings; readonly configuredAt: number };
  readonly verdict: Verdict;
  readonly verdictAt: number;
  readonly at: number;
}

export interface ValueChange {
  readonly name: string;
  readonly settings: AlarmSettings;
  readonly before: Verdict;
  /** When the value before was last written. */
  readonly beforeAt: number;
  readonly after: Verdict;
  readonly at: number;
  /** When the settings were put. */
  readonly configuredAt: number;
  /** Of this alarm, rising. */
  readonly sequence: number;
}
