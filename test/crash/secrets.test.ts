/** Secrets and parameters under every disturbance: a request's rows are all there or none of them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEveryDatabase } from '#test/support/databases.ts';
import { deliverEveryEffectTwice, failEveryWrite, killAtEveryStep } from './harness.ts';
import { story } from './secrets-story.ts';

const STORY = new URL('./secrets-story.ts', import.meta.url).href;

onEveryDatabase((databases) => {
  test('every write fails once, and what is left is as if it had not', async (context) => {
    const writes = await failEveryWrite(databases, story, 7);
    context.diagnostic(`${writes} writes`);
    assert.ok(writes > 50);
  });

  test('every effect is delivered twice', async () => {
    await deliverEveryEffectTwice(databases, story);
  });

  test('the process is killed on its way, and a second life ends the story', async (context) => {
    const steps = await killAtEveryStep(databases, story, STORY, 31);
    context.diagnostic(`${steps} steps`);
    assert.ok(steps > 50);
  });
});
