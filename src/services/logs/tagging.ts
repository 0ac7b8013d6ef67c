/** Tags of log groups, by the new operations and by the old ones that tools still use. */

import { fault } from '#base/fault.ts';
import type { Handler, House } from '#services/service.ts';
import { groupName } from './names.ts';
import { requireGroup } from './room.ts';
import { tables } from './tables.ts';
import type { GroupRow } from './tables.ts';

const TAGS_MAX = 50;

export function taggingOperations({ database }: House) {
  const changeTags = async (
    name: string,
    change: (tags: Record<string, string>) => Record<string, string>,
  ): Promise<object> => {
    await database.transaction(async (transaction) => {
      const group = await requireGroup(transaction, name);
      const tags = JSON.stringify(checkTags(change(tagsOf(group))));
      await tables(transaction)
        .updateTable('logs_group')
        .set({ tags })
        .where('name', '=', group.name)
        .execute();
    });
    return {};
  };
  const without = (tags: Record<string, string>, keys: readonly string[]) =>
    Object.fromEntries(Object.entries(tags).filter(([key]) => !keys.includes(key)));

  const TagResource: Handler<'logs', 'TagResource'> = async (_call, input) =>
    changeTags(groupName(input.resourceArn), (tags) => ({ ...tags, ...input.tags }));
  const UntagResource: Handler<'logs', 'UntagResource'> = async (_call, input) =>
    changeTags(groupName(input.resourceArn), (tags) => without(tags, input.tagKeys ?? []));
  const TagLogGroup: Handler<'logs', 'TagLogGroup'> = async (_call, input) =>
    changeTags(groupName(input.logGroupName), (tags) => ({ ...tags, ...input.tags }));
  const UntagLogGroup: Handler<'logs', 'UntagLogGroup'> = async (_call, input) =>
    changeTags(groupName(input.logGroupName), (tags) => without(tags, input.tags ?? []));
  const ListTagsForResource: Handler<'logs', 'ListTagsForResource'> = async (_call, input) => ({
    tags: tagsOf(await requireGroup(database.read, groupName(input.resourceArn))),
  });
  const ListTagsLogGroup: Handler<'logs', 'ListTagsLogGroup'> = async (_call, input) => ({
    tags: tagsOf(await requireGroup(database.read, groupName(input.logGroupName))),
  });

  return { TagResource, UntagResource, TagLogGroup, UntagLogGroup, ListTagsForResource, ListTagsLogGroup };
}

function tagsOf(group: GroupRow): Record<string, string> {
  return JSON.parse(group.tags) as Record<string, string>;
}

export function checkTags(tags: Record<string, string>): Record<string, string> {
  const keys = Object.keys(tags);
  if (keys.length > TAGS_MAX) throw fault('TooManyTagsException', `A log group can have ${TAGS_MAX} tags.`);
  if (keys.some((key) => key.toLowerCase().startsWith('aws:'))) {
    throw fault('InvalidParameterException', 'Tag keys starting with aws: are reserved.');
  }
  return tags;
}
