/** What requests that bring values have in common: the token, the value itself, and what none of them may ask for. */

import { createUuid } from '#base/chance.ts';
import { invalidParameter } from './room.ts';
import type { SecretValue } from './sealing.ts';

const TOKEN_LENGTH_MIN = 32;
const TOKEN_LENGTH_MAX = 64;
const VALUE_BYTES_MAX = 65_536;

/** The token becomes the id of the version; clients send one with every request. */
export function readToken(token: string | undefined): string {
  if (token === undefined) return createUuid();
  if (token.length >= TOKEN_LENGTH_MIN && token.length <= TOKEN_LENGTH_MAX) return token;
  throw invalidParameter(
    `ClientRequestToken must be ${TOKEN_LENGTH_MIN}-${TOKEN_LENGTH_MAX} characters long.`,
  );
}

interface ValueInput {
  readonly SecretString?: string | undefined;
  readonly SecretBinary?: Uint8Array | undefined;
}

/** `undefined` when the request brings none. */
export function readValue({ SecretString: text, SecretBinary: bytes }: ValueInput): SecretValue | undefined {
  if (text !== undefined && bytes !== undefined) {
    throw invalidParameter(
      "You can't specify both a binary secret value and a string secret value in the same secret.",
    );
  }
  if (text === undefined && bytes === undefined) return undefined;
  if ((bytes?.length ?? Buffer.byteLength(text ?? '')) > VALUE_BYTES_MAX) {
    throw invalidParameter(`A secret value can have ${VALUE_BYTES_MAX} bytes.`);
  }
  return text === undefined ? { bytes: bytes ?? new Uint8Array() } : { text };
}

interface UnsupportedInput {
  readonly AddReplicaRegions?: readonly unknown[] | undefined;
  readonly Type?: string | undefined;
}

export function refuseUnsupported({ AddReplicaRegions: regions, Type: type }: UnsupportedInput): void {
  if (regions !== undefined && regions.length > 0) {
    throw invalidParameter('There is one region, so secrets are not replicated.');
  }
  if (type !== undefined && type !== '') {
    throw invalidParameter('Secrets of other vendors (Type) are not supported.');
  }
}

/** The condition key of the key that a request names. */
export function keyContext(keyId: string | undefined): Record<string, string> {
  return keyId === undefined ? {} : { 'secretsmanager:KmsKeyId': keyId };
}

/** The condition key of the description that a request gives. */
export function descriptionContext(description: string | undefined): Record<string, string> {
  return description === undefined ? {} : { 'secretsmanager:Description': description };
}
