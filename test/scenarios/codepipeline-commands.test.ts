/** The Commands action, told through the official clients against a real server with real builds. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { action, createWorkshop, SITE, type Workshop } from '#test/support/actions.ts';

let workshop: Workshop;

before(async () => {
  workshop = await createWorkshop();
});
after(() => workshop.close());

/** A pipeline whose second stage is one Commands action. */
function create(name: string, more: Parameters<typeof action>[2], roleArn?: string): Promise<string> {
  const run = action('Run', 'Compute/Commands', { inputArtifacts: SITE, ...more });
  return workshop.pipelines.create(
    name,
    [{ name: 'S2', actions: [run] }],
    roleArn === undefined ? {} : { roleArn },
  );
}

test('scenario 69: commands run in one place, leave variables and files, and their log', async () => {
  const { pipelines, builds, ends, run: runOf, text } = workshop;
  const first = await pipelines.create('commands', [
    {
      name: 'S2',
      actions: [
        action('Run', 'Compute/Commands', {
          inputArtifacts: SITE,
          outputArtifacts: [{ name: 'Out', files: ['made/*'] }],
          commands: ['mkdir made && cd made', 'WORD=$(cat ../index.html)', 'echo "$WORD $GREETING" > a.txt'],
          outputVariables: ['WORD', 'CODEBUILD_INITIATOR'],
          environmentVariables: [{ name: 'GREETING', value: 'of #{codepipeline.PipelineExecutionId}' }],
          namespace: 'Ran',
        }),
      ],
    },
    {
      name: 'S3',
      actions: [
        action('Put', 'Deploy/S3', {
          inputArtifacts: [{ name: 'Out' }],
          configuration: { BucketName: 'site', Extract: 'true', ObjectKey: '#{Ran.WORD}' },
        }),
      ],
    },
  ]);
  await ends('commands', first, 'Succeeded');
  const run = await runOf('commands', first, 'Run');
  assert.deepEqual(run.output?.outputVariables, {
    WORD: 'one',
    CODEBUILD_INITIATOR: 'codepipeline/commands',
  });
  assert.equal(await text('site', 'one/made/a.txt'), `one of ${first}\n`);
  const logGroupName = '/aws/codepipeline/commands';
  const logStreamName = run.actionExecutionId ?? '';
  const { events = [] } = await builds.logs.getLogEvents({ logGroupName, logStreamName });
  assert.ok(events.some(({ message }) => message?.includes('Running command WORD=$(cat ../index.html)')));
  const { logStreamARN, externalExecutionId } = run.output?.executionResult ?? {};
  const stream = `log-group:${logGroupName}:log-stream:${logStreamName}`;
  assert.equal(logStreamARN, `arn:aws:logs:us-east-1:123456789012:${stream}`);
  assert.match(externalExecutionId ?? '', /^codepipeline\.commands:[0-9a-f-]{36}$/);
  assert.deepEqual((await builds.codebuild.listBuilds({})).ids, []);
});

test('scenario 69: a command of several lines is refused at definition', async () => {
  await assert.rejects(create('lines', { commands: ['echo one\necho two'] }), {
    name: 'InvalidActionDeclarationException',
  });
});

test('scenario 69: secrets are there for commands, and in no log, variable or answer', async () => {
  const { root } = workshop.house.slipway;
  const secret = 'the-secret-of-the-shop';
  await root.send('secretsmanager:CreateSecret', { Name: 'shop', SecretString: `{"key":"${secret}"}` });
  const environmentVariables = [{ name: 'KEY', value: 'shop:key', type: 'SECRETS_MANAGER' }] as const;
  const id = await create('secretive', {
    commands: ['echo "key: $KEY"', `test "$KEY" = ${secret} && WORD=right`, 'COPY=$KEY'],
    environmentVariables: [...environmentVariables],
    outputVariables: ['WORD', 'COPY', 'KEY'],
  });
  await workshop.ends('secretive', id, 'Succeeded');
  const run = await workshop.run('secretive', id, 'Run');
  assert.equal(run.output?.outputVariables?.['WORD'], 'right');
  assert.ok(
    !Object.values(run.output?.outputVariables ?? {})
      .join()
      .includes('shop'),
  );
  const log = { logGroupName: '/aws/codepipeline/secretive', logStreamName: run.actionExecutionId ?? '' };
  const { events = [] } = await workshop.builds.logs.getLogEvents(log);
  assert.ok(events.some(({ message }) => message === 'key: ***\n' || message === 'key: ***'));
  // The command itself holds the word, as its writer wanted; what it printed does not.
  const printed = events.filter(({ message }) => !message?.includes('Running command'));
  assert.ok(!JSON.stringify([printed, run]).includes(secret));
  const missing = await create('missing', {
    commands: ['true'],
    environmentVariables: [{ name: 'KEY', value: 'none', type: 'SECRETS_MANAGER' }],
  });
  await workshop.ends('missing', missing, 'Failed');
  assert.match(
    await workshop.error('missing', missing, 'Run'),
    /Secrets Manager Error.*ResourceNotFoundException/,
  );
});

test('the first command that fails ends the action, and says which it was', async () => {
  const id = await create('failing', { commands: ['echo fine', 'exit 7', 'touch never'] });
  await workshop.ends('failing', id, 'Failed');
  assert.equal(
    await workshop.error('failing', id, 'Run'),
    'JobFailed: Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, ' +
      'Message: Error while executing command: exit 7. Reason: exit status 7',
  );
});

test('commands have the permissions of the pipeline role, or of the action role, and no others', async () => {
  const { iam } = workshop.pipelines;
  const document = (statement: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });
  const roleArn = (name: string) => `arn:aws:iam::123456789012:role/${name}`;
  for (const [name, trusted, actions] of [
    ['narrow', { Service: 'codepipeline.amazonaws.com' }, ['s3:*', 'kms:*', 'sts:AssumeRole']],
    ['worker', { AWS: roleArn('narrow') }, ['s3:*', 'kms:*', 'logs:*', 'sts:GetCallerIdentity']],
  ] as const) {
    await iam.createRole({
      RoleName: name,
      AssumeRolePolicyDocument: document({ Principal: trusted, Action: 'sts:AssumeRole' }),
    });
    await iam.putRolePolicy({
      RoleName: name,
      PolicyName: 'work',
      PolicyDocument: document({ Action: actions, Resource: '*' }),
    });
  }
  const denied = await create('narrow', { commands: ['true'] }, roleArn('narrow'));
  await workshop.ends('narrow', denied, 'Failed');
  assert.match(
    await workshop.error('narrow', denied, 'Run'),
    /^PermissionError: Build terminated .*role\/narrow does not allow .*logs:CreateLogStream/,
  );
  const identity = `curl -s -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" "$AWS_CONTAINER_CREDENTIALS_FULL_URI"`;
  const allowed = await create(
    'worker',
    {
      roleArn: roleArn('worker'),
      commands: [`WHO=$(${identity} | grep -o 'role/[a-z]*')`],
      outputVariables: ['WHO'],
    },
    roleArn('narrow'),
  );
  await workshop.ends('worker', allowed, 'Succeeded');
  const run = await workshop.run('worker', allowed, 'Run');
  assert.deepEqual(run.output?.outputVariables, { WHO: 'role/worker' });
});

test('what commands cannot have here they are refused, in words that say so', async () => {
  for (const [name, more, message] of [
    [
      'windows',
      {
        configuration: {
          EnvironmentType: 'WINDOWS_SERVER_2022_CONTAINER',
          ComputeType: 'BUILD_GENERAL1_MEDIUM',
        },
      },
      'Commands cannot run in WINDOWS_SERVER_2022_CONTAINER here, only in LINUX_CONTAINER',
    ],
  ] as const) {
    const id = await create(name, { commands: ['true'], ...(more as object) });
    await workshop.ends(name, id, 'Failed');
    assert.equal(await workshop.error(name, id, 'Run'), `ConfigurationError: ${message}`);
  }
});

test('nobody but CodePipeline can have a build without a project', async () => {
  const { codebuild } = workshop.builds;
  await assert.rejects(
    codebuild.startBuild({
      projectName: 'codepipeline.commands',
      serviceRoleOverride: 'arn:aws:iam::123456789012:role/pipeline',
      buildspecOverride: 'version: 0.2\nphases: {build: {commands: [id]}}',
    }),
    { name: 'ResourceNotFoundException' },
  );
});

test('commands decide as a rule of a condition, with an input and without', async () => {
  const { pipelines, ends } = workshop;
  const condition = (command: string, more: object) => {
    const ruleTypeId = { category: 'Rule', owner: 'AWS', provider: 'Commands', version: '1' } as const;
    return {
      conditions: [
        { result: 'FAIL' as const, rules: [{ name: 'Ask', ruleTypeId, commands: [command], ...more }] },
      ],
    };
  };
  for (const [name, command, more, status] of [
    ['met', 'test "$(cat index.html)" = one', { inputArtifacts: SITE }, 'Succeeded'],
    ['unmet', 'test -e index.html', {}, 'Failed'],
  ] as const) {
    const run = action('Run', 'Compute/Commands', { inputArtifacts: SITE, commands: ['true'] });
    const id = await pipelines.create(name, [
      { name: 'S2', actions: [run], beforeEntry: condition(command, more) },
    ]);
    await ends(name, id, status);
    const { ruleExecutionDetails: [rule] = [] } = await pipelines.codepipeline.listRuleExecutions({
      pipelineName: name,
    });
    assert.equal(rule?.status, status);
    assert.match(rule?.output?.executionResult?.externalExecutionId ?? '', /^codepipeline\.commands:/);
  }
});
