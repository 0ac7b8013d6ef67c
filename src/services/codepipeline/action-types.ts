/**
 * Types of actions whose work is done by workers: the account's custom types, made and deleted here, and those of
 * third parties that the operator registered. A deleted custom type keeps its name for its definition.
 */

import type { Kysely } from 'kysely';
import { arnOf } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import { customTypeProblem } from '#core/job/custom-type.ts';
import type { ActionType } from '#core/pipeline/definition/catalogue.ts';
import type { ActionTypeId } from '#core/pipeline/definition/declaration.ts';
import type { Handler, House, Scope } from '#services/service.ts';
import { customTypeOf, viewActionType } from './action-type-views.ts';
import { actionTypeText, type JobRoom } from './job-machine.ts';
import { jobRows, withinJobs, type CustomTypeRow } from './jobs-tables.ts';
import { findRegisteredType, listRegisteredTypes } from './registered-types.ts';
import { checkTags, tagsOfList, tagsToList, type Tagged, type Tags } from './tags.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

const CUSTOM_TYPES_MAX = 50;

/** A live custom type, or a third party's that this account may use. */
export async function findActionType(house: House, id: ActionTypeId): Promise<ActionType | undefined> {
  if (id.owner !== 'Custom') return (await findRegisteredType(house, id))?.type;
  const row = await findCustomRow(house, actionTypeText(id));
  return row && row.deleted_at === null ? typeOfRow(row) : undefined;
}

/** The account's live custom types and the third parties' types that it may use. */
export async function listCustomActionTypes(house: House): Promise<readonly ActionType[]> {
  const custom = await jobRows(house.database)
    .selectFrom('codepipeline_custom_types')
    .selectAll()
    .where('deleted_at', 'is', null)
    .orderBy('action_type')
    .execute();
  return [...custom.map(typeOfRow), ...(await listRegisteredTypes(house)).map(({ type }) => type)];
}

/** `arn:aws:codepipeline:region:account:actiontype:Custom/Build/Jenkins/1` */
export function actionTypeArn({ region, account }: Scope, id: ActionTypeId): string {
  return arnOf('codepipeline', region, account, `actiontype:${actionTypeText(id)}`);
}

export function actionTypeOperations({ house }: JobRoom) {
  const CreateCustomActionType: Codepipeline<'CreateCustomActionType'> = async (_call, input) => {
    const type = customTypeOf(input);
    const given = input.tags && tagsOfList(input.tags);
    const tags = checkTags(given ?? {}, actionTypeArn(house, type.id));
    const problem = customTypeProblem(type);
    if (problem) throw fault('ValidationException', problem);
    const kept = await house.database.transaction((transaction) =>
      keepType(transaction, type, given && tags),
    );
    return { actionType: viewActionType(type), tags: tagsToList(kept) };
  };

  const DeleteCustomActionType: Codepipeline<'DeleteCustomActionType'> = async (call, input) => {
    const { category = '', provider = '', version = '' } = input;
    const text = actionTypeText({ owner: 'Custom', category, provider, version });
    await house.database.transaction(async (transaction) => {
      await withinJobs(transaction)
        .updateTable('codepipeline_custom_types')
        .set({ deleted_at: call.at })
        .where('action_type', '=', text)
        .where('deleted_at', 'is', null)
        .execute();
    });
    return {};
  };

  /** Makes the type, finds it, or makes it live again; without tags it keeps those that it has. */
  async function keepType(
    transaction: Kysely<unknown>,
    type: ActionType,
    tags: Tags | undefined,
  ): Promise<Tags> {
    const kysely = withinJobs(transaction);
    const text = actionTypeText(type.id);
    const definition = JSON.stringify(type);
    const row = await kysely
      .selectFrom('codepipeline_custom_types')
      .selectAll()
      .where('action_type', '=', text)
      .executeTakeFirst();
    if (row && row.definition !== definition) {
      throw fault(
        'ValidationException',
        `Action type ${text} already exists with another definition. A deleted one too keeps its provider and ` +
          'version: use another version',
      );
    }
    if (!row || row.deleted_at !== null) await refuseExcess(kysely);
    const kept = tags ?? (row ? tagsOfRow(row) : {});
    const now = { definition, tags: JSON.stringify(kept), deleted_at: null };
    await kysely
      .insertInto('codepipeline_custom_types')
      .values({ action_type: text, ...now })
      .onConflict((conflict) => conflict.column('action_type').doUpdateSet(now))
      .execute();
    return kept;
  }

  return { CreateCustomActionType, DeleteCustomActionType };
}

async function refuseExcess(kysely: ReturnType<typeof withinJobs>): Promise<void> {
  const live = await kysely
    .selectFrom('codepipeline_custom_types')
    .select('action_type')
    .where('deleted_at', 'is', null)
    .execute();
  if (live.length < CUSTOM_TYPES_MAX) return;
  throw fault(
    'LimitExceededException',
    `The account has ${live.length} custom action types. The maximum is ${CUSTOM_TYPES_MAX}`,
  );
}

/** `actionType` is another spelling of the same. */
export async function findTaggedType(house: House, text: string): Promise<Tagged | undefined> {
  const [, type = ''] = plainTypeArn(text).split(':actiontype:');
  if (arnOf('codepipeline', house.region, house.account, `actiontype:${type}`) !== plainTypeArn(text)) {
    return undefined;
  }
  const row = await findCustomRow(house, type);
  if (row?.deleted_at !== null) return undefined;
  return { tags: tagsOfRow(row), change: (next) => changeTags(house, type, next) };
}

/** The one spelling of the ARN of an action type, for policies and look-ups; other ARNs as they are. */
export function plainTypeArn(arn: string): string {
  return arn.replace(':actionType:', ':actiontype:');
}

async function changeTags(house: House, type: string, next: (tags: Tags) => Tags): Promise<void> {
  await house.database.transaction(async (transaction) => {
    const kysely = withinJobs(transaction);
    const row = await kysely
      .selectFrom('codepipeline_custom_types')
      .selectAll()
      .where('action_type', '=', type)
      .executeTakeFirst();
    if (!row) return;
    await kysely
      .updateTable('codepipeline_custom_types')
      .set({ tags: JSON.stringify(next(tagsOfRow(row))) })
      .where('action_type', '=', type)
      .execute();
  });
}

async function findCustomRow(house: House, type: string): Promise<CustomTypeRow | undefined> {
  return jobRows(house.database)
    .selectFrom('codepipeline_custom_types')
    .selectAll()
    .where('action_type', '=', type)
    .executeTakeFirst();
}

function typeOfRow({ definition }: CustomTypeRow): ActionType {
  return JSON.parse(definition) as ActionType;
}

function tagsOfRow({ tags }: CustomTypeRow): Tags {
  return JSON.parse(tags) as Tags;
}
