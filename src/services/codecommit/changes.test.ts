import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createUuid } from '#base/chance.ts';
import { createFakeClock, systemClock, type Clock, type FakeClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { LOOK_MS } from '#core/commit/decide.ts';
import { createEngine, engineMigrations } from '#engine/engine.ts';
import type { BusEvent, House } from '#services/service.ts';
import { migrate, openDatabase } from '#store/database.ts';
import { openRepositories } from '#store/repositories.ts';
import { updateReferences } from './branches.ts';
import { changeReferences, createRoom, recoverChanges } from './changes.ts';
import { createMaintenance } from './maintenance.ts';
import { createMutex } from './mutex.ts';
import type { Room } from './room.ts';
import { migrations, withTables, type RepositoryRow } from './tables.ts';

const root = mkdtempSync(join(tmpdir(), 'slipway-changes-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** What the world heard, over all lives of a house. */
type Heard = Map<string, BusEvent>;

/** One life of the room, with real database, engine and git. `end` is a crash: nothing is finished. */
async function live(directory: string, hear: (event: BusEvent) => Promise<void>, clock: Clock = systemClock) {
  const database = await openDatabase({ path: join(directory, 'slipway.db'), log: silentLog });
  const engine = createEngine({ database, clock, log: silentLog, node: 'test' });
  const repositories = openRepositories(join(directory, 'repositories'));
  const some: Partial<House> = {
    account: '123456789012',
    region: 'us-east-1',
    clock,
    log: silentLog,
    database,
    engine,
    repositories,
    publish: hear,
  };
  // The section uses only these parts of the house.
  const house = some as House;
  const mutex = createMutex();
  const maintenance = createMaintenance(house, mutex, 10);
  const room = createRoom(house, mutex, maintenance);
  await migrate(database, [...engineMigrations, ...migrations]);
  engine.register(room.machine);
  await recoverChanges(room);
  await engine.start();
  return {
    room,
    async end() {
      await engine.stop(0);
      await maintenance.close();
      await database.close();
    },
  };
}

async function createRepository(room: Room): Promise<{ repository: RepositoryRow; commitId: string }> {
  const { house } = room;
  const id = createUuid();
  await house.repositories.create(id, 'main');
  const repository: RepositoryRow = {
    id,
    name: 'shop',
    description: null,
    default_branch: null,
    created_at: 0,
    modified_at: 0,
    tags: '{}',
  };
  await house.database.transaction(async (transaction) => {
    await withTables(transaction).insertInto('codecommit_repository').values(repository).execute();
  });
  const who = 'Dana <dana@example.com> 1700000000 +0000';
  const commit = `tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor ${who}\ncommitter ${who}\n\nEmpty\n`;
  const { git, path } = house.repositories;
  const hash = (type: string, input: string) =>
    git.output(['--git-dir', path(id), 'hash-object', '-t', type, '-w', '--stdin'], { input });
  await hash('tree', '');
  return { repository, commitId: (await hash('commit', commit)).toString().trim() };
}

function push(room: Room, repository: RepositoryRow, commitId: string, apply: () => Promise<void>) {
  return changeReferences(room, {
    repository,
    callerUserArn: 'arn:aws:iam::123456789012:user/dana',
    changes: [{ name: 'refs/heads/trunk', oldId: undefined, newId: commitId }],
    apply,
  });
}

type Crash = 'before git' | 'after git' | 'before the world heard' | 'never';

/** A change whose life ends at `crash`, and what is true after the next one settled. */
async function crashAndRecover(crash: Crash) {
  const directory = mkdtempSync(join(root, 'house-'));
  const heard: Heard = new Map();
  let calls = 0;
  const hear = async (event: BusEvent) => {
    calls++;
    if (crash === 'before the world heard' && calls === 1) await new Promise(() => {});
    heard.set(event.id, event);
  };
  const first = await live(directory, hear);
  const { repository, commitId } = await createRepository(first.room);
  const command = `create refs/heads/trunk\0${commitId}\0`;
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  const pushing = push(first.room, repository, commitId, async () => {
    if (crash === 'before git') reach();
    if (crash !== 'before git') await updateReferences(first.room.house, repository.id, [command]);
    if (crash === 'after git') reach();
    if (crash === 'before git' || crash === 'after git') await new Promise(() => {});
  });
  await (crash === 'never' || crash === 'before the world heard' ? pushing : reached);
  await first.end();
  const second = await live(directory, hear);
  const { house, machine } = second.room;
  await house.engine.idle();
  const state = await house.engine.read(machine, repository.id);
  const row = await withTables(house.database.read)
    .selectFrom('codecommit_repository')
    .select('default_branch')
    .executeTakeFirst();
  const tip = await house.repositories.readReference(repository.id, 'refs/heads/trunk');
  await second.end();
  const third = await live(directory, hear);
  await third.room.house.engine.idle();
  await third.end();
  return { state, row, tip, commitId, events: [...heard.values()] };
}

for (const crash of ['never', 'after git', 'before the world heard'] as const) {
  test(`a change is recorded and told once: crash ${crash}`, async () => {
    const { state, row, tip, commitId, events } = await crashAndRecover(crash);
    assert.equal(tip, commitId);
    assert.deepEqual(state, { recorded: 1, lost: 0 });
    assert.deepEqual(row, { default_branch: 'trunk' });
    assert.deepEqual(
      events.map((event) => [event.detail['event'], event.detail['commitId'], event.resources]),
      [['referenceCreated', commitId, ['arn:aws:codecommit:us-east-1:123456789012:shop']]],
    );
  });
}

test('a change that git never made is forgotten, and told to nobody: crash before git', async () => {
  const { state, row, tip, events } = await crashAndRecover('before git');
  assert.equal(tip, undefined);
  assert.deepEqual(state, { recorded: 1, lost: 0 });
  assert.deepEqual(row, { default_branch: null });
  assert.deepEqual(events, []);
});

test('the next change first finishes one whose record failed', async () => {
  const heard: BusEvent[] = [];
  const directory = mkdtempSync(join(root, 'house-'));
  const { room, end } = await live(directory, async (event) => void heard.push(event));
  const { repository, commitId } = await createRepository(room);
  const { engine } = room.house;
  const { send } = engine;
  const broken = engine as { send: unknown };
  broken.send = async (...call: Parameters<typeof send>) => {
    if (call[2].type === 'ChangeRecorded') throw new Error('the database is gone');
    return await send(...call);
  };
  const make = (name: string) => () =>
    updateReferences(room.house, repository.id, [`create refs/heads/${name}\0${commitId}\0`]);
  await assert.rejects(push(room, repository, commitId, make('trunk')), /the database is gone/);
  broken.send = send;
  const changes = [{ name: 'refs/heads/next', oldId: undefined, newId: commitId }];
  await changeReferences(room, { repository, callerUserArn: 'arn', changes, apply: make('next') });
  await engine.idle();
  assert.deepEqual(
    heard.map((event) => event.detail['referenceName']),
    ['trunk', 'next'],
  );
  await end();
});

/** Another clock's time goes on until `isSo`. */
async function passTimeUntil(clock: FakeClock, isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) {
    clock.advance(100);
    await nextTurn();
  }
}

test('a change whose record failed is recorded and told by itself, once', async () => {
  const heard: BusEvent[] = [];
  const clock = createFakeClock();
  const directory = mkdtempSync(join(root, 'house-'));
  const { room, end } = await live(directory, async (event) => void heard.push(event), clock);
  const { repository, commitId } = await createRepository(room);
  const { engine } = room.house;
  const { send } = engine;
  let failures = 0;
  (engine as { send: unknown }).send = async (...call: Parameters<typeof send>) => {
    // Its maker fails, and so does the first who looks after it.
    if (call[2].type === 'ChangeRecorded' && ++failures <= 2) throw new Error('the disk is full');
    return await send(...call);
  };
  const command = `create refs/heads/trunk\0${commitId}\0`;
  const make = () => updateReferences(room.house, repository.id, [command]);
  await assert.rejects(push(room, repository, commitId, make), /the disk is full/);
  await passTimeUntil(clock, () => heard.length > 0);
  await engine.idle();
  assert.deepEqual(
    heard.map((event) => [event.detail['event'], event.detail['commitId']]),
    [['referenceCreated', commitId]],
  );
  assert.equal(failures, 3);
  assert.deepEqual(await engine.read(room.machine, repository.id), { recorded: 1, lost: 0 });
  await end();
});

test('a change that takes long is looked after only when its turn has ended', async () => {
  const heard: BusEvent[] = [];
  const clock = createFakeClock();
  const directory = mkdtempSync(join(root, 'house-'));
  const { room, end } = await live(directory, async (event) => void heard.push(event), clock);
  const { repository, commitId } = await createRepository(room);
  const { engine } = room.house;
  await push(room, repository, commitId, async () => {
    await passTimeUntil(clock, async () => {
      const open = (await engine.read(room.machine, repository.id))?.open;
      return open !== undefined && open.lookAt === undefined;
    });
    const open = (await engine.read(room.machine, repository.id))?.open;
    assert.ok(open, 'whoever looks after it waits');
    await updateReferences(room.house, repository.id, [`create refs/heads/trunk\0${commitId}\0`]);
  });
  await engine.idle();
  clock.advance(2 * LOOK_MS);
  await engine.idle();
  assert.equal(heard.length, 1);
  assert.deepEqual(await engine.read(room.machine, repository.id), { recorded: 1, lost: 0 });
  await end();
});

test('after some changes loose objects and references are packed, and all of them stay', async () => {
  const directory = mkdtempSync(join(root, 'house-'));
  const { room, end } = await live(directory, async () => {});
  const { repository, commitId } = await createRepository(room);
  const { repositories } = room.house;
  const names = Array.from({ length: 10 }, (_, i) => `refs/heads/b${i}`);
  for (const name of names) {
    await changeReferences(room, {
      repository,
      callerUserArn: 'arn',
      changes: [{ name, oldId: undefined, newId: commitId }],
      apply: () => updateReferences(room.house, repository.id, [`create ${name}\0${commitId}\0`]),
    });
  }
  await room.maintenance.settle();
  const path = repositories.path(repository.id);
  assert.ok(readdirSync(join(path, 'objects', 'pack')).some((name) => name.endsWith('.pack')));
  assert.deepEqual(readdirSync(join(path, 'refs', 'heads')), []);
  for (const name of names) assert.equal(await repositories.readReference(repository.id, name), commitId);
  await repositories.git.output(['--git-dir', path, 'fsck', '--full', '--strict']);
  await updateReferences(room.house, repository.id, [`delete refs/heads/b3\0${commitId}\0`]);
  assert.equal(await repositories.readReference(repository.id, 'refs/heads/b3'), undefined);
  await end();
});
