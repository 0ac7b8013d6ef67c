/** Tags of queues. */

import { fault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import { invalidParameter } from './faults.ts';
import { requireQueue, tagsOf, type Room } from './room.ts';
import { tables } from './tables.ts';

type Tags = Readonly<Record<string, string>>;

const TAGS_MAX = 50;
const KEY_LENGTH_MAX = 128;
const VALUE_LENGTH_MAX = 256;

export function taggingOperations(room: Room) {
  const { database } = room.house;

  const TagQueue: Handler<'sqs', 'TagQueue'> = async (call, input) => {
    await change(input.QueueUrl, call.account, (tags) => checkTags({ ...tags, ...input.Tags }));
    return {};
  };

  const UntagQueue: Handler<'sqs', 'UntagQueue'> = async (call, input) => {
    const removed = input.TagKeys ?? [];
    await change(input.QueueUrl, call.account, (tags) =>
      Object.fromEntries(Object.entries(tags).filter(([key]) => !removed.includes(key))),
    );
    return {};
  };

  const ListQueueTags: Handler<'sqs', 'ListQueueTags'> = async (call, input) => {
    const tags = tagsOf(await requireQueue(database.read, input.QueueUrl, call.account));
    return Object.keys(tags).length > 0 ? { Tags: tags } : {};
  };

  async function change(url: string | undefined, account: string, next: (tags: Tags) => Tags): Promise<void> {
    await database.transaction(async (transaction) => {
      const row = await requireQueue(transaction, url, account);
      await tables(transaction)
        .updateTable('sqs_queue')
        .set({ tags: JSON.stringify(next(tagsOf(row))) })
        .where('name', '=', row.name)
        .execute();
    });
  }

  return { TagQueue, UntagQueue, ListQueueTags };
}

export function checkTags(tags: Tags): Tags {
  const entries = Object.entries(tags);
  if (entries.length > TAGS_MAX)
    throw invalidParameter(`Too many tags added for queue. Maximum allowed is ${TAGS_MAX}.`);
  for (const [key, value] of entries) {
    if (key === '' || key.length > KEY_LENGTH_MAX || value.length > VALUE_LENGTH_MAX) {
      throw invalidParameter(`The tag ${key.slice(0, KEY_LENGTH_MAX)} is too long, or its key is empty.`);
    }
    if (key.toLowerCase().startsWith('aws:')) {
      throw fault('InvalidParameterValueException', 'Tag keys that start with aws: are reserved.');
    }
  }
  return tags;
}
