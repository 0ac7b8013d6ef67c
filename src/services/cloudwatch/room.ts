/** What the files of this room share: the machine of alarms, and how alarms are found. */

import type { Kysely } from 'kysely';
import { fault, type Fault } from '#base/fault.ts';
import type { AlarmEffect, AlarmEvent, AlarmState } from '#core/alarm/state.ts';
import type { Machine } from '#engine/machine.ts';
import type { House } from '#services/service.ts';
import type { Database } from '#store/database.ts';
import { type AlarmRow, tables } from './tables.ts';

export type AlarmMachine = Machine<AlarmState, AlarmEvent, AlarmEffect>;

export interface Room {
  readonly house: House;
  readonly alarms: AlarmMachine;
}

type Rows = Database | Kysely<unknown>;

export async function findAlarms(rows: Rows, names: readonly string[]): Promise<readonly AlarmRow[]> {
  if (names.length === 0) return [];
  return tables(rows).selectFrom('cloudwatch_alarm').selectAll().where('name', 'in', names).execute();
}

export async function requireAlarms(rows: Rows, names: readonly string[]): Promise<readonly AlarmRow[]> {
  const found = await findAlarms(rows, names);
  const missing = names.filter((name) => !found.some((row) => row.name === name));
  if (missing.length === 0) return found;
  throw fault('ResourceNotFound', `There is no alarm with the name ${missing.join(', ')}.`);
}

export function stateOfRow(row: AlarmRow): AlarmState {
  return JSON.parse(row.state) as AlarmState;
}

/* Faults by the names of their shapes; the codes that clients show are in the table. */

export function invalidValue(message: string): Fault {
  return fault('InvalidParameterValueException', message);
}

export function invalidCombination(message: string): Fault {
  return fault('InvalidParameterCombinationException', message);
}

export function missingParameter(name: string): Fault {
  return fault('MissingRequiredParameterException', `The parameter ${name} is required.`);
}

export function validationError(message: string): Fault {
  return fault('ValidationException', message);
}
