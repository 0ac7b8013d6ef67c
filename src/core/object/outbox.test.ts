import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outboxDecider, type ObjectWritten } from './outbox.ts';

const written: ObjectWritten = {
  type: 'ObjectWritten',
  bucket: 'artifacts',
  key: 'app/source.zip',
  sizeBytes: 3,
  etag: 'abc',
  versionId: undefined,
  sequencer: '01',
  requestId: 'R1',
  requester: '123456789012',
  source: '127.0.0.1',
  reason: 'PutObject',
};
const stamp = { at: 1_700_000_000_000, chance: '00112233445566778899aabbccddeeff' };

test('every written object is published once, under an id of its own', () => {
  const first = outboxDecider.decide(undefined, { ...written, ...stamp });
  assert.deepEqual(first.state, { taken: 1, lost: 0 });
  const { type: _, ...facts } = written;
  const [effect] = first.effects;
  assert.deepEqual(effect, {
    type: 'PublishObjectCreated',
    ...facts,
    at: stamp.at,
    eventId: effect?.eventId,
  });
  assert.match(effect?.eventId ?? '', /^[0-9a-f-]{36}$/);
  const second = outboxDecider.decide(first.state, { ...written, at: stamp.at, chance: 'f'.repeat(32) });
  assert.deepEqual(second.state, { taken: 2, lost: 0 });
  assert.notEqual(second.effects[0]?.eventId, effect?.eventId);
});

test('a publication that failed for good is counted, and time changes nothing', () => {
  const state = { taken: 1, lost: 0 };
  const failed = {
    type: 'EffectFailed',
    effectType: 'PublishObjectCreated',
    effect: {},
    message: 'no',
  } as const;
  assert.deepEqual(outboxDecider.decide(state, { ...failed, ...stamp }), {
    state: { taken: 1, lost: 1 },
    effects: [],
  });
  assert.deepEqual(outboxDecider.decide(state, { type: 'TimePassed', ...stamp }), { state, effects: [] });
});
