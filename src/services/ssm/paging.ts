/** Pages of this room, by what the next one comes after, and parameters in the order of their names. */

import type { Kysely } from 'kysely';
import { fault } from '#base/fault.ts';
import type { House } from '#services/service.ts';
import { openPageToken, sealPageToken, type PageStart } from '#store/page-token.ts';
import { withTables, type ParameterRow, type VersionRow } from './tables.ts';

const PURPOSE = 'ssm/page-token';
const ROWS_AT_ONCE = 200;

export function createToken({ keyring }: House, list: readonly unknown[], start: PageStart): string {
  return sealPageToken(keyring, PURPOSE, JSON.stringify(list), start);
}

/** Where the page begins; `undefined` for the first one. */
export function readToken(
  { keyring }: House,
  list: readonly unknown[],
  token: string | undefined,
): PageStart | undefined {
  if (token === undefined) return undefined;
  const start = openPageToken(keyring, PURPOSE, JSON.stringify(list), token);
  if (start) return start;
  throw fault('InvalidNextToken', 'The specified token is not valid.');
}

/** A parameter with its newest version, without its value. */
export type Latest = ParameterRow & Omit<VersionRow, 'value'>;

/** In the order of their names, a few at a time, beginning after a name; only those below a path, if there is one. */
export async function* walk(
  database: Kysely<unknown>,
  after: string | undefined,
  path: string | undefined,
): AsyncGenerator<Latest> {
  const folder = path === undefined || path === '/' ? undefined : `${path.replace(/\/$/, '')}/`;
  for (let last = after; ;) {
    let query = withTables(database)
      .selectFrom('ssm_parameter')
      .innerJoin('ssm_version', (join) =>
        join
          .onRef('ssm_version.parameter_id', '=', 'ssm_parameter.parameter_id')
          .onRef('ssm_version.version', '=', 'ssm_parameter.version'),
      )
      .select(['name', 'ssm_parameter.parameter_id', 'ssm_parameter.version', 'tags', 'type', 'key_id'])
      .select([
        'description',
        'allowed_pattern',
        'tier',
        'data_type',
        'policies',
        'modified_at',
        'modified_by',
      ]);
    if (last !== undefined) query = query.where('name', '>', last);
    // Of all characters that a name can have, none stands between the slash and the zero.
    if (folder !== undefined)
      query = query.where('name', '>', folder).where('name', '<', `${folder.slice(0, -1)}0`);
    const rows = await query.orderBy('name').limit(ROWS_AT_ONCE).execute();
    yield* rows;
    last = rows.at(-1)?.name;
    if (rows.length < ROWS_AT_ONCE || last === undefined) return;
  }
}
