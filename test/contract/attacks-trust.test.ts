/**
 * Attacks of a user who may do something, and wants to do everything: by roles that they may not pass, trust policies that
 * they may not change, boundaries, tags, other people's credentials, identity providers of their own, and by URLs that
 * were signed while they still could. Every way that a room stores a role is tried.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as S3 from '@aws-sdk/client-s3';
import * as Sts from '@aws-sdk/client-sts';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { isFault } from '#base/fault.ts';
import type { Principal } from '#core/policy/principal.ts';
import type { InputOfId, OperationId } from '#services/clients.ts';
import type { Caller } from '#services/service.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';

let house: TestHouse;
let mallory: Caller;
let malloryKey: { readonly accessKeyId: string; readonly secretAccessKey: string };
const clock = createMovableClock();

const arn = (resource: string) => `arn:aws:iam::${house.account}:${resource}`;
const document = (...Statement: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement });
const allow = (Action: unknown, Resource: unknown = '*', more: object = {}) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
});
const trusts = (principal: object, more: object = {}) =>
  document({ Effect: 'Allow', Principal: principal, Action: ['sts:AssumeRole'], ...more });

before(async () => {
  house = await createTestHouse({ clock });
  const { root } = house.slipway;
  const everything = document(allow('*'));
  const service = {
    Service: ['codebuild.amazonaws.com', 'codepipeline.amazonaws.com', 'codedeploy.amazonaws.com'],
  };
  await createUser('boss');
  await root.send('iam:CreateRole', {
    RoleName: 'admin',
    AssumeRolePolicyDocument: trusts({ ...service, AWS: arn('user/boss') }),
  });
  await root.send('iam:PutRolePolicy', { RoleName: 'admin', PolicyName: 'all', PolicyDocument: everything });
  await root.send('iam:CreateGroup', { GroupName: 'admins' });
  await root.send('iam:PutGroupPolicy', {
    GroupName: 'admins',
    PolicyName: 'all',
    PolicyDocument: everything,
  });
  await root.send('iam:CreatePolicy', {
    PolicyName: 'limit',
    PolicyDocument: document(allow(['s3:*', 'iam:*', 'sts:*'], '*'), {
      Effect: 'Deny',
      Action: 'iam:*',
      Resource: '*',
    }),
  });
  await root.send('iam:CreatePolicy', {
    PolicyName: 'own',
    PolicyDocument: document(allow('codecommit:ListRepositories')),
  });
  malloryKey = await createUser('mallory');
  await root.send('iam:AttachUserPolicy', { UserName: 'mallory', PolicyArn: arn('policy/own') });
  const bounded = { Condition: { StringEquals: { 'iam:PermissionsBoundary': arn('policy/limit') } } };
  const mine = arn('role/mallory-*');
  const PolicyDocument = document(
    allow(['iam:CreateRole', 'iam:PutRolePolicy'], mine, bounded),
    allow(['iam:PassRole', 'iam:UpdateAssumeRolePolicy', 'iam:GetRole'], mine),
    allow([
      'sts:AssumeRole',
      'sts:TagSession',
      'codebuild:*',
      'codepipeline:*',
      'codedeploy:*',
      'events:*',
      's3:*',
      'cloudtrail:*',
    ]),
  );
  await root.send('iam:PutUserPolicy', { UserName: 'mallory', PolicyName: 'work', PolicyDocument });
  mallory = as(await principalOf('mallory'));
});
after(() => house.close());

const as = (principal: Principal) => house.slipway.house.trust.as(principal);

async function createUser(UserName: string) {
  await house.slipway.root.send('iam:CreateUser', { UserName });
  const { AccessKey: key } = await house.slipway.root.send('iam:CreateAccessKey', { UserName });
  return { accessKeyId: key?.AccessKeyId ?? '', secretAccessKey: key?.SecretAccessKey ?? '' };
}

async function principalOf(userName: string): Promise<Principal> {
  const { User: user } = await house.slipway.root.send('iam:GetUser', { UserName: userName });
  return { type: 'user', account: house.account, userName, userId: user?.UserId ?? '', arn: user?.Arn ?? '' };
}

async function answerTo<Id extends OperationId>(
  caller: Caller,
  id: Id,
  input: InputOfId<Id>,
): Promise<string> {
  try {
    await caller.send(id, input);
    return 'done';
  } catch (error) {
    if (!isFault(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

async function denied<Id extends OperationId>(id: Id, input: InputOfId<Id>, caller = mallory): Promise<void> {
  assert.match(
    await answerTo(caller, id, input),
    /^AccessDeniedException: /,
    `${id} ${JSON.stringify(input)}`,
  );
}

async function sessionOf(caller: Caller, input: InputOfId<'sts:AssumeRole'>): Promise<Caller> {
  const { Credentials: given } = await caller.send('sts:AssumeRole', input);
  const { principal } = await house.slipway.house.trust.identify(
    given?.AccessKeyId ?? '',
    given?.SessionToken,
  );
  return as(principal);
}

test('nobody gives themselves more by IAM than they were given', async () => {
  const everything = document(allow('*'));
  await denied('iam:PutUserPolicy', { UserName: 'mallory', PolicyName: 'all', PolicyDocument: everything });
  await denied('iam:AttachUserPolicy', {
    UserName: 'mallory',
    PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess',
  });
  await denied('iam:AddUserToGroup', { UserName: 'mallory', GroupName: 'admins' });
  await denied('iam:CreatePolicyVersion', {
    PolicyArn: arn('policy/own'),
    PolicyDocument: everything,
    SetAsDefault: true,
  });
  await denied('iam:SetDefaultPolicyVersion', { PolicyArn: arn('policy/own'), VersionId: 'v1' });
  await denied('iam:DeleteUserPermissionsBoundary', { UserName: 'mallory' });
  await denied('iam:CreateAccessKey', { UserName: 'boss' });
  await denied('iam:CreateLoginProfile', { UserName: 'boss', Password: 'Mallory-was-here-1' });
  await denied('iam:UpdateLoginProfile', { UserName: 'boss', Password: 'Mallory-was-here-1' });
  await denied('iam:ResetServiceSpecificCredential', {
    UserName: 'boss',
    ServiceSpecificCredentialId: 'ACCA12345678901234567',
  });
  await denied('iam:UpdateUser', { UserName: 'mallory', NewUserName: 'root' });
  for (const RoleName of ['admin', 'ADMIN', 'Admin']) {
    await denied('iam:UpdateAssumeRolePolicy', {
      RoleName,
      PolicyDocument: trusts({ AWS: arn('user/mallory') }),
    });
    await denied('iam:PutRolePolicy', { RoleName, PolicyName: 'x', PolicyDocument: everything });
  }
  await denied('iam:CreateOpenIDConnectProvider', { Url: 'https://mallory.example', ClientIDList: ['x'] });
});

test('a role that somebody makes within a boundary stays within it, and keeps it', async () => {
  const RoleName = 'mallory-helper';
  const AssumeRolePolicyDocument = trusts({ AWS: arn('user/mallory') });
  await denied('iam:CreateRole', { RoleName, AssumeRolePolicyDocument });
  await denied('iam:CreateRole', {
    RoleName,
    AssumeRolePolicyDocument,
    PermissionsBoundary: 'arn:aws:iam::aws:policy/AdministratorAccess',
  });
  await mallory.send('iam:CreateRole', {
    RoleName,
    AssumeRolePolicyDocument,
    PermissionsBoundary: arn('policy/limit'),
  });
  await mallory.send('iam:PutRolePolicy', {
    RoleName,
    PolicyName: 'all',
    PolicyDocument: document(allow('*')),
  });
  await denied('iam:DeleteRolePermissionsBoundary', { RoleName });
  await denied('iam:PutRolePermissionsBoundary', { RoleName, PermissionsBoundary: arn('policy/own') });
  const helper = await sessionOf(mallory, { RoleArn: arn(`role/${RoleName}`), RoleSessionName: 'x1' });
  await helper.send('s3:ListBuckets', {});
  await denied('iam:CreateUser', { UserName: 'mallory-2' }, helper);
  await denied('kms:CreateKey', {}, helper);
  await denied('sts:AssumeRole', { RoleArn: arn('role/admin'), RoleSessionName: 'x1' }, helper);
});

test('no room takes a role that its caller may not pass', async () => {
  const admin = arn('role/admin');
  const Service = ['codebuild', 'codepipeline', 'codedeploy'].map((name) => `${name}.amazonaws.com`);
  await mallory.send('iam:UpdateAssumeRolePolicy', {
    RoleName: 'mallory-helper',
    PolicyDocument: trusts({ AWS: arn('user/mallory'), Service }),
  });
  const project = {
    name: 'build',
    source: { type: 'NO_SOURCE', buildspec: 'version: 0.2\nphases: {build: {commands: [id]}}' },
    artifacts: { type: 'NO_ARTIFACTS' },
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL',
    },
  } as const;
  await denied('codebuild:CreateProject', { ...project, serviceRole: admin });
  await mallory.send('codebuild:CreateProject', { ...project, serviceRole: arn('role/mallory-helper') });
  await denied('codebuild:UpdateProject', { name: 'build', serviceRole: admin });
  await denied('codebuild:StartBuild', { projectName: 'build', serviceRoleOverride: admin });
  const pipeline = (roleArn: string) => ({
    name: 'mine',
    roleArn,
    artifactStore: { type: 'S3' as const, location: 'bucket' },
    stages: [
      {
        name: 'Source',
        actions: [
          {
            name: 'Source',
            actionTypeId: { category: 'Source', owner: 'AWS', provider: 'S3', version: '1' } as const,
            configuration: { S3Bucket: 'bucket', S3ObjectKey: 'k', PollForSourceChanges: 'false' },
            outputArtifacts: [{ name: 'out' }],
          },
        ],
      },
      {
        name: 'Approve',
        actions: [
          {
            name: 'A',
            actionTypeId: { category: 'Approval', owner: 'AWS', provider: 'Manual', version: '1' } as const,
          },
        ],
      },
    ],
  });
  await denied('codepipeline:CreatePipeline', { pipeline: pipeline(admin) });
  await mallory.send('codepipeline:CreatePipeline', { pipeline: pipeline(arn('role/mallory-helper')) });
  await denied('codepipeline:UpdatePipeline', { pipeline: pipeline(admin) });
  await mallory.send('codedeploy:CreateApplication', { applicationName: 'app' });
  const group = { applicationName: 'app', deploymentGroupName: 'group' };
  await denied('codedeploy:CreateDeploymentGroup', { ...group, serviceRoleArn: admin });
  await mallory.send('codedeploy:CreateDeploymentGroup', {
    ...group,
    serviceRoleArn: arn('role/mallory-helper'),
  });
  const { applicationName, deploymentGroupName: currentDeploymentGroupName } = group;
  await denied('codedeploy:UpdateDeploymentGroup', {
    applicationName,
    currentDeploymentGroupName,
    serviceRoleArn: admin,
  });
  await mallory.send('events:PutRule', { Name: 'r', EventPattern: '{"source":["a"]}' });
  const target = { Id: '1', Arn: `arn:aws:codepipeline:${house.region}:${house.account}:mine` };
  await denied('events:PutTargets', { Rule: 'r', Targets: [{ ...target, RoleArn: admin }] });
});

test('a trust policy trusts exactly whom it names, on its conditions', async () => {
  const { root } = house.slipway;
  const assume = (RoleName: string, more: object = {}) => ({
    RoleArn: arn(`role/${RoleName}`),
    RoleSessionName: 'x1',
    ...more,
  });
  await denied('sts:AssumeRole', assume('admin'));
  await denied('sts:AssumeRole', { ...assume('admin'), RoleArn: arn('role/Admin') });
  const roles: readonly (readonly [string, string])[] = [
    ['foreign', trusts({ AWS: 'arn:aws:iam::999999999999:root' })],
    ['external', trusts({ AWS: '*' }, { Condition: { StringEquals: { 'sts:ExternalId': 'secret' } } })],
    [
      'address',
      trusts({ AWS: house.account }, { Condition: { IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } } }),
    ],
    ['tagged', trusts({ AWS: house.account })],
    ['federated', trusts({ Federated: arn('oidc-provider/issuer.example') })],
    ['service', trusts({ Service: 'mallory.amazonaws.com' })],
    [
      'denied',
      document(
        { Effect: 'Allow', Principal: { AWS: house.account }, Action: 'sts:AssumeRole' },
        { Effect: 'Deny', Principal: { AWS: arn('user/mallory') }, Action: 'sts:AssumeRole' },
      ),
    ],
  ];
  for (const [RoleName, AssumeRolePolicyDocument] of roles)
    await root.send('iam:CreateRole', { RoleName, AssumeRolePolicyDocument });
  for (const [RoleName] of roles) if (RoleName !== 'tagged') await denied('sts:AssumeRole', assume(RoleName));
  await denied('sts:AssumeRole', assume('external', { ExternalId: 'Secret' }));
  await mallory.send('sts:AssumeRole', assume('external', { ExternalId: 'secret' }));
  await denied('sts:AssumeRole', assume('tagged', { Tags: [{ Key: 'team', Value: 'admins' }] }));
  await denied('sts:AssumeRole', assume('tagged', { SourceIdentity: 'boss' }));
  await mallory.send('sts:AssumeRole', assume('tagged'));
  for (const account of ['999999999999', '000000000000']) {
    await denied('sts:AssumeRole', { RoleArn: `arn:aws:iam::${account}:role/admin`, RoleSessionName: 'x1' });
  }
});

const s3 = (credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) =>
  new S3.S3Client({
    endpoint: house.endpoint,
    region: house.region,
    credentials,
    systemClockOffset: clock.aheadMs,
    forcePathStyle: true,
  });

test('a presigned URL can do no more than its signer can now, and not for longer than it says', async () => {
  const { root } = house.slipway;
  await root.send('s3:CreateBucket', { Bucket: 'presigned' });
  await root.send('s3:PutObject', { Bucket: 'presigned', Key: 'a', Body: Buffer.from('text') });
  const command = new S3.GetObjectCommand({ Bucket: 'presigned', Key: 'a' });
  const status = async (url: string) => (await fetch(url)).status;
  const sign = (expiresIn: number, credentials = malloryKey) => {
    const signingDate = new Date(clock.now());
    return getSignedUrl(s3(credentials), command, { expiresIn, signingDate });
  };
  const week = await sign(604_800);
  assert.equal(await status(week), 200);
  assert.equal(await status(week.replace('X-Amz-Expires=604800', 'X-Amz-Expires=604801')), 400);
  assert.equal(await status(week.replace('X-Amz-Expires=604800', 'X-Amz-Expires=-1')), 400);
  const soon = await sign(60);
  clock.advance(61_000);
  assert.equal(await status(soon), 403, 'its minute is over');
  const { Credentials: given } = await new Sts.STSClient({
    endpoint: house.endpoint,
    region: house.region,
    credentials: malloryKey,
    systemClockOffset: clock.aheadMs,
  }).send(
    new Sts.AssumeRoleCommand({
      RoleArn: arn('role/mallory-helper'),
      RoleSessionName: 'url',
      DurationSeconds: 900,
    }),
  );
  const session = {
    accessKeyId: given?.AccessKeyId ?? '',
    secretAccessKey: given?.SecretAccessKey ?? '',
    sessionToken: given?.SessionToken ?? '',
  };
  const bySession = await sign(604_800, session);
  assert.equal(await status(bySession), 200);
  assert.ok(
    (await status(bySession.replace(/X-Amz-Security-Token=[^&]*&?/, ''))) >= 400,
    'without its token',
  );
  clock.advance(901_000);
  assert.ok((await status(bySession)) >= 400, 'its session is over');
  const deny = document({ Effect: 'Deny', Action: 's3:GetObject', Resource: '*' });
  await root.send('iam:PutUserPolicy', { UserName: 'mallory', PolicyName: 'deny', PolicyDocument: deny });
  assert.equal(await status(week), 403, 'its signer may no longer');
  await root.send('iam:DeleteUserPolicy', { UserName: 'mallory', PolicyName: 'deny' });
  assert.equal(await status(week), 200);
  const old = document({
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:*',
    Resource: 'arn:aws:s3:::presigned/*',
    Condition: { NumericGreaterThan: { 's3:signatureAge': '600000' } },
  });
  await root.send('s3:PutBucketPolicy', { Bucket: 'presigned', Policy: old });
  assert.equal(await status(week), 403, 'the bucket takes no old signatures');
  await root.send('s3:DeleteBucketPolicy', { Bucket: 'presigned' });
  await root.send('iam:UpdateAccessKey', {
    UserName: 'mallory',
    AccessKeyId: malloryKey.accessKeyId,
    Status: 'Inactive',
  });
  assert.equal(await status(week), 403, 'its key was turned off');
});
