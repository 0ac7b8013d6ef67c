/** What becomes of alarms: changes, actions, deletion; and what history, bus and topics read of it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EngineEvent } from '#base/decider.ts';
import { createMetric } from '#core/metric/metric.ts';
import { eventDetail, messageSubject, messageText } from './announcement.ts';
import { alarmDecider, REMEMBERED_MS } from './decide.ts';
import { historyOf } from './history.ts';
import type { AlarmEffect, AlarmEvent, AlarmSettings, AlarmState, AlarmValue } from './state.ts';

const CHANCE = '80000000000000000000000000000000';
const TOPIC = 'arn:aws:sns:us-east-1:123456789012:t';
const settings: AlarmSettings = {
  type: 'metric',
  description: 'too hot',
  actionsEnabled: true,
  actions: { OK: [], ALARM: [TOPIC, TOPIC], INSUFFICIENT_DATA: [] },
  stat: {
    metric: createMetric('n', 'm', [{ name: 'd', value: 'v' }]),
    periodSeconds: 60,
    statistic: 'Average',
  },
  periodSeconds: 60,
  evaluationPeriods: 1,
  threshold: 50,
  comparison: 'GreaterThanThreshold',
};
const put: AlarmEvent = { type: 'AlarmPut', name: 'a', settings };
const setTo = (value: AlarmValue): AlarmEvent => ({
  type: 'ValueSet',
  verdict: { value, reason: 'because' },
});

function run(events: readonly (readonly [AlarmEvent | EngineEvent, number])[]) {
  let state: AlarmState | undefined;
  let effects: readonly AlarmEffect[] = [];
  for (const [event, at] of events) {
    ({ state, effects } = alarmDecider.decide(state, { ...event, at, chance: CHANCE }));
  }
  return { state, effects };
}

test('a new alarm knows nothing, and its first value is announced and acts once for each topic', () => {
  const { state } = run([[put, 1]]);
  assert.deepEqual(state?.verdict, {
    value: 'INSUFFICIENT_DATA',
    reason: 'Unchecked: Initial alarm creation',
  });
  const raised = run([
    [put, 1],
    [setTo('ALARM'), 2],
  ]);
  assert.deepEqual(
    raised.effects.map((effect) => effect.type),
    ['Announce', 'TakeAction'],
  );
  assert.equal(raised.state?.transitionedAt, 2);
});

test('the same value again is only written, and evaluations of it or of older settings are nothing', () => {
  const again = run([
    [put, 1],
    [setTo('ALARM'), 2],
    [setTo('ALARM'), 3],
  ]);
  assert.deepEqual([again.effects, again.state?.updatedAt, again.state?.transitionedAt], [[], 3, 2]);
  const stale = run([
    [put, 1],
    [put, 5],
    [{ type: 'Evaluated', verdict: { value: 'OK', reason: 'x' }, configuredAt: 1 }, 6],
  ]);
  assert.equal(stale.state?.verdict.value, 'INSUFFICIENT_DATA');
  const fresh = run([
    [put, 1],
    [put, 5],
    [{ type: 'Evaluated', verdict: { value: 'OK', reason: 'x' }, configuredAt: 5 }, 6],
  ]);
  assert.equal(fresh.state?.verdict.value, 'OK');
});

test('without enabled actions a change is announced and nothing else', () => {
  const { effects } = run([
    [put, 1],
    [{ type: 'ActionsSwitched', enabled: false }, 2],
    [setTo('ALARM'), 3],
  ]);
  assert.deepEqual(
    effects.map((effect) => effect.type),
    ['Announce'],
  );
});

test('an announcement is never given up, an action is', () => {
  const { state, effects } = run([
    [put, 1],
    [setTo('ALARM'), 2],
  ]);
  for (const effect of effects) {
    const event = {
      type: 'EffectFailed',
      effectType: effect.type,
      effect,
      message: 'm',
      at: 3,
      chance: CHANCE,
    } as const;
    const after = alarmDecider.decide(state, event);
    assert.deepEqual(after.effects, effect.type === 'Announce' ? [effect] : []);
  }
});

test('a deleted alarm is silent, then forgotten, and its name can begin anew', () => {
  const deleted: readonly (readonly [AlarmEvent | EngineEvent, number])[] = [
    [put, 1],
    [setTo('ALARM'), 2],
    [{ type: 'AlarmDeleted' }, 3],
  ];
  assert.deepEqual(run([...deleted, [setTo('OK'), 4]]).effects, []);
  const forgotten = run([...deleted, [{ type: 'TimePassed' }, 3 + REMEMBERED_MS]]);
  assert.deepEqual(forgotten.effects, [{ type: 'Forget' }]);
  const again = run([...deleted, [put, 9]]);
  assert.equal(again.state?.verdict.value, 'INSUFFICIENT_DATA');
  assert.equal(again.state && alarmDecider.wakeAt(again.state), undefined);
});

test('an alarm does not become one of the other type', () => {
  const { state } = run([[put, 1]]);
  const composite: AlarmSettings = {
    type: 'composite',
    rule: 'TRUE',
    actionsEnabled: true,
    actions: settings.actions,
  };
  const event = { type: 'AlarmPut', name: 'a', settings: composite, at: 2, chance: CHANCE } as const;
  const { reply } = alarmDecider.decide(state, event);
  assert.equal(reply && 'fault' in reply && reply.fault.code, 'ValidationException');
});

test('whatever comes in whatever order: nothing throws, and every change of the value is announced once', () => {
  const value = fc.constantFrom<AlarmValue>('OK', 'ALARM', 'INSUFFICIENT_DATA');
  const event: fc.Arbitrary<AlarmEvent | EngineEvent> = fc.oneof(
    fc.constant(put),
    value.map(setTo),
    fc.tuple(value, fc.nat({ max: 20 })).map(([each, configuredAt]) => ({
      type: 'Evaluated' as const,
      verdict: { value: each, reason: 'r' },
      configuredAt,
    })),
    fc.boolean().map((enabled) => ({ type: 'ActionsSwitched' as const, enabled })),
    fc.constant({ type: 'ActionEnded', arn: TOPIC } as const),
    fc.constant({ type: 'AlarmDeleted' } as const),
    fc.constant({ type: 'TimePassed' } as const),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      let state: AlarmState | undefined;
      const sequences = new Set<number>();
      for (const [at, each] of events.entries()) {
        const before = state;
        const decided = alarmDecider.decide(state, { ...each, at, chance: CHANCE });
        state = decided.state;
        const announced = decided.effects.flatMap((effect) => (effect.type === 'Announce' ? [effect] : []));
        const isChange =
          before !== undefined &&
          before.deletedAt === undefined &&
          before.verdict.value !== state?.verdict.value;
        assert.equal(announced.length, isChange ? 1 : 0);
        for (const { change } of announced) {
          assert.ok(!sequences.has(change.sequence));
          sequences.add(change.sequence);
          JSON.parse(messageText(change, { account: '1', region: 'r', arn: 'a' }));
        }
        if (state) {
          for (const item of historyOf(before, state, each)) JSON.parse(item.data);
        }
      }
    }),
  );
});

test('the event and the message have the members of AWS', () => {
  const { effects } = run([
    [put, Date.UTC(2019, 9, 1)],
    [setTo('ALARM'), Date.UTC(2019, 9, 2)],
  ]);
  const [announce] = effects;
  assert.ok(announce?.type === 'Announce');
  const detail = eventDetail(announce.change);
  const { id, ...query } = (detail['configuration'] as { metrics: { id: string }[] }).metrics[0] ?? {
    id: '',
  };
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.deepEqual(query, {
    metricStat: {
      metric: { namespace: 'n', name: 'm', dimensions: { d: 'v' } },
      period: 60,
      stat: 'Average',
    },
    returnData: true,
  });
  assert.deepEqual(detail['state'], {
    value: 'ALARM',
    reason: 'because',
    timestamp: '2019-10-02T00:00:00.000+0000',
  });
  const home = { account: '123456789012', region: 'us-east-1', arn: 'arn:a' };
  assert.equal(messageSubject(announce.change, home), 'ALARM: "a" in us-east-1');
  const message = JSON.parse(messageText(announce.change, home)) as Record<string, unknown>;
  assert.deepEqual(message['Trigger'], {
    MetricName: 'm',
    Namespace: 'n',
    StatisticType: 'Statistic',
    Statistic: 'AVERAGE',
    Unit: null,
    Dimensions: [{ value: 'v', name: 'd' }],
    Period: 60,
    EvaluationPeriods: 1,
    ComparisonOperator: 'GreaterThanThreshold',
    Threshold: 50,
    TreatMissingData: 'missing',
    EvaluateLowSampleCountPercentile: '',
  });
});
