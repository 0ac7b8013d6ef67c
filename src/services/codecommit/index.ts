/**
 * CodeCommit: git repositories with real git behind them, over smart HTTP and through the API. References live in git
 * only; every change of one is told on the bus exactly once, however the server ends.
 *
 * Gaps: pull requests, approval rules, comments, merges, triggers, encryption with KMS keys, SSH; see the map.
 *
 * By design: wrong git credentials get 401 where AWS answers 403, so that git asks again instead of keeping a stale
 * password. A push is taken in whole before git sees it, so a slow client never keeps others waiting.
 */

import { gap, type House, type Operations, type Service } from '#services/service.ts';
import { createBranch, deleteBranch, getBranch, listBranches } from './branches.ts';
import { getDifferences } from './differences.ts';
import { batchGetCommits, getBlob, getCommit, getFile, getFolder } from './reading.ts';
import {
  batchGetRepositories,
  createRepository,
  deleteRepository,
  getRepository,
  listRepositories,
  updateDefaultBranch,
  updateRepositoryDescription,
  updateRepositoryName,
} from './repositories.ts';
import { listTagsForResource, tagResource, untagResource } from './tagging.ts';
import { createCommit, deleteFile, putFile } from './writing.ts';
import { createRoom, recoverChanges } from './changes.ts';
import { createGitRoute } from './door.ts';
import { createMaintenance } from './maintenance.ts';
import { createMutex } from './mutex.ts';
import { permissions } from './permissions.ts';
import type { Room } from './room.ts';
import { migrations } from './tables.ts';

const COMMENTS = 'Comments are not implemented.';
const ENCRYPTION = 'Encryption of repositories with KMS keys is not implemented.';
const LATER = 'Not implemented yet.';
const MERGES = 'Merges by the API are not implemented; merge in a clone and push.';
const PULL_REQUESTS = 'Pull requests are not implemented.';
const TEMPLATES = 'Approval rule templates are not implemented.';
const TRIGGERS = 'Triggers are not implemented; pushes are told on the event bus.';

export function openCodecommit(house: House): Service<'codecommit'> {
  const mutex = createMutex();
  const maintenance = createMaintenance(house, mutex);
  const room = createRoom(house, mutex, maintenance);
  return {
    name: 'codecommit',
    operations: operationsOf(room),
    permissions,
    machines: [room.machine],
    migrations,
    routes: [createGitRoute(room)],
    recover: () => recoverChanges(room),
    close: () => maintenance.close(),
  };
}

function operationsOf(room: Room): Operations<'codecommit'> {
  return {
    AssociateApprovalRuleTemplateWithRepository: gap(TEMPLATES),
    BatchAssociateApprovalRuleTemplateWithRepositories: gap(TEMPLATES),
    BatchDescribeMergeConflicts: gap(MERGES),
    BatchDisassociateApprovalRuleTemplateFromRepositories: gap(TEMPLATES),
    BatchGetCommits: batchGetCommits(room),
    BatchGetRepositories: batchGetRepositories(room),
    CreateApprovalRuleTemplate: gap(TEMPLATES),
    CreateBranch: createBranch(room),
    CreateCommit: createCommit(room),
    CreatePullRequest: gap(PULL_REQUESTS),
    CreatePullRequestApprovalRule: gap(PULL_REQUESTS),
    CreateRepository: createRepository(room),
    CreateUnreferencedMergeCommit: gap(MERGES),
    DeleteApprovalRuleTemplate: gap(TEMPLATES),
    DeleteBranch: deleteBranch(room),
    DeleteCommentContent: gap(COMMENTS),
    DeleteFile: deleteFile(room),
    DeletePullRequestApprovalRule: gap(PULL_REQUESTS),
    DeleteRepository: deleteRepository(room),
    DescribeMergeConflicts: gap(MERGES),
    DescribePullRequestEvents: gap(PULL_REQUESTS),
    DisassociateApprovalRuleTemplateFromRepository: gap(TEMPLATES),
    EvaluatePullRequestApprovalRules: gap(PULL_REQUESTS),
    GetApprovalRuleTemplate: gap(TEMPLATES),
    GetBlob: getBlob(room),
    GetBlobDifferences: gap(LATER),
    GetBranch: getBranch(room),
    GetComment: gap(COMMENTS),
    GetCommentReactions: gap(COMMENTS),
    GetCommentsForComparedCommit: gap(COMMENTS),
    GetCommentsForPullRequest: gap(COMMENTS),
    GetCommit: getCommit(room),
    GetDifferences: getDifferences(room),
    GetFile: getFile(room),
    GetFolder: getFolder(room),
    GetMergeCommit: gap(MERGES),
    GetMergeConflicts: gap(MERGES),
    GetMergeOptions: gap(MERGES),
    GetPullRequest: gap(PULL_REQUESTS),
    GetPullRequestApprovalStates: gap(PULL_REQUESTS),
    GetPullRequestOverrideState: gap(PULL_REQUESTS),
    GetRepository: getRepository(room),
    GetRepositoryTriggers: gap(TRIGGERS),
    ListApprovalRuleTemplates: gap(TEMPLATES),
    ListAssociatedApprovalRuleTemplatesForRepository: gap(TEMPLATES),
    ListBranches: listBranches(room),
    ListFileCommitHistory: gap(LATER),
    ListPullRequests: gap(PULL_REQUESTS),
    ListRepositories: listRepositories(room),
    ListRepositoriesForApprovalRuleTemplate: gap(TEMPLATES),
    ListTagsForResource: listTagsForResource(room),
    MergeBranchesByFastForward: gap(MERGES),
    MergeBranchesBySquash: gap(MERGES),
    MergeBranchesByThreeWay: gap(MERGES),
    MergePullRequestByFastForward: gap(PULL_REQUESTS),
    MergePullRequestBySquash: gap(PULL_REQUESTS),
    MergePullRequestByThreeWay: gap(PULL_REQUESTS),
    OverridePullRequestApprovalRules: gap(PULL_REQUESTS),
    PostCommentForComparedCommit: gap(COMMENTS),
    PostCommentForPullRequest: gap(COMMENTS),
    PostCommentReply: gap(COMMENTS),
    PutCommentReaction: gap(COMMENTS),
    PutFile: putFile(room),
    PutRepositoryTriggers: gap(TRIGGERS),
    TagResource: tagResource(room),
    TestRepositoryTriggers: gap(TRIGGERS),
    UntagResource: untagResource(room),
    UpdateApprovalRuleTemplateContent: gap(TEMPLATES),
    UpdateApprovalRuleTemplateDescription: gap(TEMPLATES),
    UpdateApprovalRuleTemplateName: gap(TEMPLATES),
    UpdateComment: gap(COMMENTS),
    UpdateDefaultBranch: updateDefaultBranch(room),
    UpdatePullRequestApprovalRuleContent: gap(PULL_REQUESTS),
    UpdatePullRequestApprovalState: gap(PULL_REQUESTS),
    UpdatePullRequestDescription: gap(PULL_REQUESTS),
    UpdatePullRequestStatus: gap(PULL_REQUESTS),
    UpdatePullRequestTitle: gap(PULL_REQUESTS),
    UpdateRepositoryDescription: updateRepositoryDescription(room),
    UpdateRepositoryEncryptionKey: gap(ENCRYPTION),
    UpdateRepositoryName: updateRepositoryName(room),
  };
}
