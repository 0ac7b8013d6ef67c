/** Lists in pages: `Marker`, `MaxItems`, `IsTruncated`. A marker is sealed and belongs to one list of one filter. */

import { sql, type Expression, type SqlBool } from 'kysely';
import { fault } from '#base/fault.ts';
import { SealBroken } from '#store/keyring.ts';
import type { Iam } from './entities.ts';
import type { IamTables } from './tables.ts';

export interface PageInput {
  readonly Marker?: string | undefined;
  readonly MaxItems?: number | undefined;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** The members of the answer. */
  readonly members: { readonly IsTruncated: boolean; readonly Marker?: string };
}

const ITEMS_DEFAULT = 100;

/** `read` gives rows in the order of their keys, those after `after`, at most `count`. `list` names list and filter. */
export async function readPage<Row>(
  iam: Iam,
  list: string,
  input: PageInput,
  read: (after: string, count: number) => Promise<readonly Row[]>,
  keyOf: (row: Row) => string,
): Promise<Page<Row>> {
  const after = input.Marker === undefined ? '' : openMarker(iam, input.Marker, list);
  const count = input.MaxItems ?? ITEMS_DEFAULT;
  const found = await read(after, count + 1);
  const rows = found.slice(0, count);
  const last = rows.at(-1);
  if (found.length <= count || last === undefined) return { rows, members: { IsTruncated: false } };
  const marker = iam.house.keyring.seal('iam.marker', keyOf(last), list);
  return { rows, members: { IsTruncated: true, Marker: marker } };
}

/** The same for a list that is small enough to be read whole. */
export function pageOf<Row>(
  iam: Iam,
  list: string,
  input: PageInput,
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): Promise<Page<Row>> {
  const ordered = rows
    .map((row) => ({ key: keyOf(row), row }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const read = async (after: string, count: number) =>
    ordered
      .filter(({ key }) => key > after)
      .slice(0, count)
      .map(({ row }) => row);
  return readPage(iam, list, input, read, keyOf);
}

type Named = 'iam_groups' | 'iam_instance_profiles' | 'iam_roles' | 'iam_users';

/** A page of those whose path begins as wanted, by their names. */
export function pageByPath<Table extends Named>(
  iam: Iam,
  table: Table,
  list: string,
  input: PageInput & { readonly PathPrefix?: string | undefined },
): Promise<Page<IamTables[Table]>> {
  // All of them have the columns that are named here; one stands for all before the compiler.
  const read = async (after: string, count: number) =>
    (await iam
      .read()
      .selectFrom(table as 'iam_users')
      .selectAll()
      .where('name_lower', '>', after)
      .where(pathBegins(input.PathPrefix))
      .orderBy('name_lower')
      .limit(count)
      .execute()) as unknown as IamTables[Table][];
  return readPage(iam, `${list}:${input.PathPrefix ?? ''}`, input, read, (row) => row.name_lower);
}

/** A condition of a query: the path begins with the prefix. */
function pathBegins(prefix: string | undefined): Expression<SqlBool> {
  const wanted = prefix ?? '/';
  return sql<SqlBool>`substr(path, 1, ${[...wanted].length}) = ${wanted}`;
}

function openMarker(iam: Iam, marker: string, list: string): string {
  try {
    return iam.house.keyring.open('iam.marker', marker, list).toString();
  } catch (cause) {
    if (!(cause instanceof SealBroken)) throw cause;
    throw fault('ValidationException', 'Invalid Marker.', { cause });
  }
}
