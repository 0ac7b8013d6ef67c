/**
 * Scenarios 1 to 17: what a definition must be, through the official client against a whole Slipway. Every single rule
 * has its test in `core/pipeline/validate*.test.ts`; here is how AWS's words reach a caller.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ActionDeclaration, CodePipeline, type PipelineDeclaration } from '@aws-sdk/client-codepipeline';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createWorker } from '#test/support/job-worker.ts';
import {
  approval,
  createPipelines,
  type Pipelines,
  ROLE_ARN,
  sourceAction,
  stageOf,
} from '#test/support/pipelines.ts';
import { until } from '#test/support/until.ts';

const WITHIN_MS = 20_000;
let house: TestHouse;
let pipelines: Pipelines;
let client: CodePipeline;
before(async () => {
  house = await createTestHouse();
  pipelines = await createPipelines(house);
  client = pipelines.codepipeline;
});
after(async () => {
  pipelines?.close();
  await house?.close();
});

/** A definition as the user guide prints it; nothing is changed but the role. */
const PRINTED = {
  roleArn: ROLE_ARN,
  stages: [
    {
      name: 'Source',
      actions: [
        {
          inputArtifacts: [],
          name: 'Source',
          actionTypeId: { category: 'Source', owner: 'AWS', version: '1', provider: 'CodeCommit' },
          outputArtifacts: [{ name: 'MyApp' }],
          configuration: { PollForSourceChanges: 'false', BranchName: 'main', RepositoryName: 'MyDemoRepo' },
          runOrder: 1,
        },
      ],
    },
    {
      name: 'Deploy',
      actions: [
        {
          inputArtifacts: [{ name: 'MyApp' }],
          name: 'CodePipelineDemoFleet',
          actionTypeId: { category: 'Deploy', owner: 'AWS', version: '1', provider: 'CodeDeploy' },
          outputArtifacts: [],
          configuration: {
            ApplicationName: 'CodePipelineDemoApplication',
            DeploymentGroupName: 'CodePipelineDemoFleet',
          },
          runOrder: 1,
        },
      ],
    },
  ],
  artifactStore: { type: 'S3', location: 'artifacts' },
  name: 'MyFirstPipeline',
  version: 1,
} as const satisfies object;

const printed = (): PipelineDeclaration => structuredClone(PRINTED) as unknown as PipelineDeclaration;

function pipeline(
  name: string,
  actions: readonly ActionDeclaration[],
  more: object = {},
): PipelineDeclaration {
  return {
    name,
    roleArn: ROLE_ARN,
    artifactStore: { type: 'S3', location: 'artifacts' },
    stages: [
      { name: 'S1', actions: [sourceAction('Fetch', { namespace: 'Source' })] },
      { name: 'S2', actions: [...actions] },
    ],
    ...more,
  };
}

function action(
  category: string,
  provider: string,
  more: Partial<ActionDeclaration> = {},
): ActionDeclaration {
  const id = { category, owner: 'AWS', provider, version: '1' } as ActionDeclaration['actionTypeId'];
  return { name: 'Act', actionTypeId: id, ...more };
}

const build = (name: string, more: Partial<ActionDeclaration> = {}): ActionDeclaration =>
  action('Build', 'CodeBuild', {
    name,
    configuration: { ProjectName: 'web' },
    inputArtifacts: [{ name: 'Site' }],
    outputArtifacts: [{ name: `${name}Output` }],
    ...more,
  });

async function refused(
  declaration: PipelineDeclaration,
  name: string,
  message: string | RegExp,
): Promise<void> {
  await assert.rejects(client.createPipeline({ pipeline: declaration }), (error: Error) => {
    assert.equal(error.name, name);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
  const { pipelines: all = [] } = await client.listPipelines({});
  assert.ok(!all.some((each) => each.name === declaration.name), 'nothing was created');
}

test('scenario 1: the printed definition is accepted, completed, and runs once', async () => {
  const { pipeline: created } = await client.createPipeline({ pipeline: printed() });
  const expected = { ...printed(), version: 1, executionMode: 'SUPERSEDED', pipelineType: 'V1' };
  assert.deepEqual(created, expected);
  const { pipeline: stored, metadata } = await client.getPipeline({ name: 'MyFirstPipeline' });
  assert.deepEqual(stored, expected);
  assert.equal(metadata?.pipelineArn, 'arn:aws:codepipeline:us-east-1:123456789012:MyFirstPipeline');
  const { pipelineExecutionSummaries: runs = [] } = await client.listPipelineExecutions({
    pipelineName: 'MyFirstPipeline',
  });
  assert.deepEqual(
    runs.map((run) => run.trigger?.triggerType),
    ['CreatePipeline'],
  );

  const bare = pipeline('bare', [action('Approval', 'Manual')]);
  const { pipeline: completed } = await client.createPipeline({ pipeline: bare });
  const { runOrder, configuration, inputArtifacts, outputArtifacts } =
    completed?.stages?.[1]?.actions?.[0] ?? {};
  assert.deepEqual([runOrder, configuration, inputArtifacts, outputArtifacts], [1, {}, [], []]);
});

test('scenario 2: one stage is not a pipeline', () =>
  refused(
    { ...pipeline('one', []), stages: [{ name: 'S1', actions: [sourceAction()] }] },
    'InvalidStructureException',
    'Pipeline has only 1 stage(s). There should be a minimum of 2 stages in a pipeline',
  ));

test('scenario 3: sources stand in the first stage, and nothing else does', async () => {
  await refused(
    pipeline('late-source', [sourceAction('Late', { outputArtifacts: [{ name: 'Late' }] })]),
    'InvalidStructureException',
    'Source action Late may only occur in the first stage',
  );
  await refused(
    { ...pipeline('early-build', []), stages: [{ name: 'S1', actions: [build('B')] }, stageOf('S2', 'Ask')] },
    'InvalidStructureException',
    'Pipeline should start with a stage that only contains source actions',
  );
});

test('scenario 4: an input artifact comes from an action that is certain to have run', async () => {
  const consumer = build('B', { inputArtifacts: [{ name: 'AOutput' }] });
  const message =
    'Input Artifact Bundle AOutput in action B is not declared as Output Artifact Bundle in any of the preceding actions';
  await refused(pipeline('no-producer', [consumer]), 'InvalidActionDeclarationException', message);
  await refused(pipeline('parallel', [build('A'), consumer]), 'InvalidActionDeclarationException', message);
  await client.createPipeline({ pipeline: pipeline('in-order', [build('A'), { ...consumer, runOrder: 2 }]) });
});

test('scenario 5: output artifacts have names of their own', () =>
  refused(
    pipeline('twice', [build('A', { outputArtifacts: [{ name: 'Site' }] })]),
    'InvalidActionDeclarationException',
    'Output Artifact Bundle name must be unique within the pipeline. Site has been used more than once',
  ));

test('scenario 6: CodeDeploy takes exactly one input', async () => {
  const configuration = { ApplicationName: 'a', DeploymentGroupName: 'g' };
  const none = action('Deploy', 'CodeDeploy', { configuration });
  await refused(
    pipeline('no-input', [none]),
    'InvalidActionDeclarationException',
    'Action Act declares 0 input artifacts which is less than the minimum count (1)',
  );
  const two = { ...none, runOrder: 2, inputArtifacts: [{ name: 'Site' }, { name: 'AOutput' }] };
  await refused(
    pipeline('two-inputs', [build('A'), two]),
    'InvalidActionDeclarationException',
    'Action Act declares 2 input artifacts which is more than the maximum count (1)',
  );
});

test('scenario 7: an unknown provider is not available in the region', () =>
  refused(
    pipeline('unknown', [action('Deploy', 'Heroku')]),
    'InvalidActionDeclarationException',
    "ActionType (Category: 'Deploy', Provider: 'Heroku', Owner: 'AWS', Version: '1') in action 'Act' is not " +
      'available in region US_EAST_1',
  ));

test('scenario 8: required configuration is there, unknown configuration is not', async () => {
  await refused(
    pipeline('missing', [build('A', { configuration: {} })]),
    'InvalidActionDeclarationException',
    "Action configuration for action 'A' is missing required configuration 'ProjectName'",
  );
  await refused(
    pipeline('excess', [build('A', { configuration: { ProjectName: 'p', Colour: 'red' } })]),
    'InvalidActionDeclarationException',
    "Action configuration for action 'A' contains unknown configuration 'Colour'",
  );
});

test('scenario 9: a reference names something that is certain to have run', async () => {
  const start =
    'Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). The ' +
    'following pipeline execution variables are referencing a namespace that does not exist. StageName=[S2], ';
  await refused(
    pipeline('nope', [build('A', { configuration: { ProjectName: '#{Nope.X}' } })]),
    'InvalidActionDeclarationException',
    `${start}ActionName=[A], ActionConfigurationKey=[ProjectName], VariableReferenceText=[#{Nope.X}]`,
  );
  await refused(
    pipeline('beside', [
      build('A', { namespace: 'Beside' }),
      build('B', { configuration: { ProjectName: '#{Beside.X}' } }),
    ]),
    'InvalidActionDeclarationException',
    `${start}ActionName=[B], ActionConfigurationKey=[ProjectName], VariableReferenceText=[#{Beside.X}]`,
  );
});

test('scenario 10: a mode is for V2, which it makes of a pipeline whose type is not said', async () => {
  const queued = { executionMode: 'QUEUED' } as const;
  await refused(
    pipeline('v1', [approval('Ask')], { ...queued, pipelineType: 'V1' }),
    'InvalidStructureException',
    'The pipeline type is V1, and the execution mode QUEUED can be used with the type V2 only',
  );
  const { pipeline: created } = await client.createPipeline({
    pipeline: pipeline('v2', [approval('Ask')], queued),
  });
  assert.equal(created?.pipelineType, 'V2');
});

test('scenario 11: parallel executions are not rolled back', async () => {
  const stages = [
    { name: 'S1', actions: [sourceAction()] },
    { ...stageOf('S2', 'Ask'), onFailure: { result: 'ROLLBACK' as const } },
  ];
  await refused(
    { ...pipeline('parallel-rollback', []), executionMode: 'PARALLEL', stages },
    'InvalidStructureException',
    'The result ROLLBACK cannot be used with the execution mode PARALLEL',
  );
});

test('scenario 12: the role trusts CodePipeline, and the caller may pass it', async () => {
  const roleArn = 'arn:aws:iam::123456789012:role/nobody';
  await refused(
    { ...pipeline('untrusting', [approval('Ask')]), roleArn },
    'InvalidStructureException',
    `CodePipeline is not authorized to perform AssumeRole on role ${roleArn}`,
  );
  await pipelines.iam.createUser({ UserName: 'eve' });
  await pipelines.iam.putUserPolicy({
    UserName: 'eve',
    PolicyName: 'pipelines',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'codepipeline:*', Resource: '*' }],
    }),
  });
  const { AccessKey } = await pipelines.iam.createAccessKey({ UserName: 'eve' });
  const eve = new CodePipeline({
    endpoint: house.endpoint,
    region: house.region,
    credentials: {
      accessKeyId: AccessKey?.AccessKeyId ?? '',
      secretAccessKey: AccessKey?.SecretAccessKey ?? '',
    },
    maxAttempts: 1,
  });
  await assert.rejects(eve.createPipeline({ pipeline: pipeline('eve', [approval('Ask')]) }), {
    name: 'AccessDeniedException',
    message:
      'User: arn:aws:iam::123456789012:user/eve is not authorized to perform: iam:PassRole on resource: ' +
      `${ROLE_ARN} because no identity-based policy allows the iam:PassRole action`,
  });
  eve.destroy();
});

const manyStages = (count: number) => [
  { name: 'S1', actions: [sourceAction()] },
  ...Array.from({ length: count - 1 }, (_, index) => stageOf(`S${index + 2}`, 'Ask')),
];
const manyActions = (count: number) => Array.from({ length: count }, (_, index) => approval(`Ask${index}`));

test('scenario 13: ten stages, and twenty actions in one, are enough unless AWS counts', async () => {
  await client.createPipeline({ pipeline: { ...pipeline('ten', []), stages: manyStages(10) } });
  await client.createPipeline({ pipeline: pipeline('twenty', manyActions(20)) });
  await refused(
    { ...pipeline('eleven', []), stages: manyStages(11) },
    'InvalidStructureException',
    'Pipeline has 11 stages. The maximum number of stages is 10',
  );
  await refused(
    pipeline('twenty-one', manyActions(21)),
    'InvalidStageDeclarationException',
    'Stage S2 has 21 actions. The maximum number of actions in a stage is 20',
  );
  const other = await createTestHouse({ quotas: 'aws' });
  const { codepipeline, close } = await createPipelines(other);
  try {
    await codepipeline.createPipeline({ pipeline: { ...pipeline('fifty', []), stages: manyStages(50) } });
    await assert.rejects(
      codepipeline.createPipeline({ pipeline: { ...pipeline('more', []), stages: manyStages(51) } }),
      { message: 'Pipeline has 51 stages. The maximum number of stages is 50' },
    );
  } finally {
    close();
    await other.close();
  }
});

const TOKEN = 'ghp_5cen4r10F0urteen';
const github = (more: Record<string, string> = {}): ActionDeclaration => ({
  name: 'Fetch',
  actionTypeId: { category: 'Source', owner: 'ThirdParty', provider: 'GitHub', version: '1' },
  configuration: { Owner: 'octocat', Repo: 'web', Branch: 'main', OAuthToken: TOKEN, ...more },
  outputArtifacts: [{ name: 'Code' }],
});
const vault: ActionDeclaration = {
  name: 'Build',
  actionTypeId: { category: 'Build', owner: 'Custom', provider: 'Vault', version: '1' },
  configuration: { ProjectName: 'web', Pin: TOKEN },
  inputArtifacts: [{ name: 'Site' }],
};

test('scenario 14: a secret is shown as asterisks, which keep it where nothing else has changed', async () => {
  const secret = (pipeline: PipelineDeclaration | undefined, stage: number, name: string) =>
    pipeline?.stages?.[stage]?.actions?.[0]?.configuration?.[name];
  const name = 'github';
  const first = { name: 'S1', actions: [github()] };
  const { pipeline: created } = await client.createPipeline({
    pipeline: { ...pipeline(name, []), stages: [first, stageOf('S2', 'Ask')] },
  });
  assert.equal(secret(created, 0, 'OAuthToken'), '****');
  const { pipeline: shown } = await client.getPipeline({ name });
  assert.ok(shown?.stages);
  assert.equal(secret(shown, 0, 'OAuthToken'), '****');
  const { pipeline: updated } = await client.updatePipeline({ pipeline: shown });
  assert.deepEqual([updated?.version, secret(updated, 0, 'OAuthToken')], [2, '****']);

  const kept =
    "Action configuration for action 'Fetch' has asterisks for 'OAuthToken', which keep a stored secret only if " +
    'nothing else in the action has changed, nor the names of action and stage. Give the secret again';
  const fault = { name: 'InvalidActionDeclarationException', message: kept };
  const stages = (stage: string, fetch: ActionDeclaration) => [
    { name: stage, actions: [fetch] },
    stageOf('S2', 'Ask'),
  ];
  const change = (stage: string, fetch: ActionDeclaration) =>
    client.updatePipeline({ pipeline: { ...shown, stages: stages(stage, fetch) } });
  const masked = github({ OAuthToken: '****' });
  await assert.rejects(change('Renamed', masked), fault);
  await assert.rejects(change('S1', github({ OAuthToken: '* * * * *', Branch: 'other' })), fault);
  await change('S1', github({ OAuthToken: '*****' }));
  await assert.rejects(
    client.createPipeline({ pipeline: { ...pipeline('new', []), stages: stages('S1', masked) } }),
    fault,
  );
});

test('scenario 14: the stored secret still works after an update with asterisks, and stands nowhere in clear', async () => {
  const property = { required: true, key: true, secret: false };
  await client.createCustomActionType({
    category: 'Build',
    provider: 'Vault',
    version: '1',
    configurationProperties: [
      { name: 'ProjectName', ...property },
      { name: 'Pin', ...property, secret: true },
    ],
    inputArtifactDetails: { minimumCount: 0, maximumCount: 5 },
    outputArtifactDetails: { minimumCount: 0, maximumCount: 5 },
  });
  const name = 'vault';
  await client.createPipeline({ pipeline: pipeline(name, [vault]) });
  const { pipeline: shown } = await client.getPipeline({ name });
  await client.updatePipeline({ pipeline: shown });
  const executionId = await pipelines.start(name);
  const run = await pipelines.running(name, executionId, 'Build');
  assert.deepEqual(run.input?.configuration, { ProjectName: 'web', Pin: '****' });
  assert.deepEqual(run.input?.resolvedConfiguration, { ProjectName: 'web', Pin: '****' });
  const { endpoint, region, credentials } = house;
  const worker = createWorker({ endpoint, region, credentials, actionTypeId: vault.actionTypeId! });
  try {
    const job = await until('a job', WITHIN_MS, () => worker.poll());
    assert.deepEqual(job.data?.actionConfiguration?.configuration, { ProjectName: 'web', Pin: TOKEN });
  } finally {
    worker.close();
  }
  const files = readdirSync(house.directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(db|db-wal|json|log)$/.test(path))
    .map((path) => [path, readFileSync(join(house.directory, path))] as const);
  assert.ok(
    files.some(([, bytes]) => bytes.includes(PRINTED.name)),
    'the files that are looked into hold what is stored',
  );
  for (const [path, bytes] of files) assert.ok(!bytes.includes(TOKEN), `${path} holds the secret`);
});

test('scenario 15: every version of a pipeline can be read', async () => {
  const name = 'versions';
  const version = (text: string) =>
    pipeline(name, [approval('Ask', { configuration: { CustomData: text } })]);
  await client.createPipeline({ pipeline: version('one') });
  for (const text of ['two', 'three', 'four']) await client.updatePipeline({ pipeline: version(text) });
  const dataOf = async (number?: number) => {
    const { pipeline: read } = await client.getPipeline({ name, ...(number ? { version: number } : {}) });
    return [read?.version, read?.stages?.[1]?.actions?.[0]?.configuration?.['CustomData']];
  };
  assert.deepEqual(await dataOf(2), [2, 'two']);
  assert.deepEqual(await dataOf(), [4, 'four']);
  await assert.rejects(client.getPipeline({ name, version: 9 }), {
    name: 'PipelineVersionNotFoundException',
    message: "Pipeline 'versions' does not have a version 9",
  });
});

test('scenario 16: a name is used once, and deleting twice is as good as once', async () => {
  const declaration = pipeline('x', [approval('Ask')]);
  await client.createPipeline({ pipeline: declaration });
  await assert.rejects(client.createPipeline({ pipeline: declaration }), {
    name: 'PipelineNameInUseException',
    message: "A pipeline with the name 'x' already exists in account '123456789012'",
  });
  await client.deletePipeline({ name: 'x' });
  await client.deletePipeline({ name: 'x' });
  await assert.rejects(client.getPipeline({ name: 'x' }), {
    name: 'PipelineNotFoundException',
    message: "Account '123456789012' does not have a pipeline with name 'x'",
  });
  const { pipeline: again } = await client.createPipeline({ pipeline: declaration });
  assert.equal(again?.version, 1, 'and the name can be used again, without a history');
  await assert.rejects(client.updatePipeline({ pipeline: pipeline('y', [approval('Ask')]) }), {
    name: 'PipelineNotFoundException',
    message: "The account with id '123456789012' does not include a pipeline with the name 'y'",
  });
});

test('scenario 17: an account has three hundred pipelines', async () => {
  const full = await createTestHouse();
  const { codepipeline, close } = await createPipelines(full);
  try {
    const create = (index: number) =>
      codepipeline.createPipeline({ pipeline: pipeline(`p${index}`, [approval('Ask')]) });
    for (let index = 0; index < 300; index += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, at) => create(index + at)));
    }
    await assert.rejects(create(300), {
      name: 'LimitExceededException',
      message: 'The account has 300 pipelines. The maximum is 300',
    });
    const { pipelines: all = [], nextToken } = await codepipeline.listPipelines({ maxResults: 1000 });
    assert.deepEqual([all.length, nextToken], [300, undefined]);
    await codepipeline.deletePipeline({ name: 'p7' });
    await create(300);
  } finally {
    close();
    await full.close();
  }
});

test('the types that a definition may name are listed', async () => {
  const { actionTypes = [] } = await client.listActionTypes({ actionOwnerFilter: 'ThirdParty' });
  assert.deepEqual(
    actionTypes.map(({ id }) => id?.provider),
    ['GitHub'],
  );
  const token = actionTypes[0]?.actionConfigurationProperties?.find(({ name }) => name === 'OAuthToken');
  assert.deepEqual([token?.required, token?.secret], [true, true]);
  const { actionTypes: own = [] } = await client.listActionTypes({ actionOwnerFilter: 'Custom' });
  assert.deepEqual(
    own.map(({ id }) => id?.provider),
    ['Vault'],
  );
  const { ruleTypes = [] } = await client.listRuleTypes({ regionFilter: 'us-east-1' });
  assert.deepEqual(
    ruleTypes.map(({ id }) => id?.provider),
    ['CloudWatchAlarm', 'LambdaInvoke', 'VariableCheck', 'DeploymentWindow', 'CodeBuild', 'Commands'],
  );
  assert.deepEqual((await client.listActionTypes({ regionFilter: 'eu-west-1' })).actionTypes, []);
  assert.deepEqual((await client.listRuleTypes({ regionFilter: 'eu-west-1' })).ruleTypes, []);
});
