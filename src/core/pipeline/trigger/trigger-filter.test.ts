import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { GitTrigger, PatternFilter } from '#core/pipeline/definition/declaration.ts';
import { askTrigger, passesFiles, unreadablePatterns, type RepositoryChange } from './trigger-filter.ts';
import { cpuMs } from '#test/support/cpu-time.ts';

const COMMIT = { repository: 'web', commitId: 'c'.repeat(40) };
const branch = (name: string): RepositoryChange => ({ type: 'branch', ...COMMIT, branch: name });
const tag = (name: string): RepositoryChange => ({ type: 'tag', ...COMMIT, tag: name });
const pullRequest = (
  event: 'OPEN' | 'UPDATED' | 'CLOSED',
  destination = 'main',
  sourceBranch = 'cart',
): RepositoryChange => ({
  ...{ type: 'pullRequest', ...COMMIT, event, branch: destination, sourceBranch, id: '7', title: 'Cart' },
});

function answer(trigger: Omit<GitTrigger, 'sourceActionName'>, change: RepositoryChange): string {
  return askTrigger({ sourceActionName: 'Checkout', ...trigger }, 'main', change).type;
}

test('a trigger without filters hears pushes to the branch of its source action', () => {
  assert.equal(answer({}, branch('main')), 'starts');
  assert.equal(answer({}, branch('other')), 'never');
  assert.equal(answer({}, tag('main')), 'never');
  assert.equal(answer({}, pullRequest('OPEN')), 'never');
});

test('branches: includes, and excludes win over them', () => {
  const trigger = { push: [{ branches: { includes: ['feature/**'], excludes: ['feature/x*'] } }] };
  const cases: [string, string][] = [
    ['feature/a/b', 'starts'],
    ['feature/x1', 'never'],
    ['feature/x/y', 'starts'],
    ['main', 'never'],
    ['Feature/a', 'never'],
  ];
  for (const [name, expected] of cases) assert.equal(answer(trigger, branch(name)), expected, name);
  assert.equal(answer({ push: [{ branches: { excludes: ['main'] } }] }, branch('dev')), 'starts');
  assert.equal(answer({ push: [{ branches: { excludes: ['main'] } }] }, branch('main')), 'never');
});

test('a filter with tags hears tags only, one without never does', () => {
  const tags = { push: [{ tags: { includes: ['v*'], excludes: ['*-rc*'] } }] };
  assert.equal(answer(tags, tag('v1.0')), 'starts');
  assert.equal(answer(tags, tag('v1.0-rc1')), 'never');
  assert.equal(answer(tags, branch('v1.0')), 'never');
  assert.equal(answer({ push: [{ branches: { includes: ['**'] } }] }, tag('v1.0')), 'never');
  assert.equal(answer({ push: [{ filePaths: { includes: ['**'] } }] }, tag('v1.0')), 'never');
});

test('one of several filters is enough, and files count only where no other filter passed', () => {
  const docs = { branches: { includes: ['main'] }, filePaths: { excludes: ['docs/**'] } };
  assert.deepEqual(askTrigger({ sourceActionName: 'Checkout', push: [docs] }, 'main', branch('main')), {
    type: 'byFiles',
    filters: [{ excludes: ['docs/**'] }],
  });
  const both = { push: [docs, { branches: { includes: ['ma*'] } }] };
  assert.equal(answer(both, branch('main')), 'starts');
  assert.equal(answer(both, branch('master')), 'starts');
  assert.equal(answer({ push: [docs, { tags: { includes: ['v1'] } }] }, tag('v1')), 'starts');
});

test('pull requests: the event and the branch into which it goes', () => {
  const closed = { pullRequest: [{ events: ['CLOSED' as const], branches: { includes: ['main'] } }] };
  assert.equal(answer(closed, pullRequest('CLOSED')), 'starts');
  assert.equal(answer(closed, pullRequest('CLOSED', 'dev', 'main')), 'never');
  assert.equal(answer(closed, pullRequest('OPEN')), 'never');
  assert.equal(answer(closed, branch('main')), 'never');
  assert.equal(
    answer({ pullRequest: [{ branches: { includes: ['main'] } }] }, pullRequest('UPDATED')),
    'starts',
  );
});

test('each file is judged alone', () => {
  const notDocs = [{ excludes: ['docs/**'] }];
  assert.equal(passesFiles(notDocs, ['docs/a.md', 'src/a.ts']), true);
  assert.equal(passesFiles(notDocs, ['docs/a.md', 'docs/b/c.md']), false);
  assert.equal(passesFiles(notDocs, []), false);
  assert.equal(passesFiles([{ includes: ['src/**'], excludes: ['**/*.md'] }], ['src/a.md', 'b.ts']), false);
});

test('a pattern that cannot be read starts nothing, neither as include nor as exclude', () => {
  const unreadable = '{a,b}'.repeat(50);
  for (const filter of [{ includes: [unreadable, '**'] }, { excludes: [unreadable] }]) {
    assert.equal(answer({ push: [{ branches: filter }] }, branch('main')), 'never');
    assert.equal(passesFiles([filter], ['a']), false);
    const trigger = { sourceActionName: 'Checkout', pullRequest: [{ filePaths: filter }] };
    assert.deepEqual(unreadablePatterns(trigger), [unreadable]);
  }
});

test('patterns made to explode end soon, and what they leave open counts as passed', () => {
  const hostile = { includes: Array.from({ length: 8 }, () => '**a'.repeat(80) + 'b') };
  const files = Array.from({ length: 3000 }, () => 'a'.repeat(1000));
  const startedAt = cpuMs();
  assert.equal(passesFiles([hostile], files), true);
  assert.ok(cpuMs() - startedAt < 10_000);
});

test('an exclude only takes away, an include more only adds', () => {
  const part = fc.constantFrom('a', 'b', '/', '*', '**', '?');
  const text = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''));
  const texts = fc.array(text, { minLength: 1, maxLength: 3 });
  const paths = fc.array(fc.stringMatching(/^[ab]{1,2}(\/[ab]{1,2}){0,2}$/), { maxLength: 4 });
  fc.assert(
    fc.property(texts, texts, text, paths, (includes, excludes, more, files) => {
      const passes = (filter: PatternFilter) => passesFiles([filter], files);
      if (passes({ includes, excludes: [...excludes, more] })) assert.ok(passes({ includes, excludes }));
      if (passes({ includes, excludes })) assert.ok(passes({ includes: [...includes, more], excludes }));
      const alone = files.some((file) => passesFiles([{ includes, excludes }], [file]));
      assert.equal(passes({ includes, excludes }), alone);
    }),
  );
});
