/** Tags of alarms. */

import type { Tag } from '@aws-sdk/client-cloudwatch';
import { fault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import { alarmOfArn } from './names.ts';
import { findAlarms, invalidValue, type Room } from './room.ts';
import { tables } from './tables.ts';

type CloudWatch<Operation extends string> = Handler<'cloudwatch', Operation>;
type Tags = Readonly<Record<string, string>>;

const TAGS_MAX = 50;

export function taggingOperations({ house }: Room) {
  const { database } = house;

  const TagResource: CloudWatch<'TagResource'> = async (_call, input) => {
    await change(input.ResourceARN, (tags) => checkTags({ ...tags, ...tagsOfList(input.Tags) }));
    return {};
  };

  const UntagResource: CloudWatch<'UntagResource'> = async (_call, input) => {
    const removed = input.TagKeys ?? [];
    await change(input.ResourceARN, (tags) =>
      Object.fromEntries(Object.entries(tags).filter(([key]) => !removed.includes(key))),
    );
    return {};
  };

  const ListTagsForResource: CloudWatch<'ListTagsForResource'> = async (_call, input) => {
    const row = await requireTagged(database, input.ResourceARN);
    const tags = JSON.parse(row.tags) as Tags;
    return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
  };

  const change = (arn: string | undefined, next: (tags: Tags) => Tags) =>
    database.transaction(async (transaction) => {
      const row = await requireTagged(transaction, arn);
      await tables(transaction)
        .updateTable('cloudwatch_alarm')
        .set({ tags: JSON.stringify(next(JSON.parse(row.tags) as Tags)) })
        .where('name', '=', row.name)
        .execute();
    });

  const requireTagged = async (rows: Parameters<typeof findAlarms>[0], arn: string | undefined) => {
    const name = alarmOfArn(house, arn);
    const [row] = name === undefined ? [] : await findAlarms(rows, [name]);
    if (row) return row;
    throw fault('ResourceNotFoundException', `The resource ${arn} does not exist.`, {
      members: { ResourceType: 'Alarm', ResourceId: arn },
    });
  };

  return { TagResource, UntagResource, ListTagsForResource };
}

export function tagsOfList(tags: readonly Tag[] | undefined): Tags {
  return Object.fromEntries((tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value]));
}

export function checkTags(tags: Tags): Tags {
  if (Object.keys(tags).some((key) => key.toLowerCase().startsWith('aws:'))) {
    throw invalidValue('Tag keys that begin with aws: are reserved for system use.');
  }
  if (Object.keys(tags).length > TAGS_MAX) throw invalidValue(`A resource has at most ${TAGS_MAX} tags.`);
  return tags;
}
