/**
 * The part of JSONPath with which webhooks choose values of a delivery: members by name, elements by number, `*` for
 * all, `..` for any depth. Scripts and filter expressions are not part of it. Work on a body is bounded.
 */

export type JsonPath = readonly Step[];

interface Step {
  /** Whatever its depth below the value, the value included. */
  readonly isDeep: boolean;
  readonly select: { readonly name: string } | { readonly index: number } | 'all';
}

export type Selected =
  | { readonly type: 'values'; readonly values: readonly unknown[] }
  /** The body has so many values that looking further is refused. */
  | { readonly type: 'exceeded' };

/** Values of one body that one path may look at. */
const VISITS_MAX = 200_000;

const NAME = /^[^.[\]()?@*'"\\\s$,:]+/;
const INDEX = /^\[(-?\d{1,9})\]/;
const QUOTED = /^\[(?:'([^'\\]*)'|"([^"\\]*)")\]/;

/** Nothing for a text that is not such a path. */
export function parseJsonPath(text: string): JsonPath | undefined {
  if (!text.startsWith('$')) return undefined;
  const steps: Step[] = [];
  for (let rest = text.slice(1); rest !== '';) {
    const isDeep = rest.startsWith('..');
    const isDotted = isDeep || rest.startsWith('.');
    const tail = rest.slice(isDeep ? 2 : isDotted ? 1 : 0);
    if (isDotted && !isDeep && tail.startsWith('[')) return undefined;
    const token = readToken(tail, isDotted);
    if (!token) return undefined;
    steps.push({ isDeep, select: token.select });
    rest = tail.slice(token.length);
  }
  return steps;
}

function readToken(
  text: string,
  isDotted: boolean,
): { readonly select: Step['select']; readonly length: number } | undefined {
  if (text.startsWith('[*]')) return { select: 'all', length: 3 };
  const index = INDEX.exec(text);
  if (index) return { select: { index: Number(index[1]) }, length: index[0].length };
  const quoted = QUOTED.exec(text);
  if (quoted) return { select: { name: quoted[1] ?? quoted[2] ?? '' }, length: quoted[0].length };
  if (!isDotted) return undefined;
  if (text.startsWith('*')) return { select: 'all', length: 1 };
  const [name] = NAME.exec(text) ?? [];
  return name === undefined ? undefined : { select: { name }, length: name.length };
}

export function selectValues(path: JsonPath, body: unknown): Selected {
  let values: readonly unknown[] = [body];
  let left = VISITS_MAX;
  for (const { isDeep, select } of path) {
    const below: unknown[] = [];
    const open: unknown[] = [...values].reverse();
    // The same object may be reached on several ways; it is looked at once.
    const seen = new Set<object>();
    while (open.length > 0) {
      const value = open.pop();
      if (typeof value !== 'object' || value === null || seen.has(value)) continue;
      seen.add(value);
      const children = childrenOf(value);
      left -= 1 + children.length;
      if (left < 0) return { type: 'exceeded' };
      if (isDeep) for (let i = children.length; i-- > 0;) open.push(children[i]);
      if (select === 'all') for (const child of children) below.push(child);
      else below.push(...chosen(value, select));
    }
    values = below;
  }
  return { type: 'values', values };
}

function childrenOf(value: object): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : Object.values(value);
}

/** None or one. */
function chosen(value: object, select: Exclude<Step['select'], 'all'>): readonly unknown[] {
  if ('name' in select) {
    const isMember = !Array.isArray(value) && Object.hasOwn(value, select.name);
    return isMember ? [(value as Record<string, unknown>)[select.name]] : [];
  }
  if (!Array.isArray(value)) return [];
  const at = select.index < 0 ? value.length + select.index : select.index;
  return at in value ? [value[at] as unknown] : [];
}
