/** The life of a key: what its owner may do when, what time does to it, and that rotation only ever adds. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EngineEvent } from '#base/decider.ts';
import { keyDecider } from './decide.ts';
import { DAY_MS, ON_DEMAND_ROTATIONS_MAX, type KeyEvent, type KeyState } from './state.ts';

const ARN = 'arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000001';
const CREATED: KeyEvent = {
  type: 'KeyCreated',
  id: '00000000-0000-4000-8000-000000000001',
  arn: ARN,
  manager: 'CUSTOMER',
  spec: 'SYMMETRIC_DEFAULT',
  usage: 'ENCRYPT_DECRYPT',
  description: '',
  policy: '{}',
  tags: {},
  materialId: 'm1',
};
const DAY = DAY_MS;

function decide(state: KeyState | undefined, event: KeyEvent | EngineEvent, at = 0) {
  return keyDecider.decide(state, { ...event, at, chance: 'c' });
}

function after(events: readonly (readonly [KeyEvent | EngineEvent, number])[]): KeyState {
  let state: KeyState | undefined;
  for (const [event, at] of events) state = decide(state, event, at).state;
  assert.ok(state);
  return state;
}

function code(state: KeyState, event: KeyEvent, at = 0): string | undefined {
  const { reply, state: next } = decide(state, event, at);
  if (!reply || !('fault' in reply)) return undefined;
  assert.equal(next, state, 'a refusal changes nothing');
  return reply.fault.code;
}

test('a key that is pending deletion waits, can be taken back, and is gone for ever when its time is over', () => {
  const pending = after([
    [CREATED, 0],
    [{ type: 'DeletionScheduled', days: 7 }, 0],
  ]);
  assert.equal(keyDecider.wakeAt?.(pending), 7 * DAY);
  assert.equal(code(pending, { type: 'KeyEnabled' }), 'KMSInvalidStateException');
  assert.equal(decide(pending, { type: 'TimePassed' }, 7 * DAY - 1).state?.status, 'PendingDeletion');
  assert.equal(decide(pending, { type: 'DeletionCancelled' }).state?.status, 'Disabled');
  const gone = decide(pending, { type: 'TimePassed' }, 7 * DAY).state as KeyState;
  assert.equal(gone.status, 'Deleted');
  assert.deepEqual(gone.materials, []);
  assert.equal(code(gone, { type: 'DeletionCancelled' }), 'NotFoundException');
  assert.equal(code(gone, { type: 'KeyEnabled' }), 'NotFoundException');
  assert.equal(decide(gone, { type: 'MaterialMade', number: 2, materialId: 'm2' }).state, gone);
});

test('a rotation by the calendar orders new material, adds it, and waits for the next time', () => {
  const rotating = after([
    [CREATED, 0],
    [{ type: 'RotationEnabled', periodDays: 90 }, 0],
    [{ type: 'TimePassed' }, 90 * DAY],
  ]);
  assert.deepEqual(rotating.rotating, { number: 2, type: 'AUTOMATIC', since: 90 * DAY });
  assert.equal(keyDecider.wakeAt?.(rotating), undefined);
  const made: KeyEvent = { type: 'MaterialMade', number: 2, materialId: 'm2' };
  const rotated = decide(rotating, made, 90 * DAY + 5).state as KeyState;
  assert.deepEqual(
    rotated.materials.map(({ id, type }) => [id, type]),
    [
      ['m1', undefined],
      ['m2', 'AUTOMATIC'],
    ],
  );
  assert.equal(rotated.rotation?.nextAt, 180 * DAY + 5);
  assert.deepEqual(decide(rotated, made, 91 * DAY).state, rotated, 'a repeated event changes nothing');
});

test('a disabled key is not rotated, and what was due is done when it is enabled again', () => {
  const disabled = after([
    [CREATED, 0],
    [{ type: 'RotationEnabled', periodDays: 90 }, 0],
    [{ type: 'KeyDisabled' }, 0],
    [{ type: 'TimePassed' }, 100 * DAY],
  ]);
  assert.equal(disabled.rotating, undefined);
  assert.equal(code(disabled, { type: 'RotationRequested' }), 'DisabledException');
  const enabled = decide(disabled, { type: 'KeyEnabled' }, 101 * DAY).state as KeyState;
  assert.equal(keyDecider.wakeAt?.(enabled), 90 * DAY);
});

test('rotations on demand are one at a time and bounded; other kinds of keys have none', () => {
  let state = after([[CREATED, 0]]);
  for (let number = 2; number < ON_DEMAND_ROTATIONS_MAX + 2; number++) {
    state = decide(state, { type: 'RotationRequested' }).state as KeyState;
    assert.equal(code(state, { type: 'RotationRequested' }), 'ConflictException');
    state = decide(state, { type: 'MaterialMade', number, materialId: `m${number}` }).state as KeyState;
  }
  assert.equal(code(state, { type: 'RotationRequested' }), 'LimitExceededException');
  const rsa = after([[{ ...CREATED, spec: 'RSA_2048', usage: 'SIGN_VERIFY' }, 0]]);
  assert.equal(code(rsa, { type: 'RotationEnabled', periodDays: 365 }), 'UnsupportedOperationException');
});

test('a rotation that cannot be done leaves the key as it was', () => {
  const failed = after([
    [CREATED, 0],
    [{ type: 'RotationEnabled', periodDays: 90 }, 0],
    [{ type: 'TimePassed' }, 90 * DAY],
    [{ type: 'EffectFailed', effectType: 'MakeMaterial', effect: {}, message: 'disk full' }, 91 * DAY],
  ]);
  assert.equal(failed.rotating, undefined);
  assert.equal(failed.materials.length, 1);
  assert.equal(keyDecider.wakeAt?.(failed), 92 * DAY);
});

const events: fc.Arbitrary<KeyEvent | EngineEvent> = fc.oneof(
  fc.constantFrom<KeyEvent | EngineEvent>(
    CREATED,
    { type: 'KeyEnabled' },
    { type: 'KeyDisabled' },
    { type: 'DeletionCancelled' },
    { type: 'RotationDisabled' },
    { type: 'RotationRequested' },
    { type: 'TimePassed' },
    { type: 'EffectFailed', effectType: 'MakeMaterial', effect: {}, message: '' },
    { type: 'PolicyPut', policy: '{"a":1}' },
    { type: 'TagsChanged', set: { a: 'b' }, removed: ['c'] },
  ),
  fc.integer({ min: 7, max: 30 }).map((days): KeyEvent => ({ type: 'DeletionScheduled', days })),
  fc.integer({ min: 90, max: 400 }).map((periodDays): KeyEvent => ({ type: 'RotationEnabled', periodDays })),
  fc
    .integer({ min: 1, max: 5 })
    .map((number): KeyEvent => ({ type: 'MaterialMade', number, materialId: `m${number}` })),
);

test('whatever happens: nothing throws, material is only added in order, and a deleted key is silent', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(events, fc.integer({ min: 0, max: 40 })), { maxLength: 60 }), (steps) => {
      let at = 0;
      let state = after([[CREATED, 0]]);
      for (const [event, days] of steps) {
        at += days * DAY;
        const next = decide(state, event, at).state as KeyState;
        if (state.status === 'Deleted') assert.equal(next, state);
        else if (next.status !== 'Deleted') {
          assert.deepEqual(next.materials.slice(0, state.materials.length), state.materials);
          assert.deepEqual(
            next.materials.map(({ number }) => number),
            next.materials.map((_, index) => index + 1),
          );
        }
        state = next;
      }
    }),
  );
});
