/** Tags of applications and groups (for people and policies), and how tags come in. */

import { fault } from '#base/fault.ts';
import type { Tag } from '#core/deployment/tags.ts';
import type { Handler } from '#services/service.ts';
import * as names from './names.ts';
import { requireApplication, requireGroup, tagsOf, type Room } from './room.ts';
import { within } from './tables.ts';

type Codedeploy<Operation extends string> = Handler<'codedeploy', Operation>;

const KEY_CHARACTERS_MAX = 128;
const VALUE_CHARACTERS_MAX = 256;

export interface TagInput {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
}

export function tagsOfInput(tags: readonly TagInput[] | undefined): readonly Tag[] {
  return (tags ?? []).map((tag) => ({ key: tag.Key ?? '', value: tag.Value ?? '' }));
}

export function tagsToOutput(tags: readonly Tag[]) {
  return tags.map((tag) => ({ Key: tag.key, Value: tag.value }));
}

/** Tags with a later one of the same key in the place of an earlier one. */
export function mergeTags(old: readonly Tag[], added: readonly Tag[]): readonly Tag[] {
  return [...new Map([...old, ...added].map((tag) => [tag.key, tag])).values()];
}

export function checkTags(
  tags: readonly Tag[],
  code = 'InvalidTagsToAddException',
  max = names.TAGS_MAX,
): readonly Tag[] {
  for (const { key, value } of tags) {
    if (key === '' || key.length > KEY_CHARACTERS_MAX || value.length > VALUE_CHARACTERS_MAX) {
      throw fault(
        code,
        `A tag needs a key of at most ${KEY_CHARACTERS_MAX} characters and a value of at most ${VALUE_CHARACTERS_MAX}.`,
      );
    }
  }
  if (tags.length > max) throw fault(code, `At most ${max} tags are allowed.`);
  return tags;
}

export function taggingOperations(room: Room) {
  const ListTagsForResource: Codedeploy<'ListTagsForResource'> = async (_call, input) => {
    const tagged = await findTagged(room, input.ResourceArn);
    return { Tags: tagsToOutput(tagsOf(tagged.row)) };
  };

  const TagResource: Codedeploy<'TagResource'> = async (_call, input) => {
    const tagged = await findTagged(room, input.ResourceArn);
    await tagged.write(checkTags(mergeTags(tagsOf(tagged.row), tagsOfInput(input.Tags))));
    return {};
  };

  const UntagResource: Codedeploy<'UntagResource'> = async (_call, input) => {
    const tagged = await findTagged(room, input.ResourceArn);
    await tagged.write(tagsOf(tagged.row).filter((tag) => !(input.TagKeys ?? []).includes(tag.key)));
    return {};
  };

  return { ListTagsForResource, TagResource, UntagResource };
}

interface Tagged {
  readonly row: { readonly tags: string };
  write(tags: readonly Tag[]): Promise<void>;
}

async function findTagged({ house }: Room, arn: string | undefined): Promise<Tagged> {
  if (!arn) throw fault('ResourceArnRequiredException', 'The ARN of a resource must be specified.');
  const { application, group } = names.parseTaggedArn(house, arn);
  if (group === undefined) {
    const row = await requireApplication(house, application);
    return {
      row,
      write: (tags) =>
        house.database.transaction(async (transaction) => {
          await within(transaction)
            .updateTable('codedeploy_applications')
            .set({ tags: JSON.stringify(tags) })
            .where('application_id', '=', row.application_id)
            .execute();
        }),
    };
  }
  const { row } = await requireGroup(house, application, group);
  return {
    row,
    write: (tags) =>
      house.database.transaction(async (transaction) => {
        await within(transaction)
          .updateTable('codedeploy_groups')
          .set({ tags: JSON.stringify(tags) })
          .where('group_id', '=', row.group_id)
          .execute();
      }),
  };
}
