/** Declarations and their versions: create, update, delete, get, list. */

import type { Kysely } from 'kysely';
import { present } from '#base/assert.ts';
import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Declaration } from '#core/pipeline/definition/declaration.ts';
import type { GivenDeclaration } from '#core/pipeline/definition/declaration-given.ts';
import type { Event } from '#core/pipeline/events.ts';
import { quotasOf } from '#core/pipeline/limits.ts';
import { principalArn } from '#core/policy/principal.ts';
import { Conflict } from '#engine/decision.ts';
import type { Handler } from '#services/service.ts';
import { checkDeclaration } from './declarations.ts';
import { createPageToken, readPageToken } from './paging.ts';
import { findDeclaration, noSuchPipeline, pipelineArn, requirePipeline, type Room } from './room.ts';
import { rows, within, type SourceRow } from './tables.ts';
import { checkTags, tagsOfList, tagsToList } from './tagging.ts';
import { maskDeclaration } from './secrets.ts';
import { withinTriggers } from './trigger-tables.ts';
import { viewDeclaration } from './views.ts';
import { findPollingDisabledAt, refuseExcessPolling } from './watchers.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

const PAGE_SIZE = 1000;

export function pipelineOperations(room: Room) {
  const { house, machine } = room;

  const CreatePipeline: Codepipeline<'CreatePipeline'> = async (call, input) => {
    const tags = checkTags(tagsOfList(input.tags));
    const { declaration } = await checkDeclaration(room, call, input.pipeline as GivenDeclaration, 1);
    const { name } = declaration;
    const pipelineId = createUuid();
    const event = {
      type: 'PipelineCreated' as const,
      account: house.account,
      region: house.region,
      declaration,
      by: principalArn(call.principal),
    };
    await send(pipelineId, event, async (transaction) => {
      await refuseExcess(transaction, name);
      await within(transaction)
        .insertInto('codepipeline_pipelines')
        .values({
          pipeline_id: pipelineId,
          name,
          version: 1,
          created_at: call.at,
          updated_at: call.at,
          tags: JSON.stringify(tags),
        })
        .execute();
      await writeVersion(transaction, pipelineId, declaration);
    });
    return { pipeline: viewDeclaration(maskDeclaration(declaration)), tags: tagsToList(tags) };
  };

  const refuseExcess = async (transaction: Kysely<unknown>, name: string) => {
    const names = await within(transaction).selectFrom('codepipeline_pipelines').select('name').execute();
    if (names.some((row) => row.name === name)) {
      throw fault(
        'PipelineNameInUseException',
        `A pipeline with the name '${name}' already exists in account '${house.account}'`,
      );
    }
    const { pipelinesMax } = quotasOf(house.quotas);
    if (names.length >= pipelinesMax) {
      throw fault(
        'LimitExceededException',
        `The account has ${names.length} pipelines. The maximum is ${pipelinesMax}`,
      );
    }
  };

  const UpdatePipeline: Codepipeline<'UpdatePipeline'> = async (call, input) => {
    const name = input.pipeline?.name;
    const row = await requireForUpdate(name);
    const before = await findDeclaration(house, row.pipeline_id, row.version);
    const given = input.pipeline as GivenDeclaration;
    const { declaration, keepsSecrets } = await checkDeclaration(room, call, given, 0, before);
    let updated = declaration;
    await send(row.pipeline_id, { type: 'PipelineUpdated', declaration }, async (transaction) => {
      const current = await within(transaction)
        .selectFrom('codepipeline_pipelines')
        .select('version')
        .where('pipeline_id', '=', row.pipeline_id)
        .executeTakeFirst();
      if (!current) throw noSuchPipeline(house, name);
      // The secrets that it kept may not be the newest any more.
      if (keepsSecrets && current.version !== row.version) throw changedMeanwhile();
      updated = { ...declaration, version: current.version + 1 };
      await within(transaction)
        .updateTable('codepipeline_pipelines')
        .set({ version: updated.version, updated_at: call.at })
        .where('pipeline_id', '=', row.pipeline_id)
        .execute();
      await writeVersion(transaction, row.pipeline_id, updated);
    });
    return { pipeline: viewDeclaration(maskDeclaration(updated)) };
  };

  /** Another change that always comes first, however often this one is tried, is told as AWS does. */
  const send = async (
    id: string,
    event: Event,
    alongside: (transaction: Kysely<unknown>) => Promise<void>,
  ): Promise<void> => {
    try {
      await house.engine.send(machine, id, event, alongside);
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
      throw changedMeanwhile(error);
    }
  };

  const requireForUpdate = async (name: string | undefined) => {
    const row = await rows(house.database)
      .selectFrom('codepipeline_pipelines')
      .select(['pipeline_id', 'version'])
      .where('name', '=', name ?? '')
      .executeTakeFirst();
    if (row) return row;
    throw fault(
      'PipelineNotFoundException',
      `The account with id '${house.account}' does not include a pipeline with the name '${name}'`,
    );
  };

  const DeletePipeline: Codepipeline<'DeletePipeline'> = async (_call, input) => {
    const row = await rows(house.database)
      .selectFrom('codepipeline_pipelines')
      .select('pipeline_id')
      .where('name', '=', input.name ?? '')
      .executeTakeFirst();
    if (!row) return {};
    const id = row.pipeline_id;
    await send(id, { type: 'PipelineDeleted' }, async (transaction) => {
      const kysely = within(transaction);
      await kysely.deleteFrom('codepipeline_pipelines').where('pipeline_id', '=', id).execute();
      await kysely.deleteFrom('codepipeline_versions').where('pipeline_id', '=', id).execute();
      await kysely.deleteFrom('codepipeline_sources').where('pipeline_id', '=', id).execute();
      await kysely.deleteFrom('codepipeline_executions').where('pipeline_id', '=', id).execute();
      await kysely.deleteFrom('codepipeline_actions').where('pipeline_id', '=', id).execute();
      await kysely.deleteFrom('codepipeline_rules').where('pipeline_id', '=', id).execute();
      await kysely.deleteFrom('codepipeline_successes').where('pipeline_id', '=', id).execute();
      await kysely.deleteFrom('codepipeline_tokens').where('pipeline_id', '=', id).execute();
      await withinTriggers(transaction)
        .deleteFrom('codepipeline_revisions')
        .where('pipeline_id', '=', id)
        .execute();
    });
    return {};
  };

  const GetPipeline: Codepipeline<'GetPipeline'> = async (_call, input) => {
    const row = await requirePipeline(house, input.name);
    const version = input.version ?? row.version;
    const declaration = await findDeclaration(house, row.pipeline_id, version);
    if (!declaration) {
      throw fault(
        'PipelineVersionNotFoundException',
        `Pipeline '${row.name}' does not have a version ${version}`,
      );
    }
    const disabledAt = await findPollingDisabledAt(house, row);
    return {
      pipeline: viewDeclaration(maskDeclaration(declaration)),
      metadata: {
        pipelineArn: pipelineArn(house, row.name),
        created: new Date(row.created_at),
        updated: new Date(row.updated_at),
        ...(disabledAt === undefined ? {} : { pollingDisabledAt: new Date(disabledAt) }),
      },
    };
  };

  const ListPipelines: Codepipeline<'ListPipelines'> = async (_call, input) => {
    const limit = input.maxResults ?? PAGE_SIZE;
    const [after = ''] = readPageToken(house.keyring, 'ListPipelines', input.nextToken) ?? [];
    const found = await rows(house.database)
      .selectFrom('codepipeline_pipelines as pipeline')
      .innerJoin('codepipeline_versions as current', (join) =>
        join
          .onRef('current.pipeline_id', '=', 'pipeline.pipeline_id')
          .onRef('current.version', '=', 'pipeline.version'),
      )
      .select(['pipeline.name', 'pipeline.version', 'pipeline.created_at', 'pipeline.updated_at'])
      .select('current.declaration')
      .where('pipeline.name', '>', String(after))
      .orderBy('pipeline.name')
      .limit(limit + 1)
      .execute();
    const page = found.slice(0, limit);
    const pipelines = page.map((row) => {
      const { pipelineType, executionMode } = JSON.parse(row.declaration) as Declaration;
      return {
        name: row.name,
        version: row.version,
        pipelineType,
        executionMode,
        created: new Date(row.created_at),
        updated: new Date(row.updated_at),
      };
    });
    if (found.length <= limit) return { pipelines };
    const last = present(page.at(-1), 'last row of a page').name;
    return { pipelines, nextToken: createPageToken(house.keyring, 'ListPipelines', [last]) };
  };

  return { CreatePipeline, UpdatePipeline, DeletePipeline, GetPipeline, ListPipelines };
}

function changedMeanwhile(cause?: unknown) {
  const message = 'The pipeline is being changed by somebody else at the same time. Try again';
  return fault('ConcurrentModificationException', message, { cause });
}

/** The declaration, and what its sources watch from now on. */
async function writeVersion(
  transaction: Kysely<unknown>,
  pipelineId: string,
  declaration: Declaration,
): Promise<void> {
  await refuseExcessPolling(transaction, pipelineId, declaration);
  const kysely = within(transaction);
  await kysely
    .insertInto('codepipeline_versions')
    .values({
      pipeline_id: pipelineId,
      version: declaration.version,
      declaration: JSON.stringify(declaration),
    })
    .execute();
  await kysely.deleteFrom('codepipeline_sources').where('pipeline_id', '=', pipelineId).execute();
  const watched = sourcesOf(pipelineId, declaration);
  if (watched.length > 0) await kysely.insertInto('codepipeline_sources').values(watched).execute();
}

function sourcesOf(pipelineId: string, declaration: Declaration): SourceRow[] {
  return (declaration.stages[0]?.actions ?? []).flatMap((action): SourceRow[] => {
    const { provider } = action.actionTypeId;
    const { RepositoryName, BranchName, S3Bucket, S3ObjectKey } = action.configuration;
    const watch = (place = '', entry = '') => [
      { pipeline_id: pipelineId, action: action.name, provider, place, entry },
    ];
    switch (provider) {
      case 'CodeCommit':
        return watch(RepositoryName, BranchName);
      case 'S3':
        return watch(S3Bucket, S3ObjectKey);
      default:
        return [];
    }
  });
}
