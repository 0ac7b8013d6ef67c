/**
 * What an Install will do, worked out before anything is touched: conflicts with files that are there are found here,
 * while the old version still stands. What the last Install made counts as ours and may be replaced.
 */

import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { AppSpec, FileExistsBehavior, PermissionRule } from '#core/appspec/app-spec.ts';
import { isCovered } from '#core/appspec/permissions.ts';
import { isMissing } from './files.ts';
import { EventFailure } from './outcome.ts';

/** In the words of AWS's agent, as they stand in `<group>-install.json`. */
export type Instruction =
  | { readonly type: 'mkdir'; readonly directory: string }
  | { readonly type: 'copy'; readonly source: string; readonly destination: string }
  | { readonly type: 'chmod'; readonly mode: string; readonly file: string }
  | { readonly type: 'setfacl'; readonly acl: readonly string[]; readonly file: string }
  | { readonly type: 'chown'; readonly owner?: string; readonly group?: string; readonly file: string };

const ENTRIES_MAX = 200_000;

export async function planInstall(
  appSpec: AppSpec,
  archive: string,
  behavior: FileExistsBehavior,
  ours: ReadonlySet<string>,
): Promise<readonly Instruction[]> {
  const planner = createPlanner(appSpec.fileExistsBehavior ?? behavior, ours);
  for (const { source, destination } of appSpec.files) {
    if (!isAbsolute(destination)) {
      throw failure(`the destination ${destination} of ${source} is not an absolute path.`);
    }
    const from = resolve(archive, `.${sep}${source}`);
    if (from !== archive && !from.startsWith(archive + sep)) {
      throw failure(`the source ${source} lies outside of the bundle.`);
    }
    const kind = await kindOf(from, true);
    if (kind === undefined) throw failure(`the source ${source} does not exist in the bundle.`);
    const to = resolve(destination);
    if (kind === 'directory') {
      await planner.directory(to);
      await planner.contents(from, to);
    } else {
      await planner.directory(to);
      await planner.copy(from, join(to, basename(from)));
    }
  }
  const { made } = planner;
  return [...planner.instructions, ...(await planPermissions(appSpec.permissions, made))];
}

/** What the plan makes, with its kind; these and nothing else get permissions. */
type Made = ReadonlyMap<string, 'file' | 'directory'>;

function createPlanner(behavior: FileExistsBehavior, ours: ReadonlySet<string>) {
  const instructions: Instruction[] = [];
  const made = new Map<string, 'file' | 'directory'>();
  const standing = new Set<string>();

  /** The folder and those above it that are missing. */
  async function directory(path: string): Promise<void> {
    if (made.get(path) === 'directory' || standing.has(path)) return;
    if (made.get(path) === 'file') throw failure(`${path} would be both a file and a folder.`);
    const kind = await kindOf(path, true);
    if (kind === 'file' && !ours.has(path))
      throw failure(`there is a file at ${path}, where a folder is needed.`);
    if (kind === 'directory' && !ours.has(path)) {
      standing.add(path);
      return;
    }
    const above = dirname(path);
    if (above !== path) await directory(above);
    add(path, 'directory', { type: 'mkdir', directory: path });
  }

  async function contents(from: string, to: string): Promise<void> {
    for (const entry of (await readdir(from)).sort()) {
      const source = join(from, entry);
      const destination = join(to, entry);
      // A link to a folder is followed and becomes a folder; a link to a file stays a link.
      if ((await kindOf(source, true)) === 'directory') {
        await directory(destination);
        await contents(source, destination);
      } else {
        await copy(source, destination);
      }
    }
  }

  async function copy(source: string, destination: string): Promise<void> {
    if (made.has(destination)) throw failure(`two files of the bundle are meant for ${destination}.`);
    const kind = await kindOf(destination, false);
    if (kind !== undefined && !ours.has(destination)) {
      if (kind === 'directory') throw failure(`there is a folder at ${destination}, where a file is needed.`);
      if (behavior === 'RETAIN') return;
      if (behavior === 'DISALLOW') {
        throw failure(`a file already exists at ${destination}, and file_exists_behavior is DISALLOW.`);
      }
    }
    add(destination, 'file', { type: 'copy', source, destination });
  }

  function add(path: string, kind: 'file' | 'directory', instruction: Instruction): void {
    if (made.size >= ENTRIES_MAX)
      throw failure(`more than ${ENTRIES_MAX} files and folders are to be installed.`);
    made.set(path, kind);
    instructions.push(instruction);
  }

  return { instructions, made, directory, contents, copy };
}

async function planPermissions(
  rules: readonly PermissionRule[],
  made: Made,
): Promise<readonly Instruction[]> {
  const ruled = new Set<string>();
  const instructions: Instruction[] = [];
  for (const rule of rules) {
    for (const [file, kind] of await objectsOf(rule, made)) {
      if (ruled.has(file)) throw failure(`the permissions of ${file} are set twice.`);
      ruled.add(file);
      instructions.push(...instructionsOf(rule, file, kind));
    }
  }
  return instructions;
}

async function objectsOf(
  rule: PermissionRule,
  made: Made,
): Promise<readonly [string, 'file' | 'directory'][]> {
  const object = resolve(rule.object);
  if (made.get(object) === 'file') {
    if (rule.pattern !== '**' || rule.except.length > 0) {
      throw failure(`the permission for the file ${object} may have no pattern and no exceptions.`);
    }
    return rule.types.includes('file') ? [[object, 'file']] : [];
  }
  const below = [...made].filter(([path]) => path.startsWith(object === sep ? sep : object + sep));
  return below.filter(([path, kind]) => isCovered(rule, relative(object, path), kind));
}

/** In AWS's order: mode, access list, owner. */
function instructionsOf(
  rule: PermissionRule,
  file: string,
  kind: 'file' | 'directory',
): readonly Instruction[] {
  if (rule.context) throw failure('the permissions set an SELinux context, which this agent cannot do.');
  if (kind === 'file' && rule.acls.some((acl) => /^d(?:efault)?:/.test(acl))) {
    throw failure(`the permissions set a default access list on the file ${file}.`);
  }
  const { mode, acls, owner, group } = rule;
  return [
    ...(mode === undefined ? [] : [{ type: 'chmod', mode, file } as const]),
    ...(acls.length === 0 ? [] : [{ type: 'setfacl', acl: acls, file } as const]),
    ...(owner === undefined && group === undefined
      ? []
      : [
          {
            type: 'chown',
            ...(owner === undefined ? {} : { owner }),
            ...(group === undefined ? {} : { group }),
            file,
          } as const,
        ]),
  ];
}

async function kindOf(path: string, isFollowed: boolean): Promise<'file' | 'directory' | undefined> {
  try {
    const facts = await (isFollowed ? stat(path) : lstat(path));
    return facts.isDirectory() ? 'directory' : 'file';
  } catch (error) {
    if (!isMissing(error)) throw error;
    // A link to nowhere is still there, as a file.
    return isFollowed ? kindOf(path, false) : undefined;
  }
}

function failure(because: string): EventFailure {
  return new EventFailure(`The deployment failed because ${because}`);
}
