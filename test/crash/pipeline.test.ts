/** A pipeline that uses every feature, under every disturbance of the database: it ends the same, nothing runs twice. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEveryDatabase } from '#test/support/databases.ts';
import { deliverEveryEffectTwice, failEveryWrite, killAtEveryStep } from './harness.ts';
import { story } from './pipeline-story.ts';

const module = import.meta.resolve('./pipeline-story.ts');

onEveryDatabase((databases) => {
  test('every effect is delivered twice, and the world sees it once', async () => {
    await deliverEveryEffectTwice(databases, story);
  });

  // A second for each telling, and hundreds of places; one database has to do, and by default every so manyth place.
  if (databases.dialect === 'sqlite') {
    test('writes fail all along, and the pipeline ends the same', async (context) => {
      const writes = await failEveryWrite(databases, story, 17);
      context.diagnostic(`${writes} writes`);
      assert.ok(writes > 80);
    });

    test('the process is killed at steps all along, and the pipeline ends the same', async (context) => {
      const steps = await killAtEveryStep(databases, story, module, 29);
      context.diagnostic(`${steps} steps`);
      assert.ok(steps > 120);
    });
  }
});
