import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { scheduleDecider, type ScheduleState } from './decide.ts';

const { decide, wakeAt } = scheduleDecider;
const chance = '0'.repeat(32);

function set(state: ScheduleState | undefined, expression: string | undefined, at: number) {
  const event = { type: 'ScheduleSet' as const, ...(expression !== undefined && { expression }), at, chance };
  return decide(state, event).state;
}

function pass(state: ScheduleState | undefined, at: number) {
  const { state: next, effects } = decide(state, { type: 'TimePassed', at, chance });
  return { state: next, fired: effects.map((effect) => effect.at) };
}

test('a rate fires after each period, counted from its start', () => {
  const state = set(undefined, 'rate(5 minutes)', 1000);
  assert.equal(state && wakeAt(state), 301_000);
  assert.deepEqual(pass(state, 300_999).fired, []);
  const first = pass(state, 301_005);
  assert.deepEqual(first.fired, [301_000]);
  assert.equal(first.state && wakeAt(first.state), 601_000);
});

test('missed firings are made up for by one', () => {
  const state = set(undefined, 'rate(1 minute)', 0);
  const { state: next, fired } = pass(state, 10 * 60_000 + 5);
  assert.deepEqual(fired, [60_000]);
  assert.equal(next && wakeAt(next), 11 * 60_000);
});

test('setting the same again changes nothing; stopping and starting counts anew', () => {
  const state = set(undefined, 'rate(5 minutes)', 0);
  assert.equal(set(state, 'rate(5 minutes)', 100_000), state);
  const stopped = set(state, undefined, 100_000);
  assert.equal(stopped && wakeAt(stopped), undefined);
  assert.deepEqual(pass(stopped, 900_000).fired, []);
  const again = set(stopped, 'rate(5 minutes)', 1_000_000);
  assert.equal(again && wakeAt(again), 1_300_000);
});

test('whatever the clock does, no time fires twice, and none before it is due', () => {
  const expression = fc.constantFrom(
    'rate(1 minute)',
    'rate(2 hours)',
    'cron(0/7 * * * ? *)',
    'cron(0 12 L * ? *)',
  );
  const property = fc.property(
    expression,
    fc.array(fc.integer({ min: -10_000_000, max: 20_000_000 }), { maxLength: 30 }),
    (text, moves) => {
      let at = Date.parse('2024-02-27T00:00:00Z');
      let state = set(undefined, text, at);
      const seen = new Set<number>();
      for (const move of moves) {
        at += move;
        const { state: next, fired } = pass(state, at);
        state = next;
        for (const time of fired) {
          assert.ok(time <= at);
          assert.ok(!seen.has(time));
          seen.add(time);
        }
      }
    },
  );
  fc.assert(property, { numRuns: 100 });
});
