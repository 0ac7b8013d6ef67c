import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EngineEvent } from '#base/decider.ts';
import { deliveryDecider, FAILURES_REMEMBERED_MS, REMEMBERED_MS } from './decide.ts';
import type { DeliveryEffect, DeliveryEvent, DeliveryState } from './state.ts';
import type { RuleTarget } from './target.ts';

const { decide, wakeAt } = deliveryDecider;
const CHANCE = '80000000000000000000000000000000';
const rule = { name: 'r', arn: 'arn:aws:events:us-east-1:123456789012:rule/r' };
const target: RuleTarget = {
  id: 't',
  arn: 'arn:aws:sns:us-east-1:123456789012:x',
  retriesMax: 2,
  ageSecondsMax: 3600,
};
const withQueue: RuleTarget = { ...target, deadLetterArn: 'arn:aws:sqs:us-east-1:123456789012:q' };
const denied = { code: 'NO_PERMISSIONS', message: 'no' };

function matched(...targets: readonly RuleTarget[]): DeliveryEvent {
  return { type: 'EventMatched', event: '{}', rule, targets };
}

/** Decides one event after the other; each comes a second after the one before, unless it says when. */
function run(events: readonly (readonly [DeliveryEvent | EngineEvent, number?])[]): {
  state: DeliveryState | undefined;
  effects: readonly DeliveryEffect[];
} {
  let state: DeliveryState | undefined;
  let effects: readonly DeliveryEffect[] = [];
  let at = 0;
  for (const [event, when] of events) {
    at = when ?? at + 1000;
    ({ state, effects } = decide(state, { ...event, at, chance: CHANCE }));
  }
  return { state, effects };
}

const statuses = (state: DeliveryState | undefined) => state?.deliveries.map(({ status }) => status);

test('each match is sent, and a repeated event changes nothing', () => {
  const first = run([[matched(target, withQueue)]]);
  assert.deepEqual(first.effects, [
    { type: 'Deliver', index: 0, attempt: 1 },
    { type: 'Deliver', index: 1, attempt: 1 },
  ]);
  const again = run([[matched(target, withQueue)], [matched(target, withQueue)]]);
  assert.deepEqual(again, { state: first.state, effects: [] });
});

test('what was delivered is remembered without its event, then forgotten', () => {
  const { state } = run([[matched(target)], [{ type: 'Delivered', index: 0, attempt: 1 }]]);
  assert.equal(state?.event, '');
  assert.equal(state?.endedAt, 2000);
  assert.equal(state && wakeAt(state), 2000 + REMEMBERED_MS);
  const later = run([
    [matched(target)],
    [{ type: 'Delivered', index: 0, attempt: 1 }],
    [{ type: 'TimePassed' }, 2000 + REMEMBERED_MS],
  ]);
  assert.deepEqual(later.effects, [{ type: 'Forget' }]);
});

test('a passing refusal is tried again with growing pauses, until the policy is exhausted', () => {
  const refused = (attempt: number): DeliveryEvent => ({
    type: 'DeliveryRefused',
    index: 0,
    attempt,
    error: { code: 'THROTTLING', message: 'later' },
    isPassing: true,
  });
  const once = run([
    [matched(target), 0],
    [refused(1), 100],
  ]);
  assert.deepEqual(statuses(once.state), ['waiting']);
  assert.equal(once.state && wakeAt(once.state), 850);
  assert.deepEqual(
    run([
      [matched(target), 0],
      [refused(1), 100],
      [{ type: 'TimePassed' }, 849],
    ]).effects,
    [],
  );
  const twice = run([
    [matched(target), 0],
    [refused(1), 100],
    [{ type: 'TimePassed' }, 850],
  ]);
  assert.deepEqual(twice.effects, [{ type: 'Deliver', index: 0, attempt: 2 }]);
  const all = run([
    [matched(withQueue), 0],
    [refused(1), 100],
    [{ type: 'TimePassed' }, 900],
    [refused(2), 1000],
    [{ type: 'TimePassed' }, 3000],
    [refused(3), 4000],
  ]);
  assert.deepEqual(all.effects, [{ type: 'DeadLetter', index: 0 }]);
  assert.equal(all.state?.deliveries[0]?.exhausted, 'MaximumRetryAttempts');
});

test('an event that would be too old is not tried again', () => {
  const error = { code: 'THROTTLING', message: 'later' };
  const { state } = run([
    [matched({ ...target, ageSecondsMax: 60 }), 0],
    [{ type: 'DeliveryRefused', index: 0, attempt: 1, error, isPassing: true }, 59_900],
  ]);
  assert.deepEqual(statuses(state), ['failed']);
  assert.equal(state?.deliveries[0]?.exhausted, 'MaximumEventAgeInSeconds');
});

test('a refusal for good goes to the queue at once, or is kept with its event', () => {
  const refused: DeliveryEvent = {
    type: 'DeliveryRefused',
    index: 0,
    attempt: 1,
    error: denied,
    isPassing: false,
  };
  assert.deepEqual(run([[matched(withQueue)], [refused]]).effects, [{ type: 'DeadLetter', index: 0 }]);
  const lettered = run([[matched(withQueue)], [refused], [{ type: 'DeadLettered', index: 0 }]]);
  assert.deepEqual(statuses(lettered.state), ['dead-lettered']);
  const kept = run([[matched(target)], [refused]]).state;
  assert.deepEqual(statuses(kept), ['failed']);
  assert.equal(kept?.event, '{}');
  assert.equal(kept && wakeAt(kept), 2000 + FAILURES_REMEMBERED_MS);
  const lost = run([
    [matched(withQueue)],
    [refused],
    [{ type: 'DeadLetterRefused', index: 0, message: 'gone' }],
  ]);
  assert.deepEqual(statuses(lost.state), ['failed']);
  assert.deepEqual(lost.state?.deliveries[0]?.error, {
    code: 'NO_PERMISSIONS',
    message: 'no (dead-letter queue: gone)',
  });
});

test('in any order of events nothing throws, every delivery that ended stays so, and each attempt is ordered once', () => {
  const index = fc.integer({ min: 0, max: 3 });
  const attempt = fc.integer({ min: 1, max: 4 });
  const event: fc.Arbitrary<DeliveryEvent | EngineEvent> = fc.oneof(
    fc.constant(matched(target, withQueue, target)),
    fc.record({ type: fc.constant('Delivered' as const), index, attempt }),
    fc.record({
      type: fc.constant('DeliveryRefused' as const),
      index,
      attempt,
      error: fc.constant(denied),
      isPassing: fc.boolean(),
    }),
    fc.record({ type: fc.constant('DeadLettered' as const), index }),
    fc.record({ type: fc.constant('DeadLetterRefused' as const), index, message: fc.constant('gone') }),
    fc.constant({ type: 'TimePassed' } as const),
    fc.record({ index, attempt }).map((each) => ({
      type: 'EffectFailed' as const,
      effectType: 'Deliver',
      effect: { type: 'Deliver', ...each },
      message: 'broken',
    })),
  );
  const property = fc.property(
    fc.array(fc.tuple(event, fc.integer({ min: 0, max: 5_000_000 })), { maxLength: 40 }),
    (steps) => {
      let state: DeliveryState | undefined;
      let at = 0;
      const ordered = new Set<string>();
      for (const [each, pause] of steps) {
        at += pause;
        const before = state;
        const next = decide(state, { ...each, at, chance: CHANCE });
        state = next.state;
        for (const [i, delivery] of (before?.deliveries ?? []).entries()) {
          if (!['delivered', 'dead-lettered', 'failed'].includes(delivery.status)) continue;
          assert.equal(state?.deliveries[i]?.status, delivery.status);
        }
        for (const effect of next.effects) {
          if (effect.type === 'Forget') continue;
          const key = JSON.stringify(effect);
          assert.ok(!ordered.has(key), key);
          ordered.add(key);
        }
        if (each.type !== 'TimePassed' && state) {
          const again = decide(state, { ...each, at, chance: CHANCE });
          assert.deepEqual(again, { state, effects: [] });
        }
      }
    },
  );
  fc.assert(property, { numRuns: 300 });
});
