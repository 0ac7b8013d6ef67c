/**
 * CodeCommit's events as changes of a repository, and what an execution keeps of the change that triggered it.
 * AWS: "Monitoring CodeCommit events in Amazon EventBridge" and "CodePipeline events: execution-trigger".
 */

import type { PullRequestEvent } from '#core/pipeline/definition/declaration.ts';
import type { RepositoryChange } from './trigger-filter.ts';

export type EventDetail = Readonly<Record<string, unknown>>;

/** Nothing for what never starts a pipeline: a deletion, or an event of another shape. */
export function pushOf(detail: EventDetail): RepositoryChange | undefined {
  const [repository, commitId] = [textOf(detail, 'repositoryName'), textOf(detail, 'commitId')];
  const name = textOf(detail, 'referenceName');
  if (detail['event'] === 'referenceDeleted' || !repository || !commitId || !name) return undefined;
  if (detail['referenceType'] === 'tag') return { type: 'tag', repository, commitId, tag: name };
  if (detail['referenceType'] !== 'branch') return undefined;
  const oldCommitId = textOf(detail, 'oldCommitId');
  return { type: 'branch', repository, commitId, branch: name, ...(oldCommitId ? { oldCommitId } : {}) };
}

/** Nothing for other events of a pull request, such as approvals. */
export function pullRequestOf(detail: EventDetail): RepositoryChange | undefined {
  const event = pullRequestEventOf(detail);
  const names = detail['repositoryNames'];
  const repository = Array.isArray(names) ? (names as unknown[])[0] : undefined;
  const commitId = textOf(detail, 'sourceCommit');
  const branch = branchOf(textOf(detail, 'destinationReference'));
  if (!event || typeof repository !== 'string' || !commitId || !branch) return undefined;
  const destinationCommitId = textOf(detail, 'destinationCommit');
  return {
    type: 'pullRequest',
    repository,
    event,
    commitId,
    branch,
    sourceBranch: branchOf(textOf(detail, 'sourceReference')),
    id: textOf(detail, 'pullRequestId'),
    title: textOf(detail, 'title'),
    ...(destinationCommitId ? { destinationCommitId } : {}),
  };
}

function pullRequestEventOf(detail: EventDetail): PullRequestEvent | undefined {
  switch (detail['event']) {
    case 'pullRequestCreated':
      return 'OPEN';
    case 'pullRequestSourceBranchUpdated':
      return 'UPDATED';
    case 'pullRequestStatusChanged':
      return detail['pullRequestStatus'] === 'Closed' ? 'CLOSED' : undefined;
    case 'pullRequestMergeStatusUpdated':
      return detail['isMerged'] === 'True' ? 'CLOSED' : undefined;
    default:
      return undefined;
  }
}

function branchOf(reference: string): string {
  return reference.replace(/^refs\/heads\//, '');
}

export interface CommitFacts {
  readonly author: { readonly name: string; readonly email: string; readonly date: string };
  readonly message: string;
}

/** AWS's limit on the detail of a trigger, in characters. */
export const TRIGGER_DETAIL_LENGTH_MAX = 1024;
/** How long names and titles may be, tried in this order until the detail fits. */
const NAME_LENGTHS = [100, 50, 10] as const;

/** JSON that always fits; the message, and what else people wrote, is cut for that. */
export function triggerDetailOf(change: RepositoryChange, commit: CommitFacts | undefined): string {
  for (const lengthMax of NAME_LENGTHS) {
    const detail = namesOf(change, commit, lengthMax);
    const write = (length: number) =>
      JSON.stringify(commit ? { ...detail, 'commit-message': commit.message.slice(0, length) } : detail);
    if (write(0).length > TRIGGER_DETAIL_LENGTH_MAX) continue;
    let low = 0;
    let high = Math.min(commit?.message.length ?? 0, TRIGGER_DETAIL_LENGTH_MAX);
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (write(middle).length <= TRIGGER_DETAIL_LENGTH_MAX) low = middle;
      else high = middle - 1;
    }
    return write(low);
  }
  return JSON.stringify({ 'commit-id': change.commitId });
}

function namesOf(
  change: RepositoryChange,
  commit: CommitFacts | undefined,
  lengthMax: number,
): Record<string, string> {
  const cut = (text: string) => (text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`);
  return {
    ...placeOf(change, cut),
    'full-repository-name': change.repository,
    'provider-type': 'CodeCommit',
    'commit-id': change.commitId,
    ...(commit
      ? {
          'author-display-name': cut(commit.author.name),
          'author-email': cut(commit.author.email),
          // CodeCommit knows authors by their address only.
          'author-id': cut(commit.author.email),
          'author-date': commit.author.date,
        }
      : {}),
  };
}

function placeOf(change: RepositoryChange, cut: (text: string) => string): Record<string, string> {
  switch (change.type) {
    case 'branch':
      return { 'branch-name': cut(change.branch) };
    case 'tag':
      return { 'tag-name': cut(change.tag) };
    case 'pullRequest':
      return {
        'branch-name': cut(change.sourceBranch),
        'destination-branch-name': cut(change.branch),
        'pull-request-id': cut(change.id),
        'pull-request-title': cut(change.title),
      };
  }
}

function textOf(detail: EventDetail, name: string): string {
  const value = detail[name];
  return typeof value === 'string' ? value : '';
}
