/** Ways into the JSON of a delivery, which may be anything. */

export type Body = Readonly<Record<string, unknown>>;

/** The object behind the names; an empty one when there is none. */
export function objectAt(body: unknown, ...names: readonly string[]): Body {
  let value = body;
  for (const name of names) value = isObject(value) ? value[name] : undefined;
  return isObject(value) ? value : {};
}

export function listAt(body: unknown, ...names: readonly string[]): readonly unknown[] {
  const value = objectAt(body, ...names.slice(0, -1))[names.at(-1) ?? ''];
  return Array.isArray(value) ? value : [];
}

/** Numbers too, as text; `undefined` for anything else. */
export function textAt(body: unknown, ...names: readonly string[]): string | undefined {
  const value = objectAt(body, ...names.slice(0, -1))[names.at(-1) ?? ''];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A commit that means that there is none: a branch was made or deleted. */
export function isNoCommit(commit: string | undefined): boolean {
  return commit === undefined || /^0*$/.test(commit);
}

/** Leaves out what is not there, as optional members want it. */
export function present<Value extends object>(value: {
  [Key in keyof Value]: Value[Key] | undefined;
}): Value {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Value;
}

/** Files that the commits of a push added, changed or removed. */
export function pathsOf(commits: readonly unknown[]): string[] {
  const paths = commits.flatMap((commit) =>
    ['added', 'modified', 'removed'].flatMap((kind) => listAt(commit, kind)),
  );
  return [...new Set(paths.filter((path) => typeof path === 'string'))];
}
