/** Pages of names in their order. Tokens are bound to one list and authenticated, so that altered ones are refused. */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { fault } from '#base/fault.ts';
import type { House } from '#services/service.ts';

const PURPOSE = 'events/page-token';
const MAC_BYTES = 16;
export const PAGE_SIZE = 100;

interface PageInput {
  readonly Limit?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** To be spread into the answer. */
  readonly next: { readonly NextToken?: string };
}

/** `read` gives at most `limit` rows whose names come after `after`. */
export async function readPage<Row>(
  house: House,
  list: readonly string[],
  input: PageInput,
  nameOf: (row: Row) => string,
  read: (after: string, limit: number) => Promise<readonly Row[]>,
): Promise<Page<Row>> {
  const limit = input.Limit ?? PAGE_SIZE;
  const found = await read(readToken(house, list, input.NextToken), limit + 1);
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  if (found.length <= limit || last === undefined) return { rows, next: {} };
  return { rows, next: { NextToken: createToken(house, list, nameOf(last)) } };
}

function createToken(house: House, list: readonly string[], after: string): string {
  const content = Buffer.from(after);
  return Buffer.concat([macOf(house, list, content), content]).toString('base64url');
}

function readToken(house: House, list: readonly string[], token: string | undefined): string {
  if (token === undefined) return '';
  const bytes = Buffer.from(token, 'base64url');
  const content = bytes.subarray(MAC_BYTES);
  const mac = bytes.subarray(0, MAC_BYTES);
  if (mac.length !== MAC_BYTES || !timingSafeEqual(mac, macOf(house, list, content))) {
    throw fault('ValidationException', 'The value of NextToken is not valid for this list.');
  }
  return content.toString();
}

function macOf({ keyring }: House, list: readonly string[], content: Buffer): Buffer {
  const key = keyring.derive(PURPOSE, JSON.stringify(list));
  return createHmac('sha256', key).update(content).digest().subarray(0, MAC_BYTES);
}
