/** STS as official clients see it: who am I, roles and the ways in which they are refused, sessions and their ends. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as Iam from '@aws-sdk/client-iam';
import * as Sts from '@aws-sdk/client-sts';
import { createFakeClock } from '#base/clock.ts';
import { isFault } from '#base/fault.ts';
import { createTokens } from '#services/sts/tokens.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { botoSkip, cliSkip, runBoto, runCli } from '#test/support/other-clients.ts';

interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

let house: TestHouse;
let iam: Iam.IAMClient;
let ann: Key;
before(async () => {
  house = await createTestHouse();
  iam = new Iam.IAMClient(settings(house.credentials));
  ann = await createUser('ann');
});
after(() => house.close());

const settings = (credentials: Key) => ({
  endpoint: house.endpoint,
  region: house.region,
  credentials,
  maxAttempts: 1,
});
const stsOf = (key: Key) => new Sts.STSClient(settings(key));
const iamOf = (key: Key) => new Iam.IAMClient(settings(key));
const accountArn = (resource: string) => `arn:aws:iam::${house.account}:${resource}`;
const whoami = (key: Key) => stsOf(key).send(new Sts.GetCallerIdentityCommand({}));

const document = (...statements: readonly object[]) =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });
const allow = (Action: string | readonly string[], Resource = '*') =>
  document({ Effect: 'Allow', Action, Resource });
const trusts = (Principal: unknown, more: object = {}) =>
  document({ Effect: 'Allow', Principal, Action: 'sts:AssumeRole', ...more });

async function createUser(name: string, policy?: string): Promise<Key> {
  await iam.send(new Iam.CreateUserCommand({ UserName: name }));
  if (policy !== undefined) await putUserPolicy(name, policy);
  const { AccessKey: key } = await iam.send(new Iam.CreateAccessKeyCommand({ UserName: name }));
  return { accessKeyId: key?.AccessKeyId ?? '', secretAccessKey: key?.SecretAccessKey ?? '' };
}

const putUserPolicy = (UserName: string, PolicyDocument: string) =>
  iam.send(new Iam.PutUserPolicyCommand({ UserName, PolicyName: 'own', PolicyDocument }));

/** Gives the ARN. */
async function createRole(name: string, trust: string, policy?: string, more: object = {}): Promise<string> {
  const input = { RoleName: name, AssumeRolePolicyDocument: trust, ...more };
  const { Role: role } = await iam.send(new Iam.CreateRoleCommand(input));
  if (policy !== undefined) {
    await iam.send(
      new Iam.PutRolePolicyCommand({ RoleName: name, PolicyName: 'own', PolicyDocument: policy }),
    );
  }
  return role?.Arn ?? '';
}

async function assume(key: Key, RoleArn: string, more: Partial<Sts.AssumeRoleCommandInput> = {}) {
  const answer = await stsOf(key).send(
    new Sts.AssumeRoleCommand({ RoleArn, RoleSessionName: 'test', ...more }),
  );
  return { answer, key: keyOf(answer.Credentials) };
}

function keyOf(credentials: Sts.Credentials | undefined): Key & { readonly sessionToken: string } {
  return {
    accessKeyId: credentials?.AccessKeyId ?? '',
    secretAccessKey: credentials?.SecretAccessKey ?? '',
    sessionToken: credentials?.SessionToken ?? '',
  };
}

const fails = (work: Promise<unknown>, name: string, message: string | RegExp) =>
  assert.rejects(work, (error: Error) => {
    assert.equal(error.name, name, error.message);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });

const notAuthorized = (who: string, roleArn: string) =>
  `User: ${who} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`;

test('everyone may ask who they are, even when everything is denied', async () => {
  assert.deepEqual(
    await whoami(house.credentials).then(({ UserId, Account, Arn }) => ({ UserId, Account, Arn })),
    { UserId: house.account, Account: house.account, Arn: accountArn('root') },
  );
  const denied = await createUser('denied', document({ Effect: 'Deny', Action: '*', Resource: '*' }));
  assert.equal((await whoami(denied)).Arn, accountArn('user/denied'));
  await fails(iamOf(denied).send(new Iam.GetUserCommand({})), 'AccessDenied', /explicit deny/);
});

test('a user that the trust policy names gets a session of the role', async () => {
  const arn = await createRole('plain', trusts({ AWS: accountArn('user/ann') }), allow('iam:GetRole'), {
    Path: '/ci/',
  });
  const { answer, key } = await assume(ann, arn);
  assert.match(key.accessKeyId, /^ASIA[A-Z2-7]{16,}$/);
  assert.match(key.secretAccessKey, /^[A-Za-z0-9/+]{40}$/);
  const session = `arn:aws:sts::${house.account}:assumed-role/plain/test`;
  assert.equal(answer.AssumedRoleUser?.Arn, session, 'the path of the role is not part of it');
  assert.match(answer.AssumedRoleUser?.AssumedRoleId ?? '', /^AROA[A-Z2-7]+:test$/);
  const seconds = ((answer.Credentials?.Expiration?.getTime() ?? 0) - Date.now()) / 1000;
  assert.ok(seconds > 3500 && seconds <= 3600, `${seconds}`);
  const who = await whoami(key);
  assert.equal(who.Arn, session);
  assert.equal(who.UserId, answer.AssumedRoleUser?.AssumedRoleId);
  assert.equal((await iamOf(key).send(new Iam.GetRoleCommand({ RoleName: 'plain' }))).Role?.Arn, arn);
  await fails(
    iamOf(key).send(new Iam.GetUserCommand({ UserName: 'ann' })),
    'AccessDenied',
    `User: ${session} is not authorized to perform: iam:GetUser on resource: ${accountArn('user/ann')} ` +
      'because no identity-based policy allows the iam:GetUser action',
  );
});

test('who is not trusted is refused, and so is everyone for a role that is not there', async () => {
  const me = accountArn('user/ann');
  const bob = await createUser('bob', allow('sts:AssumeRole'));
  const arn = await createRole('exclusive', trusts({ AWS: me }));
  await fails(assume(bob, arn), 'AccessDenied', notAuthorized(accountArn('user/bob'), arn));
  const none = accountArn('role/none');
  await fails(assume(bob, none), 'AccessDenied', notAuthorized(accountArn('user/bob'), none));
  const pathless = await createRole('pathed', trusts({ AWS: me }), undefined, { Path: '/x/' });
  await assume(ann, pathless);
  await fails(
    assume(ann, accountArn('role/pathed')),
    'AccessDenied',
    notAuthorized(me, accountArn('role/pathed')),
  );
  const open = await createRole('open', trusts({ AWS: house.account }));
  await fails(assume(house.credentials, open), 'AccessDenied', 'Roles may not be assumed by root accounts.');
});

test('trust in the account leaves the decision to the policies of the user', async () => {
  const arn = await createRole('delegated', trusts({ AWS: house.account }));
  const cid = await createUser('cid');
  await fails(
    assume(cid, arn),
    'AccessDenied',
    /because no identity-based policy allows the sts:AssumeRole action$/,
  );
  await putUserPolicy('cid', allow('sts:AssumeRole', arn));
  await assume(cid, arn);
  await putUserPolicy('cid', document({ Effect: 'Deny', Action: 'sts:*', Resource: '*' }));
  await fails(assume(cid, arn), 'AccessDenied', /explicit deny in an identity-based policy$/);
});

test('an external id must be the one that the trust policy asks for', async () => {
  const condition = { Condition: { StringEquals: { 'sts:ExternalId': 'secret-id' } } };
  const arn = await createRole('external', trusts({ AWS: accountArn('user/ann') }, condition));
  await fails(assume(ann, arn), 'AccessDenied', notAuthorized(accountArn('user/ann'), arn));
  await fails(
    assume(ann, arn, { ExternalId: 'wrong' }),
    'AccessDenied',
    notAuthorized(accountArn('user/ann'), arn),
  );
  await assume(ann, arn, { ExternalId: 'secret-id' });
});

test('session policies narrow the session', async () => {
  const arn = await createRole('wide', trusts({ AWS: accountArn('user/ann') }), allow('iam:*'));
  const look = (key: Key) => iamOf(key).send(new Iam.GetUserCommand({ UserName: 'ann' }));
  await look((await assume(ann, arn)).key);
  const { answer, key } = await assume(ann, arn, { Policy: allow('s3:*') });
  assert.ok((answer.PackedPolicySize ?? 0) > 0);
  await fails(look(key), 'AccessDenied', /because no session policy allows the iam:GetUser action$/);
  await look((await assume(ann, arn, { Policy: allow('iam:GetUser') })).key);
  const readOnly = [{ arn: 'arn:aws:iam::aws:policy/IAMReadOnlyAccess' }];
  const reader = (await assume(ann, arn, { PolicyArns: readOnly })).key;
  await look(reader);
  await fails(
    iamOf(reader).send(new Iam.CreateUserCommand({ UserName: 'nobody' })),
    'AccessDenied',
    /no session policy allows the iam:CreateUser action$/,
  );
  await fails(
    assume(ann, arn, { Policy: 'x' }),
    'MalformedPolicyDocumentException',
    'Syntax errors in policy.',
  );
  await fails(
    assume(ann, arn, { PolicyArns: [{ arn: 'arn:aws:iam::aws:policy/Nothing' }] }),
    'MalformedPolicyDocumentException',
    /does not exist/,
  );
  const long = allow(Array.from({ length: 140 }, (_unused, i) => `s3:Something${i}`));
  await fails(assume(ann, arn, { Policy: long }), 'PackedPolicyTooLargeException', /% of the limit/);
});

test('sessions last as long as the role allows, and chained ones an hour', async () => {
  const long = await createRole('long', trusts({ AWS: accountArn('user/ann') }), undefined, {
    MaxSessionDuration: 7200,
  });
  const { answer, key } = await assume(ann, long, { DurationSeconds: 7200 });
  assert.ok((answer.Credentials?.Expiration?.getTime() ?? 0) > Date.now() + 7_000_000);
  await fails(
    assume(ann, long, { DurationSeconds: 7201 }),
    'ValidationError',
    'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
  );
  const next = await createRole('next', trusts({ AWS: long }), undefined, { MaxSessionDuration: 7200 });
  await assume(key, next, { DurationSeconds: 3600 });
  await fails(
    assume(key, next, { DurationSeconds: 3601 }),
    'ValidationError',
    'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
  );
});

test('tags of a session are principal tags; transitive ones and the source identity stay through chaining', async () => {
  const extended = (AWS: string) =>
    document({
      Effect: 'Allow',
      Principal: { AWS },
      Action: ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'],
    });
  const guarded = document({
    Effect: 'Allow',
    Action: 'iam:GetUser',
    Resource: '*',
    Condition: {
      StringEquals: { 'aws:PrincipalTag/Project': 'Ship', 'aws:SourceIdentity': 'ann@example.com' },
    },
  });
  const first = await createRole('tag-first', extended(accountArn('user/ann')));
  const second = await createRole('tag-second', extended(first), guarded);
  const Tags = [
    { Key: 'Project', Value: 'Ship' },
    { Key: 'Own', Value: 'x' },
  ];
  const plain = await createRole('tag-plain', trusts({ AWS: accountArn('user/ann') }));
  await fails(assume(ann, plain, { Tags }), 'AccessDenied', /not authorized to perform: sts:TagSession/);
  const { key } = await assume(ann, first, {
    Tags,
    TransitiveTagKeys: ['Project'],
    SourceIdentity: 'ann@example.com',
  });
  const { answer, key: chained } = await assume(key, second);
  assert.equal(answer.SourceIdentity, 'ann@example.com');
  await iamOf(chained).send(new Iam.GetUserCommand({ UserName: 'ann' }));
  await fails(assume(key, second, { SourceIdentity: 'eve' }), 'AccessDenied', /cannot be changed/);
  await fails(
    assume(key, second, { Tags: [{ Key: 'Project', Value: 'Other' }] }),
    'AccessDenied',
    /cannot be replaced/,
  );
});

test('a session of a role that was deleted, or made anew, is worth nothing', async () => {
  const trust = trusts({ AWS: accountArn('user/ann') });
  const arn = await createRole('brief', trust, allow('iam:GetUser'));
  const { key } = await assume(ann, arn);
  const look = () => iamOf(key).send(new Iam.GetUserCommand({ UserName: 'ann' }));
  await look();
  await iam.send(new Iam.DeleteRolePolicyCommand({ RoleName: 'brief', PolicyName: 'own' }));
  await iam.send(new Iam.DeleteRoleCommand({ RoleName: 'brief' }));
  await fails(look(), 'InvalidClientTokenId', 'The security token included in the request is invalid.');
  await createRole('brief', trust, allow('iam:GetUser'));
  await fails(look(), 'InvalidClientTokenId', 'The security token included in the request is invalid.');
});

test('a token goes with its own key only, and not one character may differ', async () => {
  const arn = await createRole('tokens', trusts({ AWS: accountArn('user/ann') }));
  const { key } = await assume(ann, arn);
  const { key: other } = await assume(ann, arn);
  await whoami(key);
  const { sessionToken } = key;
  const altered = sessionToken.slice(0, 40) + (sessionToken[40] === 'A' ? 'B' : 'A') + sessionToken.slice(41);
  for (const wrong of [
    { ...key, sessionToken: other.sessionToken },
    { ...key, sessionToken: altered },
    { accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey },
    { ...ann, sessionToken },
  ]) {
    await assert.rejects(whoami(wrong), { name: 'InvalidClientTokenId' });
  }
  await assert.rejects(whoami({ ...key, secretAccessKey: other.secretAccessKey }), {
    name: 'SignatureDoesNotMatch',
  });
  await house.restart();
  iam = new Iam.IAMClient(settings(house.credentials));
  await whoami(key);
});

test('a token ends when its time is over', async () => {
  const clock = createFakeClock();
  const tokens = createTokens(house.slipway.house.keyring, clock);
  const { accessKeyId, sessionToken } = tokens.issue(
    { type: 'root', account: house.account },
    clock.now() + 900_000,
  );
  clock.advance(899_999);
  assert.equal((await tokens.open(accessKeyId, sessionToken)).principal.type, 'root');
  clock.advance(1);
  await assert.rejects(tokens.open(accessKeyId, sessionToken), (error) => {
    assert.ok(isFault(error, 'ExpiredTokenException'));
    assert.equal(error.message, 'The security token included in the request is expired');
    return true;
  });
});

test('sessions can be revoked by the time of their tokens', async () => {
  const arn = await createRole('revoked', trusts({ AWS: accountArn('user/ann') }), allow('iam:GetUser'));
  const { key } = await assume(ann, arn);
  const look = () => iamOf(key).send(new Iam.GetUserCommand({ UserName: 'ann' }));
  await look();
  const PolicyDocument = document({
    Effect: 'Deny',
    Action: '*',
    Resource: '*',
    Condition: { DateLessThan: { 'aws:TokenIssueTime': new Date(Date.now() + 1000).toISOString() } },
  });
  await iam.send(new Iam.PutRolePolicyCommand({ RoleName: 'revoked', PolicyName: 'revoke', PolicyDocument }));
  await fails(look(), 'AccessDenied', /explicit deny in an identity-based policy$/);
});

test('a session token of a user is the user, but gets no further tokens and nothing of IAM', async () => {
  const { Credentials: credentials } = await stsOf(ann).send(new Sts.GetSessionTokenCommand({}));
  const key = keyOf(credentials);
  assert.equal((await whoami(key)).Arn, accountArn('user/ann'));
  await fails(
    stsOf(key).send(new Sts.GetSessionTokenCommand({})),
    'AccessDenied',
    'Cannot call GetSessionToken with session credentials',
  );
  await fails(
    iamOf(key).send(new Iam.GetUserCommand({})),
    'InvalidClientTokenId',
    'The security token included in the request is invalid.',
  );
  const info = new Sts.GetAccessKeyInfoCommand({ AccessKeyId: ann.accessKeyId });
  assert.equal((await stsOf(house.credentials).send(info)).Account, house.account);
});

test('a service of the house assumes only what trusts it, for the resource it acts for', async () => {
  const pipeline = `arn:aws:codepipeline:${house.region}:${house.account}:mine`;
  const condition = { Condition: { ArnEquals: { 'aws:SourceArn': pipeline } } };
  const roleArn = await createRole(
    'served',
    trusts({ Service: 'codepipeline.amazonaws.com' }, condition),
    allow('iam:GetUser'),
  );
  const { house: inside } = house.slipway;
  const request = { service: 'codepipeline', roleArn, sessionName: 'codepipeline-mine' };
  const assumed = await inside.assumeRole({ ...request, sourceArn: pipeline });
  assert.equal(assumed.principal.type, 'role');
  assert.equal((await assumed.send('iam:GetUser', { UserName: 'ann' })).User?.UserName, 'ann');
  assert.equal(
    (await whoami(assumed.credentials)).Arn,
    `arn:aws:sts::${house.account}:assumed-role/served/codepipeline-mine`,
  );
  const message = notAuthorized('codepipeline.amazonaws.com', roleArn);
  await assert.rejects(inside.assumeRole({ ...request, sourceArn: `${pipeline}2` }), {
    code: 'AccessDeniedException',
    message,
  });
  await assert.rejects(inside.assumeRole({ ...request, service: 'codebuild', sourceArn: pipeline }), {
    code: 'AccessDeniedException',
    message: notAuthorized('codebuild.amazonaws.com', roleArn),
  });
});

test('boto3 assumes a role and works with the session', { skip: botoSkip }, async () => {
  const arn = await createRole('boto', trusts({ AWS: accountArn('user/ann') }), allow('iam:GetUser'));
  const lines = await runBoto(
    house.endpoint,
    ann,
    `
got = client('sts').assume_role(RoleArn='${arn}', RoleSessionName='boto')['Credentials']
keys = dict(aws_access_key_id=got['AccessKeyId'], aws_secret_access_key=got['SecretAccessKey'], aws_session_token=got['SessionToken'])
session = boto3.Session(**keys)
attempt(lambda: {'arn': session.client('sts').get_caller_identity()['Arn']})
attempt(lambda: {'user': session.client('iam').get_user(UserName='ann')['User']['UserName']})
attempt(lambda: client('sts').assume_role(RoleArn='${arn}x', RoleSessionName='boto'))
`,
  );
  assert.deepEqual(lines[0]?.ok, { arn: `arn:aws:sts::${house.account}:assumed-role/boto/boto` });
  assert.deepEqual(lines[1]?.ok, { user: 'ann' });
  assert.equal(lines[2]?.code, 'AccessDenied');
  assert.equal(lines[2]?.status, 403);
});

test('the AWS CLI tells who it is', { skip: cliSkip }, async () => {
  const { stdout, stderr } = await runCli(
    house.endpoint,
    ann,
    'sts',
    'get-caller-identity',
    '--output',
    'json',
  );
  assert.equal(stderr, '');
  assert.equal(JSON.parse(stdout).Arn, accountArn('user/ann'));
});
