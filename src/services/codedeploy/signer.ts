/**
 * The signer of deployment specifications: one RSA key and self-signed certificate for the installation, made at first
 * need. The key rests sealed in the database, so that all nodes sign alike; the certificate is also written to the data
 * directory, from where an operator can pin it on hosts.
 */

import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ENVELOPE_FORMAT, sealEnvelope } from '#agent/envelope.ts';
import { selfSign } from '#services/certificate.ts';
import type { House } from '#services/service.ts';
import { rows, within, type SignerRow } from './tables.ts';

export interface Signer {
  seal(content: string): Promise<{ readonly Format: string; readonly Payload: string }>;
}

const PURPOSE = 'codedeploy.signer';

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
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const row: SignerRow = {
    id: 1,
    certificate: selfSign('Slipway CodeDeploy signer', pair, house.clock.now()),
    private_key: house.keyring.seal(PURPOSE, pair.privateKey.export({ type: 'pkcs8', format: 'pem' })),
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
