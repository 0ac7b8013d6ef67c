import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createThrottle } from './throttle.ts';

test('twenty failures in a minute close the door for that client only, until the minute is over', () => {
  let now = 0;
  const throttle = createThrottle(() => now);
  for (let i = 0; i < 19; i++) throttle.fail('a');
  assert.ok(throttle.isOpen('a'));
  throttle.fail('a');
  assert.ok(!throttle.isOpen('a'));
  assert.ok(throttle.isOpen('b'));
  now = 60_000;
  assert.ok(throttle.isOpen('a'));
});
