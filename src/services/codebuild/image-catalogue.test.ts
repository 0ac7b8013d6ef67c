import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { candidatesFor, CATALOGUE_FILE, HOST, ownNames } from './image-catalogue.ts';

const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function directoryWith(catalogue?: unknown): string {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-catalogue-'));
  folders.push(directory);
  const text = typeof catalogue === 'string' ? catalogue : JSON.stringify(catalogue);
  if (catalogue !== undefined) writeFileSync(join(directory, CATALOGUE_FILE), text);
  return directory;
}

test('without a file a curated name is an image of the engine or the tools of this machine', () => {
  const image = 'aws/codebuild/standard:7.0';
  assert.deepEqual(candidatesFor(directoryWith(), image), [
    { use: image, pull: false },
    { use: HOST, pull: false },
  ]);
});

test('any other name is that image and nothing else; what no registry can have is not asked for there', () => {
  assert.deepEqual(candidatesFor(directoryWith(), 'node:24'), [{ use: 'node:24', pull: true }]);
  const unknown = 'aws/codebuild/windows-base:2022-1.0';
  assert.deepEqual(candidatesFor(directoryWith(), unknown), [{ use: unknown, pull: false }]);
});

test('the first rule of the file that names the image decides', () => {
  const directory = directoryWith({
    images: [
      { name: 'aws/codebuild/standard:7.0', use: ['mirror.example/standard:7', 'host'], pull: true },
      { name: 'aws/codebuild/*', use: ['host'] },
      { name: 'aws/codebuild/mine:1', use: ['host'], platform: 'DEBIAN' },
      { name: 'node:*', use: ['mirror.example/node:24'] },
    ],
  });
  assert.deepEqual(candidatesFor(directory, 'aws/codebuild/standard:7.0'), [
    { use: 'mirror.example/standard:7', pull: true },
    { use: HOST, pull: true },
  ]);
  assert.deepEqual(candidatesFor(directory, 'aws/codebuild/standard:8.0'), [{ use: HOST, pull: false }]);
  assert.deepEqual(candidatesFor(directory, 'node:20'), [{ use: 'mirror.example/node:24', pull: false }]);
  assert.deepEqual(
    ownNames(directory).map(({ name, platform }) => `${name} ${platform}`),
    ['aws/codebuild/standard:7.0 UBUNTU', 'aws/codebuild/mine:1 DEBIAN'],
  );
});

test('a file that is not as it must be is refused with the place', () => {
  const cases: [unknown, RegExp][] = [
    ['{', /is not valid: .*JSON/],
    [{}, /must be \{"images"/],
    [{ images: [{ name: 'x y', use: ['host'] }] }, /images\[0\]\.name must be/],
    [{ images: [{ name: 'aws/codebuild/a', use: [] }] }, /images\[0\]\.use must list/],
    [{ images: [{ name: 'aws/codebuild/a', use: ['a*'] }] }, /images\[0\]\.use must list/],
    [{ images: [{ name: 'node:20', use: ['host'] }] }, /only names that begin with aws\/codebuild\//],
    [{ images: [{ name: 'node:20', use: ['a'], pull: 'yes' }] }, /images\[0\]\.pull must be/],
    [{ images: [{ name: 'node:20', use: ['a'], platform: 'BEOS' }] }, /images\[0\]\.platform must be/],
  ];
  for (const [catalogue, message] of cases)
    assert.throws(() => candidatesFor(directoryWith(catalogue), 'node:20'), message);
});
