/** The rules of batches, pages and their tokens; pure. */

import { fault } from '#base/fault.ts';
import type { Place } from '#core/log-chunk/event.ts';
import { EVENT_OVERHEAD_BYTES } from '#core/log-chunk/sizes.ts';

const BATCH_EVENTS_MAX = 10_000;
const BATCH_BYTES_MAX = 1_048_576;
const HOUR_MS = 3_600_000;
const BATCH_SPAN_MS = 24 * HOUR_MS;
export const FUTURE_MS = 2 * HOUR_MS;
export const PAST_MS = 14 * 24 * HOUR_MS;

interface InputEvent {
  readonly timestamp: number | undefined;
  readonly message: string | undefined;
}

export function checkBatch(events: readonly InputEvent[]): void {
  if (events.length > BATCH_EVENTS_MAX) {
    throw fault('InvalidParameterException', `A batch can have ${BATCH_EVENTS_MAX} log events.`);
  }
  let bytes = 0;
  let last = -Infinity;
  for (const event of events) {
    bytes += Buffer.byteLength(event.message ?? '') + EVENT_OVERHEAD_BYTES;
    if ((event.timestamp ?? 0) < last) {
      throw fault(
        'InvalidParameterException',
        'Log events in a single PutLogEvents request must be in chronological order.',
      );
    }
    last = event.timestamp ?? 0;
  }
  if (bytes > BATCH_BYTES_MAX) {
    throw fault(
      'InvalidParameterException',
      `Upload too large: ${bytes} bytes exceeds limit of ${BATCH_BYTES_MAX}`,
    );
  }
  if (last - (events[0]?.timestamp ?? last) > BATCH_SPAN_MS) {
    throw fault(
      'InvalidParameterException',
      'The batch of log events in a single PutLogEvents request cannot span more than 24 hours.',
    );
  }
}

/** Which ends of the batch were too old, no longer kept, or too new; the events are in chronological order. */
export function rejectedInfo(events: readonly InputEvent[], now: number, keptSince: number) {
  const old = events.filter((event) => (event.timestamp ?? 0) < now - PAST_MS).length;
  const tooNew = events.findIndex((event) => (event.timestamp ?? 0) > now + FUTURE_MS);
  const expired = events.filter((event) => (event.timestamp ?? 0) < keptSince).length;
  if (old === 0 && expired === 0 && tooNew < 0) return {};
  return {
    rejectedLogEventsInfo: {
      ...(old > 0 && { tooOldLogEventEndIndex: old }),
      ...(expired > 0 && { expiredLogEventEndIndex: expired }),
      ...(tooNew >= 0 && { tooNewLogEventStartIndex: tooNew }),
    },
  };
}

/** How many events the writer knows to be stored before its batch; other tokens mean nothing. */
export function positionOf(token: string | undefined): number | undefined {
  const match = /^position\/(\d{1,15})$/.exec(token ?? '');
  return match ? Number(match[1]) : undefined;
}

/**
 * `f/<56 digits>/s`: time, sequence and stream of a place between events. Forward lies what is not before it, backward
 * what is before it, so that both tokens of an empty page are the same place, and a follower sees the same one again.
 */
export function createToken(direction: 'f' | 'b', { at, streamId, sequence }: Place): string {
  return `${direction}/${digits(at, 18)}${digits(sequence, 20)}${digits(streamId, 18)}/s`;
}

export function parseToken(token: string, streamId: number): { isForward: boolean; place: Place } {
  const match = /^([fb])\/(\d{18})(\d{20})(\d{18})\/s$/.exec(token);
  if (!match || Number(match[4]) !== streamId) {
    throw fault('InvalidParameterException', 'The specified nextToken is invalid.');
  }
  return {
    isForward: match[1] === 'f',
    place: { at: Number(match[2]), streamId, sequence: Number(match[3]) },
  };
}

export function createFilterToken({ at, streamId, sequence }: Place): string {
  return Buffer.from(JSON.stringify([at, streamId, sequence])).toString('base64url');
}

export function parseFilterToken(token: string): Place {
  const match = /^\[(\d{1,15}),(\d{1,16}),(\d{1,16})\]$/.exec(Buffer.from(token, 'base64url').toString());
  if (!match) throw fault('InvalidParameterException', 'The specified nextToken is invalid.');
  return { at: Number(match[1]), streamId: Number(match[2]), sequence: Number(match[3]) };
}

/** Unique and stable: where the event stands. */
export function eventId({ at, streamId, sequence }: Place): string {
  return digits(at, 20) + digits(streamId, 18) + digits(sequence, 18);
}

function digits(value: number, length: number): string {
  return String(value).padStart(length, '0');
}
