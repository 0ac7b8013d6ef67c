/** Branches by the API: each change goes through the same section as a push. */

import { fault } from '#base/fault.ts';
import { isBranchName, isObjectId } from '#core/commit/names.ts';
import { principalArn } from '#core/policy/principal.ts';
import { GitFailed } from '#store/git.ts';
import type { Handler, House } from '#services/service.ts';
import { changeReferences } from './changes.ts';
import { readCommit, withBatch } from './objects.ts';
import { findRepository, readRows, type Room } from './room.ts';

const BRANCHES_PER_PAGE = 1000;
const TOKEN_PURPOSE = 'codecommit.branches';

export function checkBranchName(name: string | undefined): string {
  if (!name) throw fault('BranchNameRequiredException', 'A branch name is required');
  if (!isBranchName(name)) throw fault('InvalidBranchNameException', `The branch name ${name} is not valid`);
  return name;
}

export function getBranch(room: Room): Handler<'codecommit', 'GetBranch'> {
  return async (_call, input) => {
    const repository = await findRepository(readRows(room.house), input.repositoryName);
    const branchName = checkBranchName(input.branchName);
    const commitId = await room.house.repositories.readReference(repository.id, `refs/heads/${branchName}`);
    if (commitId === undefined) {
      throw fault(
        'BranchDoesNotExistException',
        `The branch ${branchName} does not exist in ${repository.name}`,
      );
    }
    return { branch: { branchName, commitId } };
  };
}

export function listBranches(room: Room): Handler<'codecommit', 'ListBranches'> {
  const { house } = room;
  return async (_call, input) => {
    const repository = await findRepository(readRows(house), input.repositoryName);
    const all = await house.repositories.listReferences(repository.id, 'refs/heads/');
    const names = all.map((reference) => reference.name.slice('refs/heads/'.length));
    const after =
      input.nextToken === undefined ? undefined : openToken(house, input.nextToken, repository.id);
    const start = after === undefined ? 0 : names.findIndex((name) => name === after) + 1;
    const page = names.slice(start, start + BRANCHES_PER_PAGE);
    const last = page.at(-1);
    const hasMore = start + page.length < names.length;
    return {
      branches: page,
      ...(hasMore && last !== undefined
        ? { nextToken: house.keyring.seal(TOKEN_PURPOSE, last, repository.id) }
        : {}),
    };
  };
}

function openToken(house: House, token: string, repositoryId: string): string {
  try {
    return house.keyring.open(TOKEN_PURPOSE, token, repositoryId).toString('utf8');
  } catch (error) {
    throw fault('InvalidContinuationTokenException', 'The token does not belong to this call', {
      cause: error,
    });
  }
}

export function createBranch(room: Room): Handler<'codecommit', 'CreateBranch'> {
  const { house } = room;
  return async (call, input) => {
    const repository = await findRepository(readRows(house), input.repositoryName);
    const branchName = checkBranchName(input.branchName);
    const commitId = input.commitId ?? '';
    if (commitId === '') throw fault('CommitIdRequiredException', 'A commit id is required');
    if (!isObjectId(commitId)) throw fault('InvalidCommitIdException', `${commitId} is not a full commit id`);
    const commit = await withBatch(house, repository.id, call.signal, (batch) => readCommit(batch, commitId));
    if (!commit) {
      throw fault('CommitDoesNotExistException', `${commitId} does not exist in ${repository.name}`);
    }
    const name = `refs/heads/${branchName}`;
    await changeReferences(room, {
      repository,
      callerUserArn: principalArn(call.principal),
      changes: [{ name, oldId: undefined, newId: commitId }],
      apply: async () => {
        try {
          await updateReferences(house, repository.id, [`create ${name}\0${commitId}\0`]);
        } catch (error) {
          if (!(error instanceof GitFailed)) throw error;
          throw fault(
            'BranchNameExistsException',
            `${branchName} already exists, or clashes with a branch that does`,
            {
              cause: error,
            },
          );
        }
      },
    });
    return {};
  };
}

export function deleteBranch(room: Room): Handler<'codecommit', 'DeleteBranch'> {
  const { house } = room;
  return async (call, input) => {
    const repository = await findRepository(readRows(house), input.repositoryName);
    const branchName = checkBranchName(input.branchName);
    if (branchName === repository.default_branch) {
      throw fault(
        'DefaultBranchCannotBeDeletedException',
        `${branchName} is the default branch; make another one the default first`,
      );
    }
    const name = `refs/heads/${branchName}`;
    const commitId = await house.repositories.readReference(repository.id, name);
    if (commitId === undefined) return {};
    await changeReferences(room, {
      repository,
      callerUserArn: principalArn(call.principal),
      changes: [{ name, oldId: commitId, newId: undefined }],
      apply: () => updateReferences(house, repository.id, [`delete ${name}\0${commitId}\0`]),
    });
    return { deletedBranch: { branchName, commitId } };
  };
}

/** All or nothing. Each command as `git update-ref --stdin -z` wants it; old values are checked. */
export async function updateReferences(
  house: House,
  repositoryId: string,
  commands: readonly string[],
): Promise<void> {
  const { git, path } = house.repositories;
  const input = ['start\0', ...commands, 'prepare\0', 'commit\0'].join('');
  await git.output(['--git-dir', path(repositoryId), 'update-ref', '--stdin', '-z'], { input });
}
