/**
 * StartBuild and RetryBuild. The build, its number, the limit of its project and the token of the request are one
 * transaction: no number is used by a refused build, and no repeated request starts a second one.
 */

import type { Build, StartBuildInput } from '@aws-sdk/client-codebuild';
import type { Kysely } from 'kysely';
import { createUuid } from '#base/chance.ts';
import { fault, isFault } from '#base/fault.ts';
import { deriveUuid } from '#base/ids.ts';
import type { BuildPlan, BuildState } from '#core/build/state.ts';
import type { Call, Caller, Handler } from '#services/service.ts';
import { isCommandBuild, planCommandBuild } from './command-builds.ts';
import { settleInFleet } from './fleets/index.ts';
import { planBuild } from './plan.ts';
import { settingsOf } from './projects.ts';
import { needOf } from './provisioning.ts';
import { keepToken, Repeated, tokenOf, type Token } from './request-tokens.ts';
import {
  buildId,
  BUILDS_QUEUED_MAX,
  projectArn,
  projectName,
  requireBuild,
  requireProject,
  SERVICE,
  type Room,
} from './room.ts';
import { invalid, type ProjectSettings } from './settings.ts';
import { tables } from './tables.ts';
import { viewBuild } from './views.ts';

/** The plan of a build that a batch asks for; `undefined` for everybody else's. */
export type PlanChild = (call: Call, input: StartBuildInput) => Promise<BuildPlan | undefined>;

const QUEUE_FULL = 'builds in queue for the account';

/** There may be room later. */
export function isQueueFull(error: Error): boolean {
  return isFault(error, 'AccountLimitExceededException') && error.message.includes(QUEUE_FULL);
}

export function startingOperations(room: Room, planChild: PlanChild) {
  const { house } = room;

  const StartBuild: Handler<'codebuild', 'StartBuild'> = async (call, input) => {
    const token = input.idempotencyToken === undefined ? undefined : tokenOf('StartBuild', input);
    if (isCommandBuild(call, input)) {
      return { build: await start(call, planCommandBuild(call, input, createUuid()), token) };
    }
    const project = await requireProject(house, projectName(input.projectName));
    const settings = settingsOf(project);
    const child = await planChild(call, input);
    if (child) {
      const there = await house.engine.read(room.machine(), child.id);
      if (there) return { build: viewBuild(call, there, await numberOf(room, child.id)) };
      return { build: await start(call, child, undefined, settings) };
    }
    const plan = planBuild(call, project.name, settings, input, createUuid());
    if (input.serviceRoleOverride !== undefined) {
      await call.authorize({
        action: 'iam:PassRole',
        resource: plan.serviceRole,
        context: { 'iam:PassedToService': SERVICE },
      });
    }
    return { build: await start(call, plan, token, settings) };
  };

  const RetryBuild: Handler<'codebuild', 'RetryBuild'> = async (call, input) => {
    const state = await requireBuild(room, buildId(input.id));
    if (!state.isComplete) throw invalid(`Build ${state.plan.id} is still running and cannot be retried`);
    const project = await requireProject(house, state.plan.projectName);
    const { autoRetry } = state.plan;
    const plan = planAgain(state, createUuid(), autoRetry && { limit: autoRetry.limit, number: 0 });
    const token = input.idempotencyToken === undefined ? undefined : tokenOf('RetryBuild', input);
    return { build: await start(call, plan, token, settingsOf(project)) };
  };

  const start = (call: Call, plan: BuildPlan, token: Token | undefined, settings?: ProjectSettings) =>
    startBuild(room, call, plan, token, settings);

  return { StartBuild, RetryBuild };
}

/**
 * Starts a failed build again, under its own service role, as AWS does it. The new build's id follows from the old
 * one's, so that repeating this starts nothing more. Resolves to its ARN, or to nothing when it cannot be started.
 */
export async function startAutoRetry(
  room: Room,
  roleOf: (plan: BuildPlan) => Promise<Caller>,
  id: string,
): Promise<string | undefined> {
  const { house } = room;
  const state = await house.engine.read(room.machine(), id);
  if (!state?.plan.autoRetry) return undefined;
  const { plan: failed } = state;
  const { limit, number } = state.plan.autoRetry;
  const again = { limit, number: number + 1, previousArn: failed.arn };
  const plan = planAgain(state, deriveUuid(`${failed.arn}/auto-retry`, 0), again);
  if (await house.engine.read(room.machine(), plan.id)) return plan.arn;
  try {
    const { principal } = await roleOf(failed);
    const resource = projectArn(house, failed.projectName);
    await house.trust.authorize(principal, [{ action: 'codebuild:RetryBuild', resource }]);
    const project = await requireProject(house, failed.projectName);
    const call = { account: house.account, region: house.region, at: house.clock.now(), source: SERVICE };
    await startBuild(room, call, plan, undefined, settingsOf(project));
    return plan.arn;
  } catch (error) {
    if (!isFault(error)) throw error;
    house.log.warn('a failed build was not retried', {
      buildId: id,
      code: error.code,
      reason: error.message,
    });
    return undefined;
  }
}

/** The same inputs as another build's, its commit included. */
function planAgain({ plan, facts }: BuildState, uuid: string, autoRetry: BuildPlan['autoRetry']): BuildPlan {
  const replace = (text: string) => text.replace(plan.uuid, uuid);
  const version = facts.resolvedSourceVersion ?? plan.sourceVersion;
  return {
    ...plan,
    id: replace(plan.id),
    arn: replace(plan.arn),
    uuid,
    ...(version === undefined ? {} : { sourceVersion: version }),
    ...(plan.logs && { logs: { ...plan.logs, streamName: replace(plan.logs.streamName) } }),
    ...(autoRetry && { autoRetry }),
  };
}

type Starter = Pick<Call, 'account' | 'region' | 'at' | 'source'>;

export async function startBuild(
  room: Room,
  call: Starter,
  asked: BuildPlan,
  token: Token | undefined,
  settings?: ProjectSettings,
): Promise<Build> {
  const { house } = room;
  const plan = await settleInFleet(house, asked);
  let number = 0;
  try {
    const { state } = await house.engine.send(
      room.machine(),
      plan.id,
      { type: 'BuildRequested', plan },
      async (transaction) => {
        if (token) await keepToken(transaction, call, token, plan.id);
        number = settings ? await takeNumber(transaction, call, settings, plan) : 1;
        await keepBuild(transaction, call, plan, number);
      },
    );
    return viewBuild(call, state, number);
  } catch (error) {
    if (!(error instanceof Repeated)) throw error;
    const state = await requireBuild(room, error.buildId);
    return viewBuild(call, state, await numberOf(room, error.buildId));
  }
}

export async function numberOf({ house }: Room, id: string): Promise<number> {
  const row = await tables(house.database)
    .selectFrom('codebuild_build')
    .select('number')
    .where('build_id', '=', id)
    .executeTakeFirst();
  return row?.number ?? 0;
}

async function takeNumber(
  transaction: Kysely<unknown>,
  call: Starter,
  settings: ProjectSettings,
  plan: BuildPlan,
): Promise<number> {
  const rows = tables(transaction);
  const project = await rows
    .selectFrom('codebuild_project')
    .select('build_count')
    .where('name', '=', plan.projectName)
    .executeTakeFirst();
  if (!project) {
    throw fault(
      'ResourceNotFoundException',
      `Project cannot be found: ${projectArn(call, plan.projectName)}`,
    );
  }
  if (settings.concurrentBuildLimit !== undefined) {
    const running = await rows
      .selectFrom('codebuild_build')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('project_name', '=', plan.projectName)
      .where('is_complete', '=', 0)
      .executeTakeFirstOrThrow();
    if (Number(running.count) >= settings.concurrentBuildLimit) {
      throw fault(
        'AccountLimitExceededException',
        `Project ${plan.projectName} has reached its concurrent build limit of ${settings.concurrentBuildLimit}.`,
      );
    }
  }
  await checkQueue(transaction);
  const number = project.build_count + 1;
  await rows
    .updateTable('codebuild_project')
    .set({ build_count: number })
    .where('name', '=', plan.projectName)
    .execute();
  return number;
}

/** How many may wait; pipelines' own commands are bounded by their executions. */
async function checkQueue(transaction: Kysely<unknown>): Promise<void> {
  const { count } = await tables(transaction)
    .selectFrom('codebuild_build')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('is_complete', '=', 0)
    .where('worker_id', 'is', null)
    .executeTakeFirstOrThrow();
  if (Number(count) < BUILDS_QUEUED_MAX) return;
  throw fault('AccountLimitExceededException', `Cannot have more than ${BUILDS_QUEUED_MAX} ${QUEUE_FULL}`);
}

async function keepBuild(
  transaction: Kysely<unknown>,
  call: Starter,
  plan: BuildPlan,
  number: number,
): Promise<void> {
  const need = needOf(plan);
  await tables(transaction)
    .insertInto('codebuild_build')
    .values({
      build_id: plan.id,
      project_name: plan.projectName,
      number,
      started_at: call.at,
      is_complete: 0,
      uuid: plan.uuid,
      cpus: need.cpus,
      memory_bytes: need.memoryBytes,
      pool: plan.environment.fleet ?? '',
      worker_id: null,
    })
    .execute();
}
