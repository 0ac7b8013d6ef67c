/** Metric filters through the official clients: what they count is a metric of CloudWatch. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloudWatch } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { createTestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

test('a metric filter is put, described, counts what comes, and is deleted', async () => {
  const house = await createTestHouse();
  const { endpoint, region, credentials } = house;
  const logs = new CloudWatchLogs({ endpoint, region, credentials, maxAttempts: 1 });
  const metrics = new CloudWatch({ endpoint, region, credentials, maxAttempts: 1 });
  try {
    const place = { logGroupName: 'app', logStreamName: 'main' };
    await logs.createLogGroup(place);
    await logs.createLogStream(place);
    const filter = {
      logGroupName: 'app',
      filterName: 'latency',
      filterPattern: '{ $.ms > 10 }',
      metricTransformations: [
        { metricName: 'Latency', metricNamespace: 'App', metricValue: '$.ms', unit: 'Milliseconds' as const },
      ],
    };
    await logs.putMetricFilter(filter);
    const { metricFilters } = await logs.describeMetricFilters({
      metricName: 'Latency',
      metricNamespace: 'App',
    });
    assert.deepEqual(
      metricFilters?.map(({ creationTime, ...rest }) => (assert.ok(creationTime), rest)),
      [{ ...filter, applyOnTransformedLogs: false }],
    );
    const { logGroups } = await logs.describeLogGroups();
    assert.equal(logGroups?.[0]?.metricFilterCount, 1);
    const timestamp = Date.now();
    const logEvents = [5, 20, 40].map((ms) => ({ timestamp, message: JSON.stringify({ ms }) }));
    await logs.putLogEvents({ ...place, logEvents });
    const found = await until('the metric', 20_000, async () => {
      const { Datapoints } = await metrics.getMetricStatistics({
        Namespace: 'App',
        MetricName: 'Latency',
        StartTime: new Date(timestamp - 120_000),
        EndTime: new Date(timestamp + 120_000),
        Period: 60,
        Statistics: ['Sum', 'SampleCount'],
      });
      return Datapoints?.[0];
    });
    assert.equal(found.Sum, 60);
    assert.equal(found.SampleCount, 2);
    assert.equal(found.Unit, 'Milliseconds');
    await logs.deleteMetricFilter(filter);
    await assert.rejects(logs.deleteMetricFilter(filter), {
      name: 'ResourceNotFoundException',
      message: 'The specified metric filter does not exist.',
    });
  } finally {
    logs.destroy();
    metrics.destroy();
    await house.close();
  }
});
