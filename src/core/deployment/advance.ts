/**
 * Goes as far as possible with a deployment without hearing more: starts hosts while the window allows, holds back what
 * is not to be started any more, and ends what is over.
 */

import type { Decision, Stamp } from '#base/decider.ts';
import { assert } from '#base/assert.ts';
import { endDeployment, isBudgetUsedUp, judge } from './ending.ts';
import { failureBudget } from './health.ts';
import {
  countTargets,
  isTargetEnded,
  type Deployment,
  type DeploymentEffect,
  type GroupState,
} from './state.ts';
import { cutTarget, isCut, skipTarget, startTarget } from './targets.ts';

export type GroupDecision = Decision<GroupState, DeploymentEffect>;

/** The active deployment, which there must be. */
export function continueActive(state: GroupState, moment: Stamp): GroupDecision {
  assert(state.active, 'a deployment goes on only while there is one');
  return advance(state, state.active, moment);
}

export function advance(
  state: GroupState,
  deployment: Deployment,
  moment: Stamp,
): { readonly state: GroupState; readonly effects: readonly DeploymentEffect[] } {
  let next = deployment;
  if (next.ending === undefined && countTargets(next, 'Pending') > 0 && isBudgetUsedUp(next)) {
    next = { ...next, ending: { reason: 'health' } };
  }
  next = next.ending ? holdBack(next, moment.at) : startHosts(next, moment.at);
  if (next.targets.every(isTargetEnded)) return endDeployment(state, next, judge(next), moment);
  return { state: { ...state, active: next }, effects: [] };
}

function holdBack(deployment: Deployment, at: number): Deployment {
  const targets = deployment.targets.map((target) => {
    if (isTargetEnded(target)) return target;
    if (isCut(deployment)) return cutTarget(target, at);
    return target.status === 'Pending' ? skipTarget(target, at) : target;
  });
  return { ...deployment, targets };
}

function startHosts(deployment: Deployment, at: number): Deployment {
  const budget = failureBudget(deployment.settings.minimumHealthy, deployment.targets.length);
  let free = budget - countTargets(deployment, 'Failed') - countTargets(deployment, 'InProgress');
  const targets = deployment.targets.map((target) => {
    if (target.status !== 'Pending' || free <= 0) return target;
    free -= 1;
    return startTarget(target, at);
  });
  return { ...deployment, targets };
}

export function unchanged(state: GroupState): { readonly state: GroupState; readonly effects: readonly [] } {
  return { state, effects: [] };
}
