/**
 * `npm run bench logs`: lines per second that PutLogEvents takes from four writers, what they cost on the disk (beside
 * gzip of the same text) and in memory, how soon readers who follow a stream see a line, also while others write as fast
 * as they can, how long the last page of a million lines takes, and how fast a filter looks through them; beside what
 * the same client can send to a server that does nothing.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { readRootKey } from '#store/root-key.ts';
import { BATCH_LINES, createBatch, type WriterOrder } from './support/logs-writer.ts';
import { type Figure, figure, report } from './report.ts';
import { startServer } from './server.ts';

const REGION = 'us-east-1';
const WRITERS = 4;
const BATCHES = Number(process.env['BENCH_BATCHES'] ?? 40);
/** Of the stream that has a million lines. */
const BIG_BATCHES = Number(process.env['BENCH_BIG_BATCHES'] ?? 118);
const PAGES = 40;
const FOLLOWED_LINES = 100;
/** How often the reader of a build asks. */
const FOLLOW_MS = 50;

const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const figures: Figure[] = [];
const server = await startServer(join(directory, 'data'));
try {
  const credentials = readRootKey(join(directory, 'data'));
  if (!credentials) throw new Error('no root key');
  const logs = new CloudWatchLogs({
    endpoint: server.url,
    region: REGION,
    credentials,
    disableHostPrefix: true,
  });
  await logs.createLogGroup({ logGroupName: 'bench' });
  await logs.createLogGroup({ logGroupName: 'big' });
  for (let writer = 0; writer < WRITERS; writer++) {
    await logs.createLogStream({ logGroupName: 'bench', logStreamName: `writer-${writer}` });
  }
  await measureFloor(credentials);
  await measureIngestion(logs);
  await measureFollowing(logs, 'followed', '');
  await measureBig(logs, { endpoint: server.url, region: REGION, credentials });
  await measureFilter(logs);
} finally {
  await server.stop();
}
rmSync(directory, { recursive: true, force: true });
report('logs', figures, [`load average of the machine while measuring: ${loadavg()[0]?.toFixed(1)}`]);

async function write(logs: CloudWatchLogs): Promise<number> {
  const from = performance.now();
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      for (let batch = writer; batch < BATCHES; batch += WRITERS) {
        await logs.putLogEvents({
          logGroupName: 'bench',
          logStreamName: `writer-${writer}`,
          logEvents: createBatch(batch * BATCH_LINES),
        });
      }
    }),
  );
  return (BATCHES * BATCH_LINES) / ((performance.now() - from) / 1000);
}

async function measureIngestion(logs: CloudWatchLogs): Promise<void> {
  const rates: number[] = [];
  const memory: number[] = [];
  const before = diskBytes();
  for (let run = 0; run < 3; run++) {
    rates.push(await write(logs));
    memory.push(rssMegabytes(server.pid));
  }
  const text = Array.from({ length: 10 }, (_, batch) => createBatch(batch * BATCH_LINES)).flat();
  const zipped = gzipSync(text.map(({ message }) => message).join('')).length / text.length;
  const lines = 3 * BATCHES * BATCH_LINES;
  figures.push(figure('lines taken', 'lines/s', rates, '≥ 100,000'));
  figures.push(figure('memory while taking them (RSS)', 'MB', memory));
  figures.push(figure('on disk for a line of 92 bytes', 'bytes', [(diskBytes() - before) / lines]));
  figures.push(figure('  gzip of the same text, without times', 'bytes', [zipped]));
}

async function measureFloor(credentials: { accessKeyId: string; secretAccessKey: string }): Promise<void> {
  const floor = createServer((request, response) => {
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/x-amz-json-1.1').end('{}');
    });
  });
  await new Promise<void>((ready) => floor.listen(0, '127.0.0.1', ready));
  const address = floor.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const endpoint = `http://127.0.0.1:${address.port}`;
  const logs = new CloudWatchLogs({ endpoint, region: REGION, credentials });
  await write(logs);
  figures.push(
    figure('  floor: the same client, a server that reads and answers', 'lines/s', [await write(logs)]),
  );
  logs.destroy();
  floor.close();
  floor.closeAllConnections();
}

/** From the moment a line is sent to the moment a reader has it: one who asks again and again, and a Live Tail. */
async function measureFollowing(logs: CloudWatchLogs, stream: string, when: string): Promise<void> {
  const place = { logGroupName: 'bench', logStreamName: stream };
  await logs.createLogStream(place);
  const asked: number[] = [];
  const tailed: number[] = [];
  const { responseStream } = await logs.startLiveTail({
    logGroupIdentifiers: [`arn:aws:logs:${REGION}:123456789012:log-group:bench`],
    logStreamNames: [stream],
  });
  const tailing = (async () => {
    for await (const { sessionUpdate } of responseStream ?? []) {
      for (const event of sessionUpdate?.sessionResults ?? []) {
        tailed.push(Date.now() - Number(event.message));
      }
      if (tailed.length >= FOLLOWED_LINES) return;
    }
  })();
  const reading = (async () => {
    let nextToken: string | undefined;
    while (asked.length < FOLLOWED_LINES) {
      const page = await logs.getLogEvents({ ...place, startFromHead: true, nextToken });
      for (const event of page.events ?? []) asked.push(Date.now() - Number(event.message));
      nextToken = page.nextForwardToken;
      await pause(FOLLOW_MS);
    }
  })();
  for (let line = 0; line < FOLLOWED_LINES; line++) {
    const now = Date.now();
    await logs.putLogEvents({ ...place, logEvents: [{ timestamp: now, message: String(now) }] });
    await pause(20);
  }
  await Promise.all([reading, tailing]);
  figures.push(
    figure(`a line seen by who asks every ${FOLLOW_MS} ms${when}`, 'ms', asked, 'p95 ≤ 200'),
    figure(`a line seen by a Live Tail${when}`, 'ms', tailed, 'p95 ≤ 200'),
  );
}

/** A stream grows to a million lines, while somebody follows another one; then its last page. */
async function measureBig(logs: CloudWatchLogs, client: WriterOrder['client']): Promise<void> {
  const place = { logGroupName: 'big', logStreamName: 'million' };
  await logs.createLogStream(place);
  const order: WriterOrder = { client, place, batches: BIG_BATCHES };
  const writer = new Worker(new URL('./support/logs-writer.ts', import.meta.url), { workerData: order });
  const writing = new Promise<number>((resolve, reject) => {
    writer.once('message', resolve);
    writer.once('error', reject);
  });
  await measureFollowing(logs, 'followed-under-load', ', while another writes all it can');
  figures.push(figure('  lines taken from that one meanwhile', 'lines/s', [await writing]));
  figures.push(figure('memory then (RSS)', 'MB', [rssMegabytes(server.pid)]));
  for (const limit of [100, 10_000]) {
    const samples: number[] = [];
    for (let i = 0; i < PAGES; i++) {
      const start = performance.now();
      const { events = [] } = await logs.getLogEvents({ ...place, limit });
      samples.push(performance.now() - start);
      if (events.length < Math.min(limit, 5_000)) throw new Error('the page is too short');
    }
    figures.push(figure(`the last page of a million lines, of ${limit} at most`, 'ms', samples));
  }
}

/** Through all of the million lines: for a few of them, and for nothing that is there. */
async function measureFilter(logs: CloudWatchLogs): Promise<void> {
  for (const [what, filterPattern] of [
    ['a few', '"in 919 ms" Orders'],
    ['none', '%nobody-[0-9]+-wrote%'],
  ] as const) {
    const from = performance.now();
    const pages: number[] = [];
    let nextToken: string | undefined;
    do {
      const start = performance.now();
      const page = await logs.filterLogEvents({ logGroupName: 'big', filterPattern, nextToken });
      pages.push(performance.now() - start);
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    const seconds = (performance.now() - from) / 1000;
    const lines = BIG_BATCHES * BATCH_LINES;
    figures.push(figure(`lines looked through by a filter that finds ${what}`, 'lines/s', [lines / seconds]));
    figures.push(figure('  one page of it', 'ms', pages));
  }
}

function diskBytes(): number {
  return Number(execFileSync('du', ['-sb', join(directory, 'data')], { encoding: 'utf8' }).split('\t')[0]);
}

function rssMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}
