/** Page tokens of this room, with the fault that AWS answers to a wrong one. */

import { fault } from '#base/fault.ts';
import type { Keyring } from '#store/keyring.ts';
import { openPageToken, type PageStart, sealPageToken } from '#store/page-token.ts';

const PURPOSE = 'cloudtrail/page-token';

/** `list` names the operation and what it lists. */
export function createPageToken(keyring: Keyring, list: string, start: PageStart): string {
  return sealPageToken(keyring, PURPOSE, list, start);
}

/** Where the page begins; `undefined` for the first page. */
export function readPageToken(
  keyring: Keyring,
  list: string,
  token: string | undefined,
): PageStart | undefined {
  if (token === undefined) return undefined;
  const start = openPageToken(keyring, PURPOSE, list, token);
  if (start) return start;
  throw fault(
    'InvalidNextTokenException',
    'The next token is not valid for this request. Repeat it with the same parameters.',
  );
}
