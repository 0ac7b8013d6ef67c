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

  // Some hundreds of tellings each; one database has to do.
  if (databases.dialect === 'sqlite') {
    test('every write fails once, and the deployments end the same', async (context) => {
      const writes = await failEveryWrite(databases, story);
      context.diagnostic(`${writes} writes`);
      assert.ok(writes > 40);
    });

    test('the process is killed at every step, and the deployments end the same', async (context) => {
      const steps = await killAtEveryStep(databases, story, module);
      context.diagnostic(`${steps} steps`);
      assert.ok(steps > 60);
    });
  }
});
