/** Builds inside a pipeline: what they are given, what they hand on, and how a failing one is told. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  BatchGetBuildsCommand,
  CodeBuildClient,
  CreateProjectCommand,
  StartBuildCommand,
  StopBuildCommand,
} from '@aws-sdk/client-codebuild';
import { CodeCommitClient, CreateRepositoryCommand, PutFileCommand } from '@aws-sdk/client-codecommit';
import {
  CodePipelineClient,
  CreatePipelineCommand,
  GetPipelineStateCommand,
  ListActionExecutionsCommand,
  ListPipelineExecutionsCommand,
  type ActionDeclaration,
  type StageState,
} from '@aws-sdk/client-codepipeline';
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { CreateBucketCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

const WITHIN_MS = 60_000;
const BUILDSPEC = `version: 0.2
env:
  exported-variables: [GREETING]
phases:
  build:
    commands:
      - export GREETING="hello $AUDIENCE"
      - mkdir -p dist && echo "$GREETING" > dist/page.txt
      - echo "$CODEBUILD_RESOLVED_SOURCE_VERSION $CODEBUILD_INITIATOR" > dist/origin.txt
      - printf '%s' "$MESSAGE" > dist/message.txt
      - test "$AUDIENCE" != nobody
artifacts:
  base-directory: dist
  files: ['**/*']
`;

let house: TestHouse;
let codepipeline: CodePipelineClient;
let codebuild: CodeBuildClient;
let s3: S3Client;
let commitId: string | undefined;

before(async () => {
  house = await createTestHouse({ builds: 1 });
  const { endpoint, region, credentials } = house;
  const options = { endpoint, region, credentials, maxAttempts: 1 };
  codepipeline = new CodePipelineClient(options);
  codebuild = new CodeBuildClient(options);
  s3 = new S3Client({ ...options, forcePathStyle: true });
  for (const Bucket of ['artifacts', 'site']) await s3.send(new CreateBucketCommand({ Bucket }));
  const iam = new IAMClient(options);
  for (const service of ['codepipeline', 'codebuild']) await createRole(iam, service);
  const codecommit = new CodeCommitClient(options);
  await codecommit.send(new CreateRepositoryCommand({ repositoryName: 'web' }));
  const file = new PutFileCommand({
    repositoryName: 'web',
    branchName: 'main',
    filePath: 'buildspec.yml',
    fileContent: Buffer.from(BUILDSPEC),
    commitMessage: 'say "hello"\nand $(why)',
  });
  ({ commitId } = await codecommit.send(file));
  // Everyone has heard of it, so that a pipeline made from now on does not start for it.
  await house.slipway.house.engine.idle();
  await codebuild.send(
    new CreateProjectCommand({
      name: 'web',
      source: { type: 'CODEPIPELINE' },
      artifacts: { type: 'CODEPIPELINE' },
      environment: {
        type: 'LINUX_CONTAINER',
        image: 'aws/codebuild/standard:7.0',
        computeType: 'BUILD_GENERAL1_SMALL',
      },
      serviceRole: 'arn:aws:iam::123456789012:role/codebuild',
    }),
  );
});
after(() => house.close());

async function createRole(iam: IAMClient, service: string): Promise<void> {
  const policy = (statement: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });
  const trust = policy({ Principal: { Service: `${service}.amazonaws.com` }, Action: 'sts:AssumeRole' });
  await iam.send(new CreateRoleCommand({ RoleName: service, AssumeRolePolicyDocument: trust }));
  await iam.send(
    new PutRolePolicyCommand({
      RoleName: service,
      PolicyName: 'work',
      PolicyDocument: policy({
        Action: ['s3:*', 'logs:*', 'codebuild:*', 'codecommit:*'],
        Resource: '*',
      }),
    }),
  );
}

const typeOf = (category: 'Source' | 'Build' | 'Deploy', provider: string) => ({
  category,
  owner: 'AWS' as const,
  provider,
  version: '1',
});

async function create(name: string, audience: string): Promise<void> {
  const checkout: ActionDeclaration = {
    name: 'Checkout',
    actionTypeId: typeOf('Source', 'CodeCommit'),
    configuration: { RepositoryName: 'web', BranchName: 'main' },
    outputArtifacts: [{ name: 'Code' }],
    namespace: 'Commit',
  };
  const build: ActionDeclaration = {
    name: 'Compile',
    actionTypeId: typeOf('Build', 'CodeBuild'),
    configuration: {
      ProjectName: 'web',
      EnvironmentVariables: JSON.stringify([
        { name: 'AUDIENCE', value: audience },
        { name: 'MESSAGE', value: '#{Commit.CommitMessage}', type: 'PLAINTEXT' },
      ]),
    },
    inputArtifacts: [{ name: 'Code' }],
    outputArtifacts: [{ name: 'Pages' }],
    namespace: 'Built',
  };
  const publish: ActionDeclaration = {
    name: 'Publish',
    actionTypeId: typeOf('Deploy', 'S3'),
    configuration: { BucketName: 'site', Extract: 'true', ObjectKey: `${name}/#{Built.GREETING}` },
    inputArtifacts: [{ name: 'Pages' }],
  };
  await codepipeline.send(
    new CreatePipelineCommand({
      pipeline: {
        name,
        roleArn: 'arn:aws:iam::123456789012:role/codepipeline',
        artifactStore: { type: 'S3', location: 'artifacts' },
        stages: [
          { name: 'Source', actions: [checkout] },
          { name: 'Build', actions: [build] },
          { name: 'Deploy', actions: [publish] },
        ],
      },
    }),
  );
}

function reach(name: string, stage: string, statuses: readonly string[]): Promise<StageState> {
  return until(`${stage} of ${name} to be ${statuses.join(' or ')}`, WITHIN_MS, async () => {
    const { stageStates } = await codepipeline.send(new GetPipelineStateCommand({ name }));
    const found = stageStates?.find((state) => state.stageName === stage);
    return statuses.includes(found?.latestExecution?.status ?? '') ? found : undefined;
  });
}

test('a build gets the commit and its variables, and hands on artifacts and exported variables', async () => {
  await create('web', 'world');
  const built = await reach('web', 'Build', ['Succeeded', 'Failed']);
  assert.equal(built.latestExecution?.status, 'Succeeded', JSON.stringify(built.actionStates));
  await reach('web', 'Deploy', ['Succeeded']);
  const textOf = async (file: string) => {
    const { Body } = await s3.send(
      new GetObjectCommand({ Bucket: 'site', Key: `web/hello world/${file}.txt` }),
    );
    return Body?.transformToString();
  };
  assert.equal(await textOf('page'), 'hello world\n');
  assert.equal(await textOf('origin'), `${commitId} codepipeline/web\n`);
  assert.equal(await textOf('message'), 'say "hello"\nand $(why)');

  const { actionExecutionDetails: [, compile] = [] } = await codepipeline.send(
    new ListActionExecutionsCommand({ pipelineName: 'web' }),
  );
  assert.deepEqual(compile?.output?.outputVariables, { GREETING: 'hello world' });
  const id = compile.output.executionResult?.externalExecutionId ?? '';
  assert.match(id, /^web:[0-9a-f-]{36}$/);
  const { builds: [build] = [] } = await codebuild.send(new BatchGetBuildsCommand({ ids: [id] }));
  assert.equal(build?.initiator, 'codepipeline/web');
});

test('a build that fails is told with its state, and the stage fails', async () => {
  await create('sad', 'nobody');
  const built = await reach('sad', 'Build', ['Failed']);
  const error = built.actionStates?.[0]?.latestExecution?.errorDetails;
  assert.equal(error?.code, 'JobFailed');
  assert.match(error.message ?? '', /^Build terminated with state: FAILED/);
});

test('an execution whose build waits for a place says what for, and no longer once it has one', async () => {
  const environment = {
    type: 'LINUX_CONTAINER',
    image: 'aws/codebuild/standard:7.0',
    computeType: 'BUILD_GENERAL1_SMALL',
  } as const;
  const buildspec = 'version: 0.2\nphases: {build: {commands: [sleep 4712]}}';
  await codebuild.send(
    new CreateProjectCommand({
      name: 'busy',
      source: { type: 'NO_SOURCE', buildspec },
      artifacts: { type: 'NO_ARTIFACTS' },
      environment,
      serviceRole: 'arn:aws:iam::123456789012:role/codebuild',
    }),
  );
  const { build } = await codebuild.send(new StartBuildCommand({ projectName: 'busy' }));
  await create('patient', 'world');
  const said = await until('the reason', WITHIN_MS, async () => {
    const { pipelineExecutionSummaries: [newest] = [] } = await codepipeline.send(
      new ListPipelineExecutionsCommand({ pipelineName: 'patient' }),
    );
    return newest?.statusSummary?.includes('Waits for') ? newest.statusSummary : undefined;
  });
  assert.match(
    said,
    /^Action Compile of stage Build runs in CodeBuild \(web:[0-9a-f-]{36}\): Waits for 2 vCPU/,
  );
  await codebuild.send(new StopBuildCommand({ id: build?.id }));
  await reach('patient', 'Build', ['Succeeded']);
  const { actionExecutionDetails = [] } = await codepipeline.send(
    new ListActionExecutionsCommand({ pipelineName: 'patient' }),
  );
  const compile = actionExecutionDetails.find(({ actionName }) => actionName === 'Compile');
  assert.doesNotMatch(compile?.output?.executionResult?.externalExecutionSummary ?? '', /Waits/);
});
