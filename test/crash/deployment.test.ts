/** Deployments under every disturbance of the database: each command once, one rollback, each end told once. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEveryDatabase } from '#test/support/databases.ts';
import { story } from './deployment-story.ts';
import { deliverEveryEffectTwice, failEveryWrite, killAtEveryStep } from './harness.ts';

const module = import.meta.resolve('./deployment-story.ts');

onEveryDatabase((databases) => {
  test('every effect is delivered twice, and the world sees it once', async () => {
    await deliverEveryEffectTwice(databases, story);
  });

  // Hundreds of tellings each: one database has to do, and by default every so manyth place.
  if (databases.dialect === 'sqlite') {
    test('writes fail all along, and the deployments end the same', async (context) => {
      const writes = await failEveryWrite(databases, story, 3);
      context.diagnostic(`${writes} writes`);
      assert.ok(writes > 40);
    });

    test('the process is killed at steps all along, and the deployments end the same', async (context) => {
      const steps = await killAtEveryStep(databases, story, module, 5);
      context.diagnostic(`${steps} steps`);
      assert.ok(steps > 60);
    });
  }
});
