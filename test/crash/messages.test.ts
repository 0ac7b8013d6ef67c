/** Published messages and notifications under every disturbance of the database: each subscriber gets what it should. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEveryDatabase } from '#test/support/databases.ts';
import { deliverEveryEffectTwice, failEveryWrite, killAtEveryStep } from './harness.ts';
import { story } from './messages-story.ts';

const module = import.meta.resolve('./messages-story.ts');

onEveryDatabase((databases) => {
  test('every effect is delivered twice, and the subscribers have the same messages', async () => {
    await deliverEveryEffectTwice(databases, story);
  });

  // Many tellings each; one database has to do.
  if (databases.dialect === 'sqlite') {
    test('every third write fails once, and the subscribers have the same messages', async (context) => {
      const writes = await failEveryWrite(databases, story, 3);
      context.diagnostic(`${writes} writes`);
      assert.ok(writes > 40);
    });

    test('the process is killed at every ninth step, and the subscribers have the same messages', async (context) => {
      const steps = await killAtEveryStep(databases, story, module, 9);
      context.diagnostic(`${steps} steps`);
      assert.ok(steps > 60);
    });
  }
});
