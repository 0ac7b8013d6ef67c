/**
 * Conditions of a stage: one for the entry, one for success, one for failure. The rules of a condition start together;
 * the condition settles at the first rule that is not met, or when all are. Entry and success go on when every rule is
 * met; a failure condition lets its result engage when every rule is met. AWS: "How do stage conditions work".
 */

import { present } from '#base/assert.ts';
import { actingOf, inputsOf, lostInput, noteReference } from './actions.ts';
import { settingsOf } from './configuration.ts';
import type {
  ConditionDeclaration,
  ConditionKind,
  RuleDeclaration,
  StageDeclaration,
} from './definition/declaration.ts';
import { artifactStoreOf } from './definition/declaration.ts';
import type { Draft, Writable } from './draft.ts';
import { currentStage, declarationOf } from './draft.ts';
import type { ExternalReference, RuleAddress } from './events.ts';
import { POLL_MS_MAX, POLL_MS_MIN, RULE_MS_MAX } from './limits.ts';
import type { ActionError, ConditionRun, Execution, RuleRun, StageRun } from './state.ts';

/** Settings of rules that are JSON. */
const JSON_SETTINGS = ['EnvironmentVariables'];

export type ConditionOutcome = 'none' | 'running' | 'met' | 'unmet';

/** A stage has at most one condition of a kind. */
export function conditionOf(stage: StageDeclaration, kind: ConditionKind): ConditionDeclaration | undefined {
  const condition = stage[kind]?.conditions?.[0];
  return condition && condition.rules.length > 0 ? condition : undefined;
}

/** How the condition stands; begins its evaluation when it is asked for the first time. */
export function evaluate(
  draft: Draft,
  execution: Writable<Execution>,
  kind: ConditionKind,
): ConditionOutcome {
  const { declared, run, name } = currentStage(draft, execution);
  const condition = conditionOf(declared, kind);
  if (!condition) return 'none';
  if (!run.conditions[kind]) {
    run.conditions[kind] = { status: 'InProgress', startedAt: draft.at, changedAt: draft.at, rules: {} };
    for (const rule of condition.rules) startRule(draft, execution, name, kind, rule);
    settle(draft, execution, kind);
  }
  switch (present(run.conditions[kind], 'condition run').status) {
    case 'Succeeded':
    case 'Overridden':
      return 'met';
    case 'Failed':
    case 'Errored':
      return 'unmet';
    default:
      return 'running';
  }
}

function startRule(
  draft: Draft,
  execution: Writable<Execution>,
  stage: string,
  kind: ConditionKind,
  rule: RuleDeclaration,
): void {
  const timeoutMs = rule.timeoutInMinutes === undefined ? RULE_MS_MAX : rule.timeoutInMinutes * 60_000;
  const run: Writable<RuleRun> = {
    id: draft.createId(),
    status: 'InProgress',
    startedAt: draft.at,
    changedAt: draft.at,
    deadline: draft.at + timeoutMs,
  };
  present(execution.stages[stage]?.conditions[kind], 'condition run').rules[rule.name] = run;
  orderRule(draft, execution, stage, kind, rule, run);
}

/** Orders an evaluation, the first or a further one; a rule that cannot be ordered has ended with an error. */
function orderRule(
  draft: Draft,
  execution: Writable<Execution>,
  stage: string,
  kind: ConditionKind,
  rule: RuleDeclaration,
  run: Writable<RuleRun>,
): void {
  const declaration = declarationOf(draft.state, execution);
  const settings = settingsOf(rule, JSON_SETTINGS, execution);
  const problem = 'message' in settings ? settings : lostInput(execution, rule.inputArtifacts);
  if (problem || 'message' in settings) return endRule(draft, run, problem ?? 'unmet');
  const store = present(
    artifactStoreOf(declaration, rule.region ?? draft.state.region),
    'artifact store of a region that the declaration was checked for',
  );
  draft.effects.push({
    type: 'EvaluateRule',
    executionId: execution.id,
    stage,
    condition: kind,
    rule: rule.name,
    ruleExecutionId: run.id,
    ...actingOf(draft, declaration, rule),
    startedAt: run.startedAt,
    deadline: run.deadline,
    ruleType: rule.ruleTypeId,
    ...settings,
    inputs: inputsOf(execution, rule.inputArtifacts),
    artifactBucket: store.location,
    ...(store.encryptionKey ? { encryptionKey: store.encryptionKey.id } : {}),
    ...(run.externalId === undefined ? {} : { externalId: run.externalId }),
  });
}

/** The rule is not decided yet: it is looked at again at the given time, or soon and then ever more seldom. */
export function noteWaiting(
  draft: Draft,
  run: Writable<RuleRun>,
  reference: ExternalReference,
  lookAgainAt?: number,
): void {
  noteReference(draft, run, reference);
  const pauseMs = Math.min((run.poll?.pauseMs ?? POLL_MS_MIN / 2) * 2, POLL_MS_MAX);
  run.poll = { at: Math.max(lookAgainAt ?? draft.at + pauseMs, draft.at + POLL_MS_MIN), pauseMs };
}

export function lookAgain(draft: Draft, execution: Writable<Execution>, address: RuleAddress): void {
  const { declared, run, name } = currentStage(draft, execution);
  const rule = conditionOf(declared, address.condition)?.rules.find(
    ({ name: each }) => each === address.rule,
  );
  const ruleRun = run.conditions[address.condition]?.rules[address.rule];
  if (!rule || !ruleRun?.poll) return;
  ruleRun.poll = { ...ruleRun.poll, at: draft.at + POLL_MS_MAX };
  orderRule(draft, execution, name, address.condition, rule, ruleRun);
}

export function endRule(
  draft: Draft,
  run: Writable<RuleRun>,
  ending: ActionError | 'met' | 'unmet' | 'abandoned',
): void {
  run.changedAt = draft.at;
  delete run.poll;
  switch (ending) {
    case 'met':
      run.status = 'Succeeded';
      return;
    case 'unmet':
      run.status = 'Failed';
      return;
    case 'abandoned':
      run.status = 'Abandoned';
      return;
    default:
      run.status = 'Failed';
      run.error = { code: ending.code, message: ending.message };
  }
}

/** A rule ended: the condition may be decided by that. */
export function settle(draft: Draft, execution: Writable<Execution>, kind: ConditionKind): void {
  const condition = currentStage(draft, execution).run.conditions[kind];
  if (condition?.status !== 'InProgress') return;
  const rules = Object.entries(condition.rules);
  const failed = rules.find(([, rule]) => rule.status === 'Failed');
  if (failed) {
    const [name, { error, summary }] = failed;
    const status = error ? 'Errored' : 'Failed';
    const why = error?.message ?? summary ?? 'it is not met';
    return endCondition(draft, condition, status, `Rule ${name}: ${why}`);
  }
  if (rules.every(([, rule]) => rule.status === 'Succeeded')) endCondition(draft, condition, 'Succeeded');
}

/** Ends a condition; what its rules have not found out by now does not count any more. */
export function endCondition(
  draft: Draft,
  condition: Writable<ConditionRun>,
  status: Exclude<ConditionRun['status'], 'InProgress'>,
  summary?: string,
): void {
  condition.status = status;
  condition.changedAt = draft.at;
  if (summary === undefined) delete condition.summary;
  else condition.summary = summary;
  for (const rule of Object.values(condition.rules)) {
    if (rule.status === 'InProgress') endRule(draft, rule, 'abandoned');
  }
}

/** Ends whatever condition of the stage is being evaluated. */
export function endConditions(
  draft: Draft,
  run: Writable<StageRun>,
  status: 'Cancelled' | 'Abandoned',
): void {
  for (const condition of Object.values(run.conditions)) {
    if (condition.status === 'InProgress') endCondition(draft, condition, status);
  }
}

/** True while an action or a rule of the stage runs. */
export function isBusy(run: Writable<StageRun>): boolean {
  return (
    Object.values(run.actions).some((action) => action.status === 'InProgress') ||
    Object.values(run.conditions).some((condition) => condition.status === 'InProgress')
  );
}
