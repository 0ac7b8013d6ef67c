/** What each operation needs, as "Actions, resources, and condition keys for AWS CodeCommit" lists it. */

import type { Permission, Permissions, Scope } from '#services/service.ts';
import { repositoryArn } from './room.ts';

function onRepository(action: string) {
  return (input: { readonly repositoryName?: string | undefined }, scope: Scope): readonly Permission[] => [
    { action: `codecommit:${action}`, resource: repositoryArn(scope, input.repositoryName ?? '') },
  ];
}

interface BranchInput {
  readonly repositoryName?: string | undefined;
  readonly branchName?: string | undefined;
}

/** Branch guards see the full name of what is written. */
function onBranch(action: string) {
  return (input: BranchInput, scope: Scope): readonly Permission[] => [
    {
      action: `codecommit:${action}`,
      resource: repositoryArn(scope, input.repositoryName ?? ''),
      context: { 'codecommit:References': `refs/heads/${input.branchName ?? ''}` },
    },
  ];
}

function onArn(action: string) {
  return (input: { readonly resourceArn?: string | undefined }): readonly Permission[] => [
    { action: `codecommit:${action}`, resource: input.resourceArn ?? '*' },
  ];
}

export const permissions: Permissions<'codecommit'> = {
  CreateRepository: onRepository('CreateRepository'),
  GetRepository: onRepository('GetRepository'),
  BatchGetRepositories: (input, scope) =>
    (input.repositoryNames ?? []).map((name) => ({
      action: 'codecommit:BatchGetRepositories',
      resource: repositoryArn(scope, name),
    })),
  DeleteRepository: onRepository('DeleteRepository'),
  UpdateRepositoryDescription: onRepository('UpdateRepositoryDescription'),
  UpdateRepositoryName: (input, scope) =>
    [input.oldName, input.newName].map((name) => ({
      action: 'codecommit:UpdateRepositoryName',
      resource: repositoryArn(scope, name ?? ''),
    })),
  UpdateDefaultBranch: onRepository('UpdateDefaultBranch'),
  CreateBranch: onBranch('CreateBranch'),
  GetBranch: onRepository('GetBranch'),
  ListBranches: onRepository('ListBranches'),
  DeleteBranch: onBranch('DeleteBranch'),
  GetCommit: onRepository('GetCommit'),
  BatchGetCommits: onRepository('BatchGetCommits'),
  GetBlob: onRepository('GetBlob'),
  GetFile: onRepository('GetFile'),
  GetFolder: onRepository('GetFolder'),
  GetDifferences: onRepository('GetDifferences'),
  PutFile: onBranch('PutFile'),
  DeleteFile: onBranch('DeleteFile'),
  CreateCommit: onBranch('CreateCommit'),
  ListTagsForResource: onArn('ListTagsForResource'),
  TagResource: onArn('TagResource'),
  UntagResource: onArn('UntagResource'),
};
