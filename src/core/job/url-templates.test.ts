/** What templates may hold, and when they become URLs. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillTemplate, unknownPlaceholders } from './url-templates.ts';

test('only properties that may be shown, the external id and the revision have placeholders', () => {
  const template = 'https://ci/{Config:Project}/{Config:Password}/{ExternalExecutionId}/{RevisionId}/{Job}';
  assert.deepEqual(unknownPlaceholders(template, ['Project']), ['Config:Password', 'Job']);
});

test('a template is no URL as long as a value is missing', () => {
  const template = 'https://ci/{Config:Project}/{ExternalExecutionId}';
  const configuration = { Project: 'a b' };
  assert.equal(fillTemplate(template, { configuration }), undefined);
  assert.equal(fillTemplate(template, { configuration, externalId: '7?' }), 'https://ci/a%20b/7%3F');
  assert.equal(fillTemplate(undefined, { configuration }), undefined);
});
