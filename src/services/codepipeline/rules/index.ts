/** The rules of conditions by provider. A provider whose service this house lacks cannot be evaluated, and says so. */

import type { EvaluateRule } from '#core/pipeline/orders.ts';
import { codebuild } from '#services/codepipeline/actions/codebuild.ts';
import { commands } from '#services/codepipeline/actions/commands.ts';
import { ruleOfAction } from './action-rule.ts';
import { cloudWatchAlarm } from './cloudwatch-alarm.ts';
import { deploymentWindow } from './deployment-window.ts';
import type { Rule } from './rule.ts';
import { variableCheck } from './variable-check.ts';

const RULES: Readonly<Record<string, Rule>> = {
  CloudWatchAlarm: cloudWatchAlarm,
  CodeBuild: ruleOfAction(codebuild),
  Commands: ruleOfAction(commands),
  DeploymentWindow: deploymentWindow,
  VariableCheck: variableCheck,
};

export function ruleOf({ provider }: EvaluateRule['ruleType']): Rule {
  return RULES[provider] ?? unavailable(provider);
}

function unavailable(provider: string): Rule {
  const message = `This Slipway cannot evaluate rules of ${provider} yet`;
  return { evaluate: () => Promise.resolve({ type: 'RuleErrored', code: 'ConfigurationError', message }) };
}
