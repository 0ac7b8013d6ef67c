import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACTION_TYPES, isDoneByWorkers } from '#core/pipeline/definition/catalogue.ts';
import type { StartAction } from '#core/pipeline/orders.ts';
import type { Acting } from './action.ts';
import { ActionRefused } from './action.ts';
import { builtInAction } from './index.ts';

const CARRIED = [
  'Approval/AWS/Manual',
  'Build/AWS/CodeBuild',
  'Compute/AWS/Commands',
  'Deploy/AWS/CodeDeploy',
  'Deploy/AWS/S3',
  'Invoke/AWS/CodePipeline',
  'Source/AWS/CodeCommit',
  'Source/AWS/S3',
  'Test/AWS/CodeBuild',
];

test('every type of the catalogue that is not carried is refused by name, and never begins', async () => {
  for (const { id } of ACTION_TYPES) {
    const name = `${id.category}/${id.owner}/${id.provider}`;
    if (CARRIED.includes(name)) continue;
    // A refusal looks at nothing but the name of the action.
    const order = { action: 'Try', actionType: id } as StartAction;
    await assert.rejects(builtInAction(id).start({} as Acting, order), (error) => {
      assert.ok(error instanceof ActionRefused, name);
      assert.equal(error.code, 'ConfigurationError');
      assert.match(error.message, /^This Slipway does not carry [\w ]+ yet: the action Try cannot run$/);
      return true;
    });
  }
});

test('what is carried is known', () => {
  const known = ACTION_TYPES.map(({ id }) => `${id.category}/${id.owner}/${id.provider}`);
  assert.deepEqual(
    CARRIED.filter((name) => !known.includes(name)),
    [],
  );
  assert.ok(ACTION_TYPES.some(({ id }) => isDoneByWorkers(id)));
});
