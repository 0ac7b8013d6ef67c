/**
 * The metrics of the house's own services: heard on the bus, each event once, and counted besides for Prometheus, from
 * the start of this process on.
 */

import { isFault } from '#base/fault.ts';
import { aggregateValues } from '#core/metric/aggregate.ts';
import { measureEvent, type Ended } from '#core/metric/of-events.ts';
import type { BusEvent, House, Subscription } from '#services/service.ts';
import { type Datum, storeData } from './data.ts';
import { tables } from './tables.ts';

export interface OwnMetrics {
  readonly subscriptions: readonly Subscription[];
  /** Prometheus text. */
  text(): Promise<string>;
}

const HEARD = [
  ['aws.codebuild', 'CodeBuild Build State Change'],
  ['aws.codepipeline', 'CodePipeline Pipeline Execution State Change'],
  ['aws.codedeploy', 'CodeDeploy Deployment State-change Notification'],
] as const;

const COUNTERS: Readonly<Record<Ended['kind'], readonly [name: string, help: string]>> = {
  build: ['slipway_builds_total', 'Builds that ended, by status.'],
  'pipeline execution': ['slipway_pipeline_executions_total', 'Pipeline executions that ended, by state.'],
  deployment: ['slipway_deployments_total', 'Deployments that ended, by state.'],
};
/** Outcomes come from our own rooms; should that ever not hold, the rest is counted together. */
const OUTCOMES_MAX = 100;

export function createOwnMetrics(house: House): OwnMetrics {
  const { database } = house;
  const counts = new Map<string, number>();

  /** Metrics that cannot be kept must not hold up the bus. */
  async function hear(event: BusEvent): Promise<void> {
    try {
      await note(event);
    } catch (error) {
      if (!isFault(error)) throw error;
      house.log.warn('an event was not counted', { event: event.id, code: error.code });
    }
  }

  async function note(event: BusEvent): Promise<void> {
    const { measured, ended } = measureEvent(event);
    if (measured.length === 0 && !ended) return;
    const data = measured.map(({ metric, unit, value }): Datum => ({
      ...{ metric, unit, at: event.at, resolution: 60 },
      aggregate: aggregateValues([[value, 1]]),
    }));
    const isNew = await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const { id: event_id, at } = event;
      const known = await rows
        .selectFrom('cloudwatch_heard')
        .select('at')
        .where('event_id', '=', event_id)
        .executeTakeFirst();
      if (known) return false;
      await rows.insertInto('cloudwatch_heard').values({ event_id, at }).execute();
      await storeData(transaction, data);
      return true;
    });
    if (isNew && ended) count(ended);
  }

  function count({ kind, outcome }: Ended): void {
    const exact = `${kind}:${outcome}`;
    const key = counts.has(exact) || counts.size < OUTCOMES_MAX ? exact : `${kind}:other`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }

  return {
    subscriptions: HEARD.map(([source, detailType]) => ({ source, detailType, hear })),
    async text() {
      const lines = Object.entries(COUNTERS).flatMap(([kind, [name, help]]) => [
        ...[`# HELP ${name} ${help}`, `# TYPE ${name} counter`],
        ...[...counts]
          .filter(([key]) => key.startsWith(`${kind}:`))
          .map(([key, total]) => `${name}{state="${key.slice(kind.length + 1)}"} ${total}`),
      ]);
      const alarms = await tables(database)
        .selectFrom('cloudwatch_alarm')
        .select((row) => ['value', row.fn.countAll<number>().as('count')])
        .groupBy('value')
        .execute();
      const name = 'slipway_alarms';
      lines.push(`# HELP ${name} Alarms, by the value that they have.`, `# TYPE ${name} gauge`);
      lines.push(...alarms.map((row) => `${name}{state="${row.value}"} ${row.count}`));
      return `${lines.join('\n')}\n`;
    },
  };
}
