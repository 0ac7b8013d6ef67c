/**
 * New parameters and new versions. The value is encrypted before the transaction that adds the version; what was read
 * for it is looked at again inside, so that two who come together make two versions, or one hears of the other.
 */

import type { Kysely } from 'kysely';
import { createUuid } from '#base/chance.ts';
import { fault, type Fault } from '#base/fault.ts';
import { nameFault } from '#core/parameter/name.ts';
import { isPolicyFault, readPolicies, renewPolicies, type ParameterPolicy } from '#core/parameter/policy.ts';
import { principalArn } from '#core/policy/principal.ts';
import type { InputOf } from '#services/clients.ts';
import type { Call, Handler, House } from '#services/service.ts';
import { findParameter, permissionFor, readVersion } from './finding.ts';
import { DEFAULT_KEY, invalid, parameterArn, PARAMETERS_MAX, VERSIONS_MAX, type Room } from './room.ts';
import { encryptValue, sealForRow } from './sealing.ts';
import { withTables, type ParameterRow, type VersionRow } from './tables.ts';
import { readTags, tagContext } from './tagging.ts';
import { checkPattern, checkValue, chooseTier, type Tier } from './values.ts';

type PutInput = InputOf<'ssm', 'PutParameter'>;

interface Before {
  readonly row: ParameterRow;
  readonly latest: VersionRow;
}

/** What the rows need to know of a request. */
interface Request {
  /** Of a new parameter. */
  readonly tags: Readonly<Record<string, string>>;
  readonly overwrites: boolean;
}

/** A version without its place and with its value not yet sealed for it. */
type Planned = Omit<VersionRow, 'parameter_id' | 'version'> & { readonly tier: Tier };

export function puttingOperations(room: Room) {
  const { house } = room;

  const PutParameter: Handler<'ssm', 'PutParameter'> = async (call, input) => {
    const name = input.Name ?? '';
    const arn = parameterArn(house, name);
    const before = await readBefore(house.database.read, name);
    const tags = await authorizePut(call, arn, before, input);
    const wrong = nameFault(name, arn.length);
    if (wrong !== undefined) throw invalid(wrong);
    checkOverwrite(before, input);
    const { version, policies } = await planVersion(call, arn, before, input);
    const id = before?.row.parameter_id ?? createUuid();
    const event = {
      type: 'ParameterPut',
      name,
      parameterType: version.type,
      description: version.description,
      policies,
    } as const;
    const request: Request = { tags, overwrites: input.Overwrite === true };
    let number = 1;
    await house.engine.send(room.machine, id, event, async (transaction) => {
      number = await addVersion(house, transaction, id, name, request, version);
    });
    return { Version: number, Tier: version.tier };
  };

  return { PutParameter };
}

async function readBefore(database: Kysely<unknown>, name: string): Promise<Before | undefined> {
  const row = await findParameter(database, [name]);
  const latest = row && (await readVersion(database, row, row.version));
  return row && latest ? { row, latest } : undefined;
}

/** The tags that a new parameter gets. */
async function authorizePut(
  call: Call,
  arn: string,
  before: Before | undefined,
  input: PutInput,
): Promise<Readonly<Record<string, string>>> {
  const tags = readTags(input.Tags ?? []);
  const isTagged = Object.keys(tags).length > 0;
  const target = { text: '', reference: undefined, row: before?.row, arn };
  const context = {
    'ssm:Overwrite': String(input.Overwrite === true),
    ...(input.Policies === undefined ? {} : { 'ssm:Policies': input.Policies }),
    ...(isTagged ? tagContext(tags) : {}),
  };
  await call.authorize(
    permissionFor('PutParameter', target, context),
    ...(isTagged ? [permissionFor('AddTagsToResource', target, tagContext(tags))] : []),
  );
  if (isTagged && input.Overwrite === true) {
    throw invalid(
      "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
    );
  }
  return tags;
}

function checkOverwrite(before: Before | undefined, input: PutInput): void {
  if (!before) {
    if (input.Type === undefined) throw invalid('A parameter type is required when you create a parameter.');
    return;
  }
  if (input.Overwrite !== true) throw alreadyThere();
  if (input.Type === undefined || input.Type === before.latest.type || !input.Name?.includes('/')) return;
  throw fault(
    'HierarchyTypeMismatchException',
    `Parameter Store doesn't support changing a parameter type in a hierarchy: ${input.Name} is a ${before.latest.type}.`,
  );
}

/** What the request leaves unsaid stays as it was. */
async function planVersion(
  call: Call,
  arn: string,
  before: Before | undefined,
  input: PutInput,
): Promise<{ readonly version: Planned; readonly policies: readonly ParameterPolicy[] }> {
  const { latest } = before ?? {};
  const type = input.Type ?? latest?.type ?? '';
  const value = input.Value ?? '';
  const dataType = input.DataType ?? latest?.data_type ?? 'text';
  checkValue(type, dataType, value);
  const pattern = input.AllowedPattern ?? latest?.allowed_pattern ?? '';
  checkPattern(pattern, value);
  const policies = planPolicies(call.at, latest, input);
  const tier = chooseTier(input.Tier, latest?.tier, value, policies.length > 0);
  if (type !== 'SecureString' && input.KeyId !== undefined) {
    throw invalid('KeyId is only for parameters of the type SecureString.');
  }
  const keyId = type === 'SecureString' ? (input.KeyId ?? latest?.key_id ?? DEFAULT_KEY) : null;
  const version = {
    type,
    value: keyId === null ? value : await encryptValue(call, arn, keyId, tier, value),
    key_id: keyId,
    description: input.Description ?? latest?.description ?? '',
    allowed_pattern: pattern,
    tier,
    data_type: dataType,
    policies: JSON.stringify(policies),
    modified_at: call.at,
    modified_by: principalArn(call.principal),
  };
  // What has acted already stays with the parameter, and is over.
  const ahead = input.Policies === undefined ? policies.filter(({ dueAt }) => dueAt > call.at) : policies;
  return { version, policies: ahead };
}

function planPolicies(
  at: number,
  latest: VersionRow | undefined,
  input: PutInput,
): readonly ParameterPolicy[] {
  if (input.Policies === undefined) {
    return latest ? renewPolicies(JSON.parse(latest.policies) as readonly ParameterPolicy[], at) : [];
  }
  const policies = readPolicies(input.Policies, at);
  if (isPolicyFault(policies)) throw fault(policies.code, policies.message);
  return policies;
}

/** Answers the version's number. */
async function addVersion(
  house: House,
  transaction: Kysely<unknown>,
  id: string,
  name: string,
  { tags, overwrites }: Request,
  version: Planned,
): Promise<number> {
  const rows = withTables(transaction);
  const there = await findParameter(transaction, [name]);
  if (there && !overwrites) throw alreadyThere();
  if (there && there.parameter_id !== id) {
    throw fault('TooManyUpdates', `The parameter ${name} was made by somebody else meanwhile; try again.`);
  }
  const number = (there?.version ?? 0) + 1;
  if (there) {
    await rows.updateTable('ssm_parameter').set({ version: number }).where('name', '=', name).execute();
    await forgetOldest(transaction, there, number);
  } else {
    await checkCount(transaction);
    const row = { name, parameter_id: id, version: number, tags: JSON.stringify(tags) };
    await rows.insertInto('ssm_parameter').values(row).execute();
  }
  const value = sealForRow(house, id, number, version.value);
  await rows
    .insertInto('ssm_version')
    .values({ ...version, value, parameter_id: id, version: number })
    .execute();
  return number;
}

function alreadyThere(): Fault {
  return fault(
    'ParameterAlreadyExists',
    'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
  );
}

async function checkCount(transaction: Kysely<unknown>): Promise<void> {
  const { count } = await withTables(transaction)
    .selectFrom('ssm_parameter')
    .select((each) => each.fn.countAll().as('count'))
    .executeTakeFirstOrThrow();
  if (Number(count) < PARAMETERS_MAX) return;
  throw fault(
    'ParameterLimitExceeded',
    `You have exceeded the number of parameters for this AWS account. The limit is ${PARAMETERS_MAX}. Delete one or more parameters and try again.`,
  );
}

/** A version that somebody named with a label is not forgotten behind their back. */
async function forgetOldest(
  transaction: Kysely<unknown>,
  { parameter_id, name }: ParameterRow,
  number: number,
): Promise<void> {
  const oldest = number - VERSIONS_MAX;
  if (oldest < 1) return;
  const rows = withTables(transaction);
  const label = await rows
    .selectFrom('ssm_label')
    .select('label')
    .where('parameter_id', '=', parameter_id)
    .where('version', '<=', oldest)
    .executeTakeFirst();
  if (label) {
    throw fault(
      'ParameterMaxVersionLimitExceeded',
      `You attempted to create a new version of ${name} by calling the PutParameter API with the overwrite flag. Version ${oldest}, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.`,
    );
  }
  await rows
    .deleteFrom('ssm_version')
    .where('parameter_id', '=', parameter_id)
    .where('version', '<=', oldest)
    .execute();
}
