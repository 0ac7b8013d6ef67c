/** Reads of git objects for the API: specifiers to commits, paths to entries, ids to content. */

import { fault } from '#base/fault.ts';
import { isObjectId } from '#core/commit/names.ts';
import { parseCommit, type CommitFacts } from '#core/commit/parse.ts';
import type { Batch, GitObject } from '#store/batch.ts';
import { openBatch } from '#store/batch.ts';
import type { House } from '#services/service.ts';
import { FILE_BYTES_MAX } from './room.ts';
import type { RepositoryRow } from './tables.ts';

const TAG_DEPTH_MAX = 10;

export interface TreeEntry {
  /** Six digits, as git prints them. */
  readonly mode: string;
  readonly type: 'blob' | 'tree' | 'commit';
  readonly objectId: string;
  /** Of blobs. */
  readonly sizeBytes: number;
  readonly path: string;
}

/** Runs `work` with one `git cat-file` process of the repository. */
export async function withBatch<Result>(
  house: House,
  repositoryId: string,
  signal: AbortSignal,
  work: (batch: Batch) => Promise<Result>,
): Promise<Result> {
  const { git, path } = house.repositories;
  const process = git.start(['--git-dir', path(repositoryId), 'cat-file', '--batch'], { signal });
  try {
    return await work(openBatch(process));
  } finally {
    process.kill();
  }
}

export async function readCommit(batch: Batch, commitId: string): Promise<CommitFacts | undefined> {
  const object = await batch.read(commitId);
  return object?.type === 'commit' ? parseCommit(object.content) : undefined;
}

/** A commit id, `HEAD`, a full reference, a branch or a tag, in this order; nothing of git's own revision syntax. */
export async function resolveCommit(
  house: House,
  repository: RepositoryRow,
  batch: Batch,
  specifier: string | undefined,
): Promise<{ readonly commitId: string; readonly facts: CommitFacts }> {
  const wanted = specifier ?? repository.default_branch ?? '';
  if (wanted === '') {
    throw fault('CommitDoesNotExistException', `${repository.name} has no commits yet`);
  }
  if (/[~^:?*[\\\s\x00-\x1f]|@\{|\.\./.test(wanted)) {
    throw fault('InvalidCommitException', `${wanted} is not a commit id, a branch, a tag or HEAD`);
  }
  const objectId = await findObject(house, repository, wanted);
  const found = objectId === undefined ? undefined : await peel(batch, objectId);
  if (!found) throw fault('CommitDoesNotExistException', `${wanted} does not exist in ${repository.name}`);
  return { commitId: found.objectId, facts: parseCommit(found.content) };
}

async function findObject(
  house: House,
  repository: RepositoryRow,
  wanted: string,
): Promise<string | undefined> {
  if (isObjectId(wanted)) return wanted;
  const names =
    wanted === 'HEAD'
      ? [`refs/heads/${repository.default_branch ?? ''}`]
      : wanted.startsWith('refs/')
        ? [wanted]
        : [`refs/heads/${wanted}`, `refs/tags/${wanted}`];
  for (const name of names) {
    const objectId = await house.repositories.readReference(repository.id, name);
    if (objectId !== undefined) return objectId;
  }
  return undefined;
}

/** Annotated tags point to what they tag. */
async function peel(batch: Batch, objectId: string): Promise<GitObject | undefined> {
  let next = objectId;
  for (let depth = 0; depth < TAG_DEPTH_MAX; depth++) {
    const object = await batch.read(next);
    if (object?.type === 'commit') return object;
    const target =
      object?.type === 'tag'
        ? /^object ([0-9a-f]{40})$/m.exec(object.content.toString('latin1'))?.[1]
        : undefined;
    if (target === undefined) return undefined;
    next = target;
  }
  return undefined;
}

/** The entries with exactly these paths; for a path with a trailing slash, what is directly in that folder. */
export async function listTree(
  house: House,
  repositoryId: string,
  treeish: string,
  paths: readonly string[],
): Promise<readonly TreeEntry[]> {
  const { git, path } = house.repositories;
  const args = ['--git-dir', path(repositoryId), '--literal-pathspecs', 'ls-tree', '-z', '-l', '--full-tree'];
  const text = await git.output([...args, treeish, '--', ...paths]);
  return text
    .toString('utf8')
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => {
      const tab = line.indexOf('\t');
      const [mode = '', type = '', objectId = '', size = ''] = line.slice(0, tab).split(/ +/);
      return {
        mode,
        type: type as TreeEntry['type'],
        objectId,
        sizeBytes: size === '-' ? 0 : Number(size),
        path: line.slice(tab + 1),
      };
    });
}

/** Content of a blob that the API may show. */
export async function readBlob(
  batch: Batch,
  blobId: string,
  sizeBytes?: number,
): Promise<GitObject | undefined> {
  if (sizeBytes !== undefined && sizeBytes > FILE_BYTES_MAX) throw fileTooLarge(blobId);
  const object = await batch.read(blobId);
  if (object && object.content.length > FILE_BYTES_MAX) throw fileTooLarge(blobId);
  return object?.type === 'blob' ? object : undefined;
}

function fileTooLarge(blobId: string) {
  return fault(
    'FileTooLargeException',
    `${blobId} is larger than ${FILE_BYTES_MAX} bytes; clone the repository to read it`,
  );
}

/** `NORMAL`, `EXECUTABLE` or `SYMLINK`. */
export function fileModeOf(mode: string): 'NORMAL' | 'EXECUTABLE' | 'SYMLINK' {
  return mode === '100755' ? 'EXECUTABLE' : mode === '120000' ? 'SYMLINK' : 'NORMAL';
}
