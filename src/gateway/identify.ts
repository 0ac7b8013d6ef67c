/**
 * Who is behind an access key: the root of the account, a user with a long-term key, or a session with its token.
 * This file finds the secret; whether the request was signed with it is proven elsewhere.
 */

import { fault, type Fault } from '#base/fault.ts';
import type { Identity } from '#services/service.ts';
import type { Rooms } from './rooms.ts';

export interface RootKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Throws a fault for unknown, inactive, expired or altered credentials. */
export type Identify = (accessKeyId: string, sessionToken: string | undefined) => Promise<Identity>;

const TEMPORARY_PREFIX = 'ASIA';
const ACCESS_KEY_FORM = /^[A-Za-z0-9_]{3,128}$/;

export function createIdentify(rooms: Rooms, rootKey: RootKey, account: string): Identify {
  const root: Identity = {
    principal: { type: 'root', account },
    secretAccessKey: rootKey.secretAccessKey,
  };
  return async (accessKeyId, sessionToken) => {
    if (!ACCESS_KEY_FORM.test(accessKeyId)) throw unknownKey();
    if (accessKeyId === rootKey.accessKeyId) {
      if (sessionToken !== undefined) throw foreignToken();
      return root;
    }
    if (accessKeyId.startsWith(TEMPORARY_PREFIX)) {
      if (sessionToken === undefined || !rooms.sessions) throw unknownKey();
      return rooms.sessions.open(accessKeyId, sessionToken);
    }
    const identity = await rooms.identities?.byAccessKey(accessKeyId);
    if (!identity) throw unknownKey();
    if (sessionToken !== undefined) throw foreignToken();
    return identity;
  };
}

function unknownKey(): Fault {
  return fault('UnrecognizedClientException', 'The security token included in the request is invalid.');
}

/** A long-term key has no token, so a token beside it belongs to something else. */
function foreignToken(): Fault {
  return fault('InvalidTokenException', 'The security token included in the request is invalid.');
}
