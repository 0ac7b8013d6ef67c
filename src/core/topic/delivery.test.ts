import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EngineEvent } from '#base/decider.ts';
import { hasEnded, messageDecider, type MessageEvent, type MessageState } from './delivery.ts';
import { HTTP_RETRY, type RetryPolicy } from './retry.ts';

const AT = 1_700_000_000_000;
const chance = '0'.repeat(32);
const retry: RetryPolicy = { ...HTTP_RETRY, numRetries: 2, minDelayTarget: 1, maxDelayTarget: 2 };

function decide(state: MessageState | undefined, event: MessageEvent | EngineEvent, at = AT) {
  return messageDecider.decide(state, { ...event, at, chance });
}

function accepted(hasDeadLetters = false): MessageState {
  const { state } = decide(undefined, {
    type: 'MessageAccepted',
    subscribers: [{ id: 'a', retry, hasDeadLetters }],
  });
  assert.ok(state);
  return state;
}

const failed = (attempt: number, isPermanent = false): MessageEvent => ({
  type: 'DeliveryFailed',
  id: 'a',
  attempt,
  reason: 'no',
  isPermanent,
});

test('a delivery is tried again after the pauses of its policy, and then given up', () => {
  const first = decide(accepted(), failed(1));
  assert.ok(first.state);
  assert.equal(messageDecider.wakeAt(first.state), AT + 1000);
  assert.deepEqual(decide(first.state, { type: 'TimePassed' }, AT + 999).effects, []);
  const second = decide(first.state, { type: 'TimePassed' }, AT + 1000);
  assert.deepEqual(second.effects, [{ type: 'Deliver', id: 'a', attempt: 2 }]);
  const third = decide(second.state, failed(2));
  assert.equal(third.state?.deliveries['a']?.dueAt, AT + 2000);
  const fourth = decide(third.state, { type: 'TimePassed' }, AT + 2000);
  const last = decide(fourth.state, failed(3));
  assert.equal(last.state?.deliveries['a']?.status, 'failed');
  assert.ok(last.state && hasEnded(last.state));
  assert.equal(messageDecider.wakeAt(last.state), undefined);
});

test('what is refused for good is buried at once, where there is a queue for it', () => {
  const refused = decide(accepted(true), failed(1, true));
  assert.deepEqual(refused.effects, [{ type: 'Bury', id: 'a', reason: 'no', attempts: 1 }]);
  assert.ok(refused.state && !hasEnded(refused.state));
  const buried = decide(refused.state, { type: 'LetterBuried', id: 'a' });
  assert.equal(buried.state?.deliveries['a']?.status, 'buried');
});

test('an effect that the engine gave up ends like a refusal, and a burial that failed is the end', () => {
  const effect = { type: 'Deliver', id: 'a', attempt: 1 };
  const given = { type: 'EffectFailed', effectType: 'Deliver', effect, message: 'broken' } as const;
  assert.equal(decide(accepted(), given).state?.deliveries['a']?.status, 'failed');
  const burying = decide(accepted(true), given);
  const bury = burying.effects[0];
  const lost = decide(burying.state, {
    type: 'EffectFailed',
    effectType: 'Bury',
    effect: bury,
    message: 'no queue',
  });
  assert.deepEqual(lost.state?.deliveries['a'], {
    status: 'failed',
    attempts: 1,
    retry,
    hasDeadLetters: true,
    reason: 'no queue',
  });
});

test('a message is accepted once', () => {
  const state = accepted();
  const again = decide(state, { type: 'MessageAccepted', subscribers: [] });
  assert.deepEqual(again, { state, effects: [] });
});

const events: fc.Arbitrary<MessageEvent | EngineEvent> = fc.oneof(
  fc.record({
    type: fc.constant('DeliverySucceeded' as const),
    id: fc.constantFrom('a', 'b', '?'),
    attempt: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({
    type: fc.constant('DeliveryFailed' as const),
    id: fc.constantFrom('a', 'b', '?'),
    attempt: fc.integer({ min: 1, max: 4 }),
    reason: fc.constant('no'),
    isPermanent: fc.boolean(),
  }),
  fc.record({ type: fc.constant('LetterBuried' as const), id: fc.constantFrom('a', 'b') }),
  fc.constant({ type: 'TimePassed' as const }),
);

test('whatever comes in whatever order: a repeated event changes nothing, and the end is silent', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(events, fc.integer({ min: 0, max: 5000 }))), (steps) => {
      let state = decide(undefined, {
        type: 'MessageAccepted',
        subscribers: [
          { id: 'a', retry, hasDeadLetters: true },
          { id: 'b', retry, hasDeadLetters: false },
        ],
      }).state;
      let at = AT;
      for (const [event, later] of steps) {
        at += later;
        const before = state;
        const decided = decide(before, event, at);
        if (before && hasEnded(before)) assert.deepEqual(decided, { state: before, effects: [] });
        state = decided.state;
        const again = decide(state, event, at);
        assert.deepEqual(again, { state, effects: [] });
      }
    }),
  );
});
