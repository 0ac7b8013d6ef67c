/** What the files of this room share: how secrets are named, found and authorized, and what is said of missing ones. */

import type { Kysely } from 'kysely';
import { arnOf } from '#base/arn.ts';
import { fault, type Fault } from '#base/fault.ts';
import { parseSecretId } from '#core/secret/name.ts';
import type { Call, House, Permission, Scope } from '#services/service.ts';
import { withTables, type SecretRow } from './tables.ts';

export const SECRETS_MAX = 500_000;
export const TAGS_MAX = 50;
export const DEFAULT_KEY = 'alias/aws/secretsmanager';

export interface Room {
  readonly house: House;
}

export function secretArn({ region, account }: Scope, end: string): string {
  return arnOf('secretsmanager', region, account, `secret:${end}`);
}

/** By name, ARN, or ARN without its random end; not those whose time is up. */
export async function findSecret(
  { house }: Room,
  database: Kysely<unknown>,
  text: string,
): Promise<SecretRow | undefined> {
  const { arn, name } = parseSecretId(text, secretArn(house, '')) ?? {};
  const found = await withTables(database)
    .selectFrom('secretsmanager_secret')
    .selectAll()
    .where((where) => where.or([where('arn', '=', arn ?? ''), where('name', '=', name ?? '')]))
    .execute();
  const there = found.filter((row) => !isOver(row, house.clock.now()));
  return there.find((row) => row.arn === arn) ?? there.find((row) => row.name === name);
}

export function isOver({ delete_at }: Pick<SecretRow, 'delete_at'>, now: number): boolean {
  return delete_at !== null && delete_at <= now;
}

type Context = Readonly<Record<string, string | readonly string[]>>;

/**
 * The secret that a request means, for a caller who may do this to it. That there is none is learned only by those who
 * might do this to one of that name.
 */
export async function requireSecret(
  room: Room,
  call: Call,
  action: string,
  text: string | undefined,
  context: Context = {},
): Promise<SecretRow> {
  const id = text ?? '';
  const row = await findSecret(room, room.house.database.read, id);
  await call.authorize(permissionFor(room, action, id, row, context));
  if (!row) throw secretNotFound();
  return row;
}

export function permissionFor(
  { house }: Room,
  action: string,
  id: string,
  row: SecretRow | undefined,
  context: Context = {},
): Permission {
  const named = id.startsWith('arn:') ? id : secretArn(house, id);
  return {
    action: `secretsmanager:${action}`,
    resource: row?.arn ?? named,
    context: {
      'secretsmanager:SecretId': id,
      'secretsmanager:SecretPrimaryRegion': house.region,
      ...(row ? resourceTags(tagsOf(row)) : {}),
      ...context,
    },
  };
}

function resourceTags(tags: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tags).flatMap(([key, value]) => [
      [`aws:ResourceTag/${key}`, value],
      [`secretsmanager:ResourceTag/${key}`, value],
    ]),
  );
}

export function tagsOf(row: SecretRow): Readonly<Record<string, string>> {
  return JSON.parse(row.tags) as Record<string, string>;
}

/** The row as it is now, inside a transaction: it may have been deleted, or made again, since it was found. */
export async function requireAgain(
  { house }: Room,
  transaction: Kysely<unknown>,
  { arn }: SecretRow,
): Promise<SecretRow> {
  const row = await withTables(transaction)
    .selectFrom('secretsmanager_secret')
    .selectAll()
    .where('arn', '=', arn)
    .executeTakeFirst();
  if (!row || isOver(row, house.clock.now())) throw secretNotFound();
  return row;
}

/** Most operations leave a secret that is marked as deleted alone. */
export function refuseDeleted({ delete_at }: SecretRow): void {
  if (delete_at === null) return;
  throw invalidRequest("You can't perform this operation on the secret because it was marked for deletion.");
}

export function secretNotFound(): Fault {
  return fault('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
}

export function invalidParameter(message: string): Fault {
  return fault('InvalidParameterException', message);
}

export function invalidRequest(message: string): Fault {
  return fault('InvalidRequestException', message);
}
