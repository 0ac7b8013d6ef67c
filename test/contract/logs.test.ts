/** CloudWatch Logs through the official client: what builds, hooks and people who read along need. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DeleteLogGroupCommand,
  DeleteLogStreamCommand,
  DescribeLogGroupsCommand,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
  ListTagsForResourceCommand,
  paginateFilterLogEvents,
  paginateGetLogEvents,
  PutLogEventsCommand,
  PutRetentionPolicyCommand,
  StartQueryCommand,
  TagResourceCommand,
  TestMetricFilterCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let logs: CloudWatchLogsClient;
before(async () => {
  house = await createTestHouse();
  logs = new CloudWatchLogsClient({
    endpoint: house.endpoint,
    region: house.region,
    credentials: house.credentials,
    maxAttempts: 1,
  });
});
after(async () => {
  logs.destroy();
  await house.close();
});

const now = Date.now();

async function createStream(logGroupName: string, logStreamName = 'main'): Promise<void> {
  await logs.send(new CreateLogGroupCommand({ logGroupName }));
  await logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
}

async function put(logGroupName: string, messages: readonly string[], more: object = {}) {
  const logEvents = messages.map((message, i) => ({ timestamp: now + i, message }));
  return logs.send(new PutLogEventsCommand({ logGroupName, logStreamName: 'main', logEvents, ...more }));
}

async function refused(promise: Promise<unknown>, name: string, message: RegExp | string): Promise<void> {
  await assert.rejects(promise, (error: Error) => {
    assert.equal(error.name, name);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
}

test('groups are made, described with both ARNs, tagged, kept for days, and deleted', async () => {
  const logGroupName = '/aws/codebuild/shop';
  await logs.send(new CreateLogGroupCommand({ logGroupName, tags: { a: '1' } }));
  await refused(
    logs.send(new CreateLogGroupCommand({ logGroupName })),
    'ResourceAlreadyExistsException',
    'The specified log group already exists',
  );
  await logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 7 }));
  await refused(
    logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 8 })),
    'InvalidParameterException',
    /Invalid retentionInDays/,
  );
  const described = await logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: '/aws/codebuild/s' }));
  const arn = 'arn:aws:logs:us-east-1:123456789012:log-group:/aws/codebuild/shop';
  assert.equal(described.logGroups?.length, 1);
  assert.equal(described.logGroups[0]?.arn, `${arn}:*`);
  assert.equal(described.logGroups[0]?.logGroupArn, arn);
  assert.equal(described.logGroups[0]?.retentionInDays, 7);
  await logs.send(new TagResourceCommand({ resourceArn: arn, tags: { b: '2' } }));
  const { tags } = await logs.send(new ListTagsForResourceCommand({ resourceArn: arn }));
  assert.deepEqual(tags, { a: '1', b: '2' });
  await logs.send(new DeleteLogGroupCommand({ logGroupName }));
  await refused(
    logs.send(new DeleteLogGroupCommand({ logGroupName })),
    'ResourceNotFoundException',
    'The specified log group does not exist.',
  );
});

test('events come back in order, from the tail or the head, and a follower sees the same token at the end', async () => {
  await createStream('follow');
  await put('follow', ['one', 'two', 'three', 'four', 'five']);
  const read = async (input: object) => {
    const page = await logs.send(
      new GetLogEventsCommand({ logGroupName: 'follow', logStreamName: 'main', ...input }),
    );
    return { ...page, messages: page.events?.map((event) => event.message) };
  };
  assert.deepEqual((await read({ limit: 2 })).messages, ['four', 'five']);
  const head = await read({ limit: 2, startFromHead: true });
  assert.deepEqual(head.messages, ['one', 'two']);
  assert.match(head.nextForwardToken ?? '', /^f\/\d{56}\/s$/);
  const rest = await read({ nextToken: head.nextForwardToken });
  assert.deepEqual(rest.messages, ['three', 'four', 'five']);
  const end = await read({ nextToken: rest.nextForwardToken });
  assert.deepEqual(end.messages, []);
  assert.equal(end.nextForwardToken, rest.nextForwardToken);
  assert.deepEqual((await read({ nextToken: rest.nextBackwardToken, limit: 1 })).messages, ['two']);
  assert.deepEqual((await read({ startTime: now + 1, endTime: now + 3 })).messages, ['two', 'three']);
  const later = [{ timestamp: now + 10, message: 'six' }];
  await put('follow', [], { logEvents: later });
  assert.deepEqual((await read({ nextToken: end.nextForwardToken })).messages, ['six']);
  await refused(
    read({ nextToken: 'f/1/s' }),
    'InvalidParameterException',
    'The specified nextToken is invalid.',
  );
});

test('a batch repeated with its position is stored once; other tokens are ignored', async () => {
  await createStream('once');
  await put('once', ['a', 'b'], { sequenceToken: 'position/0' });
  const again = await put('once', ['a', 'b', 'c'], { sequenceToken: 'position/0' });
  assert.equal(again.nextSequenceToken, 'position/3');
  await put('once', ['d'], { sequenceToken: '495' });
  const { events } = await logs.send(
    new GetLogEventsCommand({ logGroupName: 'once', logStreamName: 'main' }),
  );
  assert.deepEqual(events?.map((event) => event.message).toSorted(), ['a', 'b', 'c', 'd']);
});

test('a batch that breaks the rules is refused, and events out of time are named', async () => {
  await createStream('rules');
  const order = [
    { timestamp: now, message: 'b' },
    { timestamp: now - 1, message: 'a' },
  ];
  await refused(
    put('rules', [], { logEvents: order }),
    'InvalidParameterException',
    'Log events in a single PutLogEvents request must be in chronological order.',
  );
  await refused(
    put('rules', [], { logStreamName: 'other', logEvents: [{ timestamp: now, message: 'x' }] }),
    'ResourceNotFoundException',
    'The specified log stream does not exist.',
  );
  const old = now - 15 * 86_400_000;
  const answer = await put('rules', [], { logEvents: [{ timestamp: old, message: 'old' }] });
  assert.deepEqual(answer.rejectedLogEventsInfo, { tooOldLogEventEndIndex: 1 });
  await logs.send(new PutRetentionPolicyCommand({ logGroupName: 'rules', retentionInDays: 1 }));
  const mixed = [now - 2 * 86_400_000, now - 86_400_000 - 60_000].map((timestamp) => ({
    timestamp,
    message: 'x',
  }));
  const later = await put('rules', [], { logEvents: mixed });
  assert.deepEqual(later.rejectedLogEventsInfo, { expiredLogEventEndIndex: 2 });
});

test('messages of a megabyte, of one character and of odd characters come back as they were', async () => {
  await createStream('odd');
  const large = 'ü'.repeat(520_000);
  await put('odd', [large]);
  await put('odd', [large]);
  const tiny = Array.from({ length: 10_000 }, (_, i) => String(i % 10));
  await put('odd', [], { logEvents: tiny.map((message) => ({ timestamp: now + 1, message })) });
  const odd = ['a\0b', '\ufeffmark', '😀 and 𝒳', ' \r\n ', '{"a":"\\ud800"}'];
  await put('odd', [], { logEvents: odd.map((message) => ({ timestamp: now + 2, message })) });
  const seen: (string | undefined)[] = [];
  const input = { logGroupName: 'odd', logStreamName: 'main', startFromHead: true };
  const sizes: number[] = [];
  for await (const page of paginateGetLogEvents({ client: logs, stopOnSameToken: true }, input)) {
    seen.push(...(page.events ?? []).map((event) => event.message));
    sizes.push(page.events?.length ?? 0);
  }
  assert.deepEqual(seen, [large, large, ...tiny, ...odd]);
  // A page holds a megabyte, and a small event counts 27 bytes.
  assert.deepEqual(sizes.slice(0, 2), [1, 1 + Math.floor((1_048_576 - 1_040_026) / 27)]);
});

test('a filter finds terms over all streams of a group, page by page', async () => {
  await createStream('search');
  await logs.send(new CreateLogStreamCommand({ logGroupName: 'search', logStreamName: 'second' }));
  await put('search', ['ERROR disk full', 'fine', 'ERROR but ignored']);
  await put('search', ['WARN "quoted phrase"', 'ERROR net'], { logStreamName: 'second' });
  const find = async (filterPattern: string, more: object = {}) => {
    const found: string[] = [];
    const input = { logGroupName: 'search', filterPattern, ...more };
    for await (const page of paginateFilterLogEvents({ client: logs, pageSize: 1 }, input)) {
      for (const event of page.events ?? []) found.push(`${event.logStreamName}:${event.message}`);
    }
    return found.toSorted();
  };
  assert.deepEqual(await find('ERROR -ignored'), ['main:ERROR disk full', 'second:ERROR net']);
  assert.deepEqual(await find('?WARN ?disk'), ['main:ERROR disk full', 'second:WARN "quoted phrase"']);
  assert.deepEqual(await find('"quoted phrase"'), ['second:WARN "quoted phrase"']);
  assert.equal((await find('')).length, 5);
  assert.deepEqual(await find('', { logStreamNames: ['second'], startTime: now + 1 }), ['second:ERROR net']);
  await put('search', ['{"level":"ERROR","ms":120}', 'GET /index.html 404'], { logStreamName: 'second' });
  assert.deepEqual(await find('{ $.level = "ERR*" && $.ms > 100 }'), ['second:{"level":"ERROR","ms":120}']);
  assert.deepEqual(await find('[verb, path=*.html, status=4*]'), ['second:GET /index.html 404']);
  assert.deepEqual(await find('%[0-9]{3}$%'), ['second:GET /index.html 404']);
  await refused(find('{ $.a = 1'), 'InvalidParameterException', /^Invalid filter pattern: /);
});

test('a token that no page gave is refused', async () => {
  await createStream('tokens');
  const of = (text: string) => Buffer.from(text).toString('base64url');
  const place = { logGroupName: 'tokens' };
  for (const nextToken of ['x', of('after:x'), of('[1,2]'), of('[1,2,-3]'), 'f/1/s']) {
    for (const command of [
      new DescribeLogStreamsCommand({ ...place, nextToken }),
      new FilterLogEventsCommand({ ...place, nextToken }),
      new GetLogEventsCommand({ ...place, logStreamName: 'main', nextToken }),
    ]) {
      await refused(
        logs.send(command as FilterLogEventsCommand),
        'InvalidParameterException',
        'The specified nextToken is invalid.',
      );
    }
  }
});

test('a pattern can be tried on messages, and shows what it takes out of them', async () => {
  const { matches } = await logs.send(
    new TestMetricFilterCommand({
      filterPattern: '[..., status=4*]',
      logEventMessages: ['GET / 200', 'GET /a 404'],
    }),
  );
  assert.deepEqual(matches, [
    {
      eventNumber: 2,
      eventMessage: 'GET /a 404',
      extractedValues: { $1: 'GET', $2: '/a', $status: '404' },
    },
  ]);
});

test('streams tell their first and last times, and go with their events', async () => {
  await createStream('streams');
  await put('streams', ['x', 'y']);
  const { logStreams } = await logs.send(
    new DescribeLogStreamsCommand({ logGroupName: 'streams', orderBy: 'LastEventTime', descending: true }),
  );
  assert.equal(logStreams?.[0]?.firstEventTimestamp, now);
  assert.equal(logStreams[0]?.lastEventTimestamp, now + 1);
  await logs.send(new DeleteLogStreamCommand({ logGroupName: 'streams', logStreamName: 'main' }));
  const { events } = await logs.send(new FilterLogEventsCommand({ logGroupName: 'streams' }));
  assert.deepEqual(events, []);
});

test('what is not built says so', async () => {
  const input = { startTime: 0, endTime: 1, queryString: 'fields @message', logGroupName: 'x' };
  await assert.rejects(logs.send(new StartQueryCommand(input)), /StartQuery/);
});

test('what is older than its group keeps it is gone after a start, and nothing else', async () => {
  const clock = createMovableClock();
  const own = await createTestHouse({ clock });
  const { endpoint, region, credentials } = own;
  const client = new CloudWatchLogsClient({ endpoint, region, credentials, maxAttempts: 1 });
  try {
    for (const logGroupName of ['kept', 'short']) {
      await client.send(new CreateLogGroupCommand({ logGroupName }));
      await client.send(new CreateLogStreamCommand({ logGroupName, logStreamName: 'main' }));
      for (const [at, count] of [
        [clock.now() - 86_400_000 / 2, 5_990],
        [clock.now(), 10],
      ] as const) {
        const logEvents = Array.from({ length: count }, (_, i) => ({ timestamp: at, message: `line ${i}` }));
        await client.send(new PutLogEventsCommand({ logGroupName, logStreamName: 'main', logEvents }));
      }
    }
    await client.send(new PutRetentionPolicyCommand({ logGroupName: 'short', retentionInDays: 1 }));
    clock.advance(86_400_000 * 0.75);
    await own.restart();
    const isLeft = async (count: number) => (await countRested(own)) === count;
    await until('the old chunks go', 10_000, () => isLeft(6_000 + 10));
    await own.slipway.root.send('logs:DeleteLogGroup', { logGroupName: 'kept' });
    await until('the chunks of the deleted group go', 10_000, () => isLeft(10));
  } finally {
    client.destroy();
    await own.close();
  }
});

/** Events of all chunks. */
async function countRested({ slipway }: TestHouse): Promise<number> {
  const counted = await slipway.house.database.read
    .withTables<{ logs_chunk: { event_count: number } }>()
    .selectFrom('logs_chunk')
    .select((eb) => eb.fn.sum<number>('event_count').as('count'))
    .executeTakeFirst();
  return Number(counted?.count);
}
