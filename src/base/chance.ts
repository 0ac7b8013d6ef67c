/** Chance from the system's secure source, for the edges: request ids, keys, and the chance that events carry. */

import { randomBytes, randomInt, randomUUID } from 'node:crypto';

export function createUuid(): string {
  return randomUUID();
}

/** 32 hexadecimal digits: the chance that an event carries into a decision. */
export function createChance(): string {
  return randomBytes(16).toString('hex');
}

/** `length` characters of `alphabet` from the system's secure source. */
export function createText(alphabet: string, length: number): string {
  let text = '';
  for (let i = 0; i < length; i++) text += alphabet[randomInt(alphabet.length)];
  return text;
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** An IAM style id: a four-letter prefix (AIDA, AROA, AKIA, …) and 17 characters. */
export function createIamId(prefix: string): string {
  return prefix + createText(BASE32, 17);
}
