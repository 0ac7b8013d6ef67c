/** CodePipeline through the AWS CLI: a definition file as people keep it, CodeCommit to CodeBuild to CodeDeploy. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { cliSkip, runCli } from '#test/support/other-clients.ts';
import { until } from '#test/support/until.ts';

const ACTIONS = ['Source CodeCommit', 'Build CodeBuild', 'Deploy CodeDeploy'] as const;

describe('the AWS CLI', { skip: cliSkip }, () => {
  let house: TestHouse;
  before(async () => {
    house = await createTestHouse();
  });
  after(() => house.close());

  async function aws<Answer>(...parameters: readonly string[]): Promise<Answer> {
    const { code, stdout, stderr } = await runCli(house.endpoint, house.credentials, ...parameters);
    assert.equal(code, 0, stderr);
    return (stdout.trim() ? JSON.parse(stdout) : undefined) as Answer;
  }

  const allow = (statement: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });

  test('a definition file is accepted as it is, and runs', async () => {
    await aws(
      ...['iam', 'create-role', '--role-name', 'pipeline', '--assume-role-policy-document'],
      allow({ Principal: { Service: 'codepipeline.amazonaws.com' }, Action: 'sts:AssumeRole' }),
    );
    await aws(
      ...['iam', 'put-role-policy', '--role-name', 'pipeline', '--policy-name', 'all', '--policy-document'],
      allow({ Action: '*', Resource: '*' }),
    );
    const configurations = [
      { RepositoryName: 'shop', BranchName: 'main' },
      { ProjectName: 'shop-build' },
      { ApplicationName: 'shop', DeploymentGroupName: 'hosts' },
    ];
    const pipeline = {
      name: 'shop',
      roleArn: 'arn:aws:iam::123456789012:role/pipeline',
      artifactStore: { type: 'S3', location: 'shop-artifacts' },
      stages: ACTIONS.map((action, index) => {
        const [category, provider] = action.split(' ');
        return {
          name: category,
          actions: [
            {
              name: `${category}Action`,
              actionTypeId: { category, owner: 'AWS', provider, version: '1' },
              runOrder: 1,
              configuration: configurations[index],
              outputArtifacts: index < 2 ? [{ name: `Output${index}` }] : [],
              inputArtifacts: index > 0 ? [{ name: `Output${index - 1}` }] : [],
            },
          ],
        };
      }),
      version: 1,
    };
    const file = join(house.directory, 'pipeline.json');
    writeFileSync(file, JSON.stringify({ pipeline }));
    await aws('codepipeline', 'create-pipeline', '--cli-input-json', `file://${file}`);

    const stored = await aws<{ pipeline: object }>('codepipeline', 'get-pipeline', '--name', 'shop');
    assert.deepEqual(stored.pipeline, { ...pipeline, executionMode: 'SUPERSEDED', pipelineType: 'V1' });

    interface State {
      readonly stageStates: readonly {
        readonly actionStates: readonly { readonly latestExecution?: { readonly errorDetails?: object } }[];
      }[];
    }
    // Nobody made the repository, and the first run says so.
    const error = await until('the first run to end', 30_000, async () => {
      const state = await aws<State>('codepipeline', 'get-pipeline-state', '--name', 'shop');
      return state.stageStates[0]?.actionStates[0]?.latestExecution?.errorDetails;
    });
    assert.deepEqual(error, { code: 'ConfigurationError', message: 'shop does not exist' });
  });
});
