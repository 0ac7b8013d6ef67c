/** What all batches of SQS have in common: ten entries at most, each with an id of its own, each failing alone. */

import type { BatchResultErrorEntry } from '@aws-sdk/client-sqs';
import { fault, isFault, type Fault } from '#base/fault.ts';

interface Entry {
  readonly Id: string | undefined;
}

const ENTRIES_MAX = 10;
const ID = /^[A-Za-z0-9_-]{1,80}$/;

export function checkBatch<Each extends Entry>(entries: readonly Each[] | undefined): readonly Each[] {
  if (!entries || entries.length === 0) {
    throw fault('EmptyBatchRequest', 'There should be at least one entry in the request.');
  }
  if (entries.length > ENTRIES_MAX) {
    throw fault(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are ${ENTRIES_MAX}. You have sent ${entries.length}.`,
    );
  }
  const ids = entries.map(({ Id = '' }) => Id);
  if (!ids.every((id) => ID.test(id))) {
    throw fault(
      'InvalidBatchEntryId',
      'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
    );
  }
  const twice = ids.find((id, index) => ids.indexOf(id) < index);
  if (twice !== undefined) throw fault('BatchEntryIdsNotDistinct', `Id ${twice} repeated.`);
  return entries;
}

export function batchFailure(id: string | undefined, error: Fault): BatchResultErrorEntry {
  return { Id: id, SenderFault: true, Code: error.code.replace(/Exception$/, ''), Message: error.message };
}

/** Does something for each entry, one after the other. */
export async function forEachEntry<Each extends Entry>(
  entries: readonly Each[],
  run: (entry: Each) => Promise<void>,
) {
  const Successful: { Id: string | undefined }[] = [];
  const Failed: BatchResultErrorEntry[] = [];
  for (const entry of entries) {
    try {
      await run(entry);
      Successful.push({ Id: entry.Id });
    } catch (error) {
      if (!isFault(error)) throw error;
      Failed.push(batchFailure(entry.Id, error));
    }
  }
  return { Successful, Failed };
}
