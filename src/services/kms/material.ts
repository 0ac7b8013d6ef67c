/**
 * Key material: made here, wrapped by the house's keyring before it is stored, unwrapped for one use, and wiped after it.
 * Symmetric and HMAC material is chance; material of key pairs is the private key (PKCS #8).
 */

import { generateKeyPair, randomBytes, type KeyObject } from 'node:crypto';
import type { Kysely } from 'kysely';
import { present } from '#base/assert.ts';
import { fault } from '#base/fault.ts';
import type { KeySpec } from '#core/key/specs.ts';
import type { House } from '#services/service.ts';
import type { Keyring } from '#store/keyring.ts';
import { withTables } from './tables.ts';

const PURPOSE = 'kms.material';

/** Bytes of the secret that a symmetric or HMAC key is. */
const SECRET_BYTES: Readonly<Partial<Record<KeySpec, number>>> = {
  SYMMETRIC_DEFAULT: 32,
  HMAC_224: 28,
  HMAC_256: 32,
  HMAC_384: 48,
  HMAC_512: 64,
};

const CURVES: Readonly<Partial<Record<KeySpec, string>>> = {
  ECC_NIST_P256: 'P-256',
  ECC_NIST_P384: 'P-384',
  ECC_NIST_P521: 'P-521',
  ECC_SECG_P256K1: 'secp256k1',
};

/** New material of a key spec; also that of data key pairs, which callers keep themselves. */
export async function createMaterial(spec: KeySpec): Promise<Buffer> {
  const secretBytes = SECRET_BYTES[spec];
  if (secretBytes !== undefined) return randomBytes(secretBytes);
  const key = await createPrivateKey(spec);
  return key.export({ format: 'der', type: 'pkcs8' });
}

/** In a thread of the pool: a pair of RSA takes its time. */
async function createPrivateKey(spec: KeySpec): Promise<KeyObject> {
  const { promise, resolve, reject } = Promise.withResolvers<KeyObject>();
  const done = (error: Error | null, _publicKey: KeyObject, privateKey: KeyObject) =>
    error ? reject(error) : resolve(privateKey);
  const modulusLength = Number(/^RSA_(\d+)$/.exec(spec)?.[1]);
  if (modulusLength) generateKeyPair('rsa', { modulusLength }, done);
  else if (spec === 'ECC_NIST_EDWARDS25519') generateKeyPair('ed25519', {}, done);
  else generateKeyPair('ec', { namedCurve: present(CURVES[spec], `the curve of ${spec}`) }, done);
  return await promise;
}

/** Material on its way to its row. */
export interface Wrapped {
  readonly materialId: string;
  readonly text: string;
}

/** Makes material for this number of a key; only its wrapped form leaves. */
export async function createWrapped(
  keyring: Keyring,
  keyId: string,
  number: number,
  spec: KeySpec,
): Promise<Wrapped> {
  const material = await createMaterial(spec);
  const text = keyring.seal(PURPOSE, material, `${keyId}/${number}`);
  material.fill(0);
  return { materialId: randomBytes(32).toString('hex'), text };
}

/** Keeps it, unless there is material of this number already; answers the id of what is kept. */
export async function keepMaterial(
  transaction: Kysely<unknown>,
  keyId: string,
  number: number,
  { materialId, text }: Wrapped,
): Promise<string> {
  const rows = withTables(transaction);
  await rows
    .insertInto('kms_material')
    .values({ key_id: keyId, number, material_id: materialId, wrapped: text })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const row = await rows
    .selectFrom('kms_material')
    .select('material_id')
    .where('key_id', '=', keyId)
    .where('number', '=', number)
    .executeTakeFirst();
  return present(row, 'the material that was kept').material_id;
}

/** Lends a key's material to one use. `undefined` when the key has none under this number. */
export async function useMaterial<Result>(
  house: House,
  keyId: string,
  number: number,
  use: (material: Buffer) => Result,
): Promise<Result | undefined> {
  const row = await withTables(house.database.read)
    .selectFrom('kms_material')
    .select('wrapped')
    .where('key_id', '=', keyId)
    .where('number', '=', number)
    .executeTakeFirst();
  if (!row) return undefined;
  const material = house.keyring.open(PURPOSE, row.wrapped, `${keyId}/${number}`);
  try {
    return use(material);
  } finally {
    material.fill(0);
  }
}

/** A key that was just found enabled has material, unless it was deleted in this very moment. */
export function materialGone(arn: string): Error {
  return fault('KMSInvalidStateException', `${arn} has no key material any more.`);
}
