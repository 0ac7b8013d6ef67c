/** Rows as IAM answers them; pure. */

import type { Role, User, Group, Policy, AttachedPermissionsBoundary } from '@aws-sdk/client-iam';
import { iamArn } from './entities.ts';
import { encodeDocument } from './documents.ts';
import type { GroupRow, PolicyRow, RoleRow, UserRow } from './tables.ts';

/** As the types of the client package have it. */
type TagView = { Key: string; Value: string };

export function viewUser(account: string, row: UserRow, tags: readonly TagView[] = []) {
  return {
    Path: row.path,
    UserName: row.name,
    UserId: row.id,
    Arn: iamArn(account, 'user', row),
    CreateDate: new Date(row.created_at),
    ...boundaryOf(row.boundary_arn),
    ...tagsOf(tags),
  } satisfies User;
}

export function viewGroup(account: string, row: GroupRow) {
  return {
    Path: row.path,
    GroupName: row.name,
    GroupId: row.id,
    Arn: iamArn(account, 'group', row),
    CreateDate: new Date(row.created_at),
  } satisfies Group;
}

/** `trust` is the document for readers, with ARNs in it. Lists leave out what GetRole adds. */
export function viewRole(account: string, row: RoleRow, trust: string, tags: readonly TagView[] = []) {
  return {
    Path: row.path,
    RoleName: row.name,
    RoleId: row.id,
    Arn: iamArn(account, 'role', row),
    CreateDate: new Date(row.created_at),
    AssumeRolePolicyDocument: encodeDocument(trust),
    ...(row.description === null ? {} : { Description: row.description }),
    MaxSessionDuration: row.session_seconds_max,
    ...boundaryOf(row.boundary_arn),
    ...tagsOf(tags),
  } satisfies Role;
}

export interface PolicyUse {
  readonly attachments: number;
  readonly boundaries: number;
}

export function viewPolicy(account: string, row: PolicyRow, use: PolicyUse, tags: readonly TagView[] = []) {
  return {
    PolicyName: row.name,
    PolicyId: row.id,
    Arn: iamArn(account, 'policy', row),
    Path: row.path,
    DefaultVersionId: `v${row.default_version}`,
    AttachmentCount: use.attachments,
    PermissionsBoundaryUsageCount: use.boundaries,
    IsAttachable: true,
    ...(row.description === null ? {} : { Description: row.description }),
    CreateDate: new Date(row.created_at),
    UpdateDate: new Date(row.updated_at),
    ...tagsOf(tags),
  } satisfies Policy;
}

function boundaryOf(arn: string | null): { PermissionsBoundary?: AttachedPermissionsBoundary } {
  if (arn === null) return {};
  return {
    PermissionsBoundary: {
      PermissionsBoundaryType: 'PermissionsBoundaryPolicy',
      PermissionsBoundaryArn: arn,
    },
  };
}

function tagsOf(tags: readonly TagView[]): { Tags?: TagView[] } {
  return tags.length === 0 ? {} : { Tags: [...tags] };
}
