/**
 * The index of a policy loses nothing: what it finds is what reading all statements one by one finds, for any policy and
 * any request; and order, of statements and of policies, decides nothing but whose name is told.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { candidates, compile, compileStatement, type CompiledStatement } from './compiled.ts';
import { principalContext } from './context.ts';
import type { PolicyDocument } from './document.ts';
import { evaluate, type EvaluationRequest } from './evaluate.ts';
import { isFaulty, parsePolicy, type PolicyDocumentKind } from './parse.ts';
import type { Principal } from './principal.ts';
import { applies, createQuery, findGrant, findStatement, reachOfStatement, type Query } from './statement.ts';

const ACCOUNT = '111122223333';
const session: Principal = {
  type: 'role',
  account: ACCOUNT,
  roleName: 'build',
  roleId: 'AROABUILD',
  roleArn: `arn:aws:iam::${ACCOUNT}:role/build`,
  sessionName: 'run',
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/build/run`,
  issuedAt: 0,
  expiresAt: 1,
  chained: false,
  sessionPolicies: [],
};
const principals: readonly Principal[] = [
  session,
  { type: 'root', account: ACCOUNT },
  {
    type: 'user',
    account: ACCOUNT,
    userName: 'ann',
    userId: 'AIDAANN',
    arn: `arn:aws:iam::${ACCOUNT}:user/ann`,
  },
  { type: 'service', account: ACCOUNT, service: 'events.amazonaws.com' },
  { type: 'anonymous' },
];

const actions = [
  '*',
  's3:*',
  's3:Get*',
  's3:*Acl',
  'S3:GetObject',
  's3:GetObjectAcl',
  's3:?et*t',
  'sts:AssumeRole',
  'kms:Dec*',
];
const arns = [
  'arn:aws:s3:::a/b',
  'arn:aws:s3:::a/*',
  'arn:aws:s3:::*',
  'arn:aws:s3:::a?b',
  'arn:aws:s3:::${aws:username}/*',
  "arn:aws:s3:::a/${aws:PrincipalTag/team, 'b'}",
  'arn:aws:s3',
  'arn:aws:s3:::a/${*}',
  `arn:aws:iam::${ACCOUNT}:role/*`,
  `arn:aws:kms:*:${ACCOUNT}:key/1`,
];
const conditions = [
  undefined,
  { StringEquals: { 'aws:PrincipalTag/team': 'b' } },
  { StringNotLike: { 'aws:userid': 'AIDA*' } },
  { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['x'] } },
  { Null: { 'aws:SourceArn': 'true' } },
];
const named = [
  '*',
  { AWS: ACCOUNT },
  { AWS: [session.roleArn, `arn:aws:iam::${ACCOUNT}:user/ann`] },
  { AWS: session.arn },
  { Service: 'events.amazonaws.com' },
  { AWS: '444455556666' },
];

const some = <Value>(values: readonly Value[]) => fc.constantFrom(...values);
const list = (values: readonly string[]) => fc.subarray([...values], { minLength: 1, maxLength: 3 });
/** One of the two is given, as in real statements. */
const eitherOf = (one: string, not: string, values: fc.Arbitrary<unknown>) =>
  fc.tuple(fc.boolean(), values).map(([isNegated, value]) => ({ [isNegated ? not : one]: value }));

function statementOf(kind: PolicyDocumentKind) {
  const effect = some(['Allow', 'Deny'] as const);
  const parts = fc.tuple(
    effect,
    eitherOf('Action', 'NotAction', list(actions)),
    eitherOf('Resource', 'NotResource', list(['*', ...arns])),
    some(conditions),
    some(named),
    fc.boolean(),
  );
  return parts.map(([Effect, action, resource, Condition, principal, isNegated]) => ({
    Effect,
    ...action,
    ...resource,
    ...(Condition && { Condition }),
    ...(kind === 'resource' && {
      [isNegated && Effect === 'Deny' ? 'NotPrincipal' : 'Principal']: principal,
    }),
  }));
}

function documentOf(kind: PolicyDocumentKind): fc.Arbitrary<PolicyDocument> {
  const version = some(['2012-10-17', '2008-10-17']);
  const statements = fc.array(statementOf(kind), { minLength: 1, maxLength: 12 });
  return fc.tuple(version, statements).map(([Version, Statement]) => {
    const parsed = parsePolicy(JSON.stringify({ Version, Statement }), kind);
    assert.ok(!isFaulty(parsed), JSON.stringify(parsed));
    return parsed;
  });
}

const identities = fc.array(documentOf('identity'), { maxLength: 4 });
const request: fc.Arbitrary<EvaluationRequest> = fc
  .record({
    principal: some(principals),
    action: some([
      's3:GetObject',
      's3:GetObjectAcl',
      's3:PutObject',
      'sts:AssumeRole',
      'kms:Decrypt',
      's3:get',
    ]),
    resource: some([
      '*',
      'arn:aws:s3:::a/b',
      'arn:aws:s3:::a/*',
      'arn:aws:s3:::ann/x:y',
      'arn:aws:s3:::axb',
      ...arns,
    ]),
    tags: some<Readonly<Record<string, string>>>([{}, { team: 'b' }]),
    identity: identities,
    resourcePolicy: fc.option(documentOf('resource'), { nil: undefined }),
    boundary: fc.option(documentOf('identity'), { nil: undefined, freq: 2 }),
    session: fc.option(identities, { nil: undefined, freq: 2 }),
  })
  .map(({ tags, ...rest }) => ({ ...rest, context: principalContext(rest.principal, tags, 0) }));

/** All statements, one by one: no index. */
function* reading(documents: readonly PolicyDocument[], effect: 'Allow' | 'Deny', query: Query) {
  for (const [policy, { version, statements }] of documents.entries()) {
    for (const [index, source] of statements.entries()) {
      if (source.effect !== effect) continue;
      const statement = compileStatement(source, index, version === '2012-10-17');
      if (applies(statement, query)) yield { policy, index, source };
    }
  }
}

test('the index finds the statement that reading all of them finds first', () => {
  fc.assert(
    fc.property(request, some(['Allow', 'Deny'] as const), (asked, effect) => {
      const query = createQuery(asked);
      const [first] = reading(asked.identity, effect, query);
      const found = findStatement('identity', asked.identity, effect, query);
      assert.deepEqual(
        found && { policy: found.reference.policy, index: found.reference.index },
        first && { policy: first.policy, index: first.index },
      );
    }),
    { numRuns: 300 },
  );
});

test('the index finds the furthest-reaching grant, and the first deny for the principal', () => {
  fc.assert(
    fc.property(request, documentOf('resource'), (asked, document) => {
      const query = createQuery(asked);
      const reached = (effect: 'Allow' | 'Deny') =>
        [...reading([document], effect, query)]
          .map(({ index, source }) => ({ index, reach: reachOfStatement(source, asked.principal) }))
          .filter(({ reach }) => reach !== undefined);
      const grants = reached('Allow');
      const furthest = (['named', 'role', 'account'] as const)
        .map((reach) => grants.find((grant) => grant.reach === reach))
        .find((grant) => grant !== undefined);
      const grant = findGrant('resource', document, query);
      assert.deepEqual(grant && { index: grant.reference.index, reach: grant.reach }, furthest);
      const denied = findStatement('resource', [document], 'Deny', query);
      assert.deepEqual(denied && { index: denied.reference.index, reach: denied.reach }, reached('Deny')[0]);
    }),
    { numRuns: 300 },
  );
});

test('a statement with very many actions and resources is found, and filed in few places', () => {
  const many = (count: number, name: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => name(i));
  const text = JSON.stringify({
    Version: '2012-10-17',
    Statement: {
      Effect: 'Allow',
      Action: many(300, (i) => `s3:A${i}`),
      Resource: many(300, (i) => `arn:aws:s3:::b${i}`),
    },
  });
  const document = parsePolicy(text, 'identity');
  assert.ok(!isFaulty(document));
  const asked = { action: 's3:A299', resource: 'arn:aws:s3:::b299', context: {}, identity: [document] };
  assert.equal(evaluate({ ...asked, principal: session }).decision, 'allow');
  const filed: CompiledStatement[][] = [];
  for (const byResource of compile(document).allow.byPrefix.values())
    filed.push(...byResource.byPrefix.values());
  assert.equal(filed.length, 300);
  assert.equal(candidates(compile(document).allow, 's3:a299', 'arn:aws:s3:::b7').length, 1);
});

const decision = (asked: EvaluationRequest) => evaluate(asked).decision;
const shuffled = <Value>(values: readonly Value[], seed: number): Value[] =>
  values
    .map((value, i) => ({ value, at: Math.imul(seed + i, 2654435761) >>> 0 }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);

test('the order of policies and of their statements decides nothing', () => {
  const mix = (document: PolicyDocument, seed: number): PolicyDocument => ({
    ...document,
    statements: shuffled(document.statements, seed),
  });
  fc.assert(
    fc.property(request, fc.nat(), (asked, seed) => {
      const mixed: EvaluationRequest = {
        ...asked,
        identity: shuffled(asked.identity, seed).map((document) => mix(document, seed)),
        resourcePolicy: asked.resourcePolicy && mix(asked.resourcePolicy, seed),
        boundary: asked.boundary && mix(asked.boundary, seed),
        session: asked.session && shuffled(asked.session, seed).map((document) => mix(document, seed)),
      };
      assert.equal(decision(mixed), decision(asked));
    }),
    { numRuns: 200 },
  );
});

test('adding a deny anywhere never allows, and a deny of everything always wins', () => {
  const denyAll = parsePolicy(
    JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Deny', Action: '*', Resource: '*' } }),
    'identity',
  );
  const denyEveryone = parsePolicy(
    JSON.stringify({
      Version: '2012-10-17',
      Statement: { Effect: 'Deny', Principal: '*', Action: '*', Resource: '*' },
    }),
    'resource',
  );
  assert.ok(!isFaulty(denyAll) && !isFaulty(denyEveryone));
  const withDeny = (
    document: PolicyDocument | undefined,
    deny: PolicyDocument,
    at: number,
  ): PolicyDocument => {
    const statements = [...(document?.statements ?? [])];
    statements.splice(at % (statements.length + 1), 0, ...deny.statements);
    return { version: document?.version ?? '2012-10-17', statements };
  };
  const denies = documentOf('resource').map((document) => ({
    ...document,
    statements: document.statements.filter(({ effect }) => effect === 'Deny'),
  }));
  fc.assert(
    fc.property(request, denies, fc.nat(), (asked, deny, at) => {
      const more = { ...asked, resourcePolicy: withDeny(asked.resourcePolicy, deny, at) };
      if (decision(asked) !== 'allow') assert.notEqual(decision(more), 'allow');
      const everyone = { ...asked, resourcePolicy: withDeny(asked.resourcePolicy, denyEveryone, at) };
      assert.equal(decision(everyone), 'explicitDeny');
      if (asked.principal.type !== 'user' && asked.principal.type !== 'role') return;
      for (const denied of [
        { ...asked, identity: [...asked.identity, denyAll] },
        { ...asked, boundary: withDeny(asked.boundary, denyAll, at) },
        { ...asked, session: [...(asked.session ?? []), denyAll] },
      ]) {
        const verdict = evaluate(denied);
        assert.equal(verdict.decision, 'explicitDeny');
        assert.match(verdict.explanation, / is denied by statement /);
      }
    }),
    { numRuns: 200 },
  );
});

test('the same text is one document, for as long as it is well-formed', () => {
  const text = JSON.stringify({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Action: '*', Resource: '*' },
  });
  assert.equal(parsePolicy(text, 'identity'), parsePolicy(text, 'identity'));
  assert.ok(isFaulty(parsePolicy(text, 'resource')), 'of another kind it is another document');
});
