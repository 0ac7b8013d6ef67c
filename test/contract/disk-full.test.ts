/**
 * A server whose disk runs full, on a small file system of memory: what cannot be kept is refused in words, reading
 * goes on, nothing that was answered is lost, and once there is room again all works without a restart.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { S3 } from '@aws-sdk/client-s3';
import { SQS } from '@aws-sdk/client-sqs';
import { readRootKey } from '#store/root-key.ts';
import { createServerProcess, type ServerProcess } from '#test/support/server.ts';

const SIZE_MB = 96;
let folder = '';
let disk = '';
let server: ServerProcess;
let s3: S3;
let sqs: SQS;
let skip: string | false = 'wants root, to mount a small disk';

if (process.getuid?.() === 0) {
  folder = mkdtempSync(join(tmpdir(), 'slipway-disk-'));
  disk = join(folder, 'disk');
  mkdirSync(disk);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MB}m`, 'slipway-test', disk]);
  skip = mounted.status === 0 ? false : 'wants to mount a small disk, which is not allowed here';
}

before(async () => {
  if (skip) return;
  server = await createServerProcess(join(disk, 'data'));
  await server.start();
  const credentials = readRootKey(server.data);
  assert.ok(credentials);
  const settings = { endpoint: server.url, region: 'us-east-1', credentials, maxAttempts: 1 };
  s3 = new S3({ ...settings, forcePathStyle: true });
  sqs = new SQS(settings);
});
after(async () => {
  await server?.stop();
  if (!skip) spawnSync('umount', [disk]);
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** Takes all room but so many bytes. */
function fill(leaveBytes: number): void {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes)));
}

test('what finds no room is refused, and everything that was answered is there', { skip }, async () => {
  await s3.createBucket({ Bucket: 'files' });
  await s3.putObject({ Bucket: 'files', Key: 'before', Body: 'kept' });

  // Bodies find no room, rows still do.
  fill(8 * 1024 ** 2);
  await assert.rejects(s3.putObject({ Bucket: 'files', Key: 'large', Body: Buffer.alloc(20 * 1024 ** 2) }), {
    name: 'ServiceUnavailable',
    message: 'There is no room left where objects are stored. Nothing was kept.',
  });
  await assert.rejects(s3.headObject({ Bucket: 'files', Key: 'large' }), { name: 'NotFound' });
  await s3.putObject({ Bucket: 'files', Key: 'small', Body: 'kept too' });

  // Nothing finds room any more: changes fail, and no answer claims otherwise.
  rmSync(join(disk, 'ballast'));
  fill(0);
  const answered: string[] = [];
  let refused = 0;
  for (let index = 0; refused < 3 && index < 3000; index++) {
    const QueueName = `queue-${index}`;
    await sqs.createQueue({ QueueName }).then(
      () => answered.push(QueueName),
      (error: { readonly $metadata?: { readonly httpStatusCode?: number } }) => {
        refused++;
        assert.ok((error.$metadata?.httpStatusCode ?? 0) >= 500, String(error));
      },
    );
  }
  assert.equal(refused, 3, 'the disk was full');
  const kept = await s3.getObject({ Bucket: 'files', Key: 'before' });
  assert.equal(await kept.Body?.transformToString(), 'kept');
  const health = await fetch(`${server.url}/_slipway/health`);
  assert.equal(health.status, 200);

  // There is room again, and nobody has to restart anything.
  rmSync(join(disk, 'ballast'));
  await sqs.createQueue({ QueueName: 'after' });
  await s3.putObject({ Bucket: 'files', Key: 'after', Body: 'kept at last' });
  answered.push('after');
  await check(answered);
  assert.equal(await server.stop(), 0);
  await server.start();
  await check(answered);
});

async function check(queues: readonly string[]): Promise<void> {
  for (const [Key, text] of [
    ['before', 'kept'],
    ['small', 'kept too'],
    ['after', 'kept at last'],
  ] as const) {
    const { Body } = await s3.getObject({ Bucket: 'files', Key });
    assert.equal(await Body?.transformToString(), text);
  }
  for (const QueueName of queues) await sqs.getQueueUrl({ QueueName });
}
