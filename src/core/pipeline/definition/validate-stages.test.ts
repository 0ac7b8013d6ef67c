/** The rules of conditions: where they may stand, what they may lead to, and the rules that they are made of. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approvalAction, buildAction, pipeline, sourceAction } from '#core/pipeline/decide-fixture.ts';
import type { GivenDeclaration, GivenRule, GivenStage } from './declaration-given.ts';
import type { ConditionResult } from './declaration.ts';
import { faultOf, source } from './validate-fixture.ts';

function rule(provider: string, rest: Partial<GivenRule> = {}): GivenRule {
  return { name: 'R', ruleTypeId: { category: 'Rule', provider }, ...rest };
}

const window = rule('DeploymentWindow', { configuration: { Cron: '0 0 9-17 ? * MON-FRI *' } });
const check = rule('VariableCheck', {
  configuration: { Variable: '#{SourceVariables.BranchName}', Value: 'main', Operator: 'EQ' },
});
const commands = rule('Commands', { commands: ['make check'] });

function condition(rules: readonly GivenRule[], result?: ConditionResult) {
  return { conditions: [{ rules, ...(result ? { result } : {}) }] };
}

const stage = (rest: Partial<GivenStage>): GivenDeclaration =>
  pipeline(source, { name: 'S2', actions: [approvalAction('Ask')], ...rest });
const sourceStage = (rest: Partial<GivenStage>): GivenDeclaration =>
  pipeline({ ...source, ...rest }, { name: 'S2', actions: [approvalAction('Ask')] });
const entry = (...rules: GivenRule[]) => stage({ beforeEntry: condition(rules) });

const CODE = 'InvalidStageDeclarationException';
const R = 'stages/1/beforeEntry/conditions/0/rules/0';
const unavailable = (provider: string, region = 'US_EAST_1') =>
  `${CODE}: RuleType (Category: 'Rule', Provider: '${provider}', Owner: 'AWS', Version: '1') in rule 'R' is not ` +
  `available in region ${region}`;

const table: readonly (readonly [string, GivenDeclaration, string | undefined])[] = [
  ['an entry condition without a result fails the stage', entry(window), undefined],
  ['an entry condition may skip', stage({ beforeEntry: condition([check], 'SKIP') }), undefined],
  ['a success condition may roll back', stage({ onSuccess: condition([window], 'ROLLBACK') }), undefined],
  ['a failure condition may roll back', stage({ onFailure: condition([window], 'ROLLBACK') }), undefined],
  ['a failure may roll back at once', stage({ onFailure: { result: 'ROLLBACK' } }), undefined],
  [
    'a failure may be retried',
    stage({ onFailure: { result: 'RETRY', retryConfiguration: { retryMode: 'ALL_ACTIONS' } } }),
    undefined,
  ],
  [
    'an entry condition does not roll back',
    stage({ beforeEntry: condition([window], 'ROLLBACK') }),
    `stages/1/beforeEntry/conditions/0/result: ${CODE}: The result ROLLBACK of stage S2 is not one of beforeEntry: choose FAIL or SKIP`,
  ],
  [
    'a success condition does not skip',
    stage({ onSuccess: condition([check], 'SKIP') }),
    `stages/1/onSuccess/conditions/0/result: ${CODE}: The result SKIP of stage S2 is not one of onSuccess: choose FAIL or ROLLBACK`,
  ],
  [
    'a success condition does not retry',
    stage({ onSuccess: condition([check], 'RETRY') }),
    `stages/1/onSuccess/conditions/0/result: ${CODE}: The result RETRY of stage S2 is not one of onSuccess: choose FAIL or ROLLBACK`,
  ],
  [
    'a failure does not skip',
    stage({ onFailure: { result: 'SKIP' } }),
    `stages/1/onFailure/result: ${CODE}: The result SKIP of stage S2 is not one of onFailure: choose FAIL or ROLLBACK or RETRY`,
  ],
  [
    'only two kinds of rule may skip',
    stage({ beforeEntry: condition([window], 'SKIP') }),
    `${R}/ruleTypeId/provider: ${CODE}: Rule R cannot be used with the result SKIP: only LambdaInvoke and VariableCheck can`,
  ],
  [
    'a retry configuration needs a retry',
    stage({ onFailure: { result: 'FAIL', retryConfiguration: { retryMode: 'ALL_ACTIONS' } } }),
    `stages/1/onFailure/retryConfiguration: ${CODE}: The retry configuration of stage S2 needs the result RETRY`,
  ],
  [
    'a retry has no conditions',
    stage({ onFailure: { result: 'RETRY', ...condition([check]) } }),
    `stages/1/onFailure/conditions: ${CODE}: The result RETRY of stage S2 cannot be combined with failure conditions`,
  ],
  [
    'a failure condition does not retry either',
    stage({ onFailure: condition([check], 'RETRY') }),
    `stages/1/onFailure/conditions: ${CODE}: The result RETRY of stage S2 cannot be combined with failure conditions`,
  ],
  [
    'the source stage is not rolled back after a failure',
    sourceStage({ onFailure: { result: 'ROLLBACK' } }),
    `stages/0/onFailure/result: ${CODE}: The source stage S1 cannot be rolled back`,
  ],
  [
    'the source stage is not rolled back by a condition',
    sourceStage({ onSuccess: condition([window], 'ROLLBACK') }),
    `stages/0/onSuccess/conditions/0/result: ${CODE}: The source stage S1 cannot be rolled back`,
  ],
  [
    'the source stage has no entry condition',
    sourceStage({ beforeEntry: condition([window]) }),
    `stages/0/beforeEntry: ${CODE}: The source stage S1 cannot have entry conditions`,
  ],
  [
    'a condition has a rule',
    stage({ beforeEntry: { conditions: [{}] } }),
    `stages/1/beforeEntry/conditions/0: ${CODE}: The condition beforeEntry of stage S2 must have at least one rule`,
  ],
  [
    'rules of a condition have names of their own',
    entry(window, check),
    `stages/1/beforeEntry/conditions/0/rules/1/name: ${CODE}: Rule names must be unique within the condition beforeEntry of stage S2`,
  ],
  ['a rule type exists', entry(rule('Weather')), `${R}/ruleTypeId: ${unavailable('Weather')}`],
  [
    'a rule is evaluated in the region of the house',
    {
      ...entry({ ...window, region: 'eu-west-1' }),
      artifactStore: undefined as never,
      artifactStores: {
        'us-east-1': { type: 'S3', location: 'here' },
        'eu-west-1': { type: 'S3', location: 'there' },
      },
    },
    `${R}/region: ${unavailable('DeploymentWindow', 'EU_WEST_1')}`,
  ],
  [
    'a rule is given what it requires',
    entry(rule('CloudWatchAlarm')),
    `${R}/configuration: ${CODE}: Rule configuration for rule 'R' is missing required configuration 'AlarmName'`,
  ],
  [
    'a rule is given nothing else',
    entry(rule('CloudWatchAlarm', { configuration: { AlarmName: 'a', Color: 'red' } })),
    `${R}/configuration/Color: ${CODE}: Rule configuration for rule 'R' contains unknown configuration 'Color'`,
  ],
  [
    'a rule is given values of the right type',
    entry(rule('VariableCheck', { configuration: { Variable: 'a', Value: 'b', Operator: 'LIKE' } })),
    `${R}/configuration/Operator: ${CODE}: Rule configuration for rule 'R' has an invalid value for 'Operator': only EQ, NE, CONTAINS, MATCHES is available`,
  ],
  ['a Commands rule has commands', entry(commands), undefined],
  [
    'a Commands rule needs commands',
    entry(rule('Commands')),
    `${R}: ${CODE}: Rule R must have a non-empty commands field`,
  ],
  [
    'commands of a rule are lines',
    entry({ ...commands, commands: ['a\r\nb'] }),
    `${R}/commands/0: ${CODE}: Rule R has a line break in a command. Each command must be one line`,
  ],
  [
    'other rules have no commands',
    entry({ ...window, commands: ['ls'] }),
    `${R}: ${CODE}: The following rule cannot contain a commands field: R. To use the commands field, use a Commands rule.`,
  ],
  [
    'a rule takes as many artifacts as its type says',
    entry({ ...window, inputArtifacts: [{ name: 'SourceOutput' }] }),
    `${R}: ${CODE}: Rule R declares 1 input artifacts which is more than the maximum count (0)`,
  ],
  [
    'A18: several inputs of a CodeBuild rule need a primary source',
    pipeline(
      { name: 'S1', actions: [sourceAction(), sourceAction('Other')] },
      {
        name: 'S2',
        actions: [approvalAction('Ask')],
        beforeEntry: condition([
          rule('CodeBuild', {
            configuration: { ProjectName: 'p', PrimarySource: 'Elsewhere' },
            inputArtifacts: [{ name: 'SourceOutput' }, { name: 'OtherOutput' }],
          }),
        ]),
      },
    ),
    `${R}/configuration/PrimarySource: ${CODE}: Rule configuration for rule 'R' must name one of its input artifacts as PrimarySource, because it has more than one`,
  ],
  [
    'an artifact of the stage does not exist before its entry',
    pipeline(source, {
      name: 'S2',
      actions: [buildAction('Build')],
      beforeEntry: condition([{ ...commands, inputArtifacts: [{ name: 'BuildOutput' }] }]),
    }),
    `${R}/inputArtifacts/0/name: ${CODE}: Input Artifact Bundle BuildOutput in rule R is not declared as Output Artifact Bundle in any of the preceding actions`,
  ],
  [
    'an artifact of the stage exists after its success',
    pipeline(source, {
      name: 'S2',
      actions: [buildAction('Build')],
      onSuccess: condition([{ ...commands, inputArtifacts: [{ name: 'BuildOutput' }] }]),
    }),
    undefined,
  ],
];

for (const [name, given, expected] of table) test(name, () => assert.equal(faultOf(given), expected));
