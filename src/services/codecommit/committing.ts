/**
 * Makes a commit: one `git fast-import` builds it under a hidden reference; then the branch moves to it in the same
 * section as a push, if its tip is still the parent.
 */

import { present } from '#base/assert.ts';
import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import { isObjectId } from '#core/commit/names.ts';
import { principalArn, type Principal } from '#core/policy/principal.ts';
import type { Batch } from '#store/batch.ts';
import { GitFailed } from '#store/git.ts';
import type { Call, House } from '#services/service.ts';
import { updateReferences } from './branches.ts';
import { changeReferences } from './changes.ts';
import { listTree, readCommit, withBatch, type TreeEntry } from './objects.ts';
import type { Room } from './room.ts';
import { changeCommands, checkPlan, defaultMessage, foldersOf, type CommitPlan } from './commit-plan.ts';

interface Committed {
  readonly commitId: string;
  readonly treeId: string;
  readonly before: ReadonlyMap<string, TreeEntry>;
  readonly after: ReadonlyMap<string, TreeEntry>;
}

export async function commit(room: Room, call: Call, plan: CommitPlan): Promise<Committed> {
  checkPlan(plan);
  const { house } = room;
  const { repository, branchName } = plan;
  const reference = `refs/heads/${branchName}`;
  const parentId = await findParent(room, call, plan);
  const paths = plan.puts.flatMap((put) => [put.path, ...(put.source ? [put.source.path] : [])]);
  const named = [...paths, ...plan.deletes, ...plan.modes.map((each) => each.path)];
  const before = await entriesOf(house, repository.id, parentId, named);
  const commands = changeCommands(plan, before);
  const temporary = `refs/slipway/tmp/${createUuid()}`;
  const commitId = await importCommit(house, call, plan, { temporary, parentId, commands });
  const [treeId, parentTreeId] = await withBatch(house, repository.id, call.signal, async (batch) => [
    await treeOf(batch, commitId),
    parentId === undefined ? undefined : await treeOf(batch, parentId),
  ]);
  const drop = `delete ${temporary}\0${commitId}\0`;
  if (treeId === parentTreeId) {
    await updateReferences(house, repository.id, [drop]);
    throw fault('NoChangeException', 'The commit would change nothing');
  }
  const { applied } = await changeReferences(room, {
    repository,
    callerUserArn: principalArn(call.principal),
    changes: [{ name: reference, oldId: parentId, newId: commitId }],
    apply: async () => {
      const old = parentId ?? '0'.repeat(40);
      try {
        await updateReferences(house, repository.id, [`update ${reference}\0${commitId}\0${old}\0`, drop]);
      } catch (error) {
        if (!(error instanceof GitFailed)) throw error;
        await updateReferences(house, repository.id, [drop]);
        throw outdated(parentId, reference, error);
      }
    },
  });
  if (!applied.includes(reference)) throw outdated(parentId, reference);
  return { commitId, treeId, before, after: await entriesOf(house, repository.id, commitId, named) };
}

function outdated(parentId: string | undefined, reference: string, cause?: unknown) {
  return fault(
    'ParentCommitIdOutdatedException',
    `Parent commit id ${parentId ?? '(none)'} is not the tip of ${reference}`,
    { cause },
  );
}

/** The branch's tip, which the caller must name; nothing in a repository without branches. */
async function findParent(room: Room, call: Call, plan: CommitPlan): Promise<string | undefined> {
  const { repository, branchName, parentCommitId } = plan;
  const reference = `refs/heads/${branchName}`;
  const tip = await room.house.repositories.readReference(repository.id, reference);
  if (tip === undefined) {
    if (repository.default_branch === null) return undefined;
    const tag = await room.house.repositories.readReference(repository.id, `refs/tags/${branchName}`);
    if (tag !== undefined)
      throw fault('BranchNameIsTagNameException', `${branchName} is a tag, not a branch`);
    throw fault('BranchDoesNotExistException', `The branch ${branchName} does not exist`);
  }
  if (!parentCommitId)
    throw fault('ParentCommitIdRequiredException', 'The id of the parent commit is required');
  if (!isObjectId(parentCommitId)) {
    throw fault('InvalidParentCommitIdException', `${parentCommitId} is not a full commit id`);
  }
  if (parentCommitId === tip) return tip;
  const known = await withBatch(room.house, repository.id, call.signal, (batch) =>
    readCommit(batch, parentCommitId),
  );
  if (!known) throw fault('ParentCommitDoesNotExistException', `${parentCommitId} does not exist`);
  throw outdated(parentCommitId, reference);
}

/** What is at these paths and at every folder above them. */
async function entriesOf(
  house: House,
  repositoryId: string,
  commitId: string | undefined,
  paths: readonly string[],
): Promise<ReadonlyMap<string, TreeEntry>> {
  if (commitId === undefined) return new Map();
  const all = paths.flatMap((path) => [path, ...foldersOf(path)]);
  const entries = await listTree(house, repositoryId, commitId, [...new Set(all)]);
  return new Map(entries.map((entry) => [entry.path, entry]));
}

async function importCommit(
  house: House,
  call: Call,
  plan: CommitPlan,
  work: {
    readonly temporary: string;
    readonly parentId: string | undefined;
    readonly commands: readonly (string | Uint8Array)[];
  },
): Promise<string> {
  const { git, path, readReference } = house.repositories;
  const who = `${plain(plan.name ?? nameOf(call.principal))} <${plain(plan.email ?? '')}>`;
  const when = `${Math.floor(call.at / 1000)} +0000`;
  const message = Buffer.from(plan.message ?? defaultMessage(plan));
  const stream = [
    'feature done\n',
    `commit ${work.temporary}\nauthor ${who} ${when}\ncommitter ${who} ${when}\n`,
    `data ${message.length}\n`,
    message,
    '\n',
    work.parentId === undefined ? '' : `from ${work.parentId}\n`,
    ...work.commands,
    'done\n',
  ];
  const input = Buffer.concat(stream.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  const args = ['--git-dir', path(plan.repository.id), 'fast-import', '--quiet', '--done'];
  await git.output(args, { input, signal: call.signal });
  const commitId = await readReference(plan.repository.id, work.temporary);
  if (commitId === undefined) throw new Error(`git fast-import made no ${work.temporary}`);
  return commitId;
}

async function treeOf(batch: Batch, commitId: string): Promise<string> {
  return present(await readCommit(batch, commitId), `commit ${commitId}`).treeId;
}

function plain(text: string): string {
  return text.replace(/[<>\x00-\x1f]/g, '').trim();
}

function nameOf(principal: Principal): string {
  switch (principal.type) {
    case 'user':
      return principal.userName;
    case 'role':
      return principal.sessionName;
    case 'root':
    case 'service':
    case 'anonymous':
      return principalArn(principal);
  }
}
