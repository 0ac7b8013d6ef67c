/** Repositories: made, described, renamed, listed and deleted. */

import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Call, Handler } from '#services/service.ts';
import { finishLeft, INITIAL_BRANCH, pointHead } from './changes.ts';
import {
  checkRepositoryName,
  DESCRIPTION_LENGTH_MAX,
  findRepository,
  readRows,
  REPOSITORIES_MAX,
  repositoryArn,
  type Room,
} from './room.ts';
import { withTables, type RepositoryRow } from './tables.ts';
import { checkTags } from './tagging.ts';

const NAMES_AT_ONCE_MAX = 100;

/** The metadata as every answer shows it; the clone URL is the one by which this caller reaches us. */
function metadataOf(call: Call, row: RepositoryRow) {
  return {
    accountId: call.account,
    repositoryId: row.id,
    repositoryName: row.name,
    ...(row.description === null ? {} : { repositoryDescription: row.description }),
    ...(row.default_branch === null ? {} : { defaultBranch: row.default_branch }),
    creationDate: new Date(row.created_at),
    lastModifiedDate: new Date(row.modified_at),
    cloneUrlHttp: `${call.endpoint}/v1/repos/${row.name}`,
    Arn: repositoryArn(call, row.name),
  };
}

export function createRepository(room: Room): Handler<'codecommit', 'CreateRepository'> {
  const { house } = room;
  return async (call, input) => {
    const name = checkRepositoryName(input.repositoryName);
    checkDescription(input.repositoryDescription);
    if (input.kmsKeyId !== undefined) {
      throw fault(
        'OperationNotAllowedException',
        'Encrypting a repository with a KMS key is not implemented. Leave kmsKeyId out.',
      );
    }
    const row: RepositoryRow = {
      id: createUuid(),
      name,
      description: input.repositoryDescription ?? null,
      default_branch: null,
      created_at: call.at,
      modified_at: call.at,
      tags: JSON.stringify(checkTags(input.tags ?? {})),
    };
    // First the folder, then the row: a crash between them leaves a folder that nothing refers to.
    await house.repositories.create(row.id, INITIAL_BRANCH);
    try {
      await house.database.transaction(async (transaction) => {
        const rows = withTables(transaction);
        const known = await rows.selectFrom('codecommit_repository').select('name').execute();
        if (known.some((each) => each.name === name)) {
          throw fault('RepositoryNameExistsException', `Repository named ${name} already exists`);
        }
        if (known.length >= REPOSITORIES_MAX) {
          throw fault(
            'RepositoryLimitExceededException',
            `There are ${REPOSITORIES_MAX} repositories, which is the limit`,
          );
        }
        await rows.insertInto('codecommit_repository').values(row).execute();
      });
    } catch (error) {
      await house.repositories.delete(row.id);
      throw error;
    }
    return { repositoryMetadata: metadataOf(call, row) };
  };
}

function checkDescription(description: string | undefined): void {
  if ((description?.length ?? 0) > DESCRIPTION_LENGTH_MAX) {
    throw fault(
      'InvalidRepositoryDescriptionException',
      `A description can have up to ${DESCRIPTION_LENGTH_MAX} characters`,
    );
  }
}

export function getRepository(room: Room): Handler<'codecommit', 'GetRepository'> {
  return async (call, input) => ({
    repositoryMetadata: metadataOf(call, await findRepository(readRows(room.house), input.repositoryName)),
  });
}

export function batchGetRepositories(room: Room): Handler<'codecommit', 'BatchGetRepositories'> {
  return async (call, input) => {
    const names = input.repositoryNames;
    if (!names) throw fault('RepositoryNamesRequiredException', 'A list of repository names is required');
    if (names.length > NAMES_AT_ONCE_MAX) {
      throw fault('MaximumRepositoryNamesExceededException', `Up to ${NAMES_AT_ONCE_MAX} names are allowed`);
    }
    for (const name of names) checkRepositoryName(name);
    const rows =
      names.length === 0
        ? []
        : await readRows(room.house)
            .selectFrom('codecommit_repository')
            .selectAll()
            .where('name', 'in', names)
            .execute();
    const found = new Map(rows.map((row) => [row.name, row]));
    const missing = names.filter((name) => !found.has(name));
    return {
      repositories: names.flatMap((name) => {
        const row = found.get(name);
        return row ? [metadataOf(call, row)] : [];
      }),
      repositoriesNotFound: missing,
      errors: missing.map((name) => ({
        repositoryName: name,
        errorCode: 'RepositoryDoesNotExistException',
        errorMessage: `${name} does not exist`,
      })),
    };
  };
}

export function listRepositories(room: Room): Handler<'codecommit', 'ListRepositories'> {
  return async (_call, input) => {
    const column = input.sortBy === 'lastModifiedDate' ? 'modified_at' : 'name';
    const direction = input.order === 'descending' ? 'desc' : 'asc';
    const rows = await readRows(room.house)
      .selectFrom('codecommit_repository')
      .select(['id', 'name'])
      .orderBy(column, direction)
      .limit(REPOSITORIES_MAX)
      .execute();
    return { repositories: rows.map((row) => ({ repositoryName: row.name, repositoryId: row.id })) };
  };
}

export function deleteRepository(room: Room): Handler<'codecommit', 'DeleteRepository'> {
  const { house } = room;
  return async (_call, input) => {
    const name = checkRepositoryName(input.repositoryName);
    const row = await readRows(house)
      .selectFrom('codecommit_repository')
      .selectAll()
      .where('name', '=', name)
      .executeTakeFirst();
    if (!row) return {};
    await room.mutex.take(row.id, async () => {
      // Two deletions may wait for the same turn.
      if (await house.repositories.exists(row.id)) await finishLeft(room, row.id);
      await house.database.transaction(async (transaction) => {
        const rows = withTables(transaction);
        await rows.deleteFrom('codecommit_repository').where('id', '=', row.id).execute();
        await rows.deleteFrom('codecommit_open_change').where('repository_id', '=', row.id).execute();
      });
      await house.repositories.delete(row.id);
    });
    return { repositoryId: row.id };
  };
}

async function change(
  room: Room,
  call: Call,
  name: string | undefined,
  columns: Partial<RepositoryRow>,
): Promise<void> {
  await room.house.database.transaction(async (transaction) => {
    const rows = withTables(transaction);
    const row = await findRepository(rows, name);
    await rows
      .updateTable('codecommit_repository')
      .set({ ...columns, modified_at: call.at })
      .where('id', '=', row.id)
      .execute();
  });
}

export function updateRepositoryDescription(
  room: Room,
): Handler<'codecommit', 'UpdateRepositoryDescription'> {
  return async (call, input) => {
    checkDescription(input.repositoryDescription);
    await change(room, call, input.repositoryName, { description: input.repositoryDescription ?? null });
    return {};
  };
}

export function updateRepositoryName(room: Room): Handler<'codecommit', 'UpdateRepositoryName'> {
  return async (call, input) => {
    const name = checkRepositoryName(input.newName);
    await room.house.database.transaction(async (transaction) => {
      const rows = withTables(transaction);
      const row = await findRepository(rows, input.oldName);
      if (name === row.name) return;
      const taken = await rows
        .selectFrom('codecommit_repository')
        .select('id')
        .where('name', '=', name)
        .executeTakeFirst();
      if (taken) throw fault('RepositoryNameExistsException', `Repository named ${name} already exists`);
      await rows
        .updateTable('codecommit_repository')
        .set({ name, modified_at: call.at })
        .where('id', '=', row.id)
        .execute();
    });
    return {};
  };
}

export function updateDefaultBranch(room: Room): Handler<'codecommit', 'UpdateDefaultBranch'> {
  const { house } = room;
  return async (call, input) => {
    const repository = await findRepository(readRows(house), input.repositoryName);
    const branch = input.defaultBranchName ?? '';
    if (branch === '') throw fault('BranchNameRequiredException', 'A branch name is required');
    await room.mutex.take(repository.id, async () => {
      const tip = await house.repositories.readReference(repository.id, `refs/heads/${branch}`);
      if (tip === undefined)
        throw fault('BranchDoesNotExistException', `refs/heads/${branch} does not exist`);
      await pointHead(house, repository.id, branch);
      await change(room, call, repository.name, { default_branch: branch });
    });
    return {};
  };
}
