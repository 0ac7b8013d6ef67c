/** CloudWatch through the official client, boto3 and the AWS CLI, on SQLite and PostgreSQL: metrics, alarms, actions. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CloudWatch } from '@aws-sdk/client-cloudwatch';
import { EventBridge } from '@aws-sdk/client-eventbridge';
import { IAM } from '@aws-sdk/client-iam';
import { SNS } from '@aws-sdk/client-sns';
import { type Message, SQS } from '@aws-sdk/client-sqs';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock, type MovableClock } from '#test/support/movable-clock.ts';
import { botoSkip, cliSkip, runBoto, runCli } from '#test/support/other-clients.ts';
import { postgresSkip, startPostgres, type Cluster } from '#test/support/postgres.ts';
import { until } from '#test/support/until.ts';

const ACCOUNT = '123456789012';
const WAIT_MS = 15_000;
const MINUTE = 60_000;
const alarmArn = (name: string) => `arn:aws:cloudwatch:us-east-1:${ACCOUNT}:alarm:${name}`;

function refused(promise: Promise<unknown>, name: string, message: RegExp): Promise<void> {
  return assert.rejects(promise, (error: Error) => {
    assert.equal(error.name, name, error.message);
    assert.match(error.message, message);
    return true;
  });
}

describe('on SQLite', () => suite(async () => undefined));

describe('on PostgreSQL', { skip: postgresSkip }, () => {
  let cluster: Cluster | undefined;
  suite(
    async () => {
      cluster = await startPostgres();
      return cluster.createDatabase();
    },
    async () => cluster?.stop(),
  );
});

/** The database is closed after the house, which has records to write until its end. */
function suite(
  openDatabase: () => Promise<string | undefined>,
  closeDatabase: () => Promise<void> = async () => {},
): void {
  let house: TestHouse;
  let clock: MovableClock;
  let cloudwatch: CloudWatch;
  let clients: { readonly sns: SNS; readonly sqs: SQS; readonly events: EventBridge; readonly iam: IAM };

  before(async () => {
    const databaseUrl = await openDatabase();
    clock = createMovableClock();
    house = await createTestHouse({ clock, ...(databaseUrl !== undefined && { databaseUrl }) });
    open();
  });
  after(async () => {
    for (const client of [cloudwatch, ...Object.values(clients)]) client.destroy();
    await house.close();
    await closeDatabase();
  });

  /** Clients sign with their own clock, which must follow the server's. */
  function open(): void {
    const { endpoint, region, credentials } = house;
    const config = { endpoint, region, credentials, maxAttempts: 1, systemClockOffset: clock.aheadMs };
    cloudwatch = new CloudWatch(config);
    clients = {
      sns: new SNS(config),
      sqs: new SQS(config),
      events: new EventBridge(config),
      iam: new IAM(config),
    };
  }

  function pass(milliseconds: number): void {
    clock.advance(milliseconds);
    open();
  }

  const now = () => new Date(clock.now());
  const ago = (milliseconds: number) => new Date(clock.now() - milliseconds);
  const put = (MetricName: string, ...values: readonly number[]) =>
    cloudwatch.putMetricData({
      Namespace: 'shop',
      MetricData: values.map((Value) => ({ MetricName, Value, Timestamp: now(), Unit: 'Count' as const })),
    });

  async function alarm(name: string) {
    const { MetricAlarms = [], CompositeAlarms = [] } = await cloudwatch.describeAlarms({
      AlarmNames: [name],
      AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
    });
    return MetricAlarms[0] ?? CompositeAlarms[0];
  }

  const value = (name: string, expected: string) =>
    until(`${name} to be ${expected}`, WAIT_MS, async () => {
      const found = await alarm(name);
      return found?.StateValue === expected ? found : undefined;
    });

  const putAlarm = (AlarmName: string, more: object = {}) =>
    cloudwatch.putMetricAlarm({
      AlarmName,
      Namespace: 'shop',
      MetricName: AlarmName,
      Statistic: 'Sum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 10,
      ComparisonOperator: 'GreaterThanThreshold',
      ...more,
    });

  async function createQueue(name: string, principal: string): Promise<{ url: string; arn: string }> {
    const arn = `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}`;
    const Statement = {
      Effect: 'Allow',
      Principal: { Service: principal },
      Action: 'sqs:SendMessage',
      Resource: arn,
    };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
    const { QueueUrl = '' } = await clients.sqs.createQueue({ QueueName: name, Attributes: { Policy } });
    return { url: QueueUrl, arn };
  }

  const receive = (QueueUrl: string) =>
    until('a message', WAIT_MS, async (): Promise<Message | undefined> => {
      const { Messages } = await clients.sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 1 });
      const message = Messages?.[0];
      if (message) await clients.sqs.deleteMessage({ QueueUrl, ReceiptHandle: message.ReceiptHandle });
      return message;
    });

  test('values, counted values and statistic sets add up, by dimensions and units', async () => {
    const at = new Date(Math.floor((clock.now() - 5 * MINUTE) / MINUTE) * MINUTE);
    const Dimensions = [{ Name: 'store', Value: 'north' }];
    const datum = { MetricName: 'orders', Dimensions, Timestamp: at, Unit: 'Count' as const };
    await cloudwatch.putMetricData({
      Namespace: 'shop',
      MetricData: [
        { ...datum, Value: 5 },
        { ...datum, Values: [1, 2], Counts: [3, 1] },
        { ...datum, Dimensions: [], Value: 1000 },
        { ...datum, Unit: 'Bytes', Value: 7 },
      ],
    });
    const ask = {
      Namespace: 'shop',
      MetricName: 'orders',
      Dimensions,
      Period: 60,
      StartTime: at,
      EndTime: now(),
    };
    const Statistics = ['SampleCount', 'Average', 'Sum', 'Minimum', 'Maximum'] as const;
    const { Datapoints, Label } = await cloudwatch.getMetricStatistics({
      ...ask,
      Statistics: [...Statistics],
      Unit: 'Count',
    });
    assert.equal(Label, 'orders');
    assert.deepEqual(Datapoints, [
      { Timestamp: at, SampleCount: 5, Average: 2, Sum: 10, Minimum: 1, Maximum: 5, Unit: 'Count' },
    ]);
    const percentiles = await cloudwatch.getMetricStatistics({
      ...ask,
      ExtendedStatistics: ['p50', 'p99.9'],
      Unit: 'Count',
    });
    assert.deepEqual(percentiles.Datapoints?.[0]?.ExtendedStatistics, { p50: 1, 'p99.9': 5 });
    const StatisticValues = { SampleCount: 5, Sum: 50, Minimum: 1, Maximum: 20 };
    await cloudwatch.putMetricData({ Namespace: 'shop', MetricData: [{ ...datum, StatisticValues }] });
    const later = await cloudwatch.getMetricStatistics({
      ...ask,
      Statistics: ['Sum', 'Maximum'],
      ExtendedStatistics: ['p50'],
      Unit: 'Count',
    });
    assert.deepEqual(later.Datapoints, [{ Timestamp: at, Sum: 60, Maximum: 20, Unit: 'Count' }]);
    const all = await cloudwatch.getMetricStatistics({ ...ask, Statistics: ['Sum'] });
    assert.deepEqual(all.Datapoints?.map(({ Unit, Sum }) => `${Unit} ${Sum}`).sort(), [
      'Bytes 7',
      'Count 60',
    ]);
  });

  test('metrics are listed by namespace, name and dimensions', async () => {
    const list = async (more: object) => {
      const { Metrics = [] } = await cloudwatch.listMetrics({
        Namespace: 'shop',
        MetricName: 'orders',
        ...more,
      });
      return Metrics;
    };
    const north = {
      Namespace: 'shop',
      MetricName: 'orders',
      Dimensions: [{ Name: 'store', Value: 'north' }],
    };
    assert.deepEqual(await list({}), [north, { Namespace: 'shop', MetricName: 'orders', Dimensions: [] }]);
    assert.deepEqual(await list({ Dimensions: [{ Name: 'store' }] }), [north]);
    assert.deepEqual(await list({ Dimensions: [{ Name: 'store', Value: 'south' }] }), []);
    assert.deepEqual(await list({ Namespace: 'nobody' }), []);
    const MetricData = Array.from({ length: 1000 }, (_, n) => ({ MetricName: `m${n}`, Value: n }));
    await cloudwatch.putMetricData({ Namespace: 'many', MetricData });
    const first = await cloudwatch.listMetrics({ Namespace: 'many' });
    assert.equal(first.Metrics?.length, 500);
    const second = await cloudwatch.listMetrics({ Namespace: 'many', NextToken: first.NextToken });
    assert.deepEqual([second.Metrics?.length, second.NextToken], [500, undefined]);
    const names = [...(first.Metrics ?? []), ...(second.Metrics ?? [])].map(({ MetricName }) => MetricName);
    assert.equal(new Set(names).size, 1000);
    await refused(
      cloudwatch.listMetrics({ Namespace: 'shop', NextToken: first.NextToken }),
      'InvalidNextToken',
      /not valid/,
    );
  });

  test('series, expressions and pages of metric data', async () => {
    const start = Math.floor((clock.now() - 10 * MINUTE) / MINUTE) * MINUTE;
    const MetricData = [1, 2, 3, 4].flatMap((n) => [
      { MetricName: 'good', Value: n, Timestamp: new Date(start + n * MINUTE) },
      { MetricName: 'bad', Value: n * 10, Timestamp: new Date(start + n * MINUTE) },
    ]);
    await cloudwatch.putMetricData({ Namespace: 'math', MetricData });
    const stat = (Id: string, MetricName: string) => ({
      Id,
      MetricStat: { Metric: { Namespace: 'math', MetricName }, Period: 60, Stat: 'Sum' },
      ReturnData: false,
    });
    const ask = {
      MetricDataQueries: [
        { Id: 'ratio', Expression: '100 * g / (g + b)', Label: 'share' },
        stat('g', 'good'),
        stat('b', 'bad'),
      ],
      StartTime: new Date(start),
      EndTime: now(),
    };
    const { MetricDataResults } = await cloudwatch.getMetricData(ask);
    const [result] = MetricDataResults ?? [];
    assert.deepEqual([result?.Id, result?.Label, result?.StatusCode], ['ratio', 'share', 'Complete']);
    assert.deepEqual(
      result?.Timestamps?.map((at) => (at.getTime() - start) / MINUTE),
      [4, 3, 2, 1],
    );
    assert.ok(result?.Values?.every((each) => Math.abs(each - 100 / 11) < 1e-9));
    const pageOf = async (NextToken?: string) => {
      const page = await cloudwatch.getMetricData({
        ...ask,
        MaxDatapoints: 3,
        ScanBy: 'TimestampAscending',
        ...(NextToken !== undefined && { NextToken }),
      });
      return { points: page.MetricDataResults?.[0]?.Values?.length, next: page.NextToken };
    };
    const first = await pageOf();
    assert.equal(first.points, 3);
    assert.deepEqual(await pageOf(first.next), { points: 1, next: undefined });
    await refused(
      cloudwatch.getMetricData({
        ...ask,
        MetricDataQueries: [{ Id: 'x', Expression: "SEARCH('{math}', 'Sum')" }],
      }),
      'ValidationException',
      /SEARCH is not supported/,
    );
  });

  test('what is no data or no question is refused in the words of AWS', async () => {
    const of = (datum: object, Namespace = 'shop') =>
      cloudwatch.putMetricData({ Namespace, MetricData: [{ MetricName: 'x', Value: 1, ...datum }] });
    await refused(of({}, 'AWS/EC2'), 'InvalidParameterValueException', /reserved/);
    await refused(of({ Timestamp: ago(15 * 86_400_000) }), 'InvalidParameterValueException', /two weeks/);
    await refused(of({ Value: 1e200 }), 'InvalidParameterValueException', /2\^360/);
    await refused(of({ Value: undefined }), 'MissingRequiredParameterException', /Value is required/);
    await refused(of({ Values: [1] }), 'InvalidParameterCombinationException', /mutually exclusive/);
    await refused(of({ StorageResolution: 5 }), 'InvalidParameterValueException', /1 or 60/);
    const ask = { Namespace: 'shop', MetricName: 'x', StartTime: ago(1000), EndTime: now(), Period: 60 };
    const statistics = (more: object) =>
      cloudwatch.getMetricStatistics({ ...ask, Statistics: ['Sum'], ...more });
    await refused(statistics({ Period: 61 }), 'ValidationException', /multiple of 60/);
    await refused(statistics({ EndTime: ago(2000) }), 'InvalidParameterValueException', /less than/);
    await refused(statistics({ Statistics: [] }), 'ValidationException', /statistics/);
    await refused(
      statistics({ StartTime: ago(2 * 86_400_000) }),
      'InvalidParameterCombinationException',
      /exceeds the limit of 1,440/,
    );
    await refused(
      statistics({ Statistics: undefined, ExtendedStatistics: ['tm90'] }),
      'ValidationException',
      /tm90 is not supported/,
    );
  });

  test('an alarm is put, described, changed, switched, tagged and deleted', async () => {
    await putAlarm('crud', {
      AlarmDescription: 'too many',
      TreatMissingData: 'notBreaching',
      EvaluationPeriods: 3,
      DatapointsToAlarm: 2,
      Dimensions: [{ Name: 'store', Value: 'north' }],
      Unit: 'Count',
      Tags: [{ Key: 'team', Value: 'a' }],
    });
    const { StateUpdatedTimestamp, StateTransitionedTimestamp, AlarmConfigurationUpdatedTimestamp, ...rest } =
      (await alarm('crud')) ?? {};
    for (const at of [
      StateUpdatedTimestamp,
      StateTransitionedTimestamp,
      AlarmConfigurationUpdatedTimestamp,
    ]) {
      assert.ok(at instanceof Date);
    }
    const { StateReason, StateReasonData, ...shown } = rest;
    // With missing data as good as good, the first look is enough.
    assert.match(StateReason ?? '', /3 missing datapoints were treated as \[NotBreaching\]/);
    assert.equal((JSON.parse(StateReasonData ?? '') as { period: number }).period, 60);
    assert.deepEqual(shown, {
      AlarmName: 'crud',
      AlarmArn: alarmArn('crud'),
      AlarmDescription: 'too many',
      ActionsEnabled: true,
      OKActions: [],
      AlarmActions: [],
      InsufficientDataActions: [],
      StateValue: 'OK',
      Namespace: 'shop',
      MetricName: 'crud',
      Dimensions: [{ Name: 'store', Value: 'north' }],
      Statistic: 'Sum',
      Period: 60,
      Unit: 'Count',
      EvaluationPeriods: 3,
      DatapointsToAlarm: 2,
      Threshold: 10,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
    });
    const forMetric = await cloudwatch.describeAlarmsForMetric({
      Namespace: 'shop',
      MetricName: 'crud',
      Dimensions: [{ Name: 'store', Value: 'north' }],
    });
    assert.deepEqual(
      forMetric.MetricAlarms?.map(({ AlarmName }) => AlarmName),
      ['crud'],
    );
    const ResourceARN = alarmArn('crud');
    await cloudwatch.tagResource({ ResourceARN, Tags: [{ Key: 'more', Value: 'b' }] });
    await cloudwatch.untagResource({ ResourceARN, TagKeys: ['team'] });
    assert.deepEqual((await cloudwatch.listTagsForResource({ ResourceARN })).Tags, [
      { Key: 'more', Value: 'b' },
    ]);
    await cloudwatch.disableAlarmActions({ AlarmNames: ['crud'] });
    assert.equal((await alarm('crud'))?.ActionsEnabled, false);
    await cloudwatch.enableAlarmActions({ AlarmNames: ['crud'] });
    await putAlarm('crud', {
      ExtendedStatistic: 'p90',
      Statistic: undefined,
      TreatMissingData: 'notBreaching',
    });
    const changed = await alarm('crud');
    assert.ok(changed && 'ExtendedStatistic' in changed);
    assert.deepEqual(
      [changed.ExtendedStatistic, changed.Statistic, changed.StateValue],
      ['p90', undefined, 'OK'],
    );
    assert.deepEqual((await cloudwatch.listTagsForResource({ ResourceARN })).Tags, [
      { Key: 'more', Value: 'b' },
    ]);
    await cloudwatch.deleteAlarms({ AlarmNames: ['crud'] });
    assert.equal(await alarm('crud'), undefined);
    await refused(cloudwatch.deleteAlarms({ AlarmNames: ['crud'] }), 'ResourceNotFound', /crud/);
    const { AlarmHistoryItems } = await cloudwatch.describeAlarmHistory({ AlarmName: 'crud' });
    assert.deepEqual(AlarmHistoryItems?.map(({ HistorySummary }) => HistorySummary).reverse(), [
      'Alarm "crud" created',
      'Alarm updated from INSUFFICIENT_DATA to OK',
      ...['updated', 'updated', 'updated', 'deleted'].map((what) => `Alarm "crud" ${what}`),
    ]);
  });

  test('what is no alarm is refused', async () => {
    const of = (more: object) => putAlarm('wrong', more);
    await refused(of({ Period: 45 }), 'ValidationException', /10, 20, 30 or a multiple of 60/);
    await refused(of({ EvaluationPeriods: 1500 }), 'ValidationException', /more than 1 day/);
    await refused(of({ DatapointsToAlarm: 2 }), 'ValidationException', /greater than EvaluationPeriods/);
    await refused(of({ Statistic: undefined }), 'ValidationException', /Exactly one of Statistic/);
    await refused(of({ Threshold: undefined }), 'MissingRequiredParameterException', /Threshold/);
    await refused(of({ TreatMissingData: 'bad' }), 'ValidationException', /TreatMissingData/);
    await refused(of({ AlarmActions: ['nowhere'] }), 'ValidationException', /Invalid arn syntax/);
    await refused(of({ ComparisonOperator: 'Is' }), 'ValidationException', /comparisonOperator/);
    await refused(of({ ComparisonOperator: 'GreaterThanUpperThreshold' }), 'ValidationException', /anomaly/);
    await refused(of({ Metrics: [] }), 'InvalidParameterCombinationException', /cannot be used with/);
    await refused(
      cloudwatch.putCompositeAlarm({ AlarmName: 'wrong', AlarmRule: 'ALARM(nobody)' }),
      'ValidationException',
      /alarms \[nobody\] in the alarm rule do not exist/,
    );
    await refused(
      cloudwatch.setAlarmState({ AlarmName: 'wrong', StateValue: 'OK', StateReason: 'x' }),
      'ResourceNotFound',
      /wrong/,
    );
    assert.equal(await alarm('wrong'), undefined);
  });

  test('data that breaches raises the alarm, and its end ends it', async () => {
    const { TopicArn = '' } = await clients.sns.createTopic({ Name: 'raised' });
    await clients.sns.setTopicAttributes({
      TopicArn,
      AttributeName: 'Policy',
      AttributeValue: JSON.stringify({
        Version: '2012-10-17',
        Statement: {
          Effect: 'Allow',
          Principal: { Service: 'cloudwatch.amazonaws.com' },
          Action: 'sns:Publish',
          Resource: TopicArn,
          Condition: { ArnLike: { 'aws:SourceArn': alarmArn('*') } },
        },
      }),
    });
    const queue = await createQueue('raised', 'sns.amazonaws.com');
    await clients.sns.subscribe({
      TopicArn,
      Protocol: 'sqs',
      Endpoint: queue.arn,
      Attributes: { RawMessageDelivery: 'true' },
    });
    const heard = await createQueue('heard', 'events.amazonaws.com');
    await clients.events.putRule({
      Name: 'alarms',
      EventPattern: JSON.stringify({
        source: ['aws.cloudwatch'],
        'detail-type': ['CloudWatch Alarm State Change'],
        detail: { alarmName: ['raised'] },
      }),
    });
    await clients.events.putTargets({ Rule: 'alarms', Targets: [{ Id: 'q', Arn: heard.arn }] });

    await putAlarm('raised', {
      AlarmActions: [TopicArn],
      OKActions: ['arn:aws:lambda:us-east-1:1:function:f'],
    });
    assert.equal((await alarm('raised'))?.StateValue, 'INSUFFICIENT_DATA');
    await put('raised', 8, 4);
    pass(MINUTE);
    const raised = await value('raised', 'ALARM');
    assert.match(raised.StateReason ?? '', /^Threshold Crossed: 1 out of the last 1 datapoints \[12\.0 /);
    const message = JSON.parse((await receive(queue.url)).Body ?? '') as Record<string, never>;
    assert.deepEqual(
      [message['AlarmName'], message['OldStateValue'], message['NewStateValue'], message['AlarmArn']],
      ['raised', 'INSUFFICIENT_DATA', 'ALARM', alarmArn('raised')],
    );
    const event = JSON.parse((await receive(heard.url)).Body ?? '') as {
      readonly 'detail-type': string;
      readonly resources: readonly string[];
      readonly detail: {
        readonly state: { readonly value: string };
        readonly previousState: { readonly value: string };
      };
    };
    assert.equal(event['detail-type'], 'CloudWatch Alarm State Change');
    assert.deepEqual(event.resources, [alarmArn('raised')]);
    assert.deepEqual(
      [event.detail.previousState.value, event.detail.state.value],
      ['INSUFFICIENT_DATA', 'ALARM'],
    );

    await put('raised', 1);
    pass(MINUTE);
    await value('raised', 'OK');
    const action = await until('the failed action', WAIT_MS, async () => {
      const { AlarmHistoryItems } = await cloudwatch.describeAlarmHistory({
        AlarmName: 'raised',
        HistoryItemType: 'Action',
      });
      return AlarmHistoryItems?.find(({ HistorySummary }) => HistorySummary?.includes('lambda'));
    });
    assert.match(
      action.HistorySummary ?? '',
      /^Failed to execute action .*no service that takes actions of lambda/,
    );
    pass(5 * MINUTE);
    await value('raised', 'INSUFFICIENT_DATA');
  });

  test('what becomes of the settings of an alarm is told on the bus', async () => {
    const heard = await createQueue('settings', 'events.amazonaws.com');
    await clients.events.putRule({
      Name: 'settings',
      EventPattern: JSON.stringify({
        'detail-type': ['CloudWatch Alarm Configuration Change'],
        detail: { alarmName: ['told'] },
      }),
    });
    await clients.events.putTargets({ Rule: 'settings', Targets: [{ Id: 'q', Arn: heard.arn }] });
    const next = async () => {
      const { detail } = JSON.parse((await receive(heard.url)).Body ?? '') as {
        readonly detail: {
          readonly operation: string;
          readonly configuration: { readonly threshold: number; readonly actionsEnabled: boolean };
          readonly previousConfiguration?: { readonly threshold: number };
        };
      };
      const { operation, configuration, previousConfiguration } = detail;
      return [operation, configuration.threshold, previousConfiguration?.threshold];
    };
    await putAlarm('told', { Threshold: 1 });
    assert.deepEqual(await next(), ['create', 1, undefined]);
    await putAlarm('told', { Threshold: 2 });
    assert.deepEqual(await next(), ['update', 2, 1]);
    await cloudwatch.deleteAlarms({ AlarmNames: ['told'] });
    assert.deepEqual(await next(), ['delete', 2, undefined]);
  });

  test('a value that somebody sets acts at once, and the next evaluation overrides it', async () => {
    await putAlarm('set');
    await put('set', 1);
    await cloudwatch.setAlarmState({
      AlarmName: 'set',
      StateValue: 'ALARM',
      StateReason: 'a test',
      StateReasonData: '{"who":"me"}',
    });
    const found = await alarm('set');
    assert.deepEqual(
      [found?.StateValue, found?.StateReason, found?.StateReasonData],
      ['ALARM', 'a test', '{"who":"me"}'],
    );
    await refused(
      cloudwatch.setAlarmState({
        AlarmName: 'set',
        StateValue: 'OK',
        StateReason: 'x',
        StateReasonData: '{',
      }),
      'InvalidFormatFault',
      /JSON/,
    );
    pass(MINUTE);
    await value('set', 'OK');
  });

  test('a composite alarm follows its children', async () => {
    await putAlarm('left', { TreatMissingData: 'ignore' });
    await putAlarm('right', { TreatMissingData: 'ignore' });
    await cloudwatch.putCompositeAlarm({ AlarmName: 'both', AlarmRule: 'ALARM(left) AND ALARM("right")' });
    const set = (AlarmName: string, StateValue: 'ALARM' | 'OK') =>
      cloudwatch.setAlarmState({ AlarmName, StateValue, StateReason: 'a test' });
    assert.equal((await alarm('both'))?.StateValue, 'OK');
    await set('left', 'ALARM');
    await set('right', 'ALARM');
    const raised = await value('both', 'ALARM');
    assert.match(raised.StateReason ?? '', /:alarm:right transitioned to ALARM at /);
    await cloudwatch.putCompositeAlarm({ AlarmName: 'above', AlarmRule: 'NOT ALARM(both)' });
    await set('left', 'OK');
    await value('both', 'OK');
    await value('above', 'ALARM');
    const children = await cloudwatch.describeAlarms({ ChildrenOfAlarmName: 'both' });
    assert.deepEqual(
      children.MetricAlarms?.map(({ AlarmName }) => AlarmName),
      ['left', 'right'],
    );
    const parents = await cloudwatch.describeAlarms({ ParentsOfAlarmName: 'both' });
    assert.deepEqual(
      parents.CompositeAlarms?.map(({ AlarmName }) => AlarmName),
      ['above'],
    );
    await refused(
      cloudwatch.putCompositeAlarm({ AlarmName: 'both', AlarmRule: 'ALARM(above)' }),
      'ValidationException',
      /depend on itself/,
    );
    await refused(putAlarm('both'), 'ValidationException', /another type/);
  });

  test('an alarm on an expression is raised by what it computes', async () => {
    const stat = (Id: string) => ({
      Id,
      MetricStat: { Metric: { Namespace: 'shop', MetricName: Id }, Period: 60, Stat: 'Sum' },
      ReturnData: false,
    });
    await cloudwatch.putMetricAlarm({
      AlarmName: 'share',
      Metrics: [{ Id: 'e', Expression: 'errors / requests * 100' }, stat('errors'), stat('requests')],
      EvaluationPeriods: 1,
      Threshold: 5,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    });
    await put('errors', 5);
    await put('requests', 100);
    pass(MINUTE);
    await value('share', 'ALARM');
  });

  test('who may not describe an alarm is told so, by its name', async () => {
    const { iam } = clients;
    await iam.createUser({ UserName: 'viewer' });
    await iam.putUserPolicy({
      UserName: 'viewer',
      PolicyName: 'one',
      PolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: { Effect: 'Allow', Action: 'cloudwatch:DescribeAlarms', Resource: alarmArn('set') },
      }),
    });
    const { AccessKey } = await iam.createAccessKey({ UserName: 'viewer' });
    const { endpoint, region } = house;
    const viewer = new CloudWatch({
      endpoint,
      region,
      maxAttempts: 1,
      systemClockOffset: clock.aheadMs,
      credentials: {
        accessKeyId: AccessKey?.AccessKeyId ?? '',
        secretAccessKey: AccessKey?.SecretAccessKey ?? '',
      },
    });
    assert.equal((await viewer.describeAlarms({ AlarmNames: ['set'] })).MetricAlarms?.length, 1);
    await refused(viewer.describeAlarms({}), 'AccessDeniedException', /cloudwatch:DescribeAlarms .*alarm:\*/);
    viewer.destroy();
  });

  test('builds, pipelines and deployments have metrics of their own, each event counted once', async () => {
    const at = clock.now();
    const event = {
      id: 'build-1-ended',
      source: 'aws.codebuild',
      detailType: 'CodeBuild Build State Change',
      account: ACCOUNT,
      region: 'us-east-1',
      at,
      resources: [],
      detail: {
        'build-status': 'SUCCEEDED',
        'project-name': 'shop',
        'additional-information': { phases: [{ 'phase-type': 'BUILD', 'duration-in-seconds': 7 }] },
      },
    };
    for (let times = 0; times < 2; times++) await house.slipway.house.publish(event);
    const sumOf = async (MetricName: string) => {
      const { Datapoints } = await cloudwatch.getMetricStatistics({
        Namespace: 'AWS/CodeBuild',
        MetricName,
        Dimensions: [{ Name: 'ProjectName', Value: 'shop' }],
        Period: 60,
        StartTime: new Date(at - MINUTE),
        EndTime: new Date(at + MINUTE),
        Statistics: ['Sum'],
      });
      return Datapoints?.map(({ Sum, Unit }) => `${Sum} ${Unit}`);
    };
    assert.deepEqual(await sumOf('SucceededBuilds'), ['1 Count']);
    assert.deepEqual(await sumOf('BuildDuration'), ['7 Seconds']);
    const text = await (await fetch(`${house.endpoint}/_slipway/metrics`)).text();
    assert.match(text, /^slipway_builds_total\{state="SUCCEEDED"\} 1$/m);
    assert.match(text, /^slipway_alarms\{state="ALARM"\} \d+$/m);
    assert.match(
      text,
      /^slipway_calls_total\{service="cloudwatch",operation="PutMetricData",code="ok"\} \d+$/m,
    );
  });

  test('data grows coarser with its age, adds up to the same, and is removed at last', async () => {
    const at = clock.now();
    const MetricData = [1, 2, 3].map((Value) => ({
      ...{ MetricName: 'old', Value, StorageResolution: 1 },
      Timestamp: new Date(at + Value * 1000),
    }));
    await cloudwatch.putMetricData({ Namespace: 'age', MetricData });
    const resolutions = () =>
      house.slipway.house.database.read
        .withTables<{
          cloudwatch_datum: { resolution: number; metric_id: string };
          cloudwatch_metric: { namespace: string; metric_id: string };
        }>()
        .selectFrom('cloudwatch_datum')
        .innerJoin('cloudwatch_metric', 'cloudwatch_metric.metric_id', 'cloudwatch_datum.metric_id')
        .select('resolution')
        .where('namespace', '=', 'age')
        .execute();
    assert.deepEqual(
      (await resolutions()).map(({ resolution }) => resolution),
      [1, 1, 1],
    );
    /** Time goes on until a sweep has come that saw it; one that was going on saw an older time. */
    const aged = async (days: number, what: string, isSo: (resolutions: readonly number[]) => boolean) => {
      clock.advance(days * 86_400_000);
      await until(what, WAIT_MS, async () => {
        clock.advance(10 * MINUTE);
        const rows = await resolutions();
        return isSo(rows.map(({ resolution }) => resolution)) ? true : undefined;
      });
      open();
    };
    for (const [days, resolution] of [
      [0.25, 60],
      [16, 300],
      [64, 3600],
    ] as const) {
      await aged(days, `data of ${resolution} s`, (found) => found.every((each) => each === resolution));
      const { Datapoints } = await cloudwatch.getMetricStatistics({
        ...{ Namespace: 'age', MetricName: 'old', Period: 86_400, Statistics: ['SampleCount', 'Sum'] },
        StartTime: new Date(at - 86_400_000),
        EndTime: new Date(at + 86_400_000),
      });
      assert.equal(
        Datapoints?.reduce((sum, { Sum = 0 }) => sum + Sum, 0),
        6,
      );
    }
    await aged(456, 'no data', (found) => found.length === 0);
  });

  test('alarms, data and history are there after a restart', async () => {
    await put('after', 1);
    await putAlarm('after', { TreatMissingData: 'ignore' });
    await cloudwatch.setAlarmState({ AlarmName: 'after', StateValue: 'ALARM', StateReason: 'a test' });
    await house.restart();
    open();
    assert.equal((await alarm('after'))?.StateValue, 'ALARM');
    const { Metrics } = await cloudwatch.listMetrics({ Namespace: 'shop', MetricName: 'after' });
    assert.equal(Metrics?.length, 1);
    const { AlarmHistoryItems } = await cloudwatch.describeAlarmHistory({
      ...{ AlarmName: 'after', HistoryItemType: 'StateUpdate' },
    });
    assert.equal(AlarmHistoryItems?.length, 1);
  });
}

const BOTO_PROTOCOLS = ['smithy-rpc-v2-cbor', 'json', 'query'] as const;

for (const protocol of BOTO_PROTOCOLS) {
  test(`boto3 speaks to it in ${protocol}`, { skip: botoSkip }, async () => {
    const house = await createTestHouse();
    try {
      const lines = await runBoto(house.endpoint, house.credentials, botoScript(protocol));
      assert.deepEqual(
        lines.slice(0, 5).map((line) => line.ok),
        [{}, { count: '400' }, {}, { value: '0.5' }, { protocol }],
      );
      const refusals = lines.slice(5).map(({ code, status }) => [code, status]);
      const unsupported =
        protocol === 'query' ? ['NotImplemented', 501] : ['UnsupportedOperationException', 400];
      assert.deepEqual(refusals, [['ResourceNotFound', 404], ['ValidationError', 400], unsupported]);
    } finally {
      await house.close();
    }
  });
}

/** Among the protocols of a service botocore chooses; here it has no choice. Data of this size it compresses. */
function botoScript(protocol: string): string {
  return `
import botocore.loaders
load = botocore.loaders.Loader.load_service_model
def load_with_protocol(self, *names, **options):
    model = load(self, *names, **options)
    if 'metadata' in model:
        model['metadata']['protocols'] = ['${protocol}']
    return model
botocore.loaders.Loader.load_service_model = load_with_protocol
c = client('cloudwatch')
data = [{'MetricName': 'm%d' % n, 'Value': n, 'Unit': 'Count'} for n in range(400)]
attempt(lambda: c.put_metric_data(Namespace='boto', MetricData=data))
attempt(lambda: {'count': len(c.list_metrics(Namespace='boto')['Metrics'])})
attempt(lambda: c.put_metric_alarm(AlarmName='b', Namespace='boto', MetricName='m1', Statistic='Sum', Period=60,
    EvaluationPeriods=1, Threshold=0.5, ComparisonOperator='GreaterThanThreshold'))
attempt(lambda: {'value': c.describe_alarms()['MetricAlarms'][0]['Threshold']})
attempt(lambda: {'protocol': c.meta.service_model.resolved_protocol})
attempt(lambda: c.set_alarm_state(AlarmName='nobody', StateValue='OK', StateReason='x'))
attempt(lambda: c.put_metric_alarm(AlarmName='b', Namespace='boto', MetricName='m1', Statistic='Nothing', Period=60,
    EvaluationPeriods=1, Threshold=0.5, ComparisonOperator='GreaterThanThreshold'))
attempt(lambda: c.put_dashboard(DashboardName='d', DashboardBody='{}'))
`;
}

test('the AWS CLI puts data, lists metrics and makes an alarm', { skip: cliSkip }, async () => {
  const house = await createTestHouse();
  try {
    const cli = async (...words: readonly string[]): Promise<string> => {
      const result = await runCli(house.endpoint, house.credentials, 'cloudwatch', ...words);
      assert.equal(result.code, 0, result.stderr);
      return result.stdout.trim();
    };
    await cli('put-metric-data', '--namespace', 'cli', '--metric-name', 'm', '--value', '3');
    assert.equal(await cli('list-metrics', '--namespace', 'cli', '--query', 'Metrics[0].MetricName'), '"m"');
    const alarm = ['--alarm-name', 'a', '--namespace', 'cli', '--metric-name', 'm', '--statistic', 'Maximum'];
    const when = ['--period', '60', '--evaluation-periods', '1', '--threshold', '2'];
    await cli('put-metric-alarm', ...alarm, ...when, '--comparison-operator', 'GreaterThanThreshold');
    assert.equal(await cli('describe-alarms', '--query', 'MetricAlarms[0].AlarmName'), '"a"');
  } finally {
    await house.close();
  }
});
