/**
 * The little of DER (X.690) that a signed deployment specification needs: writing tagged values and reading them back.
 * Reading is strict about lengths and refuses indefinite forms; nothing is interpreted here.
 */

export interface DerValue {
  readonly tag: number;
  /** Content without tag and length. */
  readonly content: Buffer;
  /** All of it, as it stood in the message. */
  readonly whole: Buffer;
}

export const TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
} as const;

const LENGTH_BYTES_MAX = 4;

export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content]);
}

/** A positive number, with the leading zero that keeps it positive. */
export function derInteger(value: Uint8Array | number): Buffer {
  const bytes = typeof value === 'number' ? Buffer.from([value]) : Buffer.from(value);
  const first = bytes[0] ?? 0;
  return der(TAG.integer, first & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

/** `1.2.840.113549.1.7.2` */
export function derObjectId(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const number of rest) {
    const groups = [number & 0x7f];
    for (let left = number >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(TAG.objectId, Buffer.from(bytes));
}

/** The values that stand one after another in `content`. Throws when it is not whole. */
export function readDer(content: Buffer): readonly DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < content.length;) {
    const tag = content[at] ?? 0;
    const { length, start } = readLength(content, at + 1);
    const end = start + length;
    if (end > content.length) throw new Error('A DER value is longer than its message.');
    values.push({ tag, content: content.subarray(start, end), whole: content.subarray(at, end) });
    at = end;
  }
  return values;
}

/** The values inside `value`, which must have the tag that is expected. */
export function inside(value: DerValue | undefined, tag: number, what: string): readonly DerValue[] {
  if (value?.tag !== tag) throw new Error(`The ${what} is missing.`);
  return readDer(value.content);
}

export function pem(label: string, content: Uint8Array): string {
  const lines =
    Buffer.from(content)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

export function fromPem(label: string, text: string): Buffer {
  const begin = `-----BEGIN ${label}-----`;
  const from = text.indexOf(begin);
  const until = text.indexOf(`-----END ${label}-----`);
  if (from < 0 || until < from) throw new Error(`There is no PEM block ${label}.`);
  return Buffer.from(text.slice(from + begin.length, until), 'base64');
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  return [0x80 | bytes.length, ...bytes];
}

function readLength(content: Buffer, at: number): { readonly length: number; readonly start: number } {
  const first = content[at];
  if (first === undefined) throw new Error('A DER value has no length.');
  if (first < 0x80) return { length: first, start: at + 1 };
  const count = first & 0x7f;
  if (count === 0 || count > LENGTH_BYTES_MAX)
    throw new Error('A DER value has a length of an unknown form.');
  let length = 0;
  for (let index = 0; index < count; index++) {
    const byte = content[at + 1 + index];
    if (byte === undefined) throw new Error('A DER value has no length.');
    length = length * 256 + byte;
  }
  return { length, start: at + 1 + count };
}
