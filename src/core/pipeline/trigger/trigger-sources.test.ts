import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeDeclaration, type GivenDeclaration } from '#core/pipeline/definition/declaration-given.ts';
import type { Declaration } from '#core/pipeline/definition/declaration.ts';
import type { RepositoryChange } from './trigger-filter.ts';
import { INACTIVE_MS_MAX, interestsIn, pollingDisabledAt, polls, watchersOf } from './trigger-sources.ts';

function source(name: string, provider: string, configuration: Record<string, string>, owner = 'AWS') {
  return {
    name,
    actionTypeId: { category: 'Source' as const, owner: owner as 'AWS', provider, version: '1' },
    configuration,
  };
}

function declare(
  actions: readonly ReturnType<typeof source>[],
  triggers?: GivenDeclaration['triggers'],
): Declaration {
  const given = {
    name: 'site',
    roleArn: 'arn:aws:iam::123456789012:role/pipeline',
    stages: [{ name: 'Source', actions }],
    ...(triggers ? { triggers } : {}),
  };
  return completeDeclaration(given, 1);
}

const git = (more: Record<string, string> = {}) =>
  source('Fetch', 'CodeCommit', { RepositoryName: 'web', BranchName: 'main', ...more });
const push = (branch = 'main', repository = 'web'): RepositoryChange => ({
  ...{ type: 'branch', repository, branch, commitId: 'c'.repeat(40) },
});

test('a CodeCommit source hears its own branch, unless it says that it does not', () => {
  const itself = [{ action: 'Fetch', by: 'itself', answer: { type: 'starts' } }];
  assert.deepEqual(interestsIn(declare([git()]), push()), itself);
  assert.deepEqual(interestsIn(declare([git({ PollForSourceChanges: 'true' })]), push()), itself);
  assert.deepEqual(interestsIn(declare([git({ PollForSourceChanges: 'False' })]), push()), []);
  assert.deepEqual(interestsIn(declare([git()]), push('other')), []);
  assert.deepEqual(interestsIn(declare([git()]), push('main', 'shop')), []);
  const tag: RepositoryChange = { type: 'tag', repository: 'web', tag: 'main', commitId: 'c'.repeat(40) };
  assert.deepEqual(interestsIn(declare([git()]), tag), []);
});

test('a trigger takes the place of looking out by itself, whatever the setting says', () => {
  const trigger = {
    providerType: 'CodeStarSourceConnection' as const,
    gitConfiguration: { sourceActionName: 'Fetch', push: [{ branches: { includes: ['feature/*'] } }] },
  };
  for (const action of [git(), git({ PollForSourceChanges: 'false' })]) {
    const declaration = declare([action], [trigger]);
    assert.deepEqual(interestsIn(declaration, push()), []);
    assert.deepEqual(interestsIn(declaration, push('feature/a')), [
      { action: 'Fetch', by: 'trigger', answer: { type: 'starts' } },
    ]);
    assert.equal(polls(declaration), false);
  }
});

test('two sources of one repository are each asked', () => {
  const other = source('Docs', 'CodeCommit', { RepositoryName: 'web', BranchName: 'docs' });
  const both = declare([git(), other]);
  assert.deepEqual(
    interestsIn(both, push('docs')).map(({ action }) => action),
    ['Docs'],
  );
  assert.deepEqual(
    interestsIn(both, push('main')).map(({ action }) => action),
    ['Fetch'],
  );
});

test('an S3 source hears its own object, and a custom provider of that name is something else', () => {
  const object = { S3Bucket: 'b', S3ObjectKey: 'k' };
  assert.deepEqual(watchersOf(declare([source('Fetch', 'S3', object)]), 'b', 'k'), ['Fetch']);
  assert.deepEqual(watchersOf(declare([source('Fetch', 'S3', object)]), 'b', 'other'), []);
  const deaf = source('Fetch', 'S3', { ...object, PollForSourceChanges: 'false' });
  assert.deepEqual(watchersOf(declare([deaf]), 'b', 'k'), []);
  assert.deepEqual(watchersOf(declare([source('Fetch', 'S3', object, 'Custom')]), 'b', 'k'), []);
});

test('images, connections and custom sources are never polled', () => {
  for (const provider of ['ECR', 'CodeStarSourceConnection']) {
    assert.equal(polls(declare([source('Fetch', provider, {})])), false);
  }
  assert.equal(polls(declare([source('Fetch', 'GitHub', {}, 'ThirdParty')])), true);
  assert.equal(polls(declare([source('Fetch', 'GitHub', {}, 'Custom')])), false);
});

test('polling ends after 30 days without activity', () => {
  const declaration = declare([git()]);
  assert.equal(pollingDisabledAt(declaration, 1000, 1000 + INACTIVE_MS_MAX - 1), undefined);
  assert.equal(pollingDisabledAt(declaration, 1000, 1000 + INACTIVE_MS_MAX), 1000 + INACTIVE_MS_MAX);
  const deaf = declare([git({ PollForSourceChanges: 'false' })]);
  assert.equal(pollingDisabledAt(deaf, 0, INACTIVE_MS_MAX * 2), undefined);
});
