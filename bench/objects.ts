/**
 * `npm run bench objects`: objects of 1 KB, 1 MB and 1 GB, put and got over HTTP, encrypted with keys of the
 * installation (AES256) and with a KMS key, beside `cp` with a flush, `openssl enc` and `sha256sum` of the same bytes.
 * At the end one of 5 GB in five parts, there and back, and the most memory that the server ever had.
 */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { S3 } from '@aws-sdk/client-s3';
import { readRootKey } from '#store/root-key.ts';
import { type Figure, figure, report } from './report.ts';
import { peakMegabytes, startServer } from './server.ts';

const run = promisify(execFile);
const REGION = 'us-east-1';
const SIZES = [
  { name: '1 KB', bytes: 1024, runs: 200 },
  { name: '1 MB', bytes: 1024 ** 2, runs: 30 },
  { name: '1 GB', bytes: 1024 ** 3, runs: 2 },
] as const;
const PARTS = 5;

const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const figures: Figure[] = [];
const server = await startServer(join(directory, 'data'));
try {
  const credentials = readRootKey(join(directory, 'data'));
  if (!credentials) throw new Error('no root key');
  const s3 = new S3({ endpoint: server.url, region: REGION, credentials, forcePathStyle: true });
  await s3.createBucket({ Bucket: 'bench' });
  const ways = (process.env['BENCH_WAYS'] ?? 'AES256,aws:kms').split(',') as ('AES256' | 'aws:kms')[];
  for (const size of SIZES) {
    const path = join(directory, 'content');
    writeRandom(path, size.bytes);
    for (const way of ways) await measureObjects(s3, path, size, way);
    await measureFloors(path, size);
  }
  await measureParts(s3, join(directory, 'content'));
  figures.push(figure('most memory of the server (RSS)', 'MB', [peakMegabytes(server.pid)]));
} finally {
  await server.stop();
}
rmSync(directory, { recursive: true, force: true });
report('objects', figures);

async function measureObjects(
  s3: S3,
  path: string,
  size: (typeof SIZES)[number],
  way: 'AES256' | 'aws:kms',
): Promise<void> {
  const puts: number[] = [];
  const gets: number[] = [];
  for (let index = size.runs > 2 ? -2 : 0; index < size.runs; index++) {
    const Key = `${size.bytes}/${way}/${index}`;
    const put = await milliseconds(() =>
      s3.putObject({
        Bucket: 'bench',
        Key,
        Body: createReadStream(path),
        ContentLength: size.bytes,
        ServerSideEncryption: way,
      }),
    );
    const get = await milliseconds(async () => {
      const { Body } = await s3.getObject({ Bucket: 'bench', Key });
      let length = 0;
      for await (const chunk of Body as AsyncIterable<Uint8Array>) length += chunk.length;
      if (length !== size.bytes) throw new Error('the object came back with another size');
    });
    if (index < 0) continue;
    puts.push(put);
    gets.push(get);
  }
  figures.push(
    figure(`put ${size.name}, ${way}`, 'ms', puts),
    figure(`get ${size.name}, ${way}`, 'ms', gets),
  );
}

/** What a gigabyte more costs in memory is what the figures at the end tell. */
async function measureParts(s3: S3, path: string): Promise<void> {
  const where = { Bucket: 'bench', Key: 'parts' };
  const size = 1024 ** 3;
  const put = await milliseconds(async () => {
    const { UploadId } = await s3.createMultipartUpload({ ...where, ChecksumAlgorithm: 'CRC32' });
    const Parts = [];
    for (let PartNumber = 1; PartNumber <= PARTS; PartNumber++) {
      const Body = createReadStream(path);
      const { ETag, ChecksumCRC32 } = await s3.uploadPart({
        ...where,
        UploadId,
        PartNumber,
        Body,
        ContentLength: size,
      });
      Parts.push({ PartNumber, ETag, ChecksumCRC32 });
    }
    await s3.completeMultipartUpload({ ...where, UploadId, MultipartUpload: { Parts } });
  });
  const get = await milliseconds(async () => {
    const { Body } = await s3.getObject(where);
    let length = 0;
    for await (const chunk of Body as AsyncIterable<Uint8Array>) length += chunk.length;
    if (length !== PARTS * size) throw new Error('the object came back with another size');
  });
  figures.push(figure(`put ${PARTS} GB in parts`, 'ms', [put]), figure(`get ${PARTS} GB`, 'ms', [get]));
}

/** In pieces, as this program should not be large either. */
function writeRandom(path: string, bytes: number): void {
  const file = openSync(path, 'w');
  const piece = 16 * 1024 ** 2;
  for (let done = 0; done < bytes; done += piece) writeSync(file, randomBytes(Math.min(piece, bytes - done)));
  closeSync(file);
}

async function measureFloors(path: string, size: (typeof SIZES)[number]): Promise<void> {
  const out = join(directory, 'out');
  const key = '0'.repeat(64);
  const commands = {
    'cp and flush': `cp ${path} ${out} && sync ${out}`,
    'openssl enc -aes-256-ctr': `openssl enc -aes-256-ctr -K ${key} -iv ${'0'.repeat(32)} -in ${path} -out ${out}`,
    sha256sum: `sha256sum ${path}`,
  };
  for (const [name, command] of Object.entries(commands)) {
    const samples: number[] = [];
    for (let index = 0; index < Math.min(size.runs, 20); index++) {
      samples.push(await milliseconds(() => run('sh', ['-c', command])));
    }
    figures.push(figure(`  floor: ${name}, ${size.name}`, 'ms', samples));
  }
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}
