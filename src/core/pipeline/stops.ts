/**
 * Stopping an execution. To wait lets running actions end and starts nothing more; to abandon ends them in our books
 * at once, while the provider is not told. AWS: "Stop a pipeline execution".
 */

import { tellExecution, tellStage } from './changes.ts';
import { endAction } from './actions.ts';
import { endConditions } from './conditions.ts';
import type { Draft } from './draft.ts';
import { currentStage, isInFlight, openExecution } from './draft.ts';
import { advance, endWaiting } from './stages.ts';
import type { Event } from './events.ts';
import type { Verdict } from './verdict.ts';
import { changed, refused } from './verdict.ts';

export function stopExecution(
  draft: Draft,
  event: Extract<Event, { readonly type: 'ExecutionStopRequested' }>,
): Verdict {
  const { executionId: id, abandon, reason } = event;
  const found = draft.state.executions[id];
  if (!found || !isInFlight(found)) {
    return refused(
      'PipelineExecutionNotStoppableException',
      `Pipeline execution ${id} of pipeline ${draft.state.name} is not in a status that can be stopped`,
    );
  }
  if (found.stop && (!abandon || found.stop.abandon)) {
    return refused(
      'DuplicatedStopRequestException',
      `Pipeline execution ${id} of pipeline ${draft.state.name} is already being stopped`,
    );
  }
  const execution = openExecution(draft, id);
  const isFirst = execution.stop === undefined;
  const kept = reason ?? execution.stop?.reason;
  execution.stop = { abandon, ...(kept === undefined ? {} : { reason: kept }) };
  if (execution.position?.phase === 'waiting') {
    endWaiting(draft, id, 'Stopped');
    return changed({ pipelineExecutionId: id });
  }
  const { name, run } = currentStage(draft, execution);
  if (isFirst) {
    execution.status = 'Stopping';
    run.status = 'Stopping';
    tellExecution(draft, execution, 'STOPPING');
    tellStage(draft, execution, name, run, 'STOPPING');
  }
  if (abandon) {
    for (const [action, actionRun] of Object.entries(run.actions)) {
      if (actionRun.status === 'InProgress') endAction(draft, execution, name, action, 'Abandoned');
    }
    endConditions(draft, run, 'Abandoned');
  }
  advance(draft, id);
  return changed({ pipelineExecutionId: id });
}
