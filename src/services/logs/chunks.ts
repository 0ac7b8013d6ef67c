/**
 * The chunks of streams: made of each batch in the transaction that takes it, merged there when many small ones have
 * gathered, and read back. There is nothing between a batch and its chunk, and nobody who puts things right later:
 *
 *   PutLogEvents ─ one transaction ─▶ a chunk of the batch ─ sixteen small ones? ─▶ one chunk in their place
 *
 * What a chunk says never changes, but its row may be merged away while somebody reads. So readers ask for sequences of
 * a stream, which mean the same events in whichever chunk they are.
 */

import type { Kysely } from 'kysely';
import { type ChunkContent, type ContentEvent, eventsOf } from '#core/log-chunk/content.ts';
import {
  cutIntoChunks,
  EVENT_OVERHEAD_BYTES,
  isFull,
  isMergeDue,
  levelOf,
  LOOSE_MAX,
  looseRun,
  mergeOf,
} from '#core/log-chunk/sizes.ts';
import type { House } from '#services/service.ts';
import { openChunk, sealChunk, streamKey } from './sealing.ts';
import { tables, type ChunkRow, type StreamRow } from './tables.ts';

/** The data key of a group, opened. */
export interface DataKey {
  readonly id: number;
  readonly bytes: Uint8Array;
}

export interface OpenChunk {
  readonly firstSequence: number;
  readonly content: ChunkContent;
}

export type ChunkHead = Omit<ChunkRow, 'content'>;
/** Some events of a stream; a chunk is one, too. */
export type SequenceRange = Pick<ChunkRow, 'stream_id' | 'first_sequence' | 'event_count'>;
type StreamPlace = Pick<ChunkRow, 'stream_id' | 'group_id'>;
/** What of a stream's row tells of its chunks. */
export type ChunkCounts = Pick<StreamRow, 'event_count' | 'stored_bytes' | 'loose_chunks' | 'loose_size'>;

export const HEAD_COLUMNS = [
  'logs_chunk.stream_id',
  'first_sequence',
  'group_id',
  'logs_chunk.event_count',
  'first_at',
  'last_at',
  'size',
  'level',
  'data_key_id',
] as const;

export type Chunks = ReturnType<typeof createChunks>;

export function createChunks({ database, keyring }: Pick<House, 'database' | 'keyring'>) {
  const keyOf = (streamId: number, dataKey: DataKey | undefined) =>
    dataKey ? dataKey.bytes : streamKey(keyring, streamId);

  /** As many chunks as the events need; `level` is of those that are not full. */
  async function insert(
    transaction: Kysely<unknown>,
    place: StreamPlace,
    firstSequence: number,
    level: number,
    dataKey: DataKey | undefined,
    events: readonly ContentEvent[],
  ): Promise<ChunkHead[]> {
    const key = keyOf(place.stream_id, dataKey);
    const heads: ChunkHead[] = [];
    let first_sequence = firstSequence;
    for (const piece of cutIntoChunks(events)) {
      const size = piece.reduce((sum, event) => sum + eventBytes(event.message), 0);
      const times = timesOf(piece);
      const event_count = piece.length;
      const head = { ...place, first_sequence, event_count, ...times, size, level: levelOf(size, level) };
      const chunkPlace = {
        streamId: place.stream_id,
        firstSequence: first_sequence,
        eventCount: event_count,
      };
      const row = { ...head, data_key_id: dataKey?.id ?? null };
      const content = sealChunk(key, chunkPlace, piece);
      await tables(transaction)
        .insertInto('logs_chunk')
        .values({ ...row, content })
        .execute();
      heads.push(row);
      first_sequence += event_count;
    }
    return heads;
  }

  /** Takes events into a stream whose row the transaction has read; what the row must say of it afterwards. */
  async function append(
    transaction: Kysely<unknown>,
    stream: StreamRow,
    groupId: number,
    dataKey: DataKey | undefined,
    events: readonly ContentEvent[],
  ): Promise<ChunkCounts> {
    const place = { stream_id: stream.stream_id, group_id: groupId };
    const heads = await insert(transaction, place, stream.event_count, 0, dataKey, events);
    const size = heads.reduce((sum, head) => sum + head.size, 0);
    const counts = {
      event_count: stream.event_count + events.length,
      stored_bytes: stream.stored_bytes + size,
    };
    // Behind a full chunk nothing merges any more.
    if (heads.some(isFull)) return { ...counts, loose_chunks: 0, loose_size: 0 };
    const loose_chunks = stream.loose_chunks + heads.length;
    const loose_size = stream.loose_size + size;
    if (!isMergeDue(loose_chunks, loose_size)) return { ...counts, loose_chunks, loose_size };
    return { ...counts, loose_chunks: 0, loose_size: await merge(transaction, place, dataKey) };
  }

  /** The size of what is not full then. */
  async function merge(
    transaction: Kysely<unknown>,
    place: StreamPlace,
    dataKey: DataKey | undefined,
  ): Promise<number> {
    const newest = await tables(transaction)
      .selectFrom('logs_chunk')
      .select(HEAD_COLUMNS)
      .where('stream_id', '=', place.stream_id)
      .orderBy('first_sequence', 'desc')
      .limit(LOOSE_MAX)
      .execute();
    const run = looseRun(newest.map(factsOf));
    const plan = mergeOf(run);
    if (!plan) return sizeOf(run);
    const first = run[plan.count - 1]?.firstSequence ?? 0;
    const rows = await tables(transaction)
      .selectFrom('logs_chunk')
      .selectAll()
      .where('stream_id', '=', place.stream_id)
      .where('first_sequence', '>=', first)
      .orderBy('first_sequence')
      .execute();
    const events = rows.flatMap((row) => eventsOf(open(row, dataKey).content));
    await tables(transaction)
      .deleteFrom('logs_chunk')
      .where('stream_id', '=', place.stream_id)
      .where('first_sequence', '>=', first)
      .execute();
    const made = await insert(transaction, place, first, plan.level, dataKey, events);
    return made.some(isFull) ? 0 : sizeOf(run);
  }

  function open(row: ChunkRow, dataKey: DataKey | undefined): OpenChunk {
    const { stream_id: streamId, first_sequence: firstSequence, event_count: eventCount } = row;
    const key = keyOf(streamId, dataKey);
    return { firstSequence, content: openChunk(key, { streamId, firstSequence, eventCount }, row.content) };
  }

  /** The chunks that hold these sequences now: usually the one that was seen. */
  async function read(head: SequenceRange, openKey: (id: number) => Promise<DataKey>): Promise<OpenChunk[]> {
    const rows = tables(database).selectFrom('logs_chunk').selectAll();
    const ofStream = rows.where('stream_id', '=', head.stream_id);
    const same = await ofStream.where('first_sequence', '=', head.first_sequence).executeTakeFirst();
    const found =
      same?.event_count === head.event_count
        ? [same]
        : await ofStream
            .where('first_sequence', '<', head.first_sequence + head.event_count)
            .where((eb) => eb(eb('first_sequence', '+', eb.ref('event_count')), '>', head.first_sequence))
            .orderBy('first_sequence')
            .execute();
    const opened: OpenChunk[] = [];
    for (const row of found) {
      opened.push(open(row, row.data_key_id === null ? undefined : await openKey(row.data_key_id)));
    }
    return opened;
  }

  return { insert, append, read };
}

export function eventBytes(message: string): number {
  return Buffer.byteLength(message) + EVENT_OVERHEAD_BYTES;
}

function timesOf(events: readonly ContentEvent[]) {
  let [first_at, last_at] = [Infinity, -Infinity];
  for (const { at } of events) {
    first_at = Math.min(first_at, at);
    last_at = Math.max(last_at, at);
  }
  return { first_at, last_at };
}

function factsOf(head: ChunkHead) {
  return {
    firstSequence: head.first_sequence,
    eventCount: head.event_count,
    level: head.level,
    size: head.size,
    firstAt: head.first_at,
    lastAt: head.last_at,
    keyId: head.data_key_id,
  };
}

function sizeOf(run: readonly { readonly size: number }[]): number {
  return run.reduce((sum, chunk) => sum + chunk.size, 0);
}
