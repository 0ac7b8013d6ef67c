/**
 * What a commit by the API is to change: checked against the limits and against the tree of its parent, and written
 * as the commands of git fast-import. Reads nothing by itself.
 */

import { fault } from '#base/fault.ts';
import type { TreeEntry } from './objects.ts';
import { FILE_BYTES_MAX } from './room.ts';
import type { RepositoryRow } from './tables.ts';

const CONTENT_BYTES_MAX = 7 * 1024 * 1024;
const ENTRIES_MAX = 100;
const MESSAGE_BYTES_MAX = 256 * 1024;
const NAME_LENGTH_MAX = 1024;
const EMAIL_LENGTH_MAX = 256;
const MODES = { NORMAL: '100644', EXECUTABLE: '100755', SYMLINK: '120000' } as const;
const GITLINK = '160000';

type FileMode = keyof typeof MODES;

export interface Put {
  readonly path: string;
  readonly mode: FileMode | undefined;
  readonly content: Uint8Array | undefined;
  /** A path of the parent, whose content and mode are taken. */
  readonly source: { readonly path: string; readonly isMove: boolean } | undefined;
}

export interface CommitPlan {
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

export function checkMode(mode: string | undefined): FileMode | undefined {
  if (mode !== undefined && !Object.hasOwn(MODES, mode)) {
    throw fault('InvalidFileModeException', `${mode} is none of NORMAL, EXECUTABLE and SYMLINK`);
  }
  return mode as FileMode | undefined;
}

export function checkPlan(plan: CommitPlan): void {
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

export function foldersOf(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** The lines of fast-import for the files, after checking them against the parent's tree. */
export function changeCommands(
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

export function defaultMessage(plan: CommitPlan): string {
  const [put] = plan.puts;
  const [deleted] = plan.deletes;
  const count = plan.puts.length + plan.deletes.length + plan.modes.length;
  if (count > 1) return `Changed ${count} files`;
  if (deleted !== undefined) return `Deleted ${deleted}`;
  return put ? `Put ${put.path}` : `Changed the mode of ${plan.modes[0]?.path ?? ''}`;
}
