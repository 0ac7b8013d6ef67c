import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextFiring, parseSchedule, type Schedule } from './expression.ts';

test('rates count from their start, in whole periods', () => {
  const schedule: Schedule = { type: 'rate', periodMs: 300_000 };
  assert.deepEqual(parseSchedule('rate(5 minutes)'), { schedule });
  assert.equal(nextFiring(schedule, 1000, 1000), 301_000);
  assert.equal(nextFiring(schedule, 1000, 300_999), 301_000);
  assert.equal(nextFiring(schedule, 1000, 301_000), 601_000);
  // A clock that was set back does not make it fire before its start.
  assert.equal(nextFiring(schedule, 1000, -9_999_999), 301_000);
});

test('a cron expression is in UTC', () => {
  const parsed = parseSchedule('cron(0 12 * * ? *)');
  assert.ok('schedule' in parsed);
  const at = nextFiring(parsed.schedule, 0, Date.parse('2024-03-10T12:00:00Z'));
  assert.equal(at, Date.parse('2024-03-11T12:00:00Z'));
});

test('the unit of a rate is singular exactly for 1', () => {
  for (const text of ['rate(1 minute)', 'rate(2 minutes)', 'rate(1 hour)', 'rate(12 hours)', 'rate(1 day)']) {
    assert.ok('schedule' in parseSchedule(text), text);
  }
  const wrong = [
    'rate(1 minutes)',
    'rate(5 minute)',
    'rate(0 minutes)',
    'rate(-1 minutes)',
    'rate(1.5 hours)',
    'rate(5 seconds)',
    'rate(5)',
    'rate(5 minutes',
    'rate(99999999 days)',
    '5 minutes',
    'cron(* * * * *)',
    'every day',
    '',
  ];
  for (const text of wrong) assert.ok('error' in parseSchedule(text), text);
});
