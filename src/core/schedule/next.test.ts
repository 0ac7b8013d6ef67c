import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Cron, matchesCron, parseCron } from './cron.ts';
import { nextTime } from './next.ts';
import { civilOf, parseTimeZone, type TimeZone } from './time-zone.ts';
import { cpuMs } from '#test/support/cpu-time.ts';

const MINUTE_MS = 60_000;

/** Around these days the offset changes, or a day is missing, or the change is half an hour. */
const changes: readonly (readonly [string, string])[] = [
  ['America/New_York', '2024-03-10T07:00:00Z'],
  ['America/New_York', '2024-11-03T06:00:00Z'],
  ['Europe/Berlin', '2024-03-31T01:00:00Z'],
  ['Europe/Berlin', '2024-10-27T01:00:00Z'],
  ['Australia/Lord_Howe', '2024-04-06T15:00:00Z'],
  ['Australia/Lord_Howe', '2024-10-05T15:30:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00:00Z'],
  ['America/Sao_Paulo', '2018-11-04T03:00:00Z'],
  ['Africa/Casablanca', '2024-03-10T02:00:00Z'],
  ['Asia/Kathmandu', '2024-01-01T00:00:00Z'],
  ['UTC-03:30', '2024-01-01T00:00:00Z'],
];

function zoneOf(text: string): TimeZone {
  const zone = parseTimeZone(text);
  assert.ok(zone, text);
  return zone;
}

function cronOf(text: string): Cron {
  const parsed = parseCron(text, 'events');
  assert.ok('cron' in parsed, text);
  return parsed.cron;
}

/** Looks at every minute, one after the other. */
function slowNextTime(cron: Cron, after: number, zone: TimeZone, minutesMax: number): number | undefined {
  const first = (Math.floor(after / MINUTE_MS) + 1) * MINUTE_MS;
  for (let at = first; at <= first + minutesMax * MINUTE_MS; at += MINUTE_MS) {
    if (matchesCron(cron, civilOf(at, zone))) return at;
  }
  return undefined;
}

const few = (max: number, from = 0) =>
  fc
    .uniqueArray(fc.integer({ min: from, max }), { minLength: 1, maxLength: 4 })
    .map((each) => each.join(','));
const minutes = fc.oneof(few(59), fc.constantFrom('*', '0/7', '30-40', '0'));
const hours = fc.oneof(few(23), fc.constantFrom('*', '0-3', '22-2', '*/5', '0,1,2,3'));
const days = fc.oneof(
  few(31, 1).map((text) => `${text} * ?`),
  few(7, 1).map((text) => `? * ${text}`),
  fc.constantFrom(
    '* * ?',
    'L * ?',
    'LW * ?',
    '1W * ?',
    '? * 1L',
    '? * 1#1',
    '? * SUN',
    'L-1 * ?',
    '* 3,11 ?',
  ),
);

test('the next time is the one that a walk over all minutes finds, across changes of the clock', () => {
  const property = fc.property(
    minutes,
    hours,
    days,
    fc.constantFrom(...changes),
    fc.integer({ min: -2 * 24 * 3600, max: 26 * 3600 }),
    (minute, hour, day, [zoneText, change], seconds) => {
      const cron = cronOf(`${minute} ${hour} ${day} *`);
      const zone = zoneOf(zoneText);
      const after = Date.parse(change) + seconds * 1000;
      const slow = slowNextTime(cron, after, zone, 3 * 24 * 60);
      const fast = nextTime(cron, after, zone);
      if (slow === undefined) assert.ok(fast === undefined || fast > after + 3 * 24 * 60 * MINUTE_MS);
      else assert.equal(fast, slow);
    },
  );
  fc.assert(property, { numRuns: 120 });
});

test('every next time matches, and comes after the one before', () => {
  const property = fc.property(
    minutes,
    hours,
    days,
    fc.constantFrom(...changes),
    (minute, hour, day, change) => {
      const cron = cronOf(`${minute} ${hour} ${day} *`);
      const zone = zoneOf(change[0]);
      let after = Date.parse(change[1]) - 1;
      for (let count = 0; count < 20; count++) {
        const at = nextTime(cron, after, zone);
        if (at === undefined) return;
        assert.ok(at > after);
        assert.ok(matchesCron(cron, civilOf(at, zone)));
        after = at;
      }
    },
  );
  fc.assert(property, { numRuns: 60 });
});

test('a skipped time does not come that day, a repeated one comes twice', () => {
  const zone = zoneOf('America/New_York');
  const times = (text: string, after: string, count: number) => {
    const found: string[] = [];
    let at: number | undefined = Date.parse(after);
    while (found.length < count && (at = nextTime(cronOf(text), at, zone)) !== undefined) {
      found.push(new Date(at).toISOString().slice(0, 16));
    }
    return found;
  };
  assert.deepEqual(times('30 2 * * ? *', '2024-03-09T00:00:00Z', 3), [
    '2024-03-09T07:30',
    '2024-03-11T06:30',
    '2024-03-12T06:30',
  ]);
  assert.deepEqual(times('30 1 * * ? *', '2024-11-02T12:00:00Z', 3), [
    '2024-11-03T05:30',
    '2024-11-03T06:30',
    '2024-11-04T06:30',
  ]);
});

test('a search over generations of changes is short', () => {
  const started = cpuMs();
  const zone = zoneOf('Europe/Berlin');
  const at = nextTime(cronOf('0 12 ? 2 SUN#5 2100-2199'), Date.parse('1970-01-01T00:00:00Z'), zone);
  assert.equal(at && new Date(at).toISOString(), '2128-02-29T11:00:00.000Z');
  assert.equal(nextTime(cronOf('0 2 30 2 ? *'), 0, zone), undefined);
  assert.ok(cpuMs() - started < 1000);
});

test('time zones have names, offsets and abbreviations', () => {
  const offsets: readonly (readonly [string, number])[] = [
    ['UTC', 0],
    ['utc', 0],
    ['UTC+05:30', 5.5],
    ['UTC-08:00', -8],
    ['Europe/Berlin', 1],
    ['America/Argentina/Buenos_Aires', -3],
    ['PST', -8],
    ['EST', -5],
    ['IST', 5.5],
    ['JST', 9],
    ['CET', 1],
    ['ACT', 9.5],
  ];
  for (const [text, expected] of offsets) {
    assert.equal(zoneOf(text).offsetAt(Date.parse('2024-01-15T00:00:00Z')) / 3_600_000, expected, text);
  }
  for (const text of [
    '',
    'X',
    'UTC+25:00',
    'UTC+05:60',
    '+05:00',
    'Mars/Base',
    'QQQ',
    'Europe/../etc',
    'a b',
  ]) {
    assert.equal(parseTimeZone(text), undefined, text);
  }
});
