/**
 * The one artifact of a batch, made of the parts that its builds left, under the role of the builds. A file that
 * several parts have is the last one's, in the order of the builds. Repeating it makes the same bytes.
 */

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { isFault } from '#base/fault.ts';
import type { BatchState } from '#core/batch/state.ts';
import type { ArtifactFacts, ArtifactsPlan, PhaseContext } from '#core/build/state.ts';
import type { Caller } from '#services/service.ts';
import { openZip, readLink, ZipRefused, type Zip, type ZipEntry } from '#store/zip-entries.ts';
import { combinedPlace, placeOf, type ObjectPlace } from './artifact-places.ts';
import { requestOf, type Batches, type FoundBatch } from './batch-room.ts';

const PART_BYTES_MAX = 10 * 1024 ** 3;
const ENTRIES_MAX = 200_000;
const LINK_MODE = 0o120777;
const FILE_MODE = 0o100000;
const PLAIN_MODE = 0o644;

type Combined =
  | { readonly type: 'ArtifactsCombined'; readonly artifact: ArtifactFacts }
  | { readonly type: 'CombiningFailed'; readonly context: PhaseContext };

/** Without the round, which the caller knows. */
export async function combineArtifacts(
  batches: Batches,
  found: FoundBatch,
  signal: AbortSignal,
): Promise<Combined> {
  const { house } = batches.room;
  const { state } = found;
  const { build } = requestOf(found.row);
  const directory = join(house.directory, 'codebuild', 'batches', state.plan.uuid);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const zips: Zip[] = [];
  try {
    const role = await batches.workers.of(build);
    const entries = new Map<string, ZipEntry>();
    for (const [i, place] of partsOf(state).entries()) {
      const archive = join(directory, `part-${i}.zip`);
      await download(role, place, archive, signal);
      const zip = await openZip(archive, { entriesMax: ENTRIES_MAX, bytesMax: PART_BYTES_MAX });
      zips.push(zip);
      for await (const entry of zip.entries()) if (entry.type !== 'folder') entries.set(entry.path, entry);
      if (entries.size > ENTRIES_MAX) throw new ZipRefused(`all parts have more than ${ENTRIES_MAX} files`);
    }
    const target: Target = {
      role,
      place: combinedPlace(build.artifacts, state.plan),
      artifacts: build.artifacts,
      encryptionKey: build.encryptionKey,
      batchArn: state.plan.arn,
      signal,
    };
    const artifact =
      build.artifacts.packaging === 'ZIP'
        ? await putArchive(target, entries, join(directory, 'all.zip'), state.startAt)
        : await putFiles(target, entries);
    return { type: 'ArtifactsCombined', artifact };
  } catch (error) {
    const isKnown = (isFault(error) && error.code !== 'InternalFailure') || error instanceof ZipRefused;
    if (!isKnown) throw error;
    const message = isFault(error) ? `${error.code}: ${error.message}` : error.message;
    return {
      type: 'CombiningFailed',
      context: { statusCode: 'CLIENT_ERROR', message: `Failed to combine artifacts: ${message}` },
    };
  } finally {
    for (const zip of zips) zip.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A build whose failure was ignored has left nothing, or not all. */
function partsOf({ groups }: BatchState): readonly ObjectPlace[] {
  return groups.flatMap(({ current }) => {
    const part = current?.artifacts.find(({ identifier }) => identifier === undefined);
    return part && current?.status === 'SUCCEEDED' ? [placeOf(part.location)] : [];
  });
}

async function download(role: Caller, place: ObjectPlace, path: string, signal: AbortSignal): Promise<void> {
  const { Body } = await role.send('s3:GetObject', { Bucket: place.bucket, Key: place.key });
  const content = Body instanceof Readable ? Body : Readable.from([Body ?? new Uint8Array()]);
  await pipeline(content, createWriteStream(path, { mode: 0o600 }), { signal });
}

interface Target {
  readonly role: Caller;
  readonly place: ObjectPlace;
  readonly artifacts: ArtifactsPlan;
  readonly encryptionKey: string;
  readonly batchArn: string;
  readonly signal: AbortSignal;
}

async function putArchive(
  target: Target,
  entries: ReadonlyMap<string, ZipEntry>,
  archive: string,
  at: number,
): Promise<ArtifactFacts> {
  const { bucket, key } = target.place;
  const { sha256, md5 } = await pack(entries, archive, new Date(at), target.signal);
  await putObject(target, key, createReadStream(archive), statSync(archive).size, {
    'codebuild-content-sha256': sha256,
    'codebuild-content-md5': md5,
  });
  return { location: `arn:aws:s3:::${bucket}/${key}`, sha256, md5 };
}

async function pack(
  entries: ReadonlyMap<string, ZipEntry>,
  archive: string,
  mtime: Date,
  signal: AbortSignal,
): Promise<{ readonly sha256: string; readonly md5: string }> {
  const zip = new ZipFile();
  const output = zip.outputStream as Readable;
  zip.on('error', (error: Error) => output.destroy(error));
  for (const [path, entry] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (entry.type === 'link') {
      zip.addBuffer(Buffer.from(await readLink(entry)), path, { mtime, mode: LINK_MODE });
      continue;
    }
    const mode = FILE_MODE | (entry.permissions === 0 ? PLAIN_MODE : entry.permissions);
    zip.addReadStreamLazy(path, { mtime, mode }, (give) => {
      entry.open().then(
        (content) => {
          content.on('error', (error) => zip.emit('error', error));
          give(null, content);
        },
        (error: unknown) => zip.emit('error', error),
      );
    });
  }
  zip.end();
  const [sha256, md5] = [createHash('sha256'), createHash('md5')];
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sha256.update(chunk);
      md5.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(output, hashing, createWriteStream(archive, { mode: 0o600 }), { signal });
  return { sha256: sha256.digest('hex'), md5: md5.digest('hex') };
}

async function putFiles(target: Target, entries: ReadonlyMap<string, ZipEntry>): Promise<ArtifactFacts> {
  const { bucket, key } = target.place;
  for (const [path, entry] of entries) {
    // An object cannot be a link.
    if (entry.type === 'link') continue;
    const name = key === '' ? path : `${key}/${path}`;
    await putObject(target, name, await entry.open(), entry.sizeBytes, {});
  }
  return { location: `arn:aws:s3:::${bucket}/${key}` };
}

async function putObject(
  { role, place, artifacts, encryptionKey, batchArn }: Target,
  key: string,
  content: Readable,
  size: number,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  await role.send('s3:PutObject', {
    Bucket: place.bucket,
    Key: key,
    Body: content,
    ContentLength: size,
    Metadata: { 'codebuild-buildarn': batchArn, ...metadata },
    ...(artifacts.encryptionDisabled === true
      ? {}
      : { ServerSideEncryption: 'aws:kms' as const, SSEKMSKeyId: encryptionKey }),
  });
}
