/** CodeBuild §11, sources: scenarios 48 to 52 with real repositories, of the house and of another provider over HTTP. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Build } from '@aws-sdk/client-codebuild';
import { type BuildClients, connectBuilds, contextOf, createBuildRole, spec } from '#test/support/builds.ts';
import { createGitUser, type GitUser } from '#test/support/git.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

let house: TestHouse;
let clients: BuildClients;
let login: { user: string; password: string };
before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam);
  await clients.s3.createBucket({ Bucket: 'sources' });
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
  const { ServiceSpecificCredential: made } = await root.send('iam:CreateServiceSpecificCredential', {
    UserName: 'dana',
    ServiceName: 'codecommit.amazonaws.com',
  });
  login = { user: made?.ServiceUserName ?? '', password: made?.ServicePassword ?? '' };
});
after(async () => {
  clients.close();
  await house.close();
});

const urlOf = (name: string) => `${house.endpoint}/v1/repos/${name}`;

async function createRepository(repositoryName: string): Promise<GitUser> {
  await house.slipway.root.send('codecommit:CreateRepository', { repositoryName });
  const { user, password } = login;
  const url = `http://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${house.endpoint.slice(7)}/v1/repos/${repositoryName}`;
  return createGitUser(house, url);
}

let count = 0;
async function run(
  source: object,
  commands: readonly string[],
  more: object = {},
  start: object = {},
): Promise<Build> {
  const name = `s${++count}x`;
  await clients.createProject(name, '', {
    source: { buildspec: spec(commands), ...source } as never,
    ...more,
  });
  return clients.run(name, start);
}

test('scenario 48: branch, tag, commit and pinned reference each give their commit', async () => {
  const git = await createRepository('versions');
  const first = await git.commit('a', 'one');
  await git.ok('tag', 'v1');
  const second = await git.commit('a', 'two');
  await git.ok('push', '--quiet', 'origin', 'HEAD:refs/heads/main', 'v1');
  await git.ok('checkout', '--quiet', '-b', 'feature', first);
  const third = await git.commit('b', 'three');
  await git.ok('push', '--quiet', 'origin', 'HEAD:refs/heads/feature');
  const source = { type: 'CODECOMMIT', location: urlOf('versions') };
  const resolved = async (sourceVersion: string | undefined, more = {}) => {
    const build = await run({ ...source, ...more }, ['git rev-parse HEAD'], {}, { sourceVersion });
    assert.equal(contextOf(build), undefined, sourceVersion);
    assert.deepEqual(await clients.output(build), [build.resolvedSourceVersion]);
    return build.resolvedSourceVersion;
  };
  assert.equal(await resolved('feature'), third);
  assert.equal(await resolved('v1'), first);
  assert.equal(await resolved(second), second);
  assert.equal(await resolved(`refs/heads/main^{${first}}`), first);
  assert.equal(await resolved('refs/heads/feature', { gitCloneDepth: 1 }), third);
  assert.equal(await resolved(undefined), second);
  const missing = await run(source, ['true'], {}, { sourceVersion: 'nowhere' });
  assert.match(
    contextOf(missing) ?? '',
    /^CLIENT_ERROR: reference not found for primary source and source version nowhere$/,
  );
});

test('scenario 49: a depth of one gives one commit; none and more than 25 give all', async () => {
  const git = await createRepository('deep');
  for (let i = 0; i < 3; i++) await git.commit('a', String(i));
  await git.ok('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
  const commits = async (gitCloneDepth: number) => {
    const source = { type: 'CODECOMMIT', location: urlOf('deep'), gitCloneDepth };
    return (await clients.output(await run(source, ['git log --oneline | wc -l'])))[0]?.trim();
  };
  assert.equal(await commits(1), '1');
  assert.equal(await commits(0), '3');
  assert.equal(await commits(26), '3');
});

test('scenario 50: submodules come only when asked for', async () => {
  const inner = await createRepository('inner');
  await inner.commit('file', 'of the submodule');
  await inner.ok('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
  const outer = await createRepository('outer');
  const { user, password } = login;
  const authorized = `http://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${house.endpoint.slice(7)}/v1/repos/inner`;
  await outer.ok('submodule', '--quiet', 'add', authorized, 'sub');
  await outer.ok('config', '-f', '.gitmodules', 'submodule.sub.url', urlOf('inner'));
  await outer.commit('own', 'file');
  await outer.ok('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
  await clients.codebuild.importSourceCredentials({
    serverType: 'BITBUCKET',
    authType: 'BASIC_AUTH',
    username: user,
    token: password,
  });
  const shown = async (fetchSubmodules: boolean) => {
    const source = { type: 'BITBUCKET', location: urlOf('outer'), gitSubmodulesConfig: { fetchSubmodules } };
    const build = await run(source, ['cat sub/file 2>/dev/null || echo none']);
    assert.equal(contextOf(build), undefined);
    return (await clients.output(build))[0];
  };
  assert.equal(await shown(true), 'of the submodule');
  assert.equal(await shown(false), 'none');
});

test('scenario 51: S3 objects by version, folders, and secondary sources with versions of their own', async () => {
  await clients.s3.putBucketVersioning({ Bucket: 'sources', VersioningConfiguration: { Status: 'Enabled' } });
  await clients.s3.putObject({ Bucket: 'sources', Key: 'folder/a.txt', Body: 'in the folder' });
  const git = await createRepository('second');
  await git.commit('a', 'main');
  await git.ok('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
  await git.ok('checkout', '--quiet', '-b', 'side');
  const side = await git.commit('a', 'side');
  await git.ok('push', '--quiet', 'origin', 'HEAD:refs/heads/side');
  const secondarySources = [
    { type: 'CODECOMMIT', location: urlOf('second'), sourceIdentifier: 'code' },
    { type: 'S3', location: 'sources/folder/', sourceIdentifier: 'data' },
  ];
  const build = await run(
    { type: 'S3', location: 'sources/folder/' },
    [
      'cat a.txt; echo; cat $CODEBUILD_SRC_DIR_code/a; echo; cat $CODEBUILD_SRC_DIR_data/a.txt; echo; echo $CODEBUILD_SOURCE_VERSION_code',
    ],
    { secondarySources },
    { secondarySourcesVersionOverride: [{ sourceIdentifier: 'code', sourceVersion: side }] },
  );
  assert.equal(contextOf(build), undefined);
  assert.deepEqual(await clients.output(build), ['in the folder', 'side', 'in the folder', side]);
});

test('scenario 52: wrong credentials say so, and a token is nowhere to be found', async () => {
  const git = await createRepository('private');
  await git.commit('a', 'one');
  await git.ok('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
  const source = { type: 'GITHUB_ENTERPRISE', location: `${urlOf('private')}.git`.replace('.git', '') };
  const { codebuild } = clients;
  const anonymous = await run(source, ['true'], {}, { sourceVersion: 'main' });
  assert.equal(
    contextOf(anonymous),
    'CLIENT_ERROR: authentication required for primary source and source version main',
  );
  const token = 'github-token-0123456789';
  const { arn } = await codebuild.importSourceCredentials({
    serverType: 'GITHUB_ENTERPRISE',
    authType: 'PERSONAL_ACCESS_TOKEN',
    token,
  });
  assert.equal(arn, 'arn:aws:codebuild:us-east-1:123456789012:token/github_enterprise');
  const refused = await run(source, ['true'], {}, { sourceVersion: 'main' });
  assert.equal(
    contextOf(refused),
    'CLIENT_ERROR: authorization failed for primary source and source version main',
  );
  assert.ok(!JSON.stringify([refused, await clients.log(refused)]).includes(token));

  const good = await run({ ...source, type: 'BITBUCKET' }, [
    'cat .git/config; env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr "\\0" "\\n"; pwd; git rev-parse HEAD',
  ]);
  assert.equal(contextOf(good), undefined);
  const output = (await clients.output(good)).join('\n');
  assert.ok(!output.includes(login.password));
  assert.match(output, /\/src\/127\.0\.0\.1\/v1\/repos\/private$/m);
  assert.equal(good.resolvedSourceVersion, output.split('\n').at(-1));
});

test('git in the build logs in to its source, and to nothing else, when the buildspec wants it', async () => {
  const buildspec = (helper: string) =>
    JSON.stringify({
      version: '0.2',
      env: { 'git-credential-helper': helper },
      phases: {
        build: {
          commands: [
            'git fetch --quiet && echo fetched; printf "protocol=http\\nhost=other.example\\n\\n" | codebuild-git-credential get; true',
          ],
        },
      },
    });
  for (const type of ['BITBUCKET', 'CODECOMMIT']) {
    const source = { type, location: urlOf('private') };
    const fetched = await run({ ...source, buildspec: buildspec('yes') }, []);
    assert.deepEqual(await clients.output(fetched), ['fetched'], type);
    const not = await run({ ...source, buildspec: buildspec('no') }, []);
    assert.ok(!(await clients.output(not)).includes('fetched'));
  }
});

test('a secret of Secrets Manager is the credential of a source, and is masked', async () => {
  const { root } = house.slipway;
  const git = await createRepository('guarded');
  await git.commit('a', 'one');
  await git.ok('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
  await clients.iam.putRolePolicy({
    RoleName: 'build',
    PolicyName: 'secrets',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: '*' }],
    }),
  });
  const SecretString = JSON.stringify({ ServerType: 'GITLAB', UserName: login.user, Token: login.password });
  const { ARN: resource } = await root.send('secretsmanager:CreateSecret', { Name: 'git', SecretString });
  const source = { type: 'GITLAB', location: urlOf('guarded'), auth: { type: 'SECRETS_MANAGER', resource } };
  const build = await run(source, ['cat a; echo', `echo ${login.password}`], {}, { sourceVersion: 'main' });
  assert.equal(contextOf(build), undefined);
  assert.deepEqual(await clients.output(build), ['one', '***']);
  await clients.iam.deleteRolePolicy({ RoleName: 'build', PolicyName: 'secrets' });
  const denied = await run(source, ['true'], {}, { sourceVersion: 'main' });
  assert.match(contextOf(denied) ?? '', /AccessDeniedException: .*secretsmanager:GetSecretValue/);
});

test('source credentials are one of a kind, listed without secrets, and deleted', async () => {
  const { codebuild } = clients;
  const give = (more: object) =>
    codebuild.importSourceCredentials({
      serverType: 'GITHUB',
      authType: 'PERSONAL_ACCESS_TOKEN',
      token: 'abcd',
      ...more,
    } as never);
  const { arn } = await give({});
  await give({ token: 'efgh' });
  await assert.rejects(give({ shouldOverwrite: false }), { name: 'ResourceAlreadyExistsException' });
  await assert.rejects(give({ authType: 'OAUTH' }), { name: 'InvalidInputException' });
  await assert.rejects(give({ authType: 'BASIC_AUTH', username: 'x' }), { name: 'InvalidInputException' });
  const pointer = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:git-AbCdEf';
  await give({ authType: 'SECRETS_MANAGER', token: pointer });
  const { sourceCredentialsInfos } = await codebuild.listSourceCredentials({});
  const github = sourceCredentialsInfos?.filter((each) => each.serverType === 'GITHUB');
  assert.deepEqual(github, [
    { arn, serverType: 'GITHUB', authType: 'PERSONAL_ACCESS_TOKEN' },
    { arn: `${arn}-secrets-manager`, serverType: 'GITHUB', authType: 'SECRETS_MANAGER', resource: pointer },
  ]);
  await codebuild.deleteSourceCredentials({ arn });
  await assert.rejects(codebuild.deleteSourceCredentials({ arn }), { name: 'ResourceNotFoundException' });
});
