/** TagResource, UntagResource, ListTagsForResource on pipelines, custom action types and webhooks. */

import { parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import type { Handler, House } from '#services/service.ts';
import { findTaggedType } from './action-types.ts';
import { findPipeline, pipelineArn, type Room } from './room.ts';
import { within } from './tables.ts';
import { checkTags, tagsOfList, tagsToList, type Tagged, type Tags } from './tags.ts';
import { findTaggedWebhook } from './webhook-rows.ts';

export { checkTags, tagsOfList, tagsToList, type Tags } from './tags.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

/** Each finds what an ARN names, if it is of its kind. */
const FINDERS: readonly ((house: House, arn: string) => Promise<Tagged | undefined>)[] = [
  findTaggedPipeline,
  findTaggedType,
  findTaggedWebhook,
];

export function taggingOperations({ house }: Room) {
  const TagResource: Codepipeline<'TagResource'> = async (_call, input) => {
    const tagged = await requireTagged(input.resourceArn);
    await tagged.change((tags) => checkTags({ ...tags, ...tagsOfList(input.tags) }, input.resourceArn));
    return {};
  };

  const UntagResource: Codepipeline<'UntagResource'> = async (_call, input) => {
    const tagged = await requireTagged(input.resourceArn);
    const removed = input.tagKeys ?? [];
    await tagged.change((tags) =>
      Object.fromEntries(Object.entries(tags).filter(([key]) => !removed.includes(key))),
    );
    return {};
  };

  const ListTagsForResource: Codepipeline<'ListTagsForResource'> = async (_call, input) => ({
    tags: tagsToList((await requireTagged(input.resourceArn)).tags),
  });

  const requireTagged = async (text: string | undefined): Promise<Tagged> => {
    if (parseArn(text ?? '')?.service !== 'codepipeline') {
      throw fault('InvalidArnException', `The ARN '${text}' is not the ARN of a CodePipeline resource`);
    }
    for (const find of FINDERS) {
      const tagged = await find(house, text ?? '');
      if (tagged) return tagged;
    }
    throw fault('ResourceNotFoundException', `The resource '${text}' was not found`);
  };

  return { TagResource, UntagResource, ListTagsForResource };
}

async function findTaggedPipeline(house: House, text: string): Promise<Tagged | undefined> {
  const name = parseArn(text)?.resource ?? '';
  // One spelling only, the one that policies were asked about.
  const row = pipelineArn(house, name) === text ? await findPipeline(house, name) : undefined;
  if (!row) return undefined;
  const change = (next: (tags: Tags) => Tags) =>
    house.database.transaction(async (transaction) => {
      const kysely = within(transaction);
      const current = await kysely
        .selectFrom('codepipeline_pipelines')
        .selectAll()
        .where('pipeline_id', '=', row.pipeline_id)
        .executeTakeFirst();
      if (!current) return;
      await kysely
        .updateTable('codepipeline_pipelines')
        .set({ tags: JSON.stringify(next(JSON.parse(current.tags) as Tags)) })
        .where('pipeline_id', '=', row.pipeline_id)
        .execute();
    });
  return { tags: JSON.parse(row.tags) as Tags, change };
}
