/** Batches inside a pipeline: outputs named after builds, or combined into one, variables, and how a failure is told. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CodeBuild } from '@aws-sdk/client-codebuild';
import { CodeCommit } from '@aws-sdk/client-codecommit';
import { CodePipeline, type ActionDeclaration, type StageState } from '@aws-sdk/client-codepipeline';
import { IAM } from '@aws-sdk/client-iam';
import { S3 } from '@aws-sdk/client-s3';
import { BATCH_ROLE, createBatchRole } from '#test/support/batches.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

const WITHIN_MS = 60_000;
const BUILDSPEC = `version: 0.2
env:
  exported-variables: [GREETING]
batch:
  build-list:
    - identifier: api
    - identifier: web
phases:
  build:
    commands:
      - test "$GREETING" != "hello nobody"
      - mkdir -p dist docs
      - echo "$CODEBUILD_BATCH_BUILD_IDENTIFIER $CODEBUILD_INITIATOR" > dist/$CODEBUILD_BATCH_BUILD_IDENTIFIER.txt
      - echo "docs of $CODEBUILD_BATCH_BUILD_IDENTIFIER" > docs/manual.txt
artifacts:
  base-directory: dist
  files: ['**/*']
  secondary-artifacts:
    docs:
      base-directory: docs
      files: ['**/*']
`;

let house: TestHouse;
let codepipeline: CodePipeline;
let s3: S3;

before(async () => {
  house = await createTestHouse();
  const { endpoint, region, credentials } = house;
  const options = { endpoint, region, credentials, maxAttempts: 1 };
  codepipeline = new CodePipeline(options);
  s3 = new S3({ ...options, forcePathStyle: true });
  for (const Bucket of ['artifacts', 'site']) await s3.createBucket({ Bucket });
  const iam = new IAM(options);
  await createRole(iam, 'codepipeline', [
    's3:*',
    'codecommit:*',
    'codebuild:StartBuildBatch',
    'codebuild:BatchGetBuildBatches',
    'codebuild:BatchGetBuilds',
  ]);
  await createRole(iam, 'codebuild', ['s3:*', 'logs:*']);
  await createBatchRole(iam);
  const codecommit = new CodeCommit(options);
  await codecommit.createRepository({ repositoryName: 'web' });
  await codecommit.putFile({
    repositoryName: 'web',
    branchName: 'main',
    filePath: 'buildspec.yml',
    fileContent: Buffer.from(BUILDSPEC),
  });
  // Everyone has heard of it, so that a pipeline made from now on does not start for it.
  await house.slipway.house.engine.idle();
  await new CodeBuild(options).createProject({
    name: 'web',
    source: { type: 'CODEPIPELINE' },
    artifacts: { type: 'CODEPIPELINE' },
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL',
    },
    serviceRole: 'arn:aws:iam::123456789012:role/codebuild',
    buildBatchConfig: { serviceRole: BATCH_ROLE },
  });
});
after(() => house.close());

async function createRole(iam: IAM, service: string, actions: readonly string[]): Promise<void> {
  const policy = (statement: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });
  await iam.createRole({
    RoleName: service,
    AssumeRolePolicyDocument: policy({
      Principal: { Service: `${service}.amazonaws.com` },
      Action: 'sts:AssumeRole',
    }),
  });
  await iam.putRolePolicy({
    RoleName: service,
    PolicyName: 'work',
    PolicyDocument: policy({ Action: actions, Resource: '*' }),
  });
}

const typeOf = (category: 'Source' | 'Build' | 'Deploy', provider: string) => ({
  category,
  owner: 'AWS' as const,
  provider,
  version: '1',
});

async function create(
  name: string,
  outputs: readonly string[],
  configuration: Record<string, string> = {},
  audience = 'world',
): Promise<void> {
  const greeting = [{ name: 'GREETING', value: `hello ${audience}` }];
  const checkout: ActionDeclaration = {
    name: 'Checkout',
    actionTypeId: typeOf('Source', 'CodeCommit'),
    configuration: { RepositoryName: 'web', BranchName: 'main' },
    outputArtifacts: [{ name: 'Code' }],
  };
  const build: ActionDeclaration = {
    name: 'Compile',
    actionTypeId: typeOf('Build', 'CodeBuild'),
    configuration: {
      ProjectName: 'web',
      BatchEnabled: 'true',
      EnvironmentVariables: JSON.stringify(greeting),
      ...configuration,
    },
    inputArtifacts: [{ name: 'Code' }],
    outputArtifacts: outputs.map((each) => ({ name: each })),
    namespace: 'Built',
  };
  const publish = (output: string): ActionDeclaration => ({
    name: `Publish-${output}`,
    actionTypeId: typeOf('Deploy', 'S3'),
    configuration: {
      BucketName: 'site',
      Extract: 'true',
      ObjectKey: `${name}/#{Built.GREETING}/${output}`,
    },
    inputArtifacts: [{ name: output }],
  });
  await codepipeline.createPipeline({
    pipeline: {
      name,
      roleArn: 'arn:aws:iam::123456789012:role/codepipeline',
      artifactStore: { type: 'S3', location: 'artifacts' },
      stages: [
        { name: 'Source', actions: [checkout] },
        { name: 'Build', actions: [build] },
        { name: 'Deploy', actions: outputs.map(publish) },
      ],
    },
  });
}

function reach(name: string, stage: string, statuses: readonly string[]): Promise<StageState> {
  return until(`${stage} of ${name} to be ${statuses.join(' or ')}`, WITHIN_MS, async () => {
    const { stageStates } = await codepipeline.getPipelineState({ name });
    const found = stageStates?.find((state) => state.stageName === stage);
    return statuses.includes(found?.latestExecution?.status ?? '') ? found : undefined;
  });
}

async function published(name: string): Promise<string[]> {
  const built = await reach(name, 'Build', ['Succeeded', 'Failed']);
  assert.equal(built.latestExecution?.status, 'Succeeded', JSON.stringify(built.actionStates));
  await reach(name, 'Deploy', ['Succeeded']);
  const { Contents = [] } = await s3.listObjectsV2({ Bucket: 'site', Prefix: `${name}/` });
  return Contents.map(({ Key = '' }) => Key.slice(name.length + 1));
}

test('outputs have the names of the builds that make them, and variables are those of the first build', async () => {
  await create('apart', ['api', 'web_docs']);
  assert.deepEqual(await published('apart'), ['hello world/api/api.txt', 'hello world/web_docs/manual.txt']);
  const { Body } = await s3.getObject({ Bucket: 'site', Key: 'apart/hello world/api/api.txt' });
  assert.equal(await Body?.transformToString(), 'api codepipeline/apart\n');
  const { actionExecutionDetails = [] } = await codepipeline.listActionExecutions({ pipelineName: 'apart' });
  const compile = actionExecutionDetails.find(({ actionName }) => actionName === 'Compile');
  assert.deepEqual(compile?.output?.outputVariables, { GREETING: 'hello world' });
  assert.match(compile.output.executionResult?.externalExecutionId ?? '', /:build-batch\/web:[0-9a-f-]{36}$/);
});

test('combined artifacts are one output with the files of all builds', async () => {
  await create('together', ['All'], { CombineArtifacts: 'true' });
  assert.deepEqual(await published('together'), ['hello world/All/api.txt', 'hello world/All/web.txt']);
});

test('a batch that fails fails the action with its reason, and so does an output that no build makes', async () => {
  await create('sad', ['api'], {}, 'nobody');
  await create('lost', ['nothing']);
  const messageOf = async (name: string) => {
    const built = await reach(name, 'Build', ['Failed']);
    const error = built.actionStates?.[0]?.latestExecution?.errorDetails;
    assert.equal(error?.code, 'JobFailed');
    return error.message ?? '';
  };
  assert.equal(
    await messageOf('sad'),
    'Build terminated with state: FAILED. Phase: IN_PROGRESS, Code: CLIENT_ERROR, ' +
      'Message: 2 builds did not succeed: api (FAILED), web (FAILED)',
  );
  assert.match(
    await messageOf('lost'),
    /Phase: DOWNLOAD_BATCHSPEC, Code: CLIENT_ERROR, Message: No build of the batch makes the output artifact nothing/,
  );
});
