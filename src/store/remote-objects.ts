/**
 * Blobs in a bucket of any S3 endpoint (MinIO, AWS, another Slipway) instead of the data directory: for machines that
 * share no disk. What rests there is sealed already, so whoever runs that endpoint reads nothing. A blob is complete
 * or absent: one request, or an upload in parts that the endpoint puts together.
 */

import type { CompletedPart, S3Client } from '@aws-sdk/client-s3';
import { addAbortSignal, Readable } from 'node:stream';
import { createChance } from '#base/chance.ts';
import { present } from '#base/assert.ts';
import { type ObjectStore, ObjectStoreError, type StoredBlob } from './objects.ts';

export interface RemoteObjects {
  readonly bucket: string;
  /** Empty, or ends in a slash. */
  readonly prefix: string;
  readonly endpoint: string | undefined;
  readonly region: string;
  /** Whether the bucket is named in the path, as most endpoints but AWS's want it. */
  readonly isPathStyle: boolean;
  /** Absent: what the AWS SDK finds in its usual places. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
}

/** Bodies of this size or more go up in parts; two parts are in memory at most. 10,000 parts make 160 GB. */
const PART_BYTES = 16 * 1024 ** 2;
/** An upload in parts that is older than this was left by a server that died. */
const UPLOAD_MS_MAX = 24 * 3_600_000;
/** How often a reading that breaks off goes on from where it was. */
const READS_MAX = 3;
const ATTEMPTS_MAX = 4;
const CONNECT_MS_MAX = 5_000;
/** Without a byte for so long, a request is given up. */
const SILENCE_MS_MAX = 60_000;

/**
 * `s3://bucket/prefix?endpoint=http://host:port&region=eu-west-1&path-style=false`; only the bucket is needed.
 * Throws an `Error` that tells people what is wrong with it.
 */
export function parseRemoteObjects(url: string, environment: NodeJS.ProcessEnv): RemoteObjects {
  const wrong = (what: string) =>
    new Error(
      `SLIPWAY_OBJECTS: ${what}. It is s3://BUCKET/PREFIX, then optionally ?endpoint=URL&region=NAME&path-style=true|false.`,
    );
  if (!URL.canParse(url) || new URL(url).protocol !== 's3:')
    throw wrong(`${JSON.stringify(url)} is not an s3:// address`);
  const { host: bucket, pathname, searchParams, username, password } = new URL(url);
  if (username || password)
    throw wrong('keys do not belong into the address; see SLIPWAY_OBJECTS_ACCESS_KEY_ID');
  if (!bucket) throw wrong('the bucket is missing');
  const known = ['endpoint', 'region', 'path-style'];
  const unknown = [...searchParams.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) throw wrong(`${JSON.stringify(unknown)} is not known`);
  const endpoint = searchParams.get('endpoint') ?? undefined;
  if (endpoint !== undefined && !/^https?:\/\/[^/]+\/?$/.test(endpoint))
    throw wrong('endpoint must be http(s)://HOST:PORT');
  const pathStyle = searchParams.get('path-style') ?? String(endpoint !== undefined);
  if (!['true', 'false'].includes(pathStyle)) throw wrong('path-style is true or false');
  const accessKeyId = environment['SLIPWAY_OBJECTS_ACCESS_KEY_ID'];
  const secretAccessKey = environment['SLIPWAY_OBJECTS_SECRET_ACCESS_KEY'];
  if (!accessKeyId !== !secretAccessKey) {
    throw new Error(
      'Set both SLIPWAY_OBJECTS_ACCESS_KEY_ID and SLIPWAY_OBJECTS_SECRET_ACCESS_KEY, or neither.',
    );
  }
  const prefix = decodeURIComponent(pathname).replace(/^\/+|\/+$/g, '');
  return {
    bucket,
    prefix: prefix && `${prefix}/`,
    endpoint,
    region: searchParams.get('region') ?? 'us-east-1',
    isPathStyle: pathStyle === 'true',
    credentials: accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined,
  };
}

/** Opens the store; proves at once that it can be written and read. Throws an `ObjectStoreError` otherwise. */
export async function openRemoteObjects(settings: RemoteObjects, now: () => number): Promise<ObjectStore> {
  // A large library, which only those load who use it.
  const sdk = await import('@aws-sdk/client-s3');
  const client = new sdk.S3Client({
    region: settings.region,
    forcePathStyle: settings.isPathStyle,
    maxAttempts: ATTEMPTS_MAX,
    requestHandler: { connectionTimeout: CONNECT_MS_MAX, socketTimeout: SILENCE_MS_MAX },
    ...(settings.endpoint && { endpoint: settings.endpoint }),
    ...(settings.credentials && { credentials: settings.credentials }),
  });
  const { bucket: Bucket } = settings;
  const keyOf = (id: string) => settings.prefix + id;

  async function put(content: Readable | Uint8Array, signal?: AbortSignal): Promise<StoredBlob> {
    const id = createChance();
    const source = content instanceof Readable ? content : Readable.from([content]);
    if (signal) addAbortSignal(signal, source);
    let sizeBytes = 0;
    let upload: PartUpload | undefined;
    try {
      let held: Buffer = Buffer.alloc(0);
      for await (const part of partsOf(source)) {
        sizeBytes += part.length;
        if (part.length === PART_BYTES) {
          upload ??= await beginUpload(keyOf(id));
          await upload.add(part);
        } else held = part;
      }
      if (!upload)
        await remotely('written', () =>
          client.send(new sdk.PutObjectCommand({ Bucket, Key: keyOf(id), Body: held })),
        );
      else {
        if (held.length > 0) await upload.add(held);
        await upload.complete();
      }
      return { id, sizeBytes };
    } catch (error) {
      source.destroy();
      await upload?.abort();
      throw error;
    }
  }

  interface PartUpload {
    /** Resolves when the part before has gone, so that the source makes the next bytes meanwhile. */
    add(part: Buffer): Promise<void>;
    complete(): Promise<void>;
    abort(): Promise<void>;
  }

  async function beginUpload(Key: string): Promise<PartUpload> {
    const { UploadId } = await remotely('written', () =>
      client.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'CRC32' })),
    );
    const Parts: CompletedPart[] = [];
    let sending: Promise<void> = Promise.resolve();
    const send = async (PartNumber: number, Body: Buffer) => {
      const request = new sdk.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body });
      const { ETag, ChecksumCRC32 } = await remotely('written', () => client.send(request));
      Parts.push({ PartNumber, ETag, ChecksumCRC32 });
    };
    let count = 0;
    return {
      async add(part) {
        await sending;
        sending = send(++count, part);
        // It is awaited by the next part or by the end; until then its failure is nobody's surprise.
        sending.catch(() => {});
      },
      async complete() {
        await sending;
        const request = { Bucket, Key, UploadId, MultipartUpload: { Parts } };
        await remotely('written', () => client.send(new sdk.CompleteMultipartUploadCommand(request)));
      },
      async abort() {
        await sending.catch(() => {});
        // What cannot be taken back now is found by its age at the next start.
        await client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(() => {});
      },
    };
  }

  async function* read(
    id: string,
    range?: { readonly first: number; readonly last: number },
  ): AsyncGenerator<Uint8Array> {
    let done = 0;
    for (let attempt = 1; ; attempt++) {
      try {
        const Range = range && `bytes=${range.first + done}-${range.last}`;
        const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket, Key: keyOf(id), Range }));
        for await (const chunk of Body as Readable as AsyncIterable<Uint8Array>) {
          done += chunk.byteLength;
          yield chunk;
        }
        return;
      } catch (error) {
        const canGoOn = range !== undefined && done <= range.last - range.first;
        if (attempt >= READS_MAX || !canGoOn || !isInterruption(error)) throw failure('read', error);
      }
    }
  }

  async function remove(id: string): Promise<void> {
    await remotely('removed', () => client.send(new sdk.DeleteObjectCommand({ Bucket, Key: keyOf(id) })));
  }

  const store: ObjectStore = {
    put,
    get: (id, range) => Readable.from(read(id, range), { objectMode: false }),
    delete: remove,
    async *list(before) {
      let ContinuationToken: string | undefined;
      do {
        const request = new sdk.ListObjectsV2Command({ Bucket, Prefix: settings.prefix, ContinuationToken });
        const page = await remotely('listed', () => client.send(request));
        for (const { Key, LastModified } of page.Contents ?? []) {
          const id = present(Key, 'the key of a listed object').slice(settings.prefix.length);
          if (BLOB_ID.test(id) && LastModified !== undefined && LastModified.getTime() < before) yield id;
        }
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined);
    },
  };
  await prove(store);
  await abortOldUploads(sdk, client, settings, now() - UPLOAD_MS_MAX);
  return store;
}

const BLOB_ID = /^[0-9a-f]{32}$/;

/** A blob there and back: an address, key or permission that is wrong is known before anything depends on it. */
async function prove(store: ObjectStore): Promise<void> {
  const content = Buffer.from('slipway');
  const { id } = await store.put(content);
  const found: Uint8Array[] = [];
  for await (const chunk of store.get(id, { first: 0, last: content.length - 1 }))
    found.push(chunk as Uint8Array);
  if (!content.equals(Buffer.concat(found)))
    throw new ObjectStoreError('The object store answers other bytes than it was given');
  await store.delete(id);
}

async function abortOldUploads(
  sdk: typeof import('@aws-sdk/client-s3'),
  client: S3Client,
  { bucket: Bucket, prefix: Prefix }: RemoteObjects,
  before: number,
): Promise<void> {
  // One page a start: there is nothing to hurry for, and not every endpoint lists more.
  const { Uploads = [] } = await remotely('listed', () =>
    client.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix })),
  );
  for (const { Key, UploadId, Initiated } of Uploads) {
    if (!Key || !BLOB_ID.test(Key.slice(Prefix.length)) || !Initiated || Initiated.getTime() > before)
      continue;
    await remotely('tidied', () =>
      client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId })),
    );
  }
}

/** Whole parts, and the last one as long as it is, which may be empty. */
async function* partsOf(source: Readable): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source as AsyncIterable<Uint8Array>) {
    for (let done = 0; done < chunk.byteLength;) {
      const piece = chunk.subarray(done, done + PART_BYTES - size);
      held.push(piece);
      size += piece.byteLength;
      done += piece.byteLength;
      if (size < PART_BYTES) continue;
      yield Buffer.concat(held, size);
      held = [];
      size = 0;
    }
  }
  yield Buffer.concat(held, size);
}

async function remotely<Result>(what: string, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    throw failure(what, error);
  }
}

function failure(what: string, error: unknown): ObjectStoreError {
  const { name, message } = error as Error;
  return new ObjectStoreError(
    `Objects could not be ${what} in the configured S3 store: ${name}: ${message}`,
    { cause: error },
  );
}

/** The connection broke; an answer of the endpoint, whatever it says, is no interruption. */
function isInterruption(error: unknown): boolean {
  return (
    (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode ===
    undefined
  );
}
