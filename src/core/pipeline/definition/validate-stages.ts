/** The rules of one stage and of its conditions. AWS: "Stage requirements", "Configure conditions for a stage". */

import { ruleTypeOf } from './catalogue-rules.ts';
import type { DeclarationFault, Path } from './declaration-fault.ts';
import { faultsOf, repeated } from './declaration-fault.ts';
import type {
  ConditionDeclaration,
  ConditionKind,
  ConditionResult,
  FailureDeclaration,
  StageDeclaration,
} from './declaration.ts';
import { CONDITION_KINDS } from './declaration.ts';
import type { Circumstances } from './validate-circumstances.ts';
import { ruleFaults } from './validate-rules.ts';

/** What a condition of each kind may lead to. */
const RESULTS: Readonly<Record<ConditionKind, readonly ConditionResult[]>> = {
  beforeEntry: ['FAIL', 'SKIP'],
  onSuccess: ['FAIL', 'ROLLBACK'],
  onFailure: ['FAIL', 'ROLLBACK', 'RETRY'],
};

export function stageFaults(
  stage: StageDeclaration,
  index: number,
  circumstances: Circumstances,
): readonly DeclarationFault[] {
  const path: Path = ['stages', index];
  const { faults, say } = faultsOf('InvalidStageDeclarationException');
  if ((stage.blockers?.length ?? 0) > 0) {
    faults.push({
      code: 'InvalidBlockerDeclarationException',
      message: 'Reserved for future use',
      path: [...path, 'blockers'],
    });
  }
  if (stage.actions.length === 0) {
    say([...path, 'actions'], `Stage ${stage.name} must contain at least one action`);
  }
  for (const at of repeated(stage.actions.map((action) => action.name))) {
    say([...path, 'actions', at, 'name'], `Action names must be unique within stage ${stage.name}`);
  }
  if (stage.beforeEntry && index === 0) {
    say([...path, 'beforeEntry'], `The source stage ${stage.name} cannot have entry conditions`);
  }
  if (stage.onFailure) {
    for (const [below, message] of failureMessages(stage.name, stage.onFailure)) {
      say([...path, 'onFailure', ...below], message);
    }
  }
  for (const kind of CONDITION_KINDS) {
    const conditions = stage[kind]?.conditions ?? [];
    faults.push(
      ...conditions.flatMap((condition, at) =>
        conditionFaults(stage, index, kind, condition, [...path, kind, 'conditions', at], circumstances),
      ),
    );
    if (kind !== 'onFailure') continue;
    for (const [below, message] of resultMessages(stage.name, index, kind, stage.onFailure?.result)) {
      say([...path, kind, ...below], message);
    }
  }
  return faults;
}

type Message = readonly [Path, string];

function failureMessages(stage: string, failure: FailureDeclaration): readonly Message[] {
  const { result, retryConfiguration, conditions = [] } = failure;
  const isRetry = result === 'RETRY' || conditions.some((condition) => condition.result === 'RETRY');
  const messages: Message[] = [];
  if (retryConfiguration && !isRetry) {
    messages.push([
      ['retryConfiguration'],
      `The retry configuration of stage ${stage} needs the result RETRY`,
    ]);
  }
  if (isRetry && conditions.length > 0) {
    messages.push([
      ['conditions'],
      `The result RETRY of stage ${stage} cannot be combined with failure conditions`,
    ]);
  }
  return messages;
}

function resultMessages(
  stage: string,
  index: number,
  kind: ConditionKind,
  result: ConditionResult | undefined,
): readonly Message[] {
  if (result === undefined) return [];
  const allowed = RESULTS[kind];
  if (!allowed.includes(result)) {
    const message = `The result ${result} of stage ${stage} is not one of ${kind}: choose ${allowed.join(' or ')}`;
    return [[['result'], message]];
  }
  return result === 'ROLLBACK' && index === 0
    ? [[['result'], `The source stage ${stage} cannot be rolled back`]]
    : [];
}

function conditionFaults(
  stage: StageDeclaration,
  index: number,
  kind: ConditionKind,
  { result, rules }: ConditionDeclaration,
  path: Path,
  circumstances: Circumstances,
): readonly DeclarationFault[] {
  const { faults, say } = faultsOf('InvalidStageDeclarationException');
  for (const [below, message] of resultMessages(stage.name, index, kind, result)) {
    say([...path, ...below], message);
  }
  if (rules.length === 0)
    say(path, `The condition ${kind} of stage ${stage.name} must have at least one rule`);
  for (const at of repeated(rules.map((rule) => rule.name))) {
    say(
      [...path, 'rules', at, 'name'],
      `Rule names must be unique within the condition ${kind} of stage ${stage.name}`,
    );
  }
  for (const [at, rule] of rules.entries()) {
    const rulePath = [...path, 'rules', at];
    faults.push(...ruleFaults(rule, rulePath, circumstances));
    if (result === 'SKIP' && ruleTypeOf(rule.ruleTypeId)?.isForSkip !== true) {
      say(
        [...rulePath, 'ruleTypeId', 'provider'],
        `Rule ${rule.name} cannot be used with the result SKIP: only LambdaInvoke and VariableCheck can`,
      );
    }
  }
  return faults;
}
