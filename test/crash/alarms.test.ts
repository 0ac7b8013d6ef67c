/** Alarms under every disturbance: what somebody set is announced, composed and acted upon. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEveryDatabase } from '#test/support/databases.ts';
import { story } from './alarms-story.ts';
import { deliverEveryEffectTwice, failEveryWrite } from './harness.ts';

onEveryDatabase((databases) => {
  test('every write fails once, and the topic of the composed alarm is told all the same', async (context) => {
    const writes = await failEveryWrite(databases, story);
    context.diagnostic(`${writes} writes`);
    assert.ok(writes > 20);
  });

  test('every effect is delivered twice, and each change stands once in the history', async () => {
    await deliverEveryEffectTwice(databases, story);
  });
});
