/**
 * How executions move: arriving at a stage, waiting in front of it, taking its lock, leaving it. AWS: "How pipeline
 * executions work".
 *
 *   arrive ─▶ waiting area ──(lock free, transition enabled)──▶ enter ─▶ … ─▶ leave ─▶ arrive at the next
 *                 │                                               │
 *          a newer one arrives: Superseded                 ends: the lock is free, the next one enters
 *
 * On success the execution arrives at the next stage before the waiting area of the one it left is looked at.
 */

import { assert, present, unreachable } from '#base/assert.ts';
import { tellExecution, tellStage } from './changes.ts';
import type { Draft, Writable } from './draft.ts';
import { currentStage, declarationOf, openExecution, openStage } from './draft.ts';
import { createExecution } from './executions.ts';
import { mayBeSkipped, nextStep } from './phases.ts';
import type { Execution, StageRun, Success, Trigger } from './state.ts';

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
  const run: Writable<StageRun> = {
    status: 'InProgress',
    phase: 'entering',
    startedAt: draft.at,
    actions: {},
    conditions: {},
  };
  execution.stages[stageName] = run;
  if (!mayBeSkipped(currentStage(draft, execution).declared)) {
    tellStage(draft, execution, stageName, run, 'STARTED');
  }
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
  for (;;) {
    const step = nextStep(draft, openExecution(draft, id));
    switch (step) {
      case 'wait':
        return;
      case 'on':
        continue;
      case 'Succeeded':
      case 'Skipped':
        return leave(draft, id, step);
      case 'Failed':
      case 'Stopped':
      case 'Cancelled':
        return end(draft, id, step);
      case 'rollBack':
        return end(draft, id, 'Failed', 'rollBack');
      default:
        return unreachable(step);
    }
  }
}

/** The stage is done: on to the next one, or the execution has succeeded. A rollback never goes further. */
function leave(draft: Draft, id: string, status: 'Succeeded' | 'Skipped'): void {
  const execution = openExecution(draft, id);
  const { name, run } = currentStage(draft, execution);
  const { stages } = declarationOf(draft.state, execution);
  run.status = status;
  if (status === 'Succeeded') {
    tellStage(draft, execution, name, run, 'SUCCEEDED');
    keepSuccess(draft, execution, name);
  }
  release(draft, id, name);
  const next = stages[stages.findIndex((stage) => stage.name === name) + 1];
  if (next && execution.type === 'STANDARD') {
    arrive(draft, id, next.name);
  } else {
    delete execution.position;
    execution.status = 'Succeeded';
    tellExecution(draft, execution, 'SUCCEEDED');
  }
  admit(draft, name);
}

/** Remembers what an automatic rollback of this stage would go back to. */
function keepSuccess(draft: Draft, execution: Writable<Execution>, stageName: string): void {
  const stage = openStage(draft, stageName);
  if (execution.type === 'ROLLBACK' || execution.mode === 'PARALLEL') return;
  if (draft.state.stages[0] === stage || (stage.success && stage.success.number > execution.number)) return;
  const { id, number, version, variables, pinned, revisions, artifacts, outputs } = execution;
  stage.success = structuredClone({
    ...{ executionId: id, number, version },
    ...{ variables, pinned, revisions, artifacts, outputs },
  });
}

const CHANGE_OF = {
  Failed: 'FAILED',
  Stopped: 'STOPPED',
  Cancelled: 'CANCELED',
  Superseded: 'SUPERSEDED',
} as const;

/** The stage, and with it the execution, ends without success; the lock is free for a rollback or the next one. */
function end(draft: Draft, id: string, status: 'Failed' | 'Stopped' | 'Cancelled', then?: 'rollBack'): void {
  const execution = openExecution(draft, id);
  const { name, run } = currentStage(draft, execution);
  run.status = status;
  execution.status = status;
  delete execution.position;
  tellStage(draft, execution, name, run, CHANGE_OF[status]);
  tellExecution(draft, execution, CHANGE_OF[status]);
  release(draft, id, name);
  if (then === 'rollBack') rollBackByItself(draft, execution, name, run);
  admit(draft, name);
}

/** Without an earlier success of this version the stage is simply failed, and the condition says so. */
function rollBackByItself(
  draft: Draft,
  failed: Writable<Execution>,
  stageName: string,
  run: Writable<StageRun>,
): void {
  const target = openStage(draft, stageName).success;
  if (target && target.version === draft.state.version) {
    rollBack(draft, stageName, target, { type: 'AutomatedRollback', detail: failed.id });
    return;
  }
  const why = 'no rollback: this version of the pipeline has no earlier success of this stage';
  failed.statusSummary = `Stage ${stageName} failed, ${why}`;
  const condition = run.conditions.onFailure ?? run.conditions.onSuccess;
  if (condition) condition.summary = condition.summary ? `${condition.summary}; ${why}` : why;
}

/** A new execution runs the stage again with what the target had, ahead of whoever waits. The lock must be free. */
export function rollBack(draft: Draft, stageName: string, target: Success, trigger: Trigger): string {
  const id = createExecution(draft, trigger, target, target.executionId);
  enter(draft, id, stageName);
  return id;
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
