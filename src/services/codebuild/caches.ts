/**
 * The cache of a build: brought at the end of DOWNLOAD_SOURCE, saved after POST_BUILD when everything succeeded. What
 * goes wrong here is told in the log and never fails a build. Files are packed and unpacked by tar inside the sandbox,
 * so a prepared archive reaches nothing that its build could not reach anyway.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-caching.html
 */

import { createHash } from 'node:crypto';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isFault } from '#base/fault.ts';
import type { CachePlan } from '#core/build/state.ts';
import type { Buildspec, CacheSpec } from '#core/buildspec/buildspec.ts';
import { isGlobPattern } from '#core/glob.ts';
import { keep, PhaseFailure, recall, type Bench } from './bench.ts';
import { openCacheStore } from './cache-store.ts';
import { findFiles } from './collect.ts';
import { beneath, hostPlace, sourcePlaces } from './places.ts';
import { expansionQuestion, quote } from './shell.ts';

const CACHE_BYTES_MAX = 10 * 1024 ** 3;
const CACHE_FILES_MAX = 500_000;
const KEY_LENGTH_MAX = 512;
const ARCHIVE = 'output/tmp/cache.tgz';

/** What was packed, and under which name it is to be saved. */
export interface PackedCache {
  readonly name: string;
  readonly hasKey: boolean;
}

/** What the restoring part leaves for the saving one. */
interface Restored {
  readonly key?: string;
  readonly isExact: boolean;
}

export async function restoreCache(bench: Bench, { cache: spec, shell }: Buildspec): Promise<void> {
  const { cache } = bench.plan;
  if (!spec) bench.say('Cache is not defined in the buildspec');
  if (!spec || spec.paths.length === 0) {
    bench.say('Skip cache due to: no paths specified to be cached');
    return;
  }
  const reason = reasonToSkip(cache);
  if (reason !== undefined || !cache) {
    bench.say(`Skip cache due to: ${reason ?? 'the project has no cache'}`);
    return;
  }
  try {
    const [key, ...fallbackKeys] = await expand(bench, cache, spec, shell);
    let isExact = false;
    if (spec.action !== 'save') isExact = await bring(bench, cache, spec, key, fallbackKeys);
    keep(bench.directory, 'cache', { ...(key === undefined ? {} : { key }), isExact } satisfies Restored);
  } catch (error) {
    bench.say(`Unable to restore cache: ${textOf(error)}`);
  }
}

function reasonToSkip(cache: CachePlan | undefined): string | undefined {
  if (!cache) return 'the project has no cache';
  if (cache.type === 'LOCAL' && !cache.modes.includes('LOCAL_CUSTOM_CACHE')) {
    return `the modes ${cache.modes.join(', ')} have no effect on this machine`;
  }
  return undefined;
}

/** The key and the fallback keys as the shell expands them; local caches have none. */
async function expand(
  bench: Bench,
  cache: CachePlan,
  spec: CacheSpec,
  shell: Buildspec['shell'],
): Promise<string[]> {
  if (cache.type === 'LOCAL' || spec.key === undefined) return [];
  const texts = [spec.key, ...spec.fallbackKeys];
  const { answer } = await bench.ask(expansionQuestion(bench.sandbox.workspace, texts), shell);
  const words = answer.split(' ').slice(0, texts.length);
  return words.map((word) => {
    const key = Buffer.from(word, 'base64').toString().replace(/\n$/, '');
    if (key.length > KEY_LENGTH_MAX)
      throw new PhaseFailure('', `a cache key is longer than ${KEY_LENGTH_MAX} characters`);
    return key;
  });
}

/** Resolves to whether the entry of the key itself is there. */
async function bring(
  bench: Bench,
  cache: CachePlan,
  spec: CacheSpec,
  key: string | undefined,
  fallbackKeys: readonly string[],
): Promise<boolean> {
  const store = await openCacheStore(bench, cache);
  const archive = join(bench.directory, 'cache.tgz');
  try {
    if (await store.fetch(nameOf(bench, cache, spec, key), archive)) {
      await unpack(bench, archive);
      bench.say(key === undefined ? 'Restored cache' : `Restored cache with key ${key}`);
      return key !== undefined;
    }
    for (const prefix of fallbackKeys) {
      if (!(await store.fetchNewest(nameOf(bench, cache, spec, prefix), archive))) continue;
      await unpack(bench, archive);
      bench.say(`Restored cache with fallback key ${prefix}`);
      return false;
    }
  } finally {
    rmSync(archive, { force: true });
  }
  bench.say(key === undefined ? 'No cache found' : `No cache found for key ${key}`);
  return false;
}

/** The archive holds two more: what lies below the source folder, which is elsewhere in every build, and the rest. */
async function unpack(bench: Bench, archive: string): Promise<void> {
  const { workspace, readonlyDirectory } = bench.sandbox;
  const inside = join(readonlyDirectory, 'cache.tgz');
  await copyFile(archive, inside);
  const work = quote(`${workspace}/output/tmp/cache`);
  const end = await bench.ask(`
rm -rf ${work} && mkdir -p ${work} && cd ${work} || exit 1
tar -xzf ${quote(`${workspace}/readonly/cache.tgz`)} || exit 1
tar -xf source.tar -C ${quote(sourcePath(bench))} || exit 1
tar -xf home.tar -C "$HOME" || exit 1
cd / && rm -rf ${work}`);
  rmSync(inside);
  if (end.status !== 0)
    throw new PhaseFailure('', `the archive cannot be unpacked (exit status ${end.status})`);
}

/** Packs what is to be saved while the sandbox still runs; `undefined` when nothing is. */
export async function packCache(bench: Bench, { cache: spec }: Buildspec): Promise<PackedCache | undefined> {
  const { cache } = bench.plan;
  const restored = recall<Restored>(bench.directory, 'cache');
  if (!cache || !spec || !restored || spec.action === 'restore') return undefined;
  if (restored.isExact) {
    bench.say(`Skip cache save due to: key ${restored.key ?? ''} exists`);
    return undefined;
  }
  if (bench.plan.webhook?.['CODEBUILD_WEBHOOK_EVENT']?.startsWith('PULL_REQUEST') === true) {
    bench.say('Skip cache save due to: builds of pull requests save no cache');
    return undefined;
  }
  const { source, home, count } = listFiles(bench, spec.paths);
  if (count === 0) {
    bench.say('Skip cache save due to: no files match the paths');
    return undefined;
  }
  const { readonlyDirectory, workspace } = bench.sandbox;
  writeFileSync(join(readonlyDirectory, 'cache-source'), source, { mode: 0o644 });
  writeFileSync(join(readonlyDirectory, 'cache-home'), home, { mode: 0o644 });
  const work = quote(`${workspace}/output/tmp/cache`);
  const list = (name: string) => quote(`${workspace}/readonly/cache-${name}`);
  const end = await bench.ask(`
rm -rf ${work} && mkdir -p ${work} && cd ${work} || exit 1
tar -cf source.tar -C ${quote(sourcePath(bench))} --null --verbatim-files-from -T ${list('source')} || exit 1
tar -cf home.tar -C "$HOME" --null --verbatim-files-from -T ${list('home')} || exit 1
tar -czf ${quote(`${workspace}/${ARCHIVE}`)} source.tar home.tar || exit 1
cd / && rm -rf ${work}`);
  if (end.status === 0) {
    return { name: nameOf(bench, cache, spec, restored.key), hasKey: restored.key !== undefined };
  }
  bench.say(`Unable to save cache: the files cannot be packed (exit status ${end.status})`);
  return undefined;
}

/** After the sandbox has ended. */
export async function saveCache(
  bench: Bench,
  packed: PackedCache,
  say: (text: string) => void,
): Promise<void> {
  const { cache } = bench.plan;
  if (!cache) return;
  try {
    const archive = beneath(bench.sandbox.workspaceDirectory, ARCHIVE);
    if (!archive || !statSync(archive).isFile()) throw new PhaseFailure('', 'the archive is gone');
    const { size } = statSync(archive);
    if (size > CACHE_BYTES_MAX) throw new PhaseFailure('', `it has more than ${CACHE_BYTES_MAX} bytes`);
    const store = await openCacheStore(bench, cache);
    // An entry of a key never changes; without a key the newest build decides.
    if (packed.hasKey && (await store.has(packed.name))) {
      say('Skip cache save due to: another build saved this key');
      return;
    }
    await store.put(packed.name, archive);
    say(`Saved cache of ${size} bytes`);
  } catch (error) {
    say(`Unable to save cache: ${textOf(error)}`);
  }
}

/** Names for tar, each ended by a NUL, below the source folder and below the home. */
function listFiles(
  bench: Bench,
  patterns: readonly string[],
): { source: string; home: string; count: number } {
  const { sandbox } = bench;
  const lists = { source: [] as string[], home: [] as string[] };
  for (const pattern of patterns) {
    const clean = pattern.replace(/^~(?=\/|$)/, sandbox.home).replace(/\/+$/, '');
    const isAbsolute = clean.startsWith('/');
    const isHome = isAbsolute && clean.startsWith(`${sandbox.home}/`);
    if (isAbsolute && !isHome && !clean.startsWith(`${sourcePath(bench)}/`)) {
      bench.say(`Skipping cache path ${pattern}: only the source folder and ${sandbox.home} can be cached`);
      continue;
    }
    const root = isHome ? sandbox.home : sourcePath(bench);
    const place = hostPlace(sandbox, bench.directory, root);
    const folder = place && beneath(place.limit, place.path.slice(place.limit.length));
    const relative = isAbsolute ? clean.slice(root.length + 1) : clean;
    if (!folder) continue;
    const found = findFiles(folder, relative);
    const all = found.length > 0 || isGlobPattern(relative) ? found : findFiles(folder, `${relative}/**/*`);
    if (all.length === 0) bench.say(`Skipping invalid cache path ${pattern}`);
    lists[isHome ? 'home' : 'source'].push(...all);
  }
  const count = lists.source.length + lists.home.length;
  if (count > CACHE_FILES_MAX) {
    bench.say(`Skip cache save due to: more than ${CACHE_FILES_MAX} files`);
    return { source: '', home: '', count: 0 };
  }
  const join = (names: readonly string[]) => [...new Set(names)].map((name) => `./${name}\0`).join('');
  return { source: join(lists.source), home: join(lists.home), count };
}

function sourcePath(bench: Bench): string {
  return sourcePlaces(bench.plan, bench.sandbox.workspace, bench.room.house.region)[0]?.path ?? '';
}

/** Builds share an entry when scope, paths and key are the same. */
function nameOf({ plan }: Bench, cache: CachePlan, spec: CacheSpec, key: string | undefined): string {
  const scope =
    cache.namespace === undefined ? `project/${plan.projectName}` : `namespace/${cache.namespace}`;
  const paths = createHash('sha256').update(JSON.stringify(spec.paths)).digest('hex').slice(0, 16);
  return `${scope}/${paths}/${key === undefined ? 'latest' : `key/${encodeURIComponent(key)}`}`;
}

function textOf(error: unknown): string {
  if (isFault(error)) return `${error.code}: ${error.message}`;
  if (error instanceof PhaseFailure && error.context.statusCode === '') return error.message;
  throw error;
}
