/** Rules of composite alarms: what they say, what is refused, and what follows from the values of the children. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { alarmsOfRule, evaluateRule, isRuleMet, parseAlarmRule, type AlarmRule } from './rule.ts';
import type { AlarmValue } from './state.ts';

const parsed = (text: string): AlarmRule => {
  const rule = parseAlarmRule(text);
  assert.ok('type' in rule, `${text}: ${JSON.stringify(rule)}`);
  return rule;
};

test('rules of composite alarms are read as AWS writes them', () => {
  const values = new Map<string, AlarmValue>([
    ['hot', 'ALARM'],
    ['cold one', 'OK'],
    ['quo"te', 'INSUFFICIENT_DATA'],
  ]);
  const rows: readonly (readonly [string, boolean])[] = [
    ['ALARM("hot")', true],
    ['ALARM(hot)', true],
    ['ALARM(  hot  )', true],
    ['alarm( hot ) and ok(cold one)', true],
    ['ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:hot)', true],
    ['ALARM("arn:aws:cloudwatch:us-east-1:123456789012:alarm:cold one")', false],
    ['NOT ALARM("hot") OR OK("cold one")', true],
    ['NOT (ALARM("hot") OR OK("cold one"))', false],
    ['TRUE AND FALSE OR TRUE', true],
    ['INSUFFICIENT_DATA("quo\\"te")', true],
    ['(ALARM(hot) AND OK("cold one")) AND NOT INSUFFICIENT_DATA(hot)', true],
    ['OK(nobody) OR ALARM(nobody) OR INSUFFICIENT_DATA(nobody)', false],
  ];
  for (const [text, expected] of rows) assert.equal(isRuleMet(parsed(text), values), expected, text);
  assert.deepEqual(alarmsOfRule(parsed('ALARM(a) AND (OK(b) OR NOT ALARM(a))')), ['a', 'b']);
});

test('what is no rule is refused, with the place', () => {
  for (const text of [
    '',
    'ALARM',
    'ALARM(',
    'ALARM()',
    'ALARM(a',
    'ALARM(a) OK(b)',
    'AND',
    'TRUE AND',
    '(TRUE',
  ]) {
    assert.ok('error' in parseAlarmRule(text), text);
  }
  assert.ok('error' in parseAlarmRule(`ALARM(a${' '.repeat(10_000)}`));
  assert.ok('error' in parseAlarmRule('ALARM(   )'));
  assert.deepEqual(parseAlarmRule('TRUE x'), { error: "unexpected text at 'x'" });
  assert.ok('error' in parseAlarmRule('NOT '.repeat(60) + 'TRUE'));
  assert.ok('error' in parseAlarmRule(Array(101).fill('OK(a)').join(' OR ')));
  const part = fc.constantFrom('ALARM', 'OK', '(', ')', '"', 'a', ' ', 'NOT', 'AND', 'TRUE', '\\');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      parseAlarmRule(parts.join(''));
    }),
  );
});

test('a composite alarm names the child that changed last', () => {
  const child = (name: string, value: AlarmValue, since: number) => ({
    arn: `arn:${name}`,
    name,
    value,
    since,
  });
  const rule = parsed('ALARM(a) AND ALARM(b)');
  const children = [child('a', 'ALARM', 2000), child('b', 'ALARM', 1000)];
  const verdict = evaluateRule(rule, children, 'OK');
  assert.equal(verdict?.value, 'ALARM');
  assert.match(verdict?.reason ?? '', /^arn:a transitioned to ALARM at /);
  assert.equal(evaluateRule(rule, children, 'ALARM'), undefined);
});
