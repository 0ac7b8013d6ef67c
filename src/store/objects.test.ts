import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { openObjects } from './objects.ts';

const directory = mkdtempSync(join(tmpdir(), 'slipway-objects-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const store = openObjects(directory);
const incoming = () => readdirSync(join(directory, 'incoming'));

test('a stored stream comes back whole and in ranges', async () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(chunks, fc.nat(), fc.nat(), async (parts, a, b) => {
      const whole = Buffer.concat(parts);
      const blob = await store.put(Readable.from(parts, { objectMode: false }));
      assert.equal(blob.sizeBytes, whole.length);
      assert.deepEqual(await buffer(store.get(blob.id)), whole);
      if (whole.length === 0) return;
      const [first, last] = [a % whole.length, b % whole.length].sort((x, y) => x - y) as [number, number];
      assert.deepEqual(await buffer(store.get(blob.id, { first, last })), whole.subarray(first, last + 1));
    }),
    { numRuns: 30 },
  );
});

test('a failing stream leaves nothing behind', async () => {
  const failing = Readable.from(
    (async function* () {
      yield Buffer.from('some');
      throw new Error('the line went dead');
    })(),
    { objectMode: false },
  );
  await assert.rejects(store.put(failing), /the line went dead/);
  assert.deepEqual(incoming(), []);
});

test('an aborted stream leaves nothing behind', async () => {
  const abort = new AbortController();
  const endless = new Readable({
    read() {
      this.push(Buffer.alloc(1024));
      if (!abort.signal.aborted) setImmediate(() => abort.abort());
    },
  });
  await assert.rejects(store.put(endless, abort.signal), { name: 'AbortError' });
  assert.deepEqual(incoming(), []);
});

test('a full disk leaves nothing behind', async () => {
  const broken = openObjects(join(directory, 'full'));
  rmSync(join(directory, 'full', 'blobs'), { recursive: true });
  writeFileSync(join(directory, 'full', 'blobs'), 'not a folder');
  await assert.rejects(broken.put(Buffer.from('x')));
  assert.deepEqual(readdirSync(join(directory, 'full', 'incoming')), []);
});

test('opening removes what an interrupted write left, and nothing that another node may be writing', () => {
  const left = join(directory, 'incoming', 'left');
  writeFileSync(left, 'half');
  openObjects(directory, true);
  assert.deepEqual(incoming(), ['left']);
  const hours = Date.now() / 1000 - 2 * 3600;
  utimesSync(left, hours, hours);
  openObjects(directory, true);
  assert.deepEqual(incoming(), []);
  writeFileSync(left, 'half');
  openObjects(directory);
  assert.deepEqual(incoming(), []);
});

test('deleting is idempotent, and a deleted blob is no longer listed', async () => {
  const blob = await store.put(Buffer.from('gone soon'));
  const listed = async () => {
    const ids: string[] = [];
    for await (const id of store.list(Number.POSITIVE_INFINITY)) ids.push(id);
    return ids;
  };
  assert.ok((await listed()).includes(blob.id));
  await store.delete(blob.id);
  await store.delete(blob.id);
  assert.ok(!(await listed()).includes(blob.id));
  await assert.rejects(buffer(store.get(blob.id)), { code: 'ENOENT' });
});

test('an id is never a path', () => {
  assert.throws(() => store.get('../../etc/passwd'), /malformed/);
});
