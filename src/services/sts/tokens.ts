/**
 * Temporary credentials. A session token is the session itself, sealed for its access key id; the secret key is derived
 * from that id. So nothing is stored, any node can verify, and a restart changes nothing. Whether the user or role
 * still exists is asked where its policies are read.
 */

import { createIamId } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Principal, RolePrincipal, RootPrincipal, UserPrincipal } from '#core/policy/principal.ts';
import type { Credentials, Identity, Sessions } from '#services/service.ts';
import { SealBroken, type Keyring } from '#store/keyring.ts';
import type { Clock } from '#base/clock.ts';

/** Who can hold temporary credentials. */
export type SessionPrincipal = RolePrincipal | UserPrincipal | RootPrincipal;

interface SealedSession {
  readonly version: 1;
  readonly principal: SessionPrincipal;
  readonly expiresAt: number;
}

const TOKEN_PURPOSE = 'sts.session-token';
const SECRET_PURPOSE = 'sts.secret-key';
/** 30 bytes are the 40 characters of a secret key. */
const SECRET_BYTES = 30;
const TOKEN_LENGTH_MAX = 16_384;

export interface Tokens extends Sessions {
  issue(principal: SessionPrincipal, expiresAt: number): Required<Credentials>;
}

export function createTokens(keyring: Keyring, clock: Clock): Tokens {
  const secretOf = (accessKeyId: string) =>
    keyring.derive(SECRET_PURPOSE, accessKeyId).subarray(0, SECRET_BYTES).toString('base64');
  return {
    issue(principal, expiresAt) {
      const accessKeyId = createIamId('ASIA');
      const session: SealedSession = { version: 1, principal, expiresAt };
      const sessionToken = keyring.seal(TOKEN_PURPOSE, JSON.stringify(session), accessKeyId);
      return { accessKeyId, secretAccessKey: secretOf(accessKeyId), sessionToken, expiresAt };
    },

    async open(accessKeyId, sessionToken): Promise<Identity> {
      const { principal, expiresAt } = openToken(keyring, accessKeyId, sessionToken);
      if (clock.now() >= expiresAt) {
        throw fault('ExpiredTokenException', 'The security token included in the request is expired');
      }
      return { principal, secretAccessKey: secretOf(accessKeyId) };
    },
  };
}

/** Are these credentials temporary ones? */
export function isTemporary(principal: Principal): boolean {
  return principal.type === 'role' || ('issuedAt' in principal && principal.issuedAt !== undefined);
}

function openToken(keyring: Keyring, accessKeyId: string, sessionToken: string): SealedSession {
  try {
    if (sessionToken.length > TOKEN_LENGTH_MAX) throw new SealBroken('the token is too long');
    const text = keyring.open(TOKEN_PURPOSE, sessionToken, accessKeyId).toString();
    // Sealed by us, so the text has the form that we gave it; but perhaps by a later version.
    const session = JSON.parse(text) as SealedSession;
    if (session.version !== 1) throw new SealBroken('the token has another version');
    return session;
  } catch (cause) {
    if (!(cause instanceof SealBroken)) throw cause;
    throw fault('InvalidTokenException', 'The security token included in the request is invalid.', { cause });
  }
}
