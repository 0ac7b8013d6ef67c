/**
 * Which policies count for an entity: its own, those of its groups, and its boundary; each managed one in its default
 * version, read in one statement, so that a change of version is seen whole.
 */

import { present } from '#base/assert.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { isFaulty, parsePolicy, type PolicyDocumentKind } from '#core/policy/parse.ts';
import type { PrincipalPolicies } from '#services/service.ts';
import { awsManagedDocument, findAwsManagedPolicy } from './aws-managed.ts';
import { iamArn, type Iam } from './entities.ts';
import type { IamDatabase } from './tables.ts';

export interface NamedDocument {
  readonly name: string;
  readonly document: PolicyDocument;
}

/** A boundary that went away while it was read: allows nothing, until it is read again. */
const NOTHING: PolicyDocument = { version: '2012-10-17', statements: [] };

/** `undefined` when the user or role is gone: ids are never used twice. */
export async function loadPolicies(iam: Iam, id: string): Promise<PrincipalPolicies | undefined> {
  const database = iam.read();
  const table = id.startsWith('AIDA') ? 'iam_users' : 'iam_roles';
  const row = await database.selectFrom(table).select('boundary_arn').where('id', '=', id).executeTakeFirst();
  if (row === undefined) return undefined;
  const identity = await loadIdentityPolicies(iam, id);
  const tags = await database
    .selectFrom('iam_tags')
    .select(['key', 'value'])
    .where('owner_id', '=', id)
    .execute();
  return {
    identity: identity.map(({ document }) => document),
    ...(row.boundary_arn === null ? {} : { boundary: (await loadManaged(iam, row.boundary_arn)) ?? NOTHING }),
    tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
  };
}

/** Of a user with its groups, of a role, or of a group. */
export async function loadIdentityPolicies(iam: Iam, id: string): Promise<readonly NamedDocument[]> {
  const database = iam.read();
  const owners = [id, ...(await groupIdsOf(database, id))];
  const inline = await database
    .selectFrom('iam_inline_policies')
    .select(['name', 'document'])
    .where('owner_id', 'in', owners)
    .execute();
  const attached = await database
    .selectFrom('iam_attachments')
    .select('policy_arn')
    .distinct()
    .where('owner_id', 'in', owners)
    .execute();
  const documents: NamedDocument[] = inline.map(({ name, document }) => ({
    name,
    document: readStored(document, 'identity'),
  }));
  for (const { policy_arn: arn } of attached) {
    const document = await loadManaged(iam, arn);
    if (document !== undefined) documents.push({ name: arn.slice(arn.lastIndexOf('/') + 1), document });
  }
  return documents;
}

/** An inline text, or the ARN of a managed policy; one that is gone allows nothing. */
export async function loadSessionPolicy(iam: Iam, text: string): Promise<PolicyDocument | undefined> {
  return text.startsWith('arn:') ? loadManaged(iam, text) : readStored(text, 'identity');
}

/** Parses what was checked before it was stored. */
export function readStored(text: string, kind: PolicyDocumentKind): PolicyDocument {
  const parsed = parsePolicy(text, kind);
  return present(isFaulty(parsed) ? undefined : parsed, 'a well-formed stored policy');
}

/** The default version of a managed policy. */
async function loadManaged(iam: Iam, arn: string): Promise<PolicyDocument | undefined> {
  const aws = findAwsManagedPolicy(arn);
  if (aws !== undefined) return awsManagedDocument(aws);
  const name = arn.slice(arn.lastIndexOf('/') + 1);
  const row = await iam
    .read()
    .selectFrom('iam_policies')
    .innerJoin('iam_policy_versions', (join) =>
      join.onRef('policy_id', '=', 'id').onRef('version', '=', 'default_version'),
    )
    .select(['name', 'path', 'document'])
    .where('name_lower', '=', name.toLowerCase())
    .executeTakeFirst();
  if (row === undefined || iamArn(iam.house.account, 'policy', row) !== arn) return undefined;
  return readStored(row.document, 'identity');
}

async function groupIdsOf(database: IamDatabase, userId: string): Promise<string[]> {
  const rows = await database
    .selectFrom('iam_memberships')
    .select('group_id')
    .where('user_id', '=', userId)
    .execute();
  return rows.map((row) => row.group_id);
}
