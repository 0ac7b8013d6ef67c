import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareBytes, prefixEnd, walk, type Walk } from './walking.ts';

interface Key {
  readonly object_key: string;
}

function fetchFrom(keys: readonly string[]): Walk<Key>['fetch'] {
  const sorted = [...new Set(keys)].sort(compareBytes);
  return async (from, until, rowsMax) =>
    sorted
      .filter((key) => compareBytes(key, from.key) >= (from.operator === '>' ? 1 : 0))
      .filter((key) => until === undefined || compareBytes(key, until) < 0)
      .slice(0, rowsMax)
      .map((object_key) => ({ object_key }));
}

/** All pages, one after the other, as a client walks them. */
async function listAll(keys: readonly string[], prefix: string, delimiter: string, entriesMax: number) {
  const names: string[] = [];
  for (let after = ''; ; after = names.at(-1) as string) {
    const page = await walk({ prefix, delimiter, entriesMax, after, fetch: fetchFrom(keys) });
    names.push(...page.entries.map((entry) => ('row' in entry ? entry.row.object_key : entry.prefix)));
    if (!page.isTruncated) return names;
  }
}

/** What a listing means, said plainly. */
function expected(keys: readonly string[], prefix: string, delimiter: string): string[] {
  const names = keys
    .filter((key) => key.startsWith(prefix))
    .map((key) => {
      const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      return end < 0 ? key : key.slice(0, end + delimiter.length);
    });
  return [...new Set(names)].sort(compareBytes);
}

test('pages of any size show every key once, rolled up at the delimiter, in byte order', async () => {
  const character = fc.constantFrom('a', 'b', '/', '0', 'é', '\u{ff5e}', '\u{1f600}', '\u{10ffff}');
  const key = fc.array(character, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''));
  const prefix = fc.constantFrom('', 'a', 'a/', '\u{10ffff}', 'é');
  await fc.assert(
    fc.asyncProperty(
      fc.array(key, { maxLength: 30 }),
      prefix,
      fc.constantFrom('', '/', 'b/', '\u{10ffff}'),
      fc.integer({ min: 1, max: 7 }),
      async (keys, start, delimiter, entriesMax) => {
        assert.deepEqual(await listAll(keys, start, delimiter, entriesMax), expected(keys, start, delimiter));
      },
    ),
    { numRuns: 300 },
  );
});

test('the end of a prefix is the next text in byte order', () => {
  assert.equal(prefixEnd('a/'), 'a0');
  assert.equal(prefixEnd('a\u{10ffff}'), 'b');
  assert.equal(prefixEnd('\ud7ff'), '\ue000');
  assert.equal(prefixEnd('\u{10ffff}'), undefined);
  assert.equal(prefixEnd(''), undefined);
});
