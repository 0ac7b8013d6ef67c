/**
 * Values filed under the beginnings that a text must have. Finding those for a text costs one look for each length of
 * beginning there is, however many values are filed; so a policy of a thousand statements is not read from end to end.
 */

export interface PrefixIndex<Value> {
  readonly byPrefix: Map<string, Value>;
  /** The lengths of those prefixes, each once, in no order. */
  readonly lengths: number[];
}

export function createPrefixIndex<Value>(): PrefixIndex<Value> {
  return { byPrefix: new Map(), lengths: [] };
}

/** What is filed under exactly this prefix, made when nothing is. */
export function fileUnder<Value>(index: PrefixIndex<Value>, prefix: string, create: () => Value): Value {
  const known = index.byPrefix.get(prefix);
  if (known !== undefined) return known;
  const created = create();
  index.byPrefix.set(prefix, created);
  if (!index.lengths.includes(prefix.length)) index.lengths.push(prefix.length);
  return created;
}

/** What is filed under a beginning of this length, if the text has one. */
export function valueAt<Value>(index: PrefixIndex<Value>, text: string, length: number): Value | undefined {
  if (text.length < length) return undefined;
  return index.byPrefix.get(length === 0 ? '' : text.length === length ? text : text.slice(0, length));
}
