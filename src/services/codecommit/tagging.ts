/** Tags of repositories, which are addressed by ARN. */

import { fault } from '#base/fault.ts';
import { parseArn } from '#base/arn.ts';
import type { Call, Handler } from '#services/service.ts';
import { findRepository, readRows, repositoryArn, type Room } from './room.ts';
import { withTables } from './tables.ts';

const TAGS_MAX = 50;

export function checkTags(tags: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [key, value] of Object.entries(tags)) {
    if (key === '' || key.length > 128 || value.length > 256) {
      throw fault(
        'InvalidTagsMapException',
        `The tag ${key} is not valid: keys have 1 to 128, values up to 256 characters`,
      );
    }
    if (key.toLowerCase().startsWith('aws:')) {
      throw fault('InvalidSystemTagUsageException', `The tag ${key} starts with aws:, which is reserved`);
    }
  }
  if (Object.keys(tags).length > TAGS_MAX) {
    throw fault('TooManyTagsException', `A repository can have up to ${TAGS_MAX} tags`);
  }
  return tags;
}

function nameOfArn(call: Call, text: string | undefined): string {
  if (!text) throw fault('ResourceArnRequiredException', 'A resource ARN is required');
  const name = parseArn(text)?.resource ?? '';
  // One spelling only, the one that policies were asked about.
  if (repositoryArn(call, name) === text) return name;
  throw fault('InvalidResourceArnException', `${text} is not the ARN of a repository`);
}

export function listTagsForResource(room: Room): Handler<'codecommit', 'ListTagsForResource'> {
  return async (call, input) => {
    const row = await findRepository(readRows(room.house), nameOfArn(call, input.resourceArn));
    return { tags: JSON.parse(row.tags) as Record<string, string> };
  };
}

async function retag(
  room: Room,
  name: string,
  update: (tags: Readonly<Record<string, string>>) => Readonly<Record<string, string>>,
): Promise<void> {
  await room.house.database.transaction(async (transaction) => {
    const rows = withTables(transaction);
    const row = await findRepository(rows, name);
    const tags = checkTags(update(JSON.parse(row.tags) as Record<string, string>));
    await rows
      .updateTable('codecommit_repository')
      .set({ tags: JSON.stringify(tags) })
      .where('id', '=', row.id)
      .execute();
  });
}

export function tagResource(room: Room): Handler<'codecommit', 'TagResource'> {
  return async (call, input) => {
    const { tags } = input;
    if (!tags) throw fault('TagsMapRequiredException', 'A map of tags is required');
    await retag(room, nameOfArn(call, input.resourceArn), (before) => ({ ...before, ...tags }));
    return {};
  };
}

export function untagResource(room: Room): Handler<'codecommit', 'UntagResource'> {
  return async (call, input) => {
    const keys = new Set(input.tagKeys ?? []);
    if (!input.tagKeys) throw fault('TagKeysListRequiredException', 'A list of tag keys is required');
    await retag(room, nameOfArn(call, input.resourceArn), (before) =>
      Object.fromEntries(Object.entries(before).filter(([key]) => !keys.has(key))),
    );
    return {};
  };
}
