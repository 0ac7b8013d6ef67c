/** `docs/coverage.md` is printed from the rooms; here it is held against them. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { coverage } from '#scripts/coverage.ts';

test('the coverage page says what the rooms answer', async () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../docs/coverage.md'), 'utf8');
  assert.equal(page, await coverage(), 'out of date; run: node scripts/coverage.ts');
});
