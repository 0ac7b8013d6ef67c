/** Who is behind a long-term credential, and which policies count for whom: what the gateway asks for every request. */

import { fault, type Fault } from '#base/fault.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import type { Principal, UserPrincipal } from '#core/policy/principal.ts';
import type { Identities, Identity } from '#services/service.ts';
import { SECRET_PURPOSE } from './access-keys.ts';
import { loadPolicies, loadSessionPolicy, readStored } from './effective-policies.ts';
import { iamArn, type Iam } from './entities.ts';
import { isPassword } from './service-credentials.ts';
import { signInWith } from './passwords.ts';
import type { ServiceCredentialRow, UserRow } from './tables.ts';

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

    async byPassword(userName, password) {
      if (password.length > PASSWORD_LENGTH_MAX) return undefined;
      const found = await signInWith(iam, userName, password);
      return found && { principal: viewPrincipal(account, found.user), mustChange: found.mustChange };
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
  const principal = await loadUser(iam, key.user_id);
  return principal === undefined ? undefined : { principal, secretAccessKey };
}

async function loadCredential(iam: Iam, userName: string) {
  const row = await iam
    .read()
    .selectFrom('iam_service_credentials')
    .selectAll()
    .where('user_name', '=', userName)
    .executeTakeFirst();
  const user = row === undefined ? undefined : await loadUser(iam, row.user_id);
  return row === undefined || user === undefined ? undefined : { row, user };
}

/** `undefined` when the user went away at this moment. */
async function loadUser(iam: Iam, id: string): Promise<UserPrincipal | undefined> {
  const { account } = iam.house;
  const row = await iam.read().selectFrom('iam_users').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) return undefined;
  return viewPrincipal(account, row);
}

function viewPrincipal(account: string, row: UserRow): UserPrincipal {
  return { type: 'user', account, userName: row.name, userId: row.id, arn: iamArn(account, 'user', row) };
}
