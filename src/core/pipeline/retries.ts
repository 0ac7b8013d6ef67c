/**
 * Retrying a stage: the same execution takes the lock again, ahead of whoever waits, and repeats what failed or
 * everything. AWS: "Configure stage retry for a failed stage or failed actions". The checks run in AWS's order.
 */

import { present } from '#base/assert.ts';
import { stageOf } from './definition/declaration.ts';
import type { Draft } from './draft.ts';
import { declarationOf, isInFlight, openExecution } from './draft.ts';
import { inFlightRefusal } from './executions.ts';
import { repeat } from './phases.ts';
import { advance, takeLock } from './stages.ts';
import type { Event } from './events.ts';
import type { Execution, StageRun } from './state.ts';
import type { Verdict } from './verdict.ts';
import { changed, noSuchStage, refused } from './verdict.ts';

type RetryRequested = Extract<Event, { readonly type: 'StageRetryRequested' }>;

export function retryStage(draft: Draft, event: RetryRequested): Verdict {
  const refusal = retryRefusal(draft, event);
  if (refusal) return refusal;
  const { stage, executionId: id, mode } = event;
  const execution = openExecution(draft, id);
  takeLock(draft, id, stage);
  const run = present(execution.stages[stage], 'stage run');
  run.retry = {
    manual: (run.retry?.manual ?? 0) + 1,
    automatic: run.retry?.automatic ?? 0,
    latest: 'ManualStageRetry',
    at: draft.at,
  };
  repeat(draft, execution, mode);
  advance(draft, id);
  return changed({ pipelineExecutionId: id });
}

function retryRefusal(draft: Draft, event: RetryRequested): Verdict | undefined {
  const { state } = draft;
  const { stage, executionId } = event;
  const notRetryable = (why: string) =>
    refused(
      'StageNotRetryableException',
      `Stage ${stage} of pipeline ${state.name} cannot be retried: ${why}`,
    );
  if (!stageOf(declarationOf(state, { version: state.version }), stage)) {
    return noSuchStage(state.name, stage);
  }
  const execution = state.executions[executionId];
  if (!execution && !event.known) {
    return notRetryable(`the pipeline does not have an execution with the id ${executionId}`);
  }
  const latest = state.stages.find((candidate) => candidate.name === stage)?.latest;
  if (!execution || (execution.mode !== 'PARALLEL' && latest !== executionId)) {
    return refused(
      'NotLatestPipelineExecutionException',
      `Pipeline execution ${executionId} is not the latest execution of stage ${stage} in pipeline ${state.name}`,
    );
  }
  if (execution.version !== state.version) {
    return notRetryable(
      'the pipeline structure might have changed, because the pipeline was updated after the execution ran',
    );
  }
  const run = execution.stages[stage];
  if (!run || !isRetryable(execution, run)) {
    return notRetryable(`it is ${run?.status ?? 'not started'} and has no failed action`);
  }
  const runs = Object.values(run.actions);
  const failed = runs.some((action) => action.status === 'Failed' || action.status === 'Abandoned');
  if (event.mode === 'FAILED_ACTIONS' && run.status !== 'Stopped' && !failed) {
    return notRetryable('no action of it failed');
  }
  if (event.mode === 'ALL_ACTIONS' && runs.some((action) => action.status === 'InProgress')) {
    return refused(
      'ConflictException',
      `Stage ${stage} of pipeline ${state.name} has actions in progress. Wait until they end, or retry only the failed actions`,
    );
  }
  return isInFlight(execution) ? undefined : inFlightRefusal(draft, execution.mode);
}

function isRetryable(execution: Execution, run: StageRun): boolean {
  if (execution.cancelling) return false;
  if (run.status === 'Failed' || run.status === 'Stopped') return true;
  return (
    run.status === 'InProgress' && Object.values(run.actions).some((action) => action.status === 'Failed')
  );
}
