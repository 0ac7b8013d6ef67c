/**
 * A token of an identity provider (a JWT) as text: what it is made of, before anybody has proven that the provider made
 * it. Reading is strict, since everything here comes from strangers: one spelling, one algorithm that signs with a key
 * pair, nothing critical that we do not know. See RFC 7515, RFC 7519 and RFC 8725.
 */

export interface IdToken {
  readonly algorithm: Algorithm;
  readonly keyId: string | undefined;
  readonly claims: Claims;
  /** What is signed. */
  readonly signed: string;
  /** Base64url. */
  readonly signature: string;
}

export type Claims = Readonly<Record<string, unknown>>;

/** Only with key pairs: whoever can check a shared secret can also make tokens with it. */
export type Algorithm = 'RS256' | 'RS384' | 'RS512' | 'ES256' | 'ES384';

const ALGORITHMS: readonly string[] = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384'] satisfies Algorithm[];
/** As the model of AssumeRoleWithWebIdentity has it. */
const TOKEN_LENGTH_MAX = 20_000;
const KEY_ID_LENGTH_MAX = 256;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** `undefined` for what is no token that we would ever believe. */
export function parseIdToken(text: string): IdToken | undefined {
  if (text.length > TOKEN_LENGTH_MAX) return undefined;
  const [head = '', body = '', signature = '', ...rest] = text.split('.');
  if (rest.length > 0 || !BASE64URL.test(signature)) return undefined;
  const header = readObject(head);
  const claims = readObject(body);
  if (header === undefined || claims === undefined || header['crit'] !== undefined) return undefined;
  const { alg: algorithm, kid: keyId, b64: isEncoded } = header;
  if (!isAlgorithm(algorithm) || isEncoded !== undefined) return undefined;
  if (keyId !== undefined && (typeof keyId !== 'string' || keyId.length > KEY_ID_LENGTH_MAX))
    return undefined;
  return { algorithm, keyId, claims, signed: `${head}.${body}`, signature };
}

function isAlgorithm(value: unknown): value is Algorithm {
  return typeof value === 'string' && ALGORITHMS.includes(value);
}

function readObject(part: string): Claims | undefined {
  if (!BASE64URL.test(part)) return undefined;
  try {
    const binary = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Claims)
      : undefined;
  } catch (error) {
    // Not base64, not UTF-8 or not JSON: no token of anybody.
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof DOMException)
      return undefined;
    throw error;
  }
}
