/** Who is behind a long-term credential, and which policies count for whom: what the gateway asks for every request. */

import { present } from '#base/assert.ts';
import { fault, type Fault } from '#base/fault.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { isFaulty, parsePolicy, type PolicyDocumentKind } from '#core/policy/parse.ts';
import type { Principal, UserPrincipal } from '#core/policy/principal.ts';
import type { Identities, Identity, PrincipalPolicies } from '#services/service.ts';
import { SECRET_PURPOSE } from './access-keys.ts';
import { awsManagedDocument, findAwsManagedPolicy } from './aws-managed.ts';
import { findLocalPolicyIfAny, iamArn, type Iam } from './entities.ts';
import { isPassword } from './service-credentials.ts';
import type { IamDatabase, ServiceCredentialRow, UserRow } from './tables.ts';

/** Longer texts are nobody's password. */
const PASSWORD_LENGTH_MAX = 256;

export function createIdentities(iam: Iam): Identities {
  const { account, keyring } = iam.house;
  const { memory } = iam;
  return {
    byAccessKey: (accessKeyId) => memory.recall(`key:${accessKeyId}`, () => loadKey(iam, accessKeyId)),

    async byServiceCredential(serviceName, userName, password) {
      if (password.length > PASSWORD_LENGTH_MAX) return undefined;
      const found = await memory.recall(`credential:${userName}`, () => loadCredential(iam, userName));
      // Also an unknown name costs one comparison, so that time tells nothing about names.
      const isRight = isPassword(keyring, found?.row ?? NOBODY, password);
      if (found === undefined || !isRight) return undefined;
      return found.row.status === 'Active' && found.row.service_name === serviceName ? found.user : undefined;
    },

    async policiesOf(principal) {
      if (principal.type !== 'user' && principal.type !== 'role') return { identity: [], tags: {} };
      if (principal.account !== account) throw goneEntity();
      const own = await memory.recall(`policies:${idOf(principal)}`, () =>
        loadPolicies(iam, idOf(principal)),
      );
      if (own === undefined) throw goneEntity();
      if (principal.type === 'user') return own;
      const tags = { ...own.tags, ...principal.sessionTags };
      if (principal.sessionPolicies.length === 0) return { ...own, tags };
      const session = principal.sessionPolicies.map((text) =>
        memory.recall(`session:${text}`, () => loadSessionPolicy(iam, text)),
      );
      return {
        ...own,
        tags,
        session: (await Promise.all(session)).filter((document) => document !== undefined),
      };
    },
  };
}

/** The trust policy of a role, with unique ids in it. */
export async function trustOf(iam: Iam, roleArn: string): Promise<PolicyDocument | undefined> {
  if (!roleArn.startsWith(`arn:aws:iam::${iam.house.account}:role/`)) return undefined;
  return iam.memory.recall(`trust:${roleArn}`, async () => {
    const name = roleArn.slice(roleArn.lastIndexOf('/') + 1);
    const row = await iam
      .read()
      .selectFrom('iam_roles')
      .select(['name', 'path', 'trust'])
      .where('name_lower', '=', name.toLowerCase())
      .executeTakeFirst();
    if (row === undefined || iamArn(iam.house.account, 'role', row) !== roleArn) return undefined;
    return readStored(row.trust, 'trust');
  });
}

/** What AWS answers to credentials of a user or role that was deleted since. */
function goneEntity(): Fault {
  return fault('UnrecognizedClientException', 'The security token included in the request is invalid.');
}

function idOf(principal: Extract<Principal, { type: 'user' | 'role' }>): string {
  return principal.type === 'user' ? principal.userId : principal.roleId;
}

const NOBODY: ServiceCredentialRow = {
  id: '',
  user_id: '',
  service_name: '',
  user_name: '',
  password_hmac: '00'.repeat(32),
  status: 'Inactive',
  created_at: 0,
};

async function loadKey(iam: Iam, accessKeyId: string): Promise<Identity | undefined> {
  const database = iam.read();
  const key = await database
    .selectFrom('iam_access_keys')
    .selectAll()
    .where('id', '=', accessKeyId)
    .executeTakeFirst();
  if (key === undefined || key.status !== 'Active') return undefined;
  const secretAccessKey = iam.house.keyring.open(SECRET_PURPOSE, key.secret_sealed, key.id).toString();
  return { principal: await loadUser(iam, key.user_id), secretAccessKey };
}

async function loadCredential(iam: Iam, userName: string) {
  const row = await iam
    .read()
    .selectFrom('iam_service_credentials')
    .selectAll()
    .where('user_name', '=', userName)
    .executeTakeFirst();
  return row === undefined ? undefined : { row, user: await loadUser(iam, row.user_id) };
}

async function loadUser(iam: Iam, id: string): Promise<UserPrincipal> {
  const row = await iam.read().selectFrom('iam_users').selectAll().where('id', '=', id).executeTakeFirst();
  return userPrincipal(iam.house.account, present(row, `the user ${id} of a credential`));
}

function userPrincipal(account: string, row: UserRow): UserPrincipal {
  return { type: 'user', account, userName: row.name, userId: row.id, arn: iamArn(account, 'user', row) };
}

/** `undefined` when the user or role is gone: ids are never used twice. */
async function loadPolicies(iam: Iam, id: string): Promise<PrincipalPolicies | undefined> {
  const database = iam.read();
  const table = id.startsWith('AIDA') ? 'iam_users' : 'iam_roles';
  const row = await database.selectFrom(table).select('boundary_arn').where('id', '=', id).executeTakeFirst();
  if (row === undefined) return undefined;
  const owners = [id, ...(await groupIdsOf(database, id))];
  const inline = await database
    .selectFrom('iam_inline_policies')
    .select('document')
    .where('owner_id', 'in', owners)
    .execute();
  const attached = await database
    .selectFrom('iam_attachments')
    .select('policy_arn')
    .distinct()
    .where('owner_id', 'in', owners)
    .execute();
  const managed = await Promise.all(attached.map(({ policy_arn }) => loadManaged(iam, policy_arn)));
  const tags = await database
    .selectFrom('iam_tags')
    .select(['key', 'value'])
    .where('owner_id', '=', id)
    .execute();
  return {
    identity: [
      ...inline.map(({ document }) => readStored(document, 'identity')),
      ...managed.filter((document) => document !== undefined),
    ],
    // A boundary whose policy is gone cannot be: it is refused to delete a policy that is one.
    ...(row.boundary_arn === null
      ? {}
      : { boundary: present(await loadManaged(iam, row.boundary_arn), `the boundary ${row.boundary_arn}`) }),
    tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
  };
}

async function groupIdsOf(database: IamDatabase, userId: string): Promise<string[]> {
  const rows = await database
    .selectFrom('iam_memberships')
    .select('group_id')
    .where('user_id', '=', userId)
    .execute();
  return rows.map((row) => row.group_id);
}

/** The default version of a managed policy. */
async function loadManaged(iam: Iam, arn: string): Promise<PolicyDocument | undefined> {
  const aws = findAwsManagedPolicy(arn);
  if (aws !== undefined) return awsManagedDocument(aws);
  const policy = await findLocalPolicyIfAny(iam.read(), iam.house.account, arn);
  if (policy === undefined) return undefined;
  const version = await iam
    .read()
    .selectFrom('iam_policy_versions')
    .select('document')
    .where('policy_id', '=', policy.id)
    .where('version', '=', policy.default_version)
    .executeTakeFirst();
  return readStored(present(version, `the default version of ${arn}`).document, 'identity');
}

/** An inline text, or the ARN of a managed policy; one that is gone allows nothing. */
async function loadSessionPolicy(iam: Iam, text: string): Promise<PolicyDocument | undefined> {
  return text.startsWith('arn:') ? loadManaged(iam, text) : readStored(text, 'identity');
}

function readStored(text: string, kind: PolicyDocumentKind): PolicyDocument {
  const parsed = parsePolicy(text, kind);
  return present(isFaulty(parsed) ? undefined : parsed, 'a well-formed stored policy');
}
