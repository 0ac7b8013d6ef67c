/**
 * Commits by the API: PutFile, DeleteFile and CreateCommit. The commit is built by one `git fast-import` under a hidden
 * reference; then the branch moves to it in the same section as a push, if its tip is still the parent.
 */

import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import { isObjectId } from '#core/commit/names.ts';
import { principalArn, type Principal } from '#core/policy/principal.ts';
import { GitFailed } from '#store/git.ts';
import type { Call, Handler, House } from '#services/service.ts';
import { checkBranchName, updateReferences } from './branches.ts';
import { changeReferences } from './changes.ts';
import { fileModeOf, listTree, readCommit, withBatch, type TreeEntry } from './objects.ts';
import { checkPath } from './reading.ts';
import { FILE_BYTES_MAX, findRepository, readRows, type Room } from './room.ts';
import type { RepositoryRow } from './tables.ts';

const CONTENT_BYTES_MAX = 7 * 1024 * 1024;
const ENTRIES_MAX = 100;
const MESSAGE_BYTES_MAX = 256 * 1024;
const NAME_LENGTH_MAX = 1024;
const EMAIL_LENGTH_MAX = 256;
const MODES = { NORMAL: '100644', EXECUTABLE: '100755', SYMLINK: '120000' } as const;
const GITLINK = '160000';

type FileMode = keyof typeof MODES;

interface Put {
  readonly path: string;
  readonly mode: FileMode | undefined;
  readonly content: Uint8Array | undefined;
  /** A path of the parent, whose content and mode are taken. */
  readonly source: { readonly path: string; readonly isMove: boolean } | undefined;
}

interface CommitPlan {
  readonly repository: RepositoryRow;
  readonly branchName: string;
  readonly parentCommitId: string | undefined;
  readonly puts: readonly Put[];
  readonly deletes: readonly string[];
  readonly modes: readonly { readonly path: string; readonly mode: FileMode }[];
  readonly message: string | undefined;
  readonly name: string | undefined;
  readonly email: string | undefined;
}

interface Committed {
  readonly commitId: string;
  readonly treeId: string;
  readonly before: ReadonlyMap<string, TreeEntry>;
  readonly after: ReadonlyMap<string, TreeEntry>;
}

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

function checkMode(mode: string | undefined): FileMode | undefined {
  if (mode !== undefined && !Object.hasOwn(MODES, mode)) {
    throw fault('InvalidFileModeException', `${mode} is none of NORMAL, EXECUTABLE and SYMLINK`);
  }
  return mode as FileMode | undefined;
}

function checkPlan(plan: CommitPlan): void {
  const { puts, deletes, modes } = plan;
  const count = puts.length + deletes.length + modes.length;
  if (count === 0) throw fault('FileEntryRequiredException', 'A commit needs at least one file');
  if (count > ENTRIES_MAX) {
    throw fault('MaximumFileEntriesExceededException', `A commit can name up to ${ENTRIES_MAX} files`);
  }
  const sizes = puts.map((put) => put.content?.byteLength ?? 0);
  const isTooLarge =
    sizes.some((size) => size > FILE_BYTES_MAX) ||
    sizes.reduce((sum, size) => sum + size, 0) > CONTENT_BYTES_MAX;
  if (isTooLarge) {
    throw fault(
      'FileContentSizeLimitExceededException',
      `A file can have ${FILE_BYTES_MAX} bytes, all together ${CONTENT_BYTES_MAX}`,
    );
  }
  const written = [...puts.map((put) => put.path), ...deletes];
  const taken = puts.flatMap((put) => (put.source?.isMove === true ? [put.source.path] : []));
  const targets = [...written, ...taken];
  if (targets.includes('')) throw fault('InvalidPathException', 'The root is not a file');
  if (new Set(targets).size < targets.length)
    throw fault('SamePathRequestException', 'A path is named twice');
  for (const put of puts) {
    if (puts.some((other) => other.path.startsWith(`${put.path}/`))) {
      throw fault('PutFileEntryConflictException', `${put.path} cannot be a file and a folder`);
    }
  }
  if (Buffer.byteLength(plan.message ?? '') > MESSAGE_BYTES_MAX) {
    throw fault('CommitMessageLengthExceededException', `A message can have ${MESSAGE_BYTES_MAX} bytes`);
  }
  if ((plan.name?.length ?? 0) > NAME_LENGTH_MAX) {
    throw fault('NameLengthExceededException', `A name can have ${NAME_LENGTH_MAX} characters`);
  }
  if ((plan.email?.length ?? 0) > EMAIL_LENGTH_MAX || /[<>\x00-\x1f]/.test(plan.email ?? '')) {
    throw fault('InvalidEmailException', `${plan.email} is not an email address`);
  }
}

async function commit(room: Room, call: Call, plan: CommitPlan): Promise<Committed> {
  checkPlan(plan);
  const { house } = room;
  const { repository, branchName } = plan;
  const reference = `refs/heads/${branchName}`;
  const parentId = await findParent(room, call, plan);
  const paths = plan.puts.flatMap((put) => [put.path, ...(put.source ? [put.source.path] : [])]);
  const named = [...paths, ...plan.deletes, ...plan.modes.map((each) => each.path)];
  const before = await entriesOf(house, repository.id, parentId, named);
  const commands = changeCommands(plan, before);
  const temporary = `refs/slipway/tmp/${createUuid()}`;
  const commitId = await importCommit(house, call, plan, { temporary, parentId, commands });
  const treeId = await treeOf(house, call, repository.id, commitId);
  const drop = `delete ${temporary}\0${commitId}\0`;
  if (parentId !== undefined && treeId === (await treeOf(house, call, repository.id, parentId))) {
    await updateReferences(house, repository.id, [drop]);
    throw fault('NoChangeException', 'The commit would change nothing');
  }
  const { applied } = await changeReferences(room, {
    repository,
    callerUserArn: principalArn(call.principal),
    changes: [{ name: reference, oldId: parentId, newId: commitId }],
    apply: async () => {
      const old = parentId ?? '0'.repeat(40);
      try {
        await updateReferences(house, repository.id, [`update ${reference}\0${commitId}\0${old}\0`, drop]);
      } catch (error) {
        if (!(error instanceof GitFailed)) throw error;
        await updateReferences(house, repository.id, [drop]);
        throw outdated(parentId, reference, error);
      }
    },
  });
  if (!applied.includes(reference)) throw outdated(parentId, reference);
  return { commitId, treeId, before, after: await entriesOf(house, repository.id, commitId, named) };
}

function outdated(parentId: string | undefined, reference: string, cause?: unknown) {
  return fault(
    'ParentCommitIdOutdatedException',
    `Parent commit id ${parentId ?? '(none)'} is not the tip of ${reference}`,
    { cause },
  );
}

/** The branch's tip, which the caller must name; nothing in a repository without branches. */
async function findParent(room: Room, call: Call, plan: CommitPlan): Promise<string | undefined> {
  const { repository, branchName, parentCommitId } = plan;
  const reference = `refs/heads/${branchName}`;
  const tip = await room.house.repositories.readReference(repository.id, reference);
  if (tip === undefined) {
    if (repository.default_branch === null) return undefined;
    const tag = await room.house.repositories.readReference(repository.id, `refs/tags/${branchName}`);
    if (tag !== undefined)
      throw fault('BranchNameIsTagNameException', `${branchName} is a tag, not a branch`);
    throw fault('BranchDoesNotExistException', `The branch ${branchName} does not exist`);
  }
  if (!parentCommitId)
    throw fault('ParentCommitIdRequiredException', 'The id of the parent commit is required');
  if (!isObjectId(parentCommitId)) {
    throw fault('InvalidParentCommitIdException', `${parentCommitId} is not a full commit id`);
  }
  if (parentCommitId === tip) return tip;
  const known = await withBatch(room.house, repository.id, call.signal, (batch) =>
    readCommit(batch, parentCommitId),
  );
  if (!known) throw fault('ParentCommitDoesNotExistException', `${parentCommitId} does not exist`);
  throw outdated(parentCommitId, reference);
}

/** What is at these paths and at every folder above them. */
async function entriesOf(
  house: House,
  repositoryId: string,
  commitId: string | undefined,
  paths: readonly string[],
): Promise<ReadonlyMap<string, TreeEntry>> {
  if (commitId === undefined) return new Map();
  const all = paths.flatMap((path) => [path, ...foldersOf(path)]);
  const entries = await listTree(house, repositoryId, commitId, [...new Set(all)]);
  return new Map(entries.map((entry) => [entry.path, entry]));
}

function foldersOf(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** The lines of fast-import for the files, after checking them against the parent's tree. */
function changeCommands(
  plan: CommitPlan,
  before: ReadonlyMap<string, TreeEntry>,
): readonly (string | Uint8Array)[] {
  const commands: (string | Uint8Array)[] = [];
  const written = new Map<string, { readonly mode: string; readonly objectId: string | undefined }>();
  const removed = new Set(plan.deletes);
  for (const path of plan.deletes) requireFile(before, path);
  for (const put of plan.puts) if (put.source?.isMove === true) removed.add(put.source.path);
  for (const path of removed) commands.push(`D ${quote(path)}\n`);
  for (const put of plan.puts) {
    checkPlace(before, put.path, removed);
    const source = put.source && requireFile(before, put.source.path);
    const mode = put.mode ? MODES[put.mode] : (source?.mode ?? before.get(put.path)?.mode ?? MODES.NORMAL);
    if (source) commands.push(`M ${mode} ${source.objectId} ${quote(put.path)}\n`);
    else {
      const content = put.content ?? new Uint8Array();
      commands.push(`M ${mode} inline ${quote(put.path)}\ndata ${content.byteLength}\n`, content, '\n');
    }
    written.set(put.path, { mode, objectId: source?.objectId });
  }
  for (const { path, mode } of plan.modes) {
    const put = plan.puts.find((each) => each.path === path);
    if (put?.content) {
      const content = put.content;
      commands.push(`M ${MODES[mode]} inline ${quote(path)}\ndata ${content.byteLength}\n`, content, '\n');
      continue;
    }
    const objectId = written.get(path)?.objectId ?? requireFile(before, path).objectId;
    commands.push(`M ${MODES[mode]} ${objectId} ${quote(path)}\n`);
  }
  return commands;
}

function requireFile(before: ReadonlyMap<string, TreeEntry>, path: string): TreeEntry {
  const entry = before.get(path);
  if (entry?.type !== 'blob') throw fault('FileDoesNotExistException', `${path} does not exist`);
  return entry;
}

function checkPlace(
  before: ReadonlyMap<string, TreeEntry>,
  path: string,
  removed: ReadonlySet<string>,
): void {
  const there = before.get(path);
  if (there?.type === 'tree') {
    throw fault('FileNameConflictsWithDirectoryNameException', `${path} is a folder`);
  }
  for (const folder of [path, ...foldersOf(path)]) {
    const entry = before.get(folder);
    if (entry?.mode === GITLINK) {
      throw fault('FilePathConflictsWithSubmodulePathException', `${folder} is a submodule`);
    }
    if (folder !== path && entry?.type === 'blob' && !removed.has(folder)) {
      throw fault('DirectoryNameConflictsWithFileNameException', `${folder} is a file`);
    }
  }
}

/** As fast-import reads paths: in quotes, whatever they hold. */
function quote(path: string): string {
  return `"${path.replace(/[\\"]/g, (character) => `\\${character}`).replaceAll('\n', '\\n')}"`;
}

async function importCommit(
  house: House,
  call: Call,
  plan: CommitPlan,
  work: {
    readonly temporary: string;
    readonly parentId: string | undefined;
    readonly commands: readonly (string | Uint8Array)[];
  },
): Promise<string> {
  const { git, path, readReference } = house.repositories;
  const who = `${plain(plan.name ?? nameOf(call.principal))} <${plain(plan.email ?? '')}>`;
  const when = `${Math.floor(call.at / 1000)} +0000`;
  const message = Buffer.from(plan.message ?? defaultMessage(plan));
  const stream = [
    'feature done\n',
    `commit ${work.temporary}\nauthor ${who} ${when}\ncommitter ${who} ${when}\n`,
    `data ${message.length}\n`,
    message,
    '\n',
    work.parentId === undefined ? '' : `from ${work.parentId}\n`,
    ...work.commands,
    'done\n',
  ];
  const input = Buffer.concat(stream.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  const args = ['--git-dir', path(plan.repository.id), 'fast-import', '--quiet', '--done'];
  await git.output(args, { input, signal: call.signal });
  const commitId = await readReference(plan.repository.id, work.temporary);
  if (commitId === undefined) throw new Error(`git fast-import made no ${work.temporary}`);
  return commitId;
}

async function treeOf(house: House, call: Call, repositoryId: string, commitId: string): Promise<string> {
  const facts = await withBatch(house, repositoryId, call.signal, (batch) => readCommit(batch, commitId));
  if (!facts) throw new Error(`commit ${commitId} is missing`);
  return facts.treeId;
}

function plain(text: string): string {
  return text.replace(/[<>\x00-\x1f]/g, '').trim();
}

function nameOf(principal: Principal): string {
  switch (principal.type) {
    case 'user':
      return principal.userName;
    case 'role':
      return principal.sessionName;
    case 'root':
    case 'service':
    case 'anonymous':
      return principalArn(principal);
  }
}

function defaultMessage(plan: CommitPlan): string {
  const [put] = plan.puts;
  const [deleted] = plan.deletes;
  const count = plan.puts.length + plan.deletes.length + plan.modes.length;
  if (count > 1) return `Changed ${count} files`;
  if (deleted !== undefined) return `Deleted ${deleted}`;
  return put ? `Put ${put.path}` : `Changed the mode of ${plan.modes[0]?.path ?? ''}`;
}
