/**
 * LookupEvents: the history of management events, newest first, by one attribute and a time range. Every question is a
 * range of one index. What was recorded a moment ago is found too.
 */

import type { Event, LookupAttribute } from '@aws-sdk/client-cloudtrail';
import { parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import { resourceOf } from '#core/trail/resources.ts';
import type { InputOf } from '#services/clients.ts';
import type { Handler, House } from '#services/service.ts';
import { createPageToken, readPageToken } from './page-tokens.ts';
import type { RecordWriter } from './recorder.ts';
import { HISTORY_MS } from './retention.ts';
import { readRows, type EventRow } from './tables.ts';

const RESULTS_MAX = 50;

export function lookupEvents(house: House, writer: RecordWriter): Handler<'cloudtrail', 'LookupEvents'> {
  return async (_call, input) => {
    const question = readQuestion(input, house.clock.now());
    const list = JSON.stringify(['LookupEvents', question.attribute, question.from, question.until]);
    const start = readPageToken(house.keyring, list, input.NextToken);
    await writer.flush();
    const rows = await find(house, question, start as readonly [number, string] | undefined);
    const shown = rows.slice(0, question.limit);
    const last = shown.at(-1);
    const isMore = rows.length > shown.length && last !== undefined;
    return {
      Events: shown.map(eventView),
      ...(isMore && { NextToken: createPageToken(house.keyring, list, [last.at, last.id]) }),
    };
  };
}

interface Question {
  readonly attribute: readonly [key: string, value: string] | undefined;
  /** As asked for; `from` also by how long the history goes back. */
  readonly from: number;
  readonly until: number;
  readonly since: number;
  readonly limit: number;
}

function readQuestion(input: InputOf<'cloudtrail', 'LookupEvents'>, now: number): Question {
  const { LookupAttributes: attributes = [], MaxResults: limit = RESULTS_MAX } = input;
  if (input.EventCategory !== undefined) {
    throw fault('InvalidEventCategoryException', 'Slipway records no Insights events.');
  }
  if (attributes.length > 1) {
    throw fault('InvalidLookupAttributesException', 'Only one lookup attribute is allowed.');
  }
  if (limit < 1 || limit > RESULTS_MAX) {
    throw fault('InvalidMaxResultsException', `MaxResults must be between 1 and ${RESULTS_MAX}.`);
  }
  const from = input.StartTime?.getTime() ?? 0;
  const until = input.EndTime?.getTime() ?? Number.MAX_SAFE_INTEGER;
  if (from > until) {
    throw fault('InvalidTimeRangeException', 'The start time must not be after the end time.');
  }
  const attribute = attributes[0] && readAttribute(attributes[0]);
  return { attribute, from, until, since: Math.max(from, now - HISTORY_MS), limit };
}

function readAttribute(given: LookupAttribute): readonly [string, string] {
  const { AttributeKey: key = '', AttributeValue: value = '' } = given;
  if (key === 'ReadOnly' && value !== 'true' && value !== 'false') {
    throw fault('InvalidLookupAttributesException', 'The attribute ReadOnly is either true or false.');
  }
  // Resources are found by their names; an ARN says the name too.
  const named = key === 'ResourceName' && parseArn(value) ? resourceOf(value)?.name : undefined;
  return [key, named ?? value];
}

/** One more than the page holds, so that it is known whether there is a next one. */
async function find(
  house: House,
  question: Question,
  start: readonly [at: number, id: string] | undefined,
): Promise<readonly EventRow[]> {
  const { attribute, since, until, limit } = question;
  const [key, value = ''] = attribute ?? [];
  const rows = readRows(house.database);
  if (key === 'ResourceName' || key === 'ResourceType') {
    const ids = await findByResource(house, key === 'ResourceName' ? 'name' : 'type', value, question, start);
    if (ids.length === 0) return [];
    const found = rows.selectFrom('cloudtrail_event').selectAll().where('id', 'in', ids);
    return await found.orderBy('at', 'desc').orderBy('id', 'desc').execute();
  }
  let found = rows
    .selectFrom('cloudtrail_event')
    .selectAll()
    .where('at', '>=', since)
    .where('at', '<=', start?.[0] ?? until);
  if (start) found = found.where(({ eb, or }) => or([eb('at', '<', start[0]), eb('id', '<', start[1])]));
  if (key !== undefined)
    found = found.where(columnOf(key), '=', key === 'ReadOnly' ? Number(value === 'true') : value);
  return await found
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
}

/** One event may be about several resources of one type. */
async function findByResource(
  house: House,
  column: 'name' | 'type',
  value: string,
  { since, until, limit }: Question,
  start: readonly [at: number, id: string] | undefined,
): Promise<string[]> {
  let found = readRows(house.database)
    .selectFrom('cloudtrail_resource')
    .select(['at', 'event_id'])
    .where(column, '=', value)
    .where('at', '>=', since)
    .where('at', '<=', start?.[0] ?? until);
  if (start)
    found = found.where(({ eb, or }) => or([eb('at', '<', start[0]), eb('event_id', '<', start[1])]));
  const rows = await found
    .groupBy(['at', 'event_id'])
    .orderBy('at', 'desc')
    .orderBy('event_id', 'desc')
    .limit(limit + 1)
    .execute();
  return rows.map((row) => row.event_id);
}

function columnOf(key: string): 'id' | 'name' | 'source' | 'user_name' | 'access_key_id' | 'read_only' {
  switch (key) {
    case 'EventId':
      return 'id';
    case 'EventName':
      return 'name';
    case 'EventSource':
      return 'source';
    case 'Username':
      return 'user_name';
    case 'AccessKeyId':
      return 'access_key_id';
    case 'ReadOnly':
      return 'read_only';
    default:
      throw fault('InvalidLookupAttributesException', `Events cannot be looked up by ${key}.`);
  }
}

function eventView(row: EventRow): Event {
  const { resources = [] } = JSON.parse(row.record) as { resources?: readonly { ARN: string }[] };
  return {
    EventId: row.id,
    EventName: row.name,
    ReadOnly: row.read_only === 1 ? 'true' : 'false',
    ...(row.access_key_id !== null && { AccessKeyId: row.access_key_id }),
    EventTime: new Date(row.at),
    EventSource: row.source,
    ...(row.user_name !== null && { Username: row.user_name }),
    Resources: resources.flatMap(({ ARN: arn }) => {
      const found = resourceOf(arn);
      return found ? [{ ResourceType: found.type, ResourceName: found.name }] : [];
    }),
    CloudTrailEvent: row.record,
  };
}
