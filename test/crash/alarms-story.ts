/**
 * The story of one alarm: somebody sets it, the alarm that is composed of it follows, a topic is told. The world is a
 * directory: what the bus and the topic heard are files there.
 */

import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '#base/log.ts';
import { openCloudwatch } from '#services/cloudwatch/index.ts';
import type { BusEvent, Call, House } from '#services/service.ts';
import type { Chapter, Life, Story } from './harness.ts';

const SCOPE = { account: '123456789012', region: 'us-east-1' };
const TOPIC = 'arn:aws:sns:us-east-1:123456789012:pager';

type Rows = {
  cloudwatch_alarm: { name: string; value: string };
  cloudwatch_history: { name: string; type: string; summary: string };
};

export const story: Story = {
  migrations: openCloudwatch(createHouse(undefined, '')).migrations,
  open(life): Chapter {
    const world = join(life.directory, 'world');
    mkdirSync(world, { recursive: true });
    const room = openCloudwatch(createHouse(life, world));
    const call = { ...SCOPE, authorize: async () => {} } as unknown as Call;
    const ask = async (operation: keyof typeof room.operations, input: object) => {
      const handler = room.operations[operation] as (call: Call, input: object) => Promise<object>;
      await handler({ ...call, at: life.clock.now() }, input);
    };
    const rows = () => life.database.read.withTables<Rows>();
    const history = async () => {
      const found = await rows().selectFrom('cloudwatch_history').selectAll().execute();
      const told = found.filter(({ type }) => type !== 'ConfigurationUpdate');
      return told.map(({ name, summary }) => `${name}: ${withoutBefore(summary)}`).sort();
    };
    return {
      machines: room.machines,
      async begin() {
        await room.recover?.();
        await ask('PutMetricAlarm', {
          ...{ AlarmName: 'child', Namespace: 'n', MetricName: 'm', Statistic: 'Sum', Period: 60 },
          ...{ EvaluationPeriods: 1, Threshold: 1, ComparisonOperator: 'GreaterThanThreshold' },
          TreatMissingData: 'ignore',
        });
        await ask('PutCompositeAlarm', {
          ...{ AlarmName: 'whole', AlarmRule: 'ALARM(child)', AlarmActions: [TOPIC] },
        });
        await ask('SetAlarmState', { AlarmName: 'child', StateValue: 'ALARM', StateReason: 'a test' });
      },
      isOver: async () => (await history()).some((line) => line.startsWith('whole: Successfully')),
      async end() {
        const alarms = await rows().selectFrom('cloudwatch_alarm').selectAll().orderBy('name').execute();
        const values = alarms.map(({ name, value }) => `${name} ${value}`);
        return {
          values,
          history: (await history()).filter((line) => !line.endsWith('to OK')),
          world: readdirSync(world).sort(),
        };
      },
      close: async () => room.close?.(),
    };
  },
};

/** Whether the composed alarm was good for a moment depends on who was first; what it became does not. */
function withoutBefore(summary: string): string {
  return summary.replace(/ from \w+/, '');
}

/** What the room takes from its house. Without a life it is only looked at. */
function createHouse(life: Life | undefined, world: string): House {
  const note = (name: string) => closeSync(openSync(join(world, name), 'a'));
  return {
    ...SCOPE,
    clock: life?.clock,
    log: silentLog,
    database: life?.database,
    engine: life?.engine,
    async publish({ detailType, detail }: BusEvent) {
      if (detailType !== 'CloudWatch Alarm State Change') return;
      const { value } = detail['state'] as { readonly value: string };
      if (value === 'ALARM') note(`bus heard ${String(detail['alarmName'])} ${value}`);
    },
    asService: () => ({
      async send(_operation: string, { Message }: { readonly Message: string }) {
        const { AlarmName, NewStateValue } = JSON.parse(Message) as Record<string, string>;
        note(`topic heard ${AlarmName} ${NewStateValue}`);
        return {};
      },
    }),
  } as unknown as House;
}
