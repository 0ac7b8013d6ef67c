/**
 * The decision of a pipeline: one event, one new state, the effects it orders. Each kind of event is decided in the
 * file of its noun; here is only the choice, and the rule that a fault or a late event leaves the state untouched.
 */

import type { Decision, EngineEvent, Stamp } from '#base/decider.ts';
import { unreachable } from '#base/assert.ts';
import { answerApproval } from './approvals.ts';
import type { Draft } from './draft.ts';
import { createDraft, effectsOf } from './draft.ts';
import {
  actionEndReported,
  actionFailed,
  actionProgressed,
  actionStarted,
  actionSucceeded,
  actionVoided,
} from './results.ts';
import { retryStage } from './retries.ts';
import { rollBackStage } from './rollbacks.ts';
import { ruleEnded, ruleEndReported, ruleWaited } from './rule-results.ts';
import { requestExecution } from './starts.ts';
import type { Event } from './events.ts';
import type { Effect } from './orders.ts';
import { overrideCondition } from './overrides.ts';
import { liftState } from './lift.ts';
import type { State } from './state.ts';
import { stopExecution } from './stops.ts';
import { effectFailed, nextWake, timePassed } from './timers.ts';
import { disableTransition, enableTransition } from './transitions.ts';
import { createState, deletePipeline, startFirst, updatePipeline } from './updates.ts';
import type { Verdict } from './verdict.ts';

export type PipelineDecision = Decision<State, Effect>;

export const pipelineDecider = {
  version: 2,
  decide,
  wakeAt: nextWake,
  lift: liftState,
};

function decide(state: State | undefined, event: (Event | EngineEvent) & Stamp): PipelineDecision {
  if (state === undefined) {
    return event.type === 'PipelineCreated'
      ? decideOn(createState(event), event)
      : { state: undefined, effects: [] };
  }
  if (event.type === 'PipelineCreated') return { state, effects: [] };
  return decideOn(state, event);
}

function decideOn(state: State, event: (Event | EngineEvent) & Stamp): PipelineDecision {
  if (state.deleted) return afterDeletion(state, event);
  const draft = createDraft(state, event);
  const verdict = handle(draft, event);
  switch (verdict.type) {
    case 'refused':
      return refusal(state, verdict.code, verdict.message);
    case 'unchanged':
      return { state, effects: [], ...replyOf(verdict) };
    case 'changed':
      return { state: draft.state as State, effects: effectsOf(draft), ...replyOf(verdict) };
    default:
      return unreachable(verdict);
  }
}

function refusal(state: State, code: string, message: string): PipelineDecision {
  return { state, effects: [], reply: { fault: { code, message } } };
}

function replyOf(verdict: { readonly value?: unknown }): { readonly reply?: { readonly value: unknown } } {
  return verdict.value === undefined ? {} : { reply: { value: verdict.value } };
}

function handle(draft: Draft, event: Event | EngineEvent): Verdict {
  switch (event.type) {
    case 'PipelineCreated':
      return startFirst(draft, event);
    case 'PipelineUpdated':
      return updatePipeline(draft, event.declaration);
    case 'PipelineDeleted':
      return deletePipeline(draft);
    case 'ExecutionRequested':
      return requestExecution(draft, event);
    case 'ExecutionStopRequested':
      return stopExecution(draft, event);
    case 'StageRetryRequested':
      return retryStage(draft, event);
    case 'StageRollbackRequested':
      return rollBackStage(draft, event);
    case 'ConditionOverridden':
      return overrideCondition(draft, event);
    case 'TransitionDisabled':
      return disableTransition(draft, event);
    case 'TransitionEnabled':
      return enableTransition(draft, event);
    case 'ApprovalAnswered':
      return answerApproval(draft, event);
    case 'ActionStarted':
      return actionStarted(draft, event);
    case 'ActionSucceeded':
      return actionSucceeded(draft, event);
    case 'ActionFailed':
      return actionFailed(draft, event);
    case 'ActionProgressed':
      return actionProgressed(draft, event);
    case 'ActionVoided':
      return actionVoided(draft, event);
    case 'ActionEndReported':
      return actionEndReported(draft, event);
    case 'RuleWaited':
      return ruleWaited(draft, event);
    case 'RuleEndReported':
      return ruleEndReported(draft, event);
    case 'RuleMet':
    case 'RuleUnmet':
    case 'RuleErrored':
      return ruleEnded(draft, event);
    case 'TimePassed':
      return timePassed(draft);
    case 'EffectFailed':
      return effectFailed(draft, event.effectType, event.effect, event.message);
    default:
      return unreachable(event);
  }
}

/** Orders of people find no pipeline; results and time find nobody who cares. */
function afterDeletion(state: State, event: Event | EngineEvent): PipelineDecision {
  switch (event.type) {
    case 'PipelineUpdated':
    case 'ExecutionRequested':
    case 'ExecutionStopRequested':
    case 'StageRetryRequested':
    case 'StageRollbackRequested':
    case 'ConditionOverridden':
    case 'TransitionDisabled':
    case 'TransitionEnabled':
    case 'ApprovalAnswered':
      return refusal(
        state,
        'PipelineNotFoundException',
        `Account '${state.account}' does not have a pipeline with name '${state.name}'`,
      );
    default:
      return { state, effects: [] };
  }
}
