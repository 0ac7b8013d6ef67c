/** Page tokens: where the next page begins, bound to one list and authenticated. */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { fault } from '#base/fault.ts';
import type { Keyring } from '#store/keyring.ts';

const PURPOSE = 'cloudtrail/page-token';
const MAC_BYTES = 16;

/** `list` names the operation and what it lists. */
export function createPageToken(keyring: Keyring, list: string, start: readonly (string | number)[]): string {
  const content = Buffer.from(JSON.stringify(start));
  return Buffer.concat([macOf(keyring, list, content), content]).toString('base64url');
}

/** Where the page begins; `undefined` for the first page. */
export function readPageToken(
  keyring: Keyring,
  list: string,
  token: string | undefined,
): readonly (string | number)[] | undefined {
  if (token === undefined) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const content = bytes.subarray(MAC_BYTES);
  const mac = bytes.subarray(0, MAC_BYTES);
  if (mac.length !== MAC_BYTES || !timingSafeEqual(mac, macOf(keyring, list, content))) {
    throw fault(
      'InvalidNextTokenException',
      'The next token is not valid for this request. Repeat it with the same parameters.',
    );
  }
  return JSON.parse(content.toString()) as readonly (string | number)[];
}

function macOf(keyring: Keyring, list: string, content: Buffer): Buffer {
  const key = keyring.derive(PURPOSE, list);
  return createHmac('sha256', key).update(content).digest().subarray(0, MAC_BYTES);
}
