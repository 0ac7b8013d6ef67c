/** What the files of this room share: the house, the machine of repositories, and how rows are found. */

import { arnOf } from '#base/arn.ts';
import { fault, type Fault } from '#base/fault.ts';
import { isRepositoryName } from '#core/commit/names.ts';
import type { RepositoryEffect, RepositoryEvent, RepositoryState } from '#core/commit/decide.ts';
import type { Machine } from '#engine/machine.ts';
import type { House } from '#services/service.ts';
import type { Kysely } from 'kysely';
import type { Maintenance } from './maintenance.ts';
import type { Mutex } from './mutex.ts';
import { withTables, type RepositoryRow, type Tables } from './tables.ts';

export const REPOSITORIES_MAX = 1000;
export const DESCRIPTION_LENGTH_MAX = 1000;
export const FILE_BYTES_MAX = 6 * 1024 * 1024;

export interface Room {
  readonly house: House;
  readonly machine: Machine<RepositoryState, RepositoryEvent, RepositoryEffect>;
  /** One change at a time in each repository. */
  readonly mutex: Mutex;
  readonly maintenance: Maintenance;
}

export type Rows = Kysely<Tables>;

export function readRows(house: House): Rows {
  return withTables(house.database.read);
}

export function repositoryArn(
  scope: { readonly account: string; readonly region: string },
  name: string,
): string {
  return arnOf('codecommit', scope.region, scope.account, name);
}

export function noSuchRepository(name: string): Fault {
  return fault('RepositoryDoesNotExistException', `${name} does not exist`);
}

export function checkRepositoryName(name: string | undefined): string {
  if (!name) throw fault('RepositoryNameRequiredException', 'A repository name is required.');
  if (!isRepositoryName(name)) {
    throw fault(
      'InvalidRepositoryNameException',
      `The repository name ${name} is not valid. Repository names can be up to 100 letters, digits, periods, underscores and dashes, and cannot end in .git.`,
    );
  }
  return name;
}

export async function findRepository(rows: Rows, name: string | undefined): Promise<RepositoryRow> {
  const checked = checkRepositoryName(name);
  const row = await rows
    .selectFrom('codecommit_repository')
    .selectAll()
    .where('name', '=', checked)
    .executeTakeFirst();
  if (!row) throw noSuchRepository(checked);
  return row;
}
