/** What the gateway adds to the policy engine: whose policies count, and the condition keys of a request. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '#base/fault.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import type { Principal } from '#core/policy/principal.ts';
import { createAuthorize, type Origin } from './authorize.ts';
import { innerOrigin } from './origins.ts';
import { createRooms, type AnyService } from './rooms.ts';

const ACCOUNT = '123456789012';
const root: Principal = { type: 'root', account: ACCOUNT };
const user: Principal = {
  type: 'user',
  account: ACCOUNT,
  userName: 'dana',
  userId: 'AIDA',
  arn: `arn:aws:iam::${ACCOUNT}:user/dana`,
};
const service: Principal = { type: 'service', account: ACCOUNT, service: 'codepipeline.amazonaws.com' };

const outside: Origin = {
  source: '10.0.0.7',
  address: '10.0.0.7',
  userAgent: 'test',
  referer: undefined,
  secure: false,
  region: 'us-east-1',
  calledVia: [],
  signature: { 's3:authType': 'REST-HEADER' },
};

function policy(kind: 'identity' | 'resource' | 'trust', ...statements: readonly object[]): PolicyDocument {
  const parsed = parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement: statements }), kind);
  if (isFaulty(parsed)) throw new Error(parsed.faults.join('; '));
  return parsed;
}

function authorizeWith(identity: readonly PolicyDocument[], resource?: PolicyDocument) {
  const rooms = createRooms();
  const room = (name: string, parts: object) =>
    ({
      name,
      operations: {},
      permissions: {},
      machines: [],
      migrations: [],
      ...parts,
    }) as unknown as AnyService;
  rooms.open([
    room('iam', {
      identities: { policiesOf: async () => ({ identity, tags: { team: 'blue' } }) },
      resourcePolicy: async () => resource,
    }),
    room('s3', { resourcePolicy: async () => resource }),
  ]);
  return createAuthorize(rooms);
}

async function outcome(
  authorize: ReturnType<typeof createAuthorize>,
  principal: Principal,
  action: string,
  origin = outside,
  resource = 'arn:aws:s3:::b/k',
): Promise<string> {
  try {
    await authorize(principal, [{ action, resource }], origin, Date.UTC(2026, 0, 1));
    return 'allowed';
  } catch (error) {
    assert.ok(isFault(error, 'AccessDeniedException'));
    return error.message;
  }
}

test('conditions see the address, the transport, the signature, the tags and the way of a request', async () => {
  const allows = (operator: string, key: string, value: string) =>
    authorizeWith([
      policy('identity', {
        Effect: 'Allow',
        Action: '*',
        Resource: '*',
        Condition: { [operator]: { [key]: value } },
      }),
    ]);
  const inside = innerOrigin('codepipeline.amazonaws.com', 'us-east-1');
  const passedOn = { ...inside, calledVia: ['codepipeline.amazonaws.com', 'codebuild.amazonaws.com'] };
  for (const [operator, key, value, isOutside, isInside, isPassedOn] of [
    ['IpAddress', 'aws:SourceIp', '10.0.0.0/8', true, false, false],
    ['Bool', 'aws:SecureTransport', 'true', false, true, true],
    ['StringEquals', 's3:authType', 'REST-HEADER', true, false, false],
    ['StringEquals', 'aws:PrincipalTag/team', 'blue', true, true, true],
    ['StringEquals', 'aws:RequestedRegion', 'us-east-1', true, true, true],
    ['Bool', 'aws:ViaAWSService', 'true', false, false, true],
    ['StringEquals', 'aws:CalledViaFirst', 'codepipeline.amazonaws.com', false, false, true],
    ['ForAnyValue:StringEquals', 'aws:CalledVia', 'codebuild.amazonaws.com', false, false, true],
    ['StringEquals', 'aws:username', 'dana', true, true, true],
  ] as const) {
    const authorize = allows(operator, key, value);
    const found: boolean[] = [];
    for (const origin of [outside, inside, passedOn]) {
      found.push((await outcome(authorize, user, 's3:GetObject', origin)) === 'allowed');
    }
    assert.deepEqual(found, [isOutside, isInside, isPassedOn], key);
  }
});

test('a denial says which kind of policy was silent or denied', async () => {
  const silent = await outcome(authorizeWith([]), user, 's3:GetObject');
  assert.equal(
    silent,
    `User: arn:aws:iam::${ACCOUNT}:user/dana is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k ` +
      'because no identity-based policy allows the s3:GetObject action',
  );
  const deny = policy('resource', { Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: '*' });
  assert.match(
    await outcome(authorizeWith([], deny), root, 's3:GetObject'),
    /with an explicit deny in a resource-based policy$/,
  );
});

test('the account itself can always repair the policy of a bucket', async () => {
  const deny = policy('resource', { Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: '*' });
  const authorize = authorizeWith([], deny);
  assert.equal(await outcome(authorize, root, 's3:DeleteBucketPolicy'), 'allowed');
  assert.notEqual(await outcome(authorize, user, 's3:DeleteBucketPolicy'), 'allowed');
  assert.notEqual(await outcome(authorize, root, 's3:DeleteBucket'), 'allowed');
});

test('a trust policy counts only for taking the role on', async () => {
  const trust = policy('trust', {
    Effect: 'Deny',
    Principal: '*',
    Action: 'sts:AssumeRole',
  });
  const role = `arn:aws:iam::${ACCOUNT}:role/worker`;
  assert.equal(await outcome(authorizeWith([], trust), root, 'iam:DeleteRole', outside, role), 'allowed');
  assert.notEqual(await outcome(authorizeWith([], trust), root, 'sts:AssumeRole', outside, role), 'allowed');
});

test('a service may do what is linked to it and nothing else of its own', async () => {
  const authorize = authorizeWith([]);
  assert.equal(await outcome(authorize, service, 'codecommit:GetRepository'), 'allowed');
  assert.notEqual(await outcome(authorize, service, 's3:GetObject'), 'allowed');
  const other: Principal = { ...service, service: 'codebuild.amazonaws.com' };
  assert.notEqual(await outcome(authorize, other, 'codecommit:GetRepository'), 'allowed');
});
