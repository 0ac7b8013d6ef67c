/**
 * CloudWatch Logs: groups, streams and their events, which rest in compressed, encrypted chunks (`chunks.ts`).
 *
 * Gaps: see `gaps.ts`. Subscription filters are refused, because none of their destinations is in the house. Log groups
 * are of the class STANDARD. A data key of KMS is kept for a minute, so for so long a disabled key still opens events.
 *
 * By design: a `sequenceToken` of the form `position/<n>`, as PutLogEvents gives them out, says how many events the
 * stream had before this batch; events that are already stored are passed over. So a writer whose answer got lost
 * repeats its batch without doubling it. All other tokens are ignored, as AWS does. Tokens of pages do not expire.
 * `storedBytes` of a group counts events as PutLogEvents does, not what they need on the disk.
 */

import type { House, Service } from '#services/service.ts';
import { createChunks } from './chunks.ts';
import { createDataKeys } from './data-keys.ts';
import { describingOperations } from './describing.ts';
import { createDropping } from './dropping.ts';
import { createExportMachine } from './exporting.ts';
import { exportOperations } from './exports.ts';
import { gaps } from './gaps.ts';
import { groupOperations } from './groups.ts';
import { createMetricFilters } from './metric-filters.ts';
import { createMigrations } from './migrations.ts';
import { permissions } from './permissions.ts';
import { createPolicyReader, policyOperations } from './policies.ts';
import { createPutLogEvents } from './putting.ts';
import { readingOperations } from './reading.ts';
import { createScanner } from './scanning.ts';
import { streamOperations } from './streams.ts';
import { subscriptionOperations } from './subscriptions.ts';
import { taggingOperations } from './tagging.ts';
import { createTails } from './tailing.ts';

/** Members of inputs that hold what is in a log. */
const TEXTS = new Set(['logEvents', 'logEventMessages']);

export function openLogs(house: House): Service<'logs'> {
  const keys = createDataKeys(house);
  const chunks = createChunks(house);
  const scanner = createScanner(house, chunks, keys);
  const dropping = createDropping(house);
  const tails = createTails(house, chunks, keys);
  const metrics = createMetricFilters(house);
  const exporting = createExportMachine(house, scanner);
  return {
    name: 'logs',
    operations: {
      ...gaps,
      ...groupOperations(house, keys, dropping),
      ...streamOperations(house, dropping),
      ...describingOperations(house),
      ...createPutLogEvents({ house, chunks, keys, metrics, tails }),
      ...readingOperations(house, scanner),
      ...metrics.operations,
      ...tails.operations,
      ...taggingOperations(house),
      ...policyOperations(house),
      ...subscriptionOperations(house),
      ...exportOperations(house, exporting),
    },
    permissions,
    machines: [metrics.machine, exporting],
    migrations: createMigrations(house),
    async recover() {
      await metrics.recover();
      dropping.start();
    },
    resourcePolicy: createPolicyReader(house),
    // Records say who wrote where, not what.
    async shownInput(_operation, input) {
      return Object.fromEntries(Object.entries(input).filter(([name]) => !TEXTS.has(name)));
    },
    drain: () => tails.end(),
    close: () => dropping.stop(),
  };
}
