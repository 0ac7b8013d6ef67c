/** A few seeds of the simulation; many more with `npm run simulate -- <seed>`. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from './simulate.ts';

for (const seed of ['slipway', 'keel', 'anchor']) {
  test(`with the seed ${seed}, all comes to rest whole`, async () => {
    const { faults } = await simulate(seed);
    for (const [fault, count] of Object.entries(faults)) assert.ok(count > 0, `${fault} never happened`);
  });
}

test('the same seed gives the same run, another seed another one', async () => {
  const first = await simulate('twice');
  assert.deepEqual(await simulate('twice'), first);
  assert.notEqual((await simulate('thrice')).hash, first.hash);
});
