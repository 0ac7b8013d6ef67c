/** Keys of conditions and of variables, once each. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contextKeysOf } from './context-keys.ts';
import { readDocument } from './documents.ts';

const keysOf = (Version: string) => {
  const Statement = {
    Effect: 'Allow',
    Action: 's3:GetObject',
    Resource: "arn:aws:s3:::${aws:PrincipalTag/team, 'none'}/${*}${aws:username}/*",
    Condition: {
      StringLike: { 's3:prefix': '${AWS:UserName}/*' },
      IpAddress: { 'aws:SourceIp': '10.0.0.0/8' },
    },
  };
  return contextKeysOf([readDocument(JSON.stringify({ Version, Statement }), 'identity')]);
};

test('keys stand in conditions and in variables, and each is named once', () => {
  assert.deepEqual(keysOf('2012-10-17'), [
    'aws:PrincipalTag/team',
    'aws:SourceIp',
    'aws:username',
    's3:prefix',
  ]);
});

test('the old version has no variables', () => {
  assert.deepEqual(keysOf('2008-10-17'), ['aws:SourceIp', 's3:prefix']);
});
