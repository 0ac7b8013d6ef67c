/**
 * What decisions ordered, done in the world: actions start and are looked at under the pipeline's role, state changes
 * are published. Faults of other services become the action's error; what may pass is tried again for a while.
 */

import { isDoneByWorkers } from '#core/pipeline/definition/catalogue.ts';
import type { ActionAddress, Event, RuleAddress } from '#core/pipeline/events.ts';
import type { Effect } from '#core/pipeline/orders.ts';
import type { ActionError } from '#core/pipeline/state.ts';
import type { ActionTypeId } from '#core/pipeline/definition/declaration.ts';
import type { Perform } from '#engine/machine.ts';
import type { House } from '#services/service.ts';
import type { Acting, Outcome } from './actions/action.ts';
import { refuseCloneReferences } from './actions/clone-reference.ts';
import { startWork, withdrawWork } from './actions/custom.ts';
import { failureOf } from './actions/failure.ts';
import { builtInAction } from './actions/index.ts';
import { bringInputs, requireRegion } from './actions/regions.ts';
import { createPatience, retrying } from './actions/retrying.ts';
import { checkArtifactSizes } from './artifact-limit.ts';
import type { JobRoom } from './job-machine.ts';
import { pipelineArn, type PipelineMachine } from './room.ts';
import { ruleOf } from './rules/index.ts';
import { openSession, type ActingRoles } from './session.ts';

export function createEffects(house: House, jobs: JobRoom): PipelineMachine['effects'] {
  const patience = createPatience(house.clock);

  const startAction: PipelineMachine['effects']['StartAction'] = (order, { signal }) =>
    act(house, order, () =>
      retrying(house.clock, signal, async () => {
        requireRegion(house, order);
        const ready = await bringInputs(house, order);
        const acting: Acting = { house, caller: await openSession(house, order), signal };
        await refuseCloneReferences(acting.caller, ready);
        if (isJob(order.actionType)) return startWork(jobs, ready);
        return builtInAction(order.actionType).start(acting, ready);
      }),
    );

  const pollAction: PipelineMachine['effects']['PollAction'] = (order, { signal }) =>
    act(house, order, () =>
      patience.look(order.actionExecutionId, async () => {
        const acting: Acting = { house, caller: await openSession(house, order), signal };
        return builtInAction(order.actionType).poll?.(acting, order);
      }),
    );

  const evaluateRule: PipelineMachine['effects']['EvaluateRule'] = async (order, { signal }) => {
    const { executionId, stage, condition, rule, ruleExecutionId } = order;
    const address: RuleAddress = { executionId, stage, condition, rule, ruleExecutionId };
    try {
      const outcome = await retrying(house.clock, signal, async () => {
        const acting: Acting = { house, caller: await openSession(house, order), signal };
        return ruleOf(order.ruleType).evaluate(acting, await bringInputs(house, order));
      });
      return { ...outcome, ...address };
    } catch (error) {
      return { type: 'RuleErrored', ...failureOf(error), ...address };
    }
  };

  const withdrawAction: PipelineMachine['effects']['WithdrawAction'] = async (order) => {
    const { executionId, stage, action, actionExecutionId } = order;
    const isVoided = await withdrawWork(jobs, order);
    if (!isVoided || !order.onlyUnacknowledged) return undefined;
    return { type: 'ActionVoided', executionId, stage, action, actionExecutionId };
  };

  const publishEvents: Perform<Extract<Effect, { readonly type: 'PublishEvents' }>, Event> = async (
    effect,
  ) => {
    for (const { id, at, detailType, detail } of effect.events) {
      await house.publish({
        id,
        source: 'aws.codepipeline',
        detailType,
        account: house.account,
        region: house.region,
        at,
        resources: [pipelineArn(house, String(detail['pipeline']))],
        detail,
      });
    }
    return undefined;
  };

  return {
    StartAction: startAction,
    PollAction: pollAction,
    WithdrawAction: withdrawAction,
    EvaluateRule: evaluateRule,
    PublishEvents: publishEvents,
  };
}

/** A job tells by itself how it goes. */
function isJob(id: ActionTypeId): boolean {
  return id.owner !== 'AWS' && isDoneByWorkers(id);
}

async function act(
  house: House,
  order: ActionAddress & ActingRoles,
  run: () => Promise<Outcome | undefined>,
): Promise<Event | undefined> {
  const { executionId, stage, action, actionExecutionId } = order;
  const address: ActionAddress = { executionId, stage, action, actionExecutionId };
  try {
    const outcome = await run();
    if (outcome?.type === 'ActionSucceeded') await checkArtifactSizes(house, order);
    return outcome && { ...outcome, ...address };
  } catch (error) {
    const failure: ActionError = failureOf(error);
    return { type: 'ActionFailed', ...failure, ...address };
  }
}
