/**
 * The checksums that object clients send: computed while bytes pass, compared as base64 of the big-endian value.
 * CRC32 is Node's own; CRC32C and CRC64NVME are table driven, eight bytes at a step, without BigInt in the loop.
 */

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

export const checksumAlgorithms = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

export interface Digest {
  update(bytes: Uint8Array): void;
  /** Base64 of the big-endian value of all bytes so far; the last call. */
  digest(): string;
}

/** `x-amz-checksum-crc32` for `CRC32`. */
export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/** The algorithm of a header or trailer name; `undefined` for names of another kind. */
export function checksumAlgorithmOf(header: string): ChecksumAlgorithm | undefined {
  return checksumAlgorithms.find((algorithm) => checksumHeader(algorithm) === header.toLowerCase());
}

export function createDigest(algorithm: ChecksumAlgorithm): Digest {
  switch (algorithm) {
    case 'SHA1':
    case 'SHA256': {
      const hash = createHash(algorithm === 'SHA1' ? 'sha1' : 'sha256');
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('base64') };
    }
    case 'CRC32': {
      let value = 0;
      return { update: (bytes) => void (value = crc32(bytes, value)), digest: () => wordsToBase64(value) };
    }
    case 'CRC32C':
      return createCrc32c();
    case 'CRC64NVME':
      return createCrc64();
  }
}

/** Whether a text can be a value of this algorithm: base64 of its length. */
export function isChecksumValue(algorithm: ChecksumAlgorithm, value: string): boolean {
  const lengths: Record<ChecksumAlgorithm, number> = {
    CRC32: 4,
    CRC32C: 4,
    CRC64NVME: 8,
    SHA1: 20,
    SHA256: 32,
  };
  const bytes = Buffer.from(value, 'base64');
  return bytes.length === lengths[algorithm] && bytes.toString('base64') === value;
}

function wordsToBase64(...words: readonly number[]): string {
  const bytes = Buffer.alloc(words.length * 4);
  words.forEach((word, index) => bytes.writeUInt32BE(word >>> 0, index * 4));
  return bytes.toString('base64');
}

/** Reflected tables for eight bytes at once: low and high words of each, `[256 * distance + byte]`. */
interface Tables {
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}

function createTables(polynomialLow: number, polynomialHigh: number): Tables {
  const low = new Uint32Array(2048);
  const high = new Uint32Array(2048);
  for (let byte = 0; byte < 256; byte++) {
    let lowWord = byte;
    let highWord = 0;
    for (let bit = 0; bit < 8; bit++) {
      const carry = lowWord & 1;
      lowWord = ((lowWord >>> 1) | (highWord << 31)) >>> 0;
      highWord = highWord >>> 1;
      if (carry) {
        lowWord = (lowWord ^ polynomialLow) >>> 0;
        highWord = (highWord ^ polynomialHigh) >>> 0;
      }
    }
    low[byte] = lowWord;
    high[byte] = highWord;
  }
  for (let index = 256; index < 2048; index++) {
    const before = index - 256;
    const lowWord = low[before]!;
    const highWord = high[before]!;
    low[index] = ((lowWord >>> 8) | (highWord << 24)) ^ low[lowWord & 0xff]!;
    high[index] = (highWord >>> 8) ^ high[lowWord & 0xff]!;
  }
  return { low, high };
}

let crc32cTables: Tables | undefined;
let crc64Tables: Tables | undefined;

/** Castagnoli: 0x1EDC6F41, reflected. */
function createCrc32c(): Digest {
  const { low: table } = (crc32cTables ??= createTables(0x82f63b78, 0));
  let value = 0xffffffff;
  return {
    update(bytes) {
      let crc = value;
      let i = 0;
      for (const end = bytes.length - 8; i <= end; i += 8) {
        crc =
          table[1792 + ((crc ^ bytes[i]!) & 0xff)]! ^
          table[1536 + (((crc >>> 8) ^ bytes[i + 1]!) & 0xff)]! ^
          table[1280 + (((crc >>> 16) ^ bytes[i + 2]!) & 0xff)]! ^
          table[1024 + ((crc >>> 24) ^ bytes[i + 3]!)]! ^
          table[768 + bytes[i + 4]!]! ^
          table[512 + bytes[i + 5]!]! ^
          table[256 + bytes[i + 6]!]! ^
          table[bytes[i + 7]!]!;
      }
      for (; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]!) & 0xff]!;
      value = crc;
    },
    digest: () => wordsToBase64(value ^ 0xffffffff),
  };
}

/** NVME: 0xAD93D23594C93659, reflected 0x9A6C9329AC4BC9B5. */
function createCrc64(): Digest {
  const { low: tableLow, high: tableHigh } = (crc64Tables ??= createTables(0xac4bc9b5, 0x9a6c9329));
  let low = 0xffffffff;
  let high = 0xffffffff;
  return {
    update(bytes) {
      let a = low;
      let b = high;
      let i = 0;
      for (const end = bytes.length - 8; i <= end; i += 8) {
        const i0 = 1792 + ((a ^ bytes[i]!) & 0xff);
        const i1 = 1536 + (((a >>> 8) ^ bytes[i + 1]!) & 0xff);
        const i2 = 1280 + (((a >>> 16) ^ bytes[i + 2]!) & 0xff);
        const i3 = 1024 + ((a >>> 24) ^ bytes[i + 3]!);
        const i4 = 768 + ((b ^ bytes[i + 4]!) & 0xff);
        const i5 = 512 + (((b >>> 8) ^ bytes[i + 5]!) & 0xff);
        const i6 = 256 + (((b >>> 16) ^ bytes[i + 6]!) & 0xff);
        const i7 = (b >>> 24) ^ bytes[i + 7]!;
        a =
          tableLow[i0]! ^
          tableLow[i1]! ^
          tableLow[i2]! ^
          tableLow[i3]! ^
          tableLow[i4]! ^
          tableLow[i5]! ^
          tableLow[i6]! ^
          tableLow[i7]!;
        b =
          tableHigh[i0]! ^
          tableHigh[i1]! ^
          tableHigh[i2]! ^
          tableHigh[i3]! ^
          tableHigh[i4]! ^
          tableHigh[i5]! ^
          tableHigh[i6]! ^
          tableHigh[i7]!;
      }
      for (; i < bytes.length; i++) {
        const index = (a ^ bytes[i]!) & 0xff;
        a = ((a >>> 8) | (b << 24)) ^ tableLow[index]!;
        b = (b >>> 8) ^ tableHigh[index]!;
      }
      low = a;
      high = b;
    },
    digest: () => wordsToBase64(high ^ 0xffffffff, low ^ 0xffffffff),
  };
}
