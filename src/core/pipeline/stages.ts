/**
 * How executions move: arriving at a stage, waiting in front of it, taking its lock, leaving it. AWS: "How pipeline
 * executions work".
 *
 *   arrive ─▶ waiting area ──(lock free, transition enabled)──▶ enter ─▶ actions ─▶ leave ─▶ arrive at the next
 *                 │                                               │
 *          a newer one arrives: Superseded                 ends: the lock is free, the next one enters
 *
 * On success the execution arrives at the next stage before the waiting area of the one it left is looked at.
 */

import { assert, present, unreachable } from '#base/assert.ts';
import { progress, retryActions } from './actions.ts';
import { tellExecution, tellStage } from './changes.ts';
import type { Draft } from './draft.ts';
import { currentStage, declarationOf, openExecution, openStage } from './draft.ts';
import type { ExecutionStatus, StageStatus } from './state.ts';

/** The execution left the stage before `stage`, or was just created, and wants in. */
export function arrive(draft: Draft, id: string, stageName: string): void {
  const execution = openExecution(draft, id);
  const stage = openStage(draft, stageName);
  execution.position = { stage: stageName, phase: 'waiting', since: draft.at };
  stage.waiting.push(id);
  if (execution.mode === 'SUPERSEDED') {
    const rivals = stage.waiting.map((waiting) =>
      present(draft.state.executions[waiting], 'waiting execution'),
    );
    const newest = Math.max(...rivals.map((rival) => rival.number));
    for (const rival of rivals) {
      if (rival.mode === 'SUPERSEDED' && rival.number < newest) endWaiting(draft, rival.id, 'Superseded');
    }
  }
  admit(draft, stageName);
}

/** Lets in whoever may enter; called whenever an arrival, a release or a switch could have changed that. */
export function admit(draft: Draft, stageName: string): void {
  for (;;) {
    const stage = openStage(draft, stageName);
    if (draft.state.deleted || !stage.transition.enabled) return;
    const next = stage.waiting.find(
      (id) => draft.state.executions[id]?.mode === 'PARALLEL' || stage.occupant === undefined,
    );
    if (next === undefined) return;
    stage.waiting = stage.waiting.filter((id) => id !== next);
    enter(draft, next, stageName);
  }
}

function enter(draft: Draft, id: string, stageName: string): void {
  const execution = openExecution(draft, id);
  takeLock(draft, id, stageName);
  execution.stages[stageName] = { status: 'InProgress', startedAt: draft.at, actions: {} };
  tellStage(draft, execution, stageName, execution.stages[stageName], 'STARTED');
  advance(draft, id);
}

export function takeLock(draft: Draft, id: string, stageName: string): void {
  const execution = openExecution(draft, id);
  execution.position = { stage: stageName, phase: 'inside', since: draft.at };
  if (execution.mode === 'PARALLEL') return;
  const stage = openStage(draft, stageName);
  assert(stage.occupant === undefined || stage.occupant === id, 'one execution inside a stage');
  stage.occupant = id;
  stage.latest = id;
}

/** Does what comes next inside the execution's stage; called after everything that happens in there. */
export function advance(draft: Draft, id: string): void {
  const execution = openExecution(draft, id);
  const outcome = progress(draft, execution);
  switch (outcome) {
    case 'running':
      return;
    case 'succeeded':
      return succeed(draft, id);
    case 'failed':
      return retriesByItself(draft, id) ? undefined : end(draft, id, 'Failed');
    case 'stopped':
      return end(draft, id, 'Stopped');
    case 'cancelled':
      return end(draft, id, 'Cancelled');
    default:
      return unreachable(outcome);
  }
}

function succeed(draft: Draft, id: string): void {
  const execution = openExecution(draft, id);
  const { name, run } = currentStage(draft, execution);
  const { stages } = declarationOf(draft.state, execution);
  run.status = 'Succeeded';
  tellStage(draft, execution, name, run, 'SUCCEEDED');
  release(draft, id, name);
  const next = stages[stages.findIndex((stage) => stage.name === name) + 1];
  if (next) {
    arrive(draft, id, next.name);
  } else {
    delete execution.position;
    execution.status = 'Succeeded';
    tellExecution(draft, execution, 'SUCCEEDED');
  }
  admit(draft, name);
}

const CHANGE_OF = {
  Failed: 'FAILED',
  Stopped: 'STOPPED',
  Cancelled: 'CANCELED',
  Superseded: 'SUPERSEDED',
} as const;

/** The stage, and with it the execution, ends without success; the lock is free for the next one. */
function end(draft: Draft, id: string, status: 'Failed' | 'Stopped' | 'Cancelled'): void {
  const execution = openExecution(draft, id);
  const { name, run } = currentStage(draft, execution);
  const stageStatus: StageStatus = status;
  const executionStatus: ExecutionStatus = status;
  run.status = stageStatus;
  execution.status = executionStatus;
  delete execution.position;
  tellStage(draft, execution, name, run, CHANGE_OF[status]);
  tellExecution(draft, execution, CHANGE_OF[status]);
  release(draft, id, name);
  admit(draft, name);
}

function release(draft: Draft, id: string, stageName: string): void {
  const stage = openStage(draft, stageName);
  if (stage.occupant === id) delete stage.occupant;
}

/** Ends an execution that waits in front of a stage; nobody else is affected. */
export function endWaiting(
  draft: Draft,
  id: string,
  status: 'Superseded' | 'Stopped' | 'Cancelled' | 'Failed',
  summary?: string,
): void {
  const execution = openExecution(draft, id);
  assert(execution.position?.phase === 'waiting', 'an execution that waits');
  const stage = openStage(draft, execution.position.stage);
  stage.waiting = stage.waiting.filter((waiting) => waiting !== id);
  delete execution.position;
  execution.status = status;
  if (summary !== undefined) execution.statusSummary = summary;
  tellExecution(draft, execution, CHANGE_OF[status]);
}

/** `onFailure: RETRY` gives a stage one more attempt by itself; the lock is never released in between. */
function retriesByItself(draft: Draft, id: string): boolean {
  const execution = openExecution(draft, id);
  const { declared, name, run } = currentStage(draft, execution);
  if (declared.onFailure?.result !== 'RETRY' || run.retry) return false;
  tellStage(draft, execution, name, run, 'FAILED');
  run.retry = { manual: 0, automatic: 1, latest: 'AutomatedStageRetry', at: draft.at };
  resume(draft, id, declared.onFailure.retryConfiguration?.retryMode ?? 'FAILED_ACTIONS');
  return true;
}

/** Runs a stage again, wholly or only what failed; its lock is already taken. */
export function resume(draft: Draft, id: string, mode: 'FAILED_ACTIONS' | 'ALL_ACTIONS'): void {
  const execution = openExecution(draft, id);
  const { name, run } = currentStage(draft, execution);
  execution.status = 'InProgress';
  execution.attempt += 1;
  execution.resumedAt = draft.at;
  delete execution.stop;
  delete execution.statusSummary;
  run.status = 'InProgress';
  retryActions(run, mode);
  tellExecution(draft, execution, 'RESUMED');
  tellStage(draft, execution, name, run, 'RESUMED');
  advance(draft, id);
}
