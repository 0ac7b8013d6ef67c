/**
 * Rules, targets and archives, ready to match: read from the database when they have changed, on whichever node. Most
 * events match nothing, and then one look at a number in the database is all that they cost.
 */

import type { RuleTarget } from '#core/event-delivery/target.ts';
import { type Json, matchesEvent } from '#core/event-pattern/match.ts';
import { parseEventPattern } from '#core/event-pattern/parse.ts';
import type { PatternNode } from '#core/event-pattern/pattern.ts';
import type { House } from '#services/service.ts';
import { ruleArn } from './names.ts';
import { type ArchiveRow, type RuleRow, tables, type TargetRow } from './tables.ts';
import { targetOf } from './target-definition.ts';

export interface BookedRule {
  readonly id: string;
  readonly name: string;
  readonly arn: string;
  readonly isEnabled: boolean;
  readonly targets: readonly RuleTarget[];
}

export interface BookedArchive {
  readonly id: string;
}

export interface Matches {
  readonly rules: readonly BookedRule[];
  readonly archives: readonly BookedArchive[];
}

export interface RuleBook {
  /** What the event matches on this bus: enabled rules that have targets, and archives. */
  match(bus: string, event: Json): Promise<Matches>;
  /** For its schedule. */
  ruleById(id: string): Promise<BookedRule | undefined>;
}

interface Entry<Item> {
  readonly item: Item;
  /** `undefined` for an archive of everything. */
  readonly pattern: PatternNode | undefined;
}

/** Rules that name their sources are found by them; the others are asked about every event. */
interface BusBook {
  readonly bySource: ReadonlyMap<string, readonly Entry<BookedRule>[]>;
  readonly ofAnySource: readonly Entry<BookedRule>[];
  readonly archives: readonly Entry<BookedArchive>[];
}

interface Book {
  readonly generation: number;
  readonly buses: ReadonlyMap<string, BusBook>;
  readonly rules: ReadonlyMap<string, BookedRule>;
}

const NOTHING: Matches = { rules: [], archives: [] };

export function createRuleBook(house: House): RuleBook {
  const { database } = house;
  let book: Book | undefined;
  let reading: Promise<Book> | undefined;

  /** The book, as new as what is committed when this is called. */
  async function current(): Promise<Book> {
    const row = await tables(database)
      .selectFrom('events_generation')
      .select('generation')
      .where('id', '=', 1)
      .executeTakeFirstOrThrow();
    if (book && book.generation >= row.generation) return book;
    reading ??= read().finally(() => (reading = undefined));
    const fresh = await reading;
    // It may have been begun before this call's change.
    return fresh.generation >= row.generation ? fresh : current();
  }

  /** The generation comes first: what changes while the rest is read belongs to a later one, and is read again. */
  async function read(): Promise<Book> {
    const rows = tables(database);
    const { generation } = await rows
      .selectFrom('events_generation')
      .select('generation')
      .where('id', '=', 1)
      .executeTakeFirstOrThrow();
    const rules = await rows.selectFrom('events_rule').selectAll().execute();
    const targets = await rows.selectFrom('events_target').selectAll().orderBy('target_id').execute();
    const archives = await rows.selectFrom('events_archive').selectAll().execute();
    const fresh = write(house, generation, rules, targets, archives);
    book = fresh;
    return fresh;
  }

  return {
    async match(bus, event) {
      const found = (await current()).buses.get(bus);
      if (!found) return NOTHING;
      const source = (event as { readonly source?: string }).source ?? '';
      const candidates = [...(found.bySource.get(source) ?? []), ...found.ofAnySource];
      return { rules: matching(candidates, event), archives: matching(found.archives, event) };
    },
    async ruleById(id) {
      return (await current()).rules.get(id);
    },
  };
}

function matching<Item>(entries: readonly Entry<Item>[], event: Json): readonly Item[] {
  return entries.flatMap(({ item, pattern }) =>
    pattern === undefined || matchesEvent(pattern, event) ? [item] : [],
  );
}

function write(
  house: House,
  generation: number,
  rules: readonly RuleRow[],
  targets: readonly TargetRow[],
  archives: readonly ArchiveRow[],
): Book {
  const targetsByRule = Map.groupBy(targets, (row) => row.rule_id);
  const booked = new Map(
    rules.map((row): [string, BookedRule] => [
      row.rule_id,
      {
        id: row.rule_id,
        name: row.name,
        arn: ruleArn(house, row.bus, row.name),
        isEnabled: row.state !== 'DISABLED',
        targets: (targetsByRule.get(row.rule_id) ?? []).map(targetOf),
      },
    ]),
  );
  const buses = new Map<string, BusBook>();
  for (const bus of new Set([...rules, ...archives].map((row) => row.bus))) {
    const entries = rules
      .filter((row) => row.bus === bus)
      .flatMap((row): Entry<BookedRule>[] => {
        const item = booked.get(row.rule_id);
        const pattern = row.pattern === null ? undefined : patternOf(row.pattern);
        return item?.isEnabled && item.targets.length > 0 && pattern ? [{ item, pattern }] : [];
      });
    buses.set(bus, {
      ...bySource(entries),
      archives: archives
        .filter((row) => row.bus === bus)
        .map((row) => ({
          item: { id: row.archive_id },
          pattern: row.pattern === null ? undefined : patternOf(row.pattern),
        })),
    });
  }
  return { generation, buses, rules: booked };
}

function patternOf(text: string): PatternNode {
  const parsed = parseEventPattern(text);
  // It was valid when it was put.
  if ('error' in parsed) throw new Error(`a stored event pattern is malformed: ${parsed.error}`);
  return parsed.pattern;
}

function bySource(entries: readonly Entry<BookedRule>[]): Pick<BusBook, 'bySource' | 'ofAnySource'> {
  const found = new Map<string, Entry<BookedRule>[]>();
  const ofAnySource: Entry<BookedRule>[] = [];
  for (const entry of entries) {
    const sources = entry.pattern && exactSources(entry.pattern);
    if (!sources) ofAnySource.push(entry);
    for (const source of sources ?? []) {
      const there = found.get(source);
      if (there) there.push(entry);
      else found.set(source, [entry]);
    }
  }
  return { bySource: found, ofAnySource };
}

/** The sources a pattern can match, when it names them all. */
function exactSources(pattern: PatternNode): ReadonlySet<string> | undefined {
  const leaf = pattern.fields.get('source');
  if (leaf?.type !== 'leaf' || leaf.allowsAbsence) return undefined;
  const sources = new Set<string>();
  for (const test of leaf.tests) {
    if (test.type !== 'equals' || typeof test.value !== 'string') return undefined;
    sources.add(test.value);
  }
  return sources;
}
