/** Sandboxes: started, looked at, listed, stopped. */

import type { Sandbox } from '@aws-sdk/client-codebuild';
import type { Kysely } from 'kysely';
import { arnOf } from '#base/arn.ts';
import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { BuildPlan } from '#core/build/state.ts';
import type { SandboxState } from '#core/sandbox/state.ts';
import { settleInFleet } from '#services/codebuild/fleets/index.ts';
import { planBuild } from '#services/codebuild/plan.ts';
import { settingsOf } from '#services/codebuild/projects.ts';
import { keepToken, Repeated, tokenOf } from '#services/codebuild/request-tokens.ts';
import {
  findProject,
  PAGE_ROWS,
  pageOf,
  pageSize,
  pageStart,
  projectArn,
  projectName,
  requireProject,
} from '#services/codebuild/room.ts';
import { invalid } from '#services/codebuild/settings.ts';
import type { Call, Handler } from '#services/service.ts';
import type { Sandboxes } from './room.ts';
import { sandboxTables } from './tables.ts';
import { viewSandbox } from './views.ts';

/** Sandboxes of the account that have not ended. */
const SANDBOXES_OPEN_MAX = 100;
/** As long as builds are kept. */
const KEPT_MS = 365 * 24 * 3_600_000;
/** Old ones that one start clears away. */
const CLEARED_AT_ONCE_MAX = 20;

/** A sandbox's id, given as id or ARN. */
export function sandboxId(idOrArn: string | undefined): string {
  const given = idOrArn ?? '';
  const id = given.startsWith('arn:') ? given.slice(given.indexOf(':sandbox/') + ':sandbox/'.length) : given;
  if (!/^[A-Za-z0-9][\w.-]*:[\w-]+$/.test(id)) throw invalid('Invalid sandbox ID provided');
  return id;
}

export async function requireSandbox({ room, machine }: Sandboxes, id: string): Promise<SandboxState> {
  const state = await room.house.engine.read(machine(), id);
  if (state) return state;
  throw fault('ResourceNotFoundException', `Sandbox ${id} does not exist`);
}

export function sandboxOperations(sandboxes: Sandboxes) {
  const { room, machine } = sandboxes;
  const { house } = room;
  const { database, engine } = house;

  const StartSandbox: Handler<'codebuild', 'StartSandbox'> = async (call, input) => {
    const project = await requireProject(house, projectName(input.projectName));
    const uuid = createUuid();
    const build = planBuild(call, project.name, settingsOf(project), { projectName: project.name }, uuid);
    const plan = planSandbox(call, await settleInFleet(house, build));
    const token = input.idempotencyToken === undefined ? undefined : tokenOf('StartSandbox', input);
    await clearOld(call.at);
    try {
      const event = { type: 'SandboxRequested', plan } as const;
      const { state } = await engine.send(machine(), plan.id, event, async (transaction) => {
        if (token) await keepToken(transaction, call, token, plan.id);
        await keepSandbox(transaction, plan, call.at);
      });
      return { sandbox: viewSandbox(call, state) };
    } catch (error) {
      if (!(error instanceof Repeated)) throw error;
      return { sandbox: viewSandbox(call, await requireSandbox(sandboxes, error.buildId)) };
    }
  };

  const BatchGetSandboxes: Handler<'codebuild', 'BatchGetSandboxes'> = async (call, input) => {
    const found: Sandbox[] = [];
    const sandboxesNotFound: string[] = [];
    for (const given of new Set(input.ids ?? [])) {
      const state = await engine.read(machine(), sandboxId(given));
      if (state) found.push(viewSandbox(call, state));
      else sandboxesNotFound.push(given);
    }
    return { sandboxes: found, sandboxesNotFound };
  };

  const ListSandboxes: Handler<'codebuild', 'ListSandboxes'> = (_call, input) => list(undefined, input);

  const ListSandboxesForProject: Handler<'codebuild', 'ListSandboxesForProject'> = async (call, input) => {
    const name = projectName(input.projectName);
    const page = await list(name, input);
    if (page.ids.length === 0 && !(await findProject(house, name))) {
      const arn = projectArn(call, name);
      throw fault('ResourceNotFoundException', `The provided project ${arn} does not exist`);
    }
    return page;
  };

  const StopSandbox: Handler<'codebuild', 'StopSandbox'> = async (call, input) => {
    const id = sandboxId(input.id);
    await requireSandbox(sandboxes, id);
    const { state } = await engine.send(machine(), id, { type: 'StopRequested' });
    return { sandbox: viewSandbox(call, state) };
  };

  async function list(
    project: string | undefined,
    input: {
      readonly sortOrder?: string | undefined;
      readonly maxResults?: number | undefined;
      readonly nextToken?: string | undefined;
    },
  ) {
    const start = pageStart(input.nextToken);
    const size = pageSize(input.maxResults);
    const direction = input.sortOrder === 'ASCENDING' ? 'asc' : 'desc';
    const query = sandboxTables(database)
      .selectFrom('codebuild_sandbox')
      .select('sandbox_id')
      .orderBy('requested_at', direction)
      .orderBy('sandbox_id', direction)
      .limit(PAGE_ROWS)
      .offset(start);
    const rows = await (project === undefined ? query : query.where('project_name', '=', project)).execute();
    const page = pageOf(rows, start, size);
    return {
      ids: page.rows.map((row) => row.sandbox_id),
      ...(page.nextToken && { nextToken: page.nextToken }),
    };
  }

  async function clearOld(now: number): Promise<void> {
    const old = await sandboxTables(database)
      .selectFrom('codebuild_sandbox')
      .select('sandbox_id')
      .where('requested_at', '<', now - KEPT_MS)
      .where('is_complete', '=', 1)
      .limit(CLEARED_AT_ONCE_MAX)
      .execute();
    for (const { sandbox_id: id } of old) {
      await engine.forget(machine(), id);
      await database.transaction(async (transaction) => {
        const rows = sandboxTables(transaction);
        await rows.deleteFrom('codebuild_command').where('sandbox_id', '=', id).execute();
        await rows.deleteFrom('codebuild_sandbox').where('sandbox_id', '=', id).execute();
      });
    }
  }

  return { StartSandbox, BatchGetSandboxes, ListSandboxes, ListSandboxesForProject, StopSandbox };
}

/** A sandbox has what a build of its project would have, and makes nothing. */
function planSandbox(call: Call, build: BuildPlan): BuildPlan {
  const { autoRetry: _retry, cache: _cache, ...plan } = build;
  return {
    ...plan,
    arn: arnOf('codebuild', call.region, call.account, `sandbox/${plan.id}`),
    artifacts: { type: 'NO_ARTIFACTS' },
    secondaryArtifacts: [],
  };
}

async function keepSandbox(transaction: Kysely<unknown>, plan: BuildPlan, at: number): Promise<void> {
  const rows = sandboxTables(transaction);
  const { count } = await rows
    .selectFrom('codebuild_sandbox')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('is_complete', '=', 0)
    .executeTakeFirstOrThrow();
  if (Number(count) >= SANDBOXES_OPEN_MAX) {
    throw invalid(`Cannot have more than ${SANDBOXES_OPEN_MAX} sandboxes in the account; stop one first`);
  }
  await rows
    .insertInto('codebuild_sandbox')
    .values({
      sandbox_id: plan.id,
      project_name: plan.projectName,
      requested_at: at,
      is_complete: 0,
      worker_id: null,
    })
    .execute();
}
