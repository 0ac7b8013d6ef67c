import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBranchName, isReferenceName, isRepositoryName, normalizePath } from './names.ts';
import { parseCommit } from './parse.ts';

test('repository names are plain ASCII and never end in .git', () => {
  for (const name of ['shop', 'My.Repo_1-x', 'a'.repeat(100)]) assert.ok(isRepositoryName(name), name);
  for (const name of ['', 'x.git', 'a b', 'a/b', '..', 'é', 'a'.repeat(101)])
    assert.ok(!isRepositoryName(name), name);
});

test('branch names obey git and are never taken for ids or options', () => {
  for (const name of ['main', 'feature/x', 'a@b', 'release-1.0']) assert.ok(isBranchName(name), name);
  const wrong = [
    '',
    '-x',
    '@',
    'HEAD',
    'a..b',
    'a b',
    'a//b',
    '/a',
    'a/',
    'a.',
    '.a',
    'a/.b',
    'a.lock',
    'a@{1}',
    'a~1',
    'a:b',
    'a\\b',
    'f'.repeat(40),
    'a\nb',
  ];
  for (const name of wrong) assert.ok(!isBranchName(name), JSON.stringify(name));
  assert.ok(isReferenceName('refs/tags/v1'));
  assert.ok(!isReferenceName('refs/../config'));
  assert.ok(!isReferenceName('HEAD'));
});

test('paths lose one leading slash and cannot leave the tree', () => {
  assert.equal(normalizePath('/src/x.py'), 'src/x.py');
  assert.equal(normalizePath('/'), '');
  for (const path of ['a//b', '../a', 'a/./b', 'a/', 'a/.GIT/config', 'a\0b', '//a', 'x/'.repeat(22) + 'y']) {
    assert.equal(normalizePath(path), undefined, path);
  }
});

test('a commit object is taken apart as it is stored', () => {
  const text = [
    'tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904',
    `parent ${'1'.repeat(40)}`,
    `parent ${'2'.repeat(40)}`,
    'author Dana O. <dana@example.com> 1700000000 +0100',
    'committer  <> 1700000001 +0000',
    'gpgsig -----BEGIN-----',
    ' line',
    '',
    'Subject\n\nBody\n',
  ].join('\n');
  assert.deepEqual(parseCommit(new TextEncoder().encode(text)), {
    treeId: '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
    parents: ['1'.repeat(40), '2'.repeat(40)],
    author: { name: 'Dana O.', email: 'dana@example.com', date: '1700000000 +0100' },
    committer: { name: '', email: '', date: '1700000001 +0000' },
    message: 'Subject\n\nBody\n',
    additionalData: 'gpgsig -----BEGIN-----\n line',
  });
});
