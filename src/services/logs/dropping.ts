/**
 * Removes chunks that nobody finds any more: those of deleted streams and groups, and those that are older than their
 * group keeps them. At the start, after deletions, and every hour; so few at a time that writers seldom wait.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { House } from '#services/service.ts';
import { keptSince } from './room.ts';
import { tables, type GroupRow } from './tables.ts';

const PERIOD_MS = 3_600_000;
/** After a failure. */
const RETRY_MS = 30_000;
const CHUNKS_AT_ONCE = 100;
const STREAMS_AT_ONCE = 100;

export interface Dropping {
  start(): void;
  /** Something was deleted. */
  soon(): void;
  stop(): Promise<void>;
}

export function createDropping(house: House): Dropping {
  const { database, clock, log } = house;
  let cancel = () => {};
  let isStopped = false;
  let isWanted = false;
  let running: Promise<void> | undefined;

  async function sweep(): Promise<void> {
    while (!isStopped && (await dropSome())) await nextTurn();
    const groups = tables(database)
      .selectFrom('logs_group')
      .selectAll()
      .where('retention_days', 'is not', null);
    for (const group of await groups.execute()) {
      while (!isStopped && (await expireSome(group))) await nextTurn();
    }
    await dropKeys();
  }

  /** Of deleted streams; whether there may be more. */
  function dropSome(): Promise<boolean> {
    return database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const dropped = await rows
        .selectFrom('logs_dropped_stream')
        .select('stream_id')
        .limit(STREAMS_AT_ONCE)
        .execute();
      if (dropped.length === 0) return false;
      const ids = dropped.map((stream) => stream.stream_id);
      const found = await rows
        .selectFrom('logs_chunk')
        .select(['stream_id', 'first_sequence', 'size'])
        .where('stream_id', 'in', ids)
        .limit(CHUNKS_AT_ONCE)
        .execute();
      await removeChunks(transaction, found);
      if (found.length < CHUNKS_AT_ONCE) {
        await rows.deleteFrom('logs_dropped_stream').where('stream_id', 'in', ids).execute();
      }
      return true;
    });
  }

  /** Of a group that keeps its events for so many days; whether there may be more. */
  function expireSome(group: GroupRow): Promise<boolean> {
    const before = keptSince(group, clock.now());
    return database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const found = await rows
        .selectFrom('logs_chunk')
        .select(['stream_id', 'first_sequence', 'size'])
        .where('group_id', '=', group.group_id)
        .where('first_at', '<', before)
        .where('last_at', '<', before)
        .orderBy('first_at')
        .limit(CHUNKS_AT_ONCE)
        .execute();
      await removeChunks(transaction, found);
      for (const { stream_id, size } of found) {
        await rows
          .updateTable('logs_stream')
          .set({ stored_bytes: sql<number>`stored_bytes - ${size}` })
          .where('stream_id', '=', stream_id)
          .execute();
      }
      return found.length === CHUNKS_AT_ONCE;
    });
  }

  /** Data keys of groups that are no more, once nothing is left that they open. */
  async function dropKeys(): Promise<void> {
    const orphans = await tables(database)
      .selectFrom('logs_data_key')
      .select('data_key_id')
      .where('group_id', 'not in', tables(database).selectFrom('logs_group').select('group_id'))
      .execute();
    if (orphans.length === 0 || isStopped) return;
    await database.transaction(async (transaction) => {
      for (const { data_key_id } of orphans) {
        await tables(transaction)
          .deleteFrom('logs_data_key')
          .where('data_key_id', '=', data_key_id)
          .execute();
      }
    });
  }

  /** One sweep at a time; what is wanted meanwhile begins another. */
  function run(): Promise<void> {
    isWanted = true;
    running ??= (async () => {
      while (isWanted && !isStopped) {
        isWanted = false;
        await sweep();
      }
    })().finally(() => (running = undefined));
    return running;
  }

  function runAside(): void {
    run()
      .then(() => arm(PERIOD_MS))
      .catch((error: unknown) => {
        log.error('old log events could not be removed', { error });
        arm(RETRY_MS);
      });
  }

  function arm(afterMs: number): void {
    cancel();
    if (!isStopped) cancel = clock.callAt(clock.now() + afterMs, runAside);
  }

  return {
    // Nobody waits for it: a group of many gigabytes takes its time, and nobody finds what is in it.
    start: runAside,
    soon: runAside,
    async stop() {
      isStopped = true;
      cancel();
      await running?.catch(() => {
        // Whoever began it has said so.
      });
    },
  };
}

async function removeChunks(
  transaction: Kysely<unknown>,
  chunks: readonly { readonly stream_id: number; readonly first_sequence: number }[],
): Promise<void> {
  for (const { stream_id, first_sequence } of chunks) {
    await tables(transaction)
      .deleteFrom('logs_chunk')
      .where('stream_id', '=', stream_id)
      .where('first_sequence', '=', first_sequence)
      .execute();
  }
}
