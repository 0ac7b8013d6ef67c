/** Tags of keys. */

import { fault } from '#base/fault.ts';
import { TAGS_MAX } from '#core/key/state.ts';
import type { Handler } from '#services/service.ts';
import { authorize, findKeyById } from './finding.ts';
import { pageOf } from './paging.ts';
import { decide, type Room } from './room.ts';

interface Tag {
  readonly TagKey?: string | undefined;
  readonly TagValue?: string | undefined;
}

export function readTags(list: readonly Tag[]): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const { TagKey = '', TagValue = '' } of list) {
    if (TagKey.toLowerCase().startsWith('aws:')) {
      throw fault('TagException', 'Tag keys that start with aws: are reserved.');
    }
    if (Object.hasOwn(tags, TagKey)) throw fault('TagException', `The tag key ${TagKey} is there twice.`);
    tags[TagKey] = TagValue;
  }
  if (Object.keys(tags).length > TAGS_MAX) {
    throw fault('LimitExceededException', `A key can have ${TAGS_MAX} tags.`);
  }
  return tags;
}

export function taggingOperations(room: Room) {
  const TagResource: Handler<'kms', 'TagResource'> = async (call, input) => {
    const key = await findKeyById(room, call, 'TagResource', input.KeyId);
    const set = readTags(input.Tags ?? []);
    const requested = Object.entries(set).map(([name, value]) => [`aws:RequestTag/${name}`, value]);
    const conditions = { 'aws:TagKeys': Object.keys(set), ...Object.fromEntries(requested) };
    await authorize(room, call, key, { action: 'TagResource', conditions });
    await decide(room, key.state.id, { type: 'TagsChanged', set, removed: [] });
    return {};
  };

  const UntagResource: Handler<'kms', 'UntagResource'> = async (call, input) => {
    const key = await findKeyById(room, call, 'UntagResource', input.KeyId);
    const removed = input.TagKeys ?? [];
    await authorize(room, call, key, { action: 'UntagResource', conditions: { 'aws:TagKeys': removed } });
    await decide(room, key.state.id, { type: 'TagsChanged', set: {}, removed });
    return {};
  };

  const ListResourceTags: Handler<'kms', 'ListResourceTags'> = async (call, input) => {
    const key = await findKeyById(room, call, 'ListResourceTags', input.KeyId);
    await authorize(room, call, key, { action: 'ListResourceTags' });
    const tags = Object.entries(key.state.tags).sort(([a], [b]) => (a < b ? -1 : 1));
    const { shown, page } = pageOf(tags, ([name]) => name, input, TAGS_MAX);
    return { Tags: shown.map(([TagKey, TagValue]) => ({ TagKey, TagValue })), ...page };
  };

  return { TagResource, UntagResource, ListResourceTags };
}
