/**
 * What a trigger needs to know of a repository: which files a change touches, whose commit it is. Asked of CodeCommit
 * as the service itself, for a role of a pipeline needs no permission to find out that it shall start. The files of a
 * push are those that differ between its two ends; one that a push changes and changes back is not among them.
 */

import { present } from '#base/assert.ts';
import { isFault } from '#base/fault.ts';
import type { CommitFacts } from '#core/pipeline/trigger-event.ts';
import type { RepositoryChange } from '#core/pipeline/trigger-filter.ts';
import type { House } from '#services/service.ts';

/** Of one change; with more it is not known which, and filters of files pass. */
const FILES_MAX = 3_000;
const FILES_PER_PAGE = 1_000;
const OBJECT_ID = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

export type Files = readonly string[] | 'unknown';

/** None for the very first push of a branch, which has nothing to be compared with. */
export async function filesOf(house: House, change: RepositoryChange): Promise<Files> {
  const before = await beforeOf(house, change);
  if (before === undefined) return [];
  // The destination has it already: it was merged before the event told where the destination stood.
  if (before === change.commitId) return 'unknown';
  const caller = house.asService('codepipeline');
  const files: string[] = [];
  try {
    for (let token: string | undefined, isFirst = true; isFirst || token; isFirst = false) {
      const page = await caller.send('codecommit:GetDifferences', {
        repositoryName: change.repository,
        beforeCommitSpecifier: before,
        afterCommitSpecifier: change.commitId,
        MaxResults: FILES_PER_PAGE,
        ...(token === undefined ? {} : { NextToken: token }),
      });
      files.push(
        ...(page.differences ?? []).flatMap(
          ({ afterBlob, beforeBlob }) => afterBlob?.path ?? beforeBlob?.path ?? [],
        ),
      );
      token = page.NextToken;
      if (token && files.length >= FILES_MAX) return 'unknown';
    }
  } catch (error) {
    if (!isGone(error)) throw error;
    house.log.warn('the files of a change are not known', { repository: change.repository, error });
    return 'unknown';
  }
  return files;
}

async function beforeOf(house: House, change: RepositoryChange): Promise<string | undefined> {
  switch (change.type) {
    case 'branch':
      return change.oldCommitId;
    case 'tag':
      return undefined;
    case 'pullRequest':
      // What the destination got meanwhile is not a change of the pull request.
      return change.destinationCommitId === undefined
        ? undefined
        : await askGit(
            house,
            change.repository,
            ['merge-base'],
            [change.destinationCommitId, change.commitId],
          );
  }
}

/** The commit that is to run: of an annotated tag, the one that it points to. */
export async function commitOf(house: House, change: RepositoryChange): Promise<string> {
  if (change.type !== 'tag') return change.commitId;
  const { repository, commitId } = change;
  const found = await askGit(
    house,
    repository,
    ['rev-parse', '--verify', '--quiet'],
    [commitId],
    '^{commit}',
  );
  return found ?? commitId;
}

/** One line of git's answer about objects; nothing if git says no. */
async function askGit(
  house: House,
  repositoryName: string,
  command: readonly string[],
  ids: readonly string[],
  suffix = '',
): Promise<string | undefined> {
  if (!ids.every((id) => OBJECT_ID.test(id))) return undefined;
  const { git, path } = house.repositories;
  try {
    const { repositoryMetadata } = await house
      .asService('codepipeline')
      .send('codecommit:GetRepository', { repositoryName });
    const repositoryId = present(repositoryMetadata?.repositoryId, 'id of a repository');
    const question = [...command, ...ids.map((id) => id + suffix)];
    const { code, stdout } = await git.run(['--git-dir', path(repositoryId), ...question]);
    return code === 0 ? stdout.toString('utf8').split('\n')[0] || undefined : undefined;
  } catch (error) {
    if (!isGone(error)) throw error;
    return undefined;
  }
}

/** Nothing when the commit is not there any more; its execution will say so. */
export async function factsOf(
  house: House,
  repositoryName: string,
  commitId: string,
): Promise<CommitFacts | undefined> {
  try {
    const { commit } = await house
      .asService('codepipeline')
      .send('codecommit:GetCommit', { repositoryName, commitId });
    const { name = '', email = '', date = '' } = commit?.author ?? {};
    return { author: { name, email, date: isoOf(date) }, message: commit?.message ?? '' };
  } catch (error) {
    if (!isGone(error)) throw error;
    return undefined;
  }
}

/** Git's raw form is seconds and zone: `1767225600 +0100`. */
function isoOf(date: string): string {
  const seconds = Number.parseInt(date, 10);
  return Number.isSafeInteger(seconds * 1000)
    ? new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
    : '';
}

/** The repository or the commit is not there, which will stay so; anything else may pass. */
function isGone(error: unknown): boolean {
  return isFault(error) && error.code.endsWith('DoesNotExistException');
}
