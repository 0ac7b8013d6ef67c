/** What is kept about an object besides its bytes, and how it is read from requests and shown in answers. Pure. */

import type { ChecksumAlgorithm } from '#wire/checksums.ts';
import { s3Fault } from './faults.ts';
import type { KmsEncryption } from './encryption-facts.ts';
import { METADATA_BYTES_MAX, TAGS_PER_OBJECT_MAX } from './room.ts';

export interface ObjectFacts {
  readonly contentType: string;
  readonly cacheControl?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly contentLanguage?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expires?: number | undefined;
  readonly websiteRedirectLocation?: string | undefined;
  /** Names in lower case. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly checksum?: Checksum | undefined;
  /** Of a multipart object: plain size of each part, in order. */
  readonly partSizes?: readonly number[] | undefined;
  readonly encryption?: KmsEncryption | undefined;
}

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: string;
  readonly type: 'FULL_OBJECT' | 'COMPOSITE';
}

export interface FactsInput {
  readonly CacheControl?: string | undefined;
  readonly ContentDisposition?: string | undefined;
  readonly ContentEncoding?: string | undefined;
  readonly ContentLanguage?: string | undefined;
  readonly ContentType?: string | undefined;
  readonly Expires?: Date | undefined;
  readonly WebsiteRedirectLocation?: string | undefined;
  readonly Metadata?: Readonly<Record<string, string>> | undefined;
  readonly Tagging?: string | undefined;
}

const DEFAULT_CONTENT_TYPE = 'binary/octet-stream';

export function readFacts(input: FactsInput): ObjectFacts {
  const metadata = Object.fromEntries(
    Object.entries(input.Metadata ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const bytes = Object.entries(metadata).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name + value),
    0,
  );
  if (bytes > METADATA_BYTES_MAX)
    throw s3Fault('MetadataTooLarge', { Size: bytes, MaxSizeAllowed: METADATA_BYTES_MAX });
  return {
    contentType: input.ContentType || DEFAULT_CONTENT_TYPE,
    cacheControl: input.CacheControl,
    contentDisposition: input.ContentDisposition,
    contentEncoding: withoutChunking(input.ContentEncoding),
    contentLanguage: input.ContentLanguage,
    expires: input.Expires?.getTime(),
    websiteRedirectLocation: input.WebsiteRedirectLocation,
    metadata,
    tags: input.Tagging === undefined ? {} : readTags(parseTagging(input.Tagging)),
  };
}

/** `aws-chunked` names how the request came, not what the object is. */
function withoutChunking(encoding: string | undefined): string | undefined {
  const rest = (encoding ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '' && item !== 'aws-chunked');
  return rest.length > 0 ? rest.join(',') : undefined;
}

function parseTagging(text: string): readonly Tag[] {
  return [...new URLSearchParams(text)].map(([Key, Value]) => ({ Key, Value }));
}

export interface Tag {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
}

export function readTags(
  list: readonly Tag[],
  tagsMax: number = TAGS_PER_OBJECT_MAX,
): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const { Key = '', Value = '' } of list) {
    if (Key === '' || Key.length > 128 || Value.length > 256 || Key.startsWith('aws:')) {
      throw s3Fault('InvalidTag', { TagKey: Key }, 'The TagKey or TagValue you have provided is invalid');
    }
    if (Object.hasOwn(tags, Key)) {
      throw s3Fault('InvalidTag', { TagKey: Key }, 'Cannot provide multiple Tags with the same key');
    }
    tags[Key] = Value;
  }
  if (Object.keys(tags).length > tagsMax) {
    throw s3Fault('InvalidTag', {}, `Object tags cannot be greater than ${tagsMax}`);
  }
  return tags;
}

export function tagSet(tags: Readonly<Record<string, string>>): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

export function parseFacts(text: string): ObjectFacts {
  return JSON.parse(text) as ObjectFacts;
}

/** `{ ChecksumCRC32: 'q1w2==', ChecksumType: 'FULL_OBJECT' }` */
export function checksumMembers(checksum: Checksum | undefined): Record<string, string> {
  if (!checksum) return {};
  return { [`Checksum${checksum.algorithm}`]: checksum.value, ChecksumType: checksum.type };
}
