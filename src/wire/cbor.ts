/**
 * CBOR as AWS's CBOR protocol uses it (RFC 8949): bytes into values and back, without shapes. Our own, because it is a
 * page, and because what strangers send must be bounded while it is read: depth, and no list longer than its bytes.
 * Maps are `Map`, tagged items are `Tagged`, both null and undefined are null.
 */

import { fault } from '#base/fault.ts';
import type { Fault } from '#base/fault.ts';

export interface Tagged {
  readonly tag: number;
  readonly value: unknown;
}

const DEPTH_MAX = 100;
const BREAK = 0xff;
const INDEFINITE = 31;

interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

/** Exactly one item. */
export function parseCbor(bytes: Uint8Array): unknown {
  const cursor: Cursor = { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), at: 0 };
  const value = readItem(cursor, 0);
  if (cursor.at !== bytes.length) throw malformed('something follows the item');
  return value;
}

export function isTagged(value: unknown): value is Tagged {
  return typeof value === 'object' && value !== null && 'tag' in value;
}

function readItem(cursor: Cursor, depth: number): unknown {
  if (depth > DEPTH_MAX) throw malformed(`nested deeper than ${DEPTH_MAX} levels`);
  const initial = readNumber(cursor, 1);
  const major = initial >> 5;
  const minor = initial & 0x1f;
  switch (major) {
    case 0:
      return readArgument(cursor, minor);
    case 1:
      return -1 - readArgument(cursor, minor);
    case 2:
      return readBytes(cursor, minor, major);
    case 3:
      return decodeText(readBytes(cursor, minor, major));
    case 4:
      return readList(cursor, minor, depth);
    case 5:
      return readMap(cursor, minor, depth);
    case 6:
      return { tag: readArgument(cursor, minor), value: readItem(cursor, depth + 1) } satisfies Tagged;
    default:
      return readSimple(cursor, minor);
  }
}

/** A length, a number or a tag; beyond 2^53 it is rounded, as JSON's numbers are. */
function readArgument(cursor: Cursor, minor: number): number {
  if (minor < 24) return minor;
  if (minor > 27) throw malformed('a reserved length');
  return readNumber(cursor, 1 << (minor - 24));
}

function readNumber(cursor: Cursor, width: number): number {
  const at = advance(cursor, width);
  return width === 8 ? Number(cursor.bytes.readBigUInt64BE(at)) : cursor.bytes.readUIntBE(at, width);
}

function advance(cursor: Cursor, width: number): number {
  const { at } = cursor;
  if (width > cursor.bytes.length - at) throw malformed('it ends too early');
  cursor.at = at + width;
  return at;
}

function readBytes(cursor: Cursor, minor: number, major: number): Buffer {
  if (minor !== INDEFINITE) {
    const length = readArgument(cursor, minor);
    const at = advance(cursor, length);
    return cursor.bytes.subarray(at, at + length);
  }
  const parts: Buffer[] = [];
  while (!isBreak(cursor)) {
    const initial = readNumber(cursor, 1);
    if (initial >> 5 !== major || (initial & 0x1f) === INDEFINITE) throw malformed('a broken text or blob');
    parts.push(readBytes(cursor, initial & 0x1f, major));
  }
  return Buffer.concat(parts);
}

function readList(cursor: Cursor, minor: number, depth: number): unknown[] {
  const items: unknown[] = [];
  const length = minor === INDEFINITE ? Infinity : readArgument(cursor, minor);
  while (length === Infinity ? !isBreak(cursor) : items.length < length) {
    items.push(readItem(cursor, depth + 1));
  }
  return items;
}

function readMap(cursor: Cursor, minor: number, depth: number): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>();
  const length = minor === INDEFINITE ? Infinity : readArgument(cursor, minor);
  for (let count = 0; length === Infinity ? !isBreak(cursor) : count < length; count++) {
    const key = readItem(cursor, depth + 1);
    map.set(key, readItem(cursor, depth + 1));
  }
  return map;
}

function isBreak(cursor: Cursor): boolean {
  if (cursor.bytes[cursor.at] !== BREAK) return false;
  cursor.at++;
  return true;
}

function readSimple(cursor: Cursor, minor: number): unknown {
  switch (minor) {
    case 20:
      return false;
    case 21:
      return true;
    case 22:
    case 23:
      return null;
    case 25:
      return halfToNumber(readNumber(cursor, 2));
    case 26:
      return cursor.bytes.readFloatBE(advance(cursor, 4));
    case 27:
      return cursor.bytes.readDoubleBE(advance(cursor, 8));
    default:
      throw malformed('a value of no known kind');
  }
}

/** RFC 8949, appendix D. */
function halfToNumber(half: number): number {
  const exponent = (half >> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  const sign = half & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (mantissa + 1024) * 2 ** (exponent - 25);
}

function decodeText(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw malformed('a text is not valid UTF-8', cause);
  }
}

function malformed(what: string, cause?: unknown): Fault {
  return fault('SerializationException', `The body is not valid CBOR: ${what}.`, { cause });
}

/* Writing: pieces in order, put together by `bytesOfCbor`. */

/** What writers append to; grows by doubling. */
export interface CborWriter {
  bytes: Buffer;
  length: number;
}

const FIRST_BYTES = 1024;

export function createCborWriter(): CborWriter {
  return { bytes: Buffer.allocUnsafe(FIRST_BYTES), length: 0 };
}

export function bytesOfCbor({ bytes, length }: CborWriter): Buffer {
  return bytes.subarray(0, length);
}

export function writeText(writer: CborWriter, text: string): void {
  const length = Buffer.byteLength(text);
  writeHead(writer, 3, length);
  const at = reserve(writer, length);
  writer.bytes.write(text, at, 'utf8');
}

export function writeBlob(writer: CborWriter, bytes: Uint8Array): void {
  writeHead(writer, 2, bytes.length);
  const at = reserve(writer, bytes.length);
  writer.bytes.set(bytes, at);
}

export function writeInteger(writer: CborWriter, value: number): void {
  if (value >= 0) writeHead(writer, 0, value);
  else writeHead(writer, 1, -1 - value);
}

export function writeDouble(writer: CborWriter, value: number): void {
  const at = reserve(writer, 9);
  writer.bytes[at] = 0xfb;
  writer.bytes.writeDoubleBE(value, at + 1);
}

export function writeBoolean(writer: CborWriter, value: boolean): void {
  const at = reserve(writer, 1);
  writer.bytes[at] = value ? 0xf5 : 0xf4;
}

/** Seconds since 1970, under tag 1. */
export function writeDate(writer: CborWriter, value: Date): void {
  writeHead(writer, 6, 1);
  writeDouble(writer, value.getTime() / 1000);
}

export function writeListHead(writer: CborWriter, items: number): void {
  writeHead(writer, 4, items);
}

export function writeMapHead(writer: CborWriter, entries: number): void {
  writeHead(writer, 5, entries);
}

function writeHead(writer: CborWriter, major: number, argument: number): void {
  const initial = major << 5;
  if (argument < 24) {
    const at = reserve(writer, 1);
    writer.bytes[at] = initial | argument;
    return;
  }
  const power = argument < 0x100 ? 0 : argument < 0x1_0000 ? 1 : argument < 0x1_0000_0000 ? 2 : 3;
  const width = 1 << power;
  const at = reserve(writer, width + 1);
  writer.bytes[at] = initial | (24 + power);
  if (power === 3) writer.bytes.writeBigUInt64BE(BigInt(argument), at + 1);
  else writer.bytes.writeUIntBE(argument, at + 1, width);
}

function reserve(writer: CborWriter, width: number): number {
  const at = writer.length;
  writer.length += width;
  if (writer.length > writer.bytes.length) {
    const grown = Buffer.allocUnsafe(Math.max(writer.length, writer.bytes.length * 2));
    writer.bytes.copy(grown, 0, 0, at);
    writer.bytes = grown;
  }
  return at;
}
