/** Reading back what was decided, for tests, histories and people: the events of a machine, and their replay. */

import type { Kysely } from 'kysely';
import { present } from '#base/assert.ts';
import type { Database } from '#store/database.ts';
import type { Decider, EngineEvent, Order, Stamp } from './machine.ts';
import { createStatements, runStatement } from './tables.ts';
import type { JournalRow } from './tables.ts';

/** The events that changed a machine, oldest first; of a very long life only the last (`journalEventsMin`). */
export async function readJournal<Event extends { readonly type: string }>(
  database: Pick<Database, 'dialect' | 'read'>,
  kind: string,
  id: string,
): Promise<((Event | EngineEvent) & Stamp)[]> {
  const sql = createStatements(database.dialect, 0).readJournal;
  const { rows } = await runStatement<JournalRow>(database.read as Kysely<unknown>, sql, [kind, id]);
  return rows.map((row) => ({ ...JSON.parse(row.event), at: row.at, chance: row.chance }));
}

/** The state to which the events lead; states pass through JSON as they do in the database. */
export function replay<State, Event extends { readonly type: string }, Effect extends Order>(
  machine: { readonly decider: Decider<State, Event, Effect> },
  events: readonly ((Event | EngineEvent) & Stamp)[],
): State {
  let state: State | undefined;
  for (const event of events) {
    const decided = machine.decider.decide(state, event).state;
    state = JSON.parse(JSON.stringify(present(decided, 'a state after a journaled event'))) as State;
  }
  return present(state, 'a journal with events');
}
