/** Event buses. The default one is always there and takes the events of every room. */

import { fault } from '#base/fault.ts';
import type { Handler, House } from '#services/service.ts';
import { busArn, busName, DEFAULT_BUS } from './names.ts';
import { readPage } from './paging.ts';
import { raiseGeneration, requireBus, type Room } from './room.ts';
import { type BusRow, tables } from './tables.ts';
import { checkTags, tagsOfList } from './tagging.ts';

type Events<Operation extends string> = Handler<'events', Operation>;

const BUSES_MAX = 100;

export function busOperations(room: Room) {
  const { house } = room;
  const { database } = house;

  const CreateEventBus: Events<'CreateEventBus'> = async (call, input) => {
    const name = input.Name ?? '';
    const { EventSourceName, KmsKeyIdentifier, DeadLetterConfig, LogConfig } = input;
    if (EventSourceName !== undefined || name.includes('/')) {
      throw fault('ResourceNotFoundException', `Event source ${EventSourceName ?? name} does not exist.`);
    }
    refuseSettings({ KmsKeyIdentifier, DeadLetterConfig, LogConfig });
    if (input.Tags?.length)
      await call.authorize({ action: 'events:TagResource', resource: busArn(call, name) });
    const tags = JSON.stringify(checkTags(tagsOfList(input.Tags)));
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const names = await rows.selectFrom('events_bus').select('name').execute();
      if (names.some((row) => row.name === name)) {
        throw fault('ResourceAlreadyExistsException', `Event bus ${name} already exists.`);
      }
      if (names.length >= BUSES_MAX) throw tooMany();
      await rows
        .insertInto('events_bus')
        .values({
          name,
          description: input.Description ?? null,
          policy: null,
          tags,
          created_at: call.at,
          changed_at: call.at,
        })
        .execute();
    });
    return {
      EventBusArn: busArn(call, name),
      ...(input.Description !== undefined && { Description: input.Description }),
    };
  };

  const UpdateEventBus: Events<'UpdateEventBus'> = async (call, input) => {
    const { KmsKeyIdentifier, DeadLetterConfig, LogConfig, Description } = input;
    refuseSettings({ KmsKeyIdentifier, DeadLetterConfig, LogConfig });
    const name = input.Name ?? DEFAULT_BUS;
    await database.transaction(async (transaction) => {
      await requireBus(transaction, name);
      await tables(transaction)
        .updateTable('events_bus')
        .set({ description: Description ?? null, changed_at: call.at })
        .where('name', '=', name)
        .execute();
    });
    return { Arn: busArn(call, name), Name: name, ...(Description !== undefined && { Description }) };
  };

  const DescribeEventBus: Events<'DescribeEventBus'> = async (call, input) =>
    viewBus(call, await requireBus(database, busName(input.Name)));

  const ListEventBuses: Events<'ListEventBuses'> = async (call, input) => {
    const prefix = input.NamePrefix ?? '';
    const page = await readPage<BusRow>(
      house,
      ['ListEventBuses', prefix],
      input,
      (row) => row.name,
      (after, limit) =>
        tables(database)
          .selectFrom('events_bus')
          .selectAll()
          .where('name', '>', after)
          .where('name', '>=', prefix)
          .where('name', '<', `${prefix}\u{10ffff}`)
          .orderBy('name')
          .limit(limit)
          .execute(),
    );
    return { EventBuses: page.rows.map((row) => viewBus(call, row)), ...page.next };
  };

  const DeleteEventBus: Events<'DeleteEventBus'> = async (_call, input) => {
    const name = busName(input.Name);
    if (name === DEFAULT_BUS) {
      throw fault('ValidationException', `Cannot delete event bus ${DEFAULT_BUS}.`);
    }
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const rule = await rows
        .selectFrom('events_rule')
        .select('name')
        .where('bus', '=', name)
        .executeTakeFirst();
      if (rule) throw fault('ValidationException', "Event bus can't be deleted since it has rules.");
      await rows.deleteFrom('events_archive').where('bus', '=', name).execute();
      await rows.deleteFrom('events_bus').where('name', '=', name).execute();
      await raiseGeneration(rows);
    });
    return {};
  };

  return { CreateEventBus, UpdateEventBus, DescribeEventBus, ListEventBuses, DeleteEventBus };
}

/** Before anything is served. */
export async function createDefaultBus({ database, clock }: House): Promise<void> {
  const at = clock.now();
  await database.transaction(async (transaction) => {
    await tables(transaction)
      .insertInto('events_bus')
      .values({
        name: DEFAULT_BUS,
        description: null,
        policy: null,
        tags: '{}',
        created_at: at,
        changed_at: at,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  });
}

export function tooMany() {
  return fault('LimitExceededException', 'The requested resource exceeds the maximum number allowed.');
}

/** What we would have to keep a promise about, and do not. */
function refuseSettings(settings: Readonly<Record<string, unknown>>): void {
  const [first] = Object.entries(settings).find(([, value]) => value !== undefined) ?? [];
  if (first === undefined) return;
  throw fault('UnsupportedOperationException', `Slipway does not support ${first} of an event bus.`);
}

function viewBus(scope: Pick<House, 'account' | 'region'>, row: BusRow) {
  return {
    Name: row.name,
    Arn: busArn(scope, row.name),
    ...(row.description !== null && { Description: row.description }),
    ...(row.policy !== null && { Policy: row.policy }),
    CreationTime: new Date(row.created_at),
    LastModifiedTime: new Date(row.changed_at),
  };
}
