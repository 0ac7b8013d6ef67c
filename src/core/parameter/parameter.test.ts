/** Names, policies, filters and the life of a parameter. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EngineEvent } from '#base/decider.ts';
import { parameterDecider } from './decide.ts';
import { readFilters, type Filtered } from './filter.ts';
import { isBelow, nameFault, parameterResource, parseReference } from './name.ts';
import { isPolicyFault, readPolicies, renewPolicies } from './policy.ts';
import type { ParameterEffect, ParameterEvent, ParameterState } from './state.ts';

const PREFIX = 'arn:aws:ssm:us-east-1:123456789012:parameter/';
const HOUR_MS = 3_600_000;
const words = fc.stringMatching(/^[A-Za-z0-9_.-]{1,8}$/).filter((word) => !/^(?:aws|ssm)/i.test(word));

test('a name, its ARN and both with selectors mean the same parameter', () => {
  fc.assert(
    fc.property(fc.array(words, { minLength: 1, maxLength: 5 }), fc.boolean(), (parts, isPath) => {
      const name = isPath || parts.length > 1 ? `/${parts.join('/')}` : parts.join('');
      fc.pre(!/^\/?(?:aws|ssm)/i.test(name));
      const arn = PREFIX + parameterResource(name).slice('parameter/'.length);
      assert.equal(nameFault(name, arn.length), undefined);
      for (const text of [name, arn]) {
        assert.ok(parseReference(text, PREFIX)?.names.includes(name), text);
        assert.equal(parseReference(`${text}:12`, PREFIX)?.version, 12);
        assert.equal(parseReference(`${text}:live`, PREFIX)?.label, 'live');
      }
    }),
  );
});

test('what means no parameter of this account is no reference', () => {
  const foreign = 'arn:aws:ssm:us-east-1:999999999999:parameter/a';
  for (const text of ['', ':1', 'a:b:c', 'a:', 'a:0', 'a:1x', foreign, 'arn:aws:s3:::a']) {
    assert.equal(parseReference(text, PREFIX), undefined, text);
  }
});

test('a path holds what is below it, and not its neighbours', () => {
  assert.ok(isBelow('/a/b', '/a', false));
  assert.ok(isBelow('/a/b/c', '/a/', true));
  assert.ok(!isBelow('/a/b/c', '/a', false));
  assert.ok(!isBelow('/ab', '/a', true));
  assert.ok(!isBelow('/a', '/a', true));
  assert.ok(isBelow('plain', '/', false));
});

const policy = (Type: string, Attributes: object) => ({ Type, Version: '1.0', Attributes });

test('policies are read with the times at which they act', () => {
  const text = JSON.stringify([
    policy('Expiration', { Timestamp: new Date(10 * HOUR_MS).toISOString() }),
    policy('ExpirationNotification', { Before: '2', Unit: 'Hours' }),
    policy('NoChangeNotification', { After: 1, Unit: 'Days' }),
  ]);
  const read = readPolicies(text, 1000);
  assert.ok(!isPolicyFault(read));
  assert.deepEqual(
    read.map(({ type, dueAt }) => [type, dueAt]),
    [
      ['Expiration', 10 * HOUR_MS],
      ['ExpirationNotification', 8 * HOUR_MS],
      ['NoChangeNotification', 24 * HOUR_MS + 1000],
    ],
  );
  assert.deepEqual(
    renewPolicies(read, 2000).map(({ dueAt }) => dueAt),
    [10 * HOUR_MS, 8 * HOUR_MS, 24 * HOUR_MS + 2000],
  );
  assert.deepEqual([readPolicies('[]', 0), readPolicies('[{}]', 0)], [[], []]);
});

test('policies that mean nothing are refused by name', () => {
  const code = (text: unknown, now = 0) => {
    const read = readPolicies(typeof text === 'string' ? text : JSON.stringify(text), now);
    return isPolicyFault(read) ? read.code : 'none';
  };
  const attribute = 'InvalidPolicyAttributeException';
  const expiration = policy('Expiration', { Timestamp: '1970-01-01T01:00:00Z' });
  assert.equal(code('{'), attribute);
  assert.equal(code([1]), attribute);
  assert.equal(code([{ ...expiration, Version: '2' }]), attribute);
  assert.equal(code([expiration], HOUR_MS), attribute);
  assert.equal(code([expiration, expiration]), attribute);
  assert.equal(code([policy('Expiration', { Timestamp: 'soon' })]), attribute);
  assert.equal(code([policy('ExpirationNotification', { Before: '1', Unit: 'Days' })]), attribute);
  assert.equal(code([policy('NoChangeNotification', { After: '-1', Unit: 'Days' })]), attribute);
  assert.equal(code([policy('NoChangeNotification', { After: '1', Unit: 'Years' })]), attribute);
  assert.equal(code([policy('Other', {})]), 'InvalidPolicyTypeException');
  assert.equal(code(Array.from({ length: 11 }, () => ({}))), 'PoliciesLimitExceededException');
  fc.assert(fc.property(fc.json(), (text) => void readPolicies(text, 0)));
});

test('filters look at what they name, and all must hold', () => {
  const parameter: Filtered = {
    name: '/a/b',
    type: 'String',
    keyId: undefined,
    tier: 'Standard',
    dataType: 'text',
    tags: { team: 'shop' },
  };
  const fits = (...inputs: Parameters<typeof readFilters>[0]) =>
    readFilters(inputs, ['Name', 'Path', 'Type', 'KeyId', 'Tier', 'DataType', 'tag']).fits(parameter);
  assert.ok(fits());
  assert.ok(fits({ Key: 'Name', Values: ['x', '/a/b'] }, { Key: 'tag:team', Values: [] }));
  assert.ok(fits({ Key: 'Path', Option: 'Recursive', Values: ['/'] }));
  assert.ok(!fits({ Key: 'Path', Values: ['/'] }));
  assert.ok(!fits({ Key: 'KeyId', Option: 'BeginsWith', Values: [''] }));
  assert.ok(!fits({ Key: 'tag:constructor', Values: [] }));
  assert.throws(() => fits({ Key: 'Path', Values: ['a'] }), { code: 'InvalidFilterValue' });
  assert.throws(() => fits({ Key: 'Name', Values: ['a'] }, { Key: 'Name', Values: ['b'] }), {
    code: 'InvalidFilterKey',
  });
});

type Event = ParameterEvent | EngineEvent;

const put = (...dueAts: number[]): Event => ({
  type: 'ParameterPut',
  name: '/p',
  parameterType: 'String',
  description: '',
  policies: dueAts.map((dueAt, i) => ({
    type: i === 0 ? 'Expiration' : 'NoChangeNotification',
    text: '{}',
    dueAt,
  })),
});

function run(events: readonly (readonly [Event, number])[]) {
  let state: ParameterState | undefined;
  const all: ParameterEffect[] = [];
  for (const [event, at] of events) {
    const chance = at.toString(16).padStart(32, '0');
    const decision = parameterDecider.decide(state, { ...event, at, chance });
    state = decision.state;
    all.push(...decision.effects);
  }
  return { state, told: all.map((effect) => ('operation' in effect ? effect.operation : effect.type)) };
}

test('a parameter tells of its changes, ends at its expiration, and is forgotten when all is told', () => {
  const { state, told } = run([
    [put(100, 50), 1],
    [put(100, 50), 2],
    [{ type: 'VersionLabelled' }, 3],
    [{ type: 'TimePassed' }, 60],
    [{ type: 'TimePassed' }, 99],
    [{ type: 'TimePassed' }, 100],
    ...Array.from({ length: 6 }, (): [Event, number] => [{ type: 'Announced' }, 101]),
  ]);
  assert.deepEqual(told, [
    ...['Create', 'Update', 'LabelParameterVersion', 'AnnouncePolicy', 'AnnouncePolicy', 'Delete', 'Forget'],
  ]);
  assert.deepEqual([state?.status, state?.pending], ['Gone', 0]);
  const late = parameterDecider.decide(state, { ...put(), at: 102, chance: '0' } as never);
  assert.ok(late.reply && 'fault' in late.reply && late.reply.fault.code === 'TooManyUpdates');
});

test('whatever comes in whatever order, nothing is told after the end but what was ordered before it', () => {
  const events = fc.array(
    fc.constantFrom<Event>(
      put(),
      put(500),
      { type: 'VersionLabelled' },
      { type: 'ParameterDeleted' },
      { type: 'Announced' },
      { type: 'TimePassed' },
      { type: 'EffectFailed', effectType: 'AnnounceChange', effect: {}, message: '' },
    ),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(events, (list) => {
      const { state, told } = run(list.map((event, at) => [event, at * 50 + 1]));
      assert.ok((state?.pending ?? 0) >= 0);
      assert.ok(told.filter((each) => each === 'Delete').length <= 1);
      assert.ok(told.filter((each) => each === 'Forget').length <= 1);
      const end = told.indexOf('Delete');
      if (end >= 0) assert.ok(told.slice(end + 1).every((each) => each === 'Forget'));
    }),
  );
});
