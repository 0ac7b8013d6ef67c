/** Tags of trails, which live with the trail. */

import type { Tag } from '@aws-sdk/client-cloudtrail';
import { fault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import { findTrail, trailArn, type Room } from './room.ts';

const TAGS_MAX = 50;
const KEY_LENGTH_MAX = 128;
const VALUE_LENGTH_MAX = 256;

export function readTags(list: readonly Tag[] | undefined): Readonly<Record<string, string>> {
  const tags: Record<string, string> = {};
  for (const { Key: key = '', Value: value = '' } of list ?? []) {
    if (key === '' || key.length > KEY_LENGTH_MAX || value.length > VALUE_LENGTH_MAX || /^aws:/i.test(key)) {
      throw fault('InvalidTagParameterException', `The tag ${key.slice(0, KEY_LENGTH_MAX)} is not valid.`);
    }
    tags[key] = value;
  }
  if (Object.keys(tags).length > TAGS_MAX) throw tooMany();
  return tags;
}

export function addTags(room: Room): Handler<'cloudtrail', 'AddTags'> {
  return async (_call, input) => {
    const { name, tags } = await findTrail(room, input.ResourceId);
    const set = readTags(input.TagsList);
    if (Object.keys({ ...tags, ...set }).length > TAGS_MAX) throw tooMany();
    await room.house.engine.send(room.trails, name, { type: 'TagsChanged', set, removed: [] });
    return {};
  };
}

export function removeTags(room: Room): Handler<'cloudtrail', 'RemoveTags'> {
  return async (_call, input) => {
    const { name } = await findTrail(room, input.ResourceId);
    const removed = (input.TagsList ?? []).map(({ Key: key = '' }) => key);
    await room.house.engine.send(room.trails, name, { type: 'TagsChanged', set: {}, removed });
    return {};
  };
}

export function listTags(room: Room): Handler<'cloudtrail', 'ListTags'> {
  return async (_call, input) => {
    const trails = await Promise.all((input.ResourceIdList ?? []).map((id) => findTrail(room, id)));
    return {
      ResourceTagList: trails.map(({ name, tags }) => ({
        ResourceId: trailArn(room.house, name),
        TagsList: Object.entries(tags).map(([key, value]) => ({ Key: key, Value: value })),
      })),
    };
  };
}

function tooMany() {
  return fault('TagsLimitExceededException', `A trail has at most ${TAGS_MAX} tags.`);
}
