/**
 * Where git repositories rest: bare, one folder for each repository id, below the data directory. This file creates
 * and removes them and reads their references; git itself does the rest through `git`. Names, owners and permissions
 * are rows of the codecommit room, and references live in git only.
 */

import { mkdirSync, readdirSync } from 'node:fs';
import { access, mkdir, open, readFile, readdir, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { assert } from '#base/assert.ts';
import { createChance } from '#base/chance.ts';
import { archiveTree } from './archive.ts';
import { openGit, type Git } from './git.ts';

export interface Repositories {
  /** A new empty repository whose HEAD points to the branch `initialBranch`. Durable when it resolves. */
  create(repositoryId: string, initialBranch: string): Promise<void>;
  exists(repositoryId: string): Promise<boolean>;
  /** Gone at once for every later use; the bytes go in the background. Idempotent. */
  delete(repositoryId: string): Promise<void>;
  /** The bare repository's folder, for `git --git-dir`. */
  path(repositoryId: string): string;
  readonly git: Git;
  /** The object that a full reference name (`refs/heads/main`) points to. */
  readReference(repositoryId: string, name: string): Promise<string | undefined>;
  /** All references below a prefix (`refs/heads/`), in byte order of their names. */
  listReferences(repositoryId: string, prefix: string): Promise<readonly Reference[]>;
  /**
   * The tree of a commit as a ZIP: no wrapping folder, executable bits and symbolic links as Unix attributes, the
   * order of git and the time of the commit, so that one commit gives the same bytes. Submodules are empty folders.
   * Rejects with `CommitNotFound` or `ArchiveTooLarge` before anything is read from the stream.
   */
  archiveZip(repositoryId: string, commitId: string, signal?: AbortSignal): Promise<Readable>;
  /** After a crash, before anything is served: ends git processes of the last run and removes what they left. */
  clearLeftovers(repositoryId: string): Promise<void>;
  /** A private folder below the store for short-lived files; on the same file system. */
  readonly scratch: string;
}

export interface Reference {
  readonly name: string;
  readonly objectId: string;
}

/** What codecommit.md §2.11 fixes for every repository; written at creation. */
const CONFIG = `[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
	logAllRefUpdates = true
	hooksPath = /dev/null
	fsync = objects,derived-metadata,reference
	fsyncMethod = fsync
	bigFileThreshold = 32m
	useReplaceRefs = false
	protectHFS = true
	protectNTFS = true
	alternateRefsCommand = exit 0 #
[gc]
	auto = 0
[maintenance]
	auto = false
[receive]
	autogc = false
	fsckObjects = true
	unpackLimit = 100
	advertisePushOptions = false
	maxInputSize = 4294967296
[receive "fsck"]
	missingSpaceBeforeDate = ignore
	zeroPaddedFilemode = ignore
	badTimezone = ignore
[transfer]
	hideRefs = refs/slipway
[uploadpack]
	allowFilter = true
	allowAnySHA1InWant = true
[repack]
	writeBitmaps = true
	updateServerInfo = false
[pack]
	threads = 2
	windowMemory = 256m
	deltaCacheSize = 128m
`;

const REPOSITORY_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const OBJECT_ID = /^[0-9a-f]{40}$/;
/** How long a git process of an earlier run may take to die before recovery gives up. */
const LEFTOVER_MS_MAX = 5_000;

export function openRepositories(directory: string): Repositories {
  const trash = join(directory, 'trash');
  const scratch = join(directory, 'scratch');
  mkdirSync(trash, { recursive: true, mode: 0o700 });
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  for (const folder of [trash, scratch]) {
    for (const name of readdirSync(folder)) removeLater(join(folder, name));
  }
  const git = openGit(directory);

  const folderOf = (repositoryId: string) => {
    assert(REPOSITORY_ID.test(repositoryId), `repository id ${JSON.stringify(repositoryId)} is malformed`);
    return join(directory, 'bare', repositoryId.slice(0, 2));
  };
  const path = (repositoryId: string) => join(folderOf(repositoryId), `${repositoryId}.git`);

  async function create(repositoryId: string, initialBranch: string): Promise<void> {
    const temporary = join(scratch, createChance());
    const init = ['init', '--bare', '--quiet', '--template=', '--object-format=sha1'];
    await git.output([...init, `--initial-branch=${initialBranch}`, temporary]);
    await writeFile(join(temporary, 'config'), CONFIG, { flush: true });
    await flush(temporary);
    await mkdir(folderOf(repositoryId), { recursive: true, mode: 0o700 });
    await rename(temporary, path(repositoryId));
    await flush(folderOf(repositoryId));
  }

  return {
    git,
    scratch,
    path,
    create,
    exists: (repositoryId) => isThere(path(repositoryId)),
    async delete(repositoryId) {
      const gone = join(trash, createChance());
      if (!(await isThere(path(repositoryId)))) return;
      await rename(path(repositoryId), gone);
      await flush(folderOf(repositoryId));
      removeLater(gone);
    },
    readReference: (repositoryId, name) => readReference(path(repositoryId), name),
    async listReferences(repositoryId, prefix) {
      const format = '--format=%(objectname) %(refname)';
      const text = await git.output(['--git-dir', path(repositoryId), 'for-each-ref', format, prefix]);
      return parseReferences(text.toString('utf8'));
    },
    archiveZip: (repositoryId, commitId, signal) => archiveTree(git, path(repositoryId), commitId, signal),
    clearLeftovers: (repositoryId) => clearLeftovers(path(repositoryId)),
  };
}

/** Reads the files of git's `files` reference store, which we chose at creation: no process, 0.1 ms. */
async function readReference(repository: string, name: string): Promise<string | undefined> {
  assert(isPlainReference(name), `reference ${JSON.stringify(name)} is malformed`);
  // Loose first: git writes a loose reference before it packs, and removes it only after the pack is in place.
  for (let attempt = 0; attempt < 2; attempt++) {
    const loose = await readText(join(repository, name));
    if (loose !== undefined && OBJECT_ID.test(loose.trim())) return loose.trim();
    const packed = await readText(join(repository, 'packed-refs'));
    const found = packed?.split('\n').find((line) => line.slice(41) === name);
    if (found) return found.slice(0, 40);
  }
  return undefined;
}

function isPlainReference(name: string): boolean {
  return name.startsWith('refs/') && !name.includes('\0') && !name.split('/').includes('..');
}

function parseReferences(text: string): readonly Reference[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ objectId: line.slice(0, 40), name: line.slice(41) }));
}

/**
 * A git that outlived a killed server could still move references; so it ends before anybody reads them. Only
 * processes whose command line names this repository's folder are meant.
 */
async function clearLeftovers(repository: string): Promise<void> {
  const until = Date.now() + LEFTOVER_MS_MAX;
  for (let pids = await processesOf(repository); pids.length > 0; pids = await processesOf(repository)) {
    if (Date.now() > until) throw new Error(`git processes of ${repository} do not end: ${pids.join(', ')}`);
    for (const pid of pids) killQuietly(pid);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const objects = join(repository, 'objects');
  for (const name of await readdir(objects).catch(() => [])) {
    if (name.startsWith('tmp_objdir-')) await rm(join(objects, name), { recursive: true, force: true });
  }
  for (const name of await readdir(repository, { recursive: true }).catch(() => [])) {
    if (name.endsWith('.lock') && !name.startsWith('objects/')) await rm(join(repository, name));
  }
}

/** Linux tells command lines in /proc; elsewhere there is nothing to find, and git's own locks must do. */
async function processesOf(repository: string): Promise<readonly number[]> {
  const names = await readdir('/proc').catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .map(async (name) => {
        const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
        if (!line.split('\0').includes(repository)) return undefined;
        const program = await readlink(`/proc/${name}/exe`).catch(() => '');
        return program.includes('git') ? Number(name) : undefined;
      }),
  );
  return found.filter((pid) => pid !== undefined);
}

/** In the background. What cannot be removed now is tried again when the store is opened next. */
function removeLater(path: string): void {
  rm(path, { recursive: true, force: true }).catch(() => {});
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EISDIR and ENOTDIR: `a` is asked for and `a/b` exists, or the other way round.
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function flush(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
