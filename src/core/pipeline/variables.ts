/**
 * References to variables: `#{namespace.key}` anywhere in a configuration value. Several in one value are fine, the
 * text around them stays; no nesting, no defaults, no escape. AWS: "Variables reference".
 */

export interface Reference {
  /** As written: `#{SourceVariables.CommitId}` */
  readonly text: string;
  readonly namespace: string;
  readonly key: string;
}

export type Lookup = (namespace: string, key: string) => string | undefined;

export type Resolved = { readonly text: string } | { readonly missing: string };

/** Deeper JSON is taken as text: no setting has such values, and writing it out would need a deep stack. */
const JSON_NESTING_MAX = 100;

const REFERENCE = /#\{([^{}]*)\}/g;
const INSIDE = /^([A-Za-z0-9@\-_]+)\.([A-Za-z0-9@\-_^*$[\]]+)$/;

/** The references of a value; those that are not a namespace and a key are in `malformed`, as written. */
export function referencesIn(value: string): {
  readonly references: readonly Reference[];
  readonly malformed: readonly string[];
} {
  const references: Reference[] = [];
  const malformed: string[] = [];
  for (const [text, inside = ''] of value.matchAll(REFERENCE)) {
    const [, namespace, key] = INSIDE.exec(inside) ?? [];
    if (namespace !== undefined && key !== undefined) references.push({ text, namespace, key });
    else malformed.push(text);
  }
  return { references, malformed };
}

export function hasReference(value: string): boolean {
  return value.includes('#{') && referencesIn(value).references.length > 0;
}

/** Replaces every reference by its value, or names the first that has none. */
export function resolveText(value: string, lookup: Lookup): Resolved {
  let missing: string | undefined;
  const text = value.replace(REFERENCE, (whole, inside: string) => {
    const [, namespace, key] = INSIDE.exec(inside) ?? [];
    const found = namespace !== undefined && key !== undefined ? lookup(namespace, key) : undefined;
    if (found === undefined) missing ??= whole;
    return found ?? whole;
  });
  return missing === undefined ? { text } : { missing };
}

/** JSON is parsed first and resolved inside its strings, so that no value can break out of its quotes. */
export function resolveJson(value: string, lookup: Lookup): Resolved {
  let parsed: unknown;
  if (nestingOf(value) > JSON_NESTING_MAX) return resolveText(value, lookup);
  try {
    parsed = JSON.parse(value);
  } catch {
    return resolveText(value, lookup);
  }
  let missing: string | undefined;
  const text = JSON.stringify(parsed, (_key, item: unknown) => {
    if (typeof item !== 'string') return item;
    const resolved = resolveText(item, lookup);
    if ('text' in resolved) return resolved.text;
    missing ??= resolved.missing;
    return item;
  });
  return missing === undefined ? { text } : { missing };
}

/** An upper bound, as brackets inside strings count too. */
function nestingOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of text) {
    if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth);
    if (character === ']' || character === '}') depth--;
  }
  return deepest;
}
