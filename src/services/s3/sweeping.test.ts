import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import { fault } from '#base/fault.ts';
import { silentLog } from '#base/log.ts';
import { createEngine, engineMigrations } from '#engine/engine.ts';
import type { Call, House } from '#services/service.ts';
import { migrate, type Database } from '#store/database.ts';
import { openKeyring } from '#store/keyring.ts';
import { openObjects } from '#store/objects.ts';
import { onEveryDatabase } from '#test/support/databases.ts';
import { createBucket } from './buckets.ts';
import { deleteObject } from './deleting.ts';
import { createOutbox } from './outbox.ts';
import { getObject } from './reading.ts';
import type { Room } from './room.ts';
import { collectGarbage, collectOrphans } from './sweeping.ts';
import { migrations } from './tables.ts';
import { GARBAGE_DELAY_MS } from './versions.ts';
import { copyObject } from './copying.ts';
import { putObject } from './writing.ts';

const AT = 1_700_000_000_000;
const LATER = AT + GARBAGE_DELAY_MS + 1;
const Bucket = 'bucket';

onEveryDatabase((databases) => {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-s3-'));
  let database: Database;
  let house: House;
  let room: Room;

  const some: Partial<Call> = {
    account: '123456789012',
    region: 'us-east-1',
    requestId: 'R1',
    at: AT,
    source: '127.0.0.1',
    signal: new AbortController().signal,
    authorize: async () => {},
  };
  // The handlers of these tests use only these members.
  const call = some as Call;

  before(async () => {
    database = await databases.open();
    const parts: Partial<House> = {
      account: '123456789012',
      region: 'us-east-1',
      clock: systemClock,
      heldOf: async () => new Map(),
      log: silentLog,
      database,
      engine: createEngine({ database, clock: systemClock, log: silentLog, node: 'test' }),
      objects: openObjects(join(directory, 'objects')),
      keyring: openKeyring(directory),
      publish: async () => {},
      isWanted: async () => false,
    };
    house = parts as House;
    room = { house, outbox: createOutbox(house) };
    await migrate(database, [...engineMigrations, ...migrations]);
    house.engine.register(room.outbox);
    await house.engine.start();
    await createBucket(room)(call, { Bucket });
  });
  after(async () => {
    await house.engine.stop(0);
    rmSync(directory, { recursive: true, force: true });
  });

  async function blobs(): Promise<readonly string[]> {
    const ids: string[] = [];
    for await (const id of house.objects.list(Number.POSITIVE_INFINITY)) ids.push(id);
    return ids;
  }

  async function textOf(Key: string): Promise<string> {
    const { Body } = await getObject(room)(call, { Bucket, Key });
    const chunks: Uint8Array[] = [];
    for await (const chunk of Body as AsyncIterable<Uint8Array>) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  const put = (Key: string, text: string) => putObject(room)(call, { Bucket, Key, Body: Buffer.from(text) });

  test('an overwritten object keeps its bytes for late readers, then they go', async () => {
    await put('k', 'one');
    await put('k', 'two');
    assert.equal((await blobs()).length, 2);
    assert.equal(await collectGarbage(house, AT), 0);
    assert.equal(await collectGarbage(house, LATER), 1);
    assert.equal(await textOf('k'), 'two');
  });

  test('bytes that a copy shares stay until the last one goes', async () => {
    const before = (await blobs()).length;
    await put('source', 'shared');
    await copyObject(room)(call, { Bucket, Key: 'copy', CopySource: `${Bucket}/source` });
    assert.equal((await blobs()).length, before + 1);
    await deleteObject(room)(call, { Bucket, Key: 'source' });
    assert.equal(await collectGarbage(house, LATER), 0);
    assert.equal(await textOf('copy'), 'shared');
    await deleteObject(room)(call, { Bucket, Key: 'copy' });
    assert.equal(await collectGarbage(house, LATER), 1);
    assert.equal((await blobs()).length, before);
  });

  test('bytes that a crash left without a row go, and no others', async () => {
    await put('kept', 'kept');
    await put('due', 'old');
    await put('due', 'new');
    const before = await blobs();
    const orphan = await house.objects.put(Buffer.from('never committed'));
    assert.equal(await collectOrphans(house, 0), 0, 'young blobs may be about to be committed');
    assert.equal(await collectOrphans(house, Number.POSITIVE_INFINITY), 1);
    assert.deepEqual([...(await blobs())].sort(), [...before].sort());
    assert.ok(!(await blobs()).includes(orphan.id));
    assert.equal(await textOf('kept'), 'kept');
  });

  test('a write that is refused at the end, or whose stream breaks, leaves nothing', async () => {
    const before = (await blobs()).length;
    const wrong = putObject(room)(call, {
      Bucket,
      Key: 'x',
      Body: Buffer.from('x'),
      ContentMD5: Buffer.alloc(16).toString('base64'),
    });
    await assert.rejects(wrong, { code: 'BadDigest' });
    const broken = (async function* () {
      yield Buffer.from('some');
      throw fault('IncompleteBody', 'The request body ended early.');
    })();
    const cut = putObject(room)(call, {
      Bucket,
      Key: 'x',
      Body: Readable.from(broken, { objectMode: false }),
    });
    await assert.rejects(cut, { code: 'IncompleteBody' });
    const late = putObject(room)(call, { Bucket, Key: 'kept', Body: Buffer.from('y'), IfNoneMatch: '*' });
    await assert.rejects(late, { code: 'PreconditionFailed' });
    assert.equal((await blobs()).length, before);
    await assert.rejects(textOf('x'), { code: 'NoSuchKey' });
  });
});
