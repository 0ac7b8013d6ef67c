/**
 * `npm run bench logs`: lines per second that PutLogEvents takes from four writers, what they cost on the disk and in
 * memory, how soon a reader who follows a stream sees a line, and how fast a filter looks through them; beside what the
 * same client can send to a server that does nothing.
 */

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { readRootKey } from '#store/root-key.ts';
import { type Figure, figure, report } from './report.ts';

const ROOT = resolve(import.meta.dirname, '..');
const REGION = 'us-east-1';
const WRITERS = 4;
const BATCH_LINES = 9_000;
const BATCHES = Number(process.env['BENCH_BATCHES'] ?? 50);
const FOLLOWED_LINES = 100;
/** How often the reader of a build asks. */
const FOLLOW_MS = 50;

const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const figures: Figure[] = [];
const server = await start(join(directory, 'data'));
try {
  const credentials = readRootKey(join(directory, 'data'));
  if (!credentials) throw new Error('no root key');
  const logs = new CloudWatchLogs({ endpoint: server.url, region: REGION, credentials });
  await logs.createLogGroup({ logGroupName: 'bench' });
  for (let writer = 0; writer < WRITERS; writer++) {
    await logs.createLogStream({ logGroupName: 'bench', logStreamName: `writer-${writer}` });
  }
  await measureFloor(credentials);
  await measureIngestion(logs);
  await measureFollowing(logs);
  await measureFilter(logs);
} finally {
  await server.stop();
}
rmSync(directory, { recursive: true, force: true });
report('logs', figures);

/** Lines as builds write them, about 100 bytes each. */
function createBatch(from: number): { timestamp: number; message: string }[] {
  const now = Date.now();
  return Array.from({ length: BATCH_LINES }, (_, i) => ({
    timestamp: now,
    message: `[INFO] ${from + i} compiling src/main/java/com/example/shop/Orders${i % 97}.java took ${(i * 7919) % 1000} ms\n`,
  }));
}

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
  const raw = 3 * BATCHES * createBatch(0).reduce((sum, { message }) => sum + message.length, 0);
  figures.push(figure('lines taken', 'lines/s', rates, '≥ 100,000'));
  figures.push(figure('memory while taking them (RSS)', 'MB', memory));
  figures.push(figure('bytes on disk for a byte of log', '', [(diskBytes() - before) / raw]));
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

/** From the moment a line is sent to the moment a reader has it. */
async function measureFollowing(logs: CloudWatchLogs): Promise<void> {
  const place = { logGroupName: 'bench', logStreamName: 'followed' };
  await logs.createLogStream(place);
  const samples: number[] = [];
  let nextToken: string | undefined;
  const reading = (async () => {
    while (samples.length < FOLLOWED_LINES) {
      const page = await logs.getLogEvents({ ...place, startFromHead: true, nextToken });
      for (const event of page.events ?? []) samples.push(Date.now() - Number(event.message));
      nextToken = page.nextForwardToken;
      await pause(FOLLOW_MS);
    }
  })();
  for (let line = 0; line < FOLLOWED_LINES; line++) {
    const now = Date.now();
    await logs.putLogEvents({ ...place, logEvents: [{ timestamp: now, message: String(now) }] });
    await pause(20);
  }
  await reading;
  figures.push(figure(`a line seen by a reader who asks every ${FOLLOW_MS} ms`, 'ms', samples, 'p95 ≤ 200'));
}

async function measureFilter(logs: CloudWatchLogs): Promise<void> {
  const from = performance.now();
  let nextToken: string | undefined;
  let found = 0;
  do {
    const page = await logs.filterLogEvents({
      logGroupName: 'bench',
      filterPattern: '"took 919 ms" Orders',
      nextToken,
    });
    found += page.events?.length ?? 0;
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  if (found === 0) throw new Error('the filter found nothing');
  const seconds = (performance.now() - from) / 1000;
  figures.push(
    figure('lines looked through by a filter', 'lines/s', [(3 * BATCHES * BATCH_LINES) / seconds]),
  );
}

function diskBytes(): number {
  return Number(execFileSync('du', ['-sb', join(directory, 'data')], { encoding: 'utf8' }).split('\t')[0]);
}

function rssMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

async function start(
  data: string,
): Promise<{ readonly url: string; readonly pid: number; stop(): Promise<void> }> {
  const child = spawn(join(ROOT, 'bin/slipway'), ['serve', '--data', data, '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SLIPWAY_LOG: 'error' },
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^slipway ready (\S+)$/.exec(line)?.[1];
    if (url === undefined) continue;
    return {
      url,
      pid: child.pid ?? 0,
      async stop() {
        const ended = new Promise((done) => child.once('exit', done));
        child.kill('SIGTERM');
        await ended;
      },
    };
  }
  throw new Error('the server ended before it was ready');
}
