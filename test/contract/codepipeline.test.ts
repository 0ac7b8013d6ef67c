/**
 * CodePipeline through the official client, against a whole Slipway: an S3 source, a manual approval and an S3 deploy,
 * under a role that policies rule.
 */

import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import {
  CodePipelineClient,
  CreatePipelineCommand,
  DeletePipelineCommand,
  DisableStageTransitionCommand,
  EnableStageTransitionCommand,
  GetPipelineCommand,
  GetPipelineExecutionCommand,
  GetPipelineStateCommand,
  ListActionExecutionsCommand,
  ListPipelineExecutionsCommand,
  ListPipelinesCommand,
  ListTagsForResourceCommand,
  PutApprovalResultCommand,
  RetryStageExecutionCommand,
  StartPipelineExecutionCommand,
  StopPipelineExecutionCommand,
  TagResourceCommand,
  UpdatePipelineCommand,
  type PipelineDeclaration,
  type StageState,
} from '@aws-sdk/client-codepipeline';
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { ZipFile } from 'yazl';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { postgresSkip, startPostgres, type Cluster } from '#test/support/postgres.ts';
import { until as untilWithin } from '#test/support/until.ts';

for (const kind of ['SQLite', 'PostgreSQL'] as const) {
  describe(`on ${kind}`, { skip: kind === 'PostgreSQL' && postgresSkip }, () => tellStories(kind));
}

function tellStories(kind: 'SQLite' | 'PostgreSQL'): void {
  /** Waits for what takes some milliseconds, on a machine that may be busy. */
  const until = <Value>(what: string, ask: () => Promise<Value | undefined>) =>
    untilWithin(what, 15_000, ask);

  let house: TestHouse;
  let cluster: Cluster | undefined;
  let codepipeline: CodePipelineClient;
  let s3: S3Client;
  let iam: IAMClient;

  before(async () => {
    if (kind === 'PostgreSQL') {
      cluster = await startPostgres();
      house = await createTestHouse({ databaseUrl: await cluster.createDatabase() });
    } else {
      house = await createTestHouse();
    }
    connect();
    for (const Bucket of ['source', 'artifacts', 'site', 'private']) {
      await s3.send(new CreateBucketCommand({ Bucket }));
    }
    const versioned = { Bucket: 'source', VersioningConfiguration: { Status: 'Enabled' } } as const;
    await s3.send(new PutBucketVersioningCommand(versioned));
    await s3.send(new PutObjectCommand({ Bucket: 'source', Key: 'site.zip', Body: await zipOf('one') }));
    await createRole('pipeline', ['source', 'artifacts', 'site']);
  });
  after(async () => {
    await house.close();
    await cluster?.stop();
  });

  function connect() {
    const { endpoint, region, credentials } = house;
    const options = { endpoint, region, credentials, maxAttempts: 1 };
    codepipeline = new CodePipelineClient(options);
    s3 = new S3Client({ ...options, forcePathStyle: true });
    iam = new IAMClient(options);
  }

  function zipOf(text: string): Promise<Buffer> {
    const zip = new ZipFile();
    zip.addBuffer(Buffer.from(`<h1>${text}</h1>`), 'index.html');
    zip.addBuffer(Buffer.from('{}'), 'data/empty.json');
    zip.end();
    return buffer(zip.outputStream);
  }

  async function createRole(RoleName: string, buckets: readonly string[], service = 'codepipeline') {
    const policy = (statement: object) =>
      JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });
    await iam.send(
      new CreateRoleCommand({
        RoleName,
        AssumeRolePolicyDocument: policy({
          Principal: { Service: `${service}.amazonaws.com` },
          Action: 'sts:AssumeRole',
        }),
      }),
    );
    await iam.send(
      new PutRolePolicyCommand({
        RoleName,
        PolicyName: 'buckets',
        PolicyDocument: policy({
          Action: 's3:*',
          Resource: buckets.flatMap((bucket) => [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]),
        }),
      }),
    );
  }

  const roleArn = (name: string) => `arn:aws:iam::123456789012:role/${name}`;

  function declarationOf(name: string, target = 'site', prefix = name): PipelineDeclaration {
    return {
      name,
      roleArn: roleArn('pipeline'),
      artifactStore: { type: 'S3', location: 'artifacts' },
      stages: [
        {
          name: 'Source',
          actions: [
            {
              name: 'Fetch',
              actionTypeId: { category: 'Source', owner: 'AWS', provider: 'S3', version: '1' },
              configuration: { S3Bucket: 'source', S3ObjectKey: `${name}.zip` },
              outputArtifacts: [{ name: 'Site' }],
              namespace: 'Fetched',
            },
          ],
        },
        {
          name: 'Review',
          actions: [
            {
              name: 'Approve',
              actionTypeId: { category: 'Approval', owner: 'AWS', provider: 'Manual', version: '1' },
              configuration: { CustomData: 'Version #{Fetched.VersionId}' },
            },
          ],
        },
        {
          name: 'Deploy',
          actions: [
            {
              name: 'Publish',
              actionTypeId: { category: 'Deploy', owner: 'AWS', provider: 'S3', version: '1' },
              configuration: { BucketName: target, Extract: 'true', ObjectKey: prefix },
              inputArtifacts: [{ name: 'Site' }],
            },
          ],
        },
      ],
    };
  }

  async function create(pipeline: PipelineDeclaration): Promise<void> {
    const Key = pipeline.stages?.[0]?.actions?.[0]?.configuration?.['S3ObjectKey'];
    await s3.send(new PutObjectCommand({ Bucket: 'source', Key, Body: await zipOf('one') }));
    // The news of this object must not start the pipeline a second time.
    await house.slipway.house.engine.idle();
    await codepipeline.send(new CreatePipelineCommand({ pipeline }));
  }

  async function stageOf(name: string, stage: string): Promise<StageState> {
    const { stageStates } = await codepipeline.send(new GetPipelineStateCommand({ name }));
    const found = stageStates?.find((candidate) => candidate.stageName === stage);
    assert.ok(found);
    return found;
  }

  const latest = (stage: StageState) => stage.actionStates?.[0]?.latestExecution;

  /** The state of a stage once its latest execution has the status. */
  function reach(name: string, stage: string, status: string): Promise<StageState> {
    return until(`${stage} of ${name} is ${status}`, async () => {
      const state = await stageOf(name, stage);
      return state.latestExecution?.status === status ? state : undefined;
    });
  }

  /** The token of the pending approval. */
  function asked(name: string, not?: string): Promise<string> {
    return until(`${name} asks`, async () => {
      const token = latest(await stageOf(name, 'Review'))?.token;
      return token === not ? undefined : token;
    });
  }

  async function answer(pipelineName: string, status: 'Approved' | 'Rejected', token?: string) {
    return codepipeline.send(
      new PutApprovalResultCommand({
        pipelineName,
        stageName: 'Review',
        actionName: 'Approve',
        result: { status, summary: 'looked at it' },
        token: token ?? (await asked(pipelineName)),
      }),
    );
  }

  async function refused(promise: Promise<unknown>, name: string, message: RegExp | string): Promise<void> {
    await assert.rejects(promise, (error: Error) => {
      assert.equal(error.name, name);
      if (typeof message === 'string') assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    });
  }

  test('what was created is what GetPipeline answers, with the defaults filled in', async () => {
    const pipeline = declarationOf('round-trip');
    await create(pipeline);
    const answered = await codepipeline.send(new GetPipelineCommand({ name: 'round-trip' }));
    assert.deepEqual(answered.pipeline, {
      ...pipeline,
      stages: pipeline.stages?.map((stage) => ({
        ...stage,
        actions: stage.actions?.map((action) => ({
          runOrder: 1,
          configuration: {},
          inputArtifacts: [],
          outputArtifacts: [],
          ...action,
        })),
      })),
      version: 1,
      executionMode: 'SUPERSEDED',
      pipelineType: 'V1',
    });
    assert.equal(answered.metadata?.pipelineArn, 'arn:aws:codepipeline:us-east-1:123456789012:round-trip');
    const { pipelines } = await codepipeline.send(new ListPipelinesCommand({}));
    assert.ok(pipelines?.some((summary) => summary.name === 'round-trip' && summary.version === 1));
  });

  test('a source, an approval and a deployment run under the role, and the files arrive', async () => {
    await create(declarationOf('story'));
    const token = await asked('story');
    const review = await stageOf('story', 'Review');
    assert.match(latest(review)?.summary ?? '', /^Version .+/);
    const { approvedAt } = await answer('story', 'Approved', token);
    assert.ok(approvedAt instanceof Date);
    await reach('story', 'Deploy', 'Succeeded');

    const page = await s3.send(new GetObjectCommand({ Bucket: 'site', Key: 'story/index.html' }));
    assert.equal(await page.Body?.transformToString(), '<h1>one</h1>');
    assert.equal(page.ContentType, 'text/html');

    const { pipelineExecutionSummaries: [execution] = [] } = await codepipeline.send(
      new ListPipelineExecutionsCommand({ pipelineName: 'story' }),
    );
    assert.equal(execution?.status, 'Succeeded');
    assert.equal(execution.trigger?.triggerType, 'CreatePipeline');
    assert.equal(execution.sourceRevisions?.[0]?.actionName, 'Fetch');
    const { pipelineExecution } = await codepipeline.send(
      new GetPipelineExecutionCommand({
        pipelineName: 'story',
        pipelineExecutionId: execution.pipelineExecutionId,
      }),
    );
    assert.equal(pipelineExecution?.artifactRevisions?.[0]?.name, 'Site');

    const { actionExecutionDetails: actions = [] } = await codepipeline.send(
      new ListActionExecutionsCommand({ pipelineName: 'story' }),
    );
    assert.deepEqual(
      actions.map(({ actionName, status }) => `${actionName} ${status}`),
      ['Publish Succeeded', 'Approve Succeeded', 'Fetch Succeeded'],
    );
    const [publish, approve, fetch] = actions;
    assert.equal(approve?.updatedBy, 'arn:aws:iam::123456789012:root');
    assert.equal(approve.output?.executionResult?.externalExecutionSummary, 'looked at it');
    assert.equal(approve.input?.configuration?.['CustomData'], 'Version #{Fetched.VersionId}');
    assert.match(approve.input.resolvedConfiguration?.['CustomData'] ?? '', /^Version [^#]+$/);
    assert.deepEqual(Object.keys(fetch?.output?.outputVariables ?? {}).sort(), [
      'BucketName',
      'ETag',
      'ObjectKey',
      'VersionId',
    ]);
    const location = fetch?.output?.outputArtifacts?.[0]?.s3location;
    assert.match(location?.key ?? '', /^story\/Site\/[A-Za-z0-9]{7}\.zip$/);
    assert.deepEqual(publish?.input?.inputArtifacts, [{ name: 'Site', s3location: location }]);

    await refused(
      answer('story', 'Rejected', token),
      'ApprovalAlreadyCompletedException',
      'The approval action has already been approved or rejected',
    );
  });

  test('a new object starts the pipeline, without polling', async () => {
    await create(declarationOf('watch'));
    const first = await asked('watch');
    await s3.send(new PutObjectCommand({ Bucket: 'source', Key: 'watch.zip', Body: await zipOf('two') }));
    await until('the second execution waits', async () => {
      const { inboundExecution } = await stageOf('watch', 'Review');
      return inboundExecution?.pipelineExecutionId;
    });
    await answer('watch', 'Rejected', first);
    await asked('watch', first);
    const { pipelineExecutionSummaries: [newest] = [] } = await codepipeline.send(
      new ListPipelineExecutionsCommand({ pipelineName: 'watch' }),
    );
    assert.deepEqual(newest?.trigger, { triggerType: 'PollForSourceChanges', triggerDetail: 'Fetch' });
  });

  test('a role that may not write the bucket: PermissionError with the text of the denial; retry works after', async () => {
    await create(declarationOf('denied', 'private'));
    await answer('denied', 'Approved');
    const failed = await reach('denied', 'Deploy', 'Failed');
    const error = latest(failed)?.errorDetails;
    assert.equal(error?.code, 'PermissionError');
    assert.match(
      error.message ?? '',
      /^The provided role does not have permissions to perform this action\. Underlying error: .*assumed-role\/pipeline\/codepipeline-denied is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::private\/denied\/\S+ because no identity-based policy allows the s3:PutObject action$/,
    );
    const { actionExecutionDetails: [detail] = [] } = await codepipeline.send(
      new ListActionExecutionsCommand({ pipelineName: 'denied' }),
    );
    assert.equal(detail?.output?.executionResult?.errorDetails?.code, 'PermissionError');

    await iam.send(
      new PutRolePolicyCommand({
        RoleName: 'pipeline',
        PolicyName: 'more',
        PolicyDocument: JSON.stringify({
          Version: '2012-10-17',
          Statement: { Effect: 'Allow', Action: 's3:PutObject', Resource: 'arn:aws:s3:::private/*' },
        }),
      }),
    );
    const pipelineExecutionId = failed.latestExecution?.pipelineExecutionId;
    const retried = await codepipeline.send(
      new RetryStageExecutionCommand({
        pipelineName: 'denied',
        stageName: 'Deploy',
        pipelineExecutionId,
        retryMode: 'FAILED_ACTIONS',
      }),
    );
    assert.equal(retried.pipelineExecutionId, pipelineExecutionId);
    const done = await reach('denied', 'Deploy', 'Succeeded');
    assert.equal(done.retryStageMetadata?.manualStageRetryAttempt, 1);
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: 'private' }));
    assert.deepEqual(
      Contents?.map((object) => object.Key),
      ['denied/data/empty.json', 'denied/index.html'],
    );
  });

  test('an action with a role of its own acts under it', async () => {
    const allow = (RoleName: string, PolicyName: string, statement: object) =>
      iam.send(
        new PutRolePolicyCommand({
          RoleName,
          PolicyName,
          PolicyDocument: JSON.stringify({
            Version: '2012-10-17',
            Statement: [{ Effect: 'Allow', ...statement }],
          }),
        }),
      );
    await s3.send(new CreateBucketCommand({ Bucket: 'theirs' }));
    await iam.send(
      new CreateRoleCommand({
        RoleName: 'deployer',
        AssumeRolePolicyDocument: JSON.stringify({
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Principal: { AWS: '123456789012' }, Action: 'sts:AssumeRole' }],
        }),
      }),
    );
    const Resource = ['arn:aws:s3:::theirs/*', 'arn:aws:s3:::artifacts/*'];
    await allow('deployer', 'deploy', { Action: ['s3:PutObject', 's3:GetObject'], Resource });
    const pipeline = declarationOf('chained', 'theirs');
    const [publish] = pipeline.stages?.[2]?.actions ?? [];
    assert.ok(publish);
    publish.roleArn = roleArn('deployer');
    await create(pipeline);
    await answer('chained', 'Approved');
    const failed = await reach('chained', 'Deploy', 'Failed');
    assert.deepEqual(latest(failed)?.errorDetails, {
      code: 'PermissionError',
      message:
        'The provided role does not have permissions to perform this action. Underlying error: ' +
        `CodePipeline is not authorized to perform AssumeRole on role ${roleArn('deployer')}`,
    });
    await allow('pipeline', 'chain', { Action: 'sts:AssumeRole', Resource: roleArn('deployer') });
    await codepipeline.send(
      new RetryStageExecutionCommand({
        pipelineName: 'chained',
        stageName: 'Deploy',
        pipelineExecutionId: failed.latestExecution?.pipelineExecutionId,
        retryMode: 'ALL_ACTIONS',
      }),
    );
    await reach('chained', 'Deploy', 'Succeeded');
  });

  test('faults of declarations have the codes and texts of AWS', async () => {
    const pipeline = declarationOf('wrong');
    const creating = (change: Partial<PipelineDeclaration>) =>
      codepipeline.send(new CreatePipelineCommand({ pipeline: { ...pipeline, ...change } }));
    await refused(
      creating({ stages: pipeline.stages?.slice(0, 1) }),
      'InvalidStructureException',
      'Pipeline has only 1 stage(s). There should be a minimum of 2 stages in a pipeline',
    );
    await createRole('stranger', ['source'], 'codebuild');
    await refused(
      creating({ roleArn: roleArn('stranger') }),
      'InvalidStructureException',
      `CodePipeline is not authorized to perform AssumeRole on role ${roleArn('stranger')}`,
    );
    await refused(
      codepipeline.send(new GetPipelineCommand({ name: 'wrong' })),
      'PipelineNotFoundException',
      "Account '123456789012' does not have a pipeline with name 'wrong'",
    );
    await create(declarationOf('taken'));
    await refused(
      codepipeline.send(new CreatePipelineCommand({ pipeline: declarationOf('taken') })),
      'PipelineNameInUseException',
      "A pipeline with the name 'taken' already exists in account '123456789012'",
    );
  });

  test('who creates must be allowed to pass the role; who approves, to answer that very approval', async () => {
    const own = 'arn:aws:codepipeline:us-east-1:123456789012';
    await create(declarationOf('mine'));
    await create(declarationOf('theirs'));
    const UserName = 'reviewer';
    await iam.send(new CreateUserCommand({ UserName }));
    await iam.send(
      new PutUserPolicyCommand({
        UserName,
        PolicyName: 'review',
        PolicyDocument: JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Action: 'codepipeline:PutApprovalResult',
              Resource: `${own}:mine/Review/Approve`,
            },
            { Effect: 'Allow', Action: 'codepipeline:CreatePipeline', Resource: '*' },
          ],
        }),
      }),
    );
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
    const reviewer = new CodePipelineClient({
      endpoint: house.endpoint,
      region: house.region,
      maxAttempts: 1,
      credentials: {
        accessKeyId: AccessKey?.AccessKeyId ?? '',
        secretAccessKey: AccessKey?.SecretAccessKey ?? '',
      },
    });
    const user = 'User: arn:aws:iam::123456789012:user/reviewer is not authorized to perform';
    await refused(
      reviewer.send(new CreatePipelineCommand({ pipeline: declarationOf('unpassed') })),
      'AccessDeniedException',
      `${user}: iam:PassRole on resource: ${roleArn('pipeline')} because no identity-based policy allows the iam:PassRole action`,
    );
    const approving = async (pipelineName: string) =>
      reviewer.send(
        new PutApprovalResultCommand({
          pipelineName,
          stageName: 'Review',
          actionName: 'Approve',
          result: { status: 'Approved', summary: 'fine' },
          token: await asked(pipelineName),
        }),
      );
    await refused(
      approving('theirs'),
      'AccessDeniedException',
      `${user}: codepipeline:PutApprovalResult on resource: ${own}:theirs/Review/Approve because no identity-based policy allows the codepipeline:PutApprovalResult action`,
    );
    await approving('mine');
    await reach('mine', 'Deploy', 'Succeeded');
    assert.equal(
      latest(await stageOf('mine', 'Review'))?.lastUpdatedBy,
      'arn:aws:iam::123456789012:user/reviewer',
    );
  });

  test('a queue lets every start through, in order', async () => {
    await create({ ...declarationOf('queue'), executionMode: 'QUEUED' });
    const first = await asked('queue');
    const ids: (string | undefined)[] = [];
    for (let i = 0; i < 2; i++) {
      const started = await codepipeline.send(new StartPipelineExecutionCommand({ name: 'queue' }));
      ids.push(started.pipelineExecutionId);
    }
    const waiting = await until('both wait', async () => {
      const { inboundExecutions = [] } = await stageOf('queue', 'Review');
      return inboundExecutions.length === 2 ? inboundExecutions : undefined;
    });
    assert.deepEqual(
      waiting.map((execution) => execution.pipelineExecutionId),
      ids,
    );
    await answer('queue', 'Approved', first);
    await asked('queue', first);
    assert.equal((await stageOf('queue', 'Review')).latestExecution?.pipelineExecutionId, ids[0]);
    const { pipeline } = await codepipeline.send(new GetPipelineCommand({ name: 'queue' }));
    assert.equal(pipeline?.pipelineType, 'V2');
  });

  test('an update makes a new version, cancels what runs and keeps the old declaration', async () => {
    await create(declarationOf('edit'));
    await asked('edit');
    const { pipeline } = await codepipeline.send(
      new UpdatePipelineCommand({ pipeline: declarationOf('edit', 'site', 'elsewhere') }),
    );
    assert.equal(pipeline?.version, 2);
    const prefixOf = async (version?: number) => {
      const answered = await codepipeline.send(new GetPipelineCommand({ name: 'edit', version }));
      return answered.pipeline?.stages?.[2]?.actions?.[0]?.configuration?.['ObjectKey'];
    };
    assert.deepEqual([await prefixOf(1), await prefixOf()], ['edit', 'elsewhere']);
    await refused(
      codepipeline.send(new GetPipelineCommand({ name: 'edit', version: 9 })),
      'PipelineVersionNotFoundException',
      "Pipeline 'edit' does not have a version 9",
    );
    const { pipelineExecutionSummaries = [] } = await codepipeline.send(
      new ListPipelineExecutionsCommand({ pipelineName: 'edit' }),
    );
    assert.deepEqual(
      pipelineExecutionSummaries.map((execution) => execution.status),
      ['Cancelled'],
    );
  });

  test('a start with one request token starts once; a stop says what it did', async () => {
    await create(declarationOf('stop'));
    const first = await asked('stop');
    await codepipeline.send(
      new DisableStageTransitionCommand({
        pipelineName: 'stop',
        stageName: 'Review',
        transitionType: 'Inbound',
        reason: 'not now',
      }),
    );
    const start = () =>
      codepipeline.send(new StartPipelineExecutionCommand({ name: 'stop', clientRequestToken: 'once' }));
    const { pipelineExecutionId } = await start();
    assert.equal((await start()).pipelineExecutionId, pipelineExecutionId);
    const waiting = await until('it waits', async () => {
      const stage = await stageOf('stop', 'Review');
      return stage.inboundExecution ? stage : undefined;
    });
    assert.equal(waiting.inboundTransitionState?.enabled, false);
    assert.equal(waiting.inboundTransitionState?.disabledReason, 'not now');
    assert.equal(waiting.inboundExecution?.pipelineExecutionId, pipelineExecutionId);

    const stop = (id: string | undefined, abandon: boolean) =>
      codepipeline.send(
        new StopPipelineExecutionCommand({
          pipelineName: 'stop',
          pipelineExecutionId: id,
          abandon,
          reason: 'enough',
        }),
      );
    const statusOf = async (id: string | undefined) => {
      const { pipelineExecution } = await codepipeline.send(
        new GetPipelineExecutionCommand({ pipelineName: 'stop', pipelineExecutionId: id }),
      );
      return pipelineExecution?.status;
    };
    await stop(pipelineExecutionId, false);
    assert.equal(await statusOf(pipelineExecutionId), 'Stopped');
    const running = (await stageOf('stop', 'Review')).latestExecution?.pipelineExecutionId;
    await stop(running, false);
    assert.equal(await statusOf(running), 'Stopping');
    await refused(stop(running, false), 'DuplicatedStopRequestException', /is already being stopped$/);
    await answer('stop', 'Approved', first);
    assert.equal(await statusOf(running), 'Stopped');
    await refused(
      stop(running, true),
      'PipelineExecutionNotStoppableException',
      /is not in a status that can be stopped$/,
    );
    await codepipeline.send(
      new EnableStageTransitionCommand({
        pipelineName: 'stop',
        stageName: 'Review',
        transitionType: 'Inbound',
      }),
    );
    assert.equal((await stageOf('stop', 'Review')).inboundTransitionState?.enabled, true);
  });

  test('lists come in pages; a token of another list is refused', async () => {
    await create(declarationOf('pages'));
    await asked('pages');
    for (let i = 0; i < 4; i++) await codepipeline.send(new StartPipelineExecutionCommand({ name: 'pages' }));
    const seen: (string | undefined)[] = [];
    let nextToken: string | undefined;
    do {
      const page = await codepipeline.send(
        new ListPipelineExecutionsCommand({ pipelineName: 'pages', maxResults: 2, nextToken }),
      );
      seen.push(...(page.pipelineExecutionSummaries ?? []).map((summary) => summary.pipelineExecutionId));
      nextToken = page.nextToken;
      if (nextToken) {
        await refused(
          codepipeline.send(new ListActionExecutionsCommand({ pipelineName: 'pages', nextToken })),
          'InvalidNextTokenException',
          'The next token is not valid for this list',
        );
      }
    } while (nextToken);
    assert.equal(seen.length, 5);
    assert.equal(new Set(seen).size, 5);
  });

  test('tags can be set and read; a deleted pipeline is gone and its name is free', async () => {
    await create(declarationOf('tagged'));
    const resourceArn = 'arn:aws:codepipeline:us-east-1:123456789012:tagged';
    await codepipeline.send(new TagResourceCommand({ resourceArn, tags: [{ key: 'team', value: 'web' }] }));
    const { tags } = await codepipeline.send(new ListTagsForResourceCommand({ resourceArn }));
    assert.deepEqual(tags, [{ key: 'team', value: 'web' }]);
    await codepipeline.send(new DeletePipelineCommand({ name: 'tagged' }));
    await codepipeline.send(new DeletePipelineCommand({ name: 'tagged' }));
    await refused(
      codepipeline.send(new ListTagsForResourceCommand({ resourceArn })),
      'ResourceNotFoundException',
      `The resource '${resourceArn}' was not found`,
    );
    await create(declarationOf('tagged'));
  });

  test('a pending approval survives a restart of the server, with its token', async () => {
    await create(declarationOf('restart'));
    const token = await asked('restart');
    await house.restart();
    connect();
    await answer('restart', 'Approved', token);
    await reach('restart', 'Deploy', 'Succeeded');
  });
}
