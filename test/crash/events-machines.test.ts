/** The machines of events under every disturbance: deliveries, retries and schedules. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEveryDatabase } from '#test/support/databases.ts';
import { story } from './events-story.ts';
import { deliverEveryEffectTwice, failEveryWrite } from './harness.ts';

onEveryDatabase((databases) => {
  test('every write fails once, and each target still gets what it should', async (context) => {
    const writes = await failEveryWrite(databases, story);
    context.diagnostic(`${writes} writes`);
    assert.ok(writes > 40);
  });

  test('every effect is delivered twice, and the pipeline is started once', async () => {
    await deliverEveryEffectTwice(databases, story);
  });
});
