/** Pages of a list of names: the token is the place where the next page begins, made opaque. */

import { fault } from '#base/fault.ts';
import { PAGE_SIZE } from './names.ts';

export interface Page<Item> {
  readonly items: Item[];
  readonly nextToken: string | undefined;
}

/** `items` must be in the same order at every call. */
export function pageOf<Item>(items: readonly Item[], token: string | undefined): Page<Item> {
  const start = token ? parseToken(token) : 0;
  const end = start + PAGE_SIZE;
  return { items: items.slice(start, end), nextToken: end < items.length ? createToken(end) : undefined };
}

function createToken(start: number): string {
  return Buffer.from(`codedeploy:${start}`).toString('base64url');
}

function parseToken(token: string): number {
  const [, digits] = /^codedeploy:(\d{1,9})$/.exec(Buffer.from(token, 'base64url').toString()) ?? [];
  if (digits === undefined) throw fault('InvalidNextTokenException', 'The next token is not valid.');
  return Number(digits);
}
