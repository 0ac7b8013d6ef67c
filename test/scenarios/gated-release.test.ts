/**
 * A gated release, as a regulated team runs it: what is built is scanned, the release manager is asked by mail and
 * answers with rights for nothing else, everything rests encrypted under the team's own key, all of it is on record,
 * and the build moves from a small to a large machine without anything else being touched.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CloudTrail } from '@aws-sdk/client-cloudtrail';
import { CodeBuild } from '@aws-sdk/client-codebuild';
import { CodePipeline, type ActionDeclaration } from '@aws-sdk/client-codepipeline';
import { KMS } from '@aws-sdk/client-kms';
import { SNS } from '@aws-sdk/client-sns';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { approval, createPipelines, ROLE_ARN, type Pipelines, zipOf } from '#test/support/pipelines.ts';
import { type MailReceiver, openMailReceiver, textOfMail } from '#test/support/receivers.ts';
import { until } from '#test/support/until.ts';

const WITHIN_MS = 30_000;
const SECRET_WORDS = 'the recipe that nobody may read';
let house: TestHouse;
let pipelines: Pipelines;
let mail: MailReceiver;
let codebuild: CodeBuild;
let keyArn = '';
let topic = '';

before(async () => {
  mail = await openMailReceiver();
  house = await createTestHouse({ serverEnvironment: { SLIPWAY_SMTP_URL: mail.url } });
  pipelines = await createPipelines(house);
  codebuild = new CodeBuild(house);
  keyArn = (await new KMS(house).createKey({ Description: 'artifacts' })).KeyMetadata?.Arn ?? '';
  const sns = new SNS(house);
  topic = (await sns.createTopic({ Name: 'releases' })).TopicArn ?? '';
  await sns.subscribe({ TopicArn: topic, Protocol: 'email', Endpoint: 'release-manager@example.com' });
  const link = /http:\/\/\S+Action=ConfirmSubscription\S+/.exec(textOfMail(await mail.next(0)))?.[0];
  assert.equal((await fetch(link ?? '')).status, 200);
  const compile = ['mkdir out', 'cp index.html out/', 'echo "built on $(nproc)" >out/machine.txt'];
  await createProject('compile', compile, ['out/**/*']);
  await createProject('scan', ['! grep -rn "eval(" .']);
});
after(async () => {
  pipelines?.close();
  codebuild?.destroy();
  await house?.close();
  await mail?.close();
});

async function createProject(
  name: string,
  commands: readonly string[],
  files?: readonly string[],
): Promise<void> {
  const buildspec = {
    version: '0.2',
    phases: { build: { commands } },
    ...(files && { artifacts: { files } }),
  };
  await codebuild.createProject({
    name,
    source: { type: 'CODEPIPELINE', buildspec: JSON.stringify(buildspec) },
    artifacts: { type: 'CODEPIPELINE' },
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL',
    },
    serviceRole: ROLE_ARN,
    encryptionKey: keyArn,
  });
}

function action(
  category: 'Build' | 'Test' | 'Deploy',
  name: string,
  provider: string,
  configuration: Record<string, string>,
  input: string,
  output?: string,
): ActionDeclaration {
  return {
    name,
    actionTypeId: { category, owner: 'AWS', provider, version: '1' },
    configuration,
    inputArtifacts: [{ name: input }],
    ...(output !== undefined && { outputArtifacts: [{ name: output }] }),
  };
}

/** Somebody with a key of their own, who may do what is named and nothing else. */
async function userOf(name: string, ...actions: readonly string[]): Promise<CodePipeline> {
  await pipelines.iam.createUser({ UserName: name });
  const PolicyDocument = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }],
  });
  await pipelines.iam.putUserPolicy({ UserName: name, PolicyName: 'work', PolicyDocument });
  const { AccessKey } = await pipelines.iam.createAccessKey({ UserName: name });
  const credentials = {
    accessKeyId: AccessKey?.AccessKeyId ?? '',
    secretAccessKey: AccessKey?.SecretAccessKey ?? '',
  };
  return new CodePipeline({ endpoint: house.endpoint, region: house.region, credentials, maxAttempts: 1 });
}

async function change(text: string): Promise<void> {
  await pipelines.s3.putObject({
    Bucket: 'source',
    Key: 'site.zip',
    Body: await zipOf({ 'index.html': text }),
  });
}

test('a release is scanned, asked for by mail, encrypted and recorded, and its build moves to a larger machine', async () => {
  const manager = await userOf('release-manager', 'codepipeline:PutApprovalResult');
  const developer = await userOf(
    'developer',
    'codepipeline:StartPipelineExecution',
    'codepipeline:Get*',
    'codepipeline:List*',
  );

  // What the scan finds never reaches the gate, and nobody is bothered.
  await change(`<script>eval("${SECRET_WORDS}")</script>`);
  const first = await pipelines.create(
    'release',
    [
      {
        name: 'Build',
        actions: [action('Build', 'Compile', 'CodeBuild', { ProjectName: 'compile' }, 'Site', 'Built')],
      },
      { name: 'Check', actions: [action('Test', 'Scan', 'CodeBuild', { ProjectName: 'scan' }, 'Built')] },
      {
        name: 'Gate',
        actions: [approval('Ask', { configuration: { NotificationArn: topic, CustomData: 'Release?' } })],
      },
      {
        name: 'Go',
        actions: [action('Deploy', 'Publish', 'S3', { BucketName: 'site', Extract: 'true' }, 'Built')],
      },
    ],
    { artifactStore: { type: 'S3', location: 'artifacts', encryptionKey: { type: 'KMS', id: keyArn } } },
  );
  await pipelines.reached('release', first, 'Failed');
  const [scan] = (await pipelines.actions('release', first)).filter(
    ({ actionName }) => actionName === 'Scan',
  );
  assert.equal(scan?.status, 'Failed');
  assert.equal(mail.mails.length, 1, 'only the confirmation');

  // Mended, it waits for the manager, who reads the mail and answers with what it says.
  await change(`<p>${SECRET_WORDS}</p>`);
  const { pipelineExecutionId: second = '' } = await developer.startPipelineExecution({ name: 'release' });
  const letter = await mail.next(1);
  assert.match(letter, /^To: release-manager@example\.com\r$/m);
  const [, token = ''] = /\/release\/Gate\/Ask\/approve\/([0-9a-f-]{36})/.exec(textOfMail(letter)) ?? [];
  const answer = {
    pipelineName: 'release',
    stageName: 'Gate',
    actionName: 'Ask',
    token,
    result: { status: 'Approved' as const, summary: 'CAB-7' },
  };
  await assert.rejects(developer.putApprovalResult(answer), { name: 'AccessDeniedException' });
  await assert.rejects(manager.startPipelineExecution({ name: 'release' }), {
    name: 'AccessDeniedException',
  });
  await manager.putApprovalResult(answer);
  await pipelines.reached('release', second, 'Succeeded');
  const { Body } = await pipelines.s3.getObject({ Bucket: 'site', Key: 'out/index.html' });
  assert.equal(await Body?.transformToString(), `<p>${SECRET_WORDS}</p>`);

  // Every artifact rests under the team's key, and the disk shows nothing of it.
  const { Contents = [] } = await pipelines.s3.listObjectsV2({ Bucket: 'artifacts' });
  assert.ok(Contents.length >= 4, 'artifacts of two executions');
  for (const { Key } of Contents) {
    const head = await pipelines.s3.headObject({ Bucket: 'artifacts', Key });
    assert.deepEqual([head.ServerSideEncryption, head.SSEKMSKeyId], ['aws:kms', keyArn], Key);
  }
  const blobs = join(house.directory, 'data', 'objects', 'blobs');
  for (const name of readdirSync(blobs, { recursive: true, encoding: 'utf8' }).filter((each) =>
    each.includes('/'),
  )) {
    assert.ok(!readFileSync(join(blobs, name)).includes(SECRET_WORDS), name);
  }

  // Who asked, who was refused and who said yes is on record, with what was said.
  const trail = new CloudTrail(house);
  const { Events = [] } = await trail.lookupEvents({
    LookupAttributes: [{ AttributeKey: 'EventName', AttributeValue: 'PutApprovalResult' }],
  });
  const records = Events.map(({ CloudTrailEvent = '' }) => JSON.parse(CloudTrailEvent) as ApprovalRecord);
  assert.deepEqual(records.map(({ userIdentity, errorCode }) => [userIdentity.userName, errorCode]).sort(), [
    ['developer', 'AccessDenied'],
    ['release-manager', undefined],
  ]);
  const said = records.find(({ errorCode }) => errorCode === undefined)?.requestParameters;
  assert.equal(said?.result.summary, 'CAB-7');
  const [ask] = (await pipelines.actions('release', second)).filter(({ actionName }) => actionName === 'Ask');
  assert.match(ask?.output?.executionResult?.externalExecutionSummary ?? '', /CAB-7/);
  assert.match(ask?.updatedBy ?? '', /user\/release-manager$/);

  // The build outgrows its machine: one setting, and the next release has the larger one.
  const { project } = await codebuild.updateProject({
    name: 'compile',
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_LARGE',
    },
  });
  assert.equal(project?.encryptionKey, keyArn);
  const { pipelineExecutionId: third = '' } = await developer.startPipelineExecution({ name: 'release' });
  await mail.next(2);
  const { ids = [] } = await codebuild.listBuildsForProject({ projectName: 'compile' });
  const { builds = [] } = await codebuild.batchGetBuilds({ ids });
  const sizes = builds
    .toSorted((a, b) => (a.buildNumber ?? 0) - (b.buildNumber ?? 0))
    .map((build) => build.environment?.computeType);
  assert.deepEqual(sizes, ['BUILD_GENERAL1_SMALL', 'BUILD_GENERAL1_SMALL', 'BUILD_GENERAL1_LARGE']);
  await pipelines.answer('release', third, 'Ask', 'Rejected');
  await until('the release is stopped at the gate', WITHIN_MS, async () =>
    (await pipelines.status('release', third)) === 'Failed' ? true : undefined,
  );
  for (const client of [manager, developer, trail]) client.destroy();
});

interface ApprovalRecord {
  readonly userIdentity: { readonly userName?: string };
  readonly errorCode?: string;
  readonly requestParameters: { readonly result: { readonly summary: string } } | null;
}
