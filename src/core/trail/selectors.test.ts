/** Which events a trail wants: the examples of "Logging management events" and "Logging data events". */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SELECTORS, selects, wantsData, type EventFacts, type Selectors } from './selectors.ts';

const CREATE: EventFacts = {
  category: 'Management',
  source: 'codepipeline.amazonaws.com',
  name: 'CreatePipeline',
  readOnly: false,
  arns: ['arn:aws:codepipeline:us-east-1:123456789012:release'],
};
const DECRYPT: EventFacts = { ...CREATE, source: 'kms.amazonaws.com', name: 'Decrypt', readOnly: true };
const PUT: EventFacts = {
  category: 'Data',
  source: 's3.amazonaws.com',
  name: 'PutObject',
  readOnly: false,
  arns: ['arn:aws:s3:::files/in/a.zip'],
};

function basic(change: object): Selectors {
  const all = {
    readWriteType: 'All',
    includeManagementEvents: true,
    dataResources: [],
    excludeManagementEventSources: [],
  } as const;
  return { type: 'basic', selectors: [{ ...all, ...change }] };
}

test('a trail without selectors of its own wants all management events and no data', () => {
  assert.equal(selects(DEFAULT_SELECTORS, CREATE), true);
  assert.equal(selects(DEFAULT_SELECTORS, DECRYPT), true);
  assert.equal(selects(DEFAULT_SELECTORS, PUT), false);
  assert.equal(wantsData(DEFAULT_SELECTORS), false);
});

test('reads, writes and sources are told apart', () => {
  assert.equal(selects(basic({ readWriteType: 'WriteOnly' }), CREATE), true);
  assert.equal(selects(basic({ readWriteType: 'WriteOnly' }), DECRYPT), false);
  assert.equal(selects(basic({ readWriteType: 'ReadOnly' }), CREATE), false);
  assert.equal(selects(basic({ excludeManagementEventSources: ['kms.amazonaws.com'] }), DECRYPT), false);
  assert.equal(selects(basic({ includeManagementEvents: false }), CREATE), false);
});

test('objects are wanted by the beginning of their ARN', () => {
  const below = (...values: string[]) => basic({ dataResources: [{ type: 'AWS::S3::Object', values }] });
  assert.equal(selects(below('arn:aws:s3:::files/in/'), PUT), true);
  assert.equal(selects(below('arn:aws:s3:::files/out/'), PUT), false);
  assert.equal(selects(below('arn:aws:s3'), PUT), true);
  assert.equal(selects(below('arn:aws:s3:::files/'), { ...PUT, arns: ['arn:aws:s3:::files'] }), true);
  assert.equal(
    selects(below('arn:aws:s3:::files/'), { ...PUT, arns: ['arn:aws:s3:::files-other/a'] }),
    false,
  );
  assert.equal(selects(below('arn:aws:s3'), { ...PUT, source: 'logs.amazonaws.com' }), false);
  assert.equal(wantsData(below('arn:aws:s3')), true);
});

test('advanced selectors join fields by and, values by or, and exclusions by nor', () => {
  const advanced = (...fields: { field: string }[]): Selectors => ({
    type: 'advanced',
    selectors: [{ name: undefined, fields }],
  });
  const management = { field: 'eventCategory', equals: ['Management'] };
  assert.equal(selects(advanced(management), CREATE), true);
  assert.equal(
    selects(advanced(management, { field: 'readOnly', equals: ['true'] } as never), CREATE),
    false,
  );
  const notKms = { field: 'eventSource', notEquals: ['kms.amazonaws.com', 'sts.amazonaws.com'] };
  assert.equal(selects(advanced(management, notKms), CREATE), true);
  assert.equal(selects(advanced(management, notKms), DECRYPT), false);
  const data = { field: 'eventCategory', equals: ['Data'] };
  const below = { field: 'resources.ARN', startsWith: ['arn:aws:s3:::files/'] };
  const puts = { field: 'eventName', equals: ['PutObject', 'CopyObject'] };
  assert.equal(selects(advanced(data, below, puts), PUT), true);
  assert.equal(selects(advanced(data, below, puts), { ...PUT, name: 'GetObject' }), false);
  assert.equal(wantsData(advanced(data)), true);
  assert.equal(wantsData(advanced(management)), false);
});
