/** Pipelines that start pipelines: whose permission it takes, what is wrong with settings, and loops. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { action, createWorkshop, type Workshop } from '#test/support/actions.ts';
import { until } from '#test/support/until.ts';

const WITHIN_MS = 30_000;

let workshop: Workshop;

before(async () => {
  workshop = await createWorkshop();
});
after(() => workshop.close());

const invoke = (PipelineName: string, more: Record<string, string> = {}) => ({
  name: 'S2',
  actions: [action('Start', 'Invoke/CodePipeline', { configuration: { PipelineName, ...more } })],
});

test('the role must be allowed to start the other pipeline', async () => {
  const { pipelines, ends, error } = workshop;
  const { iam } = pipelines;
  const document = (statement: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });
  await iam.createRole({
    RoleName: 'source-only',
    AssumeRolePolicyDocument: document({
      Principal: { Service: 'codepipeline.amazonaws.com' },
      Action: 'sts:AssumeRole',
    }),
  });
  await iam.putRolePolicy({
    RoleName: 'source-only',
    PolicyName: 'work',
    PolicyDocument: document({ Action: ['s3:*', 'kms:*'], Resource: '*' }),
  });
  const roleArn = 'arn:aws:iam::123456789012:role/source-only';
  const first = await pipelines.create('weak', [invoke('weak')], { roleArn });
  await ends('weak', first, 'Failed');
  assert.match(
    await error('weak', first, 'Start'),
    /^PermissionError: .*codepipeline:StartPipelineExecution on resource: arn:aws:codepipeline:us-east-1:123456789012:weak/,
  );
});

test('settings that are no lists of what they should be are refused', async () => {
  const { pipelines, ends, error } = workshop;
  for (const [name, Variables] of [
    ['map', '{"WORD": "x"}'],
    ['more', '[{"name": "WORD", "value": "x", "other": "y"}]'],
  ] as const) {
    const first = await pipelines.create(name, [invoke(name, { Variables })]);
    await ends(name, first, 'Failed');
    assert.equal(
      await error(name, first, 'Start'),
      'ConfigurationError: Variables must be a JSON array of objects with the texts name, value',
    );
  }
});

test('a pipeline that starts itself is warned of once it is deep in the loop', async () => {
  const { pipelines } = workshop;
  await pipelines.create('loop', [invoke('loop')]);
  const summary = await until('a warning', WITHIN_MS, async () => {
    const runs = await pipelines.actions('loop');
    const summaries = runs.map((run) => run.output?.executionResult?.externalExecutionSummary ?? '');
    return summaries.find((each) => each.startsWith('Warning'));
  });
  await pipelines.codepipeline.deletePipeline({ name: 'loop' });
  assert.equal(
    summary,
    'Warning: more than 10 pipelines have started one another up to this execution; ' +
      'a pipeline that starts itself does so without end',
  );
});
