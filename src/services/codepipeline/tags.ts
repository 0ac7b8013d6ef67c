/** The rules of tags, the same for all things of this room that can have them. */

import type { Tag } from '@aws-sdk/client-codepipeline';
import { fault } from '#base/fault.ts';

export type Tags = Readonly<Record<string, string>>;

/** A thing that has tags. */
export interface Tagged {
  readonly tags: Tags;
  /** In one transaction, on the tags as they are then. */
  change(next: (tags: Tags) => Tags): Promise<void>;
}

const TAGS_MAX = 50;

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
