/** Policies inside one user, role or group. */

import { fault } from '#base/fault.ts';
import type { Operations } from '#services/service.ts';
import { encodeDocument, readDocument, sizeOf } from './documents.ts';
import { findOwner, type Iam, type OwnerKind } from './entities.ts';
import { refuseServiceLinked } from './service-linked-roles.ts';
import { pageOf, type PageInput } from './pages.ts';
import type { IamDatabase } from './tables.ts';

/** Of all inline policies of one owner together ("IAM and AWS STS quotas"). */
const LENGTH_MAX: Readonly<Record<OwnerKind, number>> = { user: 2048, role: 10_240, group: 5120 };

/** The members that the operations on one kind of owner share; validated, so only their types say "absent". */
interface PolicyInput {
  readonly PolicyName: string | undefined;
  readonly PolicyDocument?: string | undefined;
}

export function inlinePolicyOperations(iam: Iam) {
  const put = async (kind: OwnerKind, owner: string | undefined, input: PolicyInput) => {
    const document = input.PolicyDocument ?? '';
    readDocument(document, 'identity');
    await iam.write(async (database) => {
      const found = await findOwner(database, kind, owner ?? '');
      refuseServiceLinked(found);
      const { id, name } = found;
      const row = { owner_id: id, name: input.PolicyName ?? '', document };
      await drop(database, id, row.name);
      await database.insertInto('iam_inline_policies').values(row).execute();
      const all = await policiesOf(database, id);
      const length = all.reduce((sum, one) => sum + sizeOf(one.document), 0);
      if (length > LENGTH_MAX[kind]) {
        throw fault(
          'LimitExceededException',
          `Maximum policy size of ${LENGTH_MAX[kind]} bytes exceeded for ${kind} ${name}`,
        );
      }
    });
    return {};
  };

  const get = async (kind: OwnerKind, owner: string | undefined, input: PolicyInput) => {
    const { id, name } = await findOwner(iam.read(), kind, owner ?? '');
    const row = (await policiesOf(iam.read(), id)).find((one) => one.name === input.PolicyName);
    if (row === undefined) throw noSuchPolicy(kind, input.PolicyName);
    return { owner: name, PolicyName: row.name, PolicyDocument: encodeDocument(row.document) };
  };

  const remove = async (kind: OwnerKind, owner: string | undefined, input: PolicyInput) => {
    await iam.write(async (database) => {
      const found = await findOwner(database, kind, owner ?? '');
      refuseServiceLinked(found);
      const { id } = found;
      if (!(await drop(database, id, input.PolicyName ?? ''))) throw noSuchPolicy(kind, input.PolicyName);
    });
    return {};
  };

  const list = async (kind: OwnerKind, owner: string | undefined, input: PageInput) => {
    const { id } = await findOwner(iam.read(), kind, owner ?? '');
    const page = await pageOf(
      iam,
      `inline:${id}`,
      input,
      await policiesOf(iam.read(), id),
      (row) => row.name,
    );
    return { PolicyNames: page.rows.map((row) => row.name), ...page.members };
  };

  return {
    PutUserPolicy: (_call, input) => put('user', input.UserName, input),
    PutRolePolicy: (_call, input) => put('role', input.RoleName, input),
    PutGroupPolicy: (_call, input) => put('group', input.GroupName, input),
    async GetUserPolicy(_call, input) {
      const { owner, ...policy } = await get('user', input.UserName, input);
      return { UserName: owner, ...policy };
    },
    async GetRolePolicy(_call, input) {
      const { owner, ...policy } = await get('role', input.RoleName, input);
      return { RoleName: owner, ...policy };
    },
    async GetGroupPolicy(_call, input) {
      const { owner, ...policy } = await get('group', input.GroupName, input);
      return { GroupName: owner, ...policy };
    },
    DeleteUserPolicy: (_call, input) => remove('user', input.UserName, input),
    DeleteRolePolicy: (_call, input) => remove('role', input.RoleName, input),
    DeleteGroupPolicy: (_call, input) => remove('group', input.GroupName, input),
    ListUserPolicies: (_call, input) => list('user', input.UserName, input),
    ListRolePolicies: (_call, input) => list('role', input.RoleName, input),
    ListGroupPolicies: (_call, input) => list('group', input.GroupName, input),
  } satisfies Partial<Operations<'iam'>>;
}

function policiesOf(database: IamDatabase, ownerId: string) {
  return database.selectFrom('iam_inline_policies').selectAll().where('owner_id', '=', ownerId).execute();
}

/** True when there was one. */
async function drop(database: IamDatabase, ownerId: string, name: string): Promise<boolean> {
  const { numDeletedRows } = await database
    .deleteFrom('iam_inline_policies')
    .where('owner_id', '=', ownerId)
    .where('name', '=', name)
    .executeTakeFirst();
  return Number(numDeletedRows) > 0;
}

function noSuchPolicy(kind: OwnerKind, name: string | undefined): Error {
  return fault('NoSuchEntityException', `The ${kind} policy with name ${name} cannot be found.`);
}
