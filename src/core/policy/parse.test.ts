/** Documents as people and programs write them, well and badly. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isFaulty, parsePolicy, type PolicyDocumentKind } from './parse.ts';

const statement = { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/*' };
const parse = (json: unknown, kind: PolicyDocumentKind = 'identity') =>
  parsePolicy(JSON.stringify(json), kind);
const faultOf = (json: unknown, kind: PolicyDocumentKind = 'identity') => {
  const parsed = parse(json, kind);
  return isFaulty(parsed) ? parsed.faults[0] : undefined;
};

test('one and many mean the same', () => {
  const expected = {
    version: '2012-10-17',
    statements: [
      { effect: 'Allow', actions: ['s3:GetObject'], resources: ['arn:aws:s3:::b/*'], conditions: [] },
    ],
  };
  assert.deepEqual(parse({ Version: '2012-10-17', Statement: statement }), expected);
  assert.deepEqual(
    parse({ Version: '2012-10-17', Statement: [{ ...statement, Action: ['s3:GetObject'] }] }),
    expected,
  );
});

test('booleans and numbers in conditions become texts', () => {
  const parsed = parse({
    Statement: {
      ...statement,
      Condition: { Bool: { 'aws:SecureTransport': true }, NumericLessThan: { 's3:max-keys': 10 } },
    },
  });
  assert.ok(!isFaulty(parsed));
  assert.equal(parsed.version, '2008-10-17', 'no version means the older one');
  assert.deepEqual(parsed.statements[0]?.conditions, [
    { operator: 'Bool', key: 'aws:SecureTransport', values: ['true'] },
    { operator: 'NumericLessThan', key: 's3:max-keys', values: ['10'] },
  ]);
});

test('malformed documents are refused in the words of IAM', () => {
  const cases: readonly [unknown, PolicyDocumentKind, string][] = [
    ['text', 'identity', 'Syntax errors in policy.'],
    [{ Version: '2012-10-17' }, 'identity', 'Syntax errors in policy. The policy must contain a statement.'],
    [
      { Version: '2020-01-01', Statement: statement },
      'identity',
      'Policy document version must be 2012-10-17 or 2008-10-17.',
    ],
    [{ Statement: { ...statement, Effect: 'allow' } }, 'identity', 'Invalid effect: "allow"'],
    [
      { Statement: { ...statement, Action: 'GetObject' } },
      'identity',
      'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.',
    ],
    [{ Statement: { Effect: 'Allow', Resource: '*' } }, 'identity', 'Policy statement must contain actions.'],
    [{ Statement: { Effect: 'Allow', Action: '*' } }, 'identity', 'Policy statement must contain resources.'],
    [
      { Statement: { ...statement, Resource: 'bucket' } },
      'identity',
      'Resource bucket must be in ARN format or "*".',
    ],
    [
      { Statement: { ...statement, Resource: 'arn:aws:s*:::b' } },
      'identity',
      'Resource arn:aws:s*:::b must be in ARN format or "*".',
    ],
    [
      { Statement: { ...statement, Principal: '*' } },
      'identity',
      'Policy document should not specify a principal.',
    ],
    [
      {
        Statement: [
          { ...statement, Sid: 'a' },
          { ...statement, Sid: 'a' },
        ],
      },
      'identity',
      'Statement IDs (SID) in a single policy must be unique.',
    ],
    [
      { Statement: { ...statement, Condition: { StringEqualz: { a: 'b' } } } },
      'identity',
      'Invalid Condition type : StringEqualz.',
    ],
    [{ Statement: { ...statement, Wish: 1 } }, 'identity', 'Syntax errors in policy. Unknown field Wish.'],
    [{ Statement: statement }, 'resource', 'Missing required field Principal'],
    [
      { Statement: { ...statement, NotPrincipal: { AWS: '1' } } },
      'resource',
      'NotPrincipal can only be used with Deny in a resource-based policy.',
    ],
    [
      { Statement: { Effect: 'Allow', Principal: '*', Action: 's3:*' } },
      'trust',
      'AssumeRole policy may only specify STS AssumeRole actions.',
    ],
    [
      { Statement: { Effect: 'Allow', Principal: '*', Action: 'sts:AssumeRole', Resource: '*' } },
      'trust',
      'Has prohibited field Resource',
    ],
    [
      {
        Statement: {
          Effect: 'Allow',
          Principal: { AWS: 'arn:aws:iam::1:role/x*' },
          Action: 'sts:AssumeRole',
        },
      },
      'trust',
      'Invalid principal in policy: "AWS":"arn:aws:iam::1:role/x*"',
    ],
  ];
  for (const [json, kind, message] of cases) assert.equal(faultOf(json, kind), message);
  assert.deepEqual(parsePolicy('{', 'identity'), { faults: ['Syntax errors in policy.'] });
});

test('any JSON gives a document or faults, never an error', () => {
  const kinds = fc.constantFrom<PolicyDocumentKind>('identity', 'resource', 'trust');
  const name = fc.constantFrom(
    'Version',
    'Statement',
    'Effect',
    'Action',
    'Resource',
    'Principal',
    'Condition',
    'AWS',
    '__proto__',
    'Null',
  );
  const leaf = fc.oneof(
    fc.constantFrom('Allow', '*', '2012-10-17', 's3:Get*', 'arn:aws:s3:::b'),
    fc.jsonValue({ maxDepth: 1 }),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      leaf,
      fc.dictionary(name, tie('tree')),
      fc.array(tie('tree'), { maxLength: 3 }),
    ),
  }));
  fc.assert(
    fc.property(tree, kinds, (json, kind) => {
      const parsed = parsePolicy(JSON.stringify(json), kind);
      assert.ok(isFaulty(parsed) ? parsed.faults.length > 0 : parsed.statements.length > 0);
    }),
  );
});

test('deep nesting and great length are refused', () => {
  assert.deepEqual(parsePolicy('['.repeat(10_000) + ']'.repeat(10_000), 'identity'), {
    faults: ['Syntax errors in policy.'],
  });
  assert.deepEqual(parsePolicy(' '.repeat(30_000), 'identity'), {
    faults: ['Policy is longer than 20480 characters.'],
  });
});
