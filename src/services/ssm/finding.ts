/**
 * Finds parameters and their versions by what a request says (a name, an ARN, a version number, a label), and asks
 * whether the caller may do something with them. Only the room knows the tags that policies may ask for, so operations
 * are authorized here and not before.
 */

import type { Kysely } from 'kysely';
import { fault } from '#base/fault.ts';
import { parseReference, type Reference } from '#core/parameter/name.ts';
import type { Call, Permission } from '#services/service.ts';
import { arnPrefix, parameterArn, parameterNotFound, type Room } from './room.ts';
import { withTables, type ParameterRow, type VersionRow } from './tables.ts';

/** What a request means by one text. */
export interface Target {
  readonly text: string;
  /** Absent when the text can mean no parameter of this account and region. */
  readonly reference: Reference | undefined;
  readonly row: ParameterRow | undefined;
  readonly arn: string;
}

type Context = Permission['context'];

export async function findParameter(
  database: Kysely<unknown>,
  names: readonly string[],
): Promise<ParameterRow | undefined> {
  const found = await withTables(database)
    .selectFrom('ssm_parameter')
    .selectAll()
    .where('name', 'in', [...names])
    .execute();
  return names.flatMap((name) => found.filter((row) => row.name === name))[0];
}

export async function locate({ house }: Room, text: string): Promise<Target> {
  const reference = parseReference(text, arnPrefix(house));
  const row = reference && (await findParameter(house.database.read, reference.names));
  const name = row?.name ?? reference?.names[0];
  const foreign = text.startsWith('arn:') ? text : parameterArn(house, text);
  return { text, reference, row, arn: name === undefined ? foreign : parameterArn(house, name) };
}

/** The permission for one action on a target, with the tags that the parameter has. */
export function permissionFor(action: string, { arn, row }: Target, context: Context = {}): Permission {
  return { action: `ssm:${action}`, resource: arn, context: { ...tagConditions(row), ...context } };
}

/** By name or ARN, without a selector, for a caller who may do this; throws ParameterNotFound. */
export async function requireParameter(
  room: Room,
  call: Call,
  action: string,
  text: string | undefined,
  context: Context = {},
): Promise<ParameterRow> {
  const target = await locate(room, text ?? '');
  await call.authorize(permissionFor(action, target, context));
  const { row, reference } = target;
  if (!row || reference?.selector !== undefined) throw parameterNotFound(text ?? '');
  return row;
}

function tagConditions(row: ParameterRow | undefined): Record<string, string> {
  const tags = row ? (JSON.parse(row.tags) as Record<string, string>) : {};
  return Object.fromEntries(
    Object.entries(tags).flatMap(([key, value]) => [
      [`aws:ResourceTag/${key}`, value],
      [`ssm:resourceTag/${key}`, value],
    ]),
  );
}

export async function readVersion(
  database: Kysely<unknown>,
  { parameter_id }: ParameterRow,
  version: number,
): Promise<VersionRow | undefined> {
  return withTables(database)
    .selectFrom('ssm_version')
    .selectAll()
    .where('parameter_id', '=', parameter_id)
    .where('version', '=', version)
    .executeTakeFirst();
}

export interface Found {
  readonly row: ParameterRow;
  readonly version: VersionRow;
  readonly selector: string | undefined;
}

/** The version that a target means; throws ParameterNotFound or ParameterVersionNotFound. */
export async function requireVersion({ house }: Room, target: Target): Promise<Found> {
  const { reference, row, text } = target;
  if (!reference || !row) throw parameterNotFound(text);
  const { read } = house.database;
  const number = await numberOf(read, row, reference);
  const version = number === undefined ? undefined : await readVersion(read, row, number);
  if (version) return { row, version, selector: reference.selector };
  const { label } = reference;
  const what = label === undefined ? `version ${reference.version ?? row.version}` : `label ${label}`;
  throw fault(
    'ParameterVersionNotFound',
    `Systems Manager could not find ${what} of ${row.name}. Verify the version and try again.`,
  );
}

async function numberOf(
  database: Kysely<unknown>,
  row: ParameterRow,
  { version, label }: Reference,
): Promise<number | undefined> {
  if (label === undefined) return version ?? row.version;
  const found = await withTables(database)
    .selectFrom('ssm_label')
    .select('version')
    .where('parameter_id', '=', row.parameter_id)
    .where('label', '=', label)
    .executeTakeFirst();
  return found?.version;
}
