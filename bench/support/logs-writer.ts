/** The lines of `logs.ts`; as a thread of its own, a writer that fills one stream with them as fast as it can. */

import { createHash } from 'node:crypto';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { CloudWatchLogs, type CloudWatchLogsClientConfig } from '@aws-sdk/client-cloudwatch-logs';

export const BATCH_LINES = 8_500;

export interface WriterOrder {
  readonly client: CloudWatchLogsClientConfig;
  readonly place: { readonly logGroupName: string; readonly logStreamName: string };
  readonly batches: number;
}

/** Lines as builds write them, about 92 bytes each, with something in each that was never there before. */
export function createBatch(from: number): { timestamp: number; message: string }[] {
  const now = Date.now();
  return Array.from({ length: BATCH_LINES }, (_, i) => ({
    timestamp: now,
    message: `[INFO] ${from + i} compiled src/main/java/com/example/shop/Orders${i % 97}.java to ${digestOf(from + i)} in ${(i * 7919) % 1000} ms\n`,
  }));
}

function digestOf(line: number): string {
  return createHash('sha256').update(String(line)).digest('hex').slice(0, 12);
}

if (!isMainThread) {
  const { client, place, batches } = workerData as WriterOrder;
  const logs = new CloudWatchLogs(client);
  const from = performance.now();
  for (let batch = 0; batch < batches; batch++) {
    await logs.putLogEvents({ ...place, logEvents: createBatch(batch * BATCH_LINES) });
  }
  logs.destroy();
  parentPort?.postMessage((batches * BATCH_LINES) / ((performance.now() - from) / 1000));
}
