/**
 * StartBuildBatch, RetryBuildBatch, and batches that a webhook starts. The batch, its number and the token of the
 * request are one transaction: no repeated request starts a second one.
 */

import type { BuildBatch } from '@aws-sdk/client-codebuild';
import type { Kysely } from 'kysely';
import { createUuid } from '#base/chance.ts';
import { settingsOf } from '#services/codebuild/projects.ts';
import { keepToken, Repeated, tokenOf, type Token } from '#services/codebuild/request-tokens.ts';
import { projectName, requireProject, SERVICE } from '#services/codebuild/room.ts';
import { invalid } from '#services/codebuild/settings.ts';
import type { Call, Handler, Permission } from '#services/service.ts';
import { batchId, requireBatch, type Batches } from './batch-room.ts';
import { planBatch, type PlannedBatch } from './request.ts';
import { batchTables } from './tables.ts';
import { viewBatch } from './views.ts';

/** In the whole account; each may have hundreds of builds. */
const BATCHES_OPEN_MAX = 100;

type Starter = Pick<Call, 'account' | 'region' | 'at' | 'source'>;

export function startingOperations(batches: Batches) {
  const { house } = batches.room;

  const StartBuildBatch: Handler<'codebuild', 'StartBuildBatch'> = async (call, input) => {
    const project = await requireProject(house, projectName(input.projectName));
    const planned = planBatch(call, project.name, settingsOf(project), input, createUuid());
    const roles = [
      input.serviceRoleOverride === undefined ? [] : [planned.request.build.serviceRole],
      input.buildBatchConfigOverride?.serviceRole === undefined
        ? []
        : [planned.request.config.serviceRole ?? '*'],
    ].flat();
    if (roles.length > 0) await call.authorize(...roles.map(passing));
    const token = input.idempotencyToken === undefined ? undefined : tokenOf('StartBuildBatch', input);
    return { buildBatch: await startBatch(batches, call, planned, token) };
  };

  const RetryBuildBatch: Handler<'codebuild', 'RetryBuildBatch'> = async (call, input) => {
    if (input.id === undefined) throw invalid('Invalid build batch ID provided');
    const id = batchId(input.id);
    await requireBatch(batches, id);
    const token = input.idempotencyToken === undefined ? undefined : tokenOf('RetryBuildBatch', input);
    try {
      await house.engine.send(
        batches.machine(),
        id,
        { type: 'RetryRequested', retryType: input.retryType ?? 'RETRY_FAILED_BUILDS' },
        async (transaction) => {
          await checkOpen(transaction);
          if (token) await keepToken(transaction, call, token, id);
        },
      );
    } catch (error) {
      if (!(error instanceof Repeated)) throw error;
    }
    return { buildBatch: viewBatch(call, await requireBatch(batches, id)) };
  };

  return { StartBuildBatch, RetryBuildBatch };
}

function passing(resource: string): Permission {
  return { action: 'iam:PassRole', resource, context: { 'iam:PassedToService': SERVICE } };
}

export async function startBatch(
  batches: Batches,
  call: Starter,
  { plan, request }: PlannedBatch,
  token: Token | undefined,
): Promise<BuildBatch> {
  const { engine } = batches.room.house;
  try {
    await engine.send(batches.machine(), plan.id, { type: 'BatchRequested', plan }, async (transaction) => {
      if (token) await keepToken(transaction, call, token, plan.id);
      await checkOpen(transaction);
      const number = await takeNumber(transaction, plan.projectName);
      await batchTables(transaction)
        .insertInto('codebuild_batch')
        .values({
          batch_id: plan.id,
          project_name: plan.projectName,
          number,
          started_at: call.at,
          status: 'IN_PROGRESS',
          is_complete: 0,
          request: JSON.stringify(request),
        })
        .execute();
    });
    return viewBatch(call, await requireBatch(batches, plan.id));
  } catch (error) {
    if (!(error instanceof Repeated)) throw error;
    return viewBatch(call, await requireBatch(batches, error.buildId));
  }
}

async function checkOpen(transaction: Kysely<unknown>): Promise<void> {
  const { count } = await batchTables(transaction)
    .selectFrom('codebuild_batch')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('is_complete', '=', 0)
    .executeTakeFirstOrThrow();
  if (Number(count) < BATCHES_OPEN_MAX) return;
  throw invalid(`Cannot have more than ${BATCHES_OPEN_MAX} build batches in progress for the account`);
}

/** Numbers of batches are never used again, not even those of a project that is made anew. */
async function takeNumber(transaction: Kysely<unknown>, project: string): Promise<number> {
  const rows = batchTables(transaction);
  const last = await rows
    .selectFrom('codebuild_batch_count')
    .select('count')
    .where('project_name', '=', project)
    .executeTakeFirst();
  const count = (last?.count ?? 0) + 1;
  await rows
    .insertInto('codebuild_batch_count')
    .values({ project_name: project, count })
    .onConflict((conflict) => conflict.column('project_name').doUpdateSet({ count }))
    .execute();
  return count;
}
