/** Fleets: made, looked at, listed, changed, deleted. A fleet is a named bound of builds that run at the same time. */

import type { Fleet } from '@aws-sdk/client-codebuild';
import { arnOf } from '#base/arn.ts';
import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Call, Handler } from '#services/service.ts';
import { PAGE_ROWS, pageOf, pageSize, pageStart, SERVICE, type Room } from '#services/codebuild/room.ts';
import { BUILDS_TOPIC } from '#services/codebuild/workers.ts';
import { busyIn } from './pools.ts';
import { capacityOf, createFleetSettings, unsupportedByHouse, updateFleetSettings } from './settings.ts';
import { findFleet, fleetTables, settingsOfFleet, type FleetRow, type FleetSettings } from './tables.ts';

const FLEETS_MAX = 100;

export function fleetOperations(room: Room) {
  const { house } = room;
  const { database } = house;

  const CreateFleet: Handler<'codebuild', 'CreateFleet'> = async (call, input) => {
    const name = input.name ?? '';
    const settings = createFleetSettings(input);
    await authorizeRole(call, settings.fleetServiceRole);
    const row: FleetRow = {
      arn: arnOf('codebuild', call.region, call.account, `fleet/${name}:${createUuid()}`),
      name,
      created_at: call.at,
      modified_at: call.at,
      settings: JSON.stringify(settings),
    };
    await database.transaction(async (transaction) => {
      const there = await findFleet(transaction, name);
      if (there) throw fault('ResourceAlreadyExistsException', `Fleet already exists: ${there.arn}`);
      const rows = fleetTables(transaction);
      const { count } = await rows
        .selectFrom('codebuild_fleet')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      if (Number(count) >= FLEETS_MAX) {
        throw fault(
          'AccountLimitExceededException',
          `Cannot have more than ${FLEETS_MAX} fleets in the account`,
        );
      }
      await rows.insertInto('codebuild_fleet').values(row).execute();
    });
    return { fleet: viewFleet(row, 0) };
  };

  const UpdateFleet: Handler<'codebuild', 'UpdateFleet'> = async (call, input) => {
    const arn = input.arn ?? '';
    if (input.fleetServiceRole !== undefined) await authorizeRole(call, input.fleetServiceRole);
    const row = await database.transaction(async (transaction) => {
      const before = await findFleet(transaction, arn);
      if (!before) throw fault('ResourceNotFoundException', `Fleet cannot be found: ${arn}`);
      const settings = JSON.stringify(updateFleetSettings(settingsOfFleet(before), input));
      const changes = { settings, modified_at: call.at };
      await fleetTables(transaction)
        .updateTable('codebuild_fleet')
        .set(changes)
        .where('arn', '=', before.arn)
        .execute();
      await database.notices?.tell(transaction, BUILDS_TOPIC);
      return { ...before, ...changes };
    });
    room.placing().look();
    return { fleet: viewFleet(row, await busyIn(database, row.arn)) };
  };

  /** Builds that it has go on, and those that wait in it run as if they had none. */
  const DeleteFleet: Handler<'codebuild', 'DeleteFleet'> = async (_call, input) => {
    await database.transaction(async (transaction) => {
      const rows = fleetTables(transaction);
      await rows
        .deleteFrom('codebuild_fleet')
        .where('arn', '=', input.arn ?? '')
        .execute();
      await database.notices?.tell(transaction, BUILDS_TOPIC);
    });
    room.placing().look();
    return {};
  };

  const BatchGetFleets: Handler<'codebuild', 'BatchGetFleets'> = async (_call, input) => {
    const fleets: Fleet[] = [];
    const fleetsNotFound: string[] = [];
    for (const given of new Set(input.names ?? [])) {
      const row = await findFleet(database, given);
      if (row) fleets.push(viewFleet(row, await busyIn(database, row.arn)));
      else fleetsNotFound.push(given);
    }
    return { fleets, fleetsNotFound };
  };

  const ListFleets: Handler<'codebuild', 'ListFleets'> = async (_call, input) => {
    const start = pageStart(input.nextToken);
    const column = { NAME: 'name', CREATED_TIME: 'created_at', LAST_MODIFIED_TIME: 'modified_at' } as const;
    const rows = await fleetTables(database)
      .selectFrom('codebuild_fleet')
      .select('arn')
      .orderBy(column[input.sortBy ?? 'NAME'], input.sortOrder === 'DESCENDING' ? 'desc' : 'asc')
      .orderBy('name')
      .limit(PAGE_ROWS)
      .offset(start)
      .execute();
    const page = pageOf(rows, start, pageSize(input.maxResults));
    return {
      fleets: page.rows.map((row) => row.arn),
      ...(page.nextToken && { nextToken: page.nextToken }),
    };
  };

  return { CreateFleet, UpdateFleet, DeleteFleet, BatchGetFleets, ListFleets };
}

async function authorizeRole(call: Call, role: string | undefined): Promise<void> {
  if (role === undefined) return;
  await call.authorize({
    action: 'iam:PassRole',
    resource: role,
    context: { 'iam:PassedToService': SERVICE },
  });
}

/** There is nothing to bring up: a fleet is ACTIVE at once, or nothing here can ever serve it. */
function viewFleet(row: FleetRow, busy: number): Fleet {
  const settings = settingsOfFleet(row);
  const { scalingConfiguration: scaling, ...rest } = settings;
  const problem = unsupportedByHouse(settings);
  return {
    arn: row.arn,
    name: row.name,
    id: row.arn.slice(row.arn.lastIndexOf(':') + 1),
    created: new Date(row.created_at),
    lastModified: new Date(row.modified_at),
    status:
      problem === undefined
        ? { statusCode: 'ACTIVE' }
        : { statusCode: 'CREATE_FAILED', context: 'INSUFFICIENT_CAPACITY', message: problem },
    ...rest,
    ...(scaling && { scalingConfiguration: { ...scaling, desiredCapacity: desired(settings, busy) } }),
  };
}

/** What target tracking would hold ready for as many builds. */
function desired(settings: FleetSettings, busy: number): number {
  const target = settings.scalingConfiguration?.targetTrackingScalingConfigs?.[0]?.targetValue ?? 100;
  const wanted = Math.ceil(busy / (target / 100));
  return Math.min(Math.max(wanted, settings.baseCapacity ?? 1), capacityOf(settings));
}
