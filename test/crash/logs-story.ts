/**
 * The story of a log: a writer puts single lines and large batches and repeats each until it has an answer, another
 * stream is deleted, and all is exported into a bucket of files. The room and its machines are real.
 */

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { isFault } from '#base/fault.ts';
import { silentLog } from '#base/log.ts';
import { openLogs } from '#services/logs/index.ts';
import { tables } from '#services/logs/tables.ts';
import type { Call, Caller, House } from '#services/service.ts';
import { openKeyring } from '#store/keyring.ts';
import type { Chapter, Life, Story } from './harness.ts';

const SCOPE = { account: '123456789012', region: 'us-east-1' };
const ROOT = { type: 'root', account: SCOPE.account } as const;
/** When the harness's time begins. */
const START = 1_700_000_000_000;
const PLACE = { logGroupName: 'g', logStreamName: 's' };
/** Lines of each batch: enough small ones for merges, one that needs two chunks, and small ones again. */
const BATCHES = [...Array<number>(20).fill(1), 600, ...Array<number>(18).fill(2)];
const LONG = 'x'.repeat(600);

type AnyHandler = (call: Call, input: object) => Promise<object>;

export const story: Story = {
  migrations: openLogs({ database: { dialect: 'sqlite' } } as House).migrations,
  open: (life) => tellStory(life),
};

async function tellStory({ directory, database, engine, clock }: Life): Promise<Chapter> {
  const bucket = join(directory, 'bucket');
  mkdirSync(bucket, { recursive: true });

  /** An object that is put again is the same file. */
  const send = async (operation: string, input: { readonly Key?: string; readonly Body?: Uint8Array }) => {
    if (operation === 's3:PutObject') {
      writeFileSync(join(bucket, (input.Key ?? '').replaceAll('/', ' ')), input.Body ?? '');
    }
    return {};
  };
  const house = {
    ...SCOPE,
    directory,
    database,
    engine,
    clock,
    log: silentLog,
    keyring: openKeyring(directory),
    asService: () => ({ principal: ROOT, send }) as unknown as Caller,
  } as unknown as House;
  const room = openLogs(house);
  await room.recover?.();
  const ask = async (operation: string, input: object): Promise<Record<string, unknown>> => {
    const handler = (room.operations as unknown as Record<string, AnyHandler>)[operation];
    if (!handler) throw new Error(operation);
    const call = { ...SCOPE, at: clock.now(), principal: ROOT, authorize: async () => {} };
    return { ...(await handler(call as unknown as Call, input)) };
  };
  const ensure = (operation: string, input: object) =>
    ask(operation, input).catch((error: unknown) => {
      if (!isFault(error, 'ResourceAlreadyExistsException')) throw error;
    });

  async function put(): Promise<void> {
    let position = 0;
    for (const [batch, lines] of BATCHES.entries()) {
      const logEvents = Array.from({ length: lines }, (_, i) => ({
        timestamp: START + batch,
        message: `${batch}.${i} ${lines > 2 ? LONG : ''}`,
      }));
      await ask('PutLogEvents', { ...PLACE, logEvents, sequenceToken: `position/${position}` });
      position += lines;
    }
  }

  async function exportAll(): Promise<void> {
    const { exportTasks } = (await ask('DescribeExportTasks', {})) as { exportTasks: object[] };
    if (exportTasks.length > 0) return;
    const range = { from: START, to: START + 1_000_000 };
    await ask('CreateExportTask', { logGroupName: 'g', ...range, destination: 'bucket' });
  }

  const statuses = async () => {
    const { exportTasks } = await ask('DescribeExportTasks', {});
    return (exportTasks as { status: { code: string } }[]).map(({ status }) => status.code);
  };
  const count = async (table: 'logs_chunk' | 'logs_dropped_stream') =>
    (await tables(database).selectFrom(table).select('stream_id').execute()).length;

  return {
    machines: room.machines,
    async begin() {
      await ensure('CreateLogGroup', { logGroupName: 'g' });
      await ensure('CreateLogStream', PLACE);
      const deleted = { ...PLACE, logStreamName: 'deleted' };
      await ensure('CreateLogStream', deleted);
      await ask('PutLogEvents', { ...deleted, logEvents: [{ timestamp: START, message: 'unseen' }] });
      await ask('DeleteLogStream', deleted);
      await put();
      await exportAll();
    },
    isOver: async () =>
      (await statuses()).every((code) => code === 'COMPLETED') && (await count('logs_dropped_stream')) === 0,
    async end() {
      const read = (input: object) => ask('GetLogEvents', { ...PLACE, startFromHead: true, ...input });
      const { events } = (await read({})) as { events: { message: string }[] };
      const lines = BATCHES.reduce((sum, each) => sum + each, 0);
      assert.equal(new Set(events.map(({ message }) => message)).size, lines);
      return {
        messages: events.map(({ message }) => message),
        chunks: await count('logs_chunk'),
        exports: await statuses(),
        files: readdirSync(bucket)
          .filter((name) => name.endsWith('.gz'))
          .map((name) => gunzipSync(readFileSync(join(bucket, name))).toString()),
      };
    },
    close: () => room.close?.() ?? Promise.resolve(),
  };
}
