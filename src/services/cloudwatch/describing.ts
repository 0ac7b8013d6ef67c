/** Alarms and their history as AWS shows them. */

import type { CompositeAlarm, MetricAlarm, MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import type { AlarmState, CompositeSettings, MetricSettings } from '#core/alarm/state.ts';
import { createMetric, metricKey, type Metric, type MetricQuery } from '#core/metric/metric.ts';
import { SIMPLE_STATISTICS } from '#core/metric/statistic.ts';
import type { Handler, Scope } from '#services/service.ts';
import { alarmArn } from './names.ts';
import { createToken, readToken } from './paging.ts';
import { dimensionsOf } from './queries.ts';
import { invalidCombination, requireAlarms, stateOfRow, type Room } from './room.ts';
import { type AlarmRow, tables } from './tables.ts';
import { childrenOf } from './watching.ts';

type CloudWatch<Operation extends string> = Handler<'cloudwatch', Operation>;

const PAGE_SIZE = 50;
const HISTORY_PAGE_SIZE = 100;

export function describingOperations({ house }: Room) {
  const { database } = house;

  const DescribeAlarms: CloudWatch<'DescribeAlarms'> = async (call, input) => {
    const { AlarmNames, AlarmNamePrefix, ChildrenOfAlarmName, ParentsOfAlarmName, StateValue } = input;
    if (AlarmNames && AlarmNamePrefix !== undefined) {
      throw invalidCombination('AlarmNames and AlarmNamePrefix cannot be used together.');
    }
    const types = (input.AlarmTypes ?? ['MetricAlarm']).map((type) =>
      type === 'CompositeAlarm' ? 'composite' : 'metric',
    );
    const { MaxRecords = PAGE_SIZE, NextToken, ...filters } = input;
    const after = readToken(house, ['DescribeAlarms', filters], NextToken);
    const names = await namesOf(AlarmNames, ChildrenOfAlarmName, ParentsOfAlarmName);
    const isOfFamily = ChildrenOfAlarmName !== undefined || ParentsOfAlarmName !== undefined;
    let query = tables(database).selectFrom('cloudwatch_alarm').selectAll().orderBy('name');
    if (names) query = query.where('name', 'in', names.length > 0 ? names : ['']);
    if (!isOfFamily) query = query.where('type', 'in', types);
    if (StateValue !== undefined) query = query.where('value', '=', StateValue);
    if (after !== undefined) query = query.where('name', '>', after);
    const matching = (await query.execute()).filter(
      (row) => row.name.startsWith(AlarmNamePrefix ?? '') && hasAction(row, input.ActionPrefix),
    );
    const page = matching.slice(0, MaxRecords);
    const next = matching.length > MaxRecords ? page.at(-1) : undefined;
    return {
      ...viewAlarms(call, page),
      ...(next && { NextToken: createToken(house, ['DescribeAlarms', filters], next.name) }),
    };
  };

  const namesOf = async (
    names: readonly string[] | undefined,
    childrenOfName: string | undefined,
    parentsOfName: string | undefined,
  ): Promise<readonly string[] | undefined> => {
    if (childrenOfName !== undefined) {
      const [row] = await requireAlarms(database, [childrenOfName]);
      return row ? childrenOf(stateOfRow(row)) : [];
    }
    if (parentsOfName === undefined) return names;
    const composites = await tables(database)
      .selectFrom('cloudwatch_alarm')
      .selectAll()
      .where('type', '=', 'composite')
      .execute();
    return composites
      .filter((row) => childrenOf(stateOfRow(row)).includes(parentsOfName))
      .map((row) => row.name);
  };

  const DescribeAlarmsForMetric: CloudWatch<'DescribeAlarmsForMetric'> = async (call, input) => {
    const { Namespace = '', MetricName = '', Dimensions, Statistic, ExtendedStatistic, Period, Unit } = input;
    const rows = await tables(database)
      .selectFrom('cloudwatch_alarm')
      .selectAll()
      .where('metric_key', '=', metricKey(createMetric(Namespace, MetricName, dimensionsOf(Dimensions))))
      .orderBy('name')
      .execute();
    const statistic = Statistic ?? ExtendedStatistic;
    const matching = rows.filter((row) => {
      const { settings } = stateOfRow(row);
      const stat = settings.type === 'metric' ? settings.stat : undefined;
      return (
        stat !== undefined &&
        (statistic === undefined || stat.statistic === statistic) &&
        (Period === undefined || stat.periodSeconds === Period) &&
        (Unit === undefined || stat.unit === Unit)
      );
    });
    return { MetricAlarms: viewAlarms(call, matching).MetricAlarms };
  };

  const DescribeAlarmHistory: CloudWatch<'DescribeAlarmHistory'> = async (_call, input) => {
    const { AlarmName, AlarmTypes = ['MetricAlarm'], HistoryItemType, StartDate, EndDate } = input;
    const { MaxRecords = HISTORY_PAGE_SIZE, NextToken, ...filters } = input;
    const after = readToken(house, ['DescribeAlarmHistory', filters], NextToken);
    const isAscending = input.ScanBy === 'TimestampAscending';
    let query = tables(database)
      .selectFrom('cloudwatch_history')
      .selectAll()
      .orderBy('item_id', isAscending ? 'asc' : 'desc')
      .limit(MaxRecords + 1);
    if (AlarmName !== undefined) query = query.where('name', '=', AlarmName);
    if (AlarmName === undefined || input.AlarmTypes) query = query.where('alarm_type', 'in', AlarmTypes);
    if (HistoryItemType !== undefined) query = query.where('type', '=', HistoryItemType);
    if (StartDate) query = query.where('at', '>=', StartDate.getTime());
    if (EndDate) query = query.where('at', '<=', EndDate.getTime());
    if (after !== undefined) query = query.where('item_id', isAscending ? '>' : '<', after);
    const rows = await query.execute();
    const page = rows.slice(0, MaxRecords);
    const next = rows.length > MaxRecords ? page.at(-1) : undefined;
    return {
      AlarmHistoryItems: page.map((row) => ({
        AlarmName: row.name,
        AlarmType: row.alarm_type as 'MetricAlarm',
        Timestamp: new Date(row.at),
        HistoryItemType: row.type as 'Action',
        HistorySummary: row.summary,
        HistoryData: row.data,
      })),
      ...(next && { NextToken: createToken(house, ['DescribeAlarmHistory', filters], next.item_id) }),
    };
  };

  const DescribeAlarmContributors: CloudWatch<'DescribeAlarmContributors'> = async (_call, input) => {
    await requireAlarms(database, [input.AlarmName ?? '']);
    // Only alarms on many series at once have any, and there are none here.
    return { AlarmContributors: [] };
  };

  return { DescribeAlarms, DescribeAlarmsForMetric, DescribeAlarmHistory, DescribeAlarmContributors };
}

function hasAction(row: AlarmRow, prefix: string | undefined): boolean {
  if (prefix === undefined) return true;
  const { actions } = stateOfRow(row).settings;
  return Object.values(actions).some((arns) => arns.some((arn) => arn.startsWith(prefix)));
}

function viewAlarms(scope: Scope, rows: readonly AlarmRow[]) {
  const MetricAlarms: MetricAlarm[] = [];
  const CompositeAlarms: CompositeAlarm[] = [];
  for (const row of rows) {
    const state = stateOfRow(row);
    const { settings } = state;
    if (settings.type === 'metric') MetricAlarms.push(viewMetricAlarm(scope, state, settings));
    else CompositeAlarms.push(viewCompositeAlarm(scope, state, settings));
  }
  return { MetricAlarms, CompositeAlarms };
}

function viewCommon(scope: Scope, state: AlarmState) {
  const { name, settings, verdict } = state;
  return {
    AlarmName: name,
    AlarmArn: alarmArn(scope, name),
    ...(settings.description !== undefined && { AlarmDescription: settings.description }),
    AlarmConfigurationUpdatedTimestamp: new Date(state.configuredAt),
    ActionsEnabled: settings.actionsEnabled,
    OKActions: [...settings.actions.OK],
    AlarmActions: [...settings.actions.ALARM],
    InsufficientDataActions: [...settings.actions.INSUFFICIENT_DATA],
    StateValue: verdict.value,
    StateReason: verdict.reason,
    ...(verdict.reasonData !== undefined && { StateReasonData: verdict.reasonData }),
    StateUpdatedTimestamp: new Date(state.updatedAt),
    StateTransitionedTimestamp: new Date(state.transitionedAt),
  };
}

function viewCompositeAlarm(scope: Scope, state: AlarmState, { rule }: CompositeSettings): CompositeAlarm {
  return { ...viewCommon(scope, state), AlarmRule: rule };
}

function viewMetricAlarm(scope: Scope, state: AlarmState, settings: MetricSettings): MetricAlarm {
  const { stat, queries, datapointsToAlarm, treatMissingData, evaluateLowSampleCountPercentile } = settings;
  return {
    ...viewCommon(scope, state),
    ...(stat && {
      ...viewMetric(stat.metric),
      ...viewStatistic(stat.statistic),
      Period: stat.periodSeconds,
      ...(stat.unit !== undefined && { Unit: stat.unit as 'None' }),
    }),
    ...(queries && { Metrics: queries.map(viewQuery) }),
    EvaluationPeriods: settings.evaluationPeriods,
    ...(datapointsToAlarm !== undefined && { DatapointsToAlarm: datapointsToAlarm }),
    Threshold: settings.threshold,
    ComparisonOperator: settings.comparison,
    ...(treatMissingData && { TreatMissingData: treatMissingData }),
    ...(evaluateLowSampleCountPercentile && {
      EvaluateLowSampleCountPercentile: evaluateLowSampleCountPercentile,
    }),
  };
}

function viewMetric({ namespace, name, dimensions }: Metric) {
  return {
    Namespace: namespace,
    MetricName: name,
    Dimensions: dimensions.map((each) => ({ Name: each.name, Value: each.value })),
  };
}

function viewStatistic(statistic: string): Pick<MetricAlarm, 'Statistic' | 'ExtendedStatistic'> {
  const simple = SIMPLE_STATISTICS.find((name) => name === statistic);
  return simple ? { Statistic: simple } : { ExtendedStatistic: statistic };
}

function viewQuery({ id, stat, expression, label, returnData, periodSeconds }: MetricQuery): MetricDataQuery {
  return {
    Id: id,
    ...(stat && {
      MetricStat: {
        Metric: viewMetric(stat.metric),
        Period: stat.periodSeconds,
        Stat: stat.statistic,
        ...(stat.unit !== undefined && { Unit: stat.unit as 'None' }),
      },
    }),
    ...(expression !== undefined && { Expression: expression }),
    ...(label !== undefined && { Label: label }),
    ...(returnData !== undefined && { ReturnData: returnData }),
    ...(periodSeconds !== undefined && { Period: periodSeconds }),
  };
}
