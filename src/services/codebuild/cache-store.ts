/**
 * Where caches rest: as objects in the project's bucket, put and read under the build's role, or as files of this
 * machine. An entry's name holds everything that makes two builds share it; entries from before an invalidation are
 * as good as absent.
 */

import {
  createReadStream,
  createWriteStream,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isFault } from '#base/fault.ts';
import type { CachePlan } from '#core/build/state.ts';
import type { House } from '#services/service.ts';
import type { Bench } from './bench.ts';
import type { Room } from './room.ts';
import { tables } from './tables.ts';

export interface CacheStore {
  /** Brings the entry of exactly this name to a file of ours; false when there is none. */
  fetch(name: string, to: string): Promise<boolean>;
  /** The same for the newest entry whose name begins so. */
  fetchNewest(prefix: string, to: string): Promise<boolean>;
  has(name: string): Promise<boolean>;
  put(name: string, from: string): Promise<void>;
}

const SAVED_AT = 'codebuild-cache-saved-at';

export async function openCacheStore(bench: Bench, cache: CachePlan): Promise<CacheStore> {
  const { projectName } = bench.plan;
  const invalidated = await invalidatedAt(bench.room.house, projectName);
  return cache.type === 'S3'
    ? createObjectStore(bench, cache.location ?? '', invalidated)
    : createFileStore(localCacheDirectory(bench.room, projectName), invalidated);
}

export function localCacheDirectory({ workplace }: Room, project: string): string {
  return join(workplace.directory, 'codebuild', 'caches', project);
}

async function invalidatedAt({ database }: House, project: string): Promise<number> {
  const row = await tables(database)
    .selectFrom('codebuild_cache')
    .select('invalidated_at')
    .where('project_name', '=', project)
    .executeTakeFirst();
  return row?.invalidated_at ?? 0;
}

function createObjectStore(bench: Bench, location: string, invalidated: number): CacheStore {
  const [Bucket = '', ...folders] = location
    .replace(/^arn:[^:]+:s3:::/, '')
    .split('/')
    .filter(Boolean);
  const keyOf = (name: string) => [...folders, name].join('/');

  async function isValid(Key: string): Promise<boolean> {
    try {
      const role = await bench.role();
      const { Metadata } = await role.send('s3:HeadObject', { Bucket, Key });
      return Number(Metadata?.[SAVED_AT] ?? 0) > invalidated;
    } catch (error) {
      if (isFault(error) && (error.code === 'NotFound' || error.code === 'NoSuchKey')) return false;
      throw error;
    }
  }

  async function bring(Key: string, to: string): Promise<void> {
    const role = await bench.role();
    const { Body } = await role.send('s3:GetObject', { Bucket, Key });
    if (Body === undefined) throw new Error(`s3:GetObject of ${Bucket}/${Key} gave no body`);
    const target = createWriteStream(to, { mode: 0o644 });
    if (Body instanceof Uint8Array) await pipeline([Body], target);
    else await pipeline(Body as Readable, target, { signal: bench.signal });
  }

  const store: CacheStore = {
    async fetch(name, to) {
      if (!(await isValid(keyOf(name)))) return false;
      await bring(keyOf(name), to);
      return true;
    },
    async fetchNewest(prefix, to) {
      const role = await bench.role();
      const { Contents = [] } = await role.send('s3:ListObjectsV2', { Bucket, Prefix: keyOf(prefix) });
      const newest = Contents.sort((a, b) => Number(b.LastModified ?? 0) - Number(a.LastModified ?? 0))[0]
        ?.Key;
      if (newest === undefined || !(await isValid(newest))) return false;
      await bring(newest, to);
      return true;
    },
    has: (name) => isValid(keyOf(name)),
    async put(name, from) {
      const role = await bench.role();
      await role.send('s3:PutObject', {
        Bucket,
        Key: keyOf(name),
        Body: createReadStream(from),
        ContentLength: statSync(from).size,
        Metadata: { [SAVED_AT]: String(bench.room.house.clock.now()) },
      });
    },
  };
  return store;
}

/** One entry for each project: a newer one, of other paths too, takes its place. */
function createFileStore(directory: string, invalidated: number): CacheStore {
  const pathOf = (name: string) => join(directory, encodeURIComponent(name));
  // The node that was asked to forget it may have been another one.
  const isThere = (name: string) =>
    (statSync(pathOf(name), { throwIfNoEntry: false })?.mtimeMs ?? 0) > invalidated;
  return {
    async fetch(name, to) {
      if (!isThere(name)) return false;
      await copyFile(pathOf(name), to);
      return true;
    },
    fetchNewest: () => Promise.resolve(false),
    has: (name) => Promise.resolve(isThere(name)),
    async put(name, from) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const path = pathOf(name);
      await copyFile(from, `${path}.new`);
      renameSync(`${path}.new`, path);
      for (const other of readdirSync(directory)) {
        if (join(directory, other) !== path) rmSync(join(directory, other), { force: true });
      }
    },
  };
}
