/** Tags of topics. */

import type { Tag } from '@aws-sdk/client-sns';
import { fault } from '#base/fault.ts';
import type { Call, Handler } from '#services/service.ts';
import { invalidParameter } from './faults.ts';
import { findTopic, tagsOf, type Room } from './room.ts';
import { tables, type TopicRow } from './tables.ts';
import type { Kysely } from 'kysely';

type Tags = Readonly<Record<string, string>>;

const TAGS_MAX = 50;

export function taggingOperations(room: Room) {
  const { database } = room.house;

  const TagResource: Handler<'sns', 'TagResource'> = async (call, input) => {
    await change(call, input.ResourceArn, (tags) => checkTags({ ...tags, ...tagsOfList(input.Tags) }));
    return {};
  };

  const UntagResource: Handler<'sns', 'UntagResource'> = async (call, input) => {
    const removed = input.TagKeys ?? [];
    await change(call, input.ResourceArn, (tags) =>
      Object.fromEntries(Object.entries(tags).filter(([key]) => !removed.includes(key))),
    );
    return {};
  };

  const ListTagsForResource: Handler<'sns', 'ListTagsForResource'> = async (call, input) => {
    const tags = tagsOf(await requireResource(database.read, call, input.ResourceArn));
    return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
  };

  async function change(call: Call, arn: string | undefined, next: (tags: Tags) => Tags): Promise<void> {
    await database.transaction(async (transaction) => {
      const row = await requireResource(transaction, call, arn);
      await tables(transaction)
        .updateTable('sns_topic')
        .set({ tags: JSON.stringify(next(tagsOf(row))) })
        .where('name', '=', row.name)
        .execute();
    });
  }

  return { TagResource, UntagResource, ListTagsForResource };
}

async function requireResource(
  database: Kysely<unknown>,
  call: Call,
  arn: string | undefined,
): Promise<TopicRow> {
  const row = await findTopic(database, call, arn);
  if (!row) throw fault('ResourceNotFound', 'Resource does not exist');
  return row;
}

export function tagsOfList(tags: readonly Tag[] | undefined): Tags {
  const entries = (tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? ''] as const);
  if (new Set(entries.map(([key]) => key)).size < entries.length) {
    throw invalidParameter('Tags Reason: Duplicated keys are not allowed.');
  }
  return Object.fromEntries(entries);
}

export function checkTags(tags: Tags): Tags {
  if (Object.keys(tags).length > TAGS_MAX) {
    throw fault(
      'TagLimitExceeded',
      `Could not complete request: tag quota of ${TAGS_MAX} per resource exceeded`,
    );
  }
  if (Object.keys(tags).some((key) => key.toLowerCase().startsWith('aws:'))) {
    throw invalidParameter('Tags Reason: aws: prefixed tag key names are not allowed for external use.');
  }
  return tags;
}
