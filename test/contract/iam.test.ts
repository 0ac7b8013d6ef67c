/** IAM as official clients see it: entities, policies, keys, the words of its faults, and that policies really count. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as Iam from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { botoSkip, cliSkip, runBoto, runCli } from '#test/support/other-clients.ts';

const { IAMClient } = Iam;

interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

let house: TestHouse;
let root: Iam.IAMClient;
before(async () => {
  house = await createTestHouse();
  root = clientOf(house.credentials);
});
after(() => house.close());

const settings = (credentials: Key) => ({
  endpoint: house.endpoint,
  region: house.region,
  credentials,
  maxAttempts: 1,
});
const clientOf = (key: Key) => new IAMClient(settings(key));
const accountArn = (resource: string) => `arn:aws:iam::${house.account}:${resource}`;

const document = (...statements: readonly object[]) =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });
const allow = (action: string | readonly string[], resource = '*', more: object = {}) =>
  document({ Effect: 'Allow', Action: action, Resource: resource, ...more });
const trust = (principal: unknown) =>
  document({ Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole' });

async function createUser(name: string, policy?: string): Promise<Iam.IAMClient> {
  await root.send(new Iam.CreateUserCommand({ UserName: name }));
  if (policy !== undefined) await putPolicy(name, policy);
  return clientOf(await createKey(name));
}

async function createKey(name: string): Promise<Key> {
  const { AccessKey: key } = await root.send(new Iam.CreateAccessKeyCommand({ UserName: name }));
  return { accessKeyId: key?.AccessKeyId ?? '', secretAccessKey: key?.SecretAccessKey ?? '' };
}

const putPolicy = (UserName: string, PolicyDocument: string) =>
  root.send(new Iam.PutUserPolicyCommand({ UserName, PolicyName: 'own', PolicyDocument }));

const fails = (work: Promise<unknown>, name: string, message: string | RegExp, status?: number) =>
  assert.rejects(work, (error: Iam.IAMServiceException) => {
    assert.equal(error.name, name, error.message);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    if (status !== undefined) assert.equal(error.$metadata.httpStatusCode, status);
    return true;
  });

test('a user is made, read, renamed and deleted', async () => {
  const created = await root.send(
    new Iam.CreateUserCommand({ UserName: 'Ann', Path: '/staff/', Tags: [{ Key: 'Team', Value: 'Blue' }] }),
  );
  assert.match(created.User?.UserId ?? '', /^AIDA[A-Z2-7]{17}$/);
  assert.equal(created.User?.Arn, accountArn('user/staff/Ann'));
  const { User: read } = await root.send(new Iam.GetUserCommand({ UserName: 'ann' }));
  assert.deepEqual(read, created.User);
  await fails(
    root.send(new Iam.CreateUserCommand({ UserName: 'ANN' })),
    'EntityAlreadyExistsException',
    'User with name ANN already exists.',
    409,
  );
  await root.send(new Iam.UpdateUserCommand({ UserName: 'Ann', NewUserName: 'Bea', NewPath: '/' }));
  const { User: renamed } = await root.send(new Iam.GetUserCommand({ UserName: 'Bea' }));
  assert.equal(renamed?.Arn, accountArn('user/Bea'));
  assert.equal(renamed?.UserId, read?.UserId);
  await root.send(new Iam.DeleteUserCommand({ UserName: 'Bea' }));
  await fails(
    root.send(new Iam.GetUserCommand({ UserName: 'Bea' })),
    'NoSuchEntityException',
    'The user with name Bea cannot be found.',
    404,
  );
});

test('GetUser without a name is the caller', async () => {
  const own = await createUser('self', allow('iam:GetUser', accountArn('user/${aws:username}')));
  assert.equal((await own.send(new Iam.GetUserCommand({}))).User?.UserName, 'self');
  assert.equal((await root.send(new Iam.GetUserCommand({}))).User?.Arn, accountArn('root'));
  await fails(
    own.send(new Iam.GetUserCommand({ UserName: 'other' })),
    'AccessDenied',
    `User: ${accountArn('user/self')} is not authorized to perform: iam:GetUser on resource: ` +
      `${accountArn('user/other')} because no identity-based policy allows the iam:GetUser action`,
    403,
  );
});

test('a policy on a path counts for the users below it', async () => {
  await root.send(new Iam.CreateUserCommand({ UserName: 'deep', Path: '/a/b/' }));
  const reader = await createUser('reader', allow('iam:GetUser', accountArn('user/a/*')));
  assert.equal((await reader.send(new Iam.GetUserCommand({ UserName: 'deep' }))).User?.Path, '/a/b/');
  await putPolicy(
    'reader',
    document(
      { Effect: 'Allow', Action: 'iam:*', Resource: '*' },
      { Effect: 'Deny', Action: 'iam:*', Resource: accountArn('user/a/*') },
    ),
  );
  await fails(
    reader.send(new Iam.GetUserCommand({ UserName: 'deep' })),
    'AccessDenied',
    /with an explicit deny in an identity-based policy$/,
  );
});

test('renaming needs to be allowed for the old name and for the new one', async () => {
  await root.send(new Iam.CreateUserCommand({ UserName: 'junior', Path: '/team/' }));
  const lead = await createUser('lead', allow('iam:*', accountArn('user/team/*')));
  const rename = (to: object) => lead.send(new Iam.UpdateUserCommand({ UserName: 'junior', ...to }));
  const refused = (resource: string) =>
    `User: ${accountArn('user/lead')} is not authorized to perform: iam:UpdateUser on resource: ` +
    `${accountArn(resource)} because no identity-based policy allows the iam:UpdateUser action`;
  await fails(rename({ NewPath: '/admins/' }), 'AccessDenied', refused('user/admins/junior'));
  await fails(rename({ NewPath: '/', NewUserName: 'x' }), 'AccessDenied', refused('user/x'));
  await rename({ NewUserName: 'senior' });
  assert.equal((await lead.send(new Iam.GetUserCommand({ UserName: 'senior' }))).User?.Path, '/team/');
});

test('access keys: two at most, inactive ones are unknown, deleted ones too', async () => {
  await createUser('keys', allow('iam:*'));
  const key = await createKey('keys');
  assert.match(key.secretAccessKey, /^[A-Za-z0-9/+]{40}$/);
  await fails(
    createKey('keys'),
    'LimitExceededException',
    'Cannot exceed quota for AccessKeysPerUser: 2',
    409,
  );
  const listed = await root.send(new Iam.ListAccessKeysCommand({ UserName: 'keys' }));
  assert.equal(listed.AccessKeyMetadata?.length, 2);
  assert.ok(!JSON.stringify(listed).includes(key.secretAccessKey));
  const who = () => new STSClient(settings(key)).send(new GetCallerIdentityCommand({}));
  assert.equal((await who()).Arn, accountArn('user/keys'));
  const change = { UserName: 'keys', AccessKeyId: key.accessKeyId };
  await root.send(new Iam.UpdateAccessKeyCommand({ ...change, Status: 'Inactive' }));
  await assert.rejects(who(), { name: 'InvalidClientTokenId' });
  await root.send(new Iam.UpdateAccessKeyCommand({ ...change, Status: 'Active' }));
  await who();
  await fails(
    root.send(new Iam.DeleteUserCommand({ UserName: 'keys' })),
    'DeleteConflictException',
    'Cannot delete entity, must delete access keys first.',
    409,
  );
  await root.send(new Iam.DeleteAccessKeyCommand(change));
  await assert.rejects(who(), { name: 'InvalidClientTokenId' });
  await fails(
    root.send(new Iam.DeleteAccessKeyCommand(change)),
    'NoSuchEntityException',
    `The Access Key with id ${key.accessKeyId} cannot be found.`,
  );
});

test('policies count from the moment they change: inline, attached, of groups, and boundaries', async () => {
  const user = await createUser('worker');
  const look = () => user.send(new Iam.GetUserCommand({ UserName: 'worker' }));
  const denied = /because no identity-based policy allows/;
  await fails(look(), 'AccessDenied', denied);
  await putPolicy('worker', allow('iam:Get*'));
  await look();
  await root.send(new Iam.DeleteUserPolicyCommand({ UserName: 'worker', PolicyName: 'own' }));
  await fails(look(), 'AccessDenied', denied);

  const readOnly = 'arn:aws:iam::aws:policy/IAMReadOnlyAccess';
  await root.send(new Iam.AttachUserPolicyCommand({ UserName: 'worker', PolicyArn: readOnly }));
  await look();
  await root.send(new Iam.DetachUserPolicyCommand({ UserName: 'worker', PolicyArn: readOnly }));
  await fails(look(), 'AccessDenied', denied);
  await fails(
    root.send(new Iam.DetachUserPolicyCommand({ UserName: 'worker', PolicyArn: readOnly })),
    'NoSuchEntityException',
    `Policy ${readOnly} was not found.`,
  );

  await root.send(new Iam.CreateGroupCommand({ GroupName: 'readers' }));
  await root.send(new Iam.AttachGroupPolicyCommand({ GroupName: 'readers', PolicyArn: readOnly }));
  await root.send(new Iam.AddUserToGroupCommand({ GroupName: 'readers', UserName: 'worker' }));
  await look();
  const { Users: members } = await root.send(new Iam.GetGroupCommand({ GroupName: 'readers' }));
  assert.deepEqual(
    members?.map((member) => member.UserName),
    ['worker'],
  );

  const PermissionsBoundary = 'arn:aws:iam::aws:policy/AmazonS3FullAccess';
  await root.send(new Iam.PutUserPermissionsBoundaryCommand({ UserName: 'worker', PermissionsBoundary }));
  await fails(look(), 'AccessDenied', /because no permissions boundary allows the iam:GetUser action$/);
  await root.send(new Iam.DeleteUserPermissionsBoundaryCommand({ UserName: 'worker' }));
  await look();
  await root.send(new Iam.RemoveUserFromGroupCommand({ GroupName: 'readers', UserName: 'worker' }));
  await fails(look(), 'AccessDenied', denied);
});

test('inline policies come back percent-encoded and as they were written', async () => {
  await root.send(
    new Iam.CreateRoleCommand({ RoleName: 'inline', AssumeRolePolicyDocument: trust({ AWS: '*' }) }),
  );
  const text =
    '{ "Version": "2012-10-17",\n "Statement": [{"Effect":"Allow","Action":"s3:*","Resource":"*"}] }';
  const name = { RoleName: 'inline', PolicyName: 'p' };
  await root.send(new Iam.PutRolePolicyCommand({ ...name, PolicyDocument: text }));
  const read = await root.send(new Iam.GetRolePolicyCommand(name));
  assert.doesNotMatch(read.PolicyDocument ?? '', /[{}":*' ]/);
  assert.equal(decodeURIComponent(read.PolicyDocument ?? ''), text);
  await fails(
    root.send(new Iam.PutRolePolicyCommand({ ...name, PolicyDocument: 'no' })),
    'MalformedPolicyDocumentException',
    'Syntax errors in policy.',
    400,
  );
  await fails(
    root.send(new Iam.PutRolePolicyCommand({ ...name, PolicyDocument: allow('s3:*', 'bucket') })),
    'MalformedPolicyDocumentException',
    'Resource bucket must be in ARN format or "*".',
  );
  const long = allow(Array.from({ length: 600 }, (_unused, i) => `s3:Get${i}Something`));
  await fails(
    root.send(new Iam.PutRolePolicyCommand({ ...name, PolicyDocument: long })),
    'LimitExceededException',
    'Maximum policy size of 10240 bytes exceeded for role inline',
  );
  await fails(
    root.send(new Iam.DeleteRoleCommand({ RoleName: 'inline' })),
    'DeleteConflictException',
    'Cannot delete entity, must delete policies first.',
  );
  await root.send(new Iam.DeleteRolePolicyCommand(name));
  await fails(
    root.send(new Iam.GetRolePolicyCommand(name)),
    'NoSuchEntityException',
    'The role policy with name p cannot be found.',
  );
  await root.send(new Iam.DeleteRoleCommand({ RoleName: 'inline' }));
});

test('trust policies name living entities; one made anew is not trusted', async () => {
  const missing = accountArn('role/not-yet');
  await fails(
    root.send(
      new Iam.CreateRoleCommand({ RoleName: 'trusting', AssumeRolePolicyDocument: trust({ AWS: missing }) }),
    ),
    'MalformedPolicyDocumentException',
    `Invalid principal in policy: "AWS":"${missing}"`,
    400,
  );
  const { User: user } = await root.send(new Iam.CreateUserCommand({ UserName: 'trusted' }));
  const arn = user?.Arn ?? '';
  const services = { Service: ['codepipeline.amazonaws.com', 'codebuild.amazonaws.com'] };
  const AssumeRolePolicyDocument = trust({ AWS: [arn, house.account], ...services });
  await root.send(new Iam.CreateRoleCommand({ RoleName: 'trusting', AssumeRolePolicyDocument }));
  const read = async () => {
    const { Role: role } = await root.send(new Iam.GetRoleCommand({ RoleName: 'trusting' }));
    const json = JSON.parse(decodeURIComponent(role?.AssumeRolePolicyDocument ?? ''));
    return json.Statement[0].Principal as object;
  };
  assert.deepEqual(await read(), { AWS: [arn, accountArn('root')], ...services });
  await root.send(new Iam.DeleteUserCommand({ UserName: 'trusted' }));
  assert.deepEqual(await read(), { AWS: [user?.UserId, accountArn('root')], ...services });
  await root.send(new Iam.CreateUserCommand({ UserName: 'trusted' }));
  assert.deepEqual(await read(), { AWS: [user?.UserId, accountArn('root')], ...services });
  await root.send(
    new Iam.UpdateAssumeRolePolicyCommand({ RoleName: 'trusting', PolicyDocument: trust({ AWS: arn }) }),
  );
  assert.deepEqual(await read(), { AWS: arn });
});

test('managed policies have versions, one of which counts', async () => {
  const user = await createUser('versioned');
  const created = await root.send(
    new Iam.CreatePolicyCommand({
      PolicyName: 'Mine',
      Path: '/team/',
      PolicyDocument: allow('iam:GetUser'),
      Description: 'x',
    }),
  );
  const PolicyArn = accountArn('policy/team/Mine');
  assert.equal(created.Policy?.Arn, PolicyArn);
  assert.equal(created.Policy?.DefaultVersionId, 'v1');
  await root.send(new Iam.AttachUserPolicyCommand({ UserName: 'versioned', PolicyArn }));
  await root.send(new Iam.AttachUserPolicyCommand({ UserName: 'versioned', PolicyArn }));
  const look = () => user.send(new Iam.GetUserCommand({}));
  await look();
  const next = await root.send(
    new Iam.CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: allow('s3:*'), SetAsDefault: true }),
  );
  assert.equal(next.PolicyVersion?.VersionId, 'v2');
  await fails(look(), 'AccessDenied', /no identity-based policy/);
  await root.send(new Iam.SetDefaultPolicyVersionCommand({ PolicyArn, VersionId: 'v1' }));
  await look();
  const { PolicyVersion: second } = await root.send(
    new Iam.GetPolicyVersionCommand({ PolicyArn, VersionId: 'v2' }),
  );
  assert.equal(decodeURIComponent(second?.Document ?? ''), allow('s3:*'));
  await fails(
    root.send(new Iam.DeletePolicyVersionCommand({ PolicyArn, VersionId: 'v1' })),
    'DeleteConflictException',
    'Cannot delete the default version of a policy.',
  );
  await fails(
    root.send(new Iam.DeletePolicyCommand({ PolicyArn })),
    'DeleteConflictException',
    'Cannot delete a policy attached to entities.',
    409,
  );
  const entities = await root.send(new Iam.ListEntitiesForPolicyCommand({ PolicyArn }));
  assert.deepEqual(
    entities.PolicyUsers?.map((one) => one.UserName),
    ['versioned'],
  );
  await root.send(new Iam.DetachUserPolicyCommand({ UserName: 'versioned', PolicyArn }));
  await fails(
    root.send(new Iam.DeletePolicyCommand({ PolicyArn })),
    'DeleteConflictException',
    /more than one version/,
  );
  await root.send(new Iam.DeletePolicyVersionCommand({ PolicyArn, VersionId: 'v2' }));
  await root.send(new Iam.DeletePolicyCommand({ PolicyArn }));
  await fails(
    root.send(new Iam.GetPolicyCommand({ PolicyArn })),
    'NoSuchEntityException',
    `Policy ${PolicyArn} was not found.`,
  );
});

test('the policies of AWS are there, well-formed and read-only', async () => {
  const names = [];
  const pages = Iam.paginateListPolicies({ client: root, pageSize: 7 }, { Scope: 'AWS' });
  for await (const page of pages) names.push(...(page.Policies ?? []).map((policy) => policy.PolicyName));
  for (const name of [
    'AdministratorAccess',
    'PowerUserAccess',
    'AWSCodePipeline_FullAccess',
    'AWSCodeDeployRole',
  ]) {
    assert.ok(names.includes(name), name);
  }
  assert.equal(new Set(names).size, names.length);
  const PolicyArn = 'arn:aws:iam::aws:policy/service-role/AWSCodeDeployRole';
  const { PolicyVersion: version } = await root.send(
    new Iam.GetPolicyVersionCommand({ PolicyArn, VersionId: 'v1' }),
  );
  assert.equal(JSON.parse(decodeURIComponent(version?.Document ?? '')).Version, '2012-10-17');
  await fails(root.send(new Iam.DeletePolicyCommand({ PolicyArn })), 'AccessDenied', /cannot be changed/);
  const PowerUserAccess = 'arn:aws:iam::aws:policy/PowerUserAccess';
  const power = await createUser('power');
  await root.send(new Iam.AttachUserPolicyCommand({ UserName: 'power', PolicyArn: PowerUserAccess }));
  await power.send(new Iam.ListRolesCommand({}));
  await fails(power.send(new Iam.ListUsersCommand({})), 'AccessDenied', /no identity-based policy/);
});

test('lists come in pages, whose markers belong to one list', async () => {
  for (let i = 0; i < 5; i++)
    await root.send(new Iam.CreateUserCommand({ UserName: `page${i}`, Path: '/pages/' }));
  const names = [];
  const pages = Iam.paginateListUsers({ client: root, pageSize: 2 }, { PathPrefix: '/pages/' });
  let count = 0;
  for await (const page of pages) {
    count++;
    names.push(...(page.Users ?? []).map((user) => user.UserName));
  }
  assert.deepEqual(names, ['page0', 'page1', 'page2', 'page3', 'page4']);
  assert.equal(count, 3);
  const { Marker } = await root.send(new Iam.ListUsersCommand({ PathPrefix: '/pages/', MaxItems: 2 }));
  await fails(root.send(new Iam.ListRolesCommand({ Marker })), 'ValidationError', 'Invalid Marker.', 400);
});

test('tags are kept by key without regard to case, and conditions see them', async () => {
  const user = await createUser(
    'tagged',
    allow('iam:GetRole', '*', { Condition: { StringEquals: { 'aws:PrincipalTag/Team': 'Blue' } } }),
  );
  await root.send(
    new Iam.CreateRoleCommand({ RoleName: 'tagrole', AssumeRolePolicyDocument: trust({ AWS: '*' }) }),
  );
  const look = () => user.send(new Iam.GetRoleCommand({ RoleName: 'tagrole' }));
  await fails(look(), 'AccessDenied', /no identity-based policy/);
  await root.send(new Iam.TagUserCommand({ UserName: 'tagged', Tags: [{ Key: 'team', Value: 'Red' }] }));
  await root.send(new Iam.TagUserCommand({ UserName: 'tagged', Tags: [{ Key: 'Team', Value: 'Blue' }] }));
  assert.deepEqual((await root.send(new Iam.ListUserTagsCommand({ UserName: 'tagged' }))).Tags, [
    { Key: 'Team', Value: 'Blue' },
  ]);
  await look();
  await root.send(new Iam.UntagUserCommand({ UserName: 'tagged', TagKeys: ['TEAM'] }));
  await fails(look(), 'AccessDenied', /no identity-based policy/);
});

test('git credentials: shown once, two at most, and only right while active', async () => {
  await root.send(new Iam.CreateUserCommand({ UserName: 'git' }));
  const ServiceName = 'codecommit.amazonaws.com';
  const create = async () =>
    (await root.send(new Iam.CreateServiceSpecificCredentialCommand({ UserName: 'git', ServiceName })))
      .ServiceSpecificCredential;
  const first = await create();
  const second = await create();
  assert.equal(first?.ServiceUserName, `git-at-${house.account}`);
  assert.equal(second?.ServiceUserName, `git-at-${house.account}+1`);
  await fails(create(), 'LimitExceededException', /ServiceSpecificCredentialsPerUser: 2$/);
  const { trust: doors } = house.slipway.house;
  const enter = (password: string) =>
    doors.identifyServiceCredential(ServiceName, first?.ServiceUserName ?? '', password);
  const password = first?.ServicePassword ?? '';
  assert.equal((await enter(password))?.type, 'user');
  assert.equal(await enter(`${password}x`), undefined);
  assert.equal(await enter(second?.ServicePassword ?? ''), undefined);
  assert.equal(
    await doors.identifyServiceCredential('other.amazonaws.com', first?.ServiceUserName ?? '', password),
    undefined,
  );
  const id = { UserName: 'git', ServiceSpecificCredentialId: first?.ServiceSpecificCredentialId ?? '' };
  await root.send(new Iam.UpdateServiceSpecificCredentialCommand({ ...id, Status: 'Inactive' }));
  assert.equal(await enter(password), undefined);
  await root.send(new Iam.UpdateServiceSpecificCredentialCommand({ ...id, Status: 'Active' }));
  const reset = await root.send(new Iam.ResetServiceSpecificCredentialCommand(id));
  assert.equal(await enter(password), undefined);
  assert.equal((await enter(reset.ServiceSpecificCredential?.ServicePassword ?? ''))?.type, 'user');
  const listed = await root.send(new Iam.ListServiceSpecificCredentialsCommand({ UserName: 'git' }));
  assert.ok(!JSON.stringify(listed).includes('Password'));
  await fails(
    root.send(new Iam.DeleteUserCommand({ UserName: 'git' })),
    'DeleteConflictException',
    /credentials first\.$/,
  );
  await root.send(new Iam.DeleteServiceSpecificCredentialCommand(id));
  await fails(
    root.send(
      new Iam.CreateServiceSpecificCredentialCommand({ UserName: 'git', ServiceName: 'x.amazonaws.com' }),
    ),
    'ServiceNotSupportedException',
    /does not support/,
    404,
  );
});

test('the simulator decides as the gateway does, and names the policy that decided', async () => {
  await createUser(
    'simulated',
    document(
      { Effect: 'Allow', Action: 'iam:Get*', Resource: '*' },
      {
        Effect: 'Deny',
        Action: 'iam:GetRole',
        Resource: '*',
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ),
  );
  const simulate = async (more: object = {}) => {
    const ActionNames = ['iam:GetUser', 'iam:GetRole', 's3:ListBucket'];
    const input = { PolicySourceArn: accountArn('user/simulated'), ActionNames, ...more };
    const { EvaluationResults: results = [] } = await root.send(
      new Iam.SimulatePrincipalPolicyCommand(input),
    );
    return results.map((one) => [one.EvalDecision, one.MatchedStatements?.[0]?.SourcePolicyId]);
  };
  assert.deepEqual(await simulate(), [
    ['allowed', 'own'],
    ['allowed', 'own'],
    ['implicitDeny', undefined],
  ]);
  const plain = {
    ContextKeyName: 'aws:SecureTransport',
    ContextKeyType: 'boolean' as const,
    ContextKeyValues: ['false'],
  };
  assert.deepEqual((await simulate({ ContextEntries: [plain] }))[1], ['explicitDeny', 'own']);
  assert.deepEqual((await simulate({ PolicyInputList: [allow('s3:*')] }))[2], [
    'allowed',
    'PolicyInputList.1',
  ]);
  const custom = await root.send(
    new Iam.SimulateCustomPolicyCommand({ PolicyInputList: [allow('s3:*')], ActionNames: ['s3:GetObject'] }),
  );
  assert.equal(custom.EvaluationResults?.[0]?.EvalDecision, 'allowed');
});

test('what is missing says so', async () => {
  await fails(
    root.send(new Iam.CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: 'x' })),
    'NotImplemented',
    /iam:CreateVirtualMFADevice/,
  );
});

test('keys, users and policies survive a restart', async () => {
  const user = await createUser('durable', allow('iam:GetUser'));
  await house.restart();
  root = clientOf(house.credentials);
  const again = new IAMClient({ ...settings(await user.config.credentials()), endpoint: house.endpoint });
  assert.equal((await again.send(new Iam.GetUserCommand({}))).User?.UserName, 'durable');
});

test('boto3 reads documents decoded and errors typed', { skip: botoSkip }, async () => {
  const lines = await runBoto(
    house.endpoint,
    house.credentials,
    `
iam = client('iam')
trust = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'codebuild.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]})
attempt(lambda: iam.create_role(RoleName='boto', AssumeRolePolicyDocument=trust)['Role']['AssumeRolePolicyDocument'])
attempt(lambda: iam.get_role(RoleName='none'))
attempt(lambda: {'n': len([1 for page in iam.get_paginator('list_policies').paginate(Scope='AWS', PaginationConfig={'PageSize': 5}) for _ in page['Policies']]) > 10})
`,
  );
  const [role, none, many] = lines;
  assert.match(JSON.stringify(role?.ok), /codebuild\.amazonaws\.com/);
  assert.equal(none?.error, 'NoSuchEntityException');
  assert.equal(none?.code, 'NoSuchEntity');
  assert.equal(none?.message, 'The role with name none cannot be found.');
  assert.deepEqual(many?.ok, { n: 'True' });
});

test('the context keys of policies are named, of those given and of a user', async () => {
  const given = allow('s3:*', '*', { Condition: { StringEquals: { 's3:prefix': 'a' } } });
  const custom = await root.send(new Iam.GetContextKeysForCustomPolicyCommand({ PolicyInputList: [given] }));
  assert.deepEqual(custom.ContextKeyNames, ['s3:prefix']);
  await createUser('keyed', allow('s3:*', 'arn:aws:s3:::${aws:username}/*'));
  const own = { PolicySourceArn: accountArn('user/keyed'), PolicyInputList: [given] };
  const answer = await root.send(new Iam.GetContextKeysForPrincipalPolicyCommand(own));
  assert.deepEqual(answer.ContextKeyNames, ['aws:username', 's3:prefix']);
});

test('the AWS CLI makes what a walk-through makes', { skip: cliSkip }, async () => {
  const cli = async (...parameters: string[]) => {
    const result = await runCli(house.endpoint, house.credentials, ...parameters, '--output', 'json');
    assert.equal(result.code, 0, result.stderr);
    return result.stdout === '' ? {} : JSON.parse(result.stdout);
  };
  const principal = trust({ Service: 'codepipeline.amazonaws.com' });
  const made = await cli(
    'iam',
    'create-role',
    '--role-name',
    'cli',
    '--assume-role-policy-document',
    principal,
  );
  assert.deepEqual(made.Role.AssumeRolePolicyDocument, JSON.parse(principal));
  const arn = 'arn:aws:iam::aws:policy/AWSCodeCommitReadOnly';
  await cli('iam', 'attach-role-policy', '--role-name', 'cli', '--policy-arn', arn);
  const attached = await cli('iam', 'list-attached-role-policies', '--role-name', 'cli');
  assert.deepEqual(attached.AttachedPolicies, [{ PolicyName: 'AWSCodeCommitReadOnly', PolicyArn: arn }]);
});
