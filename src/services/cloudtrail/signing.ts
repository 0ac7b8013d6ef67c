/**
 * The keys that sign digests: RSA, one at a time, each valid for a year. The private part rests sealed; the public one
 * is told to whoever checks digests, as PKCS#1 DER with an MD5 fingerprint. See "Validating CloudTrail log file
 * integrity" and "ListPublicKeys".
 */

import { createHash, createPrivateKey, generateKeyPair, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { House } from '#services/service.ts';
import { readRows, withTables, type KeyRow } from './tables.ts';

const BITS = 2048;
const VALID_MS = 365 * 86_400_000;
const SEAL = 'cloudtrail/signing-key';
/** A key is not used on its last day, so that no digest outlives it. */
const SPARE_MS = 86_400_000;
const KEYS_MAX = 100;

const generate = promisify(generateKeyPair);

export interface Signer {
  readonly fingerprint: string;
  /** Hexadecimal. */
  sign(text: string): string;
}

export async function currentSigner(house: House): Promise<Signer> {
  const now = house.clock.now();
  const row = (await newestKey(house, now)) ?? (await createKey(house, now));
  const pem = house.keyring.open(SEAL, row.private_key, row.fingerprint);
  const key = createPrivateKey(pem);
  return {
    fingerprint: row.fingerprint,
    sign: (text) => sign('sha256', Buffer.from(text), key).toString('hex'),
  };
}

/** Keys that were valid at some time of the range, newest first. */
export async function keysWithin(house: House, from: number, until: number): Promise<readonly KeyRow[]> {
  return readRows(house.database)
    .selectFrom('cloudtrail_key')
    .selectAll()
    .where('from_at', '<=', until)
    .where('until_at', '>=', from)
    .orderBy('from_at', 'desc')
    .limit(KEYS_MAX)
    .execute();
}

async function newestKey(house: House, now: number): Promise<KeyRow | undefined> {
  return readRows(house.database)
    .selectFrom('cloudtrail_key')
    .selectAll()
    .where('from_at', '<=', now)
    .where('until_at', '>', now + SPARE_MS)
    .orderBy('from_at', 'desc')
    .orderBy('fingerprint')
    .executeTakeFirst();
}

async function createKey(house: House, now: number): Promise<KeyRow> {
  const { publicKey, privateKey } = await generate('rsa', {
    modulusLength: BITS,
    publicKeyEncoding: { type: 'pkcs1', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const fingerprint = createHash('md5').update(publicKey).digest('hex');
  const row: KeyRow = {
    fingerprint,
    public_key: publicKey.toString('base64'),
    private_key: house.keyring.seal(SEAL, privateKey, fingerprint),
    from_at: now,
    until_at: now + VALID_MS,
  };
  await house.database.transaction(async (transaction) => {
    await withTables(transaction).insertInto('cloudtrail_key').values(row).execute();
  });
  return row;
}
