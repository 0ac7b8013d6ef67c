/** What the files of this room share: how queues are named and found, and who rings for whom. */

import type { Kysely } from 'kysely';
import { arnOf } from '#base/arn.ts';
import type { Bell } from '#base/bell.ts';
import type { Call, House, Permission, Scope } from '#services/service.ts';
import { noSuchQueue } from './faults.ts';
import type { Attributes } from './settings.ts';
import { tables, type QueueRow } from './tables.ts';

export interface Room {
  readonly house: House;
  /** Rings under the name of a queue when a message may be there. */
  readonly bell: Bell;
}

export function queueArn(scope: Scope, name: string): string {
  return arnOf('sqs', scope.region, scope.account, name);
}

/** Built from how the client reaches us, for some clients send later calls to this host. */
export function queueUrl(call: Call, name: string): string {
  return `${call.endpoint}/${call.account}/${name}`;
}

/** The last two parts of a URL, whatever its host: one queue is reached by several names of ours. */
export function nameOfUrl(url: string | undefined, account: string): string | undefined {
  const parts = (url ?? '').split('?')[0]?.split('/') ?? [];
  const name = parts.at(-1) ?? '';
  const owner = parts.at(-2);
  if (name === '' || (owner !== undefined && owner !== account)) return undefined;
  return name;
}

/** What an operation on a queue needs. A URL that names no queue of ours is asked for as it is, and found by nobody. */
export function onQueue(action: string) {
  return (input: { readonly QueueUrl?: string | undefined }, scope: Scope): readonly Permission[] => [
    {
      action: `sqs:${action}`,
      resource: queueArn(scope, nameOfUrl(input.QueueUrl, scope.account) ?? '-'),
    },
  ];
}

export async function findQueue(
  database: Kysely<unknown>,
  name: string | undefined,
): Promise<QueueRow | undefined> {
  if (name === undefined) return undefined;
  return tables(database).selectFrom('sqs_queue').selectAll().where('name', '=', name).executeTakeFirst();
}

/** The queue that a URL means; throws QueueDoesNotExist. */
export async function requireQueue(
  database: Kysely<unknown>,
  url: string | undefined,
  account: string,
): Promise<QueueRow> {
  const row = await findQueue(database, nameOfUrl(url, account));
  if (!row) throw noSuchQueue();
  return row;
}

export function attributesOf(row: QueueRow): Attributes {
  return JSON.parse(row.attributes) as Attributes;
}

export function tagsOf(row: QueueRow): Readonly<Record<string, string>> {
  return JSON.parse(row.tags) as Record<string, string>;
}
