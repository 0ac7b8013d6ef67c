/** What is sealed opens to the same, for its own place and key only. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { eventsOf } from '#core/log-chunk/content.ts';
import { openChunk, sealChunk } from './sealing.ts';

const key = randomBytes(32);

test('chunks open where they were made for, and show nothing before', () => {
  for (const message of ['short', 'a line that comes often\n'.repeat(500)]) {
    const events = [{ at: 1_700_000_000_000, ingestedAt: 1_700_000_000_001, message }];
    const place = { streamId: 7, firstSequence: 10, eventCount: 1 };
    const sealed = sealChunk(key, place, events);
    assert.ok(!sealed.includes('short') && !sealed.includes('often'));
    assert.deepEqual(eventsOf(openChunk(key, place, sealed)), events);
    assert.throws(() => openChunk(key, { ...place, firstSequence: 11 }, sealed));
    assert.throws(() => openChunk(randomBytes(32), place, sealed));
    for (const at of [0, 5, 14, sealed.length - 1]) {
      const altered = Buffer.from(sealed);
      altered[at] = (altered[at] ?? 0) ^ 1;
      assert.throws(() => openChunk(key, place, altered));
    }
  }
});
