/** Pages in the order of a text. Tokens are bound to one list and authenticated, so that altered ones are refused. */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { fault } from '#base/fault.ts';
import type { House } from '#services/service.ts';

const PURPOSE = 'cloudwatch/page-token';
const MAC_BYTES = 16;

/** `list` says what is listed, with its filters. */
export function createToken(house: House, list: readonly unknown[], after: string): string {
  const content = Buffer.from(after);
  return Buffer.concat([macOf(house, list, content), content]).toString('base64url');
}

/** After what the next page begins; `undefined` for the first page. */
export function readToken(
  house: House,
  list: readonly unknown[],
  token: string | undefined,
): string | undefined {
  if (token === undefined) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const content = bytes.subarray(MAC_BYTES);
  const mac = bytes.subarray(0, MAC_BYTES);
  if (mac.length !== MAC_BYTES || !timingSafeEqual(mac, macOf(house, list, content))) {
    throw fault('InvalidNextToken', 'The next token is not valid for this list.');
  }
  return content.toString();
}

function macOf({ keyring }: House, list: readonly unknown[], content: Buffer): Buffer {
  const key = keyring.derive(PURPOSE, JSON.stringify(list));
  return createHmac('sha256', key).update(content).digest().subarray(0, MAC_BYTES);
}
