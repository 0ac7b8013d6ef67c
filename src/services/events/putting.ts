/** PutEvents and TestEventPattern. Each entry is taken or refused by itself; taken means durable. */

import type { PutEventsRequestEntry, PutEventsResultEntry } from '@aws-sdk/client-eventbridge';
import { createUuid } from '#base/chance.ts';
import { fault, isFault } from '#base/fault.ts';
import { type Json, matchesEvent } from '#core/event-pattern/match.ts';
import { parseEventPattern } from '#core/event-pattern/parse.ts';
import type { Call, Handler } from '#services/service.ts';
import { acceptEvent, createEnvelope } from './accepting.ts';
import { busName } from './names.ts';
import { requireBus, type Room } from './room.ts';

type Events<Operation extends string> = Handler<'events', Operation>;

const REQUEST_BYTES_MAX = 262_144;
const TIME_BYTES = 14;
const EVENT_FIELDS = ['id', 'account', 'source', 'time', 'region', 'resources', 'detail-type'];

export function puttingOperations(room: Room) {
  const PutEvents: Events<'PutEvents'> = async (call, input) => {
    if (input.EndpointId !== undefined) {
      throw fault('UnsupportedOperationException', 'Slipway does not support global endpoints.');
    }
    const entries = input.Entries ?? [];
    const size = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
    if (size > REQUEST_BYTES_MAX) {
      throw fault('ValidationException', 'Total size of the entries in the request is over the limit.');
    }
    const Entries = await Promise.all(entries.map((entry) => putEvent(room, call, entry)));
    return {
      FailedEntryCount: Entries.filter(({ ErrorCode }) => ErrorCode !== undefined).length,
      Entries,
    };
  };

  const TestEventPattern: Events<'TestEventPattern'> = async (_call, input) => {
    const parsed = parseEventPattern(input.EventPattern ?? '');
    if ('error' in parsed) {
      throw fault('InvalidEventPatternException', `Event pattern is not valid. Reason: ${parsed.error}`);
    }
    const event = objectOf(input.Event ?? '');
    if (!event) throw fault('ValidationException', 'Parameter Event is not valid.');
    const missing = EVENT_FIELDS.find((name) => !Object.hasOwn(event, name));
    if (missing !== undefined) {
      throw fault(
        'ValidationException',
        `Parameter Event is not valid. Reason: ${missing} is a required field.`,
      );
    }
    return { Result: matchesEvent(parsed.pattern, event) };
  };

  return { PutEvents, TestEventPattern };
}

async function putEvent(room: Room, call: Call, entry: PutEventsRequestEntry): Promise<PutEventsResultEntry> {
  const refusal = faultOf(entry);
  if (refusal) return refusal;
  try {
    const bus = busName(entry.EventBusName);
    await requireBus(room.house.database, bus);
    const envelope = createEnvelope(room.house, {
      id: createUuid(),
      source: entry.Source ?? '',
      detailType: entry.DetailType ?? '',
      at: entry.Time?.getTime() ?? call.at,
      resources: entry.Resources ?? [],
      detail: entry.Detail ?? '',
    });
    await acceptEvent(room, bus, envelope);
    return { EventId: envelope.id };
  } catch (error) {
    if (isFault(error)) return { ErrorCode: error.code, ErrorMessage: error.message };
    room.house.log.error('an event could not be taken', { requestId: call.requestId, error });
    return { ErrorCode: 'InternalFailure', ErrorMessage: 'We encountered an internal error.' };
  }
}

function faultOf(entry: PutEventsRequestEntry): PutEventsResultEntry | undefined {
  for (const name of ['Source', 'DetailType', 'Detail'] as const) {
    if (entry[name]) continue;
    const ErrorMessage = `Parameter ${name} is not valid. Reason: ${name} is a required argument.`;
    return { ErrorCode: 'InvalidArgument', ErrorMessage };
  }
  if (/^aws\./i.test(entry.Source ?? '')) {
    return {
      ErrorCode: 'NotAuthorizedForSourceException',
      ErrorMessage: 'Not authorized for the source.',
    };
  }
  if (!objectOf(entry.Detail ?? '')) {
    return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
  }
  return undefined;
}

/** AWS: "Calculating Amazon EventBridge PutEvents event entry size". */
function sizeOf(entry: PutEventsRequestEntry): number {
  const texts = [entry.Source, entry.DetailType, entry.Detail, ...(entry.Resources ?? [])];
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ''), 0);
  return bytes + (entry.Time ? TIME_BYTES : 0);
}

function objectOf(text: string): Readonly<Record<string, Json>> | undefined {
  try {
    const json = JSON.parse(text) as Json;
    const isObject = typeof json === 'object' && json !== null && !Array.isArray(json);
    return isObject ? (json as Readonly<Record<string, Json>>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
