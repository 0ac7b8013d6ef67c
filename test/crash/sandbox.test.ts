/** A sandbox under every disturbance: each of its commands runs once, each line of its log is there once. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEveryDatabase } from '#test/support/databases.ts';
import { deliverEveryEffectTwice, failEveryWrite } from './harness.ts';
import { story } from './sandbox-story.ts';

onEveryDatabase((databases) => {
  test('every write of a sandbox fails once, and its commands end as they would have', async (context) => {
    const writes = await failEveryWrite(databases, story, 5);
    context.diagnostic(`${writes} writes`);
    assert.ok(writes > 15);
  });

  test('every effect of a sandbox is delivered twice, and nothing is seen twice', async () => {
    await deliverEveryEffectTwice(databases, story);
  });
});
