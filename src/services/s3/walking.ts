/**
 * Walks keys in the order of their UTF-8 bytes, page by page, rolled up at a delimiter. Rolled-up keys are skipped
 * by the database, so a page costs as many rows as it shows, whatever lies below its prefixes.
 */

import { LIST_ENTRIES_MAX } from './room.ts';

export type Entry<Row> = { readonly row: Row } | { readonly prefix: string };

export interface Page<Row> {
  readonly entries: readonly Entry<Row>[];
  readonly isTruncated: boolean;
}

export interface Walk<Row extends { readonly object_key: string }> {
  readonly prefix: string;
  readonly delimiter: string;
  readonly entriesMax: number;
  /** The last entry of the page before: a key or a rolled-up prefix. Nothing up to it is shown. */
  readonly after: string;
  /** Rows of keys from `from` on and below `until`, in order, at most `rowsMax`. */
  readonly fetch: (from: Start, until: string | undefined, rowsMax: number) => Promise<readonly Row[]>;
}

/** At a key, or right behind it. */
export interface Start {
  readonly operator: '>=' | '>';
  readonly key: string;
}

export async function walk<Row extends { readonly object_key: string }>(page: Walk<Row>): Promise<Page<Row>> {
  const { prefix, delimiter, entriesMax, after } = page;
  const entries: Entry<Row>[] = [];
  const until = prefixEnd(prefix);
  let from = startOf(prefix, delimiter, after);
  while (from !== undefined) {
    const rowsMax = Math.min(LIST_ENTRIES_MAX, entriesMax - entries.length + 1);
    const rows: readonly Row[] = await page.fetch(from, until, rowsMax);
    let skipTo: string | undefined;
    for (const row of rows) {
      if (skipTo !== undefined && compareBytes(row.object_key, skipTo) < 0) continue;
      if (entries.length === entriesMax) return { entries, isTruncated: true };
      const common = commonPrefix(row.object_key, prefix, delimiter);
      entries.push(common === undefined ? { row } : { prefix: common });
      skipTo = common === undefined ? undefined : prefixEnd(common);
      if (common !== undefined && skipTo === undefined) return { entries, isTruncated: false };
    }
    const last = rows.at(-1);
    if (!last || rows.length < rowsMax) break;
    from = skipTo === undefined ? { operator: '>', key: last.object_key } : { operator: '>=', key: skipTo };
  }
  return { entries, isTruncated: false };
}

/** Where a page begins; `undefined` when nothing can come. */
export function startOf(prefix: string, delimiter: string, after: string): Start | undefined {
  if (after === '' || compareBytes(after, prefix) < 0) return { operator: '>=', key: prefix };
  const rolledUp = commonPrefix(after, prefix, delimiter);
  if (rolledUp === undefined) return { operator: '>', key: after };
  const key = prefixEnd(rolledUp);
  return key === undefined ? undefined : { operator: '>=', key };
}

export function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '' || !key.startsWith(prefix)) return undefined;
  const end = key.indexOf(delimiter, prefix.length);
  return end < 0 ? undefined : key.slice(0, end + delimiter.length);
}

/** The least text behind all texts that start with `prefix`, in byte order; `undefined` if there is none. */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let point = points.pop(); point !== undefined; point = points.pop()) {
    // Surrogates are no characters: U+D7FF is followed by U+E000.
    const next = point === 0xd7ff ? 0xe000 : point + 1;
    if (next <= 0x10ffff) return String.fromCodePoint(...points, next);
  }
  return undefined;
}

/** UTF-8 byte order, which is the order of code points; JavaScript's own compares UTF-16. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export function rowsOf<Row>(entries: readonly Entry<Row>[]): readonly Row[] {
  return entries.flatMap((entry) => ('row' in entry ? [entry.row] : []));
}

export function prefixesOf<Row>(entries: readonly Entry<Row>[]): readonly string[] {
  return entries.flatMap((entry) => ('prefix' in entry ? [entry.prefix] : []));
}
