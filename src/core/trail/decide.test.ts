/** What a trail decides: examples of its life, and what holds whatever happens in whatever order. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EngineEvent } from '#base/decider.ts';
import { trailDecider } from './decide.ts';
import {
  DELIVERY_MS,
  DIGEST_MS,
  SETTLE_MS,
  STORED_MS_MAX,
  type DigestLink,
  type LogFile,
  type TrailEffect,
  type TrailEvent,
  type TrailSettings,
  type TrailState,
} from './state.ts';

const START = 1_700_000_000_000;
const SETTINGS: TrailSettings = {
  bucket: 'files',
  prefix: undefined,
  hasValidation: true,
  includesGlobalEvents: true,
  isMultiRegion: false,
  kmsKeyId: undefined,
  topicArn: undefined,
};
const CREATED: TrailEvent = { type: 'TrailCreated', name: 'main', settings: SETTINGS, tags: {} };
const LINK: DigestLink = { bucket: 'files', key: 'd', hash: 'h', signature: 's' };
const FILE: LogFile = { bucket: 'files', key: 'f', hash: 'h', oldest: START, newest: START };

interface Told {
  readonly state: TrailState;
  readonly effects: readonly TrailEffect[];
}

/** Decides events one after the other, each at its time after the start. */
function tell(...events: readonly (readonly [afterMs: number, event: TrailEvent | EngineEvent])[]): Told {
  let state: TrailState | undefined;
  let effects: readonly TrailEffect[] = [];
  for (const [afterMs, event] of events) {
    const decision = trailDecider.decide(state, { ...event, at: START + afterMs, chance: '0'.repeat(32) });
    ({ state, effects } = decision);
  }
  assert.ok(state);
  return { state, effects };
}

const delivered = (until: number, file: LogFile | undefined = FILE, isMore = false): TrailEvent => ({
  type: 'LogsDelivered',
  until: START + until,
  file,
  isMore,
});
const TIME: EngineEvent = { type: 'TimePassed' };

test('logging starts a span, which is delivered up to what is settled', () => {
  const { state } = tell([0, CREATED], [0, { type: 'LoggingStarted' }]);
  assert.equal(trailDecider.wakeAt?.(state), START + DELIVERY_MS);
  const { effects } = tell([0, CREATED], [0, { type: 'LoggingStarted' }], [DELIVERY_MS, TIME]);
  assert.deepEqual(
    effects.map((effect) => effect.type === 'DeliverLogs' && [effect.from - START, effect.until - START]),
    [[0, DELIVERY_MS - SETTLE_MS]],
  );
});

test('what one file does not hold is delivered at once after it', () => {
  const { effects } = tell(
    [0, CREATED],
    [0, { type: 'LoggingStarted' }],
    [DELIVERY_MS, TIME],
    [DELIVERY_MS + 5, delivered(1000, FILE, true)],
  );
  assert.deepEqual(
    effects.map((effect) => effect.type === 'DeliverLogs' && effect.from - START),
    [1000],
  );
});

test('a refused delivery is tried again later, over the same span', () => {
  const refused: TrailEvent = { type: 'DeliveryRefused', message: 'AccessDenied: no' };
  const { state } = tell(
    [0, CREATED],
    [0, { type: 'LoggingStarted' }],
    [DELIVERY_MS, TIME],
    [DELIVERY_MS, refused],
  );
  assert.equal(state.delivery.error, 'AccessDenied: no');
  assert.deepEqual(state.spans, [{ from: START, until: undefined }]);
  assert.equal(trailDecider.wakeAt?.(state), START + 2 * DELIVERY_MS);
});

test('a stopped trail delivers the rest of its span, writes a last digest, and is silent', () => {
  const stop = 60_000;
  const end = stop + STORED_MS_MAX;
  const { state, effects } = tell(
    [0, CREATED],
    [0, { type: 'LoggingStarted' }],
    [stop, { type: 'LoggingStopped' }],
    [end + SETTLE_MS, TIME],
  );
  assert.equal(trailDecider.wakeAt?.(state), START + DIGEST_MS);
  assert.deepEqual(
    effects.map((effect) => effect.type === 'DeliverLogs' && effect.until - START),
    [end],
  );
  const later = tell(
    [0, CREATED],
    [0, { type: 'LoggingStarted' }],
    [stop, { type: 'LoggingStopped' }],
    [end + SETTLE_MS, TIME],
    [end + SETTLE_MS, delivered(end)],
    [DIGEST_MS, TIME],
  );
  assert.deepEqual(
    later.effects.map((effect) => effect.type === 'WriteDigest' && effect.files),
    [[FILE]],
  );
  const last = tell(
    [0, CREATED],
    [0, { type: 'LoggingStarted' }],
    [stop, { type: 'LoggingStopped' }],
    [end + SETTLE_MS, TIME],
    [end + SETTLE_MS, delivered(end)],
    [DIGEST_MS, TIME],
    [DIGEST_MS, { type: 'DigestDelivered', until: START + DIGEST_MS, fileCount: 1, link: LINK }],
  );
  assert.equal(last.state.digest, undefined);
  assert.equal(trailDecider.wakeAt?.(last.state), undefined);
});

test('digests are linked, and turning validation off ends the chain with one more', () => {
  const events = [
    [0, CREATED],
    [0, { type: 'LoggingStarted' }],
    [DIGEST_MS, TIME],
    [DIGEST_MS, { type: 'DigestDelivered', until: START + DIGEST_MS, fileCount: 0, link: LINK }],
  ] as const;
  const off = { ...SETTINGS, hasValidation: false };
  const { state, effects } = tell(...events, [DIGEST_MS + 5_000, { type: 'TrailChanged', settings: off }]);
  const digests = effects.filter((effect) => effect.type === 'WriteDigest');
  assert.deepEqual(
    digests.map(({ from, until, previous }) => ({ from: from - START, until: until - START, previous })),
    [{ from: DIGEST_MS, until: DIGEST_MS + 5_000, previous: LINK }],
  );
  assert.equal(state.digest?.isLast, true);
});

test('a trail that is there cannot be created, and one that is not there can do nothing else', () => {
  const again = trailDecider.decide(tell([0, CREATED]).state, { ...CREATED, at: START, chance: '0' });
  assert.deepEqual(again.reply, {
    fault: { code: 'TrailAlreadyExistsException', message: 'The trail main exists already.' },
  });
  const missing = trailDecider.decide(undefined, { type: 'LoggingStarted', at: START, chance: '0' });
  assert.deepEqual(missing.reply, {
    fault: { code: 'TrailNotFoundException', message: 'The trail does not exist.' },
  });
  const late = trailDecider.decide(undefined, { ...delivered(1), at: START, chance: '0' });
  assert.deepEqual(late, { state: undefined, effects: [] });
});

const anyPause = fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 2 * DELIVERY_MS }));
const anyEvent = fc.oneof(
  fc.constant<TrailEvent | EngineEvent>(TIME),
  fc.constant<TrailEvent>({ type: 'LoggingStarted' }),
  fc.constant<TrailEvent>({ type: 'LoggingStopped' }),
  fc
    .boolean()
    .map((hasValidation): TrailEvent => ({ type: 'TrailChanged', settings: { ...SETTINGS, hasValidation } })),
  fc.constant<TrailEvent>({ type: 'DeliveryRefused', message: 'no' }),
  fc.constant<TrailEvent>({ type: 'DigestRefused', message: 'no' }),
);

test('whatever happens, every moment of logging is delivered once, in order, and digests list every file once', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyPause, anyEvent), { maxLength: 40 }), (steps) => {
      let at = START;
      let state = tell([0, CREATED]).state;
      const spans: [number, number][] = [];
      const written: string[] = [];
      const listed: string[] = [];
      let pending: readonly TrailEffect[] = [];
      const send = (event: TrailEvent | EngineEvent) => {
        const decision = trailDecider.decide(state, { ...event, at, chance: '0' });
        assert.ok(decision.state);
        state = decision.state;
        pending = [...pending, ...decision.effects];
        assert.ok(pending.filter(({ type }) => type === 'DeliverLogs').length <= 1);
        assert.ok(pending.filter(({ type }) => type === 'WriteDigest').length <= 1);
      };
      const takePending = () => {
        const taken = pending;
        pending = [];
        return taken;
      };
      const finish = () => {
        for (const effect of takePending()) {
          if (effect.type === 'DeliverLogs') {
            spans.push([effect.from, effect.until]);
            const key = `file ${spans.length}`;
            if (state.digest) written.push(key);
            send({ type: 'LogsDelivered', until: effect.until, file: { ...FILE, key }, isMore: false });
          } else {
            listed.push(...effect.files.map(({ key }) => key));
            const { until, files } = effect;
            send({ type: 'DigestDelivered', until, fileCount: files.length, link: LINK });
          }
        }
      };
      for (const [later, event] of steps) {
        at += later;
        const isRefusal = event.type === 'DeliveryRefused' || event.type === 'DigestRefused';
        const refused = event.type === 'DeliveryRefused' ? 'DeliverLogs' : 'WriteDigest';
        if (isRefusal) pending = pending.filter(({ type }) => type !== refused);
        send(event);
        if (!isRefusal) finish();
      }
      send({ type: 'LoggingStopped' });
      for (let wakes = 0; wakes < 200; wakes++) {
        finish();
        const wake = trailDecider.wakeAt?.(state);
        // What was finished may have ordered more.
        if (pending.length > 0) continue;
        if (wake === undefined) break;
        at = Math.max(at, wake);
        send(TIME);
      }
      assert.equal(trailDecider.wakeAt?.(state), undefined, 'the end is silent');
      assert.deepEqual(state.spans, []);
      assert.deepEqual(listed, written);
      for (const [index, [from, until]] of spans.entries()) {
        assert.ok(from < until);
        assert.ok(index === 0 || (spans[index - 1]?.[1] ?? 0) <= from);
      }
    }),
    { numRuns: 300 },
  );
});
