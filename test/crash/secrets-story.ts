/**
 * The story of some secrets and parameters: made, given new values, labels and a policy, deleted, and one parameter that
 * ends by itself. The world is a directory: what the bus heard is a file there. KMS only wraps keys here.
 */

import { closeSync, existsSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isFault } from '#base/fault.ts';
import { silentLog } from '#base/log.ts';
import { openSecretsmanager } from '#services/secretsmanager/index.ts';
import type { BusEvent, Call, House } from '#services/service.ts';
import { openSsm } from '#services/ssm/index.ts';
import { openKeyring } from '#store/keyring.ts';
import type { Chapter, Life, Story } from './harness.ts';

const SCOPE = { account: '123456789012', region: 'us-east-1' };
const EXPIRES_MS = 5_000;
const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Deny', Principal: '*', Action: 'secretsmanager:DeleteSecret', Resource: '*' }],
});
const token = (n: number) => `00000000-0000-0000-0000-00000000000${n}`;

type Row = Readonly<Record<string, unknown>>;
type Rows = Record<string, Row>;

export const story: Story = {
  migrations: [openSecretsmanager, openSsm].flatMap((open) => open(createHouse(undefined, '')).migrations),
  open(life): Chapter {
    const world = join(life.directory, 'world');
    mkdirSync(world, { recursive: true });
    const house = createHouse(life, world);
    const secrets = openSecretsmanager(house);
    const ssm = openSsm(house);
    const operations: Readonly<Record<string, unknown>> = { ...ssm.operations, ...secrets.operations };
    const ask = async (operation: string, input: object) => {
      const handler = operations[operation] as (call: Call, input: object) => Promise<Row>;
      return handler(createCall(life), input);
    };
    const all = async (table: string) =>
      life.database.read.withTables<Rows>().selectFrom(table).selectAll().execute();
    const told = () => readdirSync(world).sort();
    return {
      machines: ssm.machines,
      async begin() {
        await beginSecrets(ask);
        await beginParameters(ask, (what) => existsSync(join(world, what)), life.clock.now() + EXPIRES_MS);
      },
      isOver: async () => told().includes('Delete _ends') && (await all('engine_machines')).length === 1,
      async end() {
        const values = await Promise.all(
          ['AWSCURRENT', 'AWSPREVIOUS', 'mine'].map((VersionStage) =>
            ask('GetSecretValue', { SecretId: 'db', VersionStage }),
          ),
        );
        const { Parameters } = await ask('GetParameterHistory', { Name: '/stays' });
        return {
          values: values.map(({ SecretString, VersionStages }) => [SecretString, VersionStages]),
          policy: (await ask('GetResourcePolicy', { SecretId: 'db' }))['ResourcePolicy'],
          history: (Parameters as readonly Row[]).map(({ Value, Labels }) => [Value, Labels]),
          rows: await Promise.all(
            ['secretsmanager_secret', 'secretsmanager_version', 'secretsmanager_stage', 'ssm_parameter']
              .concat('ssm_version', 'ssm_label')
              .map(async (table) => [table, (await all(table)).length]),
          ),
          told: told(),
        };
      },
    };
  },
};

type Ask = (operation: string, input: object) => Promise<Row>;

/** Everything a client can repeat as it is; a move that was done says so by its refusal. */
async function beginSecrets(ask: Ask): Promise<void> {
  const on = { SecretId: 'db' };
  await ask('CreateSecret', { Name: 'db', SecretString: 'one', ClientRequestToken: token(1) });
  await ask('PutSecretValue', { ...on, SecretString: 'two', ClientRequestToken: token(2) });
  await ask('PutSecretValue', {
    ...{ ...on, SecretString: 'three', ClientRequestToken: token(3), VersionStages: ['mine'] },
  });
  await done('InvalidParameterException', () =>
    ask('UpdateSecretVersionStage', {
      ...{ ...on, VersionStage: 'AWSCURRENT', RemoveFromVersionId: token(2), MoveToVersionId: token(3) },
    }),
  );
  await ask('UpdateSecret', { ...on, KmsKeyId: 'alias/own', Description: 'moved' });
  await ask('PutResourcePolicy', { ...on, ResourcePolicy: POLICY });
  await ask('CreateSecret', { Name: 'gone', SecretString: 'x', ClientRequestToken: token(4) });
  await ask('DeleteSecret', { SecretId: 'gone', ForceDeleteWithoutRecovery: true });
}

async function beginParameters(
  ask: Ask,
  wasTold: (what: string) => boolean,
  expiresAt: number,
): Promise<void> {
  const put = (Name: string, Value: string, more: object = {}) =>
    done('ParameterAlreadyExists', () => ask('PutParameter', { Name, Value, Type: 'SecureString', ...more }));
  await put('/stays', 'one');
  const { Parameters } = await ask('GetParameterHistory', { Name: '/stays' });
  if ((Parameters as readonly Row[]).length < 2) await put('/stays', 'two', { Overwrite: true });
  await ask('LabelParameterVersion', { Name: '/stays', Labels: ['live'], ParameterVersion: 1 });
  const policy = {
    Type: 'Expiration',
    Version: '1.0',
    Attributes: { Timestamp: new Date(expiresAt).toISOString() },
  };
  const isThere = async () => {
    const { Parameters: found } = await ask('GetParameters', { Names: ['/ends'] });
    return (found as readonly Row[]).length > 0;
  };
  if (!wasTold('Create _ends') && !(await isThere())) {
    await put('/ends', 'x', { Tier: 'Advanced', Policies: JSON.stringify([policy]) });
  }
}

/** What was done in an earlier life is refused in this one. */
async function done(code: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isFault(error, code)) throw error;
  }
}

function createCall(life: Life): Call {
  return {
    ...SCOPE,
    principal: { type: 'root', account: SCOPE.account },
    at: life.clock.now(),
    authorize: async () => {},
    async send(operation: string, input: { Plaintext?: Uint8Array; CiphertextBlob?: Uint8Array }) {
      switch (operation) {
        case 'kms:GenerateDataKey':
          return { Plaintext: Buffer.alloc(32, 7), CiphertextBlob: Buffer.alloc(32, 7) };
        case 'kms:Encrypt':
          return { CiphertextBlob: Buffer.from(input.Plaintext ?? []) };
        default:
          return { Plaintext: Buffer.from(input.CiphertextBlob ?? []) };
      }
    },
  } as unknown as Call;
}

/** What the rooms take from their house. Without a life they are only looked at. */
function createHouse(life: Life | undefined, world: string): House {
  return {
    ...SCOPE,
    clock: life?.clock,
    log: silentLog,
    database: life?.database,
    engine: life?.engine,
    keyring: life && openKeyring(life.directory),
    async publish({ detail }: BusEvent) {
      const what = `${String(detail['operation'] ?? detail['policy-type'])} ${String(detail['name'] ?? '')}`;
      closeSync(openSync(join(world, what.trim().replaceAll('/', '_')), 'a'));
    },
  } as unknown as House;
}
