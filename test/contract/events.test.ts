/** EventBridge through the official client and boto3, on SQLite and PostgreSQL: rules, targets, deliveries, replays. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { EventBridge } from '@aws-sdk/client-eventbridge';
import { IAM } from '@aws-sdk/client-iam';
import { type Message, SQS } from '@aws-sdk/client-sqs';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { botoSkip, runBoto } from '#test/support/other-clients.ts';
import { postgresSkip, startPostgres, type Cluster } from '#test/support/postgres.ts';
import { until } from '#test/support/until.ts';

const ACCOUNT = '123456789012';
const ruleArn = (name: string) => `arn:aws:events:us-east-1:${ACCOUNT}:rule/${name}`;
const busArn = (name: string) => `arn:aws:events:us-east-1:${ACCOUNT}:event-bus/${name}`;
const queueArn = (name: string) => `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}`;
const WAIT_MS = 10_000;

function refused(promise: Promise<unknown>, name: string, message: RegExp | string): Promise<void> {
  return assert.rejects(promise, (error: Error) => {
    assert.equal(error.name, name, error.message);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
}

describe('on SQLite', () => suite(async () => undefined));

describe('on PostgreSQL', { skip: postgresSkip }, () => {
  let cluster: Cluster | undefined;
  after(() => cluster?.stop());
  suite(async () => {
    cluster = await startPostgres();
    return cluster.createDatabase();
  });
});

function suite(openDatabase: () => Promise<string | undefined>): void {
  let house: TestHouse;
  let events: EventBridge;
  let sqs: SQS;
  const queues = new Map<string, string>();

  before(async () => {
    const databaseUrl = await openDatabase();
    house = await createTestHouse(databaseUrl === undefined ? {} : { databaseUrl });
    const { endpoint, region, credentials } = house;
    events = new EventBridge({ endpoint, region, credentials, maxAttempts: 1 });
    sqs = new SQS({ endpoint, region, credentials, maxAttempts: 1 });
  });
  after(async () => {
    events.destroy();
    sqs.destroy();
    await house.close();
  });

  /** A queue that takes the events of rules. */
  async function createQueue(name: string, isOpen = true): Promise<string> {
    const Statement = {
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: queueArn(name),
      Condition: { ArnLike: { 'aws:SourceArn': `arn:aws:events:*:${ACCOUNT}:rule/*` } },
    };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
    const fifo = name.endsWith('.fifo') && { FifoQueue: 'true' };
    const Attributes = { ...(isOpen && { Policy }), ...(fifo || {}) };
    const { QueueUrl = '' } = await sqs.createQueue({ QueueName: name, Attributes });
    queues.set(name, QueueUrl);
    return queueArn(name);
  }

  async function receive(name: string): Promise<Message> {
    return until(`a message in ${name}`, WAIT_MS, async () => {
      const { Messages } = await sqs.receiveMessage({
        QueueUrl: queues.get(name),
        MessageAttributeNames: ['All'],
        WaitTimeSeconds: 1,
      });
      const message = Messages?.[0];
      if (message)
        await sqs.deleteMessage({ QueueUrl: queues.get(name), ReceiptHandle: message.ReceiptHandle });
      return message;
    });
  }

  async function putRule(name: string, source: string, target: object): Promise<void> {
    await events.putRule({ Name: name, EventPattern: JSON.stringify({ source: [source] }) });
    const answer = await events.putTargets({
      Rule: name,
      Targets: [{ Id: 'target', Arn: '', ...target }],
    });
    assert.deepEqual([answer.FailedEntryCount, answer.FailedEntries], [0, []]);
  }

  async function putEvent(source: string, detail: object, more: object = {}): Promise<string> {
    const { FailedEntryCount, Entries } = await events.putEvents({
      Entries: [{ Source: source, DetailType: 'Order', Detail: JSON.stringify(detail), ...more }],
    });
    assert.equal(FailedEntryCount, 0, JSON.stringify(Entries));
    return Entries?.[0]?.EventId ?? '';
  }

  test('a rule is put, described, listed, switched, tagged and deleted', async () => {
    const EventPattern = '{"source": ["a"]}';
    const put = await events.putRule({
      Name: 'crud',
      EventPattern,
      Description: 'first',
      Tags: [{ Key: 'team', Value: 'x' }],
    });
    assert.equal(put.RuleArn, ruleArn('crud'));
    const { $metadata: _, ...rule } = await events.describeRule({ Name: 'crud' });
    assert.deepEqual(rule, {
      Name: 'crud',
      Arn: ruleArn('crud'),
      EventPattern,
      State: 'ENABLED',
      Description: 'first',
      EventBusName: 'default',
      CreatedBy: ACCOUNT,
    });
    await events.disableRule({ Name: 'crud' });
    assert.equal((await events.describeRule({ Name: 'crud' })).State, 'DISABLED');
    await events.enableRule({ Name: 'crud' });
    await events.putRule({ Name: 'crud', ScheduleExpression: 'rate(1 day)' });
    const changed = await events.describeRule({ Name: 'crud' });
    assert.deepEqual(
      [changed.EventPattern, changed.Description, changed.ScheduleExpression, changed.State],
      [undefined, undefined, 'rate(1 day)', 'ENABLED'],
    );
    await events.tagResource({ ResourceARN: ruleArn('crud'), Tags: [{ Key: 'more', Value: 'y' }] });
    await events.untagResource({ ResourceARN: ruleArn('crud'), TagKeys: ['team'] });
    const { Tags } = await events.listTagsForResource({ ResourceARN: ruleArn('crud') });
    assert.deepEqual(Tags, [{ Key: 'more', Value: 'y' }]);
    await events.deleteRule({ Name: 'crud' });
    await events.deleteRule({ Name: 'crud' });
    await refused(
      events.describeRule({ Name: 'crud' }),
      'ResourceNotFoundException',
      'Rule crud does not exist on EventBus default.',
    );
  });

  test('what is no rule is refused in the words of AWS', async () => {
    await refused(
      events.putRule({ Name: 'bad', EventPattern: '{"source": "a"}' }),
      'InvalidEventPatternException',
      'Event pattern is not valid. Reason: "source" must be an object or an array at line 1, column 12',
    );
    await refused(
      events.putRule({ Name: 'bad' }),
      'ValidationException',
      'Parameter(s) EventPattern or ScheduleExpression must be specified.',
    );
    for (const ScheduleExpression of ['rate(1 minutes)', 'cron(* * * * *)', 'every day']) {
      await refused(
        events.putRule({ Name: 'bad', ScheduleExpression }),
        'ValidationException',
        'Parameter ScheduleExpression is not valid.',
      );
    }
    await refused(
      events.putRule({ Name: 'bad', EventPattern: '{"source": ["a"]}', EventBusName: 'nowhere' }),
      'ResourceNotFoundException',
      'Event bus nowhere does not exist.',
    );
    await refused(
      events.putRule({ Name: 'no space', ScheduleExpression: 'rate(1 day)' }),
      'ValidationException',
      /name/,
    );
  });

  test('targets are put, listed, found and removed, and each fails by itself', async () => {
    await events.putRule({ Name: 'targets', EventPattern: '{"source": ["t"]}' });
    const Arn = queueArn('some');
    const put = await events.putTargets({
      Rule: 'targets',
      Targets: [
        { Id: 'b', Arn, InputPath: '$.detail' },
        { Id: 'a', Arn },
        { Id: 'wrong', Arn: 'some' },
        { Id: 'fifo', Arn: `${Arn}.fifo` },
      ],
    });
    assert.equal(put.FailedEntryCount, 2);
    assert.deepEqual(put.FailedEntries, [
      {
        TargetId: 'wrong',
        ErrorCode: 'ValidationException',
        ErrorMessage: 'Parameter some is not valid. Reason: Provided Arn is not in correct format.',
      },
      {
        TargetId: 'fifo',
        ErrorCode: 'ValidationException',
        ErrorMessage: 'Parameter(s) SqsParameters must be specified for target: fifo.',
      },
    ]);
    const first = await events.listTargetsByRule({ Rule: 'targets', Limit: 1 });
    assert.deepEqual(first.Targets, [{ Id: 'a', Arn }]);
    const second = await events.listTargetsByRule({ Rule: 'targets', Limit: 1, NextToken: first.NextToken });
    assert.deepEqual(second.Targets, [{ Id: 'b', Arn, InputPath: '$.detail' }]);
    assert.equal(second.NextToken, undefined);
    await refused(
      events.listRules({ NextToken: first.NextToken }),
      'ValidationException',
      'The value of NextToken is not valid for this list.',
    );
    const { RuleNames } = await events.listRuleNamesByTarget({ TargetArn: Arn });
    assert.deepEqual(RuleNames, ['targets']);
    await refused(
      events.deleteRule({ Name: 'targets' }),
      'ValidationException',
      "Rule can't be deleted since it has targets.",
    );
    const removed = await events.removeTargets({ Rule: 'targets', Ids: ['a', 'b', 'c'] });
    assert.deepEqual(removed.FailedEntries, [
      {
        TargetId: 'c',
        ErrorCode: 'ResourceNotFoundException',
        ErrorMessage: 'Rule targets does not have a target with the Id c.',
      },
    ]);
    await events.deleteRule({ Name: 'targets' });
  });

  test('targets that cannot work are refused together', async () => {
    await events.putRule({ Name: 'refusals', EventPattern: '{"source": ["t"]}' });
    const put = (target: object) =>
      events.putTargets({ Rule: 'refusals', Targets: [{ Id: 'x', Arn: queueArn('some'), ...target }] });
    const pipeline = `arn:aws:codepipeline:us-east-1:${ACCOUNT}:p`;
    await refused(
      put({ Arn: pipeline }),
      'ValidationException',
      `RoleArn is required for target ${pipeline}.`,
    );
    await refused(
      put({ Input: '{}', InputPath: '$' }),
      'ValidationException',
      'Only one of Input, InputPath, or InputTransformer must be provided for target x.',
    );
    await refused(put({ Input: '{' }), 'ValidationException', 'JSON syntax error in input for target x.');
    await refused(put({ InputPath: 'detail' }), 'ValidationException', 'Invalid InputPath for target x.');
    await refused(
      put({ InputTransformer: { InputTemplate: '<a>' } }),
      'ValidationException',
      'InputTemplate for target x contains invalid placeholder a.',
    );
    const six = Array.from({ length: 6 }, (_, i) => ({ Id: `${i}`, Arn: queueArn('some') }));
    await refused(
      events.putTargets({ Rule: 'refusals', Targets: six }),
      'LimitExceededException',
      'The requested resource exceeds the maximum number allowed.',
    );
    await events.deleteRule({ Name: 'refusals' });
  });

  test('an event reaches a queue in the form of AWS, whole, in part and transformed', async () => {
    for (const name of ['whole', 'part', 'transformed']) await createQueue(name);
    await putRule('whole', 'shop', { Arn: queueArn('whole') });
    await putRule('part', 'shop', { Arn: queueArn('part'), InputPath: '$.detail.items[1]' });
    await putRule('transformed', 'shop', {
      Arn: queueArn('transformed'),
      InputTransformer: {
        InputPathsMap: { id: '$.detail.id', items: '$.detail.items' },
        InputTemplate: '{"text": "order <id>", "items": <items>, "rule": <aws.events.rule-name>}',
      },
    });
    const id = await putEvent(
      'shop',
      { id: 'o-1', items: ['a', { b: 1 }] },
      {
        Time: new Date('2024-05-06T07:08:09.123Z'),
        Resources: ['arn:aws:thing'],
      },
    );
    assert.equal(
      (await receive('whole')).Body,
      JSON.stringify({
        version: '0',
        id,
        'detail-type': 'Order',
        source: 'shop',
        account: ACCOUNT,
        time: '2024-05-06T07:08:09Z',
        region: 'us-east-1',
        resources: ['arn:aws:thing'],
        detail: { id: 'o-1', items: ['a', { b: 1 }] },
      }),
    );
    assert.equal((await receive('part')).Body, '{"b":1}');
    assert.equal(
      (await receive('transformed')).Body,
      '{"text": "order o-1", "items": ["a",{"b":1}], "rule": "transformed"}',
    );
  });

  test('the events of every room come to the default bus', async () => {
    await createQueue('pushes');
    const Name = 'pushes';
    await events.putRule({
      Name,
      EventPattern: JSON.stringify({ source: ['aws.s3'], detail: { object: { key: [{ suffix: '.txt' }] } } }),
    });
    await events.putTargets({ Rule: Name, Targets: [{ Id: 'q', Arn: queueArn('pushes') }] });
    await house.slipway.root.send('s3:CreateBucket', { Bucket: 'events-bucket' });
    await house.slipway.root.send('s3:PutObject', {
      Bucket: 'events-bucket',
      Key: 'a.bin',
      Body: Buffer.from('x'),
    });
    await house.slipway.root.send('s3:PutObject', {
      Bucket: 'events-bucket',
      Key: 'a.txt',
      Body: Buffer.from('x'),
    });
    const event = JSON.parse((await receive('pushes')).Body ?? '') as Record<string, unknown>;
    assert.equal(event['detail-type'], 'Object Created');
    assert.deepEqual(event['resources'], ['arn:aws:s3:::events-bucket']);
    assert.match(String(event['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.equal((event['detail'] as { object: { key: string } }).object.key, 'a.txt');
  });

  test('entries are refused one by one', async () => {
    const { FailedEntryCount, Entries = [] } = await events.putEvents({
      Entries: [
        { Source: 'a', DetailType: 'b', Detail: '{}' },
        { Source: 'a', DetailType: 'b', Detail: '{' },
        { Source: 'a', DetailType: 'b', Detail: '[]' },
        { Source: 'aws.s3', DetailType: 'b', Detail: '{}' },
        { DetailType: 'b', Detail: '{}' },
        { Source: 'a', DetailType: 'b', Detail: '{}', EventBusName: 'nowhere' },
      ],
    });
    assert.equal(FailedEntryCount, 5);
    assert.match(Entries[0]?.EventId ?? '', /^[0-9a-f-]{36}$/);
    assert.deepEqual(
      Entries.slice(1).map(({ ErrorCode, ErrorMessage }) => `${ErrorCode}: ${ErrorMessage}`),
      [
        'MalformedDetail: Detail is malformed.',
        'MalformedDetail: Detail is malformed.',
        'NotAuthorizedForSourceException: Not authorized for the source.',
        'InvalidArgument: Parameter Source is not valid. Reason: Source is a required argument.',
        'ResourceNotFoundException: Event bus nowhere does not exist.',
      ],
    );
    await refused(
      events.putEvents({
        Entries: [{ Source: 'a', DetailType: 'b', Detail: JSON.stringify({ x: 'y'.repeat(262_144) }) }],
      }),
      'ValidationException',
      'Total size of the entries in the request is over the limit.',
    );
  });

  test('patterns are tried against events', async () => {
    const event = {
      id: '1',
      account: ACCOUNT,
      source: 'aws.ec2',
      time: '2024-01-01T00:00:00Z',
      region: 'us-east-1',
      resources: [],
      'detail-type': 'x',
      detail: { state: 'stopped' },
    };
    const check = async (pattern: object, given: object = event) =>
      (await events.testEventPattern({ EventPattern: JSON.stringify(pattern), Event: JSON.stringify(given) }))
        .Result;
    assert.equal(await check({ detail: { state: [{ 'anything-but': 'running' }] } }), true);
    assert.equal(await check({ detail: { state: ['running'] } }), false);
    const { region: _, ...partial } = event;
    await refused(
      check({ detail: { state: ['running'] } }, partial),
      'ValidationException',
      'Parameter Event is not valid. Reason: region is a required field.',
    );
    await refused(check({ detail: 'x' }), 'InvalidEventPatternException', /must be an object or an array/);
  });

  test('what a target refuses for good goes to the dead-letter queue, with the reason', async () => {
    await createQueue('closed', false);
    await createQueue('letters');
    await putRule('refused', 'refused', {
      Arn: queueArn('closed'),
      DeadLetterConfig: { Arn: queueArn('letters') },
    });
    const id = await putEvent('refused', { a: 1 });
    const letter = await receive('letters');
    assert.equal((JSON.parse(letter.Body ?? '') as { id: string }).id, id);
    const attributes = Object.fromEntries(
      Object.entries(letter.MessageAttributes ?? {}).map(([name, { StringValue }]) => [name, StringValue]),
    );
    assert.match(attributes['ERROR_MESSAGE'] ?? '', /not authorized to perform: sqs:SendMessage/);
    delete attributes['ERROR_MESSAGE'];
    assert.deepEqual(attributes, {
      RULE_ARN: ruleArn('refused'),
      TARGET_ARN: queueArn('closed'),
      ERROR_CODE: 'NO_PERMISSIONS',
      RETRY_ATTEMPTS: '0',
    });
    await putRule('nobody', 'nobody', {
      Arn: `arn:aws:lambda:us-east-1:${ACCOUNT}:function:f`,
      DeadLetterConfig: { Arn: queueArn('letters') },
    });
    await putEvent('nobody', {});
    assert.equal((await receive('letters')).MessageAttributes?.['ERROR_CODE']?.StringValue, 'NO_RESOURCE');
  });

  test('a log group gets events in a stream of the name of the rule', async () => {
    const { endpoint, region, credentials } = house;
    const logs = new CloudWatchLogs({ endpoint, region, credentials });
    await logs.createLogGroup({ logGroupName: '/aws/events/all' });
    // As at AWS, a rule has no role for it: the policy of the log groups decides.
    await logs.putResourcePolicy({
      policyName: 'TrustEventsToStoreLogEvents',
      policyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: ['events.amazonaws.com', 'delivery.logs.amazonaws.com'] },
            Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
            Resource: `arn:aws:logs:us-east-1:${ACCOUNT}:log-group:/aws/events/*:*`,
          },
        ],
      }),
    });
    await putRule('to-logs', 'logged', {
      Arn: `arn:aws:logs:us-east-1:${ACCOUNT}:log-group:/aws/events/all`,
      InputPath: '$.detail',
    });
    await putEvent('logged', { n: 1 });
    const message = await until('the log event', WAIT_MS, async () => {
      const { events: found = [] } = await logs.filterLogEvents({ logGroupName: '/aws/events/all' });
      return found[0];
    });
    assert.deepEqual([message.message, message.logStreamName], ['{"n":1}', 'to-logs']);
    logs.destroy();
  });

  test('a bus passes events on to another one, and a circle of buses ends', async () => {
    await createQueue('passed');
    const { EventBusArn } = await events.createEventBus({ Name: 'other', Description: 'second' });
    assert.equal(EventBusArn, busArn('other'));
    await putRule('pass-on', 'passing', { Arn: busArn('other') });
    await events.putRule({ Name: 'arrived', EventBusName: 'other', EventPattern: '{"source": ["passing"]}' });
    await events.putTargets({
      Rule: 'arrived',
      EventBusName: 'other',
      Targets: [
        { Id: 'queue', Arn: queueArn('passed') },
        { Id: 'back', Arn: busArn('default') },
      ],
    });
    const id = await putEvent('passing', { a: 1 });
    assert.equal((JSON.parse((await receive('passed')).Body ?? '') as { id: string }).id, id);
    await house.slipway.house.engine.idle();
    const { Messages } = await sqs.receiveMessage({ QueueUrl: queues.get('passed') });
    assert.equal(Messages, undefined);
    const { Rules } = await events.listRules({ EventBusName: busArn('other') });
    assert.deepEqual(
      Rules?.map(({ Arn }) => Arn),
      [ruleArn('other/arrived')],
    );
    await refused(
      events.deleteEventBus({ Name: 'other' }),
      'ValidationException',
      "Event bus can't be deleted since it has rules.",
    );
    await refused(events.deleteEventBus({ Name: 'default' }), 'ValidationException', /default/);
    await refused(
      events.createEventBus({ Name: 'other' }),
      'ResourceAlreadyExistsException',
      'Event bus other already exists.',
    );
    await refused(
      events.putRule({ Name: 's', EventBusName: 'other', ScheduleExpression: 'rate(1 day)' }),
      'ValidationException',
      'ScheduleExpression is supported only on the default event bus.',
    );
    const { EventBuses } = await events.listEventBuses({});
    assert.deepEqual(
      EventBuses?.map(({ Name }) => Name),
      ['default', 'other'],
    );
  });

  test('a FIFO queue gets each event once, in its group', async () => {
    await createQueue('ordered.fifo');
    await putRule('ordered', 'ordered', {
      Arn: queueArn('ordered.fifo'),
      SqsParameters: { MessageGroupId: 'g' },
    });
    await putEvent('ordered', { n: 1 });
    const message = await receive('ordered.fifo');
    assert.equal((JSON.parse(message.Body ?? '') as { detail: { n: number } }).detail.n, 1);
  });

  test('archived events are replayed to the rules that are asked for', async () => {
    await createQueue('replayed');
    await createQueue('not-replayed');
    const archive = await events.createArchive({
      ArchiveName: 'all',
      EventSourceArn: busArn('default'),
      EventPattern: '{"source": ["kept"]}',
      RetentionDays: 3,
    });
    for (let n = 0; n < 3; n++) await putEvent('kept', { n });
    await putEvent('else', { n: 9 });
    const described = await events.describeArchive({ ArchiveName: 'all' });
    assert.deepEqual([described.EventCount, described.RetentionDays, described.State], [3, 3, 'ENABLED']);
    await putRule('replayed', 'kept', { Arn: queueArn('replayed') });
    await putRule('not-replayed', 'kept', { Arn: queueArn('not-replayed') });
    const order = {
      EventSourceArn: archive.ArchiveArn,
      EventStartTime: new Date(Date.now() - 60_000),
      EventEndTime: new Date(Date.now() + 60_000),
      Destination: { Arn: busArn('default'), FilterArns: [ruleArn('replayed')] },
    };
    const started = await events.startReplay({ ReplayName: 'again', ...order });
    assert.equal(started.State, 'STARTING');
    const seen: string[] = [];
    for (let i = 0; i < 3; i++) {
      const event = JSON.parse((await receive('replayed')).Body ?? '') as Record<string, { n: number }>;
      seen.push(`${event['detail']?.n} ${String(event['replay-name'])}`);
    }
    assert.deepEqual(seen.sort(), ['0 again', '1 again', '2 again']);
    const replay = await until('the end of the replay', WAIT_MS, async () => {
      const found = await events.describeReplay({ ReplayName: 'again' });
      return found.State === 'COMPLETED' ? found : undefined;
    });
    assert.deepEqual(replay.Destination, order.Destination);
    await refused(
      events.startReplay({ ReplayName: 'again', ...order }),
      'ResourceAlreadyExistsException',
      'Replay again already exists.',
    );
    await refused(
      events.cancelReplay({ ReplayName: 'again' }),
      'IllegalStatusException',
      'The replay is in the state COMPLETED.',
    );
    await house.slipway.house.engine.idle();
    const { Messages } = await sqs.receiveMessage({ QueueUrl: queues.get('not-replayed') });
    assert.equal(Messages, undefined);
    await events.deleteArchive({ ArchiveName: 'all' });
    await refused(
      events.describeArchive({ ArchiveName: 'all' }),
      'ResourceNotFoundException',
      'Archive all does not exist.',
    );
  });

  test('who may do what is asked for rules and buses', async () => {
    const { endpoint, region, credentials } = house;
    const iam = new IAM({ endpoint, region, credentials });
    await iam.createUser({ UserName: 'eve' });
    const Statement = [
      { Effect: 'Allow', Action: ['events:PutRule', 'events:PutTargets'], Resource: ruleArn('mine-*') },
    ];
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
    await iam.putUserPolicy({ UserName: 'eve', PolicyName: 'p', PolicyDocument });
    const { AccessKey } = await iam.createAccessKey({ UserName: 'eve' });
    const eve = new EventBridge({
      endpoint,
      region,
      credentials: {
        accessKeyId: AccessKey?.AccessKeyId ?? '',
        secretAccessKey: AccessKey?.SecretAccessKey ?? '',
      },
      maxAttempts: 1,
    });
    await eve.putRule({ Name: 'mine-1', EventPattern: '{"source": ["a"]}' });
    await refused(
      eve.putRule({ Name: 'other', EventPattern: '{"source": ["a"]}' }),
      'AccessDeniedException',
      /events:PutRule on resource: .*rule\/other/,
    );
    await refused(
      eve.putTargets({
        Rule: 'mine-1',
        Targets: [{ Id: 'x', Arn: queueArn('q'), RoleArn: `arn:aws:iam::${ACCOUNT}:role/admin` }],
      }),
      'AccessDeniedException',
      /iam:PassRole/,
    );
    const Entries = [{ Source: 'a', DetailType: 'b', Detail: '{}' }];
    await refused(eve.putEvents({ Entries }), 'AccessDeniedException', /events:PutEvents/);
    await refused(
      events.putPermission({
        StatementId: 's',
        Action: 'events:PutEvents',
        Principal: '999999999999',
        EventBusName: 'nowhere',
      }),
      'ResourceNotFoundException',
      'Event bus nowhere does not exist.',
    );
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: {
        Sid: 'eve',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${ACCOUNT}:user/eve` },
        Action: 'events:PutEvents',
        Resource: busArn('default'),
      },
    });
    await events.putPermission({ Policy });
    assert.equal((await eve.putEvents({ Entries })).FailedEntryCount, 0);
    await events.putPermission({ StatementId: 's', Action: 'events:PutEvents', Principal: '999999999999' });
    const { Policy: both = '' } = await events.describeEventBus({});
    assert.equal((JSON.parse(both) as { Statement: object[] }).Statement.length, 2);
    await events.removePermission({ StatementId: 'eve' });
    await refused(eve.putEvents({ Entries }), 'AccessDeniedException', /events:PutEvents/);
    await events.removePermission({ RemoveAllPermissions: true });
    assert.equal((await events.describeEventBus({})).Policy, undefined);
    iam.destroy();
    eve.destroy();
  });

  test('gaps say so', async () => {
    await refused(events.listConnections({}), 'UnsupportedOperationException', /ListConnections/);
    await refused(
      events.createEventBus({ Name: 'k', KmsKeyIdentifier: 'alias/k' }),
      'UnsupportedOperationException',
      'Slipway does not support KmsKeyIdentifier of an event bus.',
    );
  });
}

test('schedules fire once each, over restarts and a clock that moves', async () => {
  const clock = createMovableClock();
  const house = await createTestHouse({ clock });
  try {
    const send: TestHouse['slipway']['root']['send'] = (operation, input) =>
      house.slipway.root.send(operation, input);
    const Statement = {
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: queueArn('ticks'),
    };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
    const { QueueUrl } = await send('sqs:CreateQueue', { QueueName: 'ticks', Attributes: { Policy } });
    const ticks = async (count: number): Promise<readonly string[]> => {
      const found: string[] = [];
      await until(`${count} ticks`, WAIT_MS, async () => {
        const { Messages = [] } = await send('sqs:ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 });
        for (const { Body = '', ReceiptHandle } of Messages) {
          await send('sqs:DeleteMessage', { QueueUrl, ReceiptHandle });
          found.push(Body);
        }
        return found.length >= count ? true : undefined;
      });
      await house.slipway.house.engine.idle();
      const { Messages = [] } = await send('sqs:ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 });
      assert.deepEqual(Messages, []);
      return found;
    };
    await send('events:PutRule', { Name: 'ticking', ScheduleExpression: 'rate(5 minutes)' });
    await send('events:PutTargets', { Rule: 'ticking', Targets: [{ Id: 'q', Arn: queueArn('ticks') }] });
    clock.advance(301_000);
    const [first = ''] = await ticks(1);
    const { id, time, ...event } = JSON.parse(first) as Record<string, unknown>;
    assert.match(String(id), /^[0-9a-f-]{36}$/);
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.deepEqual(event, {
      version: '0',
      'detail-type': 'Scheduled Event',
      source: 'aws.events',
      account: ACCOUNT,
      region: 'us-east-1',
      resources: [ruleArn('ticking')],
      detail: {},
    });
    // Missed firings are made up for by one.
    clock.advance(3_600_000);
    await house.restart();
    await ticks(1);
    clock.advance(300_000);
    await ticks(1);
    await send('events:DisableRule', { Name: 'ticking' });
    clock.advance(900_000);
    await send('events:EnableRule', { Name: 'ticking' });
    clock.advance(299_000);
    await house.slipway.house.engine.idle();
    assert.equal((await send('sqs:ReceiveMessage', { QueueUrl })).Messages?.length ?? 0, 0);
    clock.advance(2_000);
    await ticks(1);
    await send('events:RemoveTargets', { Rule: 'ticking', Ids: ['q'] });
    await send('events:DeleteRule', { Name: 'ticking' });
  } finally {
    await house.close();
  }
});

test('boto3 puts a rule, a target and an event', { skip: botoSkip }, async () => {
  const house = await createTestHouse();
  try {
    const lines = await runBoto(
      house.endpoint,
      house.credentials,
      `
events = client('events')
sqs = client('sqs')
statement = {'Effect': 'Allow', 'Principal': {'Service': 'events.amazonaws.com'}, 'Action': 'sqs:SendMessage', 'Resource': '${queueArn('boto')}'}
url = sqs.create_queue(QueueName='boto', Attributes={'Policy': json.dumps({'Version': '2012-10-17', 'Statement': statement})})['QueueUrl']
pattern = {'source': ['boto'], '$or': [{'detail': {'n': [1]}}, {'detail': {'n': [{'numeric': ['>', 5]}]}}]}
events.put_rule(Name='boto', EventPattern=json.dumps(pattern))
events.put_targets(Rule='boto', Targets=[{'Id': '1', 'Arn': '${queueArn('boto')}', 'InputPath': '$.detail.n'}])
attempt(lambda: ' '.join(rule['Name'] for page in events.get_paginator('list_rules').paginate() for rule in page['Rules']))
for n in (2, 6):
    events.put_events(Entries=[{'Source': 'boto', 'DetailType': 'd', 'Detail': json.dumps({'n': n})}])
attempt(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)['Messages'][0]['Body'])
attempt(lambda: events.put_rule(Name='boto', EventPattern='{'))
`,
    );
    assert.deepEqual(lines.slice(0, 2), [{ ok: 'boto' }, { ok: '6' }]);
    assert.deepEqual([lines[2]?.code, lines[2]?.status], ['InvalidEventPatternException', 400]);
  } finally {
    await house.close();
  }
});
