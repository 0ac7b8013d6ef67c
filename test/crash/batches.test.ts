/** A batch under every disturbance: it ends the same, and no build runs twice in a round. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEveryDatabase } from '#test/support/databases.ts';
import { story } from './batch-story.ts';
import { deliverEveryEffectTwice, failEveryWrite, killAtEveryStep } from './harness.ts';

const module = import.meta.resolve('./batch-story.ts');

onEveryDatabase((databases) => {
  test('every effect is delivered twice, and the world sees it once', async () => {
    await deliverEveryEffectTwice(databases, story);
  });

  // Hundreds of places; one database has to do, and by default every so manyth place.
  if (databases.dialect === 'sqlite') {
    test('writes fail all along, and the batch ends the same', async (context) => {
      const writes = await failEveryWrite(databases, story, 31);
      context.diagnostic(`${writes} writes`);
      assert.ok(writes > 80);
    });

    test('the process is killed at steps all along, and the batch ends the same', async (context) => {
      const steps = await killAtEveryStep(databases, story, module, 97);
      context.diagnostic(`${steps} steps`);
      assert.ok(steps > 120);
    });
  }
});
