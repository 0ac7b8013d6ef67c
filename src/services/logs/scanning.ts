/**
 * Pages of events out of the chunks of a stream or a group. What a page looks at is listed in one query, so that a merge
 * meanwhile hides nothing and shows nothing twice; it holds one chunk at a time, and gives up after so many bytes with
 * the place where the next page begins. See `core/log-chunk/page.ts`.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql } from 'kysely';
import { messageOf } from '#core/log-chunk/content.ts';
import { comparePlaces, type LogEvent, type Place } from '#core/log-chunk/event.ts';
import { type ClosedPage, createPage, type Page } from '#core/log-chunk/page.ts';
import { SPAN_MS_MAX } from '#core/log-chunk/sizes.ts';
import type { LogPattern } from '#core/log-pattern/pattern.ts';
import type { House } from '#services/service.ts';
import type { ChunkHead, Chunks, OpenChunk } from './chunks.ts';
import { HEAD_COLUMNS } from './chunks.ts';
import type { DataKeys } from './data-keys.ts';
import { tables } from './tables.ts';

export interface Scan {
  /** One stream, some, or those of a group whose names begin so. */
  readonly streamIds?: readonly number[];
  readonly group?: { readonly id: number; readonly from: string; readonly before: string | undefined };
  readonly isForward: boolean;
  /** The first place on the way; absent: from the end where the way begins. */
  readonly from: Place | undefined;
  /** Times: `since` belongs to it, `until` does not. */
  readonly since: number;
  readonly until: number | undefined;
  readonly eventsMax: number;
  readonly pattern?: Pick<LogPattern, 'matches' | 'needs'>;
}

export interface ScannedPage extends ClosedPage {
  readonly streamNames: ReadonlyMap<number, string>;
}

type NamedHead = ChunkHead & { readonly name: string };

const PAGE_BYTES_MAX = 1_048_576;
const LIMITS = {
  /** What one page looks at, besides what overlaps where it begins; at least as much as that. */
  scannedBytes: 16 * 1024 * 1024,
  /** Chunks that are listed at first; where more of them overlap, twice as many. */
  listedChunks: 500,
};
/** Others have their turn after so many bytes. */
const TURN_BYTES = 1024 * 1024;

export type Scanner = ReturnType<typeof createScanner>;

export function createScanner(
  { database }: Pick<House, 'database'>,
  chunks: Chunks,
  keys: DataKeys,
  limits = LIMITS,
) {
  async function scan(request: Scan): Promise<ScannedPage> {
    for (let listed = limits.listedChunks; ; listed *= 2) {
      const heads = await list(request, listed + 1);
      const after = heads.length > listed ? heads.pop() : undefined;
      // Where most of what is listed overlaps, little of it could be given.
      const overlapping = heads.filter((head) => !isProgress(request, boundOf(request, head))).length;
      if (after && overlapping * 2 > listed) continue;
      return await readPage(request, heads, after);
    }
  }

  async function readPage(
    request: Scan,
    heads: readonly NamedHead[],
    after: NamedHead | undefined,
  ): Promise<ScannedPage> {
    const { isForward, eventsMax } = request;
    const bytesOf = (message: string) => Buffer.byteLength(message);
    const page = createPage({ isForward, eventsMax, bytesMax: PAGE_BYTES_MAX, bytesOf });
    const names = new Map(heads.map((head) => [head.stream_id, head.name]));
    let [overlapping, scanned, turnAt] = [0, 0, TURN_BYTES];
    for (const [i, head] of heads.entries()) {
      for (const chunk of await chunks.read(head, (id) => keys.open(id))) {
        page.add(eventsIn(request, head, chunk, page));
      }
      scanned += head.size;
      const next = heads[i + 1] ?? after;
      if (!next) break;
      const bound = boundOf(request, next);
      if (!isProgress(request, bound)) overlapping = scanned;
      else if (scanned - overlapping >= Math.max(limits.scannedBytes, overlapping) || page.isFull(bound)) {
        return { ...page.close(bound), streamNames: names };
      }
      if (scanned < turnAt) continue;
      turnAt = scanned + TURN_BYTES;
      await nextTurn();
    }
    return { ...page.close(after && boundOf(request, after)), streamNames: names };
  }

  async function list(request: Scan, limit: number): Promise<NamedHead[]> {
    if (!request.streamIds) return await listSome(request, undefined, limit);
    const lists: NamedHead[] = [];
    for (const id of new Set(request.streamIds)) lists.push(...(await listSome(request, id, limit)));
    const order = request.isForward ? 1 : -1;
    return lists
      .sort((a, b) => order * comparePlaces(boundOf(request, a), boundOf(request, b)))
      .slice(0, limit);
  }

  function listSome(request: Scan, streamId: number | undefined, limit: number): Promise<NamedHead[]> {
    const { isForward, from, since, until, group } = request;
    let query = tables(database)
      .selectFrom('logs_chunk')
      .innerJoin('logs_stream', 'logs_stream.stream_id', 'logs_chunk.stream_id')
      .select([...HEAD_COLUMNS, 'logs_stream.name'])
      .where('last_at', '>=', since)
      .limit(limit);
    if (streamId !== undefined) query = query.where('logs_chunk.stream_id', '=', streamId);
    else if (group) {
      query = query.where('group_id', '=', group.id).where('logs_stream.name', '>=', group.from);
      if (group.before !== undefined) query = query.where('logs_stream.name', '<', group.before);
    }
    if (until !== undefined) query = query.where('first_at', '<', until);
    if (isForward) {
      const low = Math.max(since, from?.at ?? 0);
      query = query.where('first_at', '>=', low - SPAN_MS_MAX);
      if (from) {
        // Whether the chunk's last place is not before `from`.
        const last = sql<number>`first_sequence + logs_chunk.event_count - 1`;
        query = query.where((eb) =>
          eb.or([
            eb('last_at', '>', from.at),
            eb.and([
              eb('last_at', '=', from.at),
              eb.or([
                eb('logs_chunk.stream_id', '>', from.streamId),
                eb.and([eb('logs_chunk.stream_id', '=', from.streamId), eb(last, '>=', from.sequence)]),
              ]),
            ]),
          ]),
        );
      }
      return query.orderBy('first_at').orderBy('logs_chunk.stream_id').orderBy('first_sequence').execute();
    }
    if (from) {
      query = query.where('last_at', '<=', from.at + SPAN_MS_MAX).where((eb) =>
        eb.or([
          eb('first_at', '<', from.at),
          // Backward only one stream is read.
          eb.and([eb('first_at', '=', from.at), eb('first_sequence', '<=', from.sequence)]),
        ]),
      );
    }
    if (until !== undefined) query = query.where('last_at', '<', until + SPAN_MS_MAX);
    return query.orderBy('last_at', 'desc').orderBy('first_sequence', 'desc').execute();
  }

  return { scan };
}

/** No event of the chunk, nor of those listed after it, stands before this place on the way. */
function boundOf({ isForward }: Scan, head: ChunkHead): Place {
  return isForward
    ? { at: head.first_at, streamId: head.stream_id, sequence: head.first_sequence }
    : {
        at: head.last_at,
        streamId: head.stream_id,
        sequence: head.first_sequence + head.event_count - 1,
      };
}

function isProgress({ isForward, from }: Scan, bound: Place): boolean {
  if (!from) return true;
  return isForward ? comparePlaces(bound, from) > 0 : comparePlaces(bound, from) < 0;
}

/** The events of what was listed that the request asks for and the page takes. */
function* eventsIn(
  request: Scan,
  head: ChunkHead,
  { firstSequence, content }: OpenChunk,
  page: Page,
): Generator<LogEvent> {
  const { isForward, from, since, until, pattern } = request;
  if (pattern?.needs !== undefined && !content.text.includes(pattern.needs)) return;
  const start = Math.max(0, head.first_sequence - firstSequence);
  const end = Math.min(content.count, head.first_sequence + head.event_count - firstSequence);
  const untilAt = until ?? Infinity;
  for (let i = start; i < end; i++) {
    const at = content.times[i] ?? 0;
    if (at < since || at >= untilAt) continue;
    const place = { at, streamId: head.stream_id, sequence: firstSequence + i };
    if (from && (isForward ? comparePlaces(place, from) < 0 : comparePlaces(place, from) > 0)) continue;
    if (!page.takes(place)) continue;
    const message = messageOf(content, i);
    if (pattern && !pattern.matches(message)) continue;
    // A copy, or a page of few events would hold all the texts that they come from.
    const copied = pattern ? Buffer.from(message).toString() : message;
    yield { ...place, ingestedAt: content.ingestionTimes[i] ?? 0, message: copied };
  }
}
