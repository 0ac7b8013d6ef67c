/** Attacks on who one is: credentials that should be dead, sessions that want more, roles that are passed or taken. */

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CodeCommitClient, GetRepositoryCommand } from '@aws-sdk/client-codecommit';
import * as CodePipeline from '@aws-sdk/client-codepipeline';
import { CodeDeploy } from '@aws-sdk/client-codedeploy';
import * as Iam from '@aws-sdk/client-iam';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import * as Sts from '@aws-sdk/client-sts';
import { silentLog } from '#base/log.ts';
import { createSlipway } from '#slipway';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

let house: TestHouse;
let iam: Iam.IAMClient;
before(async () => {
  house = await createTestHouse();
  iam = new Iam.IAMClient(settings(house.credentials));
  await house.slipway.root.send('codecommit:CreateRepository', { repositoryName: 'shop' });
});
after(() => house.close());

const settings = (credentials: Key) => ({
  endpoint: house.endpoint,
  region: house.region,
  credentials,
  maxAttempts: 1,
});
const policy = (...statements: readonly object[]) =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });
const allow = (Action: string | readonly string[], Resource = '*') => ({ Effect: 'Allow', Action, Resource });
const arn = (resource: string) => `arn:aws:iam::${house.account}:${resource}`;

async function createUser(UserName: string, ...statements: readonly object[]): Promise<Key> {
  await iam.send(new Iam.CreateUserCommand({ UserName }));
  if (statements.length > 0) {
    const PolicyDocument = policy(...statements);
    await iam.send(new Iam.PutUserPolicyCommand({ UserName, PolicyName: 'own', PolicyDocument }));
  }
  const { AccessKey: key } = await iam.send(new Iam.CreateAccessKeyCommand({ UserName }));
  return { accessKeyId: key?.AccessKeyId ?? '', secretAccessKey: key?.SecretAccessKey ?? '' };
}

async function createRole(RoleName: string, trust: object, ...statements: readonly object[]) {
  const AssumeRolePolicyDocument = policy({ Effect: 'Allow', Action: 'sts:AssumeRole', ...trust });
  await iam.send(new Iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  if (statements.length > 0) {
    const PolicyDocument = policy(...statements);
    await iam.send(new Iam.PutRolePolicyCommand({ RoleName, PolicyName: 'own', PolicyDocument }));
  }
}

async function deleteRole(RoleName: string) {
  await iam.send(new Iam.DeleteRolePolicyCommand({ RoleName, PolicyName: 'own' }));
  await iam.send(new Iam.DeleteRoleCommand({ RoleName }));
}

function keyOf(given: Sts.Credentials | undefined): Key {
  assert.ok(given?.AccessKeyId && given.SecretAccessKey && given.SessionToken);
  return {
    accessKeyId: given.AccessKeyId,
    secretAccessKey: given.SecretAccessKey,
    sessionToken: given.SessionToken,
  };
}

async function assume(key: Key, role: string, more: Partial<Sts.AssumeRoleCommandInput> = {}): Promise<Key> {
  const input = { RoleArn: arn(`role/${role}`), RoleSessionName: 'attack', ...more };
  return keyOf((await new Sts.STSClient(settings(key)).send(new Sts.AssumeRoleCommand(input))).Credentials);
}

const lists = (key: Key) => new S3Client(settings(key)).send(new ListBucketsCommand({}));
const whoAmI = (key: Key) => new Sts.STSClient(settings(key)).send(new Sts.GetCallerIdentityCommand({}));
const refused = (work: Promise<unknown>, name: RegExp) =>
  assert.rejects(work, (error: Error) => {
    assert.match(error.name, name, error.message);
    return true;
  });
const DENIED = /^AccessDenied/;
/** S3 has codes of its own. */
const DEAD = /^(UnrecognizedClientException|InvalidClientTokenId|InvalidAccessKeyId|InvalidToken)/;

test('a key dies with its deactivation, its deletion and its user, at once', async () => {
  const key = await createUser('mortal', allow('s3:ListAllMyBuckets'));
  await lists(key);
  const named = { UserName: 'mortal', AccessKeyId: key.accessKeyId };
  await iam.send(new Iam.UpdateAccessKeyCommand({ ...named, Status: 'Inactive' }));
  await refused(lists(key), DEAD);
  await refused(whoAmI(key), DEAD);
  await iam.send(new Iam.UpdateAccessKeyCommand({ ...named, Status: 'Active' }));
  await lists(key);
  await iam.send(new Iam.DeleteUserPolicyCommand({ UserName: 'mortal', PolicyName: 'own' }));
  await refused(lists(key), DENIED);
  await iam.send(new Iam.DeleteAccessKeyCommand(named));
  await refused(whoAmI(key), DEAD);
});

test('temporary credentials of a user die with the user, also for who-am-I', async () => {
  const key = await createUser('leaver', allow('s3:ListAllMyBuckets'));
  const { Credentials } = await new Sts.STSClient(settings(key)).send(new Sts.GetSessionTokenCommand({}));
  const session = keyOf(Credentials);
  await lists(session);
  await iam.send(new Iam.DeleteUserPolicyCommand({ UserName: 'leaver', PolicyName: 'own' }));
  await iam.send(new Iam.DeleteAccessKeyCommand({ UserName: 'leaver', AccessKeyId: key.accessKeyId }));
  await iam.send(new Iam.DeleteUserCommand({ UserName: 'leaver' }));
  await refused(lists(session), DEAD);
  await refused(whoAmI(session), DEAD);
  await createUser('leaver', allow('*'));
  await refused(lists(session), DEAD);
  await refused(whoAmI(session), DEAD);
});

test('a session of a role is worth nothing once the role was made anew', async () => {
  const key = await createUser('taker', allow('sts:AssumeRole'));
  const trust = { Principal: { AWS: arn('user/taker') } };
  await createRole('phoenix', trust, allow('s3:ListAllMyBuckets'));
  const session = await assume(key, 'phoenix');
  await lists(session);
  await deleteRole('phoenix');
  await refused(lists(session), DEAD);
  await createRole('phoenix', trust, allow('*'));
  await refused(lists(session), DEAD);
  await refused(whoAmI(session), DEAD);
  await lists(await assume(key, 'phoenix'));
});

test('a user made anew under a trusted name is not trusted', async () => {
  const first = await createUser('twin', allow('sts:AssumeRole'));
  await createRole('only-first', { Principal: { AWS: arn('user/twin') } }, allow('s3:ListAllMyBuckets'));
  await assume(first, 'only-first');
  await iam.send(new Iam.DeleteUserPolicyCommand({ UserName: 'twin', PolicyName: 'own' }));
  await iam.send(new Iam.DeleteAccessKeyCommand({ UserName: 'twin', AccessKeyId: first.accessKeyId }));
  await iam.send(new Iam.DeleteUserCommand({ UserName: 'twin' }));
  const second = await createUser('twin', allow('sts:AssumeRole'));
  await refused(assume(second, 'only-first'), DENIED);
});

test('tokens cannot be altered, mixed, left out or added', async () => {
  const key = await createUser('mixer', allow('sts:AssumeRole'));
  await createRole('mixed', { Principal: { AWS: arn('user/mixer') } }, allow('s3:ListAllMyBuckets'));
  const [one, two] = [await assume(key, 'mixed'), await assume(key, 'mixed')];
  const token = one.sessionToken ?? '';
  const { sessionToken: _, ...bare } = one;
  const flipped = `${token.slice(0, 40)}${token[40] === 'A' ? 'B' : 'A'}${token.slice(41)}`;
  const forgeries: readonly Key[] = [
    { ...one, sessionToken: two.sessionToken ?? '' },
    { ...one, sessionToken: flipped },
    { ...one, sessionToken: `${token}A` },
    bare,
    { ...key, sessionToken: token },
    { ...house.credentials, sessionToken: token },
    { ...one, secretAccessKey: two.secretAccessKey },
  ];
  for (const forgery of forgeries)
    await assert.rejects(whoAmI(forgery), (error: Error) => /Token|Client|Signature/.test(error.name));
});

test('a session policy only narrows, whatever it says', async () => {
  const key = await createUser('narrow', allow('sts:AssumeRole'));
  const trust = { Principal: { AWS: arn('user/narrow') } };
  await createRole('little', trust, allow('s3:ListAllMyBuckets'));
  const wide = await assume(key, 'little', { Policy: policy(allow('*')) });
  await lists(wide);
  await refused(new Iam.IAMClient(settings(wide)).send(new Iam.ListUsersCommand({})), DENIED);
  const none = await assume(key, 'little', { Policy: policy(allow('logs:*')) });
  await refused(lists(none), DENIED);
  const admin = 'arn:aws:iam::aws:policy/AdministratorAccess';
  const managed = await assume(key, 'little', { PolicyArns: [{ arn: admin }] });
  await refused(new Iam.IAMClient(settings(managed)).send(new Iam.ListUsersCommand({})), DENIED);
  const { Policy: own } = await iam.send(
    new Iam.CreatePolicyCommand({ PolicyName: 'passing', PolicyDocument: policy(allow('*')) }),
  );
  const passing = await assume(key, 'little', { PolicyArns: [{ arn: own?.Arn }] });
  await lists(passing);
  await iam.send(new Iam.DeletePolicyCommand({ PolicyArn: own?.Arn }));
  await refused(lists(passing), DENIED);
});

test('a user manages only the keys of the user that the policy names, in any spelling of the name', async () => {
  const self = allow(['iam:*AccessKey*', 'iam:GetUser'], arn('user/self'));
  const key = await createUser('self', self);
  const victim = await createUser('Victim', allow('*'));
  const mine = new Iam.IAMClient(settings(key));
  await mine.send(new Iam.ListAccessKeysCommand({}));
  for (const UserName of ['Victim', 'victim', 'VICTIM']) {
    await refused(mine.send(new Iam.CreateAccessKeyCommand({ UserName })), DENIED);
    await refused(mine.send(new Iam.ListAccessKeysCommand({ UserName })), DENIED);
    await refused(mine.send(new Iam.GetUserCommand({ UserName })), DENIED);
  }
  const AccessKeyId = victim.accessKeyId;
  await refused(mine.send(new Iam.DeleteAccessKeyCommand({ AccessKeyId })), /^NoSuchEntity/);
  await refused(
    mine.send(new Iam.UpdateAccessKeyCommand({ UserName: 'self', AccessKeyId, Status: 'Inactive' })),
    /^NoSuchEntity/,
  );
  await lists(victim);
});

test('git passwords die with their deactivation and their user', async () => {
  await createUser('pusher', allow('codecommit:GitPull'));
  const { ServiceSpecificCredential: made } = await iam.send(
    new Iam.CreateServiceSpecificCredentialCommand({
      UserName: 'pusher',
      ServiceName: 'codecommit.amazonaws.com',
    }),
  );
  const named = { UserName: 'pusher', ServiceSpecificCredentialId: made?.ServiceSpecificCredentialId ?? '' };
  const code = () => gitAnswer(made?.ServiceUserName ?? '', made?.ServicePassword ?? '', 'shop');
  assert.equal(await code(), 200);
  assert.equal(await gitAnswer(made?.ServiceUserName ?? '', `${made?.ServicePassword}x`, 'shop'), 401);
  await iam.send(new Iam.UpdateServiceSpecificCredentialCommand({ ...named, Status: 'Inactive' }));
  assert.equal(await code(), 401);
  await iam.send(new Iam.UpdateServiceSpecificCredentialCommand({ ...named, Status: 'Active' }));
  assert.equal(await code(), 200);
  await iam.send(new Iam.DeleteServiceSpecificCredentialCommand(named));
  assert.equal(await code(), 401);
});

async function gitAnswer(user: string, password: string, repository: string): Promise<number> {
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const url = `${house.endpoint}/v1/repos/${repository}/info/refs?service=git-upload-pack`;
  const answer = await fetch(url, { headers: { authorization } });
  await answer.arrayBuffer();
  return answer.status;
}

test('a root key set by the environment replaces the one before, which is nobody from then on', async () => {
  const other = await createTestHouse();
  const before = other.credentials;
  const key = { accessKeyId: 'AKIAROOTOFTHENEWDAYS', secretAccessKey: 's'.repeat(40) };
  await other.slipway.close(0);
  const slipway = await createSlipway({
    directory: join(other.directory, 'data'),
    host: '127.0.0.1',
    port: 0,
    account: other.account,
    region: other.region,
    runtime: 'sandbox',
    environment: {
      SLIPWAY_ROOT_ACCESS_KEY_ID: key.accessKeyId,
      SLIPWAY_ROOT_SECRET_ACCESS_KEY: key.secretAccessKey,
    },
    log: silentLog,
  });
  const ask = (credentials: Key) =>
    new S3Client({ ...settings(credentials), endpoint: slipway.url }).send(new ListBucketsCommand({}));
  try {
    await ask(key);
    await refused(ask(before), DEAD);
    await refused(ask({ ...before, accessKeyId: key.accessKeyId }), /^SignatureDoesNotMatch/);
  } finally {
    await slipway.close(0);
    rmSync(other.directory, { recursive: true });
  }
});

test('nobody makes a pipeline act under a role that they may not pass', async () => {
  const trust = { Principal: { Service: 'codepipeline.amazonaws.com' } };
  await createRole('strong', trust, allow('*'));
  await createRole('weak', trust, allow('s3:*'));
  const key = await createUser('author', allow('codepipeline:*'), allow('iam:PassRole', arn('role/weak')));
  const mine = new CodePipeline.CodePipelineClient(settings(key));
  const declare = (role: string, more: object = {}): CodePipeline.PipelineDeclaration => ({
    name: 'passed',
    roleArn: arn(`role/${role}`),
    artifactStore: { type: 'S3', location: 'passed-artifacts' },
    stages: [
      {
        name: 'Source',
        actions: [
          {
            name: 'Source',
            actionTypeId: { category: 'Source', owner: 'AWS', provider: 'CodeCommit', version: '1' },
            configuration: { RepositoryName: 'shop', BranchName: 'main' },
            outputArtifacts: [{ name: 'source' }],
            ...more,
          },
        ],
      },
      {
        name: 'Approve',
        actions: [
          {
            name: 'Approve',
            actionTypeId: { category: 'Approval', owner: 'AWS', provider: 'Manual', version: '1' },
          },
        ],
      },
    ],
  });
  const create = (pipeline: CodePipeline.PipelineDeclaration) =>
    mine.send(new CodePipeline.CreatePipelineCommand({ pipeline }));
  const update = (pipeline: CodePipeline.PipelineDeclaration) =>
    mine.send(new CodePipeline.UpdatePipelineCommand({ pipeline }));
  await refused(create(declare('strong')), DENIED);
  await refused(create(declare('weak', { roleArn: arn('role/strong') })), DENIED);
  await create(declare('weak'));
  await refused(update(declare('strong')), DENIED);
  await refused(update(declare('weak', { roleArn: arn('role/strong') })), DENIED);
});

test('a role that trusts one pipeline is not taken on for another, nor by a user who names it', async () => {
  const source = `arn:aws:codepipeline:${house.region}:${house.account}:trusted`;
  await createRole(
    'for-one',
    {
      Principal: { Service: 'codepipeline.amazonaws.com' },
      Condition: { StringEquals: { 'aws:SourceArn': source } },
    },
    allow('*'),
  );
  const take = (name: string, service = 'codepipeline') =>
    house.slipway.house.assumeRole({
      service,
      roleArn: arn('role/for-one'),
      sessionName: 'attack',
      sourceArn: `arn:aws:codepipeline:${house.region}:${house.account}:${name}`,
    });
  await take('trusted');
  for (const name of ['other', 'TRUSTED', 'trusted/', 'trusted*', '*'])
    await assert.rejects(take(name), { code: 'AccessDeniedException' });
  await assert.rejects(take('trusted', 'codebuild'), { code: 'AccessDeniedException' });
  await refused(assume(await createUser('claimer', allow('sts:*')), 'for-one'), DENIED);
});

test('wildcards in tags, names and session names stay letters in policies with variables', async () => {
  const key = await createUser('tagger', allow(['sts:AssumeRole', 'sts:TagSession']));
  await iam.send(
    new Iam.CreateRoleCommand({
      RoleName: 'tagged',
      AssumeRolePolicyDocument: policy({
        Effect: 'Allow',
        Principal: { AWS: arn('user/tagger') },
        Action: ['sts:AssumeRole', 'sts:TagSession'],
      }),
    }),
  );
  const own = `arn:aws:codecommit:${house.region}:${house.account}:` + '${aws:PrincipalTag/Repository}';
  await iam.send(
    new Iam.PutRolePolicyCommand({
      RoleName: 'tagged',
      PolicyName: 'own',
      PolicyDocument: policy(allow('codecommit:GetRepository', own)),
    }),
  );
  const read = async (Value: string) => {
    const session = await assume(key, 'tagged', { Tags: [{ Key: 'Repository', Value }] });
    return new CodeCommitClient(settings(session)).send(new GetRepositoryCommand({ repositoryName: 'shop' }));
  };
  await read('shop');
  for (const value of ['other', 'SHOP', 'shop/', './shop']) await refused(read(value), DENIED);
  // What could be a wildcard is not even a tag.
  for (const value of ['*', 'sho?']) await refused(read(value), /^ValidationError/);
});

test('nobody makes a deployment group act under a role that they may not pass', async () => {
  const trust = { Principal: { Service: 'codedeploy.amazonaws.com' } };
  await createRole('strong-deploy', trust, allow('*'));
  await createRole('weak-deploy', trust, allow('s3:*'));
  const passing = allow('iam:PassRole', arn('role/weak-deploy'));
  const key = await createUser('deployer', allow('codedeploy:*'), passing);
  const mine = new CodeDeploy(settings(key));
  const applicationName = 'passed';
  await mine.createApplication({ applicationName });
  const create = (name: string, role: string) =>
    mine.createDeploymentGroup({
      applicationName,
      deploymentGroupName: name,
      serviceRoleArn: arn(`role/${role}`),
    });
  await refused(create('strong', 'strong-deploy'), DENIED);
  await create('weak', 'weak-deploy');
  const update = {
    applicationName,
    currentDeploymentGroupName: 'weak',
    serviceRoleArn: arn('role/strong-deploy'),
  };
  await refused(mine.updateDeploymentGroup(update), DENIED);
});
