/** What the files of this room share: how groups and streams are found, and opaque pages of names. */

import { fault } from '#base/fault.ts';
import type { Kysely } from 'kysely';
import { tables } from './tables.ts';
import type { GroupRow, StreamRow, Tables } from './tables.ts';

const DAY_MS = 86_400_000;

export async function requireGroup(database: Kysely<unknown>, name: string): Promise<GroupRow> {
  const row = await tables(database)
    .selectFrom('logs_group')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst();
  if (row) return row;
  throw fault('ResourceNotFoundException', 'The specified log group does not exist.');
}

export async function requireStream(
  database: Kysely<unknown>,
  group: string,
  name: string | undefined,
): Promise<StreamRow> {
  const row = await tables(database)
    .selectFrom('logs_stream')
    .selectAll()
    .where('group_name', '=', group)
    .where('name', '=', name ?? '')
    .executeTakeFirst();
  if (row) return row;
  await requireGroup(database, group);
  throw fault('ResourceNotFoundException', 'The specified log stream does not exist.');
}

/** The oldest time that a group still shows. */
export function keptSince(group: GroupRow, now: number): number {
  return group.retention_days === null ? 0 : now - group.retention_days * DAY_MS;
}

export function pageToken(after: string): string {
  return Buffer.from(`after:${after}`).toString('base64url');
}

export function afterOf(token: string | undefined): string | undefined {
  if (token === undefined) return undefined;
  const text = Buffer.from(token, 'base64url').toString();
  if (text.startsWith('after:')) return text.slice('after:'.length);
  throw fault('InvalidParameterException', 'The specified nextToken is invalid.');
}

/** Where the page of a list begins that is counted through. */
export function offsetOf(token: string | undefined): number {
  const text = afterOf(token) ?? '0';
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw fault('InvalidParameterException', 'The specified nextToken is invalid.');
}

/** Names that start with `prefix`, as a range, which every database finds in its index. */
export function endOfPrefix(prefix: string): string {
  return `${prefix}\u{10ffff}`;
}

/** Streams with what they hold; their chunks are removed later, see `dropping.ts`, and nobody finds them meanwhile. */
export async function dropStreams(transaction: Kysely<Tables>, group: string, name?: string): Promise<void> {
  let streams = transaction.selectFrom('logs_stream').select('stream_id').where('group_name', '=', group);
  let deleted = transaction.deleteFrom('logs_stream').where('group_name', '=', group);
  if (name !== undefined) {
    streams = streams.where('name', '=', name);
    deleted = deleted.where('name', '=', name);
  }
  await transaction.insertInto('logs_dropped_stream').columns(['stream_id']).expression(streams).execute();
  await deleted.execute();
}
