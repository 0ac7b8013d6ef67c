/**
 * New secrets. The request's token becomes the id of the first version, so that the same request again changes nothing.
 * The value is sealed before the one transaction that writes all rows.
 */

import type { Kysely } from 'kysely';
import { createText } from '#base/chance.ts';
import { fault, type Fault } from '#base/fault.ts';
import { isSecretName, SUFFIX_ALPHABET, SUFFIX_LENGTH } from '#core/secret/name.ts';
import { CURRENT } from '#core/secret/stages.ts';
import type { InputOf } from '#services/clients.ts';
import type { Call, Handler } from '#services/service.ts';
import { removeRows } from './removing.ts';
import { descriptionContext, keyContext, readToken, readValue, refuseUnsupported } from './requests.ts';
import {
  DEFAULT_KEY,
  findSecret,
  invalidParameter,
  invalidRequest,
  isOver,
  permissionFor,
  secretArn,
  SECRETS_MAX,
  type Room,
} from './room.ts';
import { sealValue } from './sealing.ts';
import { withTables, type SecretRow } from './tables.ts';
import { readTags, tagContext } from './tagging.ts';
import { addVersion, isRepeated } from './versions.ts';

type CreateInput = InputOf<'secretsmanager', 'CreateSecret'>;

export function creatingOperations(room: Room) {
  const { house } = room;
  const { database } = house;

  const CreateSecret: Handler<'secretsmanager', 'CreateSecret'> = async (call, input) => {
    const name = input.Name ?? '';
    const there = name.startsWith('arn:') ? undefined : await findSecret(room, database.read, name);
    const arn = there?.arn ?? createArn(room, name);
    const tags = await authorizeCreate(room, call, input, arn, there);
    if (!isSecretName(name)) {
      throw invalidParameter(
        'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
      );
    }
    refuseUnsupported(input);
    const versionId = readToken(input.ClientRequestToken);
    const value = readValue(input);
    if (there) {
      refuseBeingDeleted(there);
      if (!value || !(await isRepeated(room, database.read, arn, versionId, value))) throw alreadyThere(name);
      return { ARN: arn, Name: name, VersionId: versionId };
    }
    const keyId = input.KmsKeyId || null;
    const place = { arn, version_id: versionId };
    const sealed = value && (await sealValue(house, call, place, keyId ?? DEFAULT_KEY, value));
    const row: SecretRow = {
      arn,
      name,
      description: input.Description ?? '',
      kms_key_id: keyId,
      tags: JSON.stringify(tags),
      policy: null,
      created_at: call.at,
      changed_at: call.at,
      accessed_at: 0,
      delete_at: null,
    };
    const made = await database.transaction(async (transaction) => {
      const other = await makeRoom(transaction, name, house.clock.now());
      if (other !== undefined) {
        // The same request came twice at once, and the other one was faster.
        if (value && (await isRepeated(room, transaction, other, versionId, value))) return other;
        throw alreadyThere(name);
      }
      await withTables(transaction).insertInto('secretsmanager_secret').values(row).execute();
      if (sealed) await addVersion(transaction, arn, { versionId, at: call.at, sealed, labels: [CURRENT] });
      return arn;
    });
    return { ARN: made, Name: name, ...(value ? { VersionId: versionId } : {}) };
  };

  return { CreateSecret };
}

function createArn({ house }: Room, name: string): string {
  return secretArn(house, `${name}-${createText(SUFFIX_ALPHABET, SUFFIX_LENGTH)}`);
}

/** The tags that the secret gets. */
async function authorizeCreate(
  room: Room,
  call: Call,
  input: CreateInput,
  arn: string,
  there: SecretRow | undefined,
): Promise<Readonly<Record<string, string>>> {
  const tags = readTags(input.Tags ?? []);
  const isTagged = Object.keys(tags).length > 0;
  const name = input.Name ?? '';
  const context = {
    'secretsmanager:Name': name,
    ...descriptionContext(input.Description),
    ...keyContext(input.KmsKeyId),
    ...(isTagged ? tagContext(tags) : {}),
  };
  const create = { ...permissionFor(room, 'CreateSecret', name, there, context), resource: arn };
  await call.authorize(create, ...(isTagged ? [{ ...create, action: 'secretsmanager:TagResource' }] : []));
  return tags;
}

/** A secret whose time is up gives its name free; answers the ARN of whoever else has taken it meanwhile. */
async function makeRoom(
  transaction: Kysely<unknown>,
  name: string,
  now: number,
): Promise<string | undefined> {
  const rows = withTables(transaction);
  const there = await rows
    .selectFrom('secretsmanager_secret')
    .select(['arn', 'delete_at'])
    .where('name', '=', name)
    .executeTakeFirst();
  if (there && !isOver(there, now)) return there.arn;
  if (there) await removeRows(transaction, there.arn);
  const { count } = await rows
    .selectFrom('secretsmanager_secret')
    .select((each) => each.fn.countAll().as('count'))
    .executeTakeFirstOrThrow();
  if (Number(count) < SECRETS_MAX) return undefined;
  throw fault('LimitExceededException', `An account can have ${SECRETS_MAX} secrets.`);
}

function refuseBeingDeleted({ delete_at }: SecretRow): void {
  if (delete_at === null) return;
  throw invalidRequest(
    "You can't create this secret because a secret with this name is already scheduled for deletion.",
  );
}

function alreadyThere(name: string): Fault {
  return fault('ResourceExistsException', `The operation failed because the secret ${name} already exists.`);
}
