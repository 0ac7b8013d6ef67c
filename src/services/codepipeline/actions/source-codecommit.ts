/**
 * The CodeCommit source: pins a commit, packs its tree and puts it into the artifact bucket. The role needs GetBranch,
 * GetCommit and UploadArchive of the repository, as at AWS. AWS: "CodeCommit source action reference".
 */

import type { Readable } from 'node:stream';
import type { Commit } from '@aws-sdk/client-codecommit';
import { arnOf } from '#base/arn.ts';
import { isFault } from '#base/fault.ts';
import { present } from '#base/assert.ts';
import type { StartAction } from '#core/pipeline/orders.ts';
import { ArchiveTooLarge, CommitNotFound } from '#store/archive.ts';
import type { Acting, Action, Outcome } from './action.ts';
import { ActionRefused, configured, cut } from './action.ts';
import { isDenied } from './failure.ts';
import { putArtifact } from './artifacts.ts';
import { isCloneWanted, putCloneReference, type CloneSource } from './clone-reference.ts';

const SUMMARY_LENGTH_MAX = 2_048;
const MESSAGE_LENGTH_MAX = 100 * 1024;

export const codecommitSource: Action = {
  async start(acting, order) {
    const output = present(order.outputs[0], 'output artifact of a source');
    const repository = configured(order, 'RepositoryName');
    const fetched = await fetchCommit(acting, order, repository).catch((error: unknown) => {
      throw translate(error, repository);
    });
    if ('archive' in fetched) await putArtifact(acting, order, output, fetched.archive);
    else await putCloneReference(acting, order, output, fetched.clone);
    return succeeded(acting, order, fetched);
  },
};

interface Facts {
  readonly commitId: string;
  readonly commit: Commit | undefined;
}

type Fetched = Facts & ({ readonly archive: Readable } | { readonly clone: CloneSource });

async function fetchCommit(acting: Acting, order: StartAction, repository: string): Promise<Fetched> {
  const branch = configured(order, 'BranchName');
  const commitId = order.pin?.commitId ?? (await headOf(acting, repository, branch));
  if (isCloneWanted(order)) {
    const { commit } = await acting.caller.send('codecommit:GetCommit', {
      repositoryName: repository,
      commitId,
    });
    const { repositoryMetadata } = await acting.caller.send('codecommit:GetRepository', {
      repositoryName: repository,
    });
    const url = present(repositoryMetadata?.cloneUrlHttp, 'clone URL of a repository');
    return { commitId, commit, clone: { url, branch, commitId } };
  }
  // Both start git; waiting for them together makes a push reach its build sooner.
  const [facts, archive] = await Promise.allSettled([
    acting.caller.send('codecommit:GetCommit', { repositoryName: repository, commitId }),
    openArchive(acting, repository, commitId),
  ]);
  if (facts.status === 'rejected' && archive.status === 'fulfilled') archive.value.destroy();
  if (facts.status === 'rejected') throw facts.reason;
  if (archive.status === 'rejected') throw archive.reason;
  return { commitId, commit: facts.value.commit, archive: archive.value };
}

/** What went wrong with the repository, in the words of AWS; everything else stays what it is. */
function translate(error: unknown, repository: string): unknown {
  if (error instanceof CommitNotFound) return new ActionRefused('RevisionUnavailable', error.message, error);
  if (error instanceof ArchiveTooLarge) return new ActionRefused('ConfigurationError', error.message, error);
  if (!isFault(error)) return error;
  if (isDenied(error)) {
    const message =
      `Could not access the CodeCommit repository ${repository}. Make sure that the pipeline IAM role has ` +
      `sufficient permissions to access the repository. Underlying error: ${error.message}`;
    return new ActionRefused('PermissionError', message, error);
  }
  const isGone = /^Commit(Id)?DoesNotExistException$/.test(error.code);
  return isGone ? new ActionRefused('RevisionUnavailable', error.message, error) : error;
}

function succeeded({ house }: Acting, order: StartAction, { commitId, commit }: Facts): Outcome {
  const message = cut(commit?.message ?? '', MESSAGE_LENGTH_MAX);
  const committed = parseGitDate(commit?.committer?.date);
  return {
    type: 'ActionSucceeded',
    externalId: commitId,
    summary: cut(message, SUMMARY_LENGTH_MAX),
    outputVariables: {
      RepositoryName: configured(order, 'RepositoryName'),
      BranchName: configured(order, 'BranchName'),
      CommitId: commitId,
      CommitMessage: message,
      AuthorDate: isoOf(parseGitDate(commit?.author?.date)),
      CommitterDate: isoOf(committed),
    },
    revision: {
      revisionId: commitId,
      ...(committed === undefined ? {} : { changeId: isoOf(committed) }),
      ...(message.trim() ? { summary: cut(message.trim(), SUMMARY_LENGTH_MAX) } : {}),
      createdAt: committed ?? house.clock.now(),
    },
    pin: { commitId },
  };
}

/** The bytes are found by the repository's id, which the pipeline's role may not be allowed to ask for. */
async function openArchive(acting: Acting, repository: string, commitId: string): Promise<Readable> {
  const { house, caller, signal } = acting;
  const resource = arnOf('codecommit', house.region, house.account, repository);
  await house.trust.authorize(caller.principal, [{ action: 'codecommit:UploadArchive', resource }]);
  const { repositoryMetadata } = await house
    .asService('codepipeline')
    .send('codecommit:GetRepository', { repositoryName: repository });
  const repositoryId = present(repositoryMetadata?.repositoryId, 'id of a repository');
  const archive = await house.repositories.archiveZip(repositoryId, commitId, signal);
  // It may break before anybody reads it; whoever then reads gets the error.
  archive.on('error', () => {});
  return archive;
}

async function headOf({ caller }: Acting, repository: string, branchName: string): Promise<string> {
  const { branch } = await caller.send('codecommit:GetBranch', { repositoryName: repository, branchName });
  if (branch?.commitId) return branch.commitId;
  throw new ActionRefused('ConfigurationError', `The branch ${branchName} of ${repository} has no commit`);
}

/** Git's raw form, seconds and zone: `1767225600 +0100`. */
function parseGitDate(date: string | undefined): number | undefined {
  const seconds = Number.parseInt(date ?? '', 10);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

function isoOf(at: number | undefined): string {
  return at === undefined ? '' : new Date(at).toISOString().replace('.000Z', 'Z');
}
