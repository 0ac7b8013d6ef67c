/** Which hosts a deployment group means: filters over their tags. "Tagging instances for deployment groups". */

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export interface TagFilter {
  readonly key: string | undefined;
  readonly value: string | undefined;
  readonly type: 'KEY_ONLY' | 'VALUE_ONLY' | 'KEY_AND_VALUE';
}

/** A list of filters means "any of them"; a list of lists means "one of each". Without filters nothing matches. */
export interface TagSelection {
  readonly filters: readonly TagFilter[];
  readonly sets: readonly (readonly TagFilter[])[];
}

export function isSelected(tags: readonly Tag[], selection: TagSelection): boolean {
  const matchesAny = (filters: readonly TagFilter[]) => filters.some((filter) => matches(tags, filter));
  if (selection.filters.length > 0) return matchesAny(selection.filters);
  return selection.sets.length > 0 && selection.sets.every(matchesAny);
}

/** A type that was not given follows from the members that were. */
export function tagFilterOf(key: string | undefined, value: string | undefined, type?: string): TagFilter {
  if (type === 'KEY_ONLY' || type === 'VALUE_ONLY' || type === 'KEY_AND_VALUE') return { key, value, type };
  if (key !== undefined && value !== undefined) return { key, value, type: 'KEY_AND_VALUE' };
  return { key, value, type: value === undefined ? 'KEY_ONLY' : 'VALUE_ONLY' };
}

function matches(tags: readonly Tag[], filter: TagFilter): boolean {
  return tags.some((tag) => {
    const isKey = tag.key === filter.key;
    const isValue = tag.value === filter.value;
    if (filter.type === 'KEY_ONLY') return isKey;
    return filter.type === 'VALUE_ONLY' ? isValue : isKey && isValue;
  });
}
