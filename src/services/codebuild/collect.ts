/**
 * Which files make an artifact. The sandbox is gone when this runs, so nothing changes under its feet; still no link is
 * followed out of the source, and everything comes in a fixed order.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.artifacts.files
 */

import { lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { ArtifactsSpec } from '#core/buildspec/buildspec.ts';
import { isGlobPattern, matchesGlob, parseGlob, type Glob } from '#core/glob.ts';
import { PhaseFailure } from './bench.ts';
import { beneath } from './places.ts';

const FILES_MAX = 100_000;
const ENTRIES_MAX = 1_000_000;

export interface CollectedFile {
  /** The name in the artifact. */
  readonly name: string;
  /** The real file. */
  readonly path: string;
  readonly mode: number;
  readonly modifiedAt: Date;
  /** For a link that is kept as a link. */
  readonly linkTo?: string;
}

export interface Collection {
  readonly files: readonly CollectedFile[];
  /** For the log. */
  readonly lines: readonly string[];
}

/**
 * `source` is the source folder as the server sees it; `base` may be outside of it, but what it means, also by dots,
 * links and patterns, counts only below `limit`, the workspace or the home of the build. The source folder itself is
 * no exception: a build can put a link in its place.
 */
export function collectFiles(spec: ArtifactsSpec, source: string, base: string, limit: string): Collection {
  const bases = expandBase(base, limit);
  if (bases.length === 0) {
    throw new PhaseFailure(
      'CLIENT_ERROR',
      `no matching base directory path found for ${spec.baseDirectory ?? '.'}`,
    );
  }
  const lines = [`Expanding base directory path: ${spec.baseDirectory ?? '.'}`, 'Assembling file list'];
  const files = new Map<string, CollectedFile>();
  const excluded = spec.excludePaths.map(requireGlob);
  for (const folder of bases) {
    lines.push(
      `Expanding file paths for base directory ${relative(source, folder) || '.'}`,
      'Assembling file list',
    );
    for (const pattern of spec.files) {
      lines.push(`Expanding ${pattern}`);
      const paths = findFiles(folder, pattern).filter(
        (path) => !excluded.some((glob) => matchesGlob(glob, path)),
      );
      if (paths.length === 0) lines.push(`Skipping invalid file path ${pattern}`);
      else lines.push(`Found ${paths.length} file(s)`);
      for (const path of paths) {
        const file = describe(folder, path, spec);
        if (file) files.set(file.name, file);
        else lines.push(`Skipping link to a directory ${path}`);
        if (files.size > FILES_MAX)
          throw new PhaseFailure('CLIENT_ERROR', `more than ${FILES_MAX} artifact files`);
      }
    }
  }
  if (files.size === 0) throw new PhaseFailure('CLIENT_ERROR', 'no matching artifact paths found');
  return { files: [...files.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), lines };
}

/** A path, or a pattern whose last components are matched, such as `my-build*`. */
function expandBase(base: string, limit: string): string[] {
  const parts = base.split('/');
  const first = parts.findIndex(isGlobPattern);
  const fixed = first < 0 ? base : parts.slice(0, first).join('/');
  const root = beneath(limit, relative(limit, fixed));
  if (!root || !isFolder(root)) return [];
  if (first < 0) return [root];
  const glob = requireGlob(parts.slice(first).join('/'));
  const found: string[] = [];
  walk(root, '', parts.length - first, (path, isDirectory) => {
    if (isDirectory && matchesGlob(glob, path)) found.push(join(root, path));
  });
  return found.sort();
}

/** Paths of files and links below `folder` that the pattern names, sorted. */
export function findFiles(folder: string, pattern: string): string[] {
  const clean = pattern.replace(/^(\.\/)+/, '').replace(/\/+$/, '');
  if (clean === '' || clean.startsWith('/')) return [];
  const parts = clean.split('/');
  if (parts.includes('..')) return [];
  const first = parts.findIndex(isGlobPattern);
  if (first < 0) return isFileOrLink(join(folder, clean)) && beneathOrLink(folder, clean) ? [clean] : [];
  const prefix = parts.slice(0, first).join('/');
  const root = prefix === '' ? folder : beneath(folder, prefix);
  if (!root || !isFolder(root)) return [];
  const glob = requireGlob(parts.slice(first).join('/'));
  const depthMax = clean.includes('**') ? Infinity : parts.length - first;
  const found: string[] = [];
  walk(root, '', depthMax, (path, isDirectory) => {
    if (!isDirectory && matchesGlob(glob, path)) found.push(prefix === '' ? path : `${prefix}/${path}`);
  });
  return found.sort();
}

/** Every entry below `root`, without following links. */
function walk(
  root: string,
  from: string,
  depthMax: number,
  visit: (path: string, isDirectory: boolean) => void,
): void {
  const open: { path: string; depth: number }[] = [{ path: from, depth: 1 }];
  let count = 0;
  for (let next = open.pop(); next; next = open.pop()) {
    for (const entry of readdirSync(join(root, next.path), { withFileTypes: true })) {
      if (++count > ENTRIES_MAX)
        throw new PhaseFailure('CLIENT_ERROR', `more than ${ENTRIES_MAX} files to look at`);
      const path = next.path === '' ? entry.name : `${next.path}/${entry.name}`;
      if (entry.isDirectory()) {
        visit(path, true);
        if (next.depth < depthMax) open.push({ path, depth: next.depth + 1 });
      } else if (entry.isFile() || entry.isSymbolicLink()) visit(path, false);
    }
  }
}

/** `undefined` for a link to a directory, which is neither file nor, without `enable-symlinks`, link. */
function describe(folder: string, path: string, spec: ArtifactsSpec): CollectedFile | undefined {
  const full = join(folder, path);
  const name = spec.discardPaths ? path.slice(path.lastIndexOf('/') + 1) : path;
  const real = beneath(folder, path);
  const stat = lstatSync(full);
  if (!real) {
    throw new PhaseFailure('CLIENT_ERROR', `artifact ${path} is a link that leads out of its base directory`);
  }
  if (stat.isSymbolicLink() && spec.enableSymlinks) {
    return { name, path: full, mode: 0o120777, modifiedAt: stat.mtime, linkTo: readlinkSync(full) };
  }
  const target = statSync(real);
  if (!target.isFile()) return undefined;
  return { name, path: real, mode: 0o100000 | (target.mode & 0o777), modifiedAt: target.mtime };
}

/** A plain path may pass through links, as long as it stays below the folder; describe() refuses the others. */
function beneathOrLink(folder: string, path: string): boolean {
  const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.';
  return beneath(folder, parent) !== undefined;
}

function isFileOrLink(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat !== undefined && (stat.isFile() || stat.isSymbolicLink());
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function requireGlob(pattern: string): Glob {
  const glob = parseGlob(pattern.replace(/^(\.\/)+/, ''));
  if (!glob) throw new PhaseFailure('CLIENT_ERROR', `the pattern ${pattern.slice(0, 100)} is too large`);
  return glob;
}
