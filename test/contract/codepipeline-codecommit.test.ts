/** A pipeline whose source is a CodeCommit repository: commits start it, and its role decides what it may fetch. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CodeCommitClient,
  CreateRepositoryCommand,
  PutFileCommand,
  DeleteBranchCommand,
  CreateBranchCommand,
} from '@aws-sdk/client-codecommit';
import {
  CodePipelineClient,
  CreatePipelineCommand,
  GetPipelineStateCommand,
  ListActionExecutionsCommand,
  ListPipelineExecutionsCommand,
  StartPipelineExecutionCommand,
  type PipelineExecutionSummary,
} from '@aws-sdk/client-codepipeline';
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { CreateBucketCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until as untilWithin } from '#test/support/until.ts';

const WITHIN_MS = 15_000;
const repositoryName = 'web';

let house: TestHouse;
let codepipeline: CodePipelineClient;
let codecommit: CodeCommitClient;
let s3: S3Client;
let iam: IAMClient;
let head: string | undefined;

before(async () => {
  house = await createTestHouse();
  const { endpoint, region, credentials } = house;
  const options = { endpoint, region, credentials, maxAttempts: 1 };
  codepipeline = new CodePipelineClient(options);
  codecommit = new CodeCommitClient(options);
  s3 = new S3Client({ ...options, forcePathStyle: true });
  iam = new IAMClient(options);
  for (const Bucket of ['artifacts', 'site']) await s3.send(new CreateBucketCommand({ Bucket }));
  await codecommit.send(new CreateRepositoryCommand({ repositoryName }));
  await createRole('pipeline', ['codecommit:GetBranch', 'codecommit:GetCommit', 'codecommit:UploadArchive']);
});
after(() => house.close());

async function createRole(RoleName: string, actions: readonly string[]): Promise<void> {
  const policy = (...statements: readonly object[]) =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: statements.map((statement) => ({ Effect: 'Allow', ...statement })),
    });
  await iam.send(
    new CreateRoleCommand({
      RoleName,
      AssumeRolePolicyDocument: policy({
        Principal: { Service: 'codepipeline.amazonaws.com' },
        Action: 'sts:AssumeRole',
      }),
    }),
  );
  await iam.send(
    new PutRolePolicyCommand({
      RoleName,
      PolicyName: 'pipeline',
      PolicyDocument: policy(
        { Action: actions, Resource: 'arn:aws:codecommit:us-east-1:123456789012:web' },
        { Action: ['s3:GetObject', 's3:PutObject'], Resource: 'arn:aws:s3:::*/*' },
      ),
    }),
  );
}

async function commit(text: string, commitMessage = text): Promise<string> {
  const { commitId } = await codecommit.send(
    new PutFileCommand({
      repositoryName,
      branchName: 'main',
      filePath: 'pages/index.html',
      fileContent: Buffer.from(text),
      commitMessage,
      parentCommitId: head,
      name: 'Ann',
      email: 'ann@example.com',
    }),
  );
  assert.ok(commitId);
  head = commitId;
  // Everyone has heard of it, so that a pipeline made from now on does not start for it.
  await house.slipway.house.engine.idle();
  return commitId;
}

async function create(name: string, role = 'pipeline', BranchName = 'main'): Promise<void> {
  await codepipeline.send(
    new CreatePipelineCommand({
      pipeline: {
        name,
        roleArn: `arn:aws:iam::123456789012:role/${role}`,
        artifactStore: { type: 'S3', location: 'artifacts' },
        stages: [
          {
            name: 'Source',
            actions: [
              {
                name: 'Checkout',
                actionTypeId: { category: 'Source', owner: 'AWS', provider: 'CodeCommit', version: '1' },
                configuration: { RepositoryName: repositoryName, BranchName },
                outputArtifacts: [{ name: 'Code' }],
                namespace: 'Commit',
              },
            ],
          },
          {
            name: 'Deploy',
            actions: [
              {
                name: 'Publish',
                actionTypeId: { category: 'Deploy', owner: 'AWS', provider: 'S3', version: '1' },
                configuration: {
                  BucketName: 'site',
                  Extract: 'true',
                  ObjectKey: `${name}/#{Commit.CommitId}`,
                },
                inputArtifacts: [{ name: 'Code' }],
              },
            ],
          },
        ],
      },
    }),
  );
}

async function executionsOf(pipelineName: string): Promise<PipelineExecutionSummary[]> {
  const { pipelineExecutionSummaries = [] } = await codepipeline.send(
    new ListPipelineExecutionsCommand({ pipelineName }),
  );
  return pipelineExecutionSummaries;
}

/** The newest execution, once there are so many and it has ended. */
function ended(pipelineName: string, count: number): Promise<PipelineExecutionSummary> {
  return untilWithin(`execution ${count} of ${pipelineName} to end`, WITHIN_MS, async () => {
    const executions = await executionsOf(pipelineName);
    const [newest] = executions;
    return executions.length === count && newest?.status !== 'InProgress' ? newest : undefined;
  });
}

async function pageOf(key: string): Promise<string | undefined> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'site', Key: `${key}/pages/index.html` }));
  return Body?.transformToString();
}

async function sourceErrorOf(name: string) {
  const { stageStates } = await codepipeline.send(new GetPipelineStateCommand({ name }));
  return stageStates?.[0]?.actionStates?.[0]?.latestExecution?.errorDetails;
}

test('a commit starts the pipeline, and what was committed is deployed', async () => {
  const first = await commit('one');
  await create('pushed');
  assert.equal((await ended('pushed', 1)).status, 'Succeeded');
  assert.equal(await pageOf(`pushed/${first}`), 'one');

  const second = await commit('two', 'say "two"\n\nand why');
  const execution = await ended('pushed', 2);
  assert.equal(execution.status, 'Succeeded');
  assert.deepEqual(execution.trigger, { triggerType: 'PollForSourceChanges', triggerDetail: 'Checkout' });
  assert.equal(execution.sourceRevisions?.[0]?.revisionId, second);
  assert.equal(execution.sourceRevisions?.[0]?.revisionSummary, 'say "two"\n\nand why');
  assert.equal(await pageOf(`pushed/${second}`), 'two');

  const { actionExecutionDetails: [, checkout] = [] } = await codepipeline.send(
    new ListActionExecutionsCommand({
      pipelineName: 'pushed',
      filter: { pipelineExecutionId: execution.pipelineExecutionId },
    }),
  );
  const { AuthorDate, CommitterDate, ...variables } = checkout?.output?.outputVariables ?? {};
  assert.deepEqual(variables, {
    RepositoryName: 'web',
    BranchName: 'main',
    CommitId: second,
    CommitMessage: 'say "two"\n\nand why',
  });
  assert.match(AuthorDate ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(CommitterDate, AuthorDate);
});

test('another branch starts nothing; a deleted branch neither', async () => {
  await create('main-only');
  await ended('main-only', 1);
  await codecommit.send(
    new CreateBranchCommand({ repositoryName, branchName: 'other', commitId: head ?? '' }),
  );
  await codecommit.send(new DeleteBranchCommand({ repositoryName, branchName: 'other' }));
  await commit('three');
  // The events of one repository come in order: what started the second execution came after those.
  await ended('main-only', 2);
  assert.equal((await executionsOf('main-only')).length, 2);
});

test('an execution that names a commit runs that one, though newer ones exist', async () => {
  const older = await commit('older');
  await commit('newer');
  await create('pinned');
  await ended('pinned', 1);
  await codepipeline.send(
    new StartPipelineExecutionCommand({
      name: 'pinned',
      sourceRevisions: [{ actionName: 'Checkout', revisionType: 'COMMIT_ID', revisionValue: older }],
    }),
  );
  const execution = await ended('pinned', 2);
  assert.equal(execution.sourceRevisions?.[0]?.revisionId, older);
  assert.equal(await pageOf(`pinned/${older}`), 'older');
});

test('a role that may not fetch: PermissionError, in the words of AWS', async () => {
  await createRole('blind', ['codecommit:GetBranch', 'codecommit:GetCommit']);
  await create('blind', 'blind');
  assert.equal((await ended('blind', 1)).status, 'Failed');
  const error = await sourceErrorOf('blind');
  assert.equal(error?.code, 'PermissionError');
  assert.match(
    error.message ?? '',
    /^Could not access the CodeCommit repository web\. Make sure that the pipeline IAM role has sufficient permissions to access the repository\. Underlying error: .* is not authorized to perform: codecommit:UploadArchive on resource: arn:aws:codecommit:us-east-1:123456789012:web /,
  );
});

test('a role that may not use the new bucket: PermissionError that names the denied call', async () => {
  const RoleName = 'bucketless';
  await createRole(RoleName, ['codecommit:*']);
  await iam.send(
    new PutRolePolicyCommand({
      RoleName,
      PolicyName: 'pipeline',
      PolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'codecommit:*', Resource: '*' }],
      }),
    }),
  );
  await create(RoleName, RoleName);
  assert.equal((await ended(RoleName, 1)).status, 'Failed');
  const error = await sourceErrorOf(RoleName);
  assert.equal(error?.code, 'PermissionError');
  assert.match(
    error.message ?? '',
    /^The provided role does not have permissions to perform this action\. Underlying error: User: arn:aws:sts::123456789012:assumed-role\/bucketless\/codepipeline-bucketless is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::artifacts\/bucketless\/Code\/\w{7}\.zip /,
  );
});

test('a branch that does not exist is a matter of configuration', async () => {
  await create('nowhere', 'pipeline', 'nowhere');
  assert.equal((await ended('nowhere', 1)).status, 'Failed');
  assert.equal((await sourceErrorOf('nowhere'))?.code, 'ConfigurationError');
});
