import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pullRequestOf, pushOf, TRIGGER_DETAIL_LENGTH_MAX, triggerDetailOf } from './trigger-event.ts';

const push = {
  event: 'referenceUpdated',
  repositoryName: 'web',
  referenceType: 'branch',
  referenceName: 'feature/a',
  commitId: 'b'.repeat(40),
  oldCommitId: 'a'.repeat(40),
};

test('pushes and tags are changes, deletions and anything malformed are not', () => {
  assert.deepEqual(pushOf(push), {
    type: 'branch',
    repository: 'web',
    commitId: 'b'.repeat(40),
    branch: 'feature/a',
    oldCommitId: 'a'.repeat(40),
  });
  assert.deepEqual(pushOf({ ...push, referenceType: 'tag', referenceName: 'v1' }), {
    type: 'tag',
    repository: 'web',
    commitId: 'b'.repeat(40),
    tag: 'v1',
  });
  assert.equal(pushOf({ ...push, event: 'referenceDeleted' }), undefined);
  assert.equal(pushOf({ ...push, referenceType: 'note' }), undefined);
  assert.equal(pushOf({ ...push, commitId: undefined }), undefined);
  assert.equal(pushOf({}), undefined);
});

const pullRequest = {
  event: 'pullRequestMergeStatusUpdated',
  pullRequestId: '7',
  repositoryNames: ['web'],
  title: 'Faster cart',
  pullRequestStatus: 'Closed',
  isMerged: 'True',
  sourceReference: 'refs/heads/cart',
  sourceCommit: 'b'.repeat(40),
  destinationReference: 'refs/heads/main',
  destinationCommit: 'a'.repeat(40),
};

test('opening, updating, closing and merging a pull request are changes, everything else about it is not', () => {
  assert.deepEqual(pullRequestOf(pullRequest), {
    type: 'pullRequest',
    repository: 'web',
    event: 'CLOSED',
    commitId: 'b'.repeat(40),
    destinationCommitId: 'a'.repeat(40),
    branch: 'main',
    sourceBranch: 'cart',
    id: '7',
    title: 'Faster cart',
  });
  const eventOf = (changes: object) => pullRequestOf({ ...pullRequest, ...changes })?.type;
  assert.equal(eventOf({ event: 'pullRequestCreated' }), 'pullRequest');
  assert.equal(eventOf({ event: 'pullRequestSourceBranchUpdated' }), 'pullRequest');
  assert.equal(eventOf({ event: 'pullRequestStatusChanged' }), 'pullRequest');
  assert.equal(eventOf({ event: 'pullRequestStatusChanged', pullRequestStatus: 'Open' }), undefined);
  assert.equal(eventOf({ isMerged: 'False' }), undefined);
  assert.equal(eventOf({ event: 'pullRequestApprovalStateChanged' }), undefined);
  assert.equal(eventOf({ repositoryNames: undefined }), undefined);
});

test('what is kept of a change is JSON that always fits', () => {
  const text = fc.string({ unit: 'binary', maxLength: 2000 });
  fc.assert(
    fc.property(text, text, text, (name, title, message) => {
      const change = pullRequestOf({ ...pullRequest, title, sourceReference: `refs/heads/${name}` });
      assert.ok(change);
      const commit = { author: { name, email: title, date: '1767225600 +0000' }, message };
      const detail = triggerDetailOf(change, commit);
      assert.ok(detail.length <= TRIGGER_DETAIL_LENGTH_MAX);
      assert.equal((JSON.parse(detail) as Record<string, string>)['commit-id'], change.commitId);
    }),
    { numRuns: 30 },
  );
});
