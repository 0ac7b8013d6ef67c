/** Tags of parameters, the only resources of this service that are here. */

import type { Tag } from '@aws-sdk/client-ssm';
import { fault } from '#base/fault.ts';
import type { Call, Handler } from '#services/service.ts';
import { findParameter, requireParameter } from './finding.ts';
import { invalid, TAGS_MAX, type Room } from './room.ts';
import { withTables, type ParameterRow } from './tables.ts';

type Ssm<Operation extends string> = Handler<'ssm', Operation>;
type Tags = Readonly<Record<string, string>>;

interface Tagged {
  readonly ResourceType?: string | undefined;
  readonly ResourceId?: string | undefined;
}

export function taggingOperations(room: Room) {
  const { database } = room.house;

  const AddTagsToResource: Ssm<'AddTagsToResource'> = async (call, input) => {
    const added = readTags(input.Tags ?? []);
    const { name } = await requireTagged(call, 'AddTagsToResource', input, tagContext(added));
    await change(name, (tags) => checkCount({ ...tags, ...added }));
    return {};
  };

  const RemoveTagsFromResource: Ssm<'RemoveTagsFromResource'> = async (call, input) => {
    const removed = input.TagKeys ?? [];
    const context = { 'aws:TagKeys': removed };
    const { name } = await requireTagged(call, 'RemoveTagsFromResource', input, context);
    await change(name, (tags) =>
      Object.fromEntries(Object.entries(tags).filter(([key]) => !removed.includes(key))),
    );
    return {};
  };

  const ListTagsForResource: Ssm<'ListTagsForResource'> = async (call, input) => {
    const row = await requireTagged(call, 'ListTagsForResource', input, {});
    return { TagList: Object.entries(tagsOf(row)).map(([Key, Value]) => ({ Key, Value })) };
  };

  async function requireTagged(
    call: Call,
    action: string,
    { ResourceType, ResourceId }: Tagged,
    context: Record<string, string | readonly string[]>,
  ): Promise<ParameterRow> {
    const isParameter = ResourceType === 'Parameter';
    if (!isParameter) {
      await call.authorize({ action: `ssm:${action}`, resource: '*', context });
      throw fault('InvalidResourceType', 'Slipway has parameters only; the resource type must be Parameter.');
    }
    try {
      return await requireParameter(room, call, action, ResourceId, context);
    } catch (error) {
      throw asInvalidId(error);
    }
  }

  async function change(name: string, next: (tags: Tags) => Tags): Promise<void> {
    await database.transaction(async (transaction) => {
      const row = await findParameter(transaction, [name]);
      if (!row) throw invalidId();
      await withTables(transaction)
        .updateTable('ssm_parameter')
        .set({ tags: JSON.stringify(next(tagsOf(row))) })
        .where('name', '=', name)
        .execute();
    });
  }

  return { AddTagsToResource, RemoveTagsFromResource, ListTagsForResource };
}

export function tagsOf(row: ParameterRow): Tags {
  return JSON.parse(row.tags) as Tags;
}

export function readTags(list: readonly Tag[]): Tags {
  const tags: Record<string, string> = {};
  for (const { Key = '', Value = '' } of list) {
    if (/^(?:aws|ssm):/i.test(Key)) throw invalid('Tag keys that start with aws: or ssm: are reserved.');
    if (Object.hasOwn(tags, Key)) throw invalid(`The tag key ${Key} is there twice.`);
    tags[Key] = Value;
  }
  return checkCount(tags);
}

/** The condition keys of a request that sets tags. */
export function tagContext(tags: Tags): Record<string, string | readonly string[]> {
  const requested = Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value]);
  return { 'aws:TagKeys': Object.keys(tags), ...Object.fromEntries(requested) };
}

function checkCount(tags: Tags): Tags {
  if (Object.keys(tags).length <= TAGS_MAX) return tags;
  throw fault('TooManyTagsError', `A parameter can have ${TAGS_MAX} tags.`);
}

/** Here a parameter that is missing is an id that is wrong. */
function asInvalidId(error: unknown): unknown {
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ParameterNotFound';
  return isMissing ? invalidId() : error;
}

function invalidId() {
  return fault(
    'InvalidResourceId',
    'The resource ID is not valid. Verify that you entered the correct ID and try again.',
  );
}
