/**
 * Scenarios 60, 61, 64, 65 and 67 as far as this house goes: it has no Lambda, CloudFormation or ECS yet. Their actions
 * are accepted in definitions, as everywhere, and fail when they run, in words that say what is missing. Nothing of them
 * ever succeeds. What 60 says of outputVariables beside a continuation token is told with jobs of a worker.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ActionDeclaration } from '@aws-sdk/client-codepipeline';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createPipelines, type Pipelines } from '#test/support/pipelines.ts';

let house: TestHouse;
let pipelines: Pipelines;
before(async () => {
  house = await createTestHouse();
  pipelines = await createPipelines(house);
});
after(async () => {
  pipelines.close();
  await house.close();
});

const ABSENT = [
  ['60 and 61', 'Invoke', 'Lambda', 'AWS Lambda', { FunctionName: 'f' }, false],
  [
    '64 and 65',
    'Deploy',
    'CloudFormation',
    'AWS CloudFormation',
    {
      ActionMode: 'CREATE_UPDATE',
      StackName: 'web',
      TemplatePath: 'Site::template.yml',
      RoleArn: 'arn:aws:iam::123456789012:role/pipeline',
    },
    true,
  ],
  ['67', 'Deploy', 'ECS', 'Amazon ECS', { ClusterName: 'c', ServiceName: 's' }, true],
] as const;

for (const [numbers, category, provider, service, configuration, takesSite] of ABSENT) {
  test(`scenarios ${numbers}: without ${service} the action fails and says so`, async () => {
    const action: ActionDeclaration = {
      name: 'Go',
      actionTypeId: { category, owner: 'AWS', provider, version: '1' },
      configuration,
      ...(takesSite ? { inputArtifacts: [{ name: 'Site' }] } : {}),
    };
    const name = `without-${provider}`;
    const execution = await pipelines.create(name, [{ name: 'S2', actions: [action] }]);
    await pipelines.reached(name, execution, 'Failed');
    const run = (await pipelines.actions(name, execution)).find((each) => each.actionName === 'Go');
    assert.equal(run?.status, 'Failed');
    assert.deepEqual(run.output?.executionResult?.errorDetails, {
      code: 'ConfigurationError',
      message: `This Slipway does not carry ${service} yet: the action Go cannot run`,
    });
  });
}
