/**
 * The signer of deployment specifications: one RSA key and self-signed certificate for the installation, made at first
 * need. The key rests sealed in the database, so that all nodes sign alike; the certificate is also written to the data
 * directory, from where an operator can pin it on hosts.
 */

import { createPrivateKey, createSign, generateKeyPair, randomBytes, type KeyObject } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { der, derInteger, derObjectId, pem, TAG } from '#agent/der.ts';
import { ENVELOPE_FORMAT, sealEnvelope } from '#agent/envelope.ts';
import type { House } from '#services/service.ts';
import { rows, within, type SignerRow } from './tables.ts';

export interface Signer {
  seal(content: string): Promise<{ readonly Format: string; readonly Payload: string }>;
}

const PURPOSE = 'codedeploy.signer';
const VALIDITY_YEARS = 30;
const SHA256_WITH_RSA = der(TAG.sequence, derObjectId('1.2.840.113549.1.1.11'), der(TAG.null));

export function createSigner(house: House): Signer {
  let opening: Promise<{ readonly certificate: string; readonly key: KeyObject }> | undefined;
  return {
    async seal(content) {
      opening ??= openSigner(house).catch((error: unknown) => {
        opening = undefined;
        throw error;
      });
      const { certificate, key } = await opening;
      return { Format: ENVELOPE_FORMAT, Payload: sealEnvelope(content, certificate, key) };
    },
  };
}

async function openSigner(house: House) {
  const row = (await readSigner(house)) ?? (await makeSigner(house));
  const key = createPrivateKey(house.keyring.open(PURPOSE, row.private_key));
  await exportCertificate(house, row.certificate);
  return { certificate: row.certificate, key };
}

async function readSigner(house: House): Promise<SignerRow | undefined> {
  return rows(house.database).selectFrom('codedeploy_signer').selectAll().executeTakeFirst();
}

/** Two nodes may make one at the same time; the row that is there first is the signer of both. */
async function makeSigner(house: House): Promise<SignerRow> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const row: SignerRow = {
    id: 1,
    certificate: selfSigned(publicKey, privateKey, house.clock.now()),
    private_key: house.keyring.seal(PURPOSE, privateKey.export({ type: 'pkcs8', format: 'pem' })),
  };
  return house.database.transaction(async (transaction) => {
    const tables = within(transaction);
    const insert = tables.insertInto('codedeploy_signer').values(row);
    await insert.onConflict((conflict) => conflict.column('id').doNothing()).execute();
    return tables.selectFrom('codedeploy_signer').selectAll().executeTakeFirstOrThrow();
  });
}

async function exportCertificate(house: House, certificate: string): Promise<void> {
  const directory = join(house.directory, 'codedeploy');
  const path = join(directory, 'signer.pem');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, certificate, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** An X.509 certificate, version 1: it says whose key this is, and nothing more is asked of it. */
function selfSigned(publicKey: KeyObject, privateKey: KeyObject, now: number): string {
  const commonName = der(
    TAG.sequence,
    derObjectId('2.5.4.3'),
    der(TAG.utf8String, Buffer.from('Slipway CodeDeploy signer')),
  );
  const name = der(TAG.sequence, der(TAG.set, commonName));
  const start = new Date(now);
  const end = new Date(start);
  end.setUTCFullYear(start.getUTCFullYear() + VALIDITY_YEARS);
  const body = der(
    TAG.sequence,
    derInteger(Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    SHA256_WITH_RSA,
    name,
    der(TAG.sequence, timeOf(start), timeOf(end)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = createSign('sha256').update(body).sign(privateKey);
  const whole = der(TAG.sequence, body, SHA256_WITH_RSA, der(TAG.bitString, Buffer.from([0]), signature));
  return pem('CERTIFICATE', whole);
}

function timeOf(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]|\.\d{3}/g, '');
  // Until 2049 years have two digits in certificates, afterwards four (RFC 5280, 4.1.2.5).
  return date.getUTCFullYear() < 2050
    ? der(TAG.utcTime, Buffer.from(text.slice(2)))
    : der(TAG.generalizedTime, Buffer.from(text));
}
