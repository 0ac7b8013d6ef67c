/** IP addresses and ranges for policy conditions: IPv4 and IPv6 as numbers; IPv4 inside IPv6 counts as IPv4. */

export interface Range {
  readonly bits: 32 | 128;
  readonly address: bigint;
  readonly prefix: number;
}

const ADDRESS_LENGTH_MAX = 64;
const MAPPED_PREFIX = 0xffffn;

/** `203.0.113.0/24`, `2001:db8::/32`, or one address. */
export function parseRange(text: string): Range | undefined {
  if (text.length > ADDRESS_LENGTH_MAX) return undefined;
  const [base = '', length, ...rest] = text.split('/');
  const address = parseAddress(base);
  if (address === undefined || rest.length > 0) return undefined;
  if (length === undefined) return { ...address, prefix: address.bits };
  if (!/^\d{1,3}$/.test(length) || Number(length) > address.bits) return undefined;
  return { ...address, prefix: Number(length) };
}

export function isInRange(range: Range, text: string): boolean {
  const one = parseRange(text);
  if (one === undefined || one.prefix !== one.bits || one.bits !== range.bits) return false;
  const shift = BigInt(range.bits - range.prefix);
  return one.address >> shift === range.address >> shift;
}

function parseAddress(text: string): { bits: 32 | 128; address: bigint } | undefined {
  const plain = parseV4(text);
  if (plain !== undefined) return { bits: 32, address: plain };
  const long = parseV6(text);
  if (long === undefined) return undefined;
  return long >> 32n === MAPPED_PREFIX
    ? { bits: 32, address: long & 0xffff_ffffn }
    : { bits: 128, address: long };
}

function parseV4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = [groupsOf(halves[0] ?? ''), groupsOf(halves[1] ?? '')];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0n), ...tail];
  return groups.reduce((sum, group) => (sum << 16n) | group, 0n);
}

/** Sixteen-bit groups; a dotted end counts for two. */
function groupsOf(text: string): bigint[] | undefined {
  if (text === '') return [];
  const groups: bigint[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    const dotted = i === parts.length - 1 ? parseV4(part) : undefined;
    if (dotted !== undefined) groups.push(dotted >> 16n, dotted & 0xffffn);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}
