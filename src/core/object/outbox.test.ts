import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outboxDecider, type ObjectChange, type ObjectsChanged } from './outbox.ts';

const change: ObjectChange = {
  name: 'ObjectCreated:Put',
  bucket: 'artifacts',
  key: 'app/source.zip',
  sizeBytes: 3,
  etag: 'abc',
  versionId: undefined,
  sequencer: '01',
  requestId: 'R1',
  requester: '123456789012',
  source: '127.0.0.1',
};
const listener = { configurationId: 'c', arn: 'arn:aws:sqs:us-east-1:123456789012:q' };
const stamp = { at: 1_700_000_000_000, chance: '00112233445566778899aabbccddeeff' };
const changed = (...changes: ObjectsChanged['changes']): ObjectsChanged => ({
  type: 'ObjectsChanged',
  changes,
});

test('every change is told once to each who listens, under an id of its own', () => {
  const both = changed(
    { change, isPublished: true, listeners: [listener] },
    { change: { ...change, key: 'b' }, isPublished: true, listeners: [] },
  );
  const { state, effects } = outboxDecider.decide(undefined, { ...both, ...stamp });
  assert.deepEqual(state, { taken: 2, lost: 0 });
  assert.deepEqual(
    effects.map((effect) => [effect.type, effect.change.key, effect.at]),
    [
      ['PublishChange', 'app/source.zip', stamp.at],
      ['TellListener', 'app/source.zip', stamp.at],
      ['PublishChange', 'b', stamp.at],
    ],
  );
  const ids = effects.flatMap((effect) => (effect.type === 'PublishChange' ? [effect.eventId] : []));
  assert.equal(new Set(ids).size, 2);
  assert.match(ids[0] ?? '', /^[0-9a-f-]{36}$/);
});

test('a telling that failed for good is counted, and time changes nothing', () => {
  const state = { taken: 1, lost: 0 };
  const failed = { type: 'EffectFailed', effectType: 'TellListener', effect: {}, message: 'no' } as const;
  assert.deepEqual(outboxDecider.decide(state, { ...failed, ...stamp }), {
    state: { taken: 1, lost: 1 },
    effects: [],
  });
  assert.deepEqual(outboxDecider.decide(state, { type: 'TimePassed', ...stamp }), { state, effects: [] });
});
