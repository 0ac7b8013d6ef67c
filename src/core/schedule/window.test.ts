import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextOpening, windowIsOpen } from './window.ts';

const at = (text: string) => Date.parse(text);
const isOpen = (cron: string, zone: string | undefined, time: string) => {
  const answer = windowIsOpen(cron, zone, at(time));
  assert.ok('open' in answer, JSON.stringify(answer));
  return answer.open;
};
const opening = (cron: string, zone: string | undefined, time: string) => {
  const answer = nextOpening(cron, zone, at(time));
  assert.ok('at' in answer, JSON.stringify(answer));
  return answer.at === undefined ? undefined : new Date(answer.at).toISOString();
};

test("AWS's sample means office hours, whatever the minute", () => {
  const cron = '0 0 9-17 ? * MON-FRI *';
  assert.equal(isOpen(cron, undefined, '2024-01-01T08:59:59Z'), false);
  assert.equal(isOpen(cron, undefined, '2024-01-01T09:00:00Z'), true);
  assert.equal(isOpen(cron, undefined, '2024-01-01T12:34:56Z'), true);
  assert.equal(isOpen(cron, undefined, '2024-01-01T17:59:59Z'), true);
  assert.equal(isOpen(cron, undefined, '2024-01-01T18:00:00Z'), false);
  assert.equal(isOpen(cron, undefined, '2024-01-06T12:00:00Z'), false);
});

test('minutes count where they are more than 0, or the hour is a single one; seconds never do', () => {
  assert.equal(isOpen('0 0 9 ? * * *', undefined, '2024-01-01T09:00:59Z'), true);
  assert.equal(isOpen('0 0 9 ? * * *', undefined, '2024-01-01T09:01:00Z'), false);
  assert.equal(isOpen('30 0-29 9-17 ? * * *', undefined, '2024-01-01T10:29:00Z'), true);
  assert.equal(isOpen('30 0-29 9-17 ? * * *', undefined, '2024-01-01T10:30:00Z'), false);
  for (const hours of ['*', '8,10', '0/2', '8-12']) {
    assert.equal(isOpen(`* 0 ${hours} ? * *`, undefined, '2024-01-01T10:17:00Z'), true, hours);
  }
});

test('the next opening is now, the start of a minute, or never', () => {
  const cron = '0 0 9-17 ? * MON-FRI *';
  assert.equal(opening(cron, 'UTC', '2024-01-01T10:17:12.345Z'), '2024-01-01T10:17:12.345Z');
  assert.equal(opening(cron, 'UTC', '2024-01-05T18:00:30Z'), '2024-01-08T09:00:00.000Z');
  assert.equal(opening('* * * ? * * 2020', 'UTC', '2024-01-05T18:00:30Z'), undefined);
});

test('the time zone is honoured across a change of the clock', () => {
  const cron = '0 0 9-17 ? * SUN,MON *';
  assert.equal(opening(cron, 'America/New_York', '2024-03-10T00:00:00Z'), '2024-03-10T13:00:00.000Z');
  assert.equal(opening(cron, 'America/New_York', '2024-11-03T00:00:00Z'), '2024-11-03T14:00:00.000Z');
  assert.equal(opening(cron, 'UTC+05:30', '2024-03-10T00:00:00Z'), '2024-03-10T03:30:00.000Z');
  assert.equal(isOpen('* 30 2 ? * *', 'America/New_York', '2024-03-10T07:30:00Z'), false);
});

test('bad input is explained', () => {
  assert.deepEqual(windowIsOpen('0 0 9-17 * * MON-FRI *', undefined, 0), {
    error:
      "The cron expression '0 0 9-17 * * MON-FRI *' is not valid: exactly one of the fields day-of-month and day-of-week must be '?'.",
  });
  assert.deepEqual(nextOpening('0 0 9-25 ? * MON-FRI *', undefined, 0), {
    error:
      "The cron expression '0 0 9-25 ? * MON-FRI *' is not valid: '9-25' is not valid in the field hours.",
  });
  assert.deepEqual(windowIsOpen('* * * ? * *', 'Mars/Base', 0), {
    error:
      "The time zone 'Mars/Base' is not valid: it must be a Region/City name, 'UTC', 'UTC+HH:MM', 'UTC-HH:MM' or a time zone abbreviation.",
  });
});
