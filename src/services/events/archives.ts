/** Archives: which events of a bus are kept, and for how long. */

import { createUuid } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import type { Handler, House } from '#services/service.ts';
import { tooMany } from './buses.ts';
import { archiveArn, busArn, busName } from './names.ts';
import { readPage } from './paging.ts';
import { raiseGeneration, requireBus, type Room } from './room.ts';
import { checkEventPattern } from './rules.ts';
import { type ArchiveRow, tables } from './tables.ts';

type Events<Operation extends string> = Handler<'events', Operation>;

const ARCHIVES_MAX = 100;
const DAY_MS = 86_400_000;
const SWEEP_PERIOD_MS = 3_600_000;

export function archiveOperations({ house }: Room) {
  const { database } = house;

  const CreateArchive: Events<'CreateArchive'> = async (call, input) => {
    const { ArchiveName: name = '', EventPattern, KmsKeyIdentifier } = input;
    refuseKey(KmsKeyIdentifier);
    if (EventPattern) checkEventPattern(EventPattern);
    const bus = busName(input.EventSourceArn);
    const row: ArchiveRow = {
      archive_id: createUuid(),
      name,
      bus,
      pattern: EventPattern || null,
      description: input.Description ?? null,
      retention_days: input.RetentionDays ?? 0,
      created_at: call.at,
    };
    await database.transaction(async (transaction) => {
      await requireBus(transaction, bus);
      const rows = tables(transaction);
      const there = await rows.selectFrom('events_archive').select('name').execute();
      if (there.some((other) => other.name === name)) {
        throw fault('ResourceAlreadyExistsException', `Archive ${name} already exists.`);
      }
      if (there.length >= ARCHIVES_MAX) throw tooMany();
      await rows.insertInto('events_archive').values(row).execute();
      await raiseGeneration(rows);
    });
    return { ArchiveArn: archiveArn(call, name), State: 'ENABLED', CreationTime: new Date(call.at) };
  };

  const UpdateArchive: Events<'UpdateArchive'> = async (call, input) => {
    const { ArchiveName: name, EventPattern, Description, RetentionDays, KmsKeyIdentifier } = input;
    refuseKey(KmsKeyIdentifier);
    if (EventPattern) checkEventPattern(EventPattern);
    const row = await database.transaction(async (transaction) => {
      const found = await requireArchive(house, name, tables(transaction));
      const rows = tables(transaction);
      await rows
        .updateTable('events_archive')
        .set({
          ...(EventPattern !== undefined && { pattern: EventPattern || null }),
          ...(Description !== undefined && { description: Description }),
          ...(RetentionDays !== undefined && { retention_days: RetentionDays }),
        })
        .where('archive_id', '=', found.archive_id)
        .execute();
      await raiseGeneration(rows);
      return found;
    });
    return {
      ArchiveArn: archiveArn(call, row.name),
      State: 'ENABLED',
      CreationTime: new Date(row.created_at),
    };
  };

  const DescribeArchive: Events<'DescribeArchive'> = async (call, input) => {
    const row = await requireArchive(house, input.ArchiveName);
    return {
      ArchiveArn: archiveArn(call, row.name),
      ...(row.pattern !== null && { EventPattern: row.pattern }),
      ...(row.description !== null && { Description: row.description }),
      ...(await view(row)),
    };
  };

  const ListArchives: Events<'ListArchives'> = async (_call, input) => {
    const bus = input.EventSourceArn === undefined ? undefined : busName(input.EventSourceArn);
    const prefix = input.NamePrefix ?? '';
    const page = await readPage<ArchiveRow>(
      house,
      ['ListArchives', bus ?? '', prefix],
      input,
      (row) => row.name,
      (after, limit) => {
        const query = tables(database)
          .selectFrom('events_archive')
          .selectAll()
          .where('name', '>', after)
          .where('name', '>=', prefix)
          .where('name', '<', `${prefix}\u{10ffff}`)
          .orderBy('name')
          .limit(limit);
        return (bus === undefined ? query : query.where('bus', '=', bus)).execute();
      },
    );
    return { Archives: await Promise.all(page.rows.map(view)), ...page.next };
  };

  const DeleteArchive: Events<'DeleteArchive'> = async (_call, input) => {
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const { archive_id } = await requireArchive(house, input.ArchiveName, rows);
      await rows.deleteFrom('events_archived').where('archive_id', '=', archive_id).execute();
      await rows.deleteFrom('events_archive').where('archive_id', '=', archive_id).execute();
      await raiseGeneration(rows);
    });
    return {};
  };

  const view = async (row: ArchiveRow) => {
    const { count, size } = await tables(database)
      .selectFrom('events_archived')
      .select((archived) => [
        archived.fn.countAll<number>().as('count'),
        archived.fn.sum<number | null>('size').as('size'),
      ])
      .where('archive_id', '=', row.archive_id)
      .executeTakeFirstOrThrow();
    return {
      ArchiveName: row.name,
      EventSourceArn: busArn(house, row.bus),
      State: 'ENABLED' as const,
      RetentionDays: row.retention_days,
      SizeBytes: Number(size ?? 0),
      EventCount: Number(count),
      CreationTime: new Date(row.created_at),
    };
  };

  return { CreateArchive, UpdateArchive, DescribeArchive, ListArchives, DeleteArchive };
}

export async function requireArchive(
  { database }: House,
  name: string | undefined,
  rows = tables(database),
): Promise<ArchiveRow> {
  const row = await rows
    .selectFrom('events_archive')
    .selectAll()
    .where('name', '=', name ?? '')
    .executeTakeFirst();
  if (row) return row;
  throw fault('ResourceNotFoundException', `Archive ${name} does not exist.`);
}

/** Removes what archives no longer keep: at the start, and every hour. */
export function createArchiveSweep({ database, clock, log }: House) {
  let cancel = () => {};
  const sweep = async () => {
    const archives = await tables(database)
      .selectFrom('events_archive')
      .selectAll()
      .where('retention_days', '>', 0)
      .execute();
    for (const { archive_id, retention_days } of archives) {
      const before = clock.now() - retention_days * DAY_MS;
      await database.transaction(async (transaction) => {
        await tables(transaction)
          .deleteFrom('events_archived')
          .where('archive_id', '=', archive_id)
          .where('archived_at', '<', before)
          .execute();
      }, 'snapshot');
    }
  };
  const arm = () => {
    cancel = clock.callAt(clock.now() + SWEEP_PERIOD_MS, () => {
      sweep()
        .catch((error: unknown) => log.error('old archived events could not be removed', { error }))
        .finally(arm);
    });
  };
  return {
    async start() {
      await sweep();
      arm();
    },
    stop: () => cancel(),
  };
}

function refuseKey(key: string | undefined): void {
  if (key === undefined) return;
  throw fault('UnsupportedOperationException', 'Slipway does not support KmsKeyIdentifier of an archive.');
}
