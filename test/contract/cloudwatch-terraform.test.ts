/**
 * Terraform's AWS provider, which speaks the older form protocol, makes alarms, sees no difference afterwards, and removes
 * them; and what forms and compressed bodies say besides.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { signRequest } from '#wire/sign.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createTerraform, type Terraform, terraformSkip as skip } from '#test/support/terraform.ts';

const ALARMS = `
resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "errors"
  alarm_description   = "too many errors"
  namespace           = "shop"
  metric_name         = "errors"
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  threshold           = 10
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  dimensions          = { store = "north" }
  tags                = { team = "blue" }
}
resource "aws_cloudwatch_metric_alarm" "slow" {
  alarm_name          = "slow"
  namespace           = "shop"
  metric_name         = "latency"
  extended_statistic  = "p99"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0.5
  comparison_operator = "GreaterThanOrEqualToThreshold"
  evaluate_low_sample_count_percentiles = "ignore"
}
resource "aws_cloudwatch_metric_alarm" "share" {
  alarm_name          = "share"
  evaluation_periods  = 1
  threshold           = 5
  comparison_operator = "GreaterThanThreshold"
  metric_query {
    id          = "e1"
    expression  = "100 * m1 / m2"
    label       = "share of errors"
    return_data = true
  }
  metric_query {
    id = "m1"
    metric {
      namespace   = "shop"
      metric_name = "errors"
      period      = 60
      stat        = "Sum"
    }
  }
  metric_query {
    id = "m2"
    metric {
      namespace   = "shop"
      metric_name = "requests"
      period      = 60
      stat        = "Sum"
    }
  }
}
resource "aws_cloudwatch_composite_alarm" "bad" {
  alarm_name = "bad"
  alarm_rule = "ALARM(\${aws_cloudwatch_metric_alarm.errors.alarm_name}) OR ALARM(\${aws_cloudwatch_metric_alarm.slow.alarm_name})"
  tags       = { team = "blue" }
}
`;

let house: TestHouse;
let terraform: Terraform | undefined;
before(async () => {
  house = await createTestHouse();
  if (!skip) terraform = createTerraform(house);
});
after(async () => {
  await house.close();
  terraform?.close();
});

test('Terraform makes alarms, finds them as it made them, and removes them', { skip }, async () => {
  assert.ok(terraform);
  terraform.write(ALARMS);
  await terraform.succeeds('init');
  const applied = await terraform.succeeds('apply', '-auto-approve');
  assert.match(applied, /Apply complete! Resources: 4 added, 0 changed, 0 destroyed\./);
  await terraform.succeeds('plan', '-detailed-exitcode');
  const destroyed = await terraform.succeeds('destroy', '-auto-approve');
  assert.match(destroyed, /Destroy complete! Resources: 4 destroyed\./);
  const AlarmTypes = ['MetricAlarm' as const, 'CompositeAlarm' as const];
  const left = await house.slipway.root.send('cloudwatch:DescribeAlarms', { AlarmTypes });
  assert.deepEqual([left.MetricAlarms, left.CompositeAlarms], [[], []]);
});

async function post(body: Buffer, more: Record<string, string>): Promise<Response> {
  const url = new URL(house.endpoint);
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8', ...more };
  const signed = signRequest(
    { method: 'POST', url, headers, body },
    { service: 'monitoring', region: house.region },
    house.credentials,
    Date.now(),
  );
  return fetch(url, { method: 'POST', headers: signed, body: new Uint8Array(body) });
}

const form = (fields: Record<string, string>) =>
  Buffer.from(new URLSearchParams({ Version: '2010-08-01', ...fields }).toString());

test('forms are answered in XML, with the codes of their protocol', async () => {
  const put = await post(
    form({
      ...{ Action: 'PutMetricData', Namespace: 'form', 'MetricData.member.1.MetricName': 'm' },
      'MetricData.member.1.Values.member.1': '1.5',
      'MetricData.member.1.Counts.member.1': '2',
    }),
    {},
  );
  assert.deepEqual([put.status, put.headers.get('content-type')], [200, 'text/xml']);
  const list = await (await post(form({ Action: 'ListMetrics', Namespace: 'form' }), {})).text();
  assert.match(list, /<MetricName>m<\/MetricName>/);
  assert.match(list, /<ListMetricsResponse xmlns="http:\/\/monitoring.amazonaws.com\/doc\/2010-08-01\/">/);
  const missing = await post(form({ Action: 'DeleteAlarms', 'AlarmNames.member.1': 'nobody' }), {});
  assert.equal(missing.status, 404);
  assert.match(await missing.text(), /<Code>ResourceNotFound<\/Code>/);
  const wrong = await post(form({ Action: 'PutMetricData', Namespace: ':' }), {});
  assert.equal(wrong.status, 400);
  assert.match(await wrong.text(), /<Code>ValidationError<\/Code>/);
});

test('a compressed body counts for what it holds, and a bomb is refused', async () => {
  const fields = form({
    ...{ Action: 'PutMetricData', Namespace: 'zip', 'MetricData.member.1.MetricName': 'm' },
    'MetricData.member.1.Value': '7',
  });
  const coding = { 'content-encoding': 'gzip' };
  assert.equal((await post(gzipSync(fields), coding)).status, 200);
  const list = await house.slipway.root.send('cloudwatch:ListMetrics', { Namespace: 'zip' });
  assert.equal(list.Metrics?.length, 1);
  const bomb = await post(gzipSync(Buffer.alloc(64 * 1024 * 1024)), coding);
  assert.equal(bomb.status, 413);
  const broken = await post(Buffer.from('no gzip'), coding);
  assert.deepEqual([broken.status, /MalformedQueryString/.test(await broken.text())], [400, true]);
});
