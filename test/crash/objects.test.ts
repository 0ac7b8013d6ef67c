/**
 * Uploads under `kill -9`: clients put objects without pause while the server is killed again and again. Afterwards
 * every answered object is there with its bytes, and every listed object can be read whole.
 */

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { S3 } from '@aws-sdk/client-s3';
import { readRootKey } from '#store/root-key.ts';
import { createServerProcess, type ServerProcess } from '#test/support/server.ts';

const KILLS = 6;
const WRITERS = 4;
/** Answers between two kills, so that each life gets something done. */
const ANSWERS_PER_LIFE = 12;

let directory: string;
let server: ServerProcess;
let s3: S3;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-objects-'));
  server = await createServerProcess(join(directory, 'data'));
  await server.start();
  s3 = new S3({
    endpoint: server.url,
    region: 'us-east-1',
    credentials: readRootKey(server.data),
    forcePathStyle: true,
    maxAttempts: 1,
  });
  await s3.createBucket({ Bucket: 'bucket' });
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await s3.putBucketVersioning({ Bucket: 'bucket', VersioningConfiguration });
});
after(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface Answered {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly digest: string;
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test('what was answered survives, and nothing is half there', async () => {
  const answered: Answered[] = [];
  let isOver = false;
  const write = async (writer: number) => {
    for (let i = 0; !isOver; i++) {
      const key = `${writer}/${i % 5}`;
      const body = randomBytes(1 + ((i * 7919) % 200_000));
      try {
        const { VersionId } = await s3.putObject({ Bucket: 'bucket', Key: key, Body: body });
        answered.push({ key, versionId: VersionId, digest: digestOf(body) });
      } catch {
        // The server is down: whether this one was kept is what the end shows.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  const writers = Array.from({ length: WRITERS }, (_, writer) => write(writer));
  for (let kill = 1; kill <= KILLS; kill++) {
    while (answered.length < kill * ANSWERS_PER_LIFE) await new Promise((resolve) => setTimeout(resolve, 5));
    await server.kill();
    await server.start();
  }
  isOver = true;
  await Promise.all(writers);

  for (const { key, versionId, digest } of answered) {
    const { Body } = await s3.getObject({ Bucket: 'bucket', Key: key, VersionId: versionId });
    assert.equal(digestOf((await Body?.transformToByteArray()) ?? new Uint8Array()), digest, key);
  }
  const { Versions = [], IsTruncated } = await s3.listObjectVersions({ Bucket: 'bucket' });
  assert.equal(IsTruncated, false);
  assert.ok(Versions.length >= answered.length);
  for (const { Key, VersionId, Size } of Versions) {
    const { Body } = await s3.getObject({ Bucket: 'bucket', Key, VersionId });
    assert.equal((await Body?.transformToByteArray())?.length, Size, Key);
  }
  assert.deepEqual(readdirSync(join(server.data, 'objects', 'incoming')), []);
});
