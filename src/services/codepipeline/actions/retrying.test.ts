import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { createFakeClock } from '#base/clock.ts';
import { fault } from '#base/fault.ts';
import { ActionRefused } from './action.ts';
import { createPatience, retrying } from './retrying.ts';

const passing = () => Promise.reject(fault('ThrottlingException', 'Rate exceeded'));
const signal = new AbortController().signal;
const MINUTE_MS = 60_000;

const isUnavailable = (error: unknown) => {
  assert.ok(error instanceof ActionRefused);
  assert.equal(error.code, 'SystemUnavailable');
  assert.equal(error.message, 'A service was not available for 15 minutes: Rate exceeded');
  return true;
};

test('what passes is tried again, with growing pauses', async () => {
  const clock = createFakeClock();
  const tries: number[] = [];
  const begin = clock.now();
  const done = retrying(clock, signal, () => {
    tries.push(clock.now() - begin);
    return tries.length < 4 ? passing() : Promise.resolve('answer');
  });
  for (let i = 0; i < 40; i++) {
    await setImmediate();
    clock.advance(100);
  }
  assert.equal(await done, 'answer');
  assert.deepEqual(tries, [0, 500, 1_500, 3_500]);
});

test('after a quarter of an hour the system is not available', async () => {
  const clock = createFakeClock();
  let tries = 0;
  const done = retrying(clock, signal, () => {
    tries += 1;
    return passing();
  });
  const refused = assert.rejects(done, isUnavailable);
  for (let i = 0; i < 60; i++) {
    await setImmediate();
    clock.advance(MINUTE_MS / 2);
  }
  await refused;
  assert.ok(tries > 30 && tries < 40, `${tries}`);
});

test('what does not pass is not tried again, and nobody waits for an aborted signal', async () => {
  const clock = createFakeClock();
  const denied = () => Promise.reject(fault('AccessDeniedException', 'no'));
  await assert.rejects(retrying(clock, signal, denied), { code: 'AccessDeniedException' });
  const controller = new AbortController();
  const waiting = assert.rejects(retrying(clock, controller.signal, passing), /the engine stops/);
  await setImmediate();
  controller.abort(new Error('the engine stops'));
  await waiting;
});

test('looks that fail in passing are borne for a quarter of an hour', async () => {
  const clock = createFakeClock();
  const patience = createPatience(clock);
  assert.equal(await patience.look('a', passing), undefined);
  clock.advance(14 * MINUTE_MS);
  assert.equal(await patience.look('a', passing), undefined);
  assert.equal(await patience.look('a', () => Promise.resolve(1)), 1);
  clock.advance(2 * MINUTE_MS);
  assert.equal(await patience.look('a', passing), undefined);
  clock.advance(16 * MINUTE_MS);
  await assert.rejects(patience.look('a', passing), isUnavailable);
});
