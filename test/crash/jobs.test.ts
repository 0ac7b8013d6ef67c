/** Jobs of workers under every disturbance: each action ends once, with one job for each result that was given. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEveryDatabase } from '#test/support/databases.ts';
import { deliverEveryEffectTwice, failEveryWrite, killAtEveryStep } from './harness.ts';
import { story } from './jobs-story.ts';

const module = import.meta.resolve('./jobs-story.ts');

onEveryDatabase((databases) => {
  test('every effect is delivered twice, and every action ends once', async () => {
    await deliverEveryEffectTwice(databases, story);
  });

  // Some hundreds of tellings; one database has to do.
  if (databases.dialect === 'sqlite') {
    test('writes fail all along, and the pipeline ends the same', async (context) => {
      const writes = await failEveryWrite(databases, story, 3);
      context.diagnostic(`${writes} writes`);
      assert.ok(writes > 40);
    });

    test('the process is killed at steps all along, and the pipeline ends the same', async (context) => {
      const steps = await killAtEveryStep(databases, story, module, 5);
      context.diagnostic(`${steps} steps`);
      assert.ok(steps > 60);
    });
  }
});
