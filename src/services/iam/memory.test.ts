/** What is remembered, and when it is forgotten. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '#base/clock.ts';
import { createMemory } from './memory.ts';

test('a value is loaded once and forgotten on a change', async () => {
  const memory = createMemory(createFakeClock(), false);
  let loads = 0;
  const recall = () => memory.recall('key', async () => ++loads);
  assert.equal(await recall(), 1);
  assert.equal(await recall(), 1);
  memory.forget();
  assert.equal(await recall(), 2);
});

test('what was loading while something changed is answered, but not remembered', async () => {
  const memory = createMemory(createFakeClock(), false);
  const { promise, resolve } = Promise.withResolvers<string>();
  const first = memory.recall('key', () => promise);
  memory.forget();
  resolve('old');
  assert.equal(await first, 'old');
  assert.equal(await memory.recall('key', async () => 'new'), 'new');
});

test('nothing is remembered of a failure or of absence', async () => {
  const memory = createMemory(createFakeClock(), false);
  const failing = async () => {
    throw new Error('no');
  };
  await assert.rejects(memory.recall('key', failing), /no/);
  assert.equal(await memory.recall<string | undefined>('key', async () => undefined), undefined);
  assert.equal(await memory.recall<string | undefined>('key', async () => 'late'), 'late');
});

test('beside other nodes nothing is older than a second', async () => {
  const clock = createFakeClock();
  const memory = createMemory(clock, true);
  assert.equal(await memory.recall('key', async () => 'old'), 'old');
  clock.advance(1000);
  assert.equal(await memory.recall('key', async () => 'new'), 'old');
  clock.advance(1);
  assert.equal(await memory.recall('key', async () => 'new'), 'new');
});
