/**
 * The one section through which every change of references goes, whether pushed or made by the API. Uploads, parsing
 * and policy come before it; nothing slow happens inside.
 *
 *   turn ─▶ intention (committed) ─▶ git moves references ─▶ read back ─▶ record and events (committed) ─▶ turn ends
 *
 * A crash between intention and record is put right at the next opening, by reading back again. A failure there is put
 * right by the next change, or some seconds later by the machine itself, whichever has its turn first.
 */

import { createUuid } from '#base/chance.ts';
import { repositoryDecider, type OpenChange, type ReferenceChange } from '#core/commit/decide.ts';
import type { House } from '#services/service.ts';
import type { Maintenance } from './maintenance.ts';
import type { Mutex } from './mutex.ts';
import { noSuchRepository, readRows, repositoryArn, type Room } from './room.ts';
import { withTables, type RepositoryRow } from './tables.ts';

const BRANCHES = 'refs/heads/';
/** Where HEAD of an empty repository points. */
export const INITIAL_BRANCH = 'main';

export function createRoom(house: House, mutex: Mutex, maintenance: Maintenance): Room {
  const machine = createMachine(house, (repositoryId, changeId) => settle(room, repositoryId, changeId));
  const room: Room = { house, machine, mutex, maintenance };
  return room;
}

type Settle = (repositoryId: string, changeId: string) => Promise<void>;

function createMachine(house: House, settle: Settle): Room['machine'] {
  return {
    kind: 'codecommit.repository',
    decider: repositoryDecider,
    effects: {
      async PublishChanges({ at, events }, { machineId }) {
        for (const { eventId, ...event } of events) {
          await house.publish({
            id: eventId,
            source: 'aws.codecommit',
            detailType: 'CodeCommit Repository State Change',
            account: house.account,
            region: house.region,
            at,
            resources: [repositoryArn(house, event.repositoryName)],
            detail: { ...event, repositoryId: machineId },
          });
        }
        return undefined;
      },
      async SettleChange({ changeId }, { machineId }) {
        await settle(machineId, changeId);
        return undefined;
      },
    },
    async record(transaction, { id, event }) {
      const rows = withTables(transaction);
      if (event.type === 'ChangeIntended') {
        const row = { repository_id: id, change_id: event.changeId };
        await rows.insertInto('codecommit_open_change').values(row).execute();
      }
      if (event.type === 'ChangeRecorded') {
        await rows.deleteFrom('codecommit_open_change').where('repository_id', '=', id).execute();
        const first = event.defaultBranch === undefined ? {} : { default_branch: event.defaultBranch };
        await rows
          .updateTable('codecommit_repository')
          .set({ modified_at: event.at, ...first })
          .where('id', '=', id)
          .execute();
      }
    },
  };
}

export interface ChangeRequest<Result> {
  readonly repository: RepositoryRow;
  readonly callerUserArn: string;
  readonly changes: readonly ReferenceChange[];
  /** Lets git move the references. Whether it did is read back, whatever this returns or throws. */
  readonly apply: () => Promise<Result>;
}

export interface Changed<Result> {
  readonly result: Result;
  /** Names of the references that moved. */
  readonly applied: readonly string[];
}

export async function changeReferences<Result>(
  room: Room,
  request: ChangeRequest<Result>,
): Promise<Changed<Result>> {
  const { repository, callerUserArn, apply } = request;
  return await room.mutex.take(repository.id, async () => {
    // It may have been deleted while this change waited for its turn.
    if (!(await room.house.repositories.exists(repository.id))) throw noSuchRepository(repository.name);
    await finishLeft(room, repository.id);
    const changes = await possible(room, repository.id, request.changes);
    // What git is certain to refuse, or need not do, leaves no trace.
    if (changes.length === 0) return { result: await apply(), applied: [] };
    const open: OpenChange = {
      changeId: createUuid(),
      repositoryName: repository.name,
      callerUserArn,
      changes,
    };
    await room.house.engine.send(room.machine, repository.id, { type: 'ChangeIntended', ...open });
    let result: Result;
    try {
      result = await apply();
    } catch (error) {
      await finish(room, repository.id, open);
      throw error;
    }
    return { result, applied: await finish(room, repository.id, open) };
  });
}

/** Changes whose old value is what is there: only these can be made, so only these can be found made. */
async function possible(
  room: Room,
  repositoryId: string,
  changes: readonly ReferenceChange[],
): Promise<readonly ReferenceChange[]> {
  const current = await readAll(room, repositoryId, changes);
  return changes.filter(
    ({ name, oldId, newId }) => oldId !== newId && current.get(name) === oldId && current.has(name),
  );
}

async function readAll(
  room: Room,
  repositoryId: string,
  changes: readonly ReferenceChange[],
): Promise<ReadonlyMap<string, string | undefined>> {
  const { repositories } = room.house;
  const found = new Map<string, string | undefined>();
  for (const { name } of changes) found.set(name, await repositories.readReference(repositoryId, name));
  return found;
}

async function finish(room: Room, repositoryId: string, open: OpenChange): Promise<readonly string[]> {
  const now = await readAll(room, repositoryId, open.changes);
  const moved = open.changes.filter(({ name, newId }) => now.get(name) === newId);
  const applied = moved.map((change) => change.name);
  const defaultBranch = await chooseDefault(room, repositoryId, moved);
  const event = { type: 'ChangeRecorded', changeId: open.changeId, applied, defaultBranch } as const;
  await room.house.engine.send(room.machine, repositoryId, event);
  if (applied.length > 0) room.maintenance.note(repositoryId);
  return applied;
}

/** The first branch becomes the default: `main` if it is among several, else the first of the push. */
async function chooseDefault(
  room: Room,
  repositoryId: string,
  moved: readonly ReferenceChange[],
): Promise<string | undefined> {
  const created = moved
    .filter((change) => change.newId !== undefined && change.name.startsWith(BRANCHES))
    .map((change) => change.name.slice(BRANCHES.length));
  if (created.length === 0) return undefined;
  const row = await readRows(room.house)
    .selectFrom('codecommit_repository')
    .select('default_branch')
    .where('id', '=', repositoryId)
    .executeTakeFirst();
  if (row?.default_branch !== null) return undefined;
  const chosen = created.includes(INITIAL_BRANCH) ? INITIAL_BRANCH : created[0];
  if (chosen !== undefined && chosen !== INITIAL_BRANCH) await pointHead(room.house, repositoryId, chosen);
  return chosen;
}

/** HEAD always names the default branch. */
export async function pointHead(house: House, repositoryId: string, branch: string): Promise<void> {
  const { git, path } = house.repositories;
  await git.output(['--git-dir', path(repositoryId), 'symbolic-ref', 'HEAD', `${BRANCHES}${branch}`]);
}

/**
 * For a change whose record failed. While its maker still has the turn this waits, and then finds it recorded. The
 * record is sent within the turn, so that what it says of the default branch is still so.
 */
async function settle(room: Room, repositoryId: string, changeId: string): Promise<void> {
  await room.mutex.take(repositoryId, async () => {
    const { engine, repositories } = room.house;
    const state = await engine.read(room.machine, repositoryId);
    if (state?.open?.changeId !== changeId) return;
    if (await repositories.exists(repositoryId)) return await finishLeft(room, repositoryId);
    const event = { type: 'ChangeRecorded', changeId, applied: [], defaultBranch: undefined } as const;
    await engine.send(room.machine, repositoryId, event);
  });
}

/** Records a change that its maker left open, if there is one. Call it in the repository's turn. */
export async function finishLeft(room: Room, repositoryId: string): Promise<void> {
  const state = await room.house.engine.read(room.machine, repositoryId);
  if (!state?.open) return;
  await finish(room, repositoryId, state.open);
  const { changeId } = state.open;
  room.house.log.info('codecommit: finished a change that was interrupted', { repositoryId, changeId });
}

/** Before anything is served: finishes what a crash left between intention and record. */
export async function recoverChanges(room: Room): Promise<void> {
  const left = await readRows(room.house).selectFrom('codecommit_open_change').selectAll().execute();
  for (const { repository_id } of left) {
    await room.house.repositories.clearLeftovers(repository_id);
    await finishLeft(room, repository_id);
  }
}
