/**
 * What each operation needs to be allowed. The ARNs of users, roles and groups hold their paths, which requests do not
 * say; so the entity is looked up first. Of one that does not exist nothing is told to who may not ask: its ARN is
 * taken without a path. See "Actions, resources, and condition keys for AWS Identity and Access Management".
 */

import type { Call, Permission } from '#services/service.ts';
import { iamArn, type Iam, type OwnerKind } from './entities.ts';
import { providerArn } from './identity-providers.ts';
import { usersMayChangePasswords } from './passwords.ts';
import { linkedRoleName, linkedRolePath } from './service-linked-roles.ts';
import type { IamDatabase } from './tables.ts';
import { readTags } from './tags.ts';

/** The members by which requests name things; validated. */
interface Named {
  readonly UserName?: string;
  readonly RoleName?: string;
  readonly GroupName?: string;
  readonly PolicyName?: string;
  readonly PolicyArn?: string;
  readonly PolicySourceArn?: string;
  readonly OpenIDConnectProviderArn?: string;
  readonly Url?: string;
  readonly InstanceProfileName?: string;
  readonly AWSServiceName?: string;
  readonly CustomSuffix?: string;
  readonly AccessKeyId?: string;
  readonly Path?: string;
  readonly PathPrefix?: string;
  readonly NewUserName?: string;
  readonly NewGroupName?: string;
  readonly NewPath?: string;
  readonly PermissionsBoundary?: string;
  readonly Tags?: readonly { readonly Key?: string; readonly Value?: string }[];
  readonly TagKeys?: readonly string[];
}

type Context = Record<string, string | readonly string[]>;

const TABLES = { user: 'iam_users', role: 'iam_roles', group: 'iam_groups' } as const;
const CREATED: Readonly<Record<string, OwnerKind>> = {
  CreateUser: 'user',
  CreateRole: 'role',
  CreateGroup: 'group',
};
const LISTED: Readonly<Record<string, OwnerKind | 'instance-profile'>> = {
  ListUsers: 'user',
  ListRoles: 'role',
  ListGroups: 'group',
  ListInstanceProfiles: 'instance-profile',
};
/** Operations that mean the caller when they name nobody. */
const ON_ONESELF =
  /^(GetUser|ChangePassword|\w+AccessKeys?|\w+ServiceSpecificCredentials?|\w+LoginProfile|\w+SSHPublicKeys?|ListMFADevices|ListSigningCertificates)$/;

export async function permissionsOf(
  iam: Iam,
  call: Call,
  operation: string,
  input: Named,
): Promise<readonly Permission[]> {
  // Where the account lets its users change their passwords, they need no permission for it.
  if (operation === 'ChangePassword' && (await usersMayChangePasswords(iam))) return [];
  const asked = await permissionOf(iam, call, operation, input);
  const renamed = renamedTo(input, asked.resource);
  return renamed === undefined ? [asked] : [asked, { ...asked, resource: renamed }];
}

/** UpdateUser and UpdateGroup are asked for the old ARN and for the new one. */
function renamedTo(input: Named, resource: string): string | undefined {
  const newName = input.NewUserName ?? input.NewGroupName;
  if (newName === undefined && input.NewPath === undefined) return undefined;
  const [, start = '', path = '/', name = ''] = /^([^/]*)(\/.*\/|\/)([^/]*)$/.exec(resource) ?? [];
  return `${start}${input.NewPath ?? path}${newName ?? name}`;
}

async function permissionOf(iam: Iam, call: Call, operation: string, input: Named): Promise<Permission> {
  const action = `iam:${operation}`;
  const { account } = iam.house;
  const context = requestContext(operation, input);
  const created = CREATED[operation];
  if (created !== undefined) {
    const name = input.UserName ?? input.RoleName ?? input.GroupName ?? '';
    return { action, resource: iamArn(account, created, { path: input.Path ?? '/', name }), context };
  }
  if (operation === 'CreatePolicy') {
    const entity = { path: input.Path ?? '/', name: input.PolicyName ?? '' };
    return { action, resource: iamArn(account, 'policy', entity), context };
  }
  if (operation === 'CreateOpenIDConnectProvider') {
    return { action, resource: providerArn(account, input.Url ?? ''), context };
  }
  if (input.OpenIDConnectProviderArn !== undefined) {
    const tags = resourceTags(await readTags(iam.read(), input.OpenIDConnectProviderArn));
    return { action, resource: input.OpenIDConnectProviderArn, context: { ...context, ...tags } };
  }
  if (input.AWSServiceName !== undefined) {
    const resource = `arn:aws:iam::${account}:role${linkedRolePath(input.AWSServiceName)}${linkedRoleName(input)}`;
    return { action, resource, context: { ...context, 'iam:AWSServiceName': input.AWSServiceName } };
  }
  if (operation === 'GetAccessKeyLastUsed') {
    return { action, resource: await ownerOfKey(iam, input.AccessKeyId ?? ''), context };
  }
  if (input.InstanceProfileName !== undefined) {
    const { tags, ...entity } = await describeProfile(iam.read(), operation, input);
    return {
      action,
      resource: iamArn(account, 'instance-profile', entity),
      context: { ...context, ...tags },
    };
  }
  const listed = LISTED[operation];
  if (listed !== undefined) {
    return { action, resource: `arn:aws:iam::${account}:${listed}${input.PathPrefix ?? '/'}`, context };
  }
  const owner = ownerOf(operation, input, call);
  if (owner !== undefined) {
    const { kind, name } = owner;
    const { resource, tags } = await iam.memory.recall(`owner:${kind}:${name}`, () =>
      describeOwner(iam.read(), account, kind, name),
    );
    return { action, resource, context: { ...context, ...tags } };
  }
  const isRootItself = ON_ONESELF.test(operation) && call.principal.type === 'root';
  return {
    action,
    resource:
      input.PolicyArn ?? input.PolicySourceArn ?? (isRootItself ? `arn:aws:iam::${account}:root` : '*'),
    context,
  };
}

/** Attaching concerns whom it is attached to; membership concerns the group. */
function ownerOf(
  operation: string,
  input: Named,
  call: Call,
): { readonly kind: OwnerKind; readonly name: string } | undefined {
  if (input.RoleName !== undefined) return { kind: 'role', name: input.RoleName };
  if (input.GroupName !== undefined) return { kind: 'group', name: input.GroupName };
  if (input.UserName !== undefined) return { kind: 'user', name: input.UserName };
  if (ON_ONESELF.test(operation) && call.principal.type === 'user') {
    return { kind: 'user', name: call.principal.userName };
  }
  return undefined;
}

async function describeOwner(database: IamDatabase, account: string, kind: OwnerKind, name: string) {
  const row = await database
    .selectFrom(TABLES[kind])
    .selectAll()
    .where('name_lower', '=', name.toLowerCase())
    .executeTakeFirst();
  if (row === undefined) return { resource: iamArn(account, kind, { path: '/', name }), tags: {} };
  const tags = resourceTags(await readTags(database, row.id));
  // Who may change a bounded entity is often tied to its boundary, as a guard against escalation.
  const boundary = 'boundary_arn' in row ? row.boundary_arn : null;
  if (typeof boundary === 'string') tags['iam:PermissionsBoundary'] = boundary;
  return { resource: iamArn(account, kind, row), tags };
}

/** Of a key that is nobody's: any user. */
async function ownerOfKey(iam: Iam, accessKeyId: string): Promise<string> {
  const user = await iam
    .read()
    .selectFrom('iam_access_keys')
    .innerJoin('iam_users', 'iam_users.id', 'user_id')
    .select(['name', 'path'])
    .where('iam_access_keys.id', '=', accessKeyId)
    .executeTakeFirst();
  return iamArn(iam.house.account, 'user', user ?? { path: '/', name: '*' });
}

/** One that is made, or is not there, is taken under the path that was asked for. */
async function describeProfile(database: IamDatabase, operation: string, input: Named) {
  const asked = { path: input.Path ?? '/', name: input.InstanceProfileName ?? '', tags: {} };
  if (operation === 'CreateInstanceProfile') return asked;
  const row = await database
    .selectFrom('iam_instance_profiles')
    .select(['id', 'path', 'name'])
    .where('name_lower', '=', (input.InstanceProfileName ?? '').toLowerCase())
    .executeTakeFirst();
  if (row === undefined) return asked;
  return { path: row.path, name: row.name, tags: resourceTags(await readTags(database, row.id)) };
}

function resourceTags(tags: readonly { readonly Key: string; readonly Value: string }[]): Context {
  const context: Context = {};
  for (const { Key: key, Value: value } of tags) {
    context[`aws:ResourceTag/${key}`] = value;
    context[`iam:ResourceTag/${key}`] = value;
  }
  return context;
}

function requestContext(operation: string, input: Named): Context {
  const context: Context = {};
  if (/^(Attach|Detach)/.test(operation) && input.PolicyArn !== undefined)
    context['iam:PolicyARN'] = input.PolicyArn;
  if (input.PermissionsBoundary !== undefined) context['iam:PermissionsBoundary'] = input.PermissionsBoundary;
  for (const { Key: key, Value: value } of input.Tags ?? []) context[`aws:RequestTag/${key}`] = value ?? '';
  const keys = input.TagKeys ?? input.Tags?.map((tag) => tag.Key ?? '');
  if (keys !== undefined && keys.length > 0) context['aws:TagKeys'] = keys;
  return context;
}
