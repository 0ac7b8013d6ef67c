/** TagResource, UntagResource, ListTagsForResource on pipelines; the other taggable things of AWS are gaps here. */

import type { Tag } from '@aws-sdk/client-codepipeline';
import { parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import { findPipeline, pipelineArn, type Room } from './room.ts';
import { within, type PipelineRow } from './tables.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;
export type Tags = Readonly<Record<string, string>>;

const TAGS_MAX = 50;

export function taggingOperations(room: Room) {
  const { house } = room;

  const TagResource: Codepipeline<'TagResource'> = async (_call, input) => {
    const row = await requireTagged(input.resourceArn);
    await change(row, (tags) => checkTags({ ...tags, ...tagsOfList(input.tags) }, input.resourceArn));
    return {};
  };

  const UntagResource: Codepipeline<'UntagResource'> = async (_call, input) => {
    const row = await requireTagged(input.resourceArn);
    const removed = input.tagKeys ?? [];
    await change(row, (tags) =>
      Object.fromEntries(Object.entries(tags).filter(([key]) => !removed.includes(key))),
    );
    return {};
  };

  const ListTagsForResource: Codepipeline<'ListTagsForResource'> = async (_call, input) => ({
    tags: tagsToList(tagsOfRow(await requireTagged(input.resourceArn))),
  });

  const requireTagged = async (text: string | undefined): Promise<PipelineRow> => {
    const arn = parseArn(text ?? '');
    if (!arn || arn.service !== 'codepipeline') {
      throw fault('InvalidArnException', `The ARN '${text}' is not the ARN of a CodePipeline resource`);
    }
    // One spelling only, the one that policies were asked about.
    const isOurs = pipelineArn(house, arn.resource) === text;
    const row = isOurs ? await findPipeline(house, arn.resource) : undefined;
    if (row) return row;
    throw fault('ResourceNotFoundException', `The resource '${text}' was not found`);
  };

  const change = (row: PipelineRow, next: (tags: Tags) => Tags) =>
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
        .set({ tags: JSON.stringify(next(tagsOfRow(current))) })
        .where('pipeline_id', '=', row.pipeline_id)
        .execute();
    });

  return { TagResource, UntagResource, ListTagsForResource };
}

function tagsOfRow(row: PipelineRow): Tags {
  return JSON.parse(row.tags) as Tags;
}

export function tagsOfList(tags: readonly Tag[] | undefined): Tags {
  const entries = (tags ?? []).map(({ key, value }) => [key ?? '', value ?? ''] as const);
  if (new Set(entries.map(([key]) => key)).size < entries.length) {
    throw fault('InvalidTagsException', 'The tags contain the same key more than once');
  }
  return Object.fromEntries(entries);
}

export function tagsToList(tags: Tags): Tag[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}

export function checkTags(tags: Tags, resource = 'pipeline'): Tags {
  if (Object.keys(tags).some((key) => key.toLowerCase().startsWith('aws:'))) {
    throw fault(
      'InvalidTagsException',
      "Not allowed to modify system tags. System tags start with 'aws:'. Use another key",
    );
  }
  if (Object.keys(tags).length > TAGS_MAX) {
    throw fault('TooManyTagsException', `Tag limit exceeded for resource [${resource}].`);
  }
  return tags;
}
