import assert from 'node:assert/strict';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { after, test } from 'node:test';
import { ZipFile } from 'yazl';
import { openZip, readLink, ZipRefused, type ZipLimits } from './zip-entries.ts';

const directory = mkdtempSync(join(tmpdir(), 'slipway-zip-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const LIMITS: ZipLimits = { entriesMax: 10, bytesMax: 1_000 };

async function zipOf(fill: (zip: ZipFile) => void): Promise<string> {
  const zip = new ZipFile();
  fill(zip);
  zip.end();
  const path = join(directory, 'some.zip');
  await pipeline(zip.outputStream, createWriteStream(path));
  return path;
}

async function namesIn(path: string, limits = LIMITS): Promise<string[]> {
  const zip = await openZip(path, limits);
  try {
    const names: string[] = [];
    for await (const entry of zip.entries()) names.push(entry.path);
    return names;
  } finally {
    zip.close();
  }
}

test('files, folders and links come in the order of the archive, with what they are', async () => {
  const path = await zipOf((zip) => {
    zip.addEmptyDirectory('a');
    zip.addBuffer(Buffer.from('hello'), 'a/run.sh', { mode: 0o100755 });
    zip.addBuffer(Buffer.from('run.sh'), 'a/link', { mode: 0o120777 });
  });
  const zip = await openZip(path, LIMITS);
  const seen: unknown[] = [];
  for await (const entry of zip.entries()) {
    const content = entry.type === 'link' ? await readLink(entry) : await text(await entry.open());
    seen.push([entry.path, entry.type, entry.type === 'file' ? entry.permissions : 0, content]);
  }
  zip.close();
  assert.deepEqual(seen, [
    ['a/', 'folder', 0, ''],
    ['a/run.sh', 'file', 0o755, 'hello'],
    ['a/link', 'link', 0, 'run.sh'],
  ]);
});

test('more than is wanted is refused', async () => {
  const path = await zipOf((zip) => {
    for (let i = 0; i < 3; i++) zip.addBuffer(Buffer.alloc(400), `${i}`);
  });
  assert.deepEqual(await namesIn(path, { entriesMax: 3, bytesMax: 1_200 }), ['0', '1', '2']);
  await assert.rejects(
    namesIn(path, { entriesMax: 2, bytesMax: 1_200 }),
    new ZipRefused('the archive has more than 2 entries'),
  );
  await assert.rejects(namesIn(path), new ZipRefused('the archive holds more than 1000 bytes'));
});

test('what is no archive, is broken, leads out or lies about its size is refused', async () => {
  const path = await zipOf((zip) => zip.addBuffer(Buffer.alloc(400, 'x'), 'aaaaaaaa'));
  const bytes = readFileSync(path);
  const written = (content: Buffer) => {
    writeFileSync(path, content);
    return path;
  };
  await assert.rejects(namesIn(written(Buffer.from('no zip at all'))), /the object is not a ZIP archive: /);
  const broken = Buffer.from(bytes);
  broken.writeUInt32LE(7, bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2])));
  await assert.rejects(namesIn(written(broken)), /the archive cannot be read: /);
  const leading = Buffer.from(bytes.toString('latin1').replaceAll('aaaaaaaa', '../../aa'), 'latin1');
  await assert.rejects(namesIn(written(leading)), /the archive cannot be read: invalid relative path/);
  const lying = Buffer.from(bytes);
  lying.writeUInt32LE(10, bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 24);
  const zip = await openZip(written(lying), LIMITS);
  for await (const entry of zip.entries()) {
    await assert.rejects(text(await entry.open()), /too many bytes/);
  }
  zip.close();
});
