/** Everything that is wrong with plain data for a shape, at once. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { present } from '#base/assert.ts';
import { loadModel } from './model.ts';
import { shapeFaults } from './shape-faults.ts';

const shape = present(loadModel('codepipeline').shapes.get('PipelineDeclaration'), 'shape');
const wrong = (value: unknown) =>
  shapeFaults(shape, value, ['pipeline']).map(({ path, kind, code, message }) => {
    return `${path.join('/')} ${kind} ${code}: ${message}`;
  });

const action = {
  name: 'A',
  actionTypeId: { category: 'Build', owner: 'AWS', provider: 'CodeBuild', version: '1' },
};
const whole = {
  name: 'p',
  roleArn: 'arn:aws:iam::123456789012:role/r',
  stages: [{ name: 'S', actions: [action] }],
};

test('data in the right shape has no faults', () => assert.deepEqual(wrong(whole), []));

test('unknown, missing, mistyped and misformed members are all told, in the words of the service', () => {
  const given = {
    ...whole,
    name: 'a b',
    color: 'red',
    executionMode: 'FAST',
    stages: [
      {
        name: 'S',
        actions: [{ ...action, runOrder: 0, actionTypeId: { ...action.actionTypeId, version: 1 } }],
      },
      { name: 'T' },
      'U',
    ],
  };
  assert.deepEqual(wrong(given), [
    "color unknown UnknownParameter: Unknown parameter 'color' in 'pipeline'",
    "name constraint ValidationException: Value 'a b' at 'pipeline.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9.@\\-_]+",
    "stages/0/actions/0/actionTypeId/version type SerializationException: The value at 'pipeline.stages.1.member.actions.1.member.actionTypeId.version' is not a string.",
    "stages/0/actions/0/runOrder constraint ValidationException: Value '0' at 'pipeline.stages.1.member.actions.1.member.runOrder' failed to satisfy constraint: Member must have value greater than or equal to 1",
    "stages/1/actions missing ValidationException: Value null at 'pipeline.stages.2.member.actions' failed to satisfy constraint: Member must not be null",
    "stages/2 type SerializationException: The value at 'pipeline.stages.3.member' is not a structure.",
    "executionMode constraint ValidationException: Value 'FAST' at 'pipeline.executionMode' failed to satisfy constraint: Member must satisfy enum value set: [QUEUED, SUPERSEDED, PARALLEL]",
  ]);
});

test('maps are looked into, keys and values', () => {
  const configuration = { ['k'.repeat(51)]: 'v', Empty: '', Off: false };
  const given = { ...whole, stages: [{ name: 'S', actions: [{ ...action, configuration }] }] };
  const [key, empty, off, ...more] = shapeFaults(shape, given);
  assert.deepEqual(more, []);
  assert.match(key?.message ?? '', /length less than or equal to 50$/);
  assert.deepEqual([empty?.path.at(-1), empty?.kind], ['Empty', 'constraint']);
  assert.deepEqual([off?.path.at(-1), off?.kind, off?.isPlain], ['Off', 'type', true]);
});

test('the list of faults is bounded', () => {
  const given = { ...whole, stages: Array.from({ length: 10_000 }, () => ({})) };
  assert.ok(shapeFaults(shape, given).length < 500);
});
