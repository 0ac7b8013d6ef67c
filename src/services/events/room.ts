/** What the files of this room share: its machines, and how buses and rules are found. */

import type { Kysely } from 'kysely';
import { fault } from '#base/fault.ts';
import type { DeliveryEffect, DeliveryEvent, DeliveryState } from '#core/event-delivery/state.ts';
import type { Fire, ScheduleSet, ScheduleState } from '#core/schedule/decide.ts';
import type { Machine } from '#engine/machine.ts';
import type { House } from '#services/service.ts';
import type { Database } from '#store/database.ts';
import type { RuleBook } from './rule-book.ts';
import { type BusRow, type RuleRow, tables, type Tables } from './tables.ts';

export interface Room {
  readonly house: House;
  readonly deliveries: Machine<DeliveryState, DeliveryEvent, DeliveryEffect>;
  readonly schedules: Machine<ScheduleState, ScheduleSet, Fire>;
  readonly ruleBook: RuleBook;
}

type Rows = Database | Kysely<unknown>;

export async function requireBus(rows: Rows, name: string): Promise<BusRow> {
  const row = await tables(rows)
    .selectFrom('events_bus')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst();
  if (row) return row;
  throw fault('ResourceNotFoundException', `Event bus ${name} does not exist.`);
}

export async function findRule(rows: Rows, bus: string, name: string): Promise<RuleRow | undefined> {
  return tables(rows)
    .selectFrom('events_rule')
    .selectAll()
    .where('bus', '=', bus)
    .where('name', '=', name)
    .executeTakeFirst();
}

export async function requireRule(rows: Rows, bus: string, name: string | undefined): Promise<RuleRow> {
  const row = await findRule(rows, bus, name ?? '');
  if (row) return row;
  await requireBus(rows, bus);
  throw fault('ResourceNotFoundException', `Rule ${name} does not exist on EventBus ${bus}.`);
}

/** In the transaction of every change that the rule book must notice. */
export async function raiseGeneration(rows: Kysely<Tables>): Promise<void> {
  await rows
    .updateTable('events_generation')
    .set((row) => ({ generation: row('generation', '+', 1) }))
    .where('id', '=', 1)
    .execute();
}
