/**
 * Events read page by page: of a stream from either end, of a group through a filter. Events are ordered by time, then by
 * stream, then by when they came in. Tokens are places in that order, so they stay true while events come in.
 */

import { fault } from '#base/fault.ts';
import type { Place } from '#core/log-chunk/event.ts';
import { parseLogPattern } from '#core/log-pattern/parse.ts';
import type { Handler, House } from '#services/service.ts';
import { createFilterToken, createToken, eventId, parseFilterToken, parseToken } from './event-rules.ts';
import { groupName } from './names.ts';
import { endOfPrefix, keptSince, requireGroup, requireStream } from './room.ts';
import type { Scanner } from './scanning.ts';
import { tables } from './tables.ts';

const PAGE_EVENTS_MAX = 10_000;

export function readingOperations({ database }: House, scanner: Scanner) {
  const GetLogEvents: Handler<'logs', 'GetLogEvents'> = async (call, input) => {
    const name = groupName(input.logGroupName ?? input.logGroupIdentifier);
    const group = await requireGroup(database.read, name);
    const { stream_id: streamId } = await requireStream(database.read, group.name, input.logStreamName);
    const token = input.nextToken === undefined ? undefined : parseToken(input.nextToken, streamId);
    const isForward = token?.isForward ?? input.startFromHead ?? false;
    const { at, sequence } = token?.place ?? { at: 0, sequence: 0 };
    const { events, edge } = await scanner.scan({
      streamIds: [streamId],
      isForward,
      from: token && { at, streamId, sequence: isForward ? sequence : sequence - 1 },
      since: Math.max(input.startTime ?? 0, keptSince(group, call.at)),
      until: input.endTime,
      eventsMax: input.limit ?? PAGE_EVENTS_MAX,
    });
    const [first, last] = [events[0], events.at(-1)];
    const empty: Place = !edge
      ? { at, streamId, sequence }
      : isForward
        ? edge
        : { ...edge, sequence: edge.sequence + 1 };
    return {
      events: events.map((event) => ({
        timestamp: event.at,
        message: event.message,
        ingestionTime: event.ingestedAt,
      })),
      nextForwardToken: createToken('f', last ? { ...last, sequence: last.sequence + 1 } : empty),
      nextBackwardToken: createToken('b', first ?? empty),
    };
  };

  const FilterLogEvents: Handler<'logs', 'FilterLogEvents'> = async (call, input) => {
    const name = groupName(input.logGroupName ?? input.logGroupIdentifier);
    const group = await requireGroup(database.read, name);
    const { logStreamNames: names, logStreamNamePrefix: prefix = '' } = input;
    if (names?.length && prefix) {
      throw fault(
        'InvalidParameterException',
        'logStreamNames and logStreamNamePrefix cannot be given together.',
      );
    }
    const pattern = input.filterPattern?.trim() ? parseLogPattern(input.filterPattern) : undefined;
    const before = prefix ? endOfPrefix(prefix) : undefined;
    const streams = names?.length
      ? { streamIds: await streamsNamed(group.name, names) }
      : { group: { id: group.group_id, from: prefix, before } };
    const { events, edge, streamNames } = await scanner.scan({
      ...streams,
      isForward: true,
      from: input.nextToken === undefined ? undefined : parseFilterToken(input.nextToken),
      since: Math.max(input.startTime ?? 0, keptSince(group, call.at)),
      until: input.endTime,
      eventsMax: input.limit ?? PAGE_EVENTS_MAX,
      ...(pattern && { pattern }),
    });
    return {
      events: events.map((event) => ({
        logStreamName: streamNames.get(event.streamId) ?? '',
        timestamp: event.at,
        message: event.message,
        ingestionTime: event.ingestedAt,
        eventId: eventId(event),
      })),
      searchedLogStreams: [],
      ...(edge && { nextToken: createFilterToken(edge) }),
    };
  };

  async function streamsNamed(group: string, names: readonly string[]): Promise<number[]> {
    const found = await tables(database)
      .selectFrom('logs_stream')
      .select('stream_id')
      .where('group_name', '=', group)
      .where('name', 'in', names)
      .execute();
    if (found.length === new Set(names).size) return found.map((stream) => stream.stream_id);
    throw fault('ResourceNotFoundException', 'The specified log stream does not exist.');
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

  return { GetLogEvents, FilterLogEvents, TestMetricFilter };
}
