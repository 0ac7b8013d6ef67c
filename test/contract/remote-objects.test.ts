/** One Slipway keeps its objects in the S3 of another: an endpoint like any, with the official client between them. */

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { S3 } from '@aws-sdk/client-s3';
import { openConfiguredObjects } from '#store/configured-objects.ts';
import { type ObjectStore, ObjectStoreError } from '#store/objects.ts';
import { openRemoteObjects, parseRemoteObjects } from '#store/remote-objects.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

let keeper: TestHouse;
let keeping: S3;
let house: TestHouse;
let s3: S3;
let store: ObjectStore;
const clientOf = ({ endpoint, region, credentials }: TestHouse) =>
  new S3({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
const settingsOf = (query = '', endpoint = keeper.endpoint) => ({
  SLIPWAY_OBJECTS: `s3://blobs/of/house?endpoint=${endpoint}${query}`,
  SLIPWAY_OBJECTS_ACCESS_KEY_ID: keeper.credentials.accessKeyId,
  SLIPWAY_OBJECTS_SECRET_ACCESS_KEY: keeper.credentials.secretAccessKey,
});
const opened = (environment: NodeJS.ProcessEnv) =>
  openRemoteObjects(parseRemoteObjects(environment['SLIPWAY_OBJECTS'] ?? '', environment), Date.now);

before(async () => {
  keeper = await createTestHouse();
  keeping = clientOf(keeper);
  await keeping.createBucket({ Bucket: 'blobs' });
  store = await opened(settingsOf());
  house = await createTestHouse({ serverEnvironment: settingsOf() });
  s3 = clientOf(house);
  await s3.createBucket({ Bucket: 'box' });
});
after(async () => {
  await house.close();
  await keeper.close();
});

const keys = async () =>
  ((await keeping.listObjectsV2({ Bucket: 'blobs' })).Contents ?? []).map(({ Key }) => Key);

test('objects come back whole, in ranges and after a restart, and rest sealed in the other store', async () => {
  const Body = randomBytes(300_000);
  await s3.putObject({ Bucket: 'box', Key: 'k', Body });
  const [key] = await keys();
  assert.match(key ?? '', /^of\/house\/[0-9a-f]{32}$/);
  const rest = await keeping.getObject({ Bucket: 'blobs', Key: key });
  assert.ok(
    !Buffer.from((await rest.Body?.transformToByteArray()) ?? []).includes(Body.subarray(1000, 1040)),
  );
  await house.restart();
  s3 = clientOf(house);
  const got = await s3.getObject({ Bucket: 'box', Key: 'k' });
  assert.ok(Body.equals((await got.Body?.transformToByteArray()) ?? new Uint8Array()));
  const part = await s3.getObject({ Bucket: 'box', Key: 'k', Range: 'bytes=100000-200000' });
  assert.ok(
    Body.subarray(100_000, 200_001).equals((await part.Body?.transformToByteArray()) ?? new Uint8Array()),
  );
});

test('long bodies go up in parts, also when the last part is exactly full', async () => {
  const MIB = 1024 ** 2;
  for (const size of [0, 16 * MIB, 40 * MIB]) {
    const content = randomBytes(size);
    const pieces = Array.from({ length: Math.ceil(size / 100_000) }, (_, i) =>
      content.subarray(i * 100_000, (i + 1) * 100_000),
    );
    const blob = await store.put(Readable.from(pieces, { objectMode: false }));
    assert.equal(blob.sizeBytes, size);
    assert.equal(sha256(await buffer(store.get(blob.id))), sha256(content));
    await store.delete(blob.id);
    await store.delete(blob.id);
  }
  assert.deepEqual((await keeping.listMultipartUploads({ Bucket: 'blobs' })).Uploads ?? [], []);
});

test('a failing or aborted stream leaves nothing behind, in parts neither', async () => {
  const there = await keys();
  for (const size of [10, 20 * 1024 ** 2]) {
    const failing = async function* () {
      yield randomBytes(size);
      throw new Error('the line went dead');
    };
    await assert.rejects(store.put(Readable.from(failing(), { objectMode: false })), /the line went dead/);
  }
  assert.deepEqual(await keys(), there);
  assert.deepEqual((await keeping.listMultipartUploads({ Bucket: 'blobs' })).Uploads ?? [], []);
});

test('lists what was complete before a moment, and only blobs', async () => {
  await keeping.putObject({ Bucket: 'blobs', Key: 'of/house/readme.txt', Body: 'x' });
  const blob = await store.put(Buffer.from('x'));
  const listed = async (before: number) => {
    const ids: string[] = [];
    for await (const id of store.list(before)) ids.push(id);
    return ids;
  };
  assert.ok((await listed(Number.POSITIVE_INFINITY)).includes(blob.id));
  assert.ok(!(await listed(0)).includes(blob.id));
  assert.ok((await listed(Number.POSITIVE_INFINITY)).every((id) => /^[0-9a-f]{32}$/.test(id)));
});

test('a reading goes on from where the connection broke', async () => {
  const content = randomBytes(400_000);
  const blob = await store.put(content);
  const door = await createBreakingDoor(keeper.endpoint, 150_000);
  // The signature names the door's own port, which the keeper sees as the host.
  const through = await opened(settingsOf('', door.url));
  door.arm();
  const got = await buffer(through.get(blob.id, { first: 0, last: content.length - 1 }));
  assert.ok(content.equals(got));
  assert.equal(door.broken(), 1);
  door.close();
});

test('a store that is gone is told as such, nothing is kept, and it works again afterwards', async () => {
  const other = await createTestHouse();
  await clientOf(other).createBucket({ Bucket: 'blobs' });
  const door = await createBreakingDoor(other.endpoint, Number.POSITIVE_INFINITY);
  const environment = {
    ...settingsOf('', door.url),
    SLIPWAY_OBJECTS_ACCESS_KEY_ID: other.credentials.accessKeyId,
    SLIPWAY_OBJECTS_SECRET_ACCESS_KEY: other.credentials.secretAccessKey,
  };
  const lodger = await createTestHouse({ serverEnvironment: environment });
  const client = clientOf(lodger);
  await client.createBucket({ Bucket: 'box' });
  door.shut();
  await assert.rejects(client.putObject({ Bucket: 'box', Key: 'k', Body: 'x' }), {
    name: 'ServiceUnavailable',
    message: 'The store of objects cannot be reached. Nothing was kept.',
  });
  await assert.rejects(client.headObject({ Bucket: 'box', Key: 'k' }), { name: 'NotFound' });
  door.reopen();
  await client.putObject({ Bucket: 'box', Key: 'k', Body: 'x' });
  await lodger.close();
  door.close();
  await other.close();
});

test('what is wrong with the setting is said at the start, and before anything is missed', async () => {
  const directory = join(keeper.directory, 'data', 'objects');
  const start = (environment: NodeJS.ProcessEnv, folder = directory) =>
    openConfiguredObjects(folder, environment, Date.now);
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['http://x', /is not an s3:\/\/ address/],
    ['s3://key:secret@b/p', /keys do not belong into the address/],
    ['s3://b?endpont=x', /"endpont" is not known/],
    ['s3://b?endpoint=localhost', /endpoint must be/],
    ['s3://b?path-style=maybe', /path-style is true or false/],
  ];
  for (const [url, message] of wrong) await assert.rejects(start({ SLIPWAY_OBJECTS: url }), message);
  await assert.rejects(start({ SLIPWAY_OBJECTS: 's3://b', SLIPWAY_OBJECTS_ACCESS_KEY_ID: 'x' }), /Set both/);
  const fresh = join(keeper.directory, 'fresh');
  await assert.rejects(
    start({ ...settingsOf(), SLIPWAY_OBJECTS: `s3://none?endpoint=${keeper.endpoint}` }, fresh),
    {
      name: 'ObjectStoreError',
      message: /NoSuchBucket/,
    },
  );
  await assert.rejects(
    start({ ...settingsOf(), SLIPWAY_OBJECTS_SECRET_ACCESS_KEY: 'wrong' }, fresh),
    ObjectStoreError,
  );
  const lodging = join(house.directory, 'data', 'objects');
  assert.equal(readFileSync(join(lodging, 'elsewhere'), 'utf8'), 's3://blobs/of/house/\n');
  await assert.rejects(start({}, lodging), /are in s3:\/\/blobs\/of\/house\/. Set SLIPWAY_OBJECTS as it was/);
  await assert.rejects(
    start({ SLIPWAY_OBJECTS: 's3://elsewhere' }, lodging),
    /but SLIPWAY_OBJECTS names s3:\/\/elsewhere/,
  );
  await assert.rejects(start(settingsOf()), /has objects in .*blobs/);
});

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Passes requests on; once armed, it breaks the next answer after so many bytes. Shut, it answers nobody. */
async function createBreakingDoor(target: string, bytes: number) {
  let armed = false;
  let broken = 0;
  const server = createServer((incoming, outgoing) => {
    const onward = request(
      target + incoming.url,
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        let seen = 0;
        answer.on('data', (chunk: Buffer) => {
          if (armed && seen + chunk.length > bytes) {
            armed = false;
            broken++;
            outgoing.write(chunk.subarray(0, bytes - seen), () => outgoing.destroy());
            answer.destroy();
            return;
          }
          seen += chunk.length;
          outgoing.write(chunk);
        });
        answer.on('end', () => outgoing.end());
      },
    );
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const shut = () => {
    server.closeAllConnections();
    server.close();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    arm: () => (armed = true),
    broken: () => broken,
    shut,
    reopen: () => listen(port),
    close: shut,
  };
}
