/** What built-in actions hand on, told through the official clients against a real server with real builds. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CodeCommit } from '@aws-sdk/client-codecommit';
import { CodeDeploy } from '@aws-sdk/client-codedeploy';
import type { StageDeclaration } from '@aws-sdk/client-codepipeline';
import { EventBridge } from '@aws-sdk/client-eventbridge';
import { SQS } from '@aws-sdk/client-sqs';
import { action, createWorkshop, SITE, type Workshop } from '#test/support/actions.ts';
import { approval } from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';

const HEARD_MS_MAX = 20_000;

let workshop: Workshop;

before(async () => {
  workshop = await createWorkshop();
});
after(() => workshop.close());

const put = (artifact: string, folder: string) =>
  action(`Put${artifact}`, 'Deploy/S3', {
    inputArtifacts: [{ name: artifact }],
    configuration: { BucketName: 'site', Extract: 'true', ObjectKey: folder },
  });

function connection() {
  const { endpoint, region, credentials } = workshop.house;
  return { endpoint, region, credentials, maxAttempts: 1 };
}

/** A build of two inputs whose buildspec makes these of the two outputs that the action declares. */
function stagesOfPair(made: readonly string[]): StageDeclaration[] {
  const buildspec = {
    version: '0.2',
    phases: {
      build: { commands: ['cat extra.txt > a.txt', 'cat $CODEBUILD_SRC_DIR_Site/index.html > b.txt'] },
    },
    artifacts: {
      files: ['**/*'],
      'secondary-artifacts': Object.fromEntries(
        made.map((name) => [name, { files: [`${name.toLowerCase()}.txt`] }]),
      ),
    },
  };
  const prepare = action('Prepare', 'Compute/Commands', {
    inputArtifacts: SITE,
    outputArtifacts: [{ name: 'Extra', files: ['extra.txt'] }],
    commands: ['echo extra > extra.txt'],
  });
  const build = action('Build', 'Build/CodeBuild', {
    runOrder: 2,
    inputArtifacts: [...SITE, { name: 'Extra' }],
    outputArtifacts: [{ name: 'A' }, { name: 'B' }],
    configuration: {
      ProjectName: 'pair',
      PrimarySource: 'Extra',
      BuildspecOverride: JSON.stringify(buildspec),
    },
  });
  return [
    { name: 'S2', actions: [prepare, build] },
    { name: 'S3', actions: [put('A', 'pair'), put('B', 'pair')] },
  ];
}

test('scenario 56: a build with two inputs and two outputs, and one that leaves out an output', async () => {
  const { pipelines, createProject, ends, error, text } = workshop;
  await createProject('pair');
  const first = await pipelines.create('pair', stagesOfPair(['A', 'B']));
  await ends('pair', first, 'Succeeded');
  assert.equal(await text('site', 'pair/a.txt'), 'extra\n');
  assert.equal(await text('site', 'pair/b.txt'), 'one');
  const second = await pipelines.create('missing', stagesOfPair(['A']));
  await ends('missing', second, 'Failed');
  assert.equal(
    await error('missing', second, 'Build'),
    'JobFailed: Build terminated with state: FAILED. Phase: UPLOAD_ARTIFACTS, Code: CLIENT_ERROR, ' +
      'Message: no definition for secondary artifact B',
  );
});

async function createRepository(repositoryName: string, commitMessage: string): Promise<void> {
  const codecommit = new CodeCommit(connection());
  await codecommit.createRepository({ repositoryName });
  const fileContent = Buffer.from('hello');
  const branchName = 'main';
  await codecommit.putFile({ repositoryName, branchName, filePath: 'a.txt', fileContent, commitMessage });
  codecommit.destroy();
}

test('scenario 57: a message with quotes and line breaks arrives unchanged wherever it is used', async () => {
  const { pipelines, createProject, ends, run, text } = workshop;
  const message = 'say "hello" to `all`\n$(and) \'everyone\' \\n #1';
  await createRepository('quotes', message);
  await createProject('quotes');
  const buildspec = {
    version: '0.2',
    env: { 'exported-variables': ['COPY'] },
    phases: { build: { commands: ['COPY="$MESSAGE"', 'printf %s "$MESSAGE" > message.txt'] } },
    artifacts: { files: ['message.txt'] },
  };
  const variable = { name: 'MESSAGE', value: '#{Source.CommitMessage}' };
  const build = action('Build', 'Build/CodeBuild', {
    inputArtifacts: SITE,
    outputArtifacts: [{ name: 'Built' }],
    configuration: {
      ProjectName: 'quotes',
      BuildspecOverride: JSON.stringify(buildspec),
      EnvironmentVariables: JSON.stringify([variable]),
    },
    namespace: 'Build',
  });
  const commands = action('Run', 'Compute/Commands', {
    inputArtifacts: SITE,
    commands: ['SEEN="$MESSAGE"', 'echo safe # #{codepipeline.PipelineExecutionId}'],
    environmentVariables: [variable],
    outputVariables: ['SEEN'],
  });
  const source = action('Fetch', 'Source/CodeCommit', {
    outputArtifacts: SITE,
    configuration: { RepositoryName: 'quotes', BranchName: 'main', PollForSourceChanges: 'false' },
    namespace: 'Source',
  });
  const ask = approval('Ask', { runOrder: 2, configuration: { CustomData: 'Deploy #{Build.COPY}?' } });
  const first = await pipelines.create('quotes', [], {
    stages: [
      { name: 'S1', actions: [source] },
      { name: 'S2', actions: [build, commands] },
      { name: 'S3', actions: [put('Built', 'quotes'), ask] },
    ],
  });
  await pipelines.answer('quotes', first, 'Ask', 'Approved');
  await ends('quotes', first, 'Succeeded');
  assert.equal(await text('site', 'quotes/message.txt'), message);
  assert.deepEqual((await run('quotes', first, 'Run')).output?.outputVariables, { SEEN: message });
  const asked = await run('quotes', first, 'Ask');
  assert.equal(asked.input?.resolvedConfiguration?.['CustomData'], `Deploy ${message}?`);
});

test('variables of a build may name parameters and secrets, and the pipeline shows only their names', async () => {
  const { pipelines, builds, createProject, ends, run, house } = workshop;
  const { root } = house.slipway;
  const secret = 'the-key-of-the-pipeline';
  await root.send('ssm:PutParameter', { Name: '/pipeline/one', Value: 'the second', Type: 'String' });
  await root.send('secretsmanager:CreateSecret', { Name: 'pipeline', SecretString: `{"key":"${secret}"}` });
  await builds.iam.putRolePolicy({
    RoleName: 'build',
    PolicyName: 'values',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: ['ssm:GetParameters', 'secretsmanager:GetSecretValue'],
          Resource: [
            'arn:aws:ssm:us-east-1:123456789012:parameter/pipeline/*',
            'arn:aws:secretsmanager:us-east-1:123456789012:secret:pipeline-??????',
          ],
        },
      ],
    }),
  });
  await createProject('values');
  const buildspec = {
    version: '0.2',
    env: { 'exported-variables': ['ONE', 'KEY', 'COPY'] },
    phases: { build: { commands: ['echo "[$ONE] [$KEY]"; COPY=$KEY', `test "$KEY" = ${secret}`] } },
  };
  const first = await pipelines.create('values', [
    {
      name: 'S2',
      actions: [
        action('Build', 'Build/CodeBuild', {
          inputArtifacts: SITE,
          configuration: {
            ProjectName: 'values',
            BuildspecOverride: JSON.stringify(buildspec),
            EnvironmentVariables: JSON.stringify([
              { name: 'ONE', value: '/pipeline/#{Of.NAME}', type: 'PARAMETER_STORE' },
              { name: 'KEY', value: 'pipeline:key', type: 'SECRETS_MANAGER' },
            ]),
          },
          runOrder: 2,
        }),
        action('Name', 'Compute/Commands', {
          inputArtifacts: SITE,
          commands: ['NAME=one'],
          outputVariables: ['NAME'],
          namespace: 'Of',
        }),
      ],
    },
  ]);
  await ends('values', first, 'Succeeded');
  const built = await run('values', first, 'Build');
  const build = await builds.get(built.output?.executionResult?.externalExecutionId);
  assert.deepEqual(await builds.output(build), ['[***] [***]']);
  const shown = JSON.stringify([built, await pipelines.actions('values', first)]);
  assert.ok(!shown.includes(`"${secret}"`) && shown.includes('pipeline:key'));
  assert.deepEqual(built.output?.outputVariables ?? {}, {});
});

test('scenario 58: a variable that its action did not set fails the one that refers to it', async () => {
  const { pipelines, ends, error } = workshop;
  const first = await pipelines.create('unset', [
    {
      name: 'S2',
      actions: [
        action('Run', 'Compute/Commands', {
          inputArtifacts: SITE,
          commands: ['true'],
          outputVariables: ['NEVER_SET'],
          namespace: 'Ran',
        }),
      ],
    },
    { name: 'S3', actions: [put('Site', 'unset/#{Ran.NEVER_SET}')] },
  ]);
  await ends('unset', first, 'Failed');
  assert.match(await error('unset', first, 'PutSite'), /^ConfigurationError: .*#\{Ran\.NEVER_SET\}/);
});

interface Heard {
  readonly detail: Readonly<Record<string, unknown>>;
}

/** From now on the next event of a failed action can be waited for. */
async function hearFailures(): Promise<() => Promise<Heard>> {
  const sqs = new SQS(connection());
  const events = new EventBridge(connection());
  const Arn = 'arn:aws:sqs:us-east-1:123456789012:failures';
  const statement = {
    Effect: 'Allow',
    Principal: { Service: 'events.amazonaws.com' },
    Action: 'sqs:SendMessage',
    Resource: Arn,
  };
  const { QueueUrl } = await sqs.createQueue({
    QueueName: 'failures',
    Attributes: { Policy: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }) },
  });
  const pattern = {
    source: ['aws.codepipeline'],
    'detail-type': ['CodePipeline Action Execution State Change'],
    detail: { state: ['FAILED'] },
  };
  await events.putRule({ Name: 'failures', EventPattern: JSON.stringify(pattern) });
  await events.putTargets({ Rule: 'failures', Targets: [{ Id: 'queue', Arn }] });
  events.destroy();
  return async () => {
    const body = await until('an event', HEARD_MS_MAX, async () => {
      const { Messages = [] } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 1 });
      return Messages[0]?.Body;
    });
    sqs.destroy();
    return JSON.parse(body) as Heard;
  };
}

test('scenario 66: what CodeDeploy says is the error of the action and the result in its event', async () => {
  const { pipelines, ends, error, run } = workshop;
  const principal = {
    Effect: 'Allow',
    Principal: { Service: 'codedeploy.amazonaws.com' },
    Action: 'sts:AssumeRole',
  };
  const { Role } = await pipelines.iam.createRole({
    RoleName: 'deploy',
    AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [principal] }),
  });
  const codedeploy = new CodeDeploy(connection());
  await codedeploy.createApplication({ applicationName: 'empty', computePlatform: 'Server' });
  await codedeploy.createDeploymentGroup({
    applicationName: 'empty',
    deploymentGroupName: 'nobody',
    serviceRoleArn: Role?.Arn,
  });
  codedeploy.destroy();
  const next = await hearFailures();
  const deploy = action('Deploy', 'Deploy/CodeDeploy', {
    inputArtifacts: SITE,
    configuration: { ApplicationName: 'empty', DeploymentGroupName: 'nobody' },
  });
  const first = await pipelines.create('empty', [{ name: 'S2', actions: [deploy] }]);
  await ends('empty', first, 'Failed');
  const said = await error('empty', first, 'Deploy');
  assert.match(said, /^JobFailed: No hosts were found for the deployment group\./);
  const { detail } = await next();
  const result = detail['execution-result'] as Record<string, unknown>;
  assert.equal(`${String(result['error-code'])}: ${String(result['external-execution-summary'])}`, said);
  const { externalExecutionId } = (await run('empty', first, 'Deploy')).output?.executionResult ?? {};
  assert.match(externalExecutionId ?? '', /^d-[A-Z0-9]{9}$/);
  assert.equal(result['external-execution-id'], externalExecutionId);
});

test('scenario 68: a pipeline starts another with a variable and a revision, and does not wait for it', async () => {
  const { pipelines, ends, run, error } = workshop;
  const bucket = { Bucket: 'source', Key: 'site.zip' };
  const { VersionId } = await pipelines.s3.headObject(bucket);
  await pipelines.s3.copyObject({
    ...bucket,
    CopySource: 'source/site.zip',
    Metadata: { newer: '1' },
    MetadataDirective: 'REPLACE',
  });
  await pipelines.create('child', [{ name: 'S2', actions: [approval('Wait')] }], {
    variables: [{ name: 'WORD', defaultValue: 'none' }],
  });
  const invoke = (PipelineName: string, more: Record<string, string> = {}) =>
    action('Start', 'Invoke/CodePipeline', { configuration: { PipelineName, ...more } });
  const revision = { actionName: 'Fetch', revisionType: 'S3_OBJECT_VERSION_ID', revisionValue: VersionId };
  const first = await pipelines.create('parent', [
    {
      name: 'S2',
      actions: [
        invoke('child', {
          Variables: JSON.stringify([{ name: 'WORD', value: 'from "#{codepipeline.PipelineExecutionId}"' }]),
          SourceRevisions: JSON.stringify([revision]),
        }),
      ],
    },
  ]);
  await ends('parent', first, 'Succeeded');
  const child = (await run('parent', first, 'Start')).output?.executionResult?.externalExecutionId ?? '';
  await pipelines.arrived('child', 'S2', child);
  const { pipelineExecution } = await pipelines.codepipeline.getPipelineExecution({
    pipelineName: 'child',
    pipelineExecutionId: child,
  });
  assert.equal(pipelineExecution?.status, 'InProgress');
  assert.deepEqual(pipelineExecution?.variables, [{ name: 'WORD', resolvedValue: `from "${first}"` }]);
  assert.equal(pipelineExecution?.artifactRevisions?.[0]?.revisionId, VersionId);
  assert.equal(pipelineExecution?.trigger?.triggerType, 'StartPipelineExecution');

  const lost = await pipelines.create('orphan', [{ name: 'S2', actions: [invoke('nowhere')] }]);
  await ends('orphan', lost, 'Failed');
  assert.match(await error('orphan', lost, 'Start'), /^ConfigurationError: .*nowhere/);
});

test('an action whose service is not carried fails, and says which it is', async () => {
  const { pipelines, ends, error } = workshop;
  const deploy = action('Roll', 'Deploy/ECS', {
    inputArtifacts: SITE,
    configuration: { ClusterName: 'c', ServiceName: 's' },
  });
  const first = await pipelines.create('ecs', [{ name: 'S2', actions: [deploy] }]);
  await ends('ecs', first, 'Failed');
  assert.equal(
    await error('ecs', first, 'Roll'),
    'ConfigurationError: This Slipway does not carry Amazon ECS yet: the action Roll cannot run',
  );
});
