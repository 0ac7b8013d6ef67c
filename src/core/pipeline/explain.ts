/**
 * Why an execution waits, in words: behind whom, before which closed door, on which answer, for which work. Pure, from
 * the state alone, so that whoever may see a pipeline can see its reasons. An extension of ours: AWS has no such answer.
 */

import { isApproval } from './definition/catalogue.ts';
import { actionOf, stageOf } from './definition/declaration.ts';
import { isInFlight } from './draft.ts';
import type { ActionRun, ConditionRun, Execution, StageRun, StageState, State } from './state.ts';

/** One sentence per reason; none for an execution that has ended. */
export function reasonsOf(state: State, executionId: string): readonly string[] {
  const execution = state.executions[executionId];
  if (!execution?.position || !isInFlight(execution)) return [];
  const { stage: name, phase } = execution.position;
  const stage = state.stages.find((candidate) => candidate.name === name);
  if (phase === 'waiting') return stage ? waitingReasons(state, execution, stage) : [];
  const run = execution.stages[name];
  return run ? insideReasons(state, execution, name, run) : [];
}

function waitingReasons(state: State, execution: Execution, stage: StageState): string[] {
  const { transition, occupant, waiting, name } = stage;
  const reasons: string[] = [];
  if (!transition.enabled) {
    const since = transition.changedAt === undefined ? '' : ` since ${timeText(transition.changedAt)}`;
    const by = transition.changedBy ? ` by ${transition.changedBy}` : '';
    reasons.push(
      `The transition into stage ${name} is disabled${by}${since}: ${transition.reason ?? 'no reason'}`,
    );
  }
  if (occupant !== undefined && execution.mode !== 'PARALLEL') {
    const status = state.executions[occupant]?.stages[name]?.status ?? 'InProgress';
    reasons.push(`Behind execution ${occupant}, which is ${status} in stage ${name}`);
  }
  const ahead = waiting.indexOf(execution.id);
  if (ahead > 0)
    reasons.push(`Behind ${ahead} further ${ahead === 1 ? 'execution' : 'executions'} before stage ${name}`);
  return reasons;
}

function insideReasons(state: State, execution: Execution, stage: string, run: StageRun): string[] {
  const ending = execution.cancelling
    ? ['The pipeline was updated: the execution is cancelled when its running work ends']
    : execution.stop
      ? ['The execution stops when its running work ends']
      : [];
  const conditions = Object.entries(run.conditions).flatMap(([kind, condition]) =>
    condition.status === 'InProgress' ? conditionReasons(stage, kind, condition) : [],
  );
  const actions = Object.entries(run.actions).flatMap(([action, actionRun]) =>
    actionRun.status === 'InProgress' ? [actionReason(state, execution, stage, action, actionRun)] : [],
  );
  return [...ending, ...conditions, ...actions];
}

const CONDITION_NAMES: Readonly<Record<string, string>> = {
  beforeEntry: 'entry',
  onSuccess: 'success',
  onFailure: 'failure',
};

function conditionReasons(stage: string, kind: string, { rules }: ConditionRun): string[] {
  return Object.entries(rules)
    .filter(([, rule]) => rule.status === 'InProgress')
    .map(([rule, { summary }]) => {
      const why = summary ?? 'it is being evaluated';
      return `The ${CONDITION_NAMES[kind]} condition of stage ${stage} is not met yet: rule ${rule}: ${why}`;
    });
}

function actionReason(
  state: State,
  execution: Execution,
  stage: string,
  action: string,
  run: ActionRun,
): string {
  const declaration = state.declarations[execution.version];
  const declaredStage = declaration && stageOf(declaration, stage);
  const declared = declaredStage && actionOf(declaredStage, action);
  if (declared && isApproval(declared.actionTypeId)) {
    return `Action ${action} of stage ${stage} waits for an approval until ${timeText(run.deadline)}`;
  }
  const provider = declared?.actionTypeId.provider ?? 'its provider';
  const reference = run.externalId === undefined ? '' : ` (${run.externalId})`;
  const progress = run.percentComplete === undefined ? '' : `, ${run.percentComplete} % done`;
  const told = run.summary === undefined ? '' : `: ${firstLine(run.summary)}`;
  return `Action ${action} of stage ${stage} runs in ${provider}${reference}${progress}${told}`;
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}

const LINE_LENGTH_MAX = 200;

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.slice(0, LINE_LENGTH_MAX) ?? '';
}
