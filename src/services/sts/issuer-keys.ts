/**
 * The keys with which identity providers sign, fetched from the providers and remembered for a while. A key that is not
 * among them is looked for again, since providers change their keys, but not more often than every half minute, however
 * many tokens strangers make up.
 */

import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import { Unreachable, type IssuerWeb } from './issuer-web.ts';

export interface IssuerKey {
  readonly id: string | undefined;
  readonly key: KeyObject;
}

export interface Issuer {
  /** Host and path: without `https://`. */
  readonly provider: string;
  readonly thumbprints: readonly string[];
}

export interface IssuerKeys {
  /** Those that could have signed; all of them for a token that names none. Throws `Unreachable`. */
  find(issuer: Issuer, keyId: string | undefined): Promise<readonly IssuerKey[]>;
}

const AGE_MS_MAX = 3_600_000;
const AGAIN_MS_MIN = 30_000;
/** As many as an account can have providers; beyond, everything is fetched anew. */
const ISSUERS_MAX = 100;
const KEYS_MAX = 100;
const RSA_BITS_MIN = 2048;
const RSA_BITS_MAX = 8192;
const CURVES: readonly string[] = ['P-256', 'P-384'];

interface Fetched {
  readonly at: number;
  readonly keys: Promise<readonly IssuerKey[]>;
}

export function createIssuerKeys(web: IssuerWeb, clock: Clock): IssuerKeys {
  const fetched = new Map<string, Fetched>();
  const load = (name: string, issuer: Issuer): Fetched => {
    const keys = fetchKeys(web, issuer);
    // Whoever waits for it hears of the failure; here nobody waits.
    keys.catch(() => {});
    if (fetched.size >= ISSUERS_MAX) fetched.clear();
    const entry = { at: clock.now(), keys };
    fetched.set(name, entry);
    return entry;
  };
  return {
    async find(issuer, keyId) {
      const name = JSON.stringify(issuer);
      const known = fetched.get(name);
      const isFresh = known !== undefined && clock.now() - known.at < AGE_MS_MAX;
      const entry = isFresh ? known : load(name, issuer);
      const mayAskAgain = isFresh && clock.now() - entry.at >= AGAIN_MS_MIN;
      const found = await entry.keys.then(
        (keys) => candidatesIn(keys, keyId),
        (error: unknown) => {
          if (!mayAskAgain) throw error;
          return [];
        },
      );
      if (found.length > 0 || !mayAskAgain) return found;
      // Others may have asked meanwhile.
      const newest = fetched.get(name);
      const again = newest !== undefined && newest !== entry ? newest : load(name, issuer);
      return candidatesIn(await again.keys, keyId);
    },
  };
}

function candidatesIn(keys: readonly IssuerKey[], keyId: string | undefined): readonly IssuerKey[] {
  return keyId === undefined ? keys : keys.filter((key) => key.id === keyId);
}

async function fetchKeys(web: IssuerWeb, { provider, thumbprints }: Issuer): Promise<readonly IssuerKey[]> {
  const issuer = `https://${provider}`;
  const discovery = await web.read(
    `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
    thumbprints,
  );
  if (!isObject(discovery) || discovery['issuer'] !== issuer)
    throw new Unreachable('its configuration names another issuer');
  const { jwks_uri: address } = discovery;
  if (typeof address !== 'string') throw new Unreachable('its configuration names no keys');
  const set = await web.read(address, thumbprints);
  const keys = isObject(set) ? set['keys'] : undefined;
  if (!Array.isArray(keys) || keys.length > KEYS_MAX) throw new Unreachable('it sent no set of keys');
  return keys.flatMap((key: unknown) => readKey(key) ?? []);
}

/** Keys of other kinds and for other uses are left out; so is what is more than the public half. */
function readKey(json: unknown): IssuerKey | undefined {
  if (!isObject(json)) return undefined;
  const { kty, use, kid, n, e, crv, x, y } = json;
  if (use !== undefined && use !== 'sig') return undefined;
  const id = typeof kid === 'string' ? kid : undefined;
  if (kty === 'RSA' && typeof n === 'string' && typeof e === 'string') return publicKey(id, { kty, n, e });
  const isCurve = typeof crv === 'string' && CURVES.includes(crv);
  return kty === 'EC' && isCurve && typeof x === 'string' && typeof y === 'string'
    ? publicKey(id, { kty, crv, x, y })
    : undefined;
}

function publicKey(id: string | undefined, jwk: Readonly<Record<string, string>>): IssuerKey | undefined {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    // One key that nobody can read does not spoil the others.
    return undefined;
  }
  const bits = key.asymmetricKeyDetails?.modulusLength;
  return bits === undefined || (bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX) ? { id, key } : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
