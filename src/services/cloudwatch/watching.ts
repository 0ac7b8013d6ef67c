/**
 * Watches alarms: evaluates them at every full minute, from what is kept of their metrics; those of shorter periods
 * every ten seconds, those that look back for more than a day every hour; composite alarms when one of their children
 * changed, and every minute besides. Every node watches, for evaluating twice gives the same; only what would change an
 * alarm is sent to it.
 */

import { isFault } from '#base/fault.ts';
import { evaluateMetric, periodsToRead, type Datapoints } from '#core/alarm/evaluate.ts';
import { alarmsOfRule, evaluateRule, parseAlarmRule } from '#core/alarm/rule.ts';
import type { AlarmState, CompositeSettings, MetricSettings, Verdict } from '#core/alarm/state.ts';
import { groupByPeriod } from '#core/metric/period.ts';
import { parseStatistic, statisticOf } from '#core/metric/statistic.ts';
import type { House } from '#services/service.ts';
import { metricId, readData } from './data.ts';
import { alarmArn } from './names.ts';
import { readQueries } from './queries.ts';
import { findAlarms, stateOfRow, type AlarmMachine } from './room.ts';
import { type AlarmRow, tables } from './tables.ts';

export interface Watch {
  start(): void;
  stop(): Promise<void>;
  /** Evaluates one alarm now. */
  look(name: string): Promise<void>;
  /** Evaluates the alarms that are composed of this one. */
  lookAtParents(name: string): Promise<void>;
  /** Evaluates all that are due at one of these paces. */
  lookAtAll(paces: readonly Pace[]): Promise<void>;
}

/** How often an alarm is evaluated. AWS: "Evaluating an alarm", multi-day alarms. */
export type Pace = 'tick' | 'minute' | 'hour';

const TICK_MS = 10_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_SECONDS = 86_400;
/** Data of the last moments may still be on its way. */
const DELAY_MS = 500;
const AT_ONCE = 50;
const LOOKS_MAX = 5;

export function createWatch(house: House, alarms: () => AlarmMachine): Watch {
  const { database, clock, engine, log } = house;
  let cancel = () => {};
  let isStopped = false;
  let running = Promise.resolve();

  /** Which paces have come since the last look; the clock may have been put forward over a full minute or hour. */
  function pacesSince(before: number, now: number): readonly Pace[] {
    const isPassed = (length: number) => Math.floor(now / length) > Math.floor(before / length);
    const paces: readonly (Pace | false)[] = [
      'tick',
      isPassed(MINUTE_MS) && 'minute',
      isPassed(HOUR_MS) && 'hour',
    ];
    return paces.filter((pace) => pace !== false);
  }

  const arm = (lookedAt: number) => {
    const tick = Math.floor(clock.now() / TICK_MS + 1) * TICK_MS;
    cancel = clock.callAt(tick + DELAY_MS, () => {
      const now = clock.now();
      running = lookAtAll(pacesSince(lookedAt, now))
        .catch((error: unknown) => log.error('the alarms could not be evaluated', { error }))
        .then(() => (isStopped ? undefined : arm(now)));
    });
  };

  async function lookAtAll(paces: readonly Pace[]): Promise<void> {
    const rows = await tables(database).selectFrom('cloudwatch_alarm').selectAll().orderBy('name').execute();
    const due = rows.filter((row) => paces.includes(paceOf(stateOfRow(row))));
    for (let at = 0; at < due.length && !isStopped; at += AT_ONCE) {
      await Promise.all(due.slice(at, at + AT_ONCE).map(lookSafely));
    }
  }

  /** One alarm that cannot be evaluated does not keep the others from it. */
  async function lookSafely(row: AlarmRow): Promise<void> {
    try {
      await lookAt(row);
    } catch (error) {
      log.error('an alarm could not be evaluated', { alarm: row.name, error });
    }
  }

  /** Again as long as it changes something: meanwhile a child may have changed, or another node have looked. */
  async function lookAt(row: AlarmRow): Promise<void> {
    let state = stateOfRow(row);
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const verdict =
        state.settings.type === 'metric'
          ? await judgeMetric(house, state, state.settings)
          : await judgeComposite(house, state, state.settings);
      if (!verdict) return;
      const { configuredAt } = state;
      const sent = await engine.send(alarms(), row.name, { type: 'Evaluated', verdict, configuredAt });
      if (state.settings.type === 'metric') return;
      state = sent.state;
    }
  }

  return {
    start: () => arm(clock.now()),
    async stop() {
      isStopped = true;
      cancel();
      await running;
    },
    async look(name) {
      for (const row of await findAlarms(database, [name])) await lookAt(row);
    },
    async lookAtParents(name) {
      const composites = await tables(database)
        .selectFrom('cloudwatch_alarm')
        .selectAll()
        .where('type', '=', 'composite')
        .execute();
      for (const row of composites) if (childrenOf(stateOfRow(row)).includes(name)) await lookAt(row);
    },
    lookAtAll,
  };
}

/** The alarms that a composite alarm asks; none for others. */
export function childrenOf({ settings }: AlarmState): readonly string[] {
  if (settings.type !== 'composite') return [];
  const rule = parseAlarmRule(settings.rule);
  return 'type' in rule ? alarmsOfRule(rule) : [];
}

function paceOf({ settings }: AlarmState): Pace {
  if (settings.type === 'composite') return 'minute';
  const { periodSeconds, evaluationPeriods } = settings;
  if (periodSeconds * evaluationPeriods > DAY_SECONDS) return 'hour';
  return periodSeconds < 60 ? 'tick' : 'minute';
}

async function judgeComposite(
  house: House,
  state: AlarmState,
  settings: CompositeSettings,
): Promise<Verdict | undefined> {
  const rule = parseAlarmRule(settings.rule);
  if ('error' in rule) return undefined;
  const rows = await findAlarms(house.database, alarmsOfRule(rule));
  const children = rows.map((row) => {
    const { verdict, transitionedAt } = stateOfRow(row);
    return { name: row.name, arn: alarmArn(house, row.name), value: verdict.value, since: transitionedAt };
  });
  return evaluateRule(rule, children, state.verdict.value);
}

async function judgeMetric(
  house: House,
  state: AlarmState,
  settings: MetricSettings,
): Promise<Verdict | undefined> {
  const now = house.clock.now();
  const points = await readPoints(house, settings, paceOf(state), now);
  return points && evaluateMetric(settings, points, state.verdict.value, now);
}

/** The last full periods before now, counted back from the last full hour, minute, or short period. */
async function readPoints(
  house: House,
  settings: MetricSettings,
  pace: Pace,
  now: number,
): Promise<Datapoints | undefined> {
  const { periodSeconds, stat, queries = [] } = settings;
  const periodMs = periodSeconds * 1000;
  const step = pace === 'hour' ? HOUR_MS : Math.min(periodMs, MINUTE_MS);
  const until = Math.floor(now / step) * step;
  const from = until - periodsToRead(settings) * periodMs;
  const times = Array.from({ length: periodsToRead(settings) }, (_, index) => from + index * periodMs);
  if (!stat) {
    const series = await readSeries(house, queries, { from, until });
    return times.map((at) => {
      const value = series?.get(at);
      return value === undefined ? undefined : { at, value };
    });
  }
  const statistic = parseStatistic(stat.statistic);
  if (!statistic) return undefined;
  const data = await readData(house.database, metricId(stat.metric), { from, until, unit: stat.unit });
  const byTime = new Map(groupByPeriod(data, periodSeconds, from).map((each) => [each.at, each.aggregate]));
  return times.map((at) => {
    const aggregate = byTime.get(at);
    const value = aggregate && statisticOf(aggregate, statistic);
    return value === undefined ? undefined : { at, value, sampleCount: aggregate?.sampleCount ?? 0 };
  });
}

/** The one series that is watched; an expression that fails on the data at hand has none. */
async function readSeries(
  house: House,
  queries: NonNullable<MetricSettings['queries']>,
  range: { readonly from: number; readonly until: number },
) {
  try {
    const [series] = (await readQueries(house, queries, range)).values();
    return series;
  } catch (error) {
    if (!isFault(error)) throw error;
    return undefined;
  }
}
