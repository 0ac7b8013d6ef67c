/**
 * The CodeCommit source: pins a commit, packs its tree and puts it into the artifact bucket. The role needs GetBranch,
 * GetCommit and UploadArchive of the repository, as at AWS. AWS: "CodeCommit source action reference".
 */

import { arnOf } from '#base/arn.ts';
import { isFault } from '#base/fault.ts';
import { present } from '#base/assert.ts';
import type { StartAction } from '#core/pipeline/state.ts';
import type { Acting, Action, Outcome } from './action.ts';
import { ActionRefused, configured, cut } from './action.ts';
import { isDenied } from './failure.ts';
import { putArtifact } from './artifacts.ts';

const SUMMARY_LENGTH_MAX = 2_048;
const MESSAGE_LENGTH_MAX = 100 * 1024;

export const codecommitSource: Action = {
  async start(acting, order) {
    const repository = configured(order, 'RepositoryName');
    try {
      return await fetchCommit(acting, order, repository);
    } catch (error) {
      if (!isFault(error)) throw error;
      if (isDenied(error)) {
        const message =
          `Could not access the CodeCommit repository ${repository}. Make sure that the pipeline IAM role has ` +
          `sufficient permissions to access the repository. Underlying error: ${error.message}`;
        throw new ActionRefused('PermissionError', message, error);
      }
      if (error.code === 'CommitIdDoesNotExistException' || error.code === 'CommitDoesNotExistException') {
        throw new ActionRefused('RevisionUnavailable', error.message, error);
      }
      throw error;
    }
  },
};

async function fetchCommit(acting: Acting, order: StartAction, repository: string): Promise<Outcome> {
  const { house, caller, signal } = acting;
  const branch = configured(order, 'BranchName');
  const output = present(order.outputs[0], 'output artifact of a source');
  const commitId = order.pin?.commitId ?? (await headOf(acting, repository, branch));
  const { commit } = await caller.send('codecommit:GetCommit', { repositoryName: repository, commitId });
  const resource = arnOf('codecommit', house.region, house.account, repository);
  await house.trust.authorize(caller.principal, [{ action: 'codecommit:UploadArchive', resource }]);

  // The bytes are found by the repository's id, which the pipeline's role may not be allowed to ask for.
  const { repositoryMetadata } = await house
    .asService('codepipeline')
    .send('codecommit:GetRepository', { repositoryName: repository });
  const repositoryId = present(repositoryMetadata?.repositoryId, 'id of a repository');
  await putArtifact(
    acting,
    order,
    output,
    await house.repositories.archiveZip(repositoryId, commitId, signal),
  );

  const message = cut(commit?.message ?? '', MESSAGE_LENGTH_MAX);
  const committed = parseGitDate(commit?.committer?.date);
  return {
    type: 'ActionSucceeded',
    externalId: commitId,
    summary: cut(message, SUMMARY_LENGTH_MAX),
    outputVariables: {
      RepositoryName: repository,
      BranchName: branch,
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
