/** Logs when two nodes share PostgreSQL: both write into one stream, small chunks merge, and each line is there once. */

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isFault } from '#base/fault.ts';
import { silentLog } from '#base/log.ts';
import { createSlipway, type Slipway } from '#slipway';
import { postgresSkip, startPostgres, type Cluster } from '#test/support/postgres.ts';
import { until } from '#test/support/until.ts';

const PLACE = { logGroupName: 'shared', logStreamName: 'main' };
const BATCHES = 60;

describe('on two nodes', { skip: postgresSkip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-logs-nodes-'));
  let cluster: Cluster;
  let nodes: readonly [Slipway, Slipway];
  before(async () => {
    cluster = await startPostgres();
    const databaseUrl = await cluster.createDatabase();
    const open = (name: string) =>
      createSlipway({
        directory: join(directory, name),
        host: '127.0.0.1',
        port: 0,
        databaseUrl,
        account: '123456789012',
        region: 'us-east-1',
        runtime: 'process',
        environment: {},
        log: silentLog,
      });
    const one = await open('one');
    mkdirSync(join(directory, 'two'), { mode: 0o700 });
    // The secrets of the installation, whatever files they are.
    const isSecret = (path: string) => !['objects', 'repositories'].includes(basename(path));
    cpSync(join(directory, 'one'), join(directory, 'two'), { recursive: true, filter: isSecret });
    nodes = [one, await open('two')];
    await one.root.send('logs:CreateLogGroup', { logGroupName: PLACE.logGroupName });
    await one.root.send('logs:CreateLogStream', PLACE);
  });
  after(async () => {
    for (const node of nodes) await node.close(1_000);
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test('both write into one stream at once, a reader on each sees every line once', async () => {
    const now = Date.now();
    const writers = nodes.map(async ({ root }, node) => {
      for (let batch = 0; batch < BATCHES; batch++) {
        const logEvents = [{ timestamp: now + batch, message: `${node}.${batch}` }];
        await root.send('logs:PutLogEvents', { ...PLACE, logEvents });
      }
    });
    await Promise.all(writers);
    const expected = nodes.flatMap((_, node) =>
      Array.from({ length: BATCHES }, (__, batch) => `${node}.${batch}`),
    );
    for (const { root } of nodes) {
      const { events = [] } = await root.send('logs:GetLogEvents', PLACE);
      assert.deepEqual(events.map(({ message }) => message).toSorted(), expected.toSorted());
      const found = await root.send('logs:FilterLogEvents', { logGroupName: 'shared', filterPattern: '0.7' });
      assert.deepEqual(
        found.events?.map(({ message }) => message),
        ['0.7'],
      );
    }
    const chunks = await countChunks(nodes[0]);
    assert.ok(chunks < BATCHES, `${chunks} chunks`);
  });

  test('a Live Tail on one node sees what the other takes in, and each event once', async () => {
    const [one, other] = nodes;
    const { responseStream } = await one.root.send('logs:StartLiveTail', {
      logGroupIdentifiers: [`arn:aws:logs:us-east-1:123456789012:log-group:${PLACE.logGroupName}`],
      logEventFilterPattern: 'tailed',
    });
    assert.ok(responseStream);
    const expected = Array.from({ length: 30 }, (_, i) => `tailed ${i}`);
    const seen: (string | undefined)[] = [];
    let writing: Promise<void> | undefined;
    let quiet = 0;
    for await (const event of responseStream) {
      if (event.sessionStart) writing = writeAll();
      if (!event.sessionUpdate) continue;
      const { sessionResults = [] } = event.sessionUpdate;
      seen.push(...sessionResults.map(({ message }) => message));
      // One more update without anything shows that nothing comes twice.
      if (seen.length >= expected.length && sessionResults.length === 0 && ++quiet === 2) break;
    }
    await writing;
    assert.deepEqual(seen, expected);

    async function writeAll(): Promise<void> {
      for (const [i, message] of expected.entries()) {
        const { root } = i % 3 === 0 ? one : other;
        await root.send('logs:PutLogEvents', { ...PLACE, logEvents: [{ timestamp: Date.now(), message }] });
      }
    }
  });

  test('a key of the account protects a group on both nodes', async () => {
    const [one, other] = nodes;
    const allow = (Principal: object) => ({
      Effect: 'Allow',
      Principal,
      Action: 'kms:*',
      Resource: '*',
    });
    const Statement = [
      allow({ AWS: 'arn:aws:iam::123456789012:root' }),
      allow({ Service: 'logs.us-east-1.amazonaws.com' }),
    ];
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
    const { KeyMetadata } = await one.root.send('kms:CreateKey', { Policy });
    const place = { logGroupName: 'sealed', logStreamName: 'main' };
    await one.root.send('logs:CreateLogGroup', { ...place, kmsKeyId: KeyMetadata?.Arn });
    await one.root.send('logs:CreateLogStream', place);
    for (const [i, { root }] of [other, one, other].entries()) {
      const logEvents = [{ timestamp: Date.now() + i, message: `sealed ${i}` }];
      await root.send('logs:PutLogEvents', { ...place, logEvents });
    }
    for (const { root } of nodes) {
      const { events = [] } = await root.send('logs:GetLogEvents', place);
      assert.deepEqual(
        events.map(({ message }) => message),
        ['sealed 0', 'sealed 1', 'sealed 2'],
      );
    }
    await one.root.send('logs:DeleteLogGroup', place);
  });

  test('a group and a stream that both make at once are made once', async () => {
    const place = { logGroupName: 'raced', logStreamName: 'main' };
    for (const operation of ['logs:CreateLogGroup', 'logs:CreateLogStream'] as const) {
      const all = Array.from({ length: 6 }, (_, i) => nodes[i % 2 === 0 ? 0 : 1].root.send(operation, place));
      const settled = await Promise.allSettled(all);
      const refusals = settled
        .filter((one) => one.status === 'rejected')
        .map(({ reason }) => reason as Error);
      assert.equal(refusals.length, 5);
      assert.ok(refusals.every((reason) => isFault(reason, 'ResourceAlreadyExistsException')));
    }
  });

  test('what one node deletes is gone on the other, and its chunks go', async () => {
    const [one, other] = nodes;
    await one.root.send('logs:DeleteLogGroup', { logGroupName: 'shared' });
    await assert.rejects(other.root.send('logs:GetLogEvents', PLACE), { code: 'ResourceNotFoundException' });
    await until('the chunks go', 10_000, async () => (await countChunks(other)) === 0);
  });
});

async function countChunks({ house }: Slipway): Promise<number> {
  const rows = house.database.read
    .withTables<{ logs_chunk: { stream_id: number } }>()
    .selectFrom('logs_chunk');
  return (await rows.select('stream_id').execute()).length;
}
