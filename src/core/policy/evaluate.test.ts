/** The tables of the IAM User Guide as examples, and what must hold for any policies. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PolicyDocument } from './document.ts';
import { denialMessage, evaluate, evaluateTrust, type EvaluationRequest } from './evaluate.ts';
import { isFaulty, parsePolicy, type PolicyDocumentKind } from './parse.ts';
import { principalContext } from './context.ts';
import type { Principal, RolePrincipal, UserPrincipal } from './principal.ts';

const ACCOUNT = '111122223333';
const OTHER = '444455556666';
const user: UserPrincipal = {
  type: 'user',
  account: ACCOUNT,
  userName: 'ann',
  userId: 'AIDAANN',
  arn: `arn:aws:iam::${ACCOUNT}:user/staff/ann`,
};
const role: RolePrincipal = {
  type: 'role',
  account: ACCOUNT,
  roleName: 'build',
  roleId: 'AROABUILD',
  roleArn: `arn:aws:iam::${ACCOUNT}:role/ci/build`,
  sessionName: 'run',
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/build/run`,
  issuedAt: 0,
  expiresAt: 1,
  chained: false,
  sessionPolicies: [],
};
const root: Principal = { type: 'root', account: ACCOUNT };
const service: Principal = { type: 'service', account: ACCOUNT, service: 'codepipeline.amazonaws.com' };
const anonymous: Principal = { type: 'anonymous' };
const roleArn = `arn:aws:iam::${ACCOUNT}:role/target`;
const keyArn = `arn:aws:kms:us-east-1:${ACCOUNT}:key/1`;

/** Optional parts may be there and undefined. */
type Parts = { readonly [Key in keyof EvaluationRequest]?: EvaluationRequest[Key] | undefined };
type Fields = Readonly<Record<string, unknown>>;

function policy(kind: PolicyDocumentKind, ...statements: readonly Fields[]): PolicyDocument {
  const parsed = parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement: statements }), kind);
  assert.ok(!isFaulty(parsed), JSON.stringify(parsed));
  return parsed;
}

const allows = (fields: Fields = {}) =>
  policy('identity', { Effect: 'Allow', Action: '*', Resource: '*', ...fields });
const denies = (fields: Fields = {}) =>
  policy('identity', { Effect: 'Deny', Action: '*', Resource: '*', ...fields });
const grants = (principal: unknown, fields: Fields = {}) =>
  policy('resource', { Effect: 'Allow', Principal: principal, Action: '*', Resource: '*', ...fields });
const trusts = (principal: unknown, fields: Fields = {}) =>
  policy('trust', { Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole', ...fields });

function ask(parts: Parts) {
  const principal = parts.principal ?? user;
  return evaluate({
    principal,
    action: parts.action ?? 's3:GetObject',
    resource: parts.resource ?? 'arn:aws:s3:::bucket/a/b:c',
    identity: parts.identity ?? [],
    resourcePolicy: parts.resourcePolicy,
    boundary: parts.boundary,
    session: parts.session,
    context: { ...principalContext(principal, {}, 0), ...parts.context },
  });
}

const outcome = (parts: Parts) => {
  const verdict = ask(parts);
  return verdict.decision === 'allow' ? 'allow' : `${verdict.decision} ${verdict.kind}`;
};

test('identity policies: silence denies, an allow allows, a deny wins', () => {
  assert.equal(outcome({}), 'implicitDeny identity');
  assert.equal(outcome({ identity: [allows()] }), 'allow');
  assert.equal(outcome({ identity: [allows(), denies({ Action: 's3:Get*' })] }), 'explicitDeny identity');
  assert.equal(outcome({ principal: root }), 'allow');
  assert.equal(outcome({ principal: service }), 'implicitDeny resource');
  assert.equal(outcome({ principal: anonymous }), 'implicitDeny resource');
});

test('actions ignore case; NotAction is everything else of every service', () => {
  assert.equal(outcome({ identity: [allows({ Action: 'S3:getobj?ct' })] }), 'allow');
  assert.equal(outcome({ identity: [allows({ Action: 's3:Get' })] }), 'implicitDeny identity');
  const notIam = [policy('identity', { Effect: 'Allow', NotAction: 'iam:*', Resource: '*' })];
  assert.equal(outcome({ identity: notIam }), 'allow');
  assert.equal(outcome({ identity: notIam, action: 'iam:GetUser' }), 'implicitDeny identity');
});

test('resources are compared part by part, with regard to case', () => {
  const on = (resource: string, asked = 'arn:aws:s3:::bucket/a/b:c') =>
    outcome({ identity: [allows({ Resource: resource })], resource: asked });
  assert.equal(on('arn:aws:s3:::bucket/*'), 'allow');
  assert.equal(on('arn:aws:s3:::bucket/*:c'), 'allow');
  assert.equal(on('arn:aws:s3:::Bucket/*'), 'implicitDeny identity');
  assert.equal(on('arn:aws:s3:*:*:bucket/*'), 'allow');
  assert.equal(on('arn:aws:codebuild:*:*:project/x', 'arn:aws:codebuild:us-east-1:1:project/x'), 'allow');
  assert.equal(
    on('arn:aws:codebuild:*:project/x', 'arn:aws:codebuild:us-east-1:1:project/x'),
    'implicitDeny identity',
  );
  assert.equal(on('arn:aws:s3:::*', '*'), 'implicitDeny identity', 'only * covers actions without resources');
  assert.equal(on('arn:aws:s3'), 'allow', 'missing parts count as stars');
  assert.equal(on('*', '*'), 'allow');
  const notSecret = [
    policy('identity', { Effect: 'Allow', Action: '*', NotResource: 'arn:aws:s3:::secret/*' }),
  ];
  assert.equal(outcome({ identity: notSecret }), 'allow');
  assert.equal(outcome({ identity: notSecret, resource: 'arn:aws:s3:::secret/x' }), 'implicitDeny identity');
});

test('a variable is one value, taken literally; without a value the statement does not apply', () => {
  const home = [allows({ Resource: 'arn:aws:s3:::home/${aws:username}/*' })];
  assert.equal(outcome({ identity: home, resource: 'arn:aws:s3:::home/ann/x' }), 'allow');
  assert.equal(outcome({ identity: home, resource: 'arn:aws:s3:::home/bob/x' }), 'implicitDeny identity');
  assert.equal(
    outcome({ principal: role, identity: home, resource: 'arn:aws:s3:::home/ann/x' }),
    'implicitDeny identity',
  );
  const star = { ...user, userName: '*' };
  assert.equal(
    outcome({ principal: star, identity: home, resource: 'arn:aws:s3:::home/bob/x' }),
    'implicitDeny identity',
  );
  const others = [
    policy('identity', { Effect: 'Allow', Action: '*', NotResource: 'arn:aws:s3:::${aws:username}' }),
  ];
  assert.equal(outcome({ principal: role, identity: others }), 'implicitDeny identity');
  const old = parsePolicy(
    JSON.stringify({ Statement: { Effect: 'Allow', Action: '*', Resource: 'arn:aws:s3:::${aws:username}' } }),
    'identity',
  );
  assert.ok(!isFaulty(old));
  assert.equal(outcome({ identity: [old], resource: 'arn:aws:s3:::ann' }), 'implicitDeny identity');
  assert.equal(outcome({ identity: [old], resource: 'arn:aws:s3:::${aws:username}' }), 'allow');
});

test('within one account the resource policy can stand for the identity policy', () => {
  const arn = (name: string) => ({ AWS: name });
  const rows: readonly [Principal, unknown, string][] = [
    [user, arn(user.arn), 'allow'],
    [user, arn('AIDAANN'), 'allow'],
    [user, '*', 'allow'],
    [user, arn('*'), 'allow'],
    [user, arn(ACCOUNT), 'implicitDeny identity'],
    [user, arn(`arn:aws:iam::${ACCOUNT}:root`), 'implicitDeny identity'],
    [user, arn(`arn:aws:iam::${ACCOUNT}:user/staff/bob`), 'implicitDeny identity'],
    [role, arn(role.roleArn), 'allow'],
    [role, arn('AROABUILD'), 'allow'],
    [role, arn(role.arn), 'allow'],
    [role, arn(`${role.arn}2`), 'implicitDeny identity'],
    [service, { Service: 'codepipeline.amazonaws.com' }, 'allow'],
    [service, { Service: 'codebuild.amazonaws.com' }, 'implicitDeny resource'],
    [anonymous, '*', 'allow'],
    [anonymous, arn(ACCOUNT), 'implicitDeny resource'],
  ];
  for (const [principal, pattern, expected] of rows) {
    assert.equal(outcome({ principal, resourcePolicy: grants(pattern) }), expected, JSON.stringify(pattern));
  }
  const denied = policy('resource', { Effect: 'Deny', Principal: '*', Action: '*', Resource: '*' });
  assert.equal(outcome({ principal: root, resourcePolicy: denied }), 'explicitDeny resource');
  assert.equal(outcome({ identity: [allows()], resourcePolicy: denied }), 'explicitDeny resource');
});

test('boundary and session limit, except what a resource gives to the user or session by name', () => {
  const small = allows({ Action: 'sqs:*' });
  const identity = [allows()];
  assert.equal(outcome({ identity, boundary: small }), 'implicitDeny boundary');
  assert.equal(outcome({ identity, boundary: allows() }), 'allow');
  assert.equal(outcome({ boundary: allows() }), 'implicitDeny identity', 'a boundary grants nothing');
  assert.equal(outcome({ principal: role, identity, session: [small] }), 'implicitDeny session');
  assert.equal(outcome({ principal: role, identity, session: [small, allows()] }), 'allow');
  assert.equal(outcome({ principal: role, identity, session: [] }), 'implicitDeny session');
  assert.equal(outcome({ principal: role, identity, session: [allows(), denies()] }), 'explicitDeny session');
  assert.equal(outcome({ identity, boundary: denies() }), 'explicitDeny boundary');
  const byUser = grants({ AWS: user.arn });
  assert.equal(outcome({ resourcePolicy: byUser, boundary: small }), 'allow');
  assert.equal(outcome({ resourcePolicy: byUser, boundary: denies() }), 'explicitDeny boundary');
  const byRole = grants({ AWS: role.roleArn });
  assert.equal(
    outcome({ principal: role, resourcePolicy: byRole, session: [small] }),
    'implicitDeny session',
  );
  const bySession = grants({ AWS: role.arn });
  assert.equal(outcome({ principal: role, resourcePolicy: bySession, session: [small] }), 'allow');
});

test('across accounts both sides must allow', () => {
  const context = { 'aws:ResourceAccount': OTHER };
  const identity = [allows()];
  assert.equal(outcome({ identity, context }), 'implicitDeny resource');
  assert.equal(outcome({ context, resourcePolicy: grants({ AWS: user.arn }) }), 'implicitDeny identity');
  assert.equal(outcome({ identity, context, resourcePolicy: grants({ AWS: ACCOUNT }) }), 'allow');
  assert.equal(outcome({ principal: root, context }), 'implicitDeny resource');
  assert.equal(outcome({ principal: root, context, resourcePolicy: grants({ AWS: ACCOUNT }) }), 'allow');
});

test('a role is assumed only by whom its trust policy allows', () => {
  const assume = (principal: Principal, trust: PolicyDocument | undefined, parts: Parts = {}) =>
    outcome({ principal, action: 'sts:AssumeRole', resource: roleArn, resourcePolicy: trust, ...parts });
  const may = { identity: [allows({ Action: 'sts:AssumeRole', Resource: roleArn })] };
  assert.equal(assume(user, undefined, may), 'implicitDeny trust');
  assert.equal(assume(user, trusts({ AWS: OTHER }), may), 'implicitDeny trust');
  assert.equal(assume(user, trusts({ AWS: user.arn })), 'allow');
  assert.equal(assume(user, trusts({ AWS: user.arn }), { identity: [denies()] }), 'explicitDeny identity');
  assert.equal(assume(user, trusts({ AWS: ACCOUNT })), 'implicitDeny identity');
  assert.equal(assume(user, trusts({ AWS: ACCOUNT }), may), 'allow');
  assert.equal(assume(role, trusts({ AWS: role.roleArn })), 'allow');
  assert.equal(assume(service, trusts({ Service: 'codepipeline.amazonaws.com' })), 'allow');
  assert.equal(assume(service, trusts({ Service: 'codebuild.amazonaws.com' })), 'implicitDeny trust');
  const external = trusts({ AWS: user.arn }, { Condition: { StringEquals: { 'sts:ExternalId': 'x' } } });
  assert.equal(assume(user, external), 'implicitDeny trust');
  assert.equal(assume(user, external, { context: { 'sts:ExternalId': 'x' } }), 'allow');
  const { decision } = evaluateTrust(external, {
    principal: user,
    action: 'sts:AssumeRole',
    resource: roleArn,
    context: { 'sts:externalid': 'x' },
    identity: [],
  });
  assert.equal(decision, 'allow');
});

test('a key is used only by whom its key policy allows', () => {
  const use = (parts: Parts) => outcome({ action: 'kms:Decrypt', resource: keyArn, ...parts });
  assert.equal(use({ identity: [allows()] }), 'implicitDeny resource');
  assert.equal(use({ principal: root }), 'implicitDeny resource');
  assert.equal(use({ identity: [allows()], resourcePolicy: grants({ AWS: ACCOUNT }) }), 'allow');
  assert.equal(use({ principal: root, resourcePolicy: grants({ AWS: ACCOUNT }) }), 'allow');
});

test('NotPrincipal denies everyone else', () => {
  const only = policy('resource', {
    Effect: 'Deny',
    NotPrincipal: { AWS: [user.arn, ACCOUNT] },
    Action: '*',
    Resource: '*',
  });
  const identity = [allows()];
  assert.equal(outcome({ identity, resourcePolicy: only }), 'allow');
  assert.equal(outcome({ principal: role, identity, resourcePolicy: only }), 'explicitDeny resource');
  assert.equal(outcome({ principal: root, resourcePolicy: only }), 'allow');
});

test('a revoked session is denied by the time of its token', () => {
  const revoke = denies({ Condition: { DateLessThan: { 'aws:TokenIssueTime': '2026-01-01T00:00:00Z' } } });
  const at = (issuedAt: number) =>
    outcome({ principal: { ...role, issuedAt }, identity: [allows(), revoke] });
  assert.equal(at(Date.parse('2025-12-31T00:00:00Z')), 'explicitDeny identity');
  assert.equal(at(Date.parse('2026-01-02T00:00:00Z')), 'allow');
});

test('the guard of a branch needs Null, because the first look at a push has no reference', () => {
  const condition = { StringEqualsIfExists: { 'codecommit:References': ['refs/heads/main'] } };
  const push = (fields: Fields, context: Record<string, string>) =>
    outcome({
      identity: [allows(), denies({ Action: 'codecommit:GitPush', ...fields })],
      action: 'codecommit:GitPush',
      context,
    });
  assert.equal(push({ Condition: condition }, {}), 'explicitDeny identity');
  const guarded = { ...condition, Null: { 'codecommit:References': 'false' } };
  assert.equal(push({ Condition: guarded }, {}), 'allow');
  assert.equal(
    push({ Condition: guarded }, { 'codecommit:References': 'refs/heads/main' }),
    'explicitDeny identity',
  );
  assert.equal(push({ Condition: guarded }, { 'codecommit:References': 'refs/heads/dev' }), 'allow');
});

test('denials are explained in the sentence of AWS', () => {
  const resource = 'arn:aws:s3:::bucket/a/b:c';
  const say = (parts: Parts) => denialMessage(ask(parts), parts.principal ?? user, 's3:GetObject', resource);
  const start = `User: ${user.arn} is not authorized to perform: s3:GetObject on resource: ${resource}`;
  assert.equal(say({}), `${start} because no identity-based policy allows the s3:GetObject action`);
  assert.equal(say({ identity: [denies()] }), `${start} with an explicit deny in an identity-based policy`);
  assert.equal(
    say({ identity: [allows()], boundary: allows({ Action: 'sqs:*' }) }),
    `${start} because no permissions boundary allows the s3:GetObject action`,
  );
  const verdict = ask({ identity: [allows(), denies({ Sid: 'Stop' })] });
  assert.deepEqual(verdict.statement, { kind: 'identity', policy: 1, index: 0, sid: 'Stop' });
  assert.equal(verdict.explanation, 's3:GetObject is denied by statement "Stop" of an identity-based policy');
  const trust = ask({ action: 'sts:AssumeRole', resource: roleArn, resourcePolicy: trusts({ AWS: OTHER }) });
  assert.equal(
    denialMessage(trust, user, 'sts:AssumeRole', roleArn),
    `User: ${user.arn} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`,
  );
});

const fields = fc.record({
  Action: fc.constantFrom('*', 's3:*', 's3:GetObject', 's3:Put*', 'sqs:*'),
  Resource: fc.constantFrom(
    '*',
    'arn:aws:s3:::bucket/*',
    'arn:aws:s3:::other/*',
    'arn:aws:s3:::${aws:username}/*',
  ),
  Condition: fc.constantFrom(
    {},
    { StringEquals: { 'aws:username': 'ann' } },
    { Bool: { 'aws:SecureTransport': 'true' } },
  ),
});
const statements = fc.array(
  fc.tuple(fields, fc.constantFrom('Allow', 'Deny')).map(([some, Effect]) => ({ ...some, Effect })),
  { minLength: 1, maxLength: 4 },
);
const identityPolicies = fc.array(
  statements.map((list) => policy('identity', ...list)),
  { maxLength: 3 },
);
const resourcePolicies = fc.option(
  fc
    .tuple(
      statements,
      fc.constantFrom<unknown>(
        '*',
        { AWS: ACCOUNT },
        { AWS: user.arn },
        { AWS: role.roleArn },
        { AWS: role.arn },
      ),
    )
    .map(([list, Principal]) => policy('resource', ...list.map((one) => ({ ...one, Principal })))),
  { nil: undefined },
);
const requests = fc.record({
  principal: fc.constantFrom<Principal>(user, role, root, service, anonymous),
  identity: identityPolicies,
  resourcePolicy: resourcePolicies,
  boundary: fc.option(
    statements.map((list) => policy('identity', ...list)),
    { nil: undefined },
  ),
  session: fc.option(identityPolicies, { nil: undefined }),
  context: fc.constantFrom<Record<string, string>>(
    {},
    { 'aws:SecureTransport': 'true' },
    { 'aws:ResourceAccount': OTHER },
  ),
});

test('adding a deny never allows, and a deny of everything always wins', () => {
  fc.assert(
    fc.property(requests, statements, (request, list) => {
      const before = ask(request).decision;
      const more = policy('identity', ...list.map((one) => ({ ...one, Effect: 'Deny' })));
      const after = ask({ ...request, identity: [...request.identity, more] }).decision;
      if (before !== 'allow') assert.notEqual(after, 'allow');
      const everyone = policy('resource', { Effect: 'Deny', Principal: '*', Action: '*', Resource: '*' });
      assert.equal(ask({ ...request, resourcePolicy: everyone }).decision, 'explicitDeny');
      if (request.boundary !== undefined) {
        const withDeny = ask({ ...request, boundary: denies() }).decision;
        if (request.principal.type === 'user' || request.principal.type === 'role')
          assert.equal(withDeny, 'explicitDeny');
      }
    }),
    { numRuns: 500 },
  );
});

test('the order of policies and statements never matters', () => {
  const turn = (document: PolicyDocument): PolicyDocument => ({
    ...document,
    statements: document.statements.toReversed(),
  });
  fc.assert(
    fc.property(requests, (request) => {
      const turned = {
        ...request,
        identity: request.identity.map(turn).toReversed(),
        resourcePolicy: request.resourcePolicy === undefined ? undefined : turn(request.resourcePolicy),
        session: request.session?.map(turn).toReversed(),
      };
      assert.equal(ask(turned).decision, ask(request).decision);
    }),
    { numRuns: 500 },
  );
});

test('a boundary and a session never allow more', () => {
  fc.assert(
    fc.property(requests, (request) => {
      const free = ask({ ...request, boundary: undefined, session: undefined }).decision;
      if (free !== 'allow') assert.notEqual(ask(request).decision, 'allow');
    }),
    { numRuns: 500 },
  );
});
