import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  expandStatusText,
  providerOf,
  repositoryOfUrl,
  statusRequest,
  type StatusPlan,
} from './commit-status.ts';

const commit = 'a'.repeat(40);
const plan: StatusPlan = {
  provider: 'github',
  repository: 'octo/shop',
  commit,
  context: 'ci/7',
  projectName: 'shop',
  login: { user: 'x-access-token', password: 'token' },
};

test('each provider is told in its own words', () => {
  assert.deepEqual(statusRequest(plan), {
    path: `/repos/octo/shop/statuses/${commit}`,
    headers: { authorization: 'Bearer token', accept: 'application/vnd.github+json' },
    body: { state: 'pending', context: 'ci/7', description: 'Build started for project shop' },
  });
  assert.deepEqual(
    statusRequest({ ...plan, provider: 'gitlab', repository: 'a/b/shop', status: 'STOPPED' }),
    {
      path: `/projects/a%2Fb%2Fshop/statuses/${commit}`,
      headers: { 'private-token': 'token' },
      body: { state: 'canceled', name: 'ci/7', description: 'Build was stopped for project shop' },
    },
  );
  const login = { user: 'ann', password: 'pass' };
  assert.deepEqual(
    statusRequest({ ...plan, provider: 'bitbucket', status: 'SUCCEEDED', login, targetUrl: 'https://x/1' }),
    {
      path: `/repositories/octo/shop/commit/${commit}/statuses/build`,
      headers: { authorization: 'Basic YW5uOnBhc3M=' },
      body: {
        key: 'ci/7',
        name: 'ci/7',
        state: 'SUCCESSFUL',
        description: 'Build succeeded for project shop',
        url: 'https://x/1',
      },
    },
  );
  for (const [status, state] of [
    ['FAILED', 'failure'],
    ['TIMED_OUT', 'failure'],
    ['FAULT', 'error'],
  ] as const) {
    assert.equal(statusRequest({ ...plan, status }).body['state'], state);
  }
});

test('repositories are found in clone URLs, and nothing else is', () => {
  assert.equal(repositoryOfUrl('https://github.com/octo/shop.git', 'github'), 'octo/shop');
  assert.equal(repositoryOfUrl('https://gitlab.com/a/b/shop/', 'gitlab'), 'a/b/shop');
  for (const wrong of [
    'https://github.com/octo',
    'https://github.com/a/b/c',
    'https://x/../y',
    'git@x:a/b',
    'https://x/a/b?c',
  ]) {
    assert.equal(repositoryOfUrl(wrong, 'github'), undefined, wrong);
  }
  assert.deepEqual(
    ['GITHUB', 'GITHUB_ENTERPRISE', 'GITLAB_SELF_MANAGED', 'BITBUCKET', 'S3'].map(providerOf),
    ['github', 'github', 'gitlab', 'bitbucket', undefined],
  );
});

test('variables of the build stand in a context, unknown ones stay as they are', () => {
  const variables = { CODEBUILD_BUILD_NUMBER: '7' };
  assert.equal(
    expandStatusText('b$CODEBUILD_BUILD_NUMBER-${CODEBUILD_BUILD_NUMBER}x $HOME', variables),
    'b7-7x $HOME',
  );
});
