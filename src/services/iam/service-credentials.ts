/**
 * User names and passwords for one service, which git uses over HTTPS. Only users have them. Passwords are random and
 * shown once; what rests is an HMAC under a key of the installation. See "Use IAM with CodeCommit: Git credentials".
 */

import { timingSafeEqual } from 'node:crypto';
import { createIamId, createText } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Keyring } from '#store/keyring.ts';
import type { Call, Operations } from '#services/service.ts';
import { findUser, quotaExceeded, userNameOf, type Iam } from './entities.ts';
import type { IamDatabase, ServiceCredentialRow } from './tables.ts';

const CREDENTIALS_PER_SERVICE_MAX = 2;
/** 44 characters of 64 are 264 bits. */
const PASSWORD_LENGTH = 44;
const PASSWORD_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const SERVICES: ReadonlySet<string> = new Set(['codecommit.amazonaws.com']);

export function serviceCredentialOperations(iam: Iam) {
  const { account, keyring } = iam.house;
  return {
    async CreateServiceSpecificCredential(call, input) {
      const serviceName = input.ServiceName ?? '';
      if (!SERVICES.has(serviceName)) {
        throw fault(
          'ServiceNotSupportedException',
          `The service ${serviceName} does not support service-specific credentials.`,
        );
      }
      if (input.CredentialAgeDays !== undefined) {
        throw fault(
          'InvalidInputException',
          `Credentials for ${serviceName} do not expire; leave CredentialAgeDays out.`,
        );
      }
      const password = createPassword();
      const row = await iam.write(async (database) => {
        const user = await findUser(database, input.UserName ?? '');
        const others = (await credentialsOf(database, user.id)).filter(
          (one) => one.service_name === serviceName,
        );
        if (others.length >= CREDENTIALS_PER_SERVICE_MAX) {
          throw quotaExceeded('ServiceSpecificCredentialsPerUser', CREDENTIALS_PER_SERVICE_MAX);
        }
        const id = createIamId('ACCA');
        const created: ServiceCredentialRow = {
          id,
          user_id: user.id,
          service_name: serviceName,
          user_name: await freeUserName(database, `${user.name}-at-${account}`),
          password_hmac: hmacOf(keyring, id, password).toString('hex'),
          status: 'Active',
          created_at: call.at,
        };
        await database.insertInto('iam_service_credentials').values(created).execute();
        return { ...view(user.name, created) };
      });
      return { ServiceSpecificCredential: { ...row, ServicePassword: password } };
    },

    async ListServiceSpecificCredentials(call, input) {
      const user = await findUser(iam.read(), userNameOf(call, input.UserName));
      const rows = await credentialsOf(iam.read(), user.id);
      const wanted = rows.filter(
        (row) => input.ServiceName === undefined || row.service_name === input.ServiceName,
      );
      return { ServiceSpecificCredentials: wanted.map((row) => view(user.name, row)), IsTruncated: false };
    },

    async UpdateServiceSpecificCredential(call, input) {
      if (input.Status !== 'Active' && input.Status !== 'Inactive') {
        throw fault('ValidationException', 'Status must be Active or Inactive.');
      }
      const { Status: status } = input;
      await iam.write(async (database) => {
        const { row } = await findCredential(database, call, input);
        await database
          .updateTable('iam_service_credentials')
          .set({ status })
          .where('id', '=', row.id)
          .execute();
      });
      return {};
    },

    async ResetServiceSpecificCredential(call, input) {
      const password = createPassword();
      const shown = await iam.write(async (database) => {
        const { row, userName } = await findCredential(database, call, input);
        const password_hmac = hmacOf(keyring, row.id, password).toString('hex');
        await database
          .updateTable('iam_service_credentials')
          .set({ password_hmac })
          .where('id', '=', row.id)
          .execute();
        return view(userName, row);
      });
      return { ServiceSpecificCredential: { ...shown, ServicePassword: password } };
    },

    async DeleteServiceSpecificCredential(call, input) {
      await iam.write(async (database) => {
        const { row } = await findCredential(database, call, input);
        await database.deleteFrom('iam_service_credentials').where('id', '=', row.id).execute();
      });
      return {};
    },
  } satisfies Partial<Operations<'iam'>>;
}

/** In constant time. */
export function isPassword(keyring: Keyring, row: ServiceCredentialRow, password: string): boolean {
  return timingSafeEqual(hmacOf(keyring, row.id, password), Buffer.from(row.password_hmac, 'hex'));
}

function hmacOf(keyring: Keyring, id: string, password: string): Buffer {
  return keyring.derive('iam.service-credential', `${id}:${password}`);
}

function createPassword(): string {
  return `${createText(PASSWORD_ALPHABET, PASSWORD_LENGTH - 1)}=`;
}

/** The second one of a user ends in `+1`. */
async function freeUserName(database: IamDatabase, name: string): Promise<string> {
  for (let suffix = 0; ; suffix++) {
    const candidate = suffix === 0 ? name : `${name}+${suffix}`;
    const taken = await database
      .selectFrom('iam_service_credentials')
      .select('id')
      .where('user_name', '=', candidate)
      .executeTakeFirst();
    if (taken === undefined) return candidate;
  }
}

function credentialsOf(database: IamDatabase, userId: string): Promise<ServiceCredentialRow[]> {
  return database.selectFrom('iam_service_credentials').selectAll().where('user_id', '=', userId).execute();
}

async function findCredential(
  database: IamDatabase,
  call: Call,
  input: { readonly UserName?: string | undefined; readonly ServiceSpecificCredentialId: string | undefined },
): Promise<{ row: ServiceCredentialRow; userName: string }> {
  const id = input.ServiceSpecificCredentialId;
  const user = await findUser(database, userNameOf(call, input.UserName));
  const row = (await credentialsOf(database, user.id)).find((one) => one.id === id);
  if (row === undefined) throw fault('NoSuchEntityException', `Service Specific Credential ${id} not found.`);
  return { row, userName: user.name };
}

function view(userName: string, row: ServiceCredentialRow) {
  return {
    UserName: userName,
    Status: row.status,
    ServiceUserName: row.user_name,
    CreateDate: new Date(row.created_at),
    ServiceSpecificCredentialId: row.id,
    ServiceName: row.service_name,
  };
}
