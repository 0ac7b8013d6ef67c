/** The engine under every disturbance, with a toy machine, on both databases. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEveryDatabase } from '#test/support/databases.ts';
import { deliverEveryEffectTwice, failEveryWrite, killAtEveryStep, stopAtEveryStep } from './harness.ts';
import { story } from './toy-story.ts';

const module = import.meta.resolve('./toy-story.ts');

onEveryDatabase((databases) => {
  test('every write fails once, and the story ends the same', async (context) => {
    const writes = await failEveryWrite(databases, story);
    context.diagnostic(`${writes} writes`);
    assert.ok(writes > 40);
  });

  test('every effect is delivered twice, and the world sees it once', async () => {
    await deliverEveryEffectTwice(databases, story);
  });

  test('the process is killed at every step, and the story ends the same', async (context) => {
    const steps = await killAtEveryStep(databases, story, module);
    context.diagnostic(`${steps} steps`);
    assert.ok(steps > 60);
  });

  if (databases.dialect === 'postgres') {
    test('a node is stopped past its leases at every step, and another ends the story', async (context) => {
      const steps = await stopAtEveryStep(databases, story, module);
      context.diagnostic(`${steps} steps`);
      assert.ok(steps > 60);
    });
  }
});
