import assert from 'node:assert/strict';
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { test, type TestContext } from 'node:test';
import { createGzip } from 'node:zlib';
import { pack, type Header } from 'tar-stream';
import { ZipFile } from 'yazl';
import { unpack } from './unpack.ts';

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-unpack-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

type Given = Partial<Header> & { readonly name: string; readonly text?: string };

async function tarOf(path: string, entries: readonly Given[]): Promise<void> {
  const tar = pack();
  for (const { text, ...header } of entries) tar.entry(header as Header, text ?? '');
  tar.finalize();
  await pipeline(tar, createGzip(), createWriteStream(path));
}

test('zip and tgz are unpacked with modes, and a single folder around them is taken off', async (t) => {
  const directory = directoryOf(t);
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from('#!/bin/sh\n'), 'scripts/a.sh', { mode: 0o100755 });
  zip.addBuffer(Buffer.from('version: 0.0'), 'appspec.yml', { mode: 0o100644 });
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(join(directory, 'b.zip')));
  await unpack(join(directory, 'b.zip'), 'zip', join(directory, 'zip'));
  assert.equal(statSync(join(directory, 'zip/scripts/a.sh')).mode & 0o777, 0o755);
  await tarOf(join(directory, 'b.tgz'), [
    { name: 'top/appspec.yml', text: 'version: 0.0' },
    { name: 'top/run', mode: 0o700, text: 'x'.repeat(100_000) },
    { name: 'top/link', type: 'symlink', linkname: 'run' },
  ]);
  await unpack(join(directory, 'b.tgz'), 'tgz', join(directory, 'tgz'));
  assert.equal(readFileSync(join(directory, 'tgz/link'), 'utf8').length, 100_000);
  assert.equal(statSync(join(directory, 'tgz/run')).mode & 0o777, 0o700);
});

test('nothing leaves the folder: neither by name nor through a link', async (t) => {
  const directory = directoryOf(t);
  const bundle = join(directory, 'b.tgz');
  const hostile: readonly (readonly Given[])[] = [
    [{ name: '../escaped', text: 'x' }],
    [{ name: 'a/../../escaped', text: 'x' }],
    [{ name: '/escaped', text: 'x' }],
    [
      { name: 'link', type: 'symlink', linkname: '..' },
      { name: 'link/escaped', text: 'x' },
    ],
    [{ name: 'device', type: 'character-device' }],
    [{ name: 'hard', type: 'link', linkname: '/etc/passwd' }],
  ];
  for (const entries of hostile) {
    await tarOf(bundle, entries);
    await assert.rejects(unpack(bundle, 'tgz', join(directory, 'out')), /The bundle has/);
  }
  await tarOf(bundle, [
    { name: 'file', type: 'symlink', linkname: join(directory, 'escaped') },
    { name: 'file', text: 'inside' },
  ]);
  await unpack(bundle, 'tgz', join(directory, 'out'));
  assert.equal(readFileSync(join(directory, 'out/file'), 'utf8'), 'inside');
  assert.equal(existsSync(join(directory, 'escaped')), false);
});

test('a broken bundle is refused and leaves no unpacked folder', async (t) => {
  const directory = directoryOf(t);
  const bundle = join(directory, 'b');
  await tarOf(bundle, [{ name: 'appspec.yml', text: 'x'.repeat(50_000) }]);
  const whole = readFileSync(bundle);
  await pipeline([whole.subarray(0, whole.length / 2)], createWriteStream(bundle));
  await assert.rejects(unpack(bundle, 'tgz', join(directory, 'out')));
  await assert.rejects(unpack(bundle, 'zip', join(directory, 'out')));
  assert.equal(existsSync(join(directory, 'out')), false);
});
