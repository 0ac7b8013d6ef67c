/**
 * What all files of this room share: the room itself, how entities are found by name, their ARNs, and the faults about
 * them in the words of IAM.
 */

import { assert } from '#base/assert.ts';
import { fault, type Fault } from '#base/fault.ts';
import type { Call, House } from '#services/service.ts';
import type { Memory } from './memory.ts';
import type { GroupRow, IamDatabase, PolicyRow, RoleRow, UserRow } from './tables.ts';

export interface Iam {
  readonly house: House;
  readonly read: () => IamDatabase;
  readonly memory: Memory;
  /** One transaction; everything in the memory is forgotten when it ends. */
  write<Result>(work: (database: IamDatabase) => Promise<Result>): Promise<Result>;
}

/** Who can own inline policies and attachments. */
export type OwnerKind = 'user' | 'role' | 'group';

export interface Owner {
  readonly id: string;
  readonly name: string;
  readonly path: string;
}

export async function findUser(database: IamDatabase, name: string): Promise<UserRow> {
  const row = await database
    .selectFrom('iam_users')
    .selectAll()
    .where('name_lower', '=', name.toLowerCase())
    .executeTakeFirst();
  return row ?? missing('user', name);
}

export async function findRole(database: IamDatabase, name: string): Promise<RoleRow> {
  const row = await database
    .selectFrom('iam_roles')
    .selectAll()
    .where('name_lower', '=', name.toLowerCase())
    .executeTakeFirst();
  return row ?? missing('role', name);
}

export async function findGroup(database: IamDatabase, name: string): Promise<GroupRow> {
  const row = await database
    .selectFrom('iam_groups')
    .selectAll()
    .where('name_lower', '=', name.toLowerCase())
    .executeTakeFirst();
  return row ?? missing('group', name);
}

export function findOwner(database: IamDatabase, kind: OwnerKind, name: string): Promise<Owner> {
  switch (kind) {
    case 'user':
      return findUser(database, name);
    case 'role':
      return findRole(database, name);
    case 'group':
      return findGroup(database, name);
  }
}

/** Only policies of this account; those of AWS are in `aws-managed.ts`. */
export async function findLocalPolicy(
  database: IamDatabase,
  account: string,
  arn: string,
): Promise<PolicyRow> {
  const row = await findLocalPolicyIfAny(database, account, arn);
  if (row === undefined) throw fault('NoSuchEntityException', `Policy ${arn} was not found.`);
  return row;
}

export async function findLocalPolicyIfAny(
  database: IamDatabase,
  account: string,
  arn: string,
): Promise<PolicyRow | undefined> {
  const name = arn.slice(arn.lastIndexOf('/') + 1);
  const row = await database
    .selectFrom('iam_policies')
    .selectAll()
    .where('name_lower', '=', name.toLowerCase())
    .executeTakeFirst();
  return row !== undefined && iamArn(account, 'policy', row) === arn ? row : undefined;
}

/** `arn:aws:iam::acct:user/path/name` */
export function iamArn(
  account: string,
  kind: OwnerKind | 'policy' | 'instance-profile',
  entity: { readonly path: string; readonly name: string },
): string {
  assert(
    entity.path.startsWith('/') && entity.path.endsWith('/'),
    `the path ${entity.path} stands in slashes`,
  );
  return `arn:aws:iam::${account}:${kind}${entity.path}${entity.name}`;
}

export function noSuchEntity(kind: string, name: string): Fault {
  return fault('NoSuchEntityException', `The ${kind} with name ${name} cannot be found.`);
}

export function deleteConflict(what: string): Fault {
  return fault('DeleteConflictException', `Cannot delete entity, must ${what} first.`);
}

export function quotaExceeded(quota: string, limit: number): Fault {
  return fault('LimitExceededException', `Cannot exceed quota for ${quota}: ${limit}`);
}

/** Operations on oneself may leave the user name out. */
export function userNameOf(call: Call, name: string | undefined): string {
  if (name !== undefined) return name;
  if (call.principal.type === 'user') return call.principal.userName;
  throw fault('ValidationException', 'Must specify userName when calling with non-User credentials');
}

function missing(kind: OwnerKind, name: string): never {
  throw noSuchEntity(kind, name);
}
