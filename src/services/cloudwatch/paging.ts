/** Page tokens of this room, with the fault that AWS answers to a wrong one. */

import { fault } from '#base/fault.ts';
import type { House } from '#services/service.ts';
import { openPageToken, sealPageToken } from '#store/page-token.ts';

const PURPOSE = 'cloudwatch/page-token';

/** `list` says what is listed, with its filters. */
export function createToken({ keyring }: House, list: readonly unknown[], after: string): string {
  return sealPageToken(keyring, PURPOSE, JSON.stringify(list), [after]);
}

/** After what the next page begins; `undefined` for the first page. */
export function readToken(
  { keyring }: House,
  list: readonly unknown[],
  token: string | undefined,
): string | undefined {
  if (token === undefined) return undefined;
  const start = openPageToken(keyring, PURPOSE, JSON.stringify(list), token);
  if (start) return String(start[0]);
  throw fault('InvalidNextToken', 'The next token is not valid for this list.');
}
