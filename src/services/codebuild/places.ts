/**
 * Where the sources of a build lie, as its commands name it and as the server finds it. Whatever the server opens in a
 * workspace goes through here: a path is followed to its end and must still be below where it began.
 */

import { chownSync, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { BuildPlan, SourcePlan } from '#core/build/state.ts';
import type { Owner, Sandbox } from '#runtimes/runtime.ts';

export interface SourcePlace {
  readonly source: SourcePlan;
  /** As commands see it: `/codebuild/output/src…/src/…`. */
  readonly path: string;
  /** Below the workspace, for both views. */
  readonly inWorkspace: string;
}

/** The primary source first. */
export function sourcePlaces(plan: BuildPlan, workspace: string, region: string): readonly SourcePlace[] {
  const first = Number.parseInt(plan.uuid.slice(0, 8), 16);
  return [plan.source, ...plan.secondarySources].map((source, i) => {
    const root = `output/src${first + i}/src`;
    const repository = repositoryOf(source);
    const inWorkspace = repository
      ? `${root}/git-codecommit.${region}.amazonaws.com/v1/repos/${repository}`
      : [root, ...foreignFolders(source)].join('/');
    return { source, path: `${workspace}/${inWorkspace}`, inWorkspace };
  });
}

/** Host and path of another provider's repository, as far as they are plain words. */
function foreignFolders({ type, location = '' }: SourcePlan): string[] {
  if (!/^(GITHUB|GITLAB|BITBUCKET)/.test(type) || !URL.canParse(location)) return [];
  const { hostname, pathname } = new URL(location);
  const parts = [hostname, ...pathname.replace(/\.git\/?$/, '').split('/')].filter(Boolean);
  return parts.every((part) => /^[\w.-]{1,100}$/.test(part) && !/^\.+$/.test(part)) ? parts : [];
}

/** The repository that a CodeCommit clone URL names, on AWS's host or on ours. */
export function repositoryOf(source: SourcePlan): string | undefined {
  if (source.type !== 'CODECOMMIT') return undefined;
  return /\/v1\/repos\/([\w.-]{1,100})\/?$/.exec(source.location ?? '')?.[1];
}

/** Makes a folder of the workspace, and those above it, for the sandbox's user. */
export function makeFolder(
  workspaceDirectory: string,
  inWorkspace: string,
  owner: Owner | undefined,
): string {
  let path = workspaceDirectory;
  for (const part of inWorkspace.split('/').filter(Boolean)) {
    path = join(path, part);
    if (existsSync(path)) continue;
    mkdirSync(path, { mode: 0o755 });
    if (owner) chownSync(path, owner.uid, owner.gid);
  }
  return path;
}

/** Where a path that commands use lies for the server, and the folder that it may not leave. */
export interface HostPlace {
  readonly path: string;
  readonly limit: string;
}

/** `undefined` for what lies outside of the folders that survive the sandbox. */
export function hostPlace(sandbox: Sandbox, directory: string, path: string): HostPlace | undefined {
  const below = (root: string) => path === root || path.startsWith(`${root}/`);
  if (below(sandbox.workspace)) {
    const limit = sandbox.workspaceDirectory;
    return { path: join(limit, path.slice(sandbox.workspace.length)), limit };
  }
  if (below(sandbox.home)) {
    const limit = join(directory, 'home');
    return { path: join(limit, path.slice(sandbox.home.length)), limit };
  }
  return undefined;
}

/** The real path of what `path` means below `root`; `undefined` when nothing is there or a link leads out. */
export function beneath(root: string, path: string): string | undefined {
  try {
    const realRoot = realpathSync(root);
    const real = realpathSync(join(realRoot, path));
    const way = relative(realRoot, real);
    return way === '..' || way.startsWith(`..${sep}`) || way.startsWith(sep) ? undefined : real;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'EACCES') return undefined;
    throw error;
  }
}
