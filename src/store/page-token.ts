/**
 * Page tokens: where the next page of a list begins, bound to that list and authenticated, so that a token of another
 * list, or an altered one, is known to be wrong. What a room says about a wrong one is the room's.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Keyring } from './keyring.ts';

export type PageStart = readonly (string | number)[];

const MAC_BYTES = 16;

/** `purpose` names the room, `list` the operation and what it lists. */
export function sealPageToken(keyring: Keyring, purpose: string, list: string, start: PageStart): string {
  const content = Buffer.from(JSON.stringify(start));
  return Buffer.concat([macOf(keyring, purpose, list, content), content]).toString('base64url');
}

/** Where the page begins; `undefined` for a token that was not made for this list. */
export function openPageToken(
  keyring: Keyring,
  purpose: string,
  list: string,
  token: string,
): PageStart | undefined {
  const bytes = Buffer.from(token, 'base64url');
  const content = bytes.subarray(MAC_BYTES);
  const mac = bytes.subarray(0, MAC_BYTES);
  if (mac.length !== MAC_BYTES || !timingSafeEqual(mac, macOf(keyring, purpose, list, content)))
    return undefined;
  return JSON.parse(content.toString()) as PageStart;
}

function macOf(keyring: Keyring, purpose: string, list: string, content: Buffer): Buffer {
  const key = keyring.derive(purpose, list);
  return createHmac('sha256', key).update(content).digest().subarray(0, MAC_BYTES);
}
