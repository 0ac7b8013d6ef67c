/**
 * The rows of IAM. Entities have unique ids that are never used twice; everything that belongs to one (inline policies,
 * attachments, tags) hangs on the id, so that a user made anew under an old name inherits nothing.
 */

import type { Kysely } from 'kysely';
import type { Migration } from '#engine/machine.ts';

/** A type and not an interface, as Kysely asks. */
export type IamTables = {
  iam_users: UserRow;
  iam_groups: GroupRow;
  iam_memberships: { user_id: string; group_id: string };
  iam_roles: RoleRow;
  iam_access_keys: AccessKeyRow;
  iam_inline_policies: InlinePolicyRow;
  iam_policies: PolicyRow;
  iam_policy_versions: PolicyVersionRow;
  iam_attachments: { owner_id: string; policy_arn: string };
  iam_tags: { owner_id: string; key: string; key_lower: string; value: string };
  iam_service_credentials: ServiceCredentialRow;
  iam_oidc_providers: OidcProviderRow;
  iam_login_profiles: LoginProfileRow;
  iam_ssh_keys: SshKeyRow;
  iam_instance_profiles: InstanceProfileRow;
  iam_access_key_uses: AccessKeyUseRow;
  /** At most one row. */
  iam_password_policy: { id: string; rules: string };
};

interface EntityRow {
  id: string;
  name: string;
  /** Names are unique without regard to case. */
  name_lower: string;
  path: string;
  created_at: number;
}

export interface UserRow extends EntityRow {
  boundary_arn: string | null;
}

export type GroupRow = EntityRow;

export interface RoleRow extends EntityRow {
  /** JSON text in which users and roles of this account stand with their unique ids. */
  trust: string;
  description: string | null;
  session_seconds_max: number;
  boundary_arn: string | null;
}

export interface AccessKeyRow {
  id: string;
  user_id: string;
  /** By the keyring, bound to the id. */
  secret_sealed: string;
  status: 'Active' | 'Inactive';
  created_at: number;
}

export interface InlinePolicyRow {
  owner_id: string;
  name: string;
  document: string;
}

export interface PolicyRow extends EntityRow {
  description: string | null;
  updated_at: number;
  default_version: number;
  /** Version numbers are not used twice either. */
  next_version: number;
}

export interface PolicyVersionRow {
  policy_id: string;
  version: number;
  document: string;
  created_at: number;
}

export interface ServiceCredentialRow {
  id: string;
  user_id: string;
  service_name: string;
  user_name: string;
  /** Hexadecimal HMAC of the password under the keyring; passwords are random, so no slow hash is needed. */
  password_hmac: string;
  status: 'Active' | 'Inactive';
  created_at: number;
}

/** Its tags hang on the ARN: a provider has no other id, and none can be told from one made anew. */
export interface OidcProviderRow {
  arn: string;
  /** Without `https://`. */
  url: string;
  /** JSON lists of texts. */
  client_ids: string;
  thumbprints: string;
  created_at: number;
}

export interface LoginProfileRow {
  user_id: string;
  /** See `password-hash.ts`. */
  hash: string;
  /** JSON list of the hashes before, newest first. */
  former: string;
  reset_required: number;
  created_at: number;
  changed_at: number;
}

export interface SshKeyRow {
  id: string;
  user_id: string;
  /** One line of SSH. */
  body: string;
  fingerprint: string;
  status: 'Active' | 'Inactive';
  created_at: number;
}

export interface InstanceProfileRow extends EntityRow {
  role_id: string | null;
}

/** When an access key last signed something, to the minute. */
export interface AccessKeyUseRow {
  key_id: string;
  at: number;
  service: string;
  region: string;
}

/** Also inside a transaction. */
export type IamDatabase = Kysely<IamTables>;

export const migrations: readonly Migration[] = [
  { name: 'iam/001-entities', up: createTables },
  { name: 'iam/002-identity-providers', up: createProviders },
  { name: 'iam/003-passwords', up: createPasswords },
  { name: 'iam/004-keys-and-profiles', up: createKeysAndProfiles },
];

async function createKeysAndProfiles({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('iam_ssh_keys')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('user_id', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema.createIndex('iam_ssh_keys_by_user_id').on('iam_ssh_keys').column('user_id').execute();
  await schema
    .createTable('iam_instance_profiles')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('name_lower', 'text', (column) => column.notNull().unique())
    .addColumn('path', 'text', (column) => column.notNull())
    .addColumn('role_id', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('iam_access_key_uses')
    .addColumn('key_id', 'text', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('service', 'text', (column) => column.notNull())
    .addColumn('region', 'text', (column) => column.notNull())
    .execute();
}

async function createPasswords({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('iam_login_profiles')
    .addColumn('user_id', 'text', (column) => column.primaryKey())
    .addColumn('hash', 'text', (column) => column.notNull())
    .addColumn('former', 'text', (column) => column.notNull())
    .addColumn('reset_required', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('changed_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('iam_password_policy')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('rules', 'text', (column) => column.notNull())
    .execute();
}

async function createProviders({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('iam_oidc_providers')
    .addColumn('arn', 'text', (column) => column.primaryKey())
    .addColumn('url', 'text', (column) => column.notNull())
    .addColumn('client_ids', 'text', (column) => column.notNull())
    .addColumn('thumbprints', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
}

async function createTables(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  const entity = (table: string) =>
    schema
      .createTable(table)
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('name_lower', 'text', (column) => column.notNull().unique())
      .addColumn('path', 'text', (column) => column.notNull())
      .addColumn('created_at', 'integer', (column) => column.notNull());
  await entity('iam_users').addColumn('boundary_arn', 'text').execute();
  await entity('iam_groups').execute();
  await entity('iam_roles')
    .addColumn('trust', 'text', (column) => column.notNull())
    .addColumn('description', 'text')
    .addColumn('session_seconds_max', 'integer', (column) => column.notNull())
    .addColumn('boundary_arn', 'text')
    .execute();
  await entity('iam_policies')
    .addColumn('description', 'text')
    .addColumn('updated_at', 'integer', (column) => column.notNull())
    .addColumn('default_version', 'integer', (column) => column.notNull())
    .addColumn('next_version', 'integer', (column) => column.notNull())
    .execute();
  await schema
    .createTable('iam_memberships')
    .addColumn('user_id', 'text', (column) => column.notNull())
    .addColumn('group_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('iam_memberships_key', ['user_id', 'group_id'])
    .execute();
  await schema
    .createTable('iam_access_keys')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('user_id', 'text', (column) => column.notNull())
    .addColumn('secret_sealed', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .execute();
  await schema
    .createTable('iam_inline_policies')
    .addColumn('owner_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('iam_inline_policies_key', ['owner_id', 'name'])
    .execute();
  await schema
    .createTable('iam_policy_versions')
    .addColumn('policy_id', 'text', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('iam_policy_versions_key', ['policy_id', 'version'])
    .execute();
  await schema
    .createTable('iam_attachments')
    .addColumn('owner_id', 'text', (column) => column.notNull())
    .addColumn('policy_arn', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('iam_attachments_key', ['owner_id', 'policy_arn'])
    .execute();
  await schema
    .createTable('iam_tags')
    .addColumn('owner_id', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('key_lower', 'text', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('iam_tags_key', ['owner_id', 'key_lower'])
    .execute();
  await schema
    .createTable('iam_service_credentials')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('user_id', 'text', (column) => column.notNull())
    .addColumn('service_name', 'text', (column) => column.notNull())
    .addColumn('user_name', 'text', (column) => column.notNull().unique())
    .addColumn('password_hmac', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .execute();
  for (const [table, column] of [
    ['iam_memberships', 'group_id'],
    ['iam_access_keys', 'user_id'],
    ['iam_service_credentials', 'user_id'],
    ['iam_attachments', 'policy_arn'],
  ] as const) {
    await schema.createIndex(`${table}_by_${column}`).on(table).column(column).execute();
  }
}
