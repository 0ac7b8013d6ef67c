/** Pipelines that changes start: scenarios 30, 31, 78 and 80 to 83, by real pushes of git. */

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type {
  ActionDeclaration,
  GitConfiguration,
  PipelineDeclaration,
  PipelineExecutionSummary,
} from '@aws-sdk/client-codepipeline';
import type { BusEvent } from '#services/service.ts';
import { createGitUser, type GitUser } from '#test/support/git.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createPipelines, sourceAction, stageOf, zipOf, type Pipelines } from '#test/support/pipelines.ts';

let house: TestHouse;
let pipelines: Pipelines;
let credential: string;
let published: BusEvent[] = [];

before(async () => {
  house = await createTestHouse();
  pipelines = await createPipelines(house);
  const inner = house.slipway.house as { publish(event: BusEvent): Promise<void> };
  const publish = inner.publish.bind(inner);
  inner.publish = async (event) => {
    published.push(event);
    await publish(event);
  };
  const { root } = house.slipway;
  await root.send('iam:CreateUser', { UserName: 'dana' });
  await root.send('iam:PutUserPolicy', {
    UserName: 'dana',
    PolicyName: 'git',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'codecommit:*', Resource: '*' }],
    }),
  });
  const made = await root.send('iam:CreateServiceSpecificCredential', {
    UserName: 'dana',
    ServiceName: 'codecommit.amazonaws.com',
  });
  const { ServiceUserName = '', ServicePassword = '' } = made.ServiceSpecificCredential ?? {};
  credential = `${encodeURIComponent(ServiceUserName)}:${encodeURIComponent(ServicePassword)}`;
});
after(async () => {
  pipelines.close();
  await house.close();
});

/** A repository with one commit on `main`, and a working copy of it. */
async function createRepository(repositoryName: string): Promise<GitUser> {
  await house.slipway.root.send('codecommit:CreateRepository', { repositoryName });
  const url = `http://${credential}@${house.endpoint.replace('http://', '')}/v1/repos/${repositoryName}`;
  const git = await createGitUser(house, url);
  await pushed(git, 'main', ['README.md']);
  return git;
}

/** Writes the files in one commit each, pushes them together to a branch, and waits until everybody has heard. */
async function pushed(git: GitUser, branch: string, files: readonly string[]): Promise<string> {
  let commit = '';
  for (const file of files) commit = await git.commit(file, `${file} ${++written}`);
  await git.ok('push', '--quiet', 'origin', `HEAD:refs/heads/${branch}`);
  await house.slipway.house.engine.idle();
  return commit;
}
let written = 0;

function source(name: string, RepositoryName: string, configuration: object = {}): ActionDeclaration {
  return {
    name,
    actionTypeId: { category: 'Source', owner: 'AWS', provider: 'CodeCommit', version: '1' },
    configuration: { RepositoryName, BranchName: 'main', ...configuration },
    outputArtifacts: [{ name: `${name}Code` }],
  };
}

async function create(
  name: string,
  actions: ActionDeclaration[],
  more: Partial<PipelineDeclaration> = {},
): Promise<void> {
  const stages = [{ name: 'S1', actions }, stageOf('S2', 'Review')];
  await pipelines.create(name, [], { stages, ...more });
  await house.slipway.house.engine.idle();
}

function trigger(gitConfiguration: Omit<GitConfiguration, 'sourceActionName'>): Partial<PipelineDeclaration> {
  return {
    pipelineType: 'V2',
    triggers: [
      {
        providerType: 'CodeStarSourceConnection',
        gitConfiguration: { sourceActionName: 'Fetch', ...gitConfiguration },
      },
    ],
  };
}

async function executions(pipelineName: string): Promise<PipelineExecutionSummary[]> {
  const { pipelineExecutionSummaries = [] } = await pipelines.codepipeline.listPipelineExecutions({
    pipelineName,
  });
  return pipelineExecutionSummaries;
}

/** What this starts, oldest first, once every source ran. */
async function started(name: string, run: () => Promise<unknown>): Promise<PipelineExecutionSummary[]> {
  const before = (await executions(name)).length;
  await run();
  await house.slipway.house.engine.idle();
  const all = await executions(name);
  return all.slice(0, all.length - before).reverse();
}

function revisionsOf(execution: PipelineExecutionSummary | undefined): Record<string, string | undefined> {
  const entries = (execution?.sourceRevisions ?? []).map((each) => [each.actionName, each.revisionId]);
  return Object.fromEntries(entries) as Record<string, string | undefined>;
}

function detailOf(execution: PipelineExecutionSummary | undefined): Record<string, string> {
  return JSON.parse(execution?.trigger?.triggerDetail ?? '{}') as Record<string, string>;
}

test('scenario 30: a start with an older commit builds that commit', async () => {
  const git = await createRepository('older');
  const old = await git.ok('rev-parse', 'HEAD');
  const head = await pushed(git, 'main', ['a.txt']);
  await create('older', [source('Fetch', 'older')]);
  const [newest] = await executions('older');
  assert.deepEqual(revisionsOf(newest), { Fetch: head });
  const start = (revisionType: 'COMMIT_ID' | 'IMAGE_DIGEST' | 'S3_OBJECT_KEY', revisionValue: string) =>
    pipelines.codepipeline.startPipelineExecution({
      name: 'older',
      sourceRevisions: [{ actionName: 'Fetch', revisionType, revisionValue }],
    });
  const [pinned] = await started('older', () => start('COMMIT_ID', old));
  assert.deepEqual(revisionsOf(pinned), { Fetch: old });
  await assert.rejects(start('IMAGE_DIGEST', 'sha256:1'), {
    name: 'ValidationException',
    message: "A revision of type IMAGE_DIGEST does not fit the source action 'Fetch'",
  });
});

test('scenario 30: the key of an S3 source is overridden only where it allows that', async () => {
  await pipelines.s3.putObject({ Bucket: 'source', Key: 'other.zip', Body: await zipOf({ a: 'b' }) });
  const configuration = { S3Bucket: 'source', S3ObjectKey: 'site.zip', PollForSourceChanges: 'false' };
  await create('locked', [sourceAction('Fetch', { configuration })]);
  await create('free', [
    sourceAction('Fetch', { configuration: { ...configuration, AllowOverrideForS3ObjectKey: 'true' } }),
  ]);
  const override = {
    actionName: 'Fetch',
    revisionType: 'S3_OBJECT_KEY',
    revisionValue: 'other.zip',
  } as const;
  const start = (name: string, count = 1) =>
    pipelines.codepipeline.startPipelineExecution({ name, sourceRevisions: Array(count).fill(override) });
  await assert.rejects(start('locked'), {
    name: 'ValidationException',
    message: "The source action 'Fetch' does not allow its S3 object key to be overridden",
  });
  await assert.rejects(start('free', 2), {
    name: 'ValidationException',
    message: "The source action 'Fetch' has more than one revision of type S3_OBJECT_KEY",
  });
  const [execution] = await started('free', () => start('free'));
  const [fetch] = await pipelines.actions('free', execution?.pipelineExecutionId);
  assert.equal(fetch?.output?.outputVariables?.['ObjectKey'], 'other.zip');
});

test('scenario 31: a push to one of two sources runs both', async () => {
  const [left, right] = [await createRepository('left'), await createRepository('right')];
  await create('both', [source('Left', 'left'), source('Right', 'right')]);
  let commit = '';
  const [execution, ...others] = await started('both', async () => {
    commit = await pushed(left, 'main', ['a.txt']);
  });
  assert.equal(others.length, 0);
  assert.deepEqual(execution?.trigger, { triggerType: 'PollForSourceChanges', triggerDetail: 'Left' });
  assert.deepEqual(revisionsOf(execution), { Left: commit, Right: await right.ok('rev-parse', 'HEAD') });
});

test('scenario 78: a push starts one execution by itself, and an event that comes again none', async () => {
  const git = await createRepository('polled');
  await create('polled', [source('Fetch', 'polled')]);
  await create('deaf', [source('Fetch', 'polled', { PollForSourceChanges: 'false' })]);
  published = [];
  let commit = '';
  const deaf = await started('deaf', async () => {
    const [execution, ...others] = await started('polled', async () => {
      commit = await pushed(git, 'main', ['a.txt']);
      await pushed(git, 'other', ['b.txt']);
      await git.ok('push', '--quiet', 'origin', ':refs/heads/other');
    });
    assert.equal(others.length, 0);
    assert.deepEqual(execution?.trigger, { triggerType: 'PollForSourceChanges', triggerDetail: 'Fetch' });
    assert.deepEqual(revisionsOf(execution), { Fetch: commit });
  });
  assert.deepEqual(deaf, []);
  const event = published.find(({ detail }) => detail['commitId'] === commit);
  assert.ok(event);
  assert.deepEqual(await started('polled', () => house.slipway.house.publish(event)), []);
});

test('scenario 78: a new object does the same, unless the source does not look out', async () => {
  const configuration = { S3Bucket: 'source', S3ObjectKey: 'watched.zip' };
  const put = async () =>
    pipelines.s3.putObject({
      Bucket: 'source',
      Key: 'watched.zip',
      Body: await zipOf({ a: `${++written}` }),
    });
  await put();
  await create('objects', [sourceAction('Fetch', { configuration })]);
  await create('still', [
    sourceAction('Fetch', { configuration: { ...configuration, PollForSourceChanges: 'false' } }),
  ]);
  const still = await started('still', async () => {
    const [execution, ...others] = await started('objects', put);
    assert.equal(others.length, 0);
    assert.deepEqual(execution?.trigger, { triggerType: 'PollForSourceChanges', triggerDetail: 'Fetch' });
  });
  assert.deepEqual(still, []);
});

test('scenario 80: a webhook starts on the right signature and branch only', async () => {
  await createRepository('hooked');
  await create('hooked', [source('Fetch', 'hooked', { PollForSourceChanges: 'false' })]);
  const { codepipeline } = pipelines;
  const webhook = {
    name: 'hook',
    targetPipeline: 'hooked',
    targetAction: 'Fetch',
    filters: [{ jsonPath: '$.ref', matchEquals: 'refs/heads/{BranchName}' }],
    authentication: 'GITHUB_HMAC',
    authenticationConfiguration: { SecretToken: 'known-to-two' },
  } as const;
  const put = async () => {
    const answer = await codepipeline.putWebhook({ webhook: { ...webhook, filters: [...webhook.filters] } });
    assert.ok(!JSON.stringify(answer).includes('known-to-two'));
    return answer.webhook?.url ?? '';
  };
  const deliver = async (url: string, ref: string, secret = 'known-to-two') => {
    const body = JSON.stringify({ ref, after: `${++written}` });
    const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
    const headers = { 'x-hub-signature-256': signature, 'x-github-event': 'push' };
    return (await fetch(url, { method: 'POST', body, headers })).status;
  };
  const url = await put();
  const [execution, ...others] = await started('hooked', async () => {
    assert.equal(await deliver(url, 'refs/heads/main'), 200);
    assert.equal(await deliver(url, 'refs/heads/main', 'guessed'), 403);
    assert.equal(await deliver(url, 'refs/heads/other'), 200);
  });
  assert.equal(others.length, 0);
  assert.equal(execution?.trigger?.triggerType, 'Webhook');
  assert.match(execution.trigger.triggerDetail ?? '', /:webhook:hook$/);
  assert.equal(await put(), url);
  await codepipeline.deleteWebhook({ name: 'hook' });
  assert.notEqual(await put(), url);
  assert.equal(await deliver(url, 'refs/heads/main'), 404);
  assert.ok(!JSON.stringify(await codepipeline.listWebhooks({})).includes('known-to-two'));
});

test('scenario 81: branches that a trigger includes and does not exclude start', async () => {
  const git = await createRepository('branches');
  const push = [{ branches: { includes: ['feature/**'], excludes: ['feature/x*'] } }];
  await create('branches', [source('Fetch', 'branches')], trigger({ push }));
  let commit = '';
  const [execution, ...others] = await started('branches', async () => {
    commit = await pushed(git, 'feature/a/b', ['a.txt']);
    await pushed(git, 'feature/x1', ['b.txt']);
    await pushed(git, 'main', ['c.txt']);
    await git.ok('tag', 'feature/tag');
    await git.ok('push', '--quiet', 'origin', 'feature/tag');
  });
  assert.equal(others.length, 0);
  assert.equal(execution?.trigger?.triggerType, 'WebhookV2');
  const detail = detailOf(execution);
  assert.equal(typeof Date.parse(detail['author-date'] ?? ''), 'number');
  assert.deepEqual(
    { ...detail, 'author-date': '' },
    {
      'branch-name': 'feature/a/b',
      'full-repository-name': 'branches',
      'provider-type': 'CodeCommit',
      'commit-id': commit,
      'author-display-name': 'Dana',
      'author-email': 'dana@example.com',
      'author-id': 'dana@example.com',
      'author-date': '',
      'commit-message': 'Write a.txt\n',
    },
  );
  // The pushed commit ran, not the head of the branch that the source action names.
  assert.deepEqual(revisionsOf(execution), { Fetch: commit });
  const [manual] = await started('branches', () => pipelines.start('branches'));
  assert.deepEqual(revisionsOf(manual), { Fetch: await git.ok('rev-parse', 'HEAD') });
});

test('scenario 81: tags, also annotated ones, start by their commit', async () => {
  const git = await createRepository('tags');
  const tags = { includes: ['v*'], excludes: ['*-rc*'] };
  await create('tags', [source('Fetch', 'tags')], trigger({ push: [{ tags }] }));
  const commit = await pushed(git, 'main', ['a.txt']);
  const [execution, ...others] = await started('tags', async () => {
    await git.ok('tag', '--annotate', '--message', 'One', 'v1');
    await git.ok('tag', 'v2-rc1');
    await git.ok('push', '--quiet', 'origin', 'v1', 'v2-rc1', 'HEAD:refs/heads/v3');
    await git.ok('push', '--quiet', 'origin', ':refs/tags/v2-rc1');
  });
  assert.equal(others.length, 0);
  assert.equal(detailOf(execution)['tag-name'], 'v1');
  assert.equal(detailOf(execution)['commit-id'], commit);
  assert.deepEqual(revisionsOf(execution), { Fetch: commit });
});

test('scenario 82: files that all are excluded do not start, one other file does', async () => {
  const git = await createRepository('files');
  const push = [{ branches: { includes: ['**'] }, filePaths: { excludes: ['docs/**'] } }];
  await create('files', [source('Fetch', 'files')], trigger({ push }));
  let commit = '';
  const [execution, ...others] = await started('files', async () => {
    await pushed(git, 'main', ['docs/a.md', 'docs/b/c.md']);
    commit = await pushed(git, 'main', ['docs/a.md', 'src/a.ts', 'docs/z.md']);
    // The first push of a branch has nothing that it could be compared with.
    await pushed(git, 'fresh', ['src/b.ts']);
  });
  assert.equal(others.length, 0);
  assert.deepEqual(revisionsOf(execution), { Fetch: commit });
  const [later] = await started('files', () => pushed(git, 'fresh', ['src/c.ts']));
  assert.equal(detailOf(later)['branch-name'], 'fresh');
  // Each commit of a push counts, even if the push leaves nothing of it behind.
  const [reverted] = await started('files', async () => {
    const kept = await git.commit('src/d.ts', 'changed');
    await git.ok('revert', '--no-edit', kept);
    await pushed(git, 'fresh', ['docs/d.md']);
  });
  assert.equal(detailOf(reverted)['branch-name'], 'fresh');
  // A merge counts with what it brings to its first parent, here a file of docs.
  const [merged] = await started('files', async () => {
    const tip = await git.ok('rev-parse', 'HEAD');
    await git.ok('checkout', '--quiet', '-b', 'side', 'HEAD~1');
    await git.commit('docs/side.md', 'aside');
    await git.ok('merge', '--quiet', '--no-edit', tip);
    await git.ok('push', '--quiet', 'origin', 'HEAD:refs/heads/fresh');
  });
  assert.equal(merged, undefined);
});

test('a push of more files than are looked at starts', async () => {
  const git = await createRepository('many');
  const push = [{ branches: { includes: ['**'] }, filePaths: { excludes: ['docs/**'] } }];
  await create('many', [source('Fetch', 'many')], trigger({ push }));
  mkdirSync(join(git.directory, 'docs'));
  for (let i = 0; i < 3001; i++) writeFileSync(join(git.directory, 'docs', `${i}.md`), '');
  assert.equal((await started('many', () => pushed(git, 'main', ['docs/a.md']))).length, 1);
  assert.equal((await started('many', () => pushed(git, 'main', ['docs/a.md']))).length, 0);
});

test('a push whose files are not known starts', async () => {
  const git = await createRepository('unknown');
  const push = [{ branches: { includes: ['**'] }, filePaths: { excludes: ['docs/**'] } }];
  await create('unknown', [source('Fetch', 'unknown')], trigger({ push }));
  const tell = (oldCommitId: string) =>
    house.slipway.house.publish({
      id: `7e1f0000-0000-4000-8000-${oldCommitId.slice(0, 12)}`,
      source: 'aws.codecommit',
      detailType: 'CodeCommit Repository State Change',
      account: house.account,
      region: house.region,
      at: Date.now(),
      resources: ['arn:aws:codecommit:us-east-1:123456789012:unknown'],
      detail: {
        event: 'referenceUpdated',
        repositoryName: 'unknown',
        referenceType: 'branch',
        referenceName: 'main',
        commitId,
        oldCommitId,
      },
    });
  const commitId = await git.ok('rev-parse', 'HEAD');
  // Collected meanwhile, or an option of git instead of an object.
  for (const gone of ['d'.repeat(40), '--output=/tmp/x']) {
    assert.equal((await started('unknown', () => tell(gone))).length, 1, gone);
  }
});

test('scenario 83: a pull request that is merged starts with the commit of its source branch', async () => {
  const git = await createRepository('requests');
  const pullRequest = [
    { events: ['CLOSED' as const], branches: { includes: ['main'] }, filePaths: { includes: ['src/**'] } },
  ];
  await create('requests', [source('Fetch', 'requests')], trigger({ pullRequest }));
  const base = await git.ok('rev-parse', 'HEAD');
  const commit = await pushed(git, 'cart', ['src/cart.ts']);
  const docs = await pushed(git, 'docs', ['docs/cart.md']);
  const tell = (id: string, changes: object) =>
    house.slipway.house.publish({
      id: `7e1f0000-0000-4000-8000-00000000000${id}`,
      source: 'aws.codecommit',
      detailType: 'CodeCommit Pull Request State Change',
      account: house.account,
      region: house.region,
      at: Date.now(),
      resources: ['arn:aws:codecommit:us-east-1:123456789012:requests'],
      detail: {
        event: 'pullRequestMergeStatusUpdated',
        pullRequestId: '7',
        repositoryNames: ['requests'],
        title: 'Faster cart',
        pullRequestStatus: 'Closed',
        isMerged: 'True',
        sourceReference: 'refs/heads/cart',
        sourceCommit: commit,
        destinationReference: 'refs/heads/main',
        destinationCommit: base,
        ...changes,
      },
    });
  const [execution, ...others] = await started('requests', async () => {
    await tell('1', { event: 'pullRequestCreated', pullRequestStatus: 'Open', isMerged: 'False' });
    await tell('2', { destinationReference: 'refs/heads/dev' });
    await tell('3', { sourceCommit: docs, destinationCommit: commit });
    await pushed(git, 'main', ['src/other.ts']);
    await tell('4', {});
    await tell('4', {});
  });
  assert.equal(execution?.trigger?.triggerType, 'WebhookV2');
  assert.deepEqual(revisionsOf(execution), { Fetch: commit });
  const { 'pull-request-id': id, 'pull-request-title': title, ...detail } = detailOf(execution);
  assert.deepEqual([id, title], ['7', 'Faster cart']);
  assert.equal(detail['branch-name'], 'cart');
  assert.equal(detail['destination-branch-name'], 'main');
  assert.equal(others.length, 0);
});

test('a change of a source that PutActionRevision tells of starts once', async () => {
  const git = await createRepository('told');
  const old = await git.ok('rev-parse', 'HEAD');
  await pushed(git, 'main', ['a.txt']);
  await create('told', [source('Fetch', 'told', { PollForSourceChanges: 'false' })]);
  const tell = (actionName: string, stageName = 'S1', revisionChangeId = 'change-1') =>
    pipelines.codepipeline.putActionRevision({
      pipelineName: 'told',
      stageName,
      actionName,
      actionRevision: { revisionId: old, revisionChangeId, created: new Date() },
    });
  const [execution, ...others] = await started('told', async () => {
    const answers = await Promise.all([tell('Fetch'), tell('Fetch'), tell('Fetch')]);
    assert.equal(answers.filter(({ newRevision }) => newRevision).length, 1);
    assert.equal(new Set(answers.map(({ pipelineExecutionId }) => pipelineExecutionId)).size, 1);
    const { newRevision, pipelineExecutionId } = await tell('Fetch');
    assert.deepEqual([newRevision, pipelineExecutionId], [false, answers[0]?.pipelineExecutionId]);
  });
  assert.equal(others.length, 0);
  assert.equal(execution?.trigger?.triggerType, 'PutActionRevision');
  assert.deepEqual(revisionsOf(execution), { Fetch: old });
  assert.equal((await started('told', () => tell('Fetch', 'S1', 'change-2'))).length, 1);
  const cases = [
    ['Fetch', 'S9', 'StageNotFoundException'],
    ['None', 'S1', 'ActionNotFoundException'],
    ['Review', 'S2', 'ValidationException'],
  ] as const;
  for (const [action, stage, name] of cases) await assert.rejects(tell(action, stage), { name });
});
