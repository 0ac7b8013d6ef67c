/** Deployments under every disturbance of the database: each command once, one rollback, each end told once. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEveryDatabase } from '#test/support/databases.ts';
import { story } from './deployment-story.ts';
import { deliverEveryEffectTwice, failEveryWrite } from './harness.ts';

onEveryDatabase((databases) => {
  test('every effect is delivered twice, and the world sees it once', async () => {
    await deliverEveryEffectTwice(databases, story);
  });

  // Two hundred tellings; one database has to do. The server is killed in `contract/codedeploy-crash.test.ts`.
  if (databases.dialect === 'sqlite') {
    test('every write fails once, and the deployments end the same', async (context) => {
      const writes = await failEveryWrite(databases, story);
      context.diagnostic(`${writes} writes`);
      assert.ok(writes > 40);
    });
  }
});
