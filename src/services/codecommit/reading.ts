/** Commits, blobs, files and folders, read for people who have no clone at hand. */

import { fault } from '#base/fault.ts';
import { isObjectId, normalizePath } from '#core/commit/names.ts';
import type { CommitFacts } from '#core/commit/parse.ts';
import type { Handler } from '#services/service.ts';
import { fileModeOf, listTree, readBlob, readCommit, resolveCommit, withBatch } from './objects.ts';
import { findRepository, readRows, type Room } from './room.ts';

const COMMITS_AT_ONCE_MAX = 100;

function commitView(commitId: string, facts: CommitFacts) {
  return {
    commitId,
    treeId: facts.treeId,
    parents: [...facts.parents],
    message: facts.message,
    author: facts.author,
    committer: facts.committer,
    additionalData: facts.additionalData,
  };
}

export function getCommit(room: Room): Handler<'codecommit', 'GetCommit'> {
  return async (call, input) => {
    const repository = await findRepository(readRows(room.house), input.repositoryName);
    const commitId = input.commitId ?? '';
    if (commitId === '') throw fault('CommitIdRequiredException', 'A commit id is required');
    if (!isObjectId(commitId)) throw fault('InvalidCommitIdException', `${commitId} is not a full commit id`);
    const facts = await withBatch(room.house, repository.id, call.signal, (batch) =>
      readCommit(batch, commitId),
    );
    if (!facts) {
      throw fault('CommitIdDoesNotExistException', `${commitId} does not exist in ${repository.name}`);
    }
    return { commit: commitView(commitId, facts) };
  };
}

export function batchGetCommits(room: Room): Handler<'codecommit', 'BatchGetCommits'> {
  return async (call, input) => {
    const repository = await findRepository(readRows(room.house), input.repositoryName);
    const ids = input.commitIds;
    if (!ids || ids.length === 0) {
      throw fault('CommitIdsListRequiredException', 'A list of commit ids is required');
    }
    if (ids.length > COMMITS_AT_ONCE_MAX) {
      throw fault('CommitIdsLimitExceededException', `Up to ${COMMITS_AT_ONCE_MAX} commit ids are allowed`);
    }
    return await withBatch(room.house, repository.id, call.signal, async (batch) => {
      const commits: ReturnType<typeof commitView>[] = [];
      const errors: { commitId: string; errorCode: string; errorMessage: string }[] = [];
      for (const commitId of ids) {
        const isId = isObjectId(commitId);
        const facts = isId ? await readCommit(batch, commitId) : undefined;
        if (facts) commits.push(commitView(commitId, facts));
        else {
          errors.push({
            commitId,
            errorCode: isId ? 'CommitIdDoesNotExistException' : 'InvalidCommitIdException',
            errorMessage: isId ? `${commitId} does not exist` : `${commitId} is not a full commit id`,
          });
        }
      }
      return { commits, errors };
    });
  };
}

export function getBlob(room: Room): Handler<'codecommit', 'GetBlob'> {
  return async (call, input) => {
    const repository = await findRepository(readRows(room.house), input.repositoryName);
    const blobId = input.blobId ?? '';
    if (blobId === '') throw fault('BlobIdRequiredException', 'A blob id is required');
    if (!isObjectId(blobId)) throw fault('InvalidBlobIdException', `${blobId} is not a blob id`);
    const blob = await withBatch(room.house, repository.id, call.signal, (batch) => readBlob(batch, blobId));
    if (!blob) throw fault('BlobIdDoesNotExistException', `${blobId} does not exist in ${repository.name}`);
    return { content: blob.content };
  };
}

export function checkPath(text: string | undefined): string {
  if (text === undefined || text === '') throw fault('PathRequiredException', 'A path is required');
  const path = normalizePath(text);
  if (path === undefined) throw fault('InvalidPathException', `${text} is not a valid path`);
  return path;
}

export function getFile(room: Room): Handler<'codecommit', 'GetFile'> {
  const { house } = room;
  return async (call, input) => {
    const repository = await findRepository(readRows(house), input.repositoryName);
    const path = checkPath(input.filePath);
    return await withBatch(house, repository.id, call.signal, async (batch) => {
      const { commitId } = await resolveCommit(house, repository, batch, input.commitSpecifier);
      const [entry] = path === '' ? [] : await listTree(house, repository.id, commitId, [path]);
      const blob =
        entry?.type === 'blob' ? await readBlob(batch, entry.objectId, entry.sizeBytes) : undefined;
      if (!entry || !blob) throw fault('FileDoesNotExistException', `${path} does not exist in ${commitId}`);
      return {
        commitId,
        blobId: entry.objectId,
        filePath: path,
        fileMode: fileModeOf(entry.mode),
        fileSize: entry.sizeBytes,
        fileContent: blob.content,
      };
    });
  };
}

export function getFolder(room: Room): Handler<'codecommit', 'GetFolder'> {
  const { house } = room;
  return async (call, input) => {
    const repository = await findRepository(readRows(house), input.repositoryName);
    const path = input.folderPath === '' ? '' : checkPath(input.folderPath);
    return await withBatch(house, repository.id, call.signal, async (batch) => {
      const { commitId, facts } = await resolveCommit(house, repository, batch, input.commitSpecifier);
      const [folder] = path === '' ? [] : await listTree(house, repository.id, commitId, [path]);
      if (path !== '' && folder?.type !== 'tree') {
        throw fault('FolderDoesNotExistException', `${path} is not a folder in ${commitId}`);
      }
      const treeId = folder?.objectId ?? facts.treeId;
      const entries = await listTree(house, repository.id, treeId, []);
      const names = (entry: { readonly path: string }) => ({
        absolutePath: path === '' ? entry.path : `${path}/${entry.path}`,
        relativePath: entry.path,
      });
      const files = entries.filter((entry) => entry.type === 'blob');
      const blobView = (entry: (typeof files)[number]) => ({
        blobId: entry.objectId,
        ...names(entry),
        fileMode: fileModeOf(entry.mode),
      });
      return {
        commitId,
        folderPath: path,
        treeId,
        subFolders: entries
          .filter((entry) => entry.type === 'tree')
          .map((entry) => ({ treeId: entry.objectId, ...names(entry) })),
        files: files.filter((entry) => entry.mode !== '120000').map(blobView),
        symbolicLinks: files.filter((entry) => entry.mode === '120000').map(blobView),
        subModules: entries
          .filter((entry) => entry.type === 'commit')
          .map((entry) => ({ commitId: entry.objectId, ...names(entry) })),
      };
    });
  };
}
