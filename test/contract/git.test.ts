/** The git door as real `git` uses it: credentials of both kinds, clone, fetch, push, refusals, and the events told. */

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { after, before, test } from 'node:test';
import type { BusEvent } from '#services/service.ts';
import { createGitUser, type GitUser } from '#test/support/git.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { cliSkip } from '#test/support/other-clients.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let credential: { readonly userName: string; readonly password: string };
const events: BusEvent[] = [];

before(async () => {
  house = await createTestHouse();
  const { root } = house.slipway;
  const inner = house.slipway.house as { publish(event: BusEvent): Promise<void> };
  const publish = inner.publish.bind(inner);
  inner.publish = async (event) => {
    if (event.source === 'aws.codecommit') events.push(event);
    await publish(event);
  };
  credential = await createUser('dana', [
    { Effect: 'Allow', Action: ['codecommit:GitPull', 'codecommit:GitPush'], Resource: '*' },
    // As AWS documents branch guards: the key is absent before the references of a push are known.
    {
      Effect: 'Deny',
      Action: 'codecommit:GitPush',
      Resource: '*',
      Condition: {
        StringEqualsIfExists: { 'codecommit:References': ['refs/heads/prod'] },
        Null: { 'codecommit:References': 'false' },
      },
    },
  ]);
  assert.ok(root);
});
after(() => house.close());

async function createUser(UserName: string, Statement: readonly object[]) {
  const { root } = house.slipway;
  await root.send('iam:CreateUser', { UserName });
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await root.send('iam:PutUserPolicy', { UserName, PolicyName: 'git', PolicyDocument });
  const made = await root.send('iam:CreateServiceSpecificCredential', {
    UserName,
    ServiceName: 'codecommit.amazonaws.com',
  });
  const { ServiceUserName = '', ServicePassword = '' } = made.ServiceSpecificCredential ?? {};
  return { userName: ServiceUserName, password: ServicePassword };
}

let repositories = 0;
async function createRepository(): Promise<string> {
  const repositoryName = `repo-${++repositories}`;
  await house.slipway.root.send('codecommit:CreateRepository', { repositoryName });
  return repositoryName;
}

function urlOf(name: string, { userName, password } = credential): string {
  const address = house.endpoint.replace('http://', '');
  return `http://${encodeURIComponent(userName)}:${encodeURIComponent(password)}@${address}/v1/repos/${name}`;
}

async function createPushed(): Promise<{ name: string; git: GitUser; commitId: string }> {
  const name = await createRepository();
  const git = await createGitUser(house, urlOf(name));
  const commitId = await git.commit('README.md', 'one\n');
  await git.ok('push', 'origin', 'main');
  return { name, git, commitId };
}

/** The events of one repository, once there are `count`. */
async function eventsOf(name: string, count: number): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return await until(`${count} events of ${name}`, 5_000, () => {
    const found = events.map((event) => event.detail).filter((detail) => detail['repositoryName'] === name);
    return found.length >= count ? found : undefined;
  });
}

test('an empty repository is cloned, its first push makes the default branch and one event', async () => {
  const name = await createRepository();
  const git = await createGitUser(house, urlOf(name));
  assert.match((await git.run('clone', urlOf(name), '../empty')).stderr, /cloned an empty repository/);
  const commitId = await git.commit('a.txt', 'first\n');
  await git.ok('push', 'origin', 'main');
  const { repositoryMetadata } = await house.slipway.root.send('codecommit:GetRepository', {
    repositoryName: name,
  });
  assert.equal(repositoryMetadata?.defaultBranch, 'main');
  assert.deepEqual(await eventsOf(name, 1), [
    {
      event: 'referenceCreated',
      repositoryName: name,
      repositoryId: repositoryMetadata?.repositoryId,
      referenceType: 'branch',
      referenceName: 'main',
      referenceFullName: 'refs/heads/main',
      commitId,
      callerUserArn: 'arn:aws:iam::123456789012:user/dana',
    },
  ]);
});

test('a first branch of another name becomes the default, and HEAD follows', async () => {
  const name = await createRepository();
  const git = await createGitUser(house, urlOf(name));
  await git.commit('a.txt', 'first\n');
  await git.ok('push', 'origin', 'main:trunk');
  assert.match(await git.ok('ls-remote', '--symref', 'origin', 'HEAD'), /^ref: refs\/heads\/trunk\tHEAD/);
});

test('branches and tags are made, moved by force and deleted, each told once in order', async () => {
  const { name, git, commitId } = await createPushed();
  const second = await git.commit('README.md', 'two\n');
  await git.ok('tag', '-a', 'v1', '-m', 'one');
  await git.ok('push', '--atomic', 'origin', 'main', 'main:dev', 'v1');
  await git.ok('reset', '--hard', commitId);
  const third = await git.commit('README.md', 'three\n');
  assert.notEqual((await git.run('push', 'origin', 'main:dev')).code, 0);
  await git.ok('push', '--force', 'origin', 'main:dev');
  await git.ok('push', 'origin', ':dev', ':refs/tags/v1');
  const told = (await eventsOf(name, 7)).map((each) => [
    each['event'],
    each['referenceFullName'],
    each['commitId'],
  ]);
  const tag = await git.ok('rev-parse', 'refs/tags/v1');
  assert.deepEqual(told, [
    ['referenceCreated', 'refs/heads/main', commitId],
    ['referenceUpdated', 'refs/heads/main', second],
    ['referenceCreated', 'refs/heads/dev', second],
    ['referenceCreated', 'refs/tags/v1', tag],
    ['referenceUpdated', 'refs/heads/dev', third],
    ['referenceDeleted', 'refs/heads/dev', undefined],
    ['referenceDeleted', 'refs/tags/v1', undefined],
  ]);
});

test('the default branch cannot be deleted, and hidden references are neither shown nor pushed', async () => {
  const { git, name } = await createPushed();
  const refused = await git.run('push', 'origin', ':main');
  assert.match(refused.stderr, /default branch cannot be deleted/);
  assert.match((await git.run('push', 'origin', 'main:refs/slipway/x')).stderr, /reserved/);
  const bad = await git.run('push', 'origin', 'main:refs/heads/-x');
  assert.match(bad.stderr, /not a valid branch name/);
  assert.equal((await eventsOf(name, 1)).length, 1);
  assert.doesNotMatch(await git.ok('ls-remote', 'origin'), /slipway/);
});

test('a branch guard refuses the whole push with its reason, and leaves nothing behind', async () => {
  const { git, name, commitId } = await createPushed();
  await git.commit('README.md', 'two\n');
  const refused = await git.run('push', 'origin', 'main', 'main:prod');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /remote rejected.*main -> prod.*permission to push to refs\/heads\/prod/);
  assert.match(refused.stderr, /remote rejected.*main -> main/);
  const { branch } = await house.slipway.root.send('codecommit:GetBranch', {
    repositoryName: name,
    branchName: 'main',
  });
  assert.equal(branch?.commitId, commitId);
  await git.ok('push', 'origin', 'main:dev');
});

test('who may not pull learns nothing, who may learns that a repository is missing', async () => {
  const nobody = await createUser('nobody', [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }]);
  const name = await createRepository();
  const git = await createGitUser(house, urlOf(name, nobody));
  const there = await git.run('ls-remote', urlOf(name, nobody));
  const missing = await git.run('ls-remote', urlOf('no-such', nobody));
  assert.match(there.stderr, /403/);
  assert.match(missing.stderr, /403/);
  assert.match((await git.run('ls-remote', urlOf('no-such'))).stderr, /not found/);
});

test('wrong, missing and switched-off credentials are answered 401', async () => {
  const name = await createRepository();
  const target = `${house.endpoint}/v1/repos/${name}/info/refs?service=git-upload-pack`;
  const basic = (user: string, password: string) => ({
    headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` },
  });
  const missing = await fetch(target);
  assert.equal(missing.status, 401);
  assert.equal(missing.headers.get('www-authenticate'), 'Basic realm="codecommit"');
  assert.equal((await fetch(target, basic(credential.userName, 'wrong'))).status, 401);
  assert.equal((await fetch(target, basic('AKIAIOSFODNN7EXAMPLE', 'wrong'))).status, 401);
  assert.equal((await fetch(target, basic(credential.userName, credential.password))).status, 200);
  const guest = await createUser('guest', [{ Effect: 'Allow', Action: 'codecommit:*', Resource: '*' }]);
  assert.equal((await fetch(target, basic(guest.userName, guest.password))).status, 200);
  const { root } = house.slipway;
  const listed = await root.send('iam:ListServiceSpecificCredentials', { UserName: 'guest' });
  await root.send('iam:UpdateServiceSpecificCredential', {
    UserName: 'guest',
    ServiceSpecificCredentialId: listed.ServiceSpecificCredentials?.[0]?.ServiceSpecificCredentialId,
    Status: 'Inactive',
  });
  assert.equal((await fetch(target, basic(guest.userName, guest.password))).status, 401);
  assert.equal((await fetch(`${house.endpoint}/v1/repos/${name}/HEAD`)).status, 404);
  const dumb = `${house.endpoint}/v1/repos/${name}/info/refs`;
  assert.equal((await fetch(dumb, basic(credential.userName, credential.password))).status, 403);
});

test('the AWS CLI credential helper signs in with access keys', { skip: cliSkip }, async () => {
  const name = await createRepository();
  const helper =
    '!f() { test \\"$1\\" = get && aws codecommit credential-helper get --ignore-host-check; }; f';
  const git = await createGitUser(house, `${house.endpoint}/v1/repos/${name}`, [
    '[credential]',
    'UseHttpPath = true',
    `helper = "${helper}"`,
  ]);
  await git.commit('a.txt', 'by helper\n');
  await git.ok('push', 'origin', 'main');
  await git.ok('clone', `${house.endpoint}/v1/repos/${name}`, 'copy');
  const [event] = await eventsOf(name, 1);
  assert.equal(event?.['callerUserArn'], 'arn:aws:iam::123456789012:root');
});

test('shallow and partial clones, protocol 0 to 2, and fetches with many wants work', async () => {
  const { git, name } = await createPushed();
  for (let i = 0; i < 60; i++) {
    await git.ok('commit', '--quiet', '--allow-empty', '-m', `${i}`);
    await git.ok('branch', `b${i}`);
  }
  await git.ok('push', '--quiet', 'origin', '--all');
  await git.ok('clone', '--quiet', '--depth', '1', urlOf(name), 'shallow');
  assert.equal(await git.ok('-C', 'shallow', 'rev-list', '--count', 'HEAD'), '1');
  const partial = await git.run('clone', '--filter=blob:none', urlOf(name), 'partial');
  assert.equal(partial.code, 0);
  assert.doesNotMatch(partial.stderr, /filtering not recognized/);
  for (const version of ['0', '1', '2']) {
    await git.ok('-c', `protocol.version=${version}`, 'clone', '--quiet', urlOf(name), `v${version}`);
    assert.equal(await git.ok('-C', `v${version}`, 'rev-parse', 'HEAD'), await git.ok('rev-parse', 'main'));
  }
  assert.equal((await eventsOf(name, 62)).length, 62);
});

test('a push of several megabytes, sent in chunks after a probe, arrives whole', async () => {
  const { git, name } = await createPushed();
  await git.commit('big.txt', randomBytes(3_000_000).toString('base64'));
  await git.ok('push', '--quiet', 'origin', 'main');
  await git.ok('clone', '--quiet', urlOf(name), 'copy');
  assert.equal(await git.ok('-C', 'copy', 'rev-parse', 'HEAD'), await git.ok('rev-parse', 'HEAD'));
  await git.ok('-C', 'copy', 'fsck', '--strict');
});

test('two clients pushing from the same base: one wins, one event', async () => {
  const { name, git, commitId } = await createPushed();
  const rivals = await Promise.all([createGitUser(house, urlOf(name)), createGitUser(house, urlOf(name))]);
  for (const rival of rivals) {
    await rival.ok('pull', '--quiet', 'origin', 'main');
    await rival.commit('who.txt', rival.directory);
  }
  const results = await Promise.all(rivals.map((rival) => rival.run('push', 'origin', 'main')));
  assert.deepEqual(results.map((result) => result.code).sort(), [0, 1]);
  await git.ok('fetch', 'origin');
  const told = (await eventsOf(name, 2)).map((each) => [each['oldCommitId'], each['commitId']]);
  assert.deepEqual(told, [
    [undefined, commitId],
    [commitId, await git.ok('rev-parse', 'origin/main')],
  ]);
});

test('broken requests get an answer and leave the repository whole', async () => {
  const { name, git } = await createPushed();
  const authorization = `Basic ${Buffer.from(`${credential.userName}:${credential.password}`).toString('base64')}`;
  const post = (body: Buffer, more: Record<string, string> = {}) =>
    fetch(`${house.endpoint}/v1/repos/${name}/git-receive-pack`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/x-git-receive-pack-request', ...more },
      body,
    });
  assert.equal((await post(Buffer.from('zzzz'))).status, 400);
  assert.equal((await post(Buffer.from('00'))).status, 400);
  assert.equal((await post(Buffer.from('0000'), { 'content-type': 'text/plain' })).status, 415);
  assert.equal((await post(Buffer.from('0000'))).status, 200);
  const fake = createHash('sha1').update('nothing').digest('hex');
  const line = `${'0'.repeat(40)} ${fake} refs/heads/fake\0report-status`;
  const framed = `${(line.length + 4).toString(16).padStart(4, '0')}${line}0000`;
  const answer = await post(gzipSync(Buffer.from(framed)), { 'content-encoding': 'gzip' });
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /unpack (?!ok)|ng refs\/heads\/fake/);
  assert.doesNotMatch(await git.ok('ls-remote', 'origin'), /fake/);
  assert.equal((await eventsOf(name, 1)).length, 1);
});
