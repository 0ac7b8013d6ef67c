/** Tags of buses and rules. */

import type { Tag } from '@aws-sdk/client-eventbridge';
import type { Kysely } from 'kysely';
import { parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import { DEFAULT_BUS } from './names.ts';
import { findRule, type Room } from './room.ts';
import { tables } from './tables.ts';

type Events<Operation extends string> = Handler<'events', Operation>;
export type Tags = Readonly<Record<string, string>>;

const TAGS_MAX = 50;

export function taggingOperations({ house }: Room) {
  const { database } = house;

  const TagResource: Events<'TagResource'> = async (_call, input) => {
    await change(input.ResourceARN ?? '', (tags) => checkTags({ ...tags, ...tagsOfList(input.Tags) }));
    return {};
  };

  const UntagResource: Events<'UntagResource'> = async (_call, input) => {
    const removed = input.TagKeys ?? [];
    await change(input.ResourceARN ?? '', (tags) =>
      Object.fromEntries(Object.entries(tags).filter(([key]) => !removed.includes(key))),
    );
    return {};
  };

  const ListTagsForResource: Events<'ListTagsForResource'> = async (_call, input) => {
    const { tags } = await requireTagged(database.read, input.ResourceARN ?? '');
    return { Tags: Object.entries(tagsOf(tags)).map(([Key, Value]) => ({ Key, Value })) };
  };

  const change = (arn: string, next: (tags: Tags) => Tags) =>
    database.transaction(async (transaction) => {
      const tagged = await requireTagged(transaction, arn);
      const tags = JSON.stringify(next(tagsOf(tagged.tags)));
      const rows = tables(transaction);
      await (
        tagged.type === 'bus'
          ? rows.updateTable('events_bus').set({ tags }).where('name', '=', tagged.id)
          : rows.updateTable('events_rule').set({ tags }).where('rule_id', '=', tagged.id)
      ).execute();
    });

  const requireTagged = async (rows: Kysely<unknown>, text: string) => {
    const resource = ourResource(text);
    const [kind, ...names] = resource.split('/');
    if (kind === 'event-bus' && names.length === 1) {
      const row = await tables(rows)
        .selectFrom('events_bus')
        .selectAll()
        .where('name', '=', names[0] ?? '')
        .executeTakeFirst();
      if (row) return { type: 'bus' as const, id: row.name, tags: row.tags };
    }
    if (kind === 'rule' && (names.length === 1 || names.length === 2)) {
      const bus = names.length === 1 ? DEFAULT_BUS : (names[0] ?? '');
      const row = await findRule(rows, bus, names.at(-1) ?? '');
      if (row) return { type: 'rule' as const, id: row.rule_id, tags: row.tags };
    }
    throw fault('ResourceNotFoundException', `The resource ${text} does not exist.`);
  };

  const ourResource = (text: string): string => {
    const arn = parseArn(text);
    const isOurs = arn?.service === 'events' && arn.account === house.account && arn.region === house.region;
    return isOurs ? arn.resource : '';
  };

  return { TagResource, UntagResource, ListTagsForResource };
}

export function tagsOf(text: string): Tags {
  return JSON.parse(text) as Tags;
}

export function tagsOfList(tags: readonly Tag[] | undefined): Tags {
  return Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']));
}

export function checkTags(tags: Tags): Tags {
  if (Object.keys(tags).some((key) => key.toLowerCase().startsWith('aws:'))) {
    throw fault('ValidationException', 'Tag keys that begin with aws: are reserved for system use.');
  }
  if (Object.keys(tags).length > TAGS_MAX) {
    throw fault('LimitExceededException', `A resource has at most ${TAGS_MAX} tags.`);
  }
  return tags;
}
