/**
 * What a trigger needs to know of a repository: which files a change touches, whose commit it is. It is asked as the
 * service itself, for a role of a pipeline needs no permission to find out that it shall start.
 */

import { present } from '#base/assert.ts';
import { isFault } from '#base/fault.ts';
import type { CommitFacts } from '#core/pipeline/trigger/trigger-event.ts';
import type { RepositoryChange } from '#core/pipeline/trigger/trigger-filter.ts';
import type { House } from '#services/service.ts';

/** Of one change; with more, or more text, it is not known which, and filters of files pass. */
const FILES_MAX = 3_000;
const NAMES_BYTES_MAX = 8 * 1024 * 1024;
const NAMES_MS_MAX = 30_000;
const OBJECT_ID = /^[0-9a-f]{40}([0-9a-f]{24})?$/;
const NAMES = ['--name-only', '-z', '--no-renames'];

export type Files = readonly string[] | 'unknown';

/**
 * Of a push: whatever one of its commits changed, even if a later one took it back. Of a pull request: what it would
 * change. None for the very first push of a branch, which has nothing to be compared with.
 */
export async function filesOf(house: House, change: RepositoryChange): Promise<Files> {
  switch (change.type) {
    case 'tag':
      return [];
    case 'branch': {
      const { oldCommitId, commitId } = change;
      if (oldCommitId === undefined) return [];
      const ids = [oldCommitId, commitId];
      return readNames(house, change, ids, ([from, to]) => [
        ...['log', ...NAMES, '--format=', '--diff-merges=first-parent'],
        `${from}..${to}`,
      ]);
    }
    case 'pullRequest': {
      const { destinationCommitId, commitId } = change;
      if (destinationCommitId === undefined) return 'unknown';
      // What the destination got meanwhile is not a change of the pull request.
      const base = await askGit(house, change.repository, [destinationCommitId, commitId], (ids) => [
        'merge-base',
        ...ids,
      ]);
      // The destination has it already: it was merged before the event told where the destination stood.
      if (base === undefined || base === commitId) return 'unknown';
      return readNames(house, change, [base, commitId], (ids) => ['diff', ...NAMES, ...ids]);
    }
  }
}

/** The commit that is to run: of an annotated tag, the one that it points to. */
export async function commitOf(house: House, change: RepositoryChange): Promise<string> {
  if (change.type !== 'tag') return change.commitId;
  const found = await askGit(house, change.repository, [change.commitId], ([id]) => [
    ...['rev-parse', '--verify', '--quiet', '--end-of-options'],
    `${id}^{commit}`,
  ]);
  return found ?? change.commitId;
}

type Question = (ids: readonly string[]) => readonly string[];

/** One line of git's answer about objects; nothing if git says no. */
async function askGit(
  house: House,
  repositoryName: string,
  ids: readonly string[],
  question: Question,
): Promise<string | undefined> {
  const directory = await directoryOf(house, repositoryName, ids);
  if (directory === undefined) return undefined;
  const { code, stdout } = await house.repositories.git.run(['--git-dir', directory, ...question(ids)]);
  return code === 0 ? stdout.toString('utf8').split('\n')[0] || undefined : undefined;
}

/** Names of files, ended by NUL, while git finds them; git is ended where it finds too many or takes too long. */
async function readNames(
  house: House,
  change: RepositoryChange,
  ids: readonly string[],
  question: Question,
): Promise<Files> {
  const directory = await directoryOf(house, change.repository, ids);
  if (directory === undefined) return 'unknown';
  const process = house.repositories.git.start(['--git-dir', directory, ...question(ids)]);
  const cancel = house.clock.callAt(house.clock.now() + NAMES_MS_MAX, () => process.kill());
  try {
    process.stdin.end();
    process.stderr.resume();
    const files = new Set<string>();
    let left = NAMES_BYTES_MAX;
    let rest = '';
    process.stdout.setEncoding('utf8');
    for await (const text of process.stdout as AsyncIterable<string>) {
      left -= text.length;
      const names = (rest + text).split('\0');
      rest = names.pop() ?? '';
      for (const name of names) if (name.trim() !== '') files.add(name);
      if (left < 0 || files.size > FILES_MAX) return 'unknown';
    }
    if ((await process.ended) === 0) return [...files];
    house.log.warn('the files of a change are not known', { repository: change.repository });
    return 'unknown';
  } finally {
    cancel();
    process.kill();
  }
}

/** Nothing when the repository is not there any more, or what are said to be objects cannot be. */
async function directoryOf(
  house: House,
  repositoryName: string,
  ids: readonly string[],
): Promise<string | undefined> {
  if (!ids.every((id) => OBJECT_ID.test(id))) return undefined;
  try {
    const { repositoryMetadata } = await house
      .asService('codepipeline')
      .send('codecommit:GetRepository', { repositoryName });
    return house.repositories.path(present(repositoryMetadata?.repositoryId, 'id of a repository'));
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
