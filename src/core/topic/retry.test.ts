import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HTTP_RETRY, MAIL_RETRY, pauseBefore, QUEUE_RETRY, readRetryPolicy } from './retry.ts';

const pauses = (policy: typeof HTTP_RETRY) =>
  Array.from({ length: policy.numRetries }, (_, index) => pauseBefore(policy, index + 1));

test('the default for HTTP: three retries, twenty seconds apart', () => {
  assert.deepEqual(pauses(HTTP_RETRY), [20_000, 20_000, 20_000]);
  assert.equal(pauseBefore(HTTP_RETRY, 4), undefined);
});

test('phases run in order: at once, at the least delay, rising, at the greatest delay', () => {
  const read = readRetryPolicy({
    numRetries: 8,
    numNoDelayRetries: 2,
    numMinDelayRetries: 1,
    numMaxDelayRetries: 2,
    minDelayTarget: 10,
    maxDelayTarget: 30,
    backoffFunction: 'linear',
  });
  assert.ok('policy' in read);
  assert.deepEqual(pauses(read.policy), [0, 0, 10_000, 10_000, 20_000, 30_000, 30_000, 30_000]);
});

test('mail goes on for about six hours, queues for about half an hour', () => {
  const hours = (policy: typeof HTTP_RETRY) =>
    pauses(policy).reduce<number>((sum, pause) => sum + (pause ?? 0), 0) / 3_600_000;
  assert.ok(hours(MAIL_RETRY) > 6 && hours(MAIL_RETRY) < 7, `${hours(MAIL_RETRY)}`);
  assert.ok(hours(QUEUE_RETRY) > 0.4 && hours(QUEUE_RETRY) < 0.6, `${hours(QUEUE_RETRY)}`);
});

test('a policy that makes no sense is refused with the reason', () => {
  for (const value of [
    [],
    { numRetries: -1 },
    { numRetries: 101 },
    { minDelayTarget: 0 },
    { minDelayTarget: 30, maxDelayTarget: 20 },
    { numRetries: 1, numNoDelayRetries: 2 },
    { backoffFunction: 'sudden' },
    { numRetries: 100, maxDelayTarget: 3600 },
    { retries: 3 },
  ]) {
    assert.ok('error' in readRetryPolicy(value), JSON.stringify(value));
  }
});
