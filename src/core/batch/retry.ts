/** A failed batch is done again under its own id: all of it, or only what failed and what was not reached. */

import type { Decision } from '#base/decider.ts';
import { again } from './groups.ts';
import type { BatchEffect, BatchPhase, BatchState, Group, RetryType } from './state.ts';

/** Each keeps what it was before, so this bounds the state. */
export const RETRIES_MAX = 50;
const MINUTE_MS = 60_000;

/** Makes the batch ready; starting is not done here. */
export function retry(
  state: BatchState,
  retryType: RetryType,
  at: number,
): Decision<BatchState, BatchEffect> {
  const problem = problemOf(state);
  if (problem !== undefined) {
    return { state, effects: [], reply: { fault: { code: 'InvalidInputException', message: problem } } };
  }
  const isAll = retryType === 'RETRY_ALL_BUILDS';
  const spec = state.phases.find(({ type }) => type === 'DOWNLOAD_BATCHSPEC');
  const isReadAgain = isAll || spec?.status !== 'SUCCEEDED';
  const round = state.round + 1;
  const { combined: _, ...rest } = state;
  const phase: BatchPhase = { type: isReadAgain ? 'DOWNLOAD_BATCHSPEC' : 'IN_PROGRESS', startAt: at };
  const isKept = ({ type }: BatchPhase) =>
    type === 'SUBMITTED' || (type === 'DOWNLOAD_BATCHSPEC' && !isReadAgain);
  return {
    state: {
      ...rest,
      round,
      phases: [...state.phases.filter(isKept), phase],
      status: 'IN_PROGRESS',
      isComplete: false,
      deadlineAt: at + state.plan.timeoutMinutes * MINUTE_MS,
      root: isReadAgain ? again(state.root) : state.root,
      groups: state.groups.map((group) => (isAll || !hasSucceeded(group) ? again(group) : group)),
      reportArns: [],
    },
    effects: [{ type: 'PublishChange', at, round, change: 'STARTED' }],
  };
}

function problemOf({ isComplete, status, plan, round }: BatchState): string | undefined {
  if (!isComplete) return `Build batch ${plan.id} is still running and cannot be retried`;
  if (status === 'SUCCEEDED' || status === 'STOPPED') {
    return `Build batch ${plan.id} is ${status}; only a batch that failed can be retried`;
  }
  if (round >= RETRIES_MAX) return `Build batch ${plan.id} was retried ${RETRIES_MAX} times already`;
  return undefined;
}

function hasSucceeded({ progress, current }: Group): boolean {
  return progress === 'ENDED' && current?.status === 'SUCCEEDED';
}
