/** The rows of the room. Deployments under way live in the machine of their group; rows index and remember them. */

import type { Kysely } from 'kysely';
import type { Database } from '#store/database.ts';
import type { Migration } from '#engine/machine.ts';

export type Tables = {
  codedeploy_applications: ApplicationRow;
  codedeploy_groups: GroupRow;
  codedeploy_configs: ConfigRow;
  codedeploy_instances: InstanceRow;
  codedeploy_revisions: RevisionRow;
  codedeploy_deployments: DeploymentRow;
  codedeploy_assignments: AssignmentRow;
  codedeploy_output: OutputRow;
  codedeploy_signer: SignerRow;
};

export interface ApplicationRow {
  application_id: string;
  name: string;
  created_at: number;
  /** JSON list of `Tag`. */
  tags: string;
}

export interface GroupRow {
  /** Also the id of the group's machine; it stays when the group is renamed. */
  group_id: string;
  application_id: string;
  name: string;
  created_at: number;
  /** JSON of `GroupSettings`. */
  settings: string;
  tags: string;
}

export interface ConfigRow {
  config_id: string;
  name: string;
  created_at: number;
  /** JSON of `MinimumHealthy`. */
  minimum_healthy: string;
}

/** An on-premises instance; a deregistered one stays until its name is registered again. */
export interface InstanceRow {
  name: string;
  instance_arn: string;
  iam_arn: string;
  registered_at: number;
  deregistered_at: number | null;
  tags: string;
}

export interface RevisionRow {
  application_id: string;
  /** `revisionKey` of the location as it was given. */
  revision_key: string;
  /** JSON of `S3Revision`. */
  location: string;
  description: string | null;
  registered_at: number;
  first_used_at: number | null;
  last_used_at: number | null;
}

export interface DeploymentRow {
  deployment_id: string;
  group_id: string;
  application_name: string;
  group_name: string;
  status: string;
  created_at: number;
  /** A creation that is repeated under one key is one deployment. */
  request_key: string | null;
  /** JSON of `Deployment` once it has ended; until then the group's machine has it. */
  deployment: string | null;
}

/** Hosts of deployments under way: where a polling host looks. */
export interface AssignmentRow {
  host: string;
  deployment_id: string;
  group_id: string;
}

/** How much of a command's output has been stored, in bytes. */
export interface OutputRow {
  command_id: string;
  deployment_id: string;
  received: number;
}

/** The key that signs what hosts are told to do; one row for the installation. */
export interface SignerRow {
  id: number;
  certificate: string;
  /** PEM, sealed. */
  private_key: string;
}

export function rows(database: Database): Kysely<Tables> {
  return database.read.withTables<Tables>();
}

export function within(transaction: Kysely<unknown>): Kysely<Tables> {
  return transaction.withTables<Tables>();
}

export const migrations: readonly Migration[] = [{ name: 'codedeploy/001-tables', up: createTables }];

async function createTables(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('codedeploy_applications')
    .addColumn('application_id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addColumn('tags', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('codedeploy_groups')
    .addColumn('group_id', 'text', (column) => column.primaryKey())
    .addColumn('application_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addColumn('settings', 'text', (column) => column.notNull())
    .addColumn('tags', 'text', (column) => column.notNull())
    .addUniqueConstraint('codedeploy_groups_name', ['application_id', 'name'])
    .execute();
  await schema
    .createTable('codedeploy_configs')
    .addColumn('config_id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addColumn('minimum_healthy', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('codedeploy_instances')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('instance_arn', 'text', (column) => column.notNull())
    .addColumn('iam_arn', 'text', (column) => column.notNull())
    .addColumn('registered_at', 'integer', (column) => column.notNull())
    .addColumn('deregistered_at', 'integer')
    .addColumn('tags', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createIndex('codedeploy_instances_iam')
    .on('codedeploy_instances')
    .columns(['iam_arn'])
    .execute();
  await schema
    .createTable('codedeploy_revisions')
    .addColumn('application_id', 'text', (column) => column.notNull())
    .addColumn('revision_key', 'text', (column) => column.notNull())
    .addColumn('location', 'text', (column) => column.notNull())
    .addColumn('description', 'text')
    .addColumn('registered_at', 'integer', (column) => column.notNull())
    .addColumn('first_used_at', 'integer')
    .addColumn('last_used_at', 'integer')
    .addPrimaryKeyConstraint('codedeploy_revisions_key', ['application_id', 'revision_key'])
    .execute();
  await createDeploymentTables(database);
}

async function createDeploymentTables({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('codedeploy_deployments')
    .addColumn('deployment_id', 'text', (column) => column.primaryKey())
    .addColumn('group_id', 'text', (column) => column.notNull())
    .addColumn('application_name', 'text', (column) => column.notNull())
    .addColumn('group_name', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addColumn('request_key', 'text')
    .addColumn('deployment', 'text')
    .execute();
  await schema
    .createIndex('codedeploy_deployments_time')
    .on('codedeploy_deployments')
    .columns(['group_id', 'created_at'])
    .execute();
  await schema
    .createTable('codedeploy_assignments')
    .addColumn('host', 'text', (column) => column.notNull())
    .addColumn('deployment_id', 'text', (column) => column.notNull())
    .addColumn('group_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('codedeploy_assignments_key', ['host', 'deployment_id'])
    .execute();
  await schema
    .createTable('codedeploy_output')
    .addColumn('command_id', 'text', (column) => column.primaryKey())
    .addColumn('deployment_id', 'text', (column) => column.notNull())
    .addColumn('received', 'integer', (column) => column.notNull())
    .execute();
  await schema
    .createTable('codedeploy_signer')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('certificate', 'text', (column) => column.notNull())
    .addColumn('private_key', 'text', (column) => column.notNull())
    .execute();
}
