/**
 * The door to batch builds, for the room.
 *
 * By design: a batch tells the house of its start and its end under a source of its own, as AWS sends no such events.
 * What the parts of a combined artifact were stays beside it. A file that several builds leave is the last one's.
 */

import { batchOperations } from './batches.ts';
import type { Batches } from './batch-room.ts';
import { startingOperations } from './starting.ts';

export { batchId, type Batches } from './batch-room.ts';
export { planChild } from './children.ts';
export { batchSubscription } from './hearing.ts';
export { createBatches } from './machine.ts';
export { batchMigration } from './tables.ts';
export { startWebhookBatch } from './webhook.ts';

export function buildBatchOperations(batches: Batches) {
  return { ...startingOperations(batches), ...batchOperations(batches) };
}
