/** Log events under every disturbance of the database: what was put is there once, merged or not, and exported once. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEveryDatabase } from '#test/support/databases.ts';
import { deliverEveryEffectTwice, failEveryWrite, killAtEveryStep } from './harness.ts';
import { story } from './logs-story.ts';

const module = import.meta.resolve('./logs-story.ts');

onEveryDatabase((databases) => {
  // Its tables are of SQLite, and many tellings on one database have to do.
  if (databases.dialect !== 'sqlite') return;

  test('every effect is delivered twice, and the files are the same', async () => {
    await deliverEveryEffectTwice(databases, story);
  });

  test('every ninth write fails once, and each line is there once', async (context) => {
    const writes = await failEveryWrite(databases, story, 9);
    context.diagnostic(`${writes} writes`);
    assert.ok(writes > 120);
  });

  test('the process is killed at every 23rd step, and each line is there once', async (context) => {
    const steps = await killAtEveryStep(databases, story, module, 23);
    context.diagnostic(`${steps} steps`);
    assert.ok(steps > 120);
  });
});
