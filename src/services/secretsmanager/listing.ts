/** Lists of secrets: filtered, in one of four orders, page by page. */

import type { Filter, SortByType, SortOrderType } from '@aws-sdk/client-secrets-manager';
import { fault } from '#base/fault.ts';
import { createSecretFilter } from '#core/secret/filter.ts';
import { openPageToken, sealPageToken } from '#store/page-token.ts';
import { isOver, tagsOf, type Room } from './room.ts';
import { withTables, type SecretRow } from './tables.ts';

export interface ListInput {
  readonly Filters?: readonly Filter[] | undefined;
  readonly IncludePlannedDeletion?: boolean | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
  readonly SortBy?: SortByType | undefined;
  readonly SortOrder?: SortOrderType | undefined;
}

type Column = 'name' | 'created_at' | 'changed_at' | 'accessed_at';

const PURPOSE = 'secretsmanager/page-token';
const PAGE = 100;
const ROWS_AT_ONCE = 200;

interface Listed {
  readonly rows: readonly SecretRow[];
  readonly next: { readonly NextToken?: string };
}

export async function listSecrets(room: Room, operation: string, input: ListInput): Promise<Listed> {
  const { house } = room;
  const fits = createSecretFilter(input.Filters ?? []);
  const list = [operation, input.Filters ?? [], input.IncludePlannedDeletion, input.SortBy, input.SortOrder];
  const column = columnOf(input.SortBy);
  const size = input.MaxResults ?? PAGE;
  const now = house.clock.now();
  const found: SecretRow[] = [];
  for await (const row of walk(
    room,
    column,
    input.SortOrder ?? 'desc',
    readToken(room, list, input.NextToken),
  )) {
    if (isOver(row, now) || (row.delete_at !== null && input.IncludePlannedDeletion !== true)) continue;
    if (!fits({ name: row.name, description: row.description, tags: tagsOf(row), region: house.region }))
      continue;
    if (found.length === size) {
      const last = found.at(-1);
      return {
        rows: found,
        next: last ? { NextToken: createToken(room, list, [last[column], last.name]) } : {},
      };
    }
    found.push(row);
  }
  return { rows: found, next: {} };
}

function columnOf(sortBy: SortByType | undefined): Column {
  switch (sortBy) {
    case 'name':
      return 'name';
    case 'last-accessed-date':
      return 'accessed_at';
    case 'last-changed-date':
      return 'changed_at';
    default:
      return 'created_at';
  }
}

/** A few rows at a time, after the row where the last page ended. */
async function* walk(
  { house }: Room,
  column: Column,
  order: 'asc' | 'desc',
  start: readonly (string | number)[] | undefined,
): AsyncGenerator<SecretRow> {
  const sign = order === 'asc' ? '>' : '<';
  for (let after = start; ;) {
    let query = withTables(house.database.read).selectFrom('secretsmanager_secret').selectAll();
    if (after !== undefined) {
      const [value = '', name = ''] = after;
      query = query.where((where) =>
        where.or([
          where(column, sign, value),
          where.and([where(column, '=', value), where('name', sign, String(name))]),
        ]),
      );
    }
    const rows = await query.orderBy(column, order).orderBy('name', order).limit(ROWS_AT_ONCE).execute();
    yield* rows;
    const last = rows.at(-1);
    if (rows.length < ROWS_AT_ONCE || !last) return;
    after = [last[column], last.name];
  }
}

export function createToken(
  { house }: Room,
  list: readonly unknown[],
  start: readonly (string | number)[],
): string {
  return sealPageToken(house.keyring, PURPOSE, JSON.stringify(list), start);
}

export function readToken(
  { house }: Room,
  list: readonly unknown[],
  token: string | undefined,
): readonly (string | number)[] | undefined {
  if (token === undefined) return undefined;
  const start = openPageToken(house.keyring, PURPOSE, JSON.stringify(list), token);
  if (start) return start;
  throw fault('InvalidNextTokenException', 'The NextToken value is invalid.');
}
