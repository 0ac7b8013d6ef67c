/** Tags of secrets. */

import type { Tag } from '@aws-sdk/client-secrets-manager';
import type { Handler } from '#services/service.ts';
import {
  invalidParameter,
  refuseDeleted,
  requireAgain,
  requireSecret,
  tagsOf,
  TAGS_MAX,
  type Room,
} from './room.ts';
import { withTables, type SecretRow } from './tables.ts';

type Secrets<Operation extends string> = Handler<'secretsmanager', Operation>;
type Tags = Readonly<Record<string, string>>;

export function taggingOperations(room: Room) {
  const { database } = room.house;

  const TagResource: Secrets<'TagResource'> = async (call, input) => {
    const added = readTags(input.Tags ?? []);
    const row = await requireSecret(room, call, 'TagResource', input.SecretId, tagContext(added));
    await change(row, (tags) => checkCount({ ...tags, ...added }));
    return {};
  };

  const UntagResource: Secrets<'UntagResource'> = async (call, input) => {
    const removed = input.TagKeys ?? [];
    const context = { 'aws:TagKeys': removed };
    const row = await requireSecret(room, call, 'UntagResource', input.SecretId, context);
    await change(row, (tags) =>
      Object.fromEntries(Object.entries(tags).filter(([key]) => !removed.includes(key))),
    );
    return {};
  };

  async function change(row: SecretRow, next: (tags: Tags) => Tags): Promise<void> {
    await database.transaction(async (transaction) => {
      const there = await requireAgain(room, transaction, row);
      refuseDeleted(there);
      await withTables(transaction)
        .updateTable('secretsmanager_secret')
        .set({ tags: JSON.stringify(next(tagsOf(there))) })
        .where('arn', '=', row.arn)
        .execute();
    });
  }

  return { TagResource, UntagResource };
}

export function readTags(list: readonly Tag[]): Tags {
  const tags: Record<string, string> = {};
  for (const { Key = '', Value = '' } of list) {
    if (Key === '') throw invalidParameter('A tag must have a key.');
    if (/^aws:/i.test(Key)) throw invalidParameter('Tag keys that start with aws: are reserved.');
    if (Object.hasOwn(tags, Key)) throw invalidParameter(`The tag key ${Key} is there twice.`);
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
  throw invalidParameter(`A secret can have ${TAGS_MAX} tags.`);
}
