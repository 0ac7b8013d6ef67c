import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findPolicyBreach, parsePostPolicy, type PostPolicy } from './post-policy.ts';

const EXPIRATION = '2030-01-01T00:00:00Z';
const NOW = Date.parse('2029-12-31T23:59:59.999Z');
const parse = (conditions: readonly unknown[]): PostPolicy => {
  const policy = parsePostPolicy(JSON.stringify({ expiration: EXPIRATION, conditions }));
  assert.ok(!('problem' in policy), JSON.stringify(policy));
  return policy;
};
const breach = (conditions: readonly unknown[], fields: Record<string, string>, now = NOW) =>
  findPolicyBreach(parse(conditions), new Map(Object.entries(fields)), now);

test('every field must be as a condition says, and none may be without one', () => {
  const conditions = [
    { bucket: 'b' },
    ['starts-with', '$key', 'user/'],
    ['eq', '$Content-Type', 'text/plain'],
    ['starts-with', '$x-amz-meta-a', ''],
  ];
  const fields = { bucket: 'b', key: 'user/1', 'content-type': 'text/plain', 'x-amz-meta-a': '' };
  assert.equal(breach(conditions, fields), undefined);
  assert.equal(
    breach(conditions, { ...fields, policy: 'x', 'x-amz-signature': 'y', 'x-ignore-me': 'z' }),
    undefined,
  );
  assert.equal(breach(conditions, { ...fields, acl: 'private' }), 'Extra input fields: acl');
  assert.equal(
    breach(conditions, { ...fields, key: 'other/1' }),
    'Policy Condition failed: ["starts-with","$key","user/"]',
  );
  assert.equal(
    breach(conditions, { ...fields, bucket: 'c' }),
    'Policy Condition failed: ["eq","$bucket","b"]',
  );
  assert.equal(
    breach([{ bucket: 'b' }, { acl: 'private' }], { bucket: 'b' }),
    'Policy Condition failed: ["eq","$acl","private"]',
  );
  assert.equal(breach(conditions, fields, Date.parse(EXPIRATION)), 'Policy expired.');
});

test('ranges of length meet', () => {
  const { bytesMin, bytesMax } = parse([
    ['content-length-range', 1, 10],
    ['content-length-range', '5', '20'],
  ]);
  assert.deepEqual([bytesMin, bytesMax], [5, 10]);
});

test('what is no policy is refused with its reason', () => {
  const problems: readonly (readonly [string, RegExp])[] = [
    ['{', /Invalid JSON/],
    ['[]', /Invalid JSON/],
    ['{"conditions":[]}', /'expiration'/],
    ['{"expiration":"tomorrow","conditions":[]}', /'expiration'/],
    ['{"expiration":"2030-13-41T00:00:00Z","conditions":[]}', /'expiration'/],
    [`{"expiration":"${EXPIRATION}"}`, /missing conditions/],
    [
      `{"expiration":"${EXPIRATION}","conditions":[["eq","key","x"]]}`,
      /Invalid Condition: \["eq","key","x"\]/,
    ],
    [`{"expiration":"${EXPIRATION}","conditions":[["in","$key","x"]]}`, /Invalid Condition/],
    [`{"expiration":"${EXPIRATION}","conditions":[["content-length-range",5,1]]}`, /Invalid Condition/],
    [`{"expiration":"${EXPIRATION}","conditions":[{"a":"1","b":"2"}]}`, /Invalid Condition/],
    [`{"expiration":"${EXPIRATION}","conditions":[{"a":1}]}`, /Invalid Condition/],
    [
      `{"expiration":"${EXPIRATION}","conditions":${JSON.stringify(Array(101).fill({ a: 'b' }))}}`,
      /more than 100/,
    ],
  ];
  for (const [text, problem] of problems) {
    const parsed = parsePostPolicy(text);
    assert.ok('problem' in parsed, text);
    assert.match(parsed.problem, problem);
  }
});

test('whatever text comes, it is a policy or a problem', () => {
  fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => void parsePostPolicy(text)));
});
