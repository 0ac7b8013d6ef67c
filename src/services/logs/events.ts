/**
 * Events of streams: put, read page by page from either end, filtered over a group.
 *
 * A stream's events are ordered by time, then by when they came in. Tokens are places in that order, so they stay
 * true while events come in.
 */

import { fault } from '#base/fault.ts';
import { parseLogPattern } from '#core/log-pattern/parse.ts';
import type { Handler, House } from '#services/service.ts';
import {
  checkBatch,
  createToken,
  cutToBytes,
  digits,
  FUTURE_MS,
  parseFilterToken,
  parseToken,
  PAST_MS,
  positionOf,
  rejectedInfo,
} from './event-rules.ts';
import { groupName } from './names.ts';
import { endOfPrefix, keptSince, requireGroup, requireStream } from './room.ts';
import type { MetricFilters } from './metric-filters.ts';
import { tables } from './tables.ts';
import type { Tails } from './tailing.ts';
import type { EventRow } from './tables.ts';

const PAGE_EVENTS_MAX = 10_000;
/** Rows that one page of a filter looks at; a page may be empty and still have a next one. */
const SCAN_MAX = 10_000;
const INSERT_ROWS_MAX = 500;

export function eventOperations(house: House, tails: Tails, metrics: MetricFilters) {
  const { database } = house;

  const PutLogEvents: Handler<'logs', 'PutLogEvents'> = async (call, input) => {
    const events = input.logEvents ?? [];
    checkBatch(events);
    const { token, stream, rows, isCounted, since } = await database.transaction(async (transaction) => {
      const stream = await requireStream(transaction, input.logGroupName ?? '', input.logStreamName);
      const group = await requireGroup(transaction, stream.group_name);
      const stored = Math.max(
        0,
        stream.event_count - (positionOf(input.sequenceToken) ?? stream.event_count),
      );
      const oldest = Math.max(call.at - PAST_MS, keptSince(group, call.at));
      const rows: EventRow[] = [];
      for (const event of events.slice(stored)) {
        const at = event.timestamp ?? 0;
        if (at < oldest || at > call.at + FUTURE_MS) continue;
        const sequence = stream.event_count + rows.length;
        rows.push({
          stream_id: stream.stream_id,
          at,
          sequence,
          ingested_at: call.at,
          message: event.message ?? '',
        });
      }
      for (let i = 0; i < rows.length; i += INSERT_ROWS_MAX) {
        await tables(transaction)
          .insertInto('logs_event')
          .values(rows.slice(i, i + INSERT_ROWS_MAX))
          .execute();
      }
      const count = stream.event_count + rows.length;
      if (rows.length > 0) {
        const times = rows.map((row) => row.at);
        await tables(transaction)
          .updateTable('logs_stream')
          .set({
            event_count: count,
            first_event_at: Math.min(stream.first_event_at ?? Infinity, times[0] ?? 0),
            last_event_at: Math.max(stream.last_event_at ?? 0, times.at(-1) ?? 0),
            last_ingestion_at: call.at,
          })
          .where('stream_id', '=', stream.stream_id)
          .execute();
      }
      const isCounted = rows.length > 0 && (await metrics.count(transaction, group.name, rows));
      return { token: `position/${count}`, stream, rows, isCounted, since: keptSince(group, call.at) };
    });
    if (isCounted) await metrics.carry(stream.group_name);
    if (rows.length > 0) tails.tell(stream.group_name, stream.name, rows);
    return { nextSequenceToken: token, ...rejectedInfo(events, call.at, since) };
  };

  const GetLogEvents: Handler<'logs', 'GetLogEvents'> = async (call, input) => {
    const group = await requireGroup(
      database.read,
      groupName(input.logGroupName ?? input.logGroupIdentifier),
    );
    const stream = await requireStream(database.read, group.name, input.logStreamName);
    const place = input.nextToken === undefined ? undefined : parseToken(input.nextToken, stream);
    const forward = place ? place.forward : (input.startFromHead ?? false);
    const since = Math.max(input.startTime ?? 0, keptSince(group, call.at));
    let query = tables(database)
      .selectFrom('logs_event')
      .selectAll()
      .where('stream_id', '=', stream.stream_id)
      .where('at', '>=', since)
      .limit(input.limit ?? PAGE_EVENTS_MAX);
    if (input.endTime !== undefined) query = query.where('at', '<', input.endTime);
    if (place) {
      const beyond = forward ? '>' : '<';
      query = query.where((eb) =>
        eb.or([
          eb('at', beyond, place.at),
          eb.and([eb('at', '=', place.at), eb('sequence', beyond, place.sequence)]),
        ]),
      );
    }
    const direction = forward ? 'asc' : 'desc';
    const found = await query.orderBy('at', direction).orderBy('sequence', direction).execute();
    const page = cutToBytes(found);
    if (!forward) page.reverse();
    const [first, last] = [page[0], page.at(-1)];
    const empty = place ?? { at: 0, sequence: 0 };
    return {
      events: page.map((row) => ({
        timestamp: row.at,
        message: row.message,
        ingestionTime: row.ingested_at,
      })),
      nextForwardToken: createToken('f', stream, last ?? empty),
      nextBackwardToken: createToken('b', stream, first ?? empty),
    };
  };

  const FilterLogEvents: Handler<'logs', 'FilterLogEvents'> = async (call, input) => {
    const group = await requireGroup(
      database.read,
      groupName(input.logGroupName ?? input.logGroupIdentifier),
    );
    if (input.logStreamNames?.length && input.logStreamNamePrefix) {
      throw fault(
        'InvalidParameterException',
        'logStreamNames and logStreamNamePrefix cannot be given together.',
      );
    }
    const pattern = parseLogPattern(input.filterPattern ?? '');
    const streams = await streamsOf(group.name, input.logStreamNames, input.logStreamNamePrefix);
    const names = new Map(streams.map((stream) => [stream.stream_id, stream.name]));
    const limit = input.limit ?? PAGE_EVENTS_MAX;
    const place = input.nextToken === undefined ? undefined : parseFilterToken(input.nextToken);
    let query = tables(database)
      .selectFrom('logs_event')
      .selectAll()
      .where('stream_id', 'in', streams.length ? streams.map((stream) => stream.stream_id) : [-1])
      .where('at', '>=', Math.max(input.startTime ?? 0, keptSince(group, call.at)));
    if (input.endTime !== undefined) query = query.where('at', '<', input.endTime);
    if (place) {
      query = query.where((eb) =>
        eb.or([
          eb('at', '>', place.at),
          eb.and([eb('at', '=', place.at), eb('stream_id', '>', place.streamId)]),
          eb.and([
            eb('at', '=', place.at),
            eb('stream_id', '=', place.streamId),
            eb('sequence', '>', place.sequence),
          ]),
        ]),
      );
    }
    const scanned = await query
      .orderBy('at')
      .orderBy('stream_id')
      .orderBy('sequence')
      .limit(SCAN_MAX)
      .execute();
    const matching: EventRow[] = [];
    let seen = 0;
    for (const row of cutToBytes(scanned)) {
      if (matching.length === limit) break;
      seen++;
      if (pattern.matches(row.message)) matching.push(row);
    }
    const last = scanned[seen - 1];
    const isMore = last !== undefined && (seen < scanned.length || scanned.length === SCAN_MAX);
    return {
      events: matching.map((row) => ({
        logStreamName: names.get(row.stream_id) ?? '',
        timestamp: row.at,
        message: row.message,
        ingestionTime: row.ingested_at,
        eventId: digits(row.at, 20) + digits(row.stream_id, 18) + digits(row.sequence, 18),
      })),
      searchedLogStreams: [],
      ...(isMore && {
        nextToken: Buffer.from(JSON.stringify([last.at, last.stream_id, last.sequence])).toString(
          'base64url',
        ),
      }),
    };
  };

  async function streamsOf(
    group: string,
    names: readonly string[] | undefined,
    prefix: string | undefined,
  ): Promise<{ stream_id: number; name: string }[]> {
    let query = tables(database)
      .selectFrom('logs_stream')
      .select(['stream_id', 'name'])
      .where('group_name', '=', group);
    if (names?.length) query = query.where('name', 'in', names);
    if (prefix) query = query.where('name', '>=', prefix).where('name', '<', endOfPrefix(prefix));
    const found = await query.execute();
    if (names && found.length < new Set(names).size) {
      throw fault('ResourceNotFoundException', 'The specified log stream does not exist.');
    }
    return found;
  }

  const TestMetricFilter: Handler<'logs', 'TestMetricFilter'> = async (_call, input) => {
    const pattern = parseLogPattern(input.filterPattern ?? '');
    const messages = (input.logEventMessages ?? []).map((eventMessage, index) => ({
      eventNumber: index + 1,
      eventMessage,
    }));
    return {
      matches: messages
        .filter(({ eventMessage }) => pattern.matches(eventMessage))
        .map((match) => ({ ...match, extractedValues: { ...pattern.extract(match.eventMessage) } })),
    };
  };

  return { PutLogEvents, GetLogEvents, FilterLogEvents, TestMetricFilter };
}
