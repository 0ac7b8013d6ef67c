/** PutLogEvents: a batch becomes chunks of its stream in one transaction, together with what metric filters count in it. */

import type { Kysely } from 'kysely';
import { fault } from '#base/fault.ts';
import type { ContentEvent } from '#core/log-chunk/content.ts';
import type { InputOf } from '#services/clients.ts';
import type { Call, Handler, House } from '#services/service.ts';
import type { Chunks, DataKey } from './chunks.ts';
import type { DataKeys } from './data-keys.ts';
import { checkBatch, FUTURE_MS, PAST_MS, positionOf, rejectedInfo } from './event-rules.ts';
import type { MetricFilters } from './metric-filters.ts';
import { keptSince, requireGroup, requireStream } from './room.ts';
import { tables, type StreamRow } from './tables.ts';
import type { Tails } from './tailing.ts';

type Input = InputOf<'logs', 'PutLogEvents'>;

/** How often a batch may find that its group has changed its key meanwhile. */
const ATTEMPTS_MAX = 5;

interface Parts {
  readonly house: House;
  readonly chunks: Chunks;
  readonly keys: DataKeys;
  readonly metrics: MetricFilters;
  readonly tails: Tails;
}

export function createPutLogEvents({ house, chunks, keys, metrics, tails }: Parts) {
  const { database } = house;

  const PutLogEvents: Handler<'logs', 'PutLogEvents'> = async (call, input) => {
    const events = input.logEvents ?? [];
    checkBatch(events);
    const taken = await take(call, input);
    if (taken.isCounted) await metrics.carry(taken.stream.group_name);
    if (taken.events.length > 0) tails.tell(taken.stream.group_name, taken.stream.name, taken.events);
    return {
      nextSequenceToken: `position/${taken.stream.event_count + taken.events.length}`,
      ...rejectedInfo(events, call.at, taken.since),
    };
  };

  async function take(call: Call, input: Input) {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      // A key is opened by KMS, which no transaction of ours can wait for.
      const group = await requireGroup(database.read, input.logGroupName ?? '');
      const key = group.data_key_id === null ? undefined : await keys.open(group.data_key_id);
      const taken = await database.transaction(
        (transaction) => takeWith(transaction, call, input, key),
        // The stream's row is locked, and whoever deletes a stream or its chunks writes it too.
        'snapshot',
      );
      if (taken) return taken;
    }
    throw fault('OperationAbortedException', 'The key of the log group is being changed. Try again.');
  }

  /** Nothing when the group has another key now. */
  async function takeWith(transaction: Kysely<unknown>, call: Call, input: Input, key: DataKey | undefined) {
    const rows = tables(transaction);
    const stream = await lockStream(transaction, input.logGroupName ?? '', input.logStreamName ?? '');
    const group = await requireGroup(transaction, stream.group_name);
    if (group.data_key_id !== (key?.id ?? null)) return undefined;
    const since = keptSince(group, call.at);
    const events = acceptedOf(call, input, stream, since);
    if (events.length === 0) return { stream, events, since, isCounted: false };
    const counts = await chunks.append(transaction, stream, group.group_id, key, events);
    await rows
      .updateTable('logs_stream')
      .set({
        ...counts,
        first_event_at: Math.min(stream.first_event_at ?? Infinity, events[0]?.at ?? 0),
        last_event_at: Math.max(stream.last_event_at ?? 0, events.at(-1)?.at ?? 0),
        last_ingestion_at: call.at,
      })
      .where('stream_id', '=', stream.stream_id)
      .execute();
    return {
      stream,
      events,
      since,
      isCounted: await metrics.count(transaction, group.name, events),
    };
  }

  /** Batches of one stream come one after the other, from whichever node. */
  async function lockStream(transaction: Kysely<unknown>, group: string, name: string): Promise<StreamRow> {
    if (database.dialect === 'postgres') {
      await tables(transaction)
        .selectFrom('logs_stream')
        .select('stream_id')
        .where('group_name', '=', group)
        .where('name', '=', name)
        .forUpdate()
        .execute();
    }
    return requireStream(transaction, group, name);
  }

  return { PutLogEvents };
}

/** Without those that are stored already, too old, no longer kept, or too new. */
function acceptedOf(call: Call, input: Input, stream: StreamRow, since: number): ContentEvent[] {
  const position = positionOf(input.sequenceToken) ?? stream.event_count;
  const stored = Math.max(0, stream.event_count - position);
  const oldest = Math.max(call.at - PAST_MS, since);
  const accepted: ContentEvent[] = [];
  for (const { timestamp: at = 0, message = '' } of (input.logEvents ?? []).slice(stored)) {
    if (at >= oldest && at <= call.at + FUTURE_MS) accepted.push({ at, ingestedAt: call.at, message });
  }
  return accepted;
}
