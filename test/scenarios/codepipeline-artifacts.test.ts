/**
 * Scenarios of artifacts at rest: a commit is built and deployed as files, while every artifact lies under the store's
 * KMS key, in a bucket that refuses anything else; and a role that may not use the key is told so.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { KMS } from '@aws-sdk/client-kms';
import { type Clients, connect } from '#scripts/demo/world.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

const WAIT_MS = 60_000;
const BUILDSPEC = `version: 0.2
phases:
  build:
    commands:
      - mkdir -p site/css
      - sed s/WHO/world/ index.html > site/index.html
      - echo 'p {}' > site/css/a.css
artifacts:
  base-directory: site
  files: ['**/*']
`;
const S3_ACTIONS = ['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject', 's3:GetBucketVersioning'];
const PIPELINE_ACTIONS = [
  ...S3_ACTIONS,
  'codecommit:GetRepository',
  'codecommit:GetBranch',
  'codecommit:GetCommit',
  'codecommit:UploadArchive',
  'codecommit:GetUploadArchiveStatus',
  'codebuild:StartBuild',
  'codebuild:BatchGetBuilds',
];
const BUILD_ACTIONS = [...S3_ACTIONS, 'logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'];
const KMS_ACTIONS = ['kms:GenerateDataKey', 'kms:Decrypt'];

let house: TestHouse;
let clients: Clients;
let kms: KMS;

before(async () => {
  house = await createTestHouse();
  clients = connect({ endpoint: house.endpoint, region: house.region, ...house.credentials });
  kms = new KMS({ endpoint: house.endpoint, region: house.region, credentials: house.credentials });
  await clients.codecommit.createRepository({ repositoryName: 'site' });
  await clients.codecommit.createCommit({
    repositoryName: 'site',
    branchName: 'main',
    putFiles: [
      { filePath: 'buildspec.yml', fileContent: Buffer.from(BUILDSPEC) },
      { filePath: 'index.html', fileContent: Buffer.from('hello WHO\n') },
    ],
  });
});
after(() => house.close());

async function createRole(name: string, service: string, actions: readonly string[]): Promise<string> {
  const { Role } = await clients.iam.createRole({
    RoleName: name,
    AssumeRolePolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Principal: { Service: `${service}.amazonaws.com` }, Action: 'sts:AssumeRole' },
      ],
    }),
  });
  const Statement = [{ Effect: 'Allow', Action: actions, Resource: '*' }];
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await clients.iam.putRolePolicy({ RoleName: name, PolicyName: 'work', PolicyDocument });
  return Role?.Arn ?? '';
}

interface World {
  readonly name: string;
  readonly store: string;
  readonly target: string;
}

interface WorldOptions {
  readonly keyId?: string;
  /** What the roles may do besides. */
  readonly further: readonly string[];
  readonly storePolicy?: (bucket: string) => object;
}

/** A pipeline from the repository over a build to files in a bucket; it starts by itself. */
async function createWorld(name: string, options: WorldOptions): Promise<World> {
  const { keyId, further, storePolicy } = options;
  const [store, target] = [`${name}-store`, `${name}-site`];
  for (const Bucket of [store, target]) await clients.s3.createBucket({ Bucket });
  if (storePolicy) {
    await clients.s3.putBucketPolicy({ Bucket: store, Policy: JSON.stringify(storePolicy(store)) });
  }
  await clients.codebuild.createProject({
    name,
    source: { type: 'CODEPIPELINE' },
    artifacts: { type: 'CODEPIPELINE' },
    serviceRole: await createRole(`${name}-build`, 'codebuild', [...BUILD_ACTIONS, ...further]),
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL',
    },
  });
  const owned = { owner: 'AWS', version: '1' } as const;
  await clients.codepipeline.createPipeline({
    pipeline: {
      name,
      roleArn: await createRole(`${name}-pipeline`, 'codepipeline', [...PIPELINE_ACTIONS, ...further]),
      artifactStore: {
        type: 'S3',
        location: store,
        ...(keyId === undefined ? {} : { encryptionKey: { id: keyId, type: 'KMS' } }),
      },
      stages: [
        {
          name: 'Source',
          actions: [
            {
              name: 'Commit',
              actionTypeId: { ...owned, category: 'Source', provider: 'CodeCommit' },
              configuration: { RepositoryName: 'site', BranchName: 'main', PollForSourceChanges: 'false' },
              outputArtifacts: [{ name: 'SourceOfTheSite' }],
            },
          ],
        },
        {
          name: 'Build',
          actions: [
            {
              name: 'Build',
              actionTypeId: { ...owned, category: 'Build', provider: 'CodeBuild' },
              configuration: { ProjectName: name },
              inputArtifacts: [{ name: 'SourceOfTheSite' }],
              outputArtifacts: [{ name: 'Site' }],
            },
          ],
        },
        {
          name: 'Deploy',
          actions: [
            {
              name: 'Files',
              actionTypeId: { ...owned, category: 'Deploy', provider: 'S3' },
              configuration: { BucketName: target, Extract: 'true' },
              inputArtifacts: [{ name: 'Site' }],
            },
          ],
        },
      ],
    },
  });
  return { name, store, target };
}

async function end({ name }: World): Promise<string> {
  return await until(`the end of ${name}`, WAIT_MS, async () => {
    const { pipelineExecutionSummaries: [newest] = [] } = await clients.codepipeline.listPipelineExecutions({
      pipelineName: name,
    });
    return newest?.status === 'InProgress' ? undefined : newest?.status;
  });
}

async function errors({ name }: World): Promise<readonly string[]> {
  const { actionExecutionDetails = [] } = await clients.codepipeline.listActionExecutions({
    pipelineName: name,
  });
  return actionExecutionDetails.flatMap(({ actionName, output }) => {
    const error = output?.executionResult?.errorDetails;
    return error ? [`${actionName} ${error.code} ${error.message}`] : [];
  });
}

/** From inside the house, which counts as a secure connection. */
async function keysIn(bucket: string): Promise<readonly string[]> {
  const { Contents = [] } = await house.slipway.root.send('s3:ListObjectsV2', { Bucket: bucket });
  return Contents.map(({ Key }) => Key ?? '');
}

async function checkSite({ target }: World): Promise<void> {
  assert.deepEqual(await keysIn(target), ['css/a.css', 'index.html']);
  const { Body } = await clients.s3.getObject({ Bucket: target, Key: 'index.html' });
  assert.equal(await Body?.transformToString(), 'hello world\n');
}

async function checkArtifacts({ store }: World, keyArn: string | undefined): Promise<void> {
  for (const Key of await keysIn(store)) {
    const head = await house.slipway.root.send('s3:HeadObject', { Bucket: store, Key });
    assert.deepEqual([Key, head.ServerSideEncryption, head.SSEKMSKeyId], [Key, 'aws:kms', keyArn]);
  }
}

test('scenario 54: a commit is built and deployed as files; its artifacts lie under the store’s key', async () => {
  const { KeyMetadata } = await kms.createKey({});
  await kms.createAlias({ AliasName: 'alias/artifacts', TargetKeyId: KeyMetadata?.KeyId });
  const keyId = `arn:aws:kms:us-east-1:${house.account}:alias/artifacts`;
  const world = await createWorld('a-pipeline-with-a-long-name', { keyId, further: KMS_ACTIONS });
  assert.equal(await end(world), 'Succeeded', (await errors(world)).join());
  await checkSite(world);
  const [source, built, ...others] = (await keysIn(world.store)).toSorted((a, b) => b.length - a.length);
  assert.match(source ?? '', /^a-pipeline-with-a-lo\/SourceOfTh\/[A-Za-z0-9]{7}\.zip$/);
  assert.match(built ?? '', /^a-pipeline-with-a-lo\/Site\/[A-Za-z0-9]{7}$/);
  assert.deepEqual(others, []);
  await checkArtifacts(world, KeyMetadata?.Arn);
});

/** As "Configure server-side encryption for artifacts stored in Amazon S3" of the CodePipeline User Guide has it. */
function documentedPolicy(bucket: string): object {
  const everything = { Effect: 'Deny', Principal: '*', Resource: `arn:aws:s3:::${bucket}/*` };
  return {
    Version: '2012-10-17',
    Id: 'SSEAndSSLPolicy',
    Statement: [
      {
        ...everything,
        Sid: 'DenyUnEncryptedObjectUploads',
        Action: 's3:PutObject',
        Condition: { StringNotEquals: { 's3:x-amz-server-side-encryption': 'aws:kms' } },
      },
      {
        ...everything,
        Sid: 'DenyInsecureConnections',
        Action: 's3:*',
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ],
  };
}

test('scenario 55: a bucket that refuses unencrypted puts takes artifacts, also without a key of the store', async () => {
  const world = await createWorld('strict', { further: [], storePolicy: documentedPolicy });
  assert.equal(await end(world), 'Succeeded', (await errors(world)).join());
  await checkSite(world);
  const { KeyMetadata } = await kms.describeKey({ KeyId: 'alias/aws/s3' });
  await checkArtifacts(world, KeyMetadata?.Arn);
});

test('scenario 55: a role that may not use the store’s key gets a PermissionError, and nothing is stored', async () => {
  const { KeyMetadata } = await kms.createKey({});
  const keyId = KeyMetadata?.Arn ?? '';
  const world = await createWorld('keyless', { keyId, further: [] });
  assert.equal(await end(world), 'Failed');
  const [error, ...others] = await errors(world);
  assert.match(
    error ?? '',
    /^Commit PermissionError The provided role does not have permissions to perform this action\. Underlying error: .*keyless-pipeline.* is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:.* because no identity-based policy allows the kms:GenerateDataKey action/,
  );
  assert.deepEqual(others, []);
  assert.deepEqual(await keysIn(world.store), []);
});
