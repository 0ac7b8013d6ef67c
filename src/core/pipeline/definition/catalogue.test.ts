/** The catalogue as data: that it holds together, and that it says what AWS's pages say. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACTION_TYPES, actionTypeOf, actionTypeOrGeneric, isDoneByWorkers, keyOf } from './catalogue.ts';
import { RULE_TYPES, ruleTypeOf } from './catalogue-rules.ts';
import { aws, DAY_MS, HOUR_MS } from './catalogue-type.ts';

const all = [...ACTION_TYPES, ...RULE_TYPES];

test('every type has an id of its own, and properties with names of their own', () => {
  assert.equal(new Set(all.map(({ id }) => keyOf(id))).size, all.length);
  for (const { id, properties } of all) {
    assert.equal(new Set(properties.map(({ name }) => name)).size, properties.length, keyOf(id));
  }
});

test('what is required on a condition is required because of a property that exists', () => {
  for (const { id, properties } of all) {
    for (const { name, requiredIf, required } of properties) {
      if (!requiredIf) continue;
      assert.ok(!required, `${keyOf(id)} ${name}`);
      const other = properties.find((property) => property.name === requiredIf.property);
      assert.ok(other, `${keyOf(id)} ${name}`);
      for (const value of requiredIf.values) {
        if (other.type === 'enum' && value !== undefined) assert.ok(other.values?.includes(value), value);
      }
    }
  }
});

test('the types are those of the action and rule structure references', () => {
  assert.deepEqual(ACTION_TYPES.map(({ id }) => `${id.category} ${id.owner} ${id.provider}`).sort(), [
    'Approval AWS Manual',
    'Build AWS CodeBuild',
    'Build AWS ECRBuildAndPublish',
    'Compute AWS Commands',
    'Deploy AWS AppConfig',
    'Deploy AWS CloudFormation',
    'Deploy AWS CloudFormationStackInstances',
    'Deploy AWS CloudFormationStackSet',
    'Deploy AWS CodeDeploy',
    'Deploy AWS CodeDeployToECS',
    'Deploy AWS EC2',
    'Deploy AWS ECS',
    'Deploy AWS EKS',
    'Deploy AWS ElasticBeanstalk',
    'Deploy AWS Lambda',
    'Deploy AWS S3',
    'Deploy AWS ServiceCatalog',
    'Invoke AWS CodePipeline',
    'Invoke AWS Lambda',
    'Invoke AWS StepFunctions',
    'Source AWS CodeCommit',
    'Source AWS CodeStarSourceConnection',
    'Source AWS ECR',
    'Source AWS S3',
    'Source ThirdParty GitHub',
    'Test AWS CodeBuild',
    'Test AWS DeviceFarm',
  ]);
  assert.deepEqual(
    RULE_TYPES.map(({ id }) => id.provider),
    ['CloudWatchAlarm', 'LambdaInvoke', 'VariableCheck', 'DeploymentWindow', 'CodeBuild', 'Commands'],
  );
});

test('only V2 pipelines have these', () => {
  assert.deepEqual(
    ACTION_TYPES.filter((type) => type.isV2Only).map(({ id }) => `${id.category}/${id.provider}`),
    [
      'Build/ECRBuildAndPublish',
      'Compute/Commands',
      'Deploy/EKS',
      'Deploy/EC2',
      'Deploy/Lambda',
      'Invoke/CodePipeline',
    ],
  );
});

test('actions may take as long as the quotas page says', () => {
  const hours = (category: string, provider: string) =>
    (actionTypeOf(aws(category, provider))?.timeoutMs ?? 0) / HOUR_MS;
  assert.deepEqual(
    [
      hours('Build', 'CodeBuild'),
      hours('Test', 'CodeBuild'),
      hours('Deploy', 'S3'),
      hours('Deploy', 'CodeDeploy'),
      hours('Deploy', 'CloudFormation'),
      hours('Approval', 'Manual'),
      hours('Invoke', 'Lambda'),
      hours('Invoke', 'StepFunctions'),
      hours('Deploy', 'ECS'),
    ],
    [36, 8, 1.5, 120, 72, 168, 24, 168, 1],
  );
});

test('the token of a GitHub source is the one secret of the built-in types', () => {
  const secrets = ACTION_TYPES.flatMap(({ id, properties }) =>
    properties.filter((property) => property.secret).map(({ name }) => `${id.provider} ${name}`),
  );
  assert.deepEqual(secrets, ['GitHub OAuthToken']);
});

test('what is not built in is found by nobody, and workers do it within a day', () => {
  const id = { category: 'Build', owner: 'Custom', provider: 'Jenkins', version: '1' };
  assert.equal(actionTypeOf(id), undefined);
  assert.equal(actionTypeOrGeneric(id).timeoutMs, DAY_MS);
  assert.deepEqual(
    [
      id,
      aws('Invoke', 'Lambda'),
      aws('Build', 'CodeBuild'),
      { ...id, provider: 'GitHub', category: 'Source', owner: 'ThirdParty' },
    ].map(isDoneByWorkers),
    [true, true, false, false],
  );
  assert.equal(
    ruleTypeOf({ category: 'Rule', owner: 'AWS', provider: 'CodeBuild', version: '2' }),
    undefined,
  );
});
