/** The catalogue of rules, which conditions of stages are made of. AWS: "Rule structure reference". */

import type { ActionProperty, RuleType, RuleTypeId } from './catalogue-type.ts';
import { between, BOOLEAN, exactly, JSON_TEXT, NUMBER, oneOf, optional, required } from './catalogue-type.ts';

export const RULE_TYPES: readonly RuleType[] = [
  rule('CloudWatchAlarm', [
    required('AlarmName'),
    optional('AlarmStates'),
    optional('WaitTime', { ...NUMBER, bounds: between(0, 1440) }),
  ]),
  {
    ...rule('LambdaInvoke', [required('FunctionName'), optional('UserParameters')]),
    inputs: between(0, 5),
    isForSkip: true,
  },
  {
    ...rule('VariableCheck', [
      required('Variable'),
      required('Value'),
      required('Operator', oneOf('EQ', 'NE', 'CONTAINS', 'MATCHES')),
    ]),
    isForSkip: true,
  },
  rule('DeploymentWindow', [required('Cron'), optional('TimeZone')]),
  {
    ...rule('CodeBuild', [
      required('ProjectName'),
      optional('PrimarySource'),
      optional('BatchEnabled', BOOLEAN),
      optional('CombineArtifacts', BOOLEAN),
      optional('EnvironmentVariables', JSON_TEXT),
    ]),
    inputs: between(1, 5),
  },
  { ...rule('Commands', []), inputs: between(0, 10), hasCommands: true },
];

export function ruleTypeOf(id: RuleTypeId): RuleType | undefined {
  return RULE_TYPES.find(
    (type) =>
      type.id.category === id.category &&
      type.id.owner === id.owner &&
      type.id.provider === id.provider &&
      type.id.version === id.version,
  );
}

function rule(provider: string, properties: readonly ActionProperty[]): RuleType {
  return {
    id: { category: 'Rule', owner: 'AWS', provider, version: '1' },
    properties,
    inputs: exactly(0),
  };
}
