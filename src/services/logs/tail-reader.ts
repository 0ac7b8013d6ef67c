/**
 * What a Live Tail session has not seen yet, where several nodes share a database and any of them may take events in: the
 * streams that took some since the last look, and of each what lies behind the place where that look ended.
 */

import type { ContentEvent } from '#core/log-chunk/content.ts';
import { eventsOf } from '#core/log-chunk/content.ts';
import type { House } from '#services/service.ts';
import type { Chunks } from './chunks.ts';
import type { DataKeys } from './data-keys.ts';
import { tables } from './tables.ts';

export interface TailReader {
  /** Calls `take` for what is new, in the order in which each stream took it. */
  read(take: (group: string, stream: string, events: readonly ContentEvent[]) => void): Promise<void>;
}

/** The newest ones of a stream; a session shows no more in a second. */
const EVENTS_MAX = 1_000;
/** How far the clocks of nodes may be apart, and a commit behind its time. */
const LATE_MS = 10_000;

export async function createTailReader(
  { database, clock }: Pick<House, 'database' | 'clock'>,
  chunks: Chunks,
  keys: DataKeys,
  groups: readonly string[],
): Promise<TailReader> {
  const startedAt = clock.now();
  /** Of streams: how many of their events were seen, or were there before. */
  const seen = new Map<number, number>();
  let lookedAt = startedAt;
  for (const stream of await busyStreams()) seen.set(stream.stream_id, stream.event_count);

  function busyStreams() {
    return tables(database)
      .selectFrom('logs_stream')
      .innerJoin('logs_group', 'logs_group.name', 'logs_stream.group_name')
      .select(['stream_id', 'logs_stream.name', 'group_name', 'group_id', 'event_count'])
      .where('group_name', 'in', groups)
      .where('last_ingestion_at', '>=', lookedAt - LATE_MS)
      .execute();
  }

  return {
    async read(take) {
      const now = clock.now();
      const streams = await busyStreams();
      lookedAt = now;
      for (const stream of streams) {
        const known = seen.get(stream.stream_id);
        const from = Math.max(known ?? 0, stream.event_count - EVENTS_MAX);
        seen.set(stream.stream_id, stream.event_count);
        if (from >= stream.event_count) continue;
        const range = {
          stream_id: stream.stream_id,
          first_sequence: from,
          event_count: stream.event_count - from,
        };
        for (const { firstSequence, content } of await chunks.read(range, (id) => keys.open(id))) {
          const all = eventsOf(content).slice(
            Math.max(0, from - firstSequence),
            stream.event_count - firstSequence,
          );
          // A stream that was quiet at the start may have older ones.
          const events = known === undefined ? all.filter((event) => event.ingestedAt >= startedAt) : all;
          take(stream.group_name, stream.name, events);
        }
      }
    },
  };
}
