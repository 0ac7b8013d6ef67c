import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readBitbucket } from './bitbucket.ts';
import { passesFilters, webhookVariables, type Filter, type RepositoryEvent } from './event.ts';
import { readGithub } from './github.ts';
import { readGitlab } from './gitlab.ts';

const matches = (pattern: string, text: string) => new RegExp(pattern).test(text);
const NONE = '0'.repeat(40);
const filter = (type: string, pattern: string, excludes = false): Filter => ({ type, pattern, excludes });
const push: RepositoryEvent = {
  type: 'PUSH',
  actorId: '7',
  version: 'c',
  trigger: 'branch/main',
  headRef: 'refs/heads/main',
  paths: ['src/a.ts', 'docs/b.md'],
  message: 'fix it [skip ci]',
};

test('all filters of one group must pass, and one group is enough', () => {
  const passes = (...groups: Filter[][]) => passesFilters(push, groups, undefined, matches);
  const event = filter('EVENT', 'PULL_REQUEST_CREATED, PUSH');
  assert.equal(passes([event]), true);
  assert.equal(passes([filter('EVENT', 'RELEASED')]), false);
  assert.equal(passes([event, filter('HEAD_REF', '^refs/heads/main$')]), true);
  assert.equal(passes([event, filter('HEAD_REF', '^main$')]), false);
  assert.equal(passes([event, filter('HEAD_REF', '^main$')], [event, filter('ACTOR_ACCOUNT_ID', '7')]), true);
  assert.equal(passes([event, filter('FILE_PATH', '^docs/')]), true);
  assert.equal(passes([event, filter('FILE_PATH', '^docs/', true)]), false);
  assert.equal(passes([event, filter('FILE_PATH', '^lib/', true)]), true);
  assert.equal(passes([event, filter('COMMIT_MESSAGE', '\\[skip ci\\]', true)]), false);
  // A push has no base, whether it is asked for or excluded.
  assert.equal(passes([event, filter('BASE_REF', '.*')]), false);
  assert.equal(passes([event, filter('BASE_REF', '.*', true)]), false);
});

test('without groups, pushes and requests with new code are built, of the branch that is asked for', () => {
  const of = (type: RepositoryEvent['type'], branch?: string) =>
    passesFilters({ ...push, type }, [], branch, matches);
  assert.deepEqual(
    [of('PUSH'), of('PULL_REQUEST_REOPENED'), of('PULL_REQUEST_MERGED'), of('RELEASED')],
    [true, true, false, false],
  );
  assert.deepEqual([of('PUSH', '^main$'), of('PUSH', '^refs')], [true, false]);
});

test('GitHub: pushes, pull requests and releases; what is deleted is nothing', () => {
  const repository = { name: 'shop', owner: { login: 'acme' }, clone_url: 'https://h/acme/shop.git' };
  const [told] = readGithub('push', {
    ref: 'refs/heads/feature/x',
    before: NONE,
    after: 'a'.repeat(40),
    sender: { id: 42 },
    repository,
    head_commit: { message: 'm' },
    commits: [
      { added: ['a'], modified: ['b'], removed: [] },
      { added: [], modified: ['b'], removed: ['c'] },
    ],
  });
  assert.deepEqual(told, {
    type: 'PUSH',
    actorId: '42',
    repository: 'shop',
    organization: 'acme',
    cloneUrl: 'https://h/acme/shop.git',
    version: 'a'.repeat(40),
    trigger: 'branch/feature/x',
    headRef: 'refs/heads/feature/x',
    paths: ['a', 'b', 'c'],
    message: 'm',
  });
  assert.deepEqual(readGithub('push', { ref: 'refs/heads/x', after: NONE }), []);
  const request = (action: string, merged = false) =>
    readGithub('pull_request', {
      action,
      number: 7,
      pull_request: { merged, head: { ref: 'x', repo: { id: 2 } }, base: { ref: 'main', repo: { id: 1 } } },
    })[0];
  assert.deepEqual(
    ['opened', 'synchronize', 'reopened', 'closed', 'labeled'].map((action) => request(action)?.type),
    [
      'PULL_REQUEST_CREATED',
      'PULL_REQUEST_UPDATED',
      'PULL_REQUEST_REOPENED',
      'PULL_REQUEST_CLOSED',
      undefined,
    ],
  );
  assert.equal(request('closed', true)?.type, 'PULL_REQUEST_MERGED');
  assert.equal(request('opened')?.isFork, true);
  assert.deepEqual(webhookVariables(request('opened') as RepositoryEvent), {
    CODEBUILD_WEBHOOK_BASE_REF: 'refs/heads/main',
    CODEBUILD_WEBHOOK_EVENT: 'PULL_REQUEST_CREATED',
    CODEBUILD_WEBHOOK_HEAD_REF: 'refs/heads/x',
    CODEBUILD_WEBHOOK_TRIGGER: 'pr/7',
  });
  const [release] = readGithub('release', { action: 'released', release: { tag_name: 'v1', name: 'First' } });
  assert.deepEqual(
    [release?.type, release?.version, release?.tagName, release?.releaseName],
    ['RELEASED', 'v1', 'v1', 'First'],
  );
  assert.deepEqual(readGithub('ping', {}), []);
});

test('GitLab: pushes, tags, merge requests with new code', () => {
  const [pushed] = readGitlab('Push Hook', {
    ref: 'refs/heads/main',
    before: 'b'.repeat(40),
    after: 'a'.repeat(40),
    checkout_sha: 'a'.repeat(40),
    user_id: 5,
    project: { path_with_namespace: 'group/sub/shop', git_http_url: 'https://h/group/sub/shop.git' },
    commits: [{ message: 'm', added: ['x'], modified: [], removed: [] }],
  });
  assert.deepEqual(
    [pushed?.version, pushed?.actorId, pushed?.repository, pushed?.previousCommit],
    ['a'.repeat(40), '5', 'shop', 'b'.repeat(40)],
  );
  const request = (action: string, more = {}) =>
    readGitlab('Merge Request Hook', {
      object_attributes: {
        action,
        iid: 3,
        source_branch: 'x',
        target_branch: 'main',
        last_commit: { id: 'c' },
        ...more,
      },
    })[0];
  assert.deepEqual(
    [request('open')?.type, request('open')?.version, request('open')?.trigger],
    ['PULL_REQUEST_CREATED', 'c', 'pr/3'],
  );
  assert.equal(request('update'), undefined);
  assert.equal(request('update', { oldrev: 'b' })?.type, 'PULL_REQUEST_UPDATED');
});

test('Bitbucket: each change of a push, and requests', () => {
  const change = (name: string, type: string, hash: string) => ({
    new: { type, name, target: { hash } },
    old: null,
  });
  const told = readBitbucket('repo:push', {
    actor: { account_id: 'u' },
    push: { changes: [change('main', 'branch', 'c1'), { new: null }, change('v1', 'tag', 'c2')] },
  });
  assert.deepEqual(
    told.map((event) => [event.trigger, event.version, event.actorId]),
    [
      ['branch/main', 'c1', 'u'],
      ['tag/v1', 'c2', 'u'],
    ],
  );
  const [merged] = readBitbucket('pullrequest:fulfilled', {
    pullrequest: { id: 1, source: { commit: { hash: 'c' } }, merge_commit: { hash: 'm' } },
  });
  assert.deepEqual([merged?.type, merged?.mergeCommit], ['PULL_REQUEST_MERGED', 'm']);
});

test('no body of a stranger breaks a reader', () => {
  const names = [
    'push',
    'pull_request',
    'release',
    'Push Hook',
    'Merge Request Hook',
    'Release Hook',
    'repo:push',
    'pullrequest:created',
    '__proto__',
  ];
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.jsonValue(), (name, body) => {
      for (const read of [readGithub, readGitlab, readBitbucket]) assert.ok(Array.isArray(read(name, body)));
    }),
  );
});
