import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Cron, type CronForm, matchesCron, parseCron } from './cron.ts';
import { nextTime } from './next.ts';
import { civilOf, utc } from './time-zone.ts';

function cronOf(text: string, form: CronForm = 'events'): Cron {
  const parsed = parseCron(text, form);
  assert.ok('cron' in parsed, `${text}: ${JSON.stringify(parsed)}`);
  return parsed.cron;
}

/** The next firings after a time, as minutes in UTC. */
function firings(text: string, after: string, count: number, form: CronForm = 'events'): readonly string[] {
  const found: string[] = [];
  let at: number | undefined = Date.parse(after);
  while (found.length < count) {
    at = nextTime(cronOf(text, form), at, utc);
    if (at === undefined) break;
    found.push(new Date(at).toISOString().slice(0, 16));
  }
  return found;
}

test("the examples of AWS's page on schedules fire when the page says", () => {
  const from = '2024-01-01T00:00:00Z';
  const table: readonly (readonly [string, readonly string[]])[] = [
    // Every day at 10:00.
    ['0 10 * * ? *', ['2024-01-01T10:00', '2024-01-02T10:00', '2024-01-03T10:00']],
    // Every day at 12:15.
    ['15 12 * * ? *', ['2024-01-01T12:15', '2024-01-02T12:15']],
    // Every Monday through Friday at 18:00.
    ['0 18 ? * MON-FRI *', ['2024-01-01T18:00', '2024-01-02T18:00', '2024-01-03T18:00', '2024-01-04T18:00']],
    // Every first day of the month at 8:00.
    ['0 8 1 * ? *', ['2024-01-01T08:00', '2024-02-01T08:00']],
    // Every 15 minutes.
    ['0/15 * * * ? *', ['2024-01-01T00:15', '2024-01-01T00:30', '2024-01-01T00:45', '2024-01-01T01:00']],
    // Every 10 minutes from Monday to Friday.
    ['0/10 * ? * MON-FRI *', ['2024-01-01T00:10', '2024-01-01T00:20']],
    // Every 5 minutes between 8:00 and 17:55 from Monday to Friday.
    ['0/5 8-17 ? * MON-FRI *', ['2024-01-01T08:00', '2024-01-01T08:05']],
    // Every 30 minutes from Monday to Friday between 10 pm and 2 am.
    [
      '0/30 20-2 ? * MON-FRI *',
      ['2024-01-01T00:30', '2024-01-01T01:00', '2024-01-01T01:30', '2024-01-01T02:00'],
    ],
  ];
  for (const [text, expected] of table)
    assert.deepEqual(firings(text, from, expected.length), expected, text);
});

test('the last day, the nearest weekday and the n-th weekday know month ends and leap years', () => {
  const table: readonly (readonly [string, string, readonly string[]])[] = [
    ['0 0 L * ? *', '2024-01-15T00:00:00Z', ['2024-01-31', '2024-02-29', '2024-03-31', '2024-04-30']],
    ['0 0 L-3 * ? *', '2023-01-15T00:00:00Z', ['2023-01-28', '2023-02-25']],
    ['0 0 L-30 * ? *', '2023-01-15T00:00:00Z', ['2023-03-01', '2023-05-01']],
    // 31 March 2024 is a Sunday, 30 June 2024 is a Sunday.
    ['0 0 LW * ? *', '2024-03-01T00:00:00Z', ['2024-03-29', '2024-04-30', '2024-05-31', '2024-06-28']],
    // 15 June 2024 is a Saturday, 15 September 2024 is a Sunday.
    ['0 0 15W 6,9 ? 2024', '2024-01-01T00:00:00Z', ['2024-06-14', '2024-09-16']],
    // 1 June 2024 is a Saturday: the weekday before it is in another month.
    ['0 0 1W 6 ? 2024', '2024-01-01T00:00:00Z', ['2024-06-03']],
    ['0 0 31W * ? 2024', '2024-01-01T00:00:00Z', ['2024-01-31', '2024-03-29', '2024-05-31', '2024-07-31']],
    ['0 0 ? * 6L *', '2024-01-01T00:00:00Z', ['2024-01-26', '2024-02-23']],
    ['0 0 ? * FRIL *', '2024-01-01T00:00:00Z', ['2024-01-26', '2024-02-23']],
    ['0 0 ? * L *', '2024-01-01T00:00:00Z', ['2024-01-06', '2024-01-13']],
    ['0 0 ? * 3#2 *', '2024-01-01T00:00:00Z', ['2024-01-09', '2024-02-13']],
    ['0 0 ? * THU#5 *', '2024-01-01T00:00:00Z', ['2024-02-29', '2024-05-30']],
    ['0 0 29 2 ? *', '2096-01-01T00:00:00Z', ['2096-02-29', '2104-02-29']],
    ['0 0 ? * FRI-MON *', '2024-01-02T00:00:00Z', ['2024-01-05', '2024-01-06', '2024-01-07', '2024-01-08']],
    ['0 0 1 NOV-FEB ? *', '2024-01-02T00:00:00Z', ['2024-02-01', '2024-11-01', '2024-12-01', '2025-01-01']],
  ];
  for (const [text, after, expected] of table) {
    const days = firings(text, after, expected.length).map((minute) => minute.slice(0, 10));
    assert.deepEqual(days, expected, text);
  }
});

test('an expression that is over, or never comes true, has no next time', () => {
  assert.deepEqual(firings('0 0 1 1 ? 2020', '2024-01-01T00:00:00Z', 1), []);
  assert.deepEqual(firings('0 0 30 2 ? *', '2024-01-01T00:00:00Z', 1), []);
  assert.deepEqual(firings('59 23 31 12 ? 2199', '2199-12-31T23:59:00Z', 1), []);
});

test("Quartz's form has seconds, and the year may be missing", () => {
  assert.deepEqual(firings('0 30 9 ? * MON', '2024-01-01T10:00:00Z', 1, 'quartz'), ['2024-01-08T09:30']);
  assert.deepEqual(firings('0 30 9 ? * mon 2025', '2024-01-01T10:00:00Z', 1, 'quartz'), ['2025-01-06T09:30']);
  const cron = cronOf('15,45 * * * * ? *', 'quartz');
  const times = [0, 16_000, 46_000].map((after) => nextTime(cron, after, utc));
  assert.deepEqual(times, [15_000, 45_000, 75_000]);
});

test('what is no cron expression is refused', () => {
  const wrong = [
    '',
    '* * * * *',
    '* * * * * *',
    '* * ? * ? *',
    '60 * * * ? *',
    '* 24 * * ? *',
    '* * 0 * ? *',
    '* * 32 * ? *',
    '* * * 13 ? *',
    '* * ? * 8 *',
    '* * ? * 0 *',
    '* * * * ? 1969',
    '* * * * ? 2200',
    '0/0 * * * ? *',
    '0/61 * * * ? *',
    '*/-5 * * * ? *',
    '1-2-3 * * * ? *',
    '1,,2 * * * ? *',
    ', * * * ? *',
    '? * * * ? *',
    '* * 1W,15W * ? *',
    '* * L,15 * ? *',
    '* * 32W * ? *',
    '* * L-31 * ? *',
    '* * ? * 2#6 *',
    '* * ? * 2#1,3#2 *',
    '* * ? * MONDAY *',
    '* * 5L * ? *',
    '1e1 * * * ? *',
    `${'1,'.repeat(200)}1 * * * ? *`,
  ];
  for (const text of wrong) assert.ok('error' in parseCron(text, 'events'), text);
  assert.deepEqual(parseCron('* * * * *', 'quartz'), { error: 'a cron expression has 6 or 7 fields, not 5' });
  assert.deepEqual(parseCron('* 60 * * * ?', 'quartz'), { error: "'60' is not valid in the field minutes" });
});

test('a time matches or does not', () => {
  const cron = cronOf('0/15 8-17 ? * MON-FRI 2024');
  const matches = (time: string) => matchesCron(cron, civilOf(Date.parse(time), utc));
  assert.equal(matches('2024-01-01T08:00:00Z'), true);
  assert.equal(matches('2024-01-01T17:45:00Z'), true);
  assert.equal(matches('2024-01-01T08:01:00Z'), false);
  assert.equal(matches('2024-01-01T18:00:00Z'), false);
  assert.equal(matches('2024-01-06T08:00:00Z'), false);
  assert.equal(matches('2025-01-01T08:00:00Z'), false);
});
