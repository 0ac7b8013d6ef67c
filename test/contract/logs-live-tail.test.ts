/** Live tail as the official JS client and boto3 read it, and `aws logs tail --follow`. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

const ARN = 'arn:aws:logs:us-east-1:123456789012:log-group:';

let house: TestHouse;
let logs: CloudWatchLogs;
before(async () => {
  house = await createTestHouse();
  const { endpoint, region, credentials } = house;
  logs = new CloudWatchLogs({ endpoint, region, credentials, maxAttempts: 1, disableHostPrefix: true });
  for (const logGroupName of ['one', 'two']) {
    await logs.createLogGroup({ logGroupName });
    for (const logStreamName of ['a', 'b']) await logs.createLogStream({ logGroupName, logStreamName });
  }
});
after(async () => {
  logs.destroy();
  await house.close();
});

async function put(logGroupName: string, logStreamName: string, ...messages: string[]): Promise<void> {
  const logEvents = messages.map((message) => ({ timestamp: Date.now(), message }));
  await logs.putLogEvents({ logGroupName, logStreamName, logEvents });
}

test('a session starts, sees what comes in and fits, and lives until the reader goes', async () => {
  await put('one', 'a', 'ERROR before');
  const { responseStream } = await logs.startLiveTail({
    logGroupIdentifiers: [`${ARN}one`, `${ARN}two`],
    logEventFilterPattern: 'ERROR',
  });
  assert.ok(responseStream);
  const seen: string[] = [];
  let updates = 0;
  for await (const event of responseStream) {
    if (event.sessionStart) {
      assert.deepEqual(event.sessionStart.logGroupIdentifiers, [`${ARN}one`, `${ARN}two`]);
      assert.equal(event.sessionStart.logEventFilterPattern, 'ERROR');
      await put('one', 'a', 'ERROR 1', 'fine');
      await put('two', 'b', 'ERROR 2');
    }
    if (!event.sessionUpdate) continue;
    updates++;
    assert.deepEqual(event.sessionUpdate.sessionMetadata, { sampled: false });
    for (const result of event.sessionUpdate.sessionResults ?? []) {
      assert.ok(Math.abs((result.ingestionTime ?? 0) - Date.now()) < 10_000);
      seen.push(`${result.logGroupIdentifier} ${result.logStreamName} ${result.message}`);
    }
    // One more without anything in it shows that the session lives on.
    if (seen.length === 2 && event.sessionUpdate.sessionResults?.length === 0) break;
  }
  assert.deepEqual(seen, ['123456789012:one a ERROR 1', '123456789012:two b ERROR 2']);
  assert.ok(updates >= 2);
});

test('what comes faster than 500 in a second is sampled, and said to be', async () => {
  const { responseStream } = await logs.startLiveTail({
    logGroupIdentifiers: [`${ARN}one`],
    logStreamNamePrefixes: ['b'],
  });
  assert.ok(responseStream);
  for await (const event of responseStream) {
    if (event.sessionStart) {
      await put('one', 'a', 'another stream');
      await put('one', 'b', ...Array.from({ length: 800 }, (_, index) => `line ${index}`));
    }
    if (!event.sessionUpdate?.sessionResults?.length) continue;
    assert.equal(event.sessionUpdate.sessionResults.length, 500);
    assert.equal(event.sessionUpdate.sessionMetadata?.sampled, true);
    break;
  }
});

test('a session that cannot be is refused before it starts', async () => {
  const names = { logStreamNames: ['a'] };
  const cases: [object, string, RegExp][] = [
    [{ logGroupIdentifiers: [`${ARN}none`] }, 'ResourceNotFoundException', /log group does not exist/],
    [
      { logGroupIdentifiers: [`${ARN}one`], logEventFilterPattern: '{' },
      'InvalidParameterException',
      /Invalid filter pattern/,
    ],
    [
      { logGroupIdentifiers: [`${ARN}one`], ...names, logStreamNamePrefixes: ['b'] },
      'InvalidParameterException',
      /cannot be given together/,
    ],
    [
      { logGroupIdentifiers: [`${ARN}one`, `${ARN}two`], ...names },
      'InvalidParameterException',
      /one log group only/,
    ],
  ];
  for (const [input, name, message] of cases) {
    await assert.rejects(logs.startLiveTail(input as { logGroupIdentifiers: string[] }), { name, message });
  }
});

test('boto3 reads a session', async () => {
  const script = `
import boto3, sys
from botocore.config import Config
client = boto3.client('logs', config=Config(inject_host_prefix=False))
answer = client.start_live_tail(logGroupIdentifiers=['${ARN}two'])
for event in answer['responseStream']:
    print(next(iter(event)), flush=True)
    for result in event.get('sessionUpdate', {}).get('sessionResults', []):
        print(result['message'], flush=True)
        sys.exit(0)
`;
  const child = spawn('python3', ['-c', script], {
    env: house.environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line === 'sessionStart') await put('two', 'a', 'for boto3');
  }
  assert.equal(lines[0], 'sessionStart');
  assert.equal(lines.at(-1), 'for boto3');
});

/** `aws logs tail` came with version 2. */
const skip = spawnSync('aws', ['logs', 'tail', 'help'], { encoding: 'utf8' }).stderr.includes('nvalid choice')
  ? 'wants version 2 of the AWS CLI, which has `aws logs tail`'
  : false;

test('aws logs tail --follow shows what was there and what comes', { timeout: 60_000, skip }, async () => {
  await put('two', 'b', 'was there');
  // Said by a parameter, because older ones do not read it from their environment.
  const at = ['--endpoint-url', house.endpoint];
  const follow = [...at, 'logs', 'tail', 'two', '--follow', '--format', 'short', '--since', '1h'];
  await follows(spawnReader('aws', [...follow, '--filter-pattern', '"there"']));
});

test('the way of aws logs tail --follow: filtering on from the last time seen, each event once', async () => {
  await put('two', 'b', 'was there');
  const script = `
import boto3, time
client = boto3.client('logs')
start, seen = int(time.time() * 1000) - 3600000, set()
while True:
    pages = client.get_paginator('filter_log_events').paginate(
        logGroupName='two', startTime=start, interleaved=True, filterPattern='"there"')
    for page in pages:
        for event in page['events']:
            start = max(start, event['timestamp'])
            if event['eventId'] in seen: continue
            seen.add(event['eventId'])
            print(event['message'], flush=True)
    time.sleep(0.1)
`;
  await follows(spawnReader('python3', ['-c', script]));
});

function spawnReader(command: string, parameters: readonly string[]) {
  // Python keeps back what it writes into a pipe, unless it is told not to.
  const env = { ...house.environment, PYTHONUNBUFFERED: '1' };
  return spawn(command, parameters, { env, stdio: ['ignore', 'pipe', 'inherit'] });
}

/** A line is put when the reader shows the one before. */
async function follows(child: ReturnType<typeof spawnReader>): Promise<void> {
  const came: string[] = [];
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.endsWith('was there')) await put('two', 'a', 'came there');
      else came.push(line);
      if (came.length > 0) break;
    }
    assert.match(came[0] ?? '', /came there$/);
  } finally {
    child.kill('SIGKILL');
  }
}

test('a house that closes ends its sessions', async () => {
  const { responseStream } = await logs.startLiveTail({ logGroupIdentifiers: [`${ARN}one`] });
  assert.ok(responseStream);
  const ended = (async () => {
    for await (const event of responseStream) if (event.SessionTimeoutException) assert.fail('it timed out');
  })();
  const from = performance.now();
  await house.restart();
  await ended;
  assert.ok(performance.now() - from < 5_000);
});
