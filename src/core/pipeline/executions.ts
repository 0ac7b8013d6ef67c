/** How an execution comes into being. Where it goes from there is decided in `stages.ts`. */

import { tellExecution } from './changes.ts';
import type { Draft, Writable } from './draft.ts';
import { declarationOf, isInFlight } from './draft.ts';
import { IN_FLIGHT_MAX } from './limits.ts';
import type { Execution, Inheritance, Trigger } from './state.ts';
import type { Verdict } from './verdict.ts';
import { refused } from './verdict.ts';

/** Of the current version, with what it has from its start or from the target of a rollback. */
export function createExecution(
  draft: Draft,
  trigger: Trigger,
  inherited: Pick<Inheritance, 'variables'> & Partial<Inheritance>,
  target?: string,
): string {
  const { state } = draft;
  state.executionCount += 1;
  const { variables, pinned = {}, revisions = [], artifacts = {}, outputs = {} } = inherited;
  const kept = structuredClone({ variables, pinned, revisions, artifacts, outputs }) as Writable<Inheritance>;
  const execution: Writable<Execution> = {
    id: draft.createId(),
    number: state.executionCount,
    version: state.version,
    mode: declarationOf(state, { version: state.version }).executionMode,
    type: target === undefined ? 'STANDARD' : 'ROLLBACK',
    ...(target === undefined ? {} : { target }),
    status: 'InProgress',
    trigger: { ...trigger },
    ...kept,
    cancelling: false,
    attempt: 1,
    startedAt: draft.at,
    changedAt: draft.at,
    resumedAt: draft.at,
    stages: {},
  };
  state.executions[execution.id] = execution;
  draft.opened.add(execution.id);
  tellExecution(draft, execution, 'STARTED');
  return execution.id;
}

/** QUEUED and PARALLEL pipelines have a bounded number of executions in flight. */
export function inFlightRefusal(draft: Draft, mode: Execution['mode']): Verdict | undefined {
  if (mode === 'SUPERSEDED') return undefined;
  const inFlight = Object.values(draft.state.executions).filter(isInFlight).length;
  if (inFlight < IN_FLIGHT_MAX) return undefined;
  return refused(
    'ConcurrentPipelineExecutionsLimitExceededException',
    `Pipeline ${draft.state.name} has ${inFlight} executions in flight. The maximum is ${IN_FLIGHT_MAX}`,
  );
}
