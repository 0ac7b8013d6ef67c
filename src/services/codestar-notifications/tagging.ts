/** Tags of notification rules. */

import { fault } from '#base/fault.ts';
import type { Call, Handler } from '#services/service.ts';
import { requireRule, tagsOf, type Room } from './room.ts';
import { tables } from './tables.ts';

type Notifications<Operation extends string> = Handler<'codestar-notifications', Operation>;
type Tags = Readonly<Record<string, string>>;

const TAGS_MAX = 50;

export function taggingOperations(room: Room) {
  const { database } = room.house;

  const TagResource: Notifications<'TagResource'> = async (call, input) => {
    const tags = await change(call, input.Arn, (before) => checkTags({ ...before, ...input.Tags }));
    return { Tags: tags };
  };

  const UntagResource: Notifications<'UntagResource'> = async (call, input) => {
    const removed = input.TagKeys ?? [];
    await change(call, input.Arn, (tags) =>
      Object.fromEntries(Object.entries(tags).filter(([key]) => !removed.includes(key))),
    );
    return {};
  };

  const ListTagsForResource: Notifications<'ListTagsForResource'> = async (call, input) => ({
    Tags: tagsOf(await requireRule(database.read, call, input.Arn)),
  });

  function change(call: Call, arn: string | undefined, next: (tags: Tags) => Tags): Promise<Tags> {
    return database.transaction(async (transaction) => {
      const row = await requireRule(transaction, call, arn);
      const tags = next(tagsOf(row));
      await tables(transaction)
        .updateTable('notifications_rule')
        .set({ tags: JSON.stringify(tags) })
        .where('rule_id', '=', row.rule_id)
        .execute();
      return tags;
    });
  }

  return { TagResource, UntagResource, ListTagsForResource };
}

export function checkTags(tags: Tags): Tags {
  if (Object.keys(tags).length > TAGS_MAX) {
    throw fault('LimitExceededException', `A notification rule can have ${TAGS_MAX} tags.`);
  }
  if (Object.keys(tags).some((key) => key.toLowerCase().startsWith('aws:'))) {
    throw fault('ValidationException', 'Tag keys that start with aws: are reserved.');
  }
  return tags;
}
