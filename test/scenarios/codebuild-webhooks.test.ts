/** CodeBuild §11, webhooks: scenarios 40 and 66, with real deliveries that start builds of a real repository. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Build, Webhook, WebhookFilter } from '@aws-sdk/client-codebuild';
import { batchContext, buildIdOf, connectBatches, createBatchRole } from '#test/support/batches.ts';
import { type BuildClients, connectBuilds, contextOf, createBuildRole, spec } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

let house: TestHouse;
let clients: BuildClients;
let provider: Server;
let repository: string;
let head: string;
let requested: string;

before(async () => {
  // The provider of this test is on the machine's loopback.
  house = await createTestHouse({ serverEnvironment: { SLIPWAY_BUILD_NETWORK: 'on' } });
  clients = connectBuilds(house);
  await createBuildRole(clients.iam);
  await openProvider();
});
after(async () => {
  clients.close();
  provider.close();
  await house.close();
});

/** A provider as far as git sees it: files of a public repository over HTTP. */
async function openProvider(): Promise<void> {
  const root = join(house.directory, 'provider');
  const work = join(root, 'work');
  mkdirSync(work, { recursive: true });
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=d', '-c', 'user.email=d@example.com', ...args], {
      cwd: work,
      encoding: 'utf8',
    }).trim();
  git('init', '-q', '-b', 'main');
  writeFileSync(join(work, 'a'), 'main');
  git('add', '-A');
  git('commit', '-qm', 'one');
  head = git('rev-parse', 'HEAD');
  writeFileSync(join(work, 'a'), 'requested');
  git('commit', '-qam', 'two');
  requested = git('rev-parse', 'HEAD');
  git('update-ref', 'refs/pull/7/head', requested);
  git('reset', '-q', '--hard', head);
  git('tag', 'v1');
  git('update-server-info');
  provider = createServer((request, response) => {
    const path = join(
      work,
      '.git',
      new URL(request.url ?? '', 'http://x').pathname.replace('/acme/shop.git/', ''),
    );
    if (!existsSync(path) || !statSync(path).isFile()) return response.writeHead(404).end();
    response.writeHead(200).end(readFileSync(path));
  });
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  repository = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/acme/shop.git`;
}

async function createProject(
  name: string,
  type: 'GITHUB' | 'GITLAB' | 'BITBUCKET',
  buildspec = spec(['cat a; echo; env | grep WEBHOOK | sort']),
) {
  await clients.createProject(name, '', { source: { type, location: repository, buildspec } });
}

async function createWebhook(projectName: string, ...filterGroups: WebhookFilter[][]): Promise<Webhook> {
  const { webhook } = await clients.codebuild.createWebhook({
    projectName,
    manualCreation: true,
    filterGroups,
  });
  assert.ok(webhook);
  return webhook;
}

async function deliver(
  webhook: Webhook,
  body: object,
  headers: Record<string, string> = {},
  secret = webhook.secret ?? '',
) {
  const text = JSON.stringify(body);
  const signature = `sha256=${createHmac('sha256', secret).update(text).digest('hex')}`;
  const response = await fetch(webhook.payloadUrl ?? '', {
    method: 'POST',
    body: text,
    headers: {
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-hub-signature-256': signature,
      ...headers,
    },
  });
  const answer = (await response.json()) as { builds?: string[] };
  return { status: response.status, builds: answer.builds ?? [] };
}

const pushOf = (more: object = {}) => ({
  ref: 'refs/heads/main',
  before: '0'.repeat(40),
  after: head,
  sender: { id: 42 },
  head_commit: { message: 'one' },
  commits: [{ added: ['services/a/x'], modified: [], removed: [] }],
  ...more,
});
const requestOf = (action: string) => ({
  action,
  number: 7,
  sender: { id: 42 },
  pull_request: { head: { ref: 'side', repo: { id: 1 } }, base: { ref: 'main', repo: { id: 1 } } },
});
const event = (pattern: string): WebhookFilter => ({ type: 'EVENT', pattern });
const ended = async (id: string | undefined): Promise<Build> => clients.ended(id);

test('scenario 66: a signed push starts a build of its commit, which knows who pushed; a wrong signature starts none', async () => {
  await createProject('shop', 'GITHUB');
  const webhook = await createWebhook('shop', [
    event('PUSH, PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED, RELEASED'),
  ]);
  assert.equal(webhook.status, 'ACTIVE');
  assert.match(webhook.payloadUrl ?? '', /\/webhooks\?t=[\w-]{43}&v=1$/);
  const forged = await deliver(webhook, pushOf(), {}, 'guessed');
  assert.deepEqual(forged, { status: 403, builds: [] });
  const agent = { 'user-agent': 'GitHub-Hookshot/044aadd', 'x-github-delivery': 'd1' };
  const pushed = await deliver(webhook, pushOf(), agent);
  const again = await deliver(webhook, pushOf(), agent);
  assert.deepEqual(again.builds, pushed.builds);
  const build = await ended(pushed.builds[0]);
  assert.equal(contextOf(build), undefined);
  assert.equal(build.initiator, 'GitHub-Hookshot/044aadd');
  assert.equal(build.sourceVersion, head);
  assert.equal(build.source?.reportBuildStatus, true);
  assert.deepEqual(await clients.output(build), [
    'main',
    'CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID=42',
    'CODEBUILD_WEBHOOK_EVENT=PUSH',
    'CODEBUILD_WEBHOOK_HEAD_REF=refs/heads/main',
    'CODEBUILD_WEBHOOK_TRIGGER=branch/main',
  ]);

  const opened = await deliver(webhook, requestOf('opened'), { 'x-github-event': 'pull_request' });
  const request = await ended(opened.builds[0]);
  assert.equal(contextOf(request), undefined);
  assert.equal(request.sourceVersion, 'pr/7');
  assert.equal(request.resolvedSourceVersion, requested);
  assert.equal((await clients.output(request))[0], 'requested');
  const closed = await deliver(webhook, requestOf('closed'), { 'x-github-event': 'pull_request' });
  assert.deepEqual(closed, { status: 200, builds: [] });

  const release = { action: 'released', release: { tag_name: 'v1', name: 'First' }, sender: { id: 42 } };
  const released = await ended((await deliver(webhook, release, { 'x-github-event': 'release' })).builds[0]);
  assert.equal(released.resolvedSourceVersion, head);

  assert.deepEqual(await deliver(webhook, { zen: 'x' }, { 'x-github-event': 'ping' }), {
    status: 200,
    builds: [],
  });
  assert.deepEqual(await deliver(webhook, pushOf({ after: '0'.repeat(40) })), { status: 200, builds: [] });
  const nowhere = { ...webhook, payloadUrl: webhook.payloadUrl?.replace('t=', 't=x') };
  assert.equal((await deliver(nowhere, pushOf())).status, 404);
});

test('scenario 66: groups with anchors, exclusions and actors decide', async () => {
  await createProject('filtered', 'GITHUB', spec(['true']));
  const webhook = await createWebhook(
    'filtered',
    [
      event('PUSH'),
      { type: 'HEAD_REF', pattern: '^refs/heads/main$' },
      { type: 'ACTOR_ACCOUNT_ID', pattern: '^42$' },
    ],
    [
      event('PUSH'),
      { type: 'HEAD_REF', pattern: '^refs/tags/' },
      { type: 'FILE_PATH', pattern: '^docs/', excludeMatchedPattern: true },
    ],
  );
  const starts = async (more: object) => (await deliver(webhook, pushOf(more))).builds.length;
  assert.equal(await starts({}), 1);
  assert.equal(await starts({ ref: 'refs/heads/main2' }), 0);
  assert.equal(await starts({ sender: { id: 421 } }), 0);
  assert.equal(await starts({ ref: 'refs/tags/v1', sender: { id: 1 } }), 1);
  assert.equal(await starts({ ref: 'refs/tags/v1', sender: { id: 1 }, commits: [{ added: ['docs/x'] }] }), 0);
});

test('scenario 40: of two projects of one repository, a push builds only the one whose files it touched', async () => {
  const hooks: Webhook[] = [];
  for (const name of ['a', 'b']) {
    await createProject(`mono-${name}`, 'GITHUB', spec(['true']));
    hooks.push(
      await createWebhook(`mono-${name}`, [
        event('PUSH'),
        { type: 'FILE_PATH', pattern: `^services/${name}/` },
      ]),
    );
  }
  const commits = [{ added: [], modified: ['services/b/main.go'], removed: [] }];
  const started = await Promise.all(
    hooks.map(async (hook) => (await deliver(hook, pushOf({ commits }))).builds.length),
  );
  assert.deepEqual(started, [0, 1]);
});

test('GitLab sends its secret along, Bitbucket is known by its URL', async () => {
  await createProject('gitlab', 'GITLAB', spec(['true']));
  const gitlab = await createWebhook('gitlab');
  const body = {
    ref: 'refs/heads/main',
    before: '0'.repeat(40),
    after: head,
    checkout_sha: head,
    user_id: 1,
    commits: [],
  };
  const headers = (token: string) => ({ 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': token });
  assert.equal((await deliver(gitlab, body, headers('wrong'))).status, 403);
  assert.equal((await deliver(gitlab, body, headers(gitlab.secret ?? ''))).builds.length, 1);
  await createProject('bitbucket', 'BITBUCKET', spec(['true']));
  const bitbucket = await createWebhook('bitbucket');
  assert.equal(bitbucket.secret, undefined);
  const changes = [{ new: { type: 'branch', name: 'main', target: { hash: head } } }];
  const pushed = await deliver(
    bitbucket,
    { actor: { account_id: 'u' }, push: { changes } },
    { 'x-event-key': 'repo:push' },
  );
  const build = await ended(pushed.builds[0]);
  assert.equal(build.resolvedSourceVersion, head);
});

test('a webhook is one of its project, changes, rotates its secret, is shown without it, and goes', async () => {
  const { codebuild } = clients;
  await createProject('life', 'GITHUB', spec(['true']));
  await assert.rejects(codebuild.createWebhook({ projectName: 'life' }), {
    name: 'ResourceNotFoundException',
    message: 'Could not find access token for server type github',
  });
  const wrong = (filterGroups: WebhookFilter[][], message: RegExp) =>
    assert.rejects(
      codebuild.createWebhook({ projectName: 'life', manualCreation: true, filterGroups }),
      (error: Error) => {
        assert.equal(error.name, 'InvalidInputException');
        assert.match(error.message, message);
        return true;
      },
    );
  await wrong([[{ type: 'HEAD_REF', pattern: 'x' }]], /must have a filter of type EVENT/);
  await wrong([[event('PUSHED')]], /PUSHED is no event/);
  await wrong([[event('PUSH'), { type: 'HEAD_REF', pattern: '(' }]], /the pattern \( is wrong/);
  const webhook = await createWebhook('life', [event('PUSH')]);
  await assert.rejects(createWebhook('life'), { name: 'ResourceAlreadyExistsException' });
  const { projects } = await codebuild.batchGetProjects({ names: ['life'] });
  const shown = projects?.[0]?.webhook;
  assert.equal(shown?.payloadUrl, webhook.payloadUrl);
  assert.equal(shown?.secret, undefined);
  assert.ok(!JSON.stringify(projects).includes(webhook.secret ?? 'no secret'));
  const { webhook: rotated } = await codebuild.updateWebhook({ projectName: 'life', rotateSecret: true });
  assert.notEqual(rotated?.secret, webhook.secret);
  assert.deepEqual(rotated?.filterGroups, [[event('PUSH')]]);
  assert.equal((await deliver(webhook, pushOf())).status, 403);
  assert.equal((await deliver(rotated, pushOf())).builds.length, 1);
  const { webhook: branch } = await codebuild.updateWebhook({ projectName: 'life', branchFilter: '^main$' });
  assert.deepEqual([branch?.filterGroups, branch?.branchFilter], [undefined, '^main$']);
  await codebuild.importSourceCredentials({
    serverType: 'GITHUB',
    authType: 'PERSONAL_ACCESS_TOKEN',
    token: 'abcd',
  });
  await createProject('asked', 'GITHUB', spec(['true']));
  const { webhook: asked } = await codebuild.createWebhook({ projectName: 'asked' });
  assert.equal(asked?.status, 'CREATE_FAILED');
  assert.match(asked.statusMessage ?? '', /^Slipway does not call providers/);
  await codebuild.deleteWebhook({ projectName: 'life' });
  await assert.rejects(codebuild.deleteWebhook({ projectName: 'life' }), {
    name: 'ResourceNotFoundException',
  });
  assert.equal((await deliver(webhook, pushOf())).status, 404);
});

test('a webhook of build type BUILD_BATCH starts a batch, whose builds know of the event and build one commit', async () => {
  const batches = connectBatches(clients);
  await createBatchRole(clients.iam);
  const buildspec = JSON.stringify({
    version: '0.2',
    batch: { 'build-list': [{ identifier: 'one' }, { identifier: 'two' }] },
    phases: { build: { commands: ['cat a; echo', 'echo "$CODEBUILD_WEBHOOK_TRIGGER"'] } },
  });
  const source = { type: 'GITHUB' as const, location: repository, buildspec };
  await batches.createProject('batched', '', { source });
  const { webhook } = await clients.codebuild.createWebhook({
    projectName: 'batched',
    manualCreation: true,
    buildType: 'BUILD_BATCH',
    filterGroups: [[event('PULL_REQUEST_CREATED')]],
  });
  assert.ok(webhook);
  assert.equal(webhook.buildType, 'BUILD_BATCH');
  const headers = {
    'x-github-event': 'pull_request',
    'x-github-delivery': 'b1',
    'user-agent': 'GitHub-Hookshot/1',
  };
  const opened = await deliver(webhook, requestOf('opened'), headers);
  assert.deepEqual((await deliver(webhook, requestOf('opened'), headers)).builds, opened.builds);
  const batch = await batches.ended(opened.builds[0]);
  assert.equal(batch.buildBatchStatus, 'SUCCEEDED', batchContext(batch));
  assert.equal(batch.initiator, 'GitHub-Hookshot/1');
  assert.equal(batch.sourceVersion, 'pr/7');
  assert.equal(batch.resolvedSourceVersion, requested);
  for (const name of ['one', 'two']) {
    const build = await clients.get(buildIdOf(batch, name));
    assert.equal(build.resolvedSourceVersion, requested);
    assert.equal(build.initiator, 'GitHub-Hookshot/1');
    assert.deepEqual(await clients.output(build), ['requested', 'pr/7']);
  }
});

test('scenario 48: a pull request is built by its number, and by one of its commits', async () => {
  await createProject('numbered', 'GITHUB', spec(['cat a; echo " $CODEBUILD_SOURCE_VERSION"']));
  for (const sourceVersion of ['pr/7', `refs/pull/7/head^{${requested}}`]) {
    const build = await clients.run('numbered', { sourceVersion });
    assert.equal(contextOf(build), undefined);
    assert.equal(build.resolvedSourceVersion, requested);
    assert.deepEqual(await clients.output(build), [`requested ${sourceVersion}`]);
  }
  assert.match(
    contextOf(await clients.run('numbered', { sourceVersion: 'pr/8' })) ?? '',
    /^CLIENT_ERROR: .* for primary source and source version pr\/8$/,
  );
});
