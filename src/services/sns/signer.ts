/**
 * The signer of messages: one RSA key and self-signed certificate for the installation, made at first need, the same on
 * every node. The certificate is served under our endpoint, where messages say that it is. AWS: "Verifying the
 * signatures of Amazon SNS messages".
 */

import { createHash, createPrivateKey, createSign, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { selfSign } from '#services/certificate.ts';
import type { House, Route } from '#services/service.ts';
import { tables, type SignerRow } from './tables.ts';

export type SignatureVersion = '1' | '2';

export interface Signer {
  /** Base64, over the lines of `fields` in the order in which they stand. */
  sign(version: SignatureVersion, fields: readonly (readonly [string, string])[]): Promise<string>;
  certificateUrl(): Promise<string>;
  readonly route: Route;
}

const PURPOSE = 'sns.signer';
const PREFIX = '/SimpleNotificationService-';
const ALGORITHM: Readonly<Record<SignatureVersion, string>> = { '1': 'RSA-SHA1', '2': 'RSA-SHA256' };

interface Opened {
  readonly key: KeyObject;
  readonly certificate: string;
  readonly path: string;
}

export function createSigner(house: House): Signer {
  let opening: Promise<Opened> | undefined;
  const open = () =>
    (opening ??= openSigner(house).catch((error: unknown) => {
      opening = undefined;
      throw error;
    }));
  return {
    async sign(version, fields) {
      const { key } = await open();
      const text = fields.map(([name, value]) => `${name}\n${value}\n`).join('');
      return createSign(ALGORITHM[version]).update(text, 'utf8').sign(key, 'base64');
    },
    certificateUrl: async () => `${house.endpoint()}${(await open()).path}`,
    route: {
      prefix: PREFIX,
      async handle(request, response) {
        const { certificate, path } = await open();
        const isOurs = request.method === 'GET' && request.url === path;
        response.writeHead(isOurs ? 200 : 404, { 'content-type': 'application/x-pem-file' });
        response.end(isOurs ? certificate : '');
      },
    },
  };
}

async function openSigner(house: House): Promise<Opened> {
  const row = (await readRow(house)) ?? (await makeRow(house));
  const hash = createHash('sha256').update(row.certificate).digest('hex').slice(0, 32);
  return {
    key: createPrivateKey(house.keyring.open(PURPOSE, row.private_key)),
    certificate: row.certificate,
    path: `${PREFIX}${hash}.pem`,
  };
}

function readRow(house: House): Promise<SignerRow | undefined> {
  return tables(house.database).selectFrom('sns_signer').selectAll().executeTakeFirst();
}

/** Two nodes may make one at the same time; the row that is there first is the signer of both. */
async function makeRow(house: House): Promise<SignerRow> {
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const row: SignerRow = {
    id: 1,
    certificate: selfSign('Slipway SNS signer', pair, house.clock.now()),
    private_key: house.keyring.seal(PURPOSE, pair.privateKey.export({ type: 'pkcs8', format: 'pem' })),
  };
  return house.database.transaction(async (transaction) => {
    const insert = tables(transaction).insertInto('sns_signer').values(row);
    await insert.onConflict((conflict) => conflict.column('id').doNothing()).execute();
    return tables(transaction).selectFrom('sns_signer').selectAll().executeTakeFirstOrThrow();
  });
}
