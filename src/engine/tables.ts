/**
 * What the engine stores, and every statement it sends. Written as SQL, because these few run for each effect and
 * must not be composed anew each time; both databases understand them.
 */

import { CompiledQuery } from 'kysely';
import type { Kysely } from 'kysely';
import type { Database, Migration } from '#store/database.ts';

export interface MachineRow {
  readonly kind: string;
  readonly id: string;
  /** Tells this life from an earlier one under the same id. */
  readonly born: string;
  /** Rises by one with each decision that changed something. */
  readonly revision: number;
  readonly version: number;
  readonly state: string;
  readonly wake_at: number | null;
}

export interface JournalRow {
  readonly revision: number;
  readonly at: number;
  readonly chance: string;
  readonly version: number;
  /** JSON, without the stamp. */
  readonly event: string;
}

/** An effect that is not done yet. */
export interface EffectRow {
  readonly id: string;
  readonly kind: string;
  readonly machine: string;
  /** JSON. */
  readonly effect: string;
  /** Deliveries so far; with the owner it fences off a worker that lost its lease. */
  readonly attempt: number;
  readonly failures: number;
  readonly owner: string | null;
  /** When any node may take it: the end of the lease or of the pause. */
  readonly due_at: number;
  /** Where alone it can be performed. */
  readonly place: string | null;
}

export const engineMigrations: readonly Migration[] = [
  {
    name: 'engine/001-machines',
    async up(database) {
      await database.schema
        .createTable('engine_machines')
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('id', 'text', (column) => column.notNull())
        .addColumn('born', 'text', (column) => column.notNull())
        .addColumn('revision', 'integer', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('wake_at', 'integer')
        .addPrimaryKeyConstraint('engine_machines_key', ['kind', 'id'])
        .execute();
      await database.schema
        .createIndex('engine_machines_due')
        .on('engine_machines')
        .column('wake_at')
        .execute();
    },
  },
  {
    name: 'engine/002-journal',
    async up(database) {
      await database.schema
        .createTable('engine_journal')
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('machine', 'text', (column) => column.notNull())
        .addColumn('revision', 'integer', (column) => column.notNull())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addColumn('chance', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('event', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('engine_journal_key', ['kind', 'machine', 'revision'])
        .execute();
    },
  },
  {
    name: 'engine/003-effects',
    async up(database) {
      await database.schema
        .createTable('engine_effects')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('machine', 'text', (column) => column.notNull())
        .addColumn('effect', 'text', (column) => column.notNull())
        .addColumn('attempt', 'integer', (column) => column.notNull())
        .addColumn('failures', 'integer', (column) => column.notNull())
        .addColumn('owner', 'text')
        .addColumn('due_at', 'integer', (column) => column.notNull())
        .execute();
      await database.schema.createIndex('engine_effects_due').on('engine_effects').column('due_at').execute();
      await database.schema
        .createIndex('engine_effects_machine')
        .on('engine_effects')
        .columns(['kind', 'machine'])
        .execute();
    },
  },
  {
    name: 'engine/004-places',
    async up(database) {
      await database.schema.alterTable('engine_effects').addColumn('place', 'text').execute();
    },
  },
];

export type Statements = ReturnType<typeof createStatements>;

/** `kinds` are the machines this node knows, `performed` those of them whose effects it takes from anywhere. */
export function createStatements(dialect: Database['dialect'], kinds: number, performed = kinds) {
  const list = (length: number) => Array.from({ length }, () => '?').join(', ') || 'null';
  const known = `kind in (${list(kinds)})`;
  const mine = `(place is null and kind in (${list(performed)}) or ${known} and place = ?)`;
  const skipLocked = dialect === 'postgres' ? 'for update skip locked' : '';
  return mapValues(
    {
      readMachine: `select born, revision, version, state, wake_at from engine_machines where kind = ? and id = ?`,
      insertMachine: `insert into engine_machines (kind, id, born, revision, version, state, wake_at)
        values (?, ?, ?, 1, ?, ?, ?) on conflict do nothing`,
      updateMachine: `update engine_machines set revision = revision + 1, version = ?, state = ?, wake_at = ?
        where kind = ? and id = ? and revision = ?`,
      postponeWake: `update engine_machines set wake_at = ? where kind = ? and id = ? and revision = ?`,
      deleteMachine: `delete from engine_machines where kind = ? and id = ?`,
      insertJournal: `insert into engine_journal (kind, machine, revision, at, chance, version, event)
        values (?, ?, ?, ?, ?, ?, ?)`,
      readJournal: `select revision, at, chance, version, event from engine_journal
        where kind = ? and machine = ? order by revision`,
      shortenJournal: `delete from engine_journal where kind = ? and machine = ? and revision <= ?`,
      deleteJournal: `delete from engine_journal where kind = ? and machine = ?`,
      insertEffect: `insert into engine_effects (id, kind, machine, effect, attempt, failures, owner, due_at, place)
        values (?, ?, ?, ?, ?, 0, ?, ?, ?)`,
      endEffect: `delete from engine_effects where id = ? and owner = ? and attempt = ?`,
      retryEffect: `update engine_effects set owner = null, failures = ?, due_at = ?
        where id = ? and owner = ? and attempt = ?`,
      deleteEffects: `delete from engine_effects where kind = ? and machine = ?`,
      /** Parameters: owner, end of lease, now, performed kinds, kinds, place, how many. */
      takeEffects: `update engine_effects set owner = ?, attempt = attempt + 1, due_at = ? where id in
        (select id from engine_effects where due_at <= ? and ${mine} order by due_at, id limit ? ${skipLocked})
        returning id, kind, machine, effect, attempt, failures, owner, due_at, place`,
      renewEffect: `update engine_effects set due_at = ? where id = ? and owner = ? and attempt = ?`,
      releaseEffects: `update engine_effects set owner = null, due_at = ? where owner = ? returning kind, place`,
      leavePlace: `update engine_effects set place = null, owner = null, due_at = ? where place = ? returning kind`,
      owners: `select distinct owner from engine_effects where owner is not null`,
      releaseAllEffects: `update engine_effects set owner = null, due_at = ? where owner is not null`,
      dueMachines: `select kind, id, wake_at from engine_machines where wake_at <= ? and ${known}
        order by wake_at, kind, id limit ?`,
      nextWake: `select min(wake_at) as at from engine_machines where wake_at is not null and ${known}`,
      nextEffect: `select min(due_at) as at from engine_effects where ${mine}`,
      anyEffect: `select id from engine_effects where ${mine} limit 1`,
    },
    (sql) => (dialect === 'postgres' ? numberParameters(sql) : sql),
  );
}

export async function runStatement<Row = never>(
  kysely: Kysely<unknown>,
  sql: string,
  parameters: readonly unknown[],
): Promise<{ rows: Row[]; count: number }> {
  const result = await kysely.executeQuery<Row>(CompiledQuery.raw(sql, parameters as unknown[]));
  return { rows: result.rows, count: Number(result.numAffectedRows ?? 0n) };
}

function numberParameters(sql: string): string {
  let number = 0;
  return sql.replaceAll('?', () => `$${++number}`);
}

function mapValues<Key extends string>(
  values: Readonly<Record<Key, string>>,
  change: (value: string) => string,
): Readonly<Record<Key, string>> {
  const entries = Object.entries<string>(values).map(([key, value]) => [key, change(value)]);
  return Object.fromEntries(entries) as Record<Key, string>;
}
