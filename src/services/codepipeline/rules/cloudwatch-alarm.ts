/**
 * The CloudWatchAlarm rule: asks under the acting role for the value of an alarm. Before entry it is met as soon as the
 * value is good, and waits for that up to its wait time. After success it watches for the whole wait time, the time to
 * bake, and is not met at the first bad value. After failure it is met as soon as the value is bad, and waits for that.
 * AWS: "CloudWatchAlarm" rule reference.
 */

import type { EvaluateRule } from '#core/pipeline/orders.ts';
import type { Acting } from '#services/codepipeline/actions/action.ts';
import type { Rule, RuleOutcome } from './rule.ts';

const VALUES = ['OK', 'ALARM', 'INSUFFICIENT_DATA'];
const MINUTE_MS = 60_000;
const LOOK_MS = 10_000;

export const cloudWatchAlarm: Rule = {
  async evaluate(acting, order) {
    const { AlarmName = '', AlarmStates = 'ALARM', WaitTime = '0' } = order.configuration;
    const bad = AlarmStates.split(/[\s,[\]"]+/).filter((part) => part !== '');
    const unknown = bad.find((value) => !VALUES.includes(value));
    if (bad.length === 0 || unknown !== undefined) {
      return errored(`The alarm states ${AlarmStates} are not some of ${VALUES.join(', ')}`);
    }
    const value = await valueOf(acting, AlarmName);
    if (value === undefined) return errored(`There is no alarm with the name ${AlarmName}`);
    const summary = `The alarm ${AlarmName} is ${value}`;
    const waitsUntil = order.startedAt + Number(WaitTime) * MINUTE_MS;
    return decide(order, bad.includes(value), acting.house.clock.now(), waitsUntil, summary);
  },
};

function decide(
  { condition }: EvaluateRule,
  isBad: boolean,
  now: number,
  waitsUntil: number,
  summary: string,
): RuleOutcome {
  const isOver = now >= waitsUntil;
  const waiting: RuleOutcome = {
    type: 'RuleWaited',
    lookAgainAt: Math.min(now + LOOK_MS, Math.max(waitsUntil, now + 1)),
    summary,
  };
  switch (condition) {
    case 'beforeEntry':
      if (!isBad) return { type: 'RuleMet', summary };
      return isOver ? { type: 'RuleUnmet', summary } : waiting;
    case 'onSuccess':
      if (isBad) return { type: 'RuleUnmet', summary };
      return isOver ? { type: 'RuleMet', summary } : waiting;
    case 'onFailure':
      if (isBad) return { type: 'RuleMet', summary };
      return isOver ? { type: 'RuleUnmet', summary } : waiting;
  }
}

async function valueOf({ caller }: Acting, name: string): Promise<string | undefined> {
  const { MetricAlarms = [], CompositeAlarms = [] } = await caller.send('cloudwatch:DescribeAlarms', {
    AlarmNames: [name],
    AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
  });
  return [...MetricAlarms, ...CompositeAlarms].find((alarm) => alarm.AlarmName === name)?.StateValue;
}

function errored(message: string): RuleOutcome {
  return { type: 'RuleErrored', code: 'ConfigurationError', message };
}
