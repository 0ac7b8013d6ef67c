/**
 * Action types of third parties. There is no operation that makes one: the operator registers them in the file
 * `action-types.json` of the data directory, which is read when the server starts:
 *
 *   [{ "declaration": { …as UpdateActionType takes it… },
 *      "clientId": "<uuid>", "clientToken": "<what the partner's workers prove themselves with>" }]
 *
 * An entry that is new, or says something else than at the last start, is taken over; a type whose entry is gone stays,
 * as pipelines may have it. Executors of kind Lambda are not carried.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActionTypeDeclaration } from '@aws-sdk/client-codepipeline';
import { present } from '#base/assert.ts';
import { fault, isFault } from '#base/fault.ts';
import { templateProblems } from '#core/job/custom-type.ts';
import type { ActionType } from '#core/pipeline/definition/catalogue.ts';
import type { ActionTypeId } from '#core/pipeline/definition/declaration.ts';
import type { Handler, House } from '#services/service.ts';
import { loadModel } from '#wire/model.ts';
import { validateInput } from '#wire/validate.ts';
import { registeredTypeOf } from './action-type-views.ts';
import { actionTypeText, type JobRoom } from './job-machine.ts';
import { jobRows, withinJobs, type RegisteredTypeRow } from './jobs-tables.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

const FILE = 'action-types.json';
const TOKEN_PURPOSE = 'codepipeline/client-token';
const TOKEN_LENGTH_MAX = 256;
const TYPES_MAX = 100;

export interface RegisteredType {
  readonly type: ActionType;
  readonly declaration: ActionTypeDeclaration;
  readonly clientId: string;
  /** The partner proves to be the one that registered. */
  isClientToken(token: string | undefined): boolean;
}

/** If this account may use it. */
export async function findRegisteredType(
  house: House,
  id: ActionTypeId,
): Promise<RegisteredType | undefined> {
  const row = await jobRows(house.database)
    .selectFrom('codepipeline_registered_types')
    .selectAll()
    .where('action_type', '=', actionTypeText(id))
    .executeTakeFirst();
  const found = row && registered(house, row);
  return found && isAllowed(house, found.declaration) ? found : undefined;
}

export async function listRegisteredTypes(house: House): Promise<readonly RegisteredType[]> {
  const all = await jobRows(house.database)
    .selectFrom('codepipeline_registered_types')
    .selectAll()
    .orderBy('action_type')
    .execute();
  return all.map((row) => registered(house, row)).filter(({ declaration }) => isAllowed(house, declaration));
}

/** Reads the operator's file, if there is one. A wrong file stops the start, with what is wrong. */
export async function readRegistrations(house: House): Promise<void> {
  const path = join(house.directory, FILE);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return;
  for (const [index, entry] of entriesOf(path, text).entries()) {
    const problem = registrationProblem(entry);
    if (problem) throw new Error(`${path}, entry ${index + 1}: ${problem}`);
    await register(house, entry as Registration);
  }
}

interface Registration {
  readonly declaration: ActionTypeDeclaration;
  readonly clientId: string;
  readonly clientToken: string;
}

function entriesOf(path: string, text: string): readonly Partial<Registration>[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${path} is not JSON`, { cause });
  }
  if (!Array.isArray(parsed) || parsed.length > TYPES_MAX) {
    throw new Error(`${path} must be a JSON array of at most ${TYPES_MAX} action types`);
  }
  return parsed.map((entry: unknown) => Object(entry) as Partial<Registration>);
}

function registrationProblem({
  declaration,
  clientId,
  clientToken,
}: Partial<Registration>): string | undefined {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(String(clientId))) {
    return 'clientId must be a UUID in lower case';
  }
  if (typeof clientToken !== 'string' || clientToken === '' || clientToken.length > TOKEN_LENGTH_MAX) {
    return `clientToken must be a text of 1 to ${TOKEN_LENGTH_MAX} characters`;
  }
  if (declaration?.id?.owner !== 'ThirdParty') return 'the owner of the declaration must be ThirdParty';
  return declarationProblem(declaration);
}

function declarationProblem(declaration: ActionTypeDeclaration): string | undefined {
  const model = loadModel('codepipeline');
  const operation = present(model.operations.get('UpdateActionType'), 'UpdateActionType');
  try {
    validateInput(model, operation, { actionType: declaration });
  } catch (error) {
    if (isFault(error)) return error.message;
    throw error;
  }
  if (declaration.executor?.type !== 'JobWorker')
    return 'only executors of type JobWorker are available here';
  const type = registeredTypeOf(declaration);
  if (type.inputs.min > type.inputs.max || type.outputs.min > type.outputs.max) {
    return 'a minimum count of artifacts is larger than its maximum';
  }
  return templateProblems(type.settings ?? {}, type.properties)[0];
}

async function register(house: House, { declaration, clientId, clientToken }: Registration): Promise<void> {
  const id = present(declaration.id, 'id') as ActionTypeId;
  const key = house.keyring.derive(TOKEN_PURPOSE, JSON.stringify([declaration, clientId, clientToken]));
  const fingerprint = key.toString('base64url');
  const now = {
    declaration: JSON.stringify(declaration),
    client_id: clientId,
    client_token: house.keyring.seal(TOKEN_PURPOSE, clientToken, clientId),
    fingerprint,
  };
  await house.database.transaction(async (transaction) => {
    const kysely = withinJobs(transaction);
    const row = await kysely
      .selectFrom('codepipeline_registered_types')
      .select('fingerprint')
      .where('action_type', '=', actionTypeText(id))
      .executeTakeFirst();
    if (row?.fingerprint === fingerprint) return;
    await kysely
      .insertInto('codepipeline_registered_types')
      .values({ action_type: actionTypeText(id), ...now })
      .onConflict((conflict) => conflict.column('action_type').doUpdateSet(now))
      .execute();
  });
}

export function registeredTypeOperations({ house }: JobRoom) {
  const require = async (id: ActionTypeId): Promise<RegisteredType> => {
    const found = await findRegisteredType(house, id);
    if (found) return found;
    throw fault('ActionTypeNotFoundException', `Action type ${actionTypeText(id)} was not found`);
  };

  const GetActionType: Codepipeline<'GetActionType'> = async (_call, input) => {
    const { category = '', owner = '', provider = '', version = '' } = input;
    return { actionType: (await require({ category, owner, provider, version })).declaration };
  };

  const UpdateActionType: Codepipeline<'UpdateActionType'> = async (_call, { actionType }) => {
    const declaration = present(actionType, 'action type');
    const id = present(declaration.id, 'id') as ActionTypeId;
    const before = await require(id);
    const problem = declarationProblem(declaration) ?? changeProblem(before.declaration, declaration);
    if (problem) throw fault('ValidationException', `The action type cannot be updated: ${problem}`);
    await house.database.transaction(async (transaction) => {
      await withinJobs(transaction)
        .updateTable('codepipeline_registered_types')
        .set({ declaration: JSON.stringify(declaration) })
        .where('action_type', '=', actionTypeText(id))
        .execute();
    });
    return {};
  };

  return { GetActionType, UpdateActionType };
}

/** Pipelines of others must stay right. */
function changeProblem(before: ActionTypeDeclaration, after: ActionTypeDeclaration): string | undefined {
  if (!before.permissions?.allowedAccounts?.includes('*')) return undefined;
  const hardened = (after.properties ?? []).find(
    (property) =>
      !property.optional &&
      before.properties?.find((known) => known.name === property.name)?.optional !== false,
  );
  return hardened && `the property ${hardened.name} of a public type cannot become required`;
}

function isAllowed(house: House, { permissions }: ActionTypeDeclaration): boolean {
  const accounts = permissions?.allowedAccounts ?? ['*'];
  return accounts.includes('*') || accounts.includes(house.account);
}

function registered(house: House, row: RegisteredTypeRow): RegisteredType {
  const declaration = JSON.parse(row.declaration) as ActionTypeDeclaration;
  return {
    type: registeredTypeOf(declaration),
    declaration,
    clientId: row.client_id,
    isClientToken(token) {
      const known = house.keyring.open(TOKEN_PURPOSE, row.client_token, row.client_id);
      return timingSafeEqual(digest(known), digest(token ?? ''));
    },
  };
}

function digest(text: string | Uint8Array): Buffer {
  return createHash('sha256').update(text).digest();
}
