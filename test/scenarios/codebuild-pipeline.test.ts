/** CodeBuild §11, scenario 53: a build of a pipeline with two inputs and two outputs, whose variables go on. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CodeCommit } from '@aws-sdk/client-codecommit';
import { CodePipeline, type ActionDeclaration } from '@aws-sdk/client-codepipeline';
import { connectBuilds, type BuildClients } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

const BUILDSPEC = `version: 0.2
env:
  exported-variables: [TAG]
phases:
  build:
    commands:
      - TAG=v7
      - mkdir -p one two
      - basename "$CODEBUILD_SRC_DIR_Library" && cat "$CODEBUILD_SRC_DIR_Library/name" > one/from-library
      - cat name > two/from-primary
      - echo "$CODEBUILD_SOURCE_VERSION $CODEBUILD_SOURCE_VERSION_Library"
artifacts:
  files: [never]
  secondary-artifacts:
    First: { base-directory: one, files: ['**/*'] }
    Second: { base-directory: two, files: ['**/*'] }
`;

let house: TestHouse;
let clients: BuildClients;
let codepipeline: CodePipeline;
let codecommit: CodeCommit;

before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  const { endpoint, region, credentials } = house;
  codepipeline = new CodePipeline({ endpoint, region, credentials });
  codecommit = new CodeCommit({ endpoint, region, credentials });
  for (const Bucket of ['artifacts', 'site']) await clients.s3.createBucket({ Bucket });
  for (const service of ['codepipeline', 'codebuild']) await createRole(service);
  for (const name of ['application', 'library']) {
    await codecommit.createRepository({ repositoryName: name });
    const file = { repositoryName: name, branchName: 'main' };
    const { commitId } = await codecommit.putFile({
      ...file,
      filePath: 'name',
      fileContent: Buffer.from(name),
    });
    const fileContent = Buffer.from(name === 'application' ? BUILDSPEC : 'version: none');
    await codecommit.putFile({ ...file, filePath: 'buildspec.yml', fileContent, parentCommitId: commitId });
  }
  await house.slipway.house.engine.idle();
  await clients.createProject('both', '', {
    source: { type: 'CODEPIPELINE' },
    artifacts: { type: 'CODEPIPELINE' },
    serviceRole: 'arn:aws:iam::123456789012:role/codebuild',
  });
});
after(async () => {
  codepipeline.destroy();
  codecommit.destroy();
  clients.close();
  await house.close();
});

async function createRole(service: string): Promise<void> {
  const policy = (statement: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });
  const trust = policy({ Principal: { Service: `${service}.amazonaws.com` }, Action: 'sts:AssumeRole' });
  await clients.iam.createRole({ RoleName: service, AssumeRolePolicyDocument: trust });
  const Action = ['s3:*', 'logs:*', 'codebuild:*', 'codecommit:*'];
  const PolicyDocument = policy({ Action, Resource: '*' });
  await clients.iam.putRolePolicy({ RoleName: service, PolicyName: 'work', PolicyDocument });
}

const typeOf = (category: 'Source' | 'Build' | 'Deploy', provider: string) =>
  ({ category, owner: 'AWS', provider, version: '1' }) as const;

const checkout = (RepositoryName: string, name: string): ActionDeclaration => ({
  name,
  actionTypeId: typeOf('Source', 'CodeCommit'),
  configuration: { RepositoryName, BranchName: 'main' },
  outputArtifacts: [{ name }],
});

test('scenario 53: two inputs, the primary one honoured, two outputs where the pipeline wants them, variables that go on', async () => {
  const build: ActionDeclaration = {
    name: 'Compile',
    actionTypeId: typeOf('Build', 'CodeBuild'),
    configuration: { ProjectName: 'both', PrimarySource: 'Application' },
    inputArtifacts: [{ name: 'Library' }, { name: 'Application' }],
    outputArtifacts: [{ name: 'First' }, { name: 'Second' }],
    namespace: 'Built',
  };
  const publish = (name: string): ActionDeclaration => ({
    name,
    actionTypeId: typeOf('Deploy', 'S3'),
    configuration: { BucketName: 'site', Extract: 'true', ObjectKey: '#{Built.TAG}' },
    inputArtifacts: [{ name }],
  });
  await codepipeline.createPipeline({
    pipeline: {
      name: 'both',
      roleArn: 'arn:aws:iam::123456789012:role/codepipeline',
      artifactStore: { type: 'S3', location: 'artifacts' },
      stages: [
        { name: 'Source', actions: [checkout('library', 'Library'), checkout('application', 'Application')] },
        { name: 'Build', actions: [build] },
        { name: 'Deploy', actions: [publish('First'), publish('Second')] },
      ],
    },
  });
  await until('the deployment', 60_000, async () => {
    const { stageStates = [] } = await codepipeline.getPipelineState({ name: 'both' });
    const failed = stageStates.find(({ latestExecution }) => latestExecution?.status === 'Failed');
    assert.equal(failed, undefined, JSON.stringify(failed));
    return stageStates[2]?.latestExecution?.status === 'Succeeded' || undefined;
  });
  const textOf = async (key: string) =>
    (await clients.s3.getObject({ Bucket: 'site', Key: `v7/${key}` })).Body?.transformToString();
  assert.equal(await textOf('from-library'), 'library');
  assert.equal(await textOf('from-primary'), 'application');

  const { actionExecutionDetails = [] } = await codepipeline.listActionExecutions({ pipelineName: 'both' });
  const compiled = actionExecutionDetails.find(({ actionName }) => actionName === 'Compile');
  assert.deepEqual(compiled?.output?.outputVariables, { TAG: 'v7' });
  const ended = await clients.get(compiled.output.executionResult?.externalExecutionId);
  assert.deepEqual(ended.exportedEnvironmentVariables, [{ name: 'TAG', value: 'v7' }]);
  // Where the pipeline wanted them, as the build tells it.
  const places = compiled.output.outputArtifacts?.map(({ name, s3location }) => [
    name,
    `arn:aws:s3:::${s3location?.bucket}/${s3location?.key}`,
  ]);
  assert.deepEqual(
    ended.secondaryArtifacts?.map(({ artifactIdentifier, location }) => [artifactIdentifier, location]),
    places,
  );
  const given = compiled.input?.inputArtifacts?.map(
    ({ s3location }) => `arn:aws:s3:::${s3location?.bucket}/${s3location?.key}`,
  );
  const [folder, versions = ''] = await clients.output(ended);
  assert.equal(folder, 'src');
  assert.ok(given?.includes(versions.split(' ')[0] ?? ''), `${versions} of ${given?.join()}`);
});
