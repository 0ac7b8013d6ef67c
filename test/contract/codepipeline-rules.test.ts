/** Rules of conditions that run something: builds of a project and commands, told through the official client. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CodeBuild } from '@aws-sdk/client-codebuild';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createPipelines, type Pipelines, ROLE_ARN, stageOf } from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let pipelines: Pipelines;
let codebuild: CodeBuild;
before(async () => {
  house = await createTestHouse();
  pipelines = await createPipelines(house);
  const { endpoint, region, credentials } = house;
  codebuild = new CodeBuild({ endpoint, region, credentials });
});
after(async () => {
  codebuild.destroy();
  pipelines.close();
  await house.close();
});

async function createProject(name: string, command: string): Promise<void> {
  await codebuild.createProject({
    name,
    source: {
      type: 'CODEPIPELINE',
      buildspec: JSON.stringify({ version: '0.2', phases: { build: { commands: [command] } } }),
    },
    artifacts: { type: 'CODEPIPELINE' },
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL',
    },
    serviceRole: ROLE_ARN,
  });
}

function entryWith(provider: string, more: object) {
  const ruleTypeId = { category: 'Rule', owner: 'AWS', provider, version: '1' };
  const rule = { name: provider, ruleTypeId, inputArtifacts: [{ name: 'Site' }], ...more };
  return { conditions: [{ result: 'FAIL', rules: [rule] }] } as never;
}

/** The entry condition of S2 once it has settled. */
function settled(name: string) {
  return until(`the condition of ${name} settles`, 30_000, async () => {
    const state = (await pipelines.stage(name, 'S2')).beforeEntryConditionState;
    return state?.latestExecution?.status === 'InProgress' ? undefined : state;
  });
}

test('a CodeBuild rule is met when its build succeeds, and not when it fails', async () => {
  await createProject('good', 'test -f index.html');
  await createProject('bad', 'exit 3');
  for (const [project, status] of [
    ['good', 'Succeeded'],
    ['bad', 'Failed'],
  ] as const) {
    const beforeEntry = entryWith('CodeBuild', { configuration: { ProjectName: project } });
    const execution = await pipelines.create(project, [{ ...stageOf('S2', 'Ask'), beforeEntry }]);
    const state = await settled(project);
    assert.equal(state?.latestExecution?.status, status);
    const rule = state.conditionStates?.[0]?.ruleStates?.[0]?.latestExecution;
    assert.match(rule?.externalExecutionId ?? '', new RegExp(`^${project}:[0-9a-f-]{36}$`));
    if (status === 'Succeeded') await pipelines.running(project, execution, 'Ask');
    else await pipelines.reached(project, execution, 'Failed');
  }
});

test('a Commands rule is met when all its commands exit with 0', async () => {
  for (const [name, command, status] of [
    ['yes', 'test "$(cat index.html)" = one', 'Succeeded'],
    ['no', 'test "$(cat index.html)" = two', 'Failed'],
  ] as const) {
    const beforeEntry = entryWith('Commands', { commands: ['cd .', command] });
    await pipelines.create(name, [{ ...stageOf('S2', 'Ask'), beforeEntry }]);
    assert.equal((await settled(name))?.latestExecution?.status, status);
  }
});

test('a regular expression of VariableCheck is matched whole, and a hostile one in linear time', async () => {
  const check = (name: string, Variable: string, Value: string) => {
    const configuration = { Variable, Value, Operator: 'MATCHES' };
    const ruleTypeId = { category: 'Rule', owner: 'AWS', provider: 'VariableCheck', version: '1' };
    const beforeEntry = {
      conditions: [{ result: 'FAIL', rules: [{ name: 'Check', ruleTypeId, configuration }] }],
    };
    return pipelines.create(name, [{ ...stageOf('S2', 'Ask'), beforeEntry: beforeEntry as never }]);
  };
  await check('whole', 'v1.2.3', 'v\\d+\\.\\d+');
  assert.equal((await settled('whole'))?.latestExecution?.status, 'Failed');
  await check('hostile', `${'a'.repeat(900)}b`, '(a+)+$');
  assert.equal((await settled('hostile'))?.latestExecution?.status, 'Failed');
  await check('matches', 'v1.2.3', 'v\\d+(\\.\\d+)*');
  assert.equal((await settled('matches'))?.latestExecution?.status, 'Succeeded');
  await check('broken', 'a', '(a');
  const broken = await settled('broken');
  assert.equal(broken?.latestExecution?.status, 'Errored');
  assert.match(broken.latestExecution.summary ?? '', /The expression '\(a' cannot be used/);
});
