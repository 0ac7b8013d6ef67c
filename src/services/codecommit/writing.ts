/** Commits by the API: PutFile, DeleteFile and CreateCommit. */

import { fault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import { checkBranchName } from './branches.ts';
import { fileModeOf, type TreeEntry } from './objects.ts';
import { checkPath } from './reading.ts';
import { findRepository, readRows, type Room } from './room.ts';
import { checkMode, type Put } from './commit-plan.ts';
import { commit } from './committing.ts';

export function putFile(room: Room): Handler<'codecommit', 'PutFile'> {
  return async (call, input) => {
    const repository = await findRepository(readRows(room.house), input.repositoryName);
    const branchName = checkBranchName(input.branchName);
    const content = input.fileContent;
    if (!content || content.byteLength === 0)
      throw fault('FileContentRequiredException', 'The file has no content');
    const path = checkPath(input.filePath);
    const mode = checkMode(input.fileMode);
    const committed = await commit(room, call, {
      repository,
      branchName,
      parentCommitId: input.parentCommitId,
      puts: [{ path, mode, content, source: undefined }],
      deletes: [],
      modes: [],
      message: input.commitMessage,
      name: input.name,
      email: input.email,
    }).catch((error: unknown) => {
      const isSame = error instanceof Error && 'code' in error && error.code === 'NoChangeException';
      if (!isSame) throw error;
      throw fault('SameFileContentException', `${path} already has this content and mode`, { cause: error });
    });
    const { commitId, treeId, after } = committed;
    return { commitId, treeId, blobId: after.get(path)?.objectId ?? '' };
  };
}

export function deleteFile(room: Room): Handler<'codecommit', 'DeleteFile'> {
  return async (call, input) => {
    refuseKeeping(input.keepEmptyFolders);
    const repository = await findRepository(readRows(room.house), input.repositoryName);
    const path = checkPath(input.filePath);
    const { commitId, treeId, before } = await commit(room, call, {
      repository,
      branchName: checkBranchName(input.branchName),
      parentCommitId: input.parentCommitId,
      puts: [],
      deletes: [path],
      modes: [],
      message: input.commitMessage,
      name: input.name,
      email: input.email,
    });
    return { commitId, treeId, filePath: path, blobId: before.get(path)?.objectId ?? '' };
  };
}

export function createCommit(room: Room): Handler<'codecommit', 'CreateCommit'> {
  return async (call, input) => {
    refuseKeeping(input.keepEmptyFolders);
    const repository = await findRepository(readRows(room.house), input.repositoryName);
    const puts = (input.putFiles ?? []).map((file): Put => {
      if (file.fileContent && file.sourceFile) {
        throw fault(
          'FileContentAndSourceFileSpecifiedException',
          `${file.filePath} has both content and a source file`,
        );
      }
      if (!file.fileContent && !file.sourceFile) {
        throw fault(
          'SourceFileOrContentRequiredException',
          `${file.filePath} has neither content nor a source file`,
        );
      }
      const source = file.sourceFile;
      return {
        path: checkPath(file.filePath),
        mode: checkMode(file.fileMode),
        content: file.fileContent,
        source: source && { path: checkPath(source.filePath), isMove: source.isMove === true },
      };
    });
    const deletes = (input.deleteFiles ?? []).map((file) => checkPath(file.filePath));
    const modes = (input.setFileModes ?? []).map((file) => {
      const mode = checkMode(file.fileMode);
      if (!mode) throw fault('FileModeRequiredException', 'A file mode is required');
      return { path: checkPath(file.filePath), mode };
    });
    const { commitId, treeId, before, after } = await commit(room, call, {
      repository,
      branchName: checkBranchName(input.branchName),
      parentCommitId: input.parentCommitId,
      puts,
      deletes,
      modes,
      message: input.commitMessage,
      name: input.authorName,
      email: input.email,
    });
    const changed = [...new Set([...puts.map((put) => put.path), ...modes.map((each) => each.path)])];
    const moved = puts.flatMap((put) => (put.source?.isMove === true ? [put.source.path] : []));
    const view = (path: string, entry: TreeEntry | undefined) => ({
      absolutePath: path,
      blobId: entry?.objectId ?? '',
      fileMode: fileModeOf(entry?.mode ?? ''),
    });
    return {
      commitId,
      treeId,
      filesAdded: changed.filter((path) => !before.has(path)).map((path) => view(path, after.get(path))),
      filesUpdated: changed
        .filter((path) => before.has(path) && isDifferent(before.get(path), after.get(path)))
        .map((path) => view(path, after.get(path))),
      filesDeleted: [...deletes, ...moved].map((path) => view(path, before.get(path))),
    };
  };
}

function isDifferent(before: TreeEntry | undefined, after: TreeEntry | undefined): boolean {
  return before?.objectId !== after?.objectId || before?.mode !== after?.mode;
}

function refuseKeeping(keepEmptyFolders: boolean | undefined): void {
  if (keepEmptyFolders === true) {
    throw fault(
      'UnsupportedOperationException',
      'keepEmptyFolders is not implemented; git keeps no empty folders.',
    );
  }
}
