/**
 * Service-linked roles: roles that belong to a service, under a path of their own, and that only these operations change.
 * Services of the house need none, since they have what AWS gives them by such roles; tools make them all the same.
 */

import { createIamId } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Operations } from '#services/service.ts';
import { SealBroken } from '#store/keyring.ts';
import { findRole, type Iam } from './entities.ts';
import { storeTrust } from './trust.ts';
import type { RoleRow } from './tables.ts';
import { viewRole } from './views.ts';

const PATH = '/aws-service-role/';
const TASK_PURPOSE = 'iam.deletion-task';
const SERVICE_FORM = /^[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com$/;

export function serviceLinkedRoleOperations(iam: Iam) {
  const { account, keyring } = iam.house;
  return {
    async CreateServiceLinkedRole(call, input) {
      const service = input.AWSServiceName ?? '';
      if (!SERVICE_FORM.test(service))
        throw fault('InvalidInputException', `${service} is no service that has such a role.`);
      const name = linkedRoleName(input);
      const trust = JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Action: ['sts:AssumeRole'], Effect: 'Allow', Principal: { Service: [service] } }],
      });
      const row = await iam.write(async (database): Promise<RoleRow> => {
        const taken = await database
          .selectFrom('iam_roles')
          .select('id')
          .where('name_lower', '=', name.toLowerCase())
          .executeTakeFirst();
        if (taken !== undefined) {
          throw fault(
            'InvalidInputException',
            `Service role name ${name} has been taken in this account, please try a different suffix.`,
          );
        }
        const made: RoleRow = {
          id: createIamId('AROA'),
          name,
          name_lower: name.toLowerCase(),
          path: linkedRolePath(service),
          created_at: call.at,
          trust: await storeTrust(database, account, trust),
          description: input.Description ?? null,
          session_seconds_max: 3600,
          boundary_arn: null,
        };
        await database.insertInto('iam_roles').values(made).execute();
        return made;
      });
      return { Role: viewRole(account, row, trust) };
    },

    async DeleteServiceLinkedRole(_call, input) {
      const name = input.RoleName ?? '';
      await iam.write(async (database) => {
        const row = await findRole(database, name);
        if (!isServiceLinkedRole(row))
          throw fault('InvalidInputException', `${name} is no service-linked role.`);
        await database.deleteFrom('iam_tags').where('owner_id', '=', row.id).execute();
        await database.deleteFrom('iam_roles').where('id', '=', row.id).execute();
      });
      return { DeletionTaskId: `task${PATH}${keyring.seal(TASK_PURPOSE, name)}` };
    },

    /** The role is gone before the task is told of, so every task of ours has succeeded. */
    async GetServiceLinkedRoleDeletionStatus(_call, input) {
      const id = input.DeletionTaskId ?? '';
      try {
        keyring.open(TASK_PURPOSE, id.slice(`task${PATH}`.length));
      } catch (cause) {
        if (!(cause instanceof SealBroken)) throw cause;
        throw fault('NoSuchEntityException', `Deletion Task ${id} cannot be found.`, { cause });
      }
      return { Status: 'SUCCEEDED' as const };
    },
  } satisfies Partial<Operations<'iam'>>;
}

export function linkedRolePath(service: string): string {
  return `${PATH}${service}/`;
}

export function linkedRoleName(input: {
  readonly AWSServiceName?: string | undefined;
  readonly CustomSuffix?: string | undefined;
}): string {
  const [first = ''] = (input.AWSServiceName ?? '').split('.');
  return `AWSServiceRoleFor${pascal(first)}${input.CustomSuffix === undefined ? '' : `_${input.CustomSuffix}`}`;
}

export function isServiceLinkedRole(row: { readonly path: string }): boolean {
  return row.path.startsWith(PATH);
}

/** Only its service changes such a role. */
export function refuseServiceLinked(row: { readonly path: string; readonly name: string }): void {
  if (!isServiceLinkedRole(row)) return;
  const message = `Cannot perform the operation on the protected role '${row.name}' - this role is only modifiable by AWS`;
  throw fault('UnmodifiableEntityException', message);
}

/** `codestar-notifications` becomes `CodestarNotifications`. */
function pascal(name: string): string {
  return name
    .split('-')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');
}
