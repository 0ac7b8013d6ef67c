/**
 * Overriding a condition: an entry or success condition that is being evaluated, or that made its stage fail, counts
 * as passed. AWS: "Overriding stage conditions".
 */

import { conditionOf, endCondition } from './conditions.ts';
import { stageOf } from './definition/declaration.ts';
import type { Draft } from './draft.ts';
import { declarationOf, openExecution } from './draft.ts';
import type { Event } from './events.ts';
import { inFlightRefusal } from './executions.ts';
import { resultOf, resume } from './phases.ts';
import { advance, takeLock } from './stages.ts';
import type { Execution } from './state.ts';
import type { Verdict } from './verdict.ts';
import { changed, noSuchStage, refused } from './verdict.ts';

type Overridden = Extract<Event, { readonly type: 'ConditionOverridden' }>;

export function overrideCondition(draft: Draft, event: Overridden): Verdict {
  const refusal = overrideRefusal(draft, event);
  if (refusal) return refusal;
  const { executionId: id, stage, condition: kind } = event;
  const execution = openExecution(draft, id);
  const run = execution.stages[stage];
  const condition = run?.conditions[kind];
  if (!run || !condition) return notOverridable(draft, event, 'it has not been evaluated');
  endCondition(draft, condition, 'Overridden');
  if (run.status === 'Failed') {
    takeLock(draft, id, stage);
    resume(draft, execution);
  }
  advance(draft, id);
  return changed({});
}

function overrideRefusal(draft: Draft, event: Overridden): Verdict | undefined {
  const { state } = draft;
  const { stage, executionId, condition: kind } = event;
  const declared = stageOf(declarationOf(state, { version: state.version }), stage);
  if (!declared) return noSuchStage(state.name, stage);
  const execution = state.executions[executionId];
  const latest = state.stages.find((each) => each.name === stage)?.latest;
  if (!execution || (execution.mode !== 'PARALLEL' && latest !== executionId)) {
    return refused(
      'NotLatestPipelineExecutionException',
      `Pipeline execution ${executionId} is not the latest execution of stage ${stage} in pipeline ${state.name}`,
    );
  }
  if (!conditionOf(declared, kind)) return notOverridable(draft, event, 'the stage has no such condition');
  if (resultOf(declared, kind) === 'SKIP') return notOverridable(draft, event, 'its result is SKIP');
  if (execution.version !== state.version)
    return notOverridable(draft, event, 'the pipeline was updated since');
  if (!isOpen(execution, event))
    return notOverridable(draft, event, 'it neither is being evaluated nor failed the stage');
  return execution.status === 'Failed' ? inFlightRefusal(draft, execution.mode) : undefined;
}

/** Being evaluated in a running execution, or the reason why the stage and its execution failed. */
function isOpen(execution: Execution, { stage, condition: kind }: Overridden): boolean {
  const run = execution.stages[stage];
  const status = run?.conditions[kind]?.status;
  if (status === 'InProgress') return execution.status === 'InProgress' && !execution.cancelling;
  const isFailed = status === 'Failed' || status === 'Errored';
  const phase = kind === 'beforeEntry' ? 'entering' : 'leaving';
  return isFailed && run?.status === 'Failed' && run.phase === phase && execution.status === 'Failed';
}

function notOverridable(draft: Draft, event: Overridden, why: string): Verdict {
  const kind = event.condition === 'beforeEntry' ? 'entry' : 'success';
  return refused(
    'ConditionNotOverridableException',
    `The ${kind} condition of stage ${event.stage} in pipeline ${draft.state.name} cannot be overridden: ${why}`,
  );
}
