/**
 * `npm run bench alarms`: how long it takes to evaluate 1,000 alarms, each on a metric of its own with data in every
 * minute, when nothing changes and when all of them change; and how many values a second are taken. The floor beside it
 * reads as many rows and does nothing with them.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '#base/log.ts';
import { createMetric } from '#core/metric/metric.ts';
import { metricId, readData } from '#services/cloudwatch/data.ts';
import type { AlarmMachine } from '#services/cloudwatch/room.ts';
import { createWatch } from '#services/cloudwatch/watching.ts';
import { present } from '#base/assert.ts';
import { createSlipway, type Slipway } from '#slipway';
import { type Figure, figure, report } from './report.ts';

const ALARMS = 1_000;
const ROUNDS = 5;
const PERIODS = 5;
const MINUTE_MS = 60_000;
const NAMESPACE = 'bench';

const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const slipway = await createSlipway({
  directory,
  host: '127.0.0.1',
  port: 0,
  account: '123456789012',
  region: 'us-east-1',
  runtime: 'sandbox',
  environment: {},
  log: silentLog,
});
try {
  report('alarms', await measure(slipway));
} finally {
  await slipway.close(2_000);
  rmSync(directory, { recursive: true, force: true });
}

async function measure({ house, root, rooms }: Slipway): Promise<readonly Figure[]> {
  const taken = await fill(slipway);
  for (let n = 0; n < ALARMS; n++) await putAlarm(root, n, 1_000);
  const room = present(
    rooms.find(({ name }) => name === 'cloudwatch'),
    'the room',
  );
  const watch = createWatch(house, () => room.machines[0] as AlarmMachine);
  const quiet: number[] = [];
  const changing: number[] = [];
  const floor: number[] = [];
  await watch.lookAtAll(['tick', 'minute']);
  for (let round = 0; round < ROUNDS; round++) {
    quiet.push(await milliseconds(() => watch.lookAtAll(['tick', 'minute'])));
    floor.push(await milliseconds(() => readAll(slipway)));
    for (let n = 0; n < ALARMS; n++) {
      const Name = { AlarmName: `alarm-${n}` };
      await root.send('cloudwatch:SetAlarmState', { ...Name, StateValue: 'ALARM', StateReason: 'bench' });
    }
    await house.engine.idle();
    changing.push(await milliseconds(() => watch.lookAtAll(['tick', 'minute'])));
    await house.engine.idle();
  }
  return [
    figure(`${ALARMS} alarms evaluated, none changes`, 'ms', quiet, '< 1,000'),
    figure(`${ALARMS} alarms evaluated, all change`, 'ms', changing),
    figure(`the data of ${ALARMS} metrics read`, 'ms', floor),
    figure('values taken', '1/s', taken),
  ];
}

/** Data in each of the last minutes, five values a minute. */
async function fill({ root }: Slipway): Promise<readonly number[]> {
  const now = Date.now();
  const speeds: number[] = [];
  for (let period = 1; period <= PERIODS; period++) {
    const MetricData = Array.from({ length: ALARMS }, (_, n) => ({
      MetricName: `metric-${n}`,
      Values: [1, 2, 3, 4, 5],
      Timestamp: new Date(now - period * MINUTE_MS),
    }));
    const took = await milliseconds(() =>
      root.send('cloudwatch:PutMetricData', { Namespace: NAMESPACE, MetricData }),
    );
    speeds.push((ALARMS * 5 * 1000) / took);
  }
  return speeds;
}

async function putAlarm(root: Slipway['root'], n: number, Threshold: number): Promise<void> {
  await root.send('cloudwatch:PutMetricAlarm', {
    AlarmName: `alarm-${n}`,
    Namespace: NAMESPACE,
    MetricName: `metric-${n}`,
    Statistic: 'Average',
    Period: 60,
    EvaluationPeriods: 3,
    Threshold,
    ComparisonOperator: 'GreaterThanThreshold',
  });
}

async function readAll({ house }: Slipway): Promise<void> {
  const until = Date.now();
  const range = { from: until - 5 * MINUTE_MS, until };
  const names = Array.from({ length: ALARMS }, (_, n) => createMetric(NAMESPACE, `metric-${n}`, []));
  for (let at = 0; at < names.length; at += 50) {
    const ids = names.slice(at, at + 50).map(metricId);
    await Promise.all(ids.map((id) => readData(house.database, id, range)));
  }
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}
