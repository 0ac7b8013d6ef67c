/**
 * The policy of a form by which a browser uploads an object: what its fields may say, how long, how large. See "POST
 * policy" and "Creating a POST policy" in the Amazon S3 API reference. Names are lower case throughout.
 */

export interface PostPolicy {
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly conditions: readonly PostCondition[];
  readonly bytesMin: number;
  readonly bytesMax: number;
}

export type PostCondition =
  | { readonly type: 'eq'; readonly name: string; readonly value: string }
  | { readonly type: 'starts-with'; readonly name: string; readonly value: string };

const CONDITIONS_MAX = 100;
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;
/** What proves the form is no part of what it proves. */
const UNCONDITIONED = ['x-amz-signature', 'policy', 'file', 'bucket'];

/** The policy, or what is wrong with it, as the end of "Invalid Policy: ". */
export function parsePostPolicy(text: string): PostPolicy | { readonly problem: string } {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { problem: 'Invalid JSON.' };
  }
  if (!isRecord(document)) return { problem: 'Invalid JSON.' };
  const { expiration, conditions } = document;
  if (typeof expiration !== 'string' || !ISO_TIME.test(expiration))
    return { problem: "Invalid 'expiration' value." };
  const expiresAt = Date.parse(expiration);
  if (Number.isNaN(expiresAt)) return { problem: "Invalid 'expiration' value." };
  if (!Array.isArray(conditions)) return { problem: 'Policy missing conditions.' };
  if (conditions.length > CONDITIONS_MAX)
    return { problem: `Policy has more than ${CONDITIONS_MAX} conditions.` };
  const found: PostCondition[] = [];
  let bytesMin = 0;
  let bytesMax = Number.POSITIVE_INFINITY;
  for (const condition of conditions as readonly unknown[]) {
    const range = rangeOf(condition);
    if (range) {
      bytesMin = Math.max(bytesMin, range[0]);
      bytesMax = Math.min(bytesMax, range[1]);
      continue;
    }
    const simple = simpleOf(condition);
    if (!simple) return { problem: `Invalid Condition: ${JSON.stringify(condition)}` };
    found.push(simple);
  }
  return { expiresAt, conditions: found, bytesMin, bytesMax };
}

/** Why the fields do not obey the policy, as the end of "Invalid according to Policy: "; `undefined` when they do. */
export function findPolicyBreach(
  policy: PostPolicy,
  fields: ReadonlyMap<string, string>,
  now: number,
): string | undefined {
  if (now >= policy.expiresAt) return 'Policy expired.';
  for (const condition of policy.conditions) {
    const value = fields.get(condition.name) ?? '';
    const holds = condition.type === 'eq' ? value === condition.value : value.startsWith(condition.value);
    if (!holds) {
      return `Policy Condition failed: ${JSON.stringify([condition.type, `$${condition.name}`, condition.value])}`;
    }
  }
  const known = new Set([...UNCONDITIONED, ...policy.conditions.map(({ name }) => name)]);
  const extra = [...fields.keys()].find((name) => !known.has(name) && !name.startsWith('x-ignore-'));
  return extra === undefined ? undefined : `Extra input fields: ${extra}`;
}

function rangeOf(condition: unknown): readonly [number, number] | undefined {
  if (!Array.isArray(condition) || condition.length !== 3) return undefined;
  const [name, ...limits] = condition as readonly unknown[];
  if (typeof name !== 'string' || name.toLowerCase() !== 'content-length-range') return undefined;
  const [min, max] = limits.map(Number);
  const isRange = Number.isInteger(min) && Number.isInteger(max) && min !== undefined && max !== undefined;
  return isRange && min >= 0 && max >= min ? [min, max] : undefined;
}

function simpleOf(condition: unknown): PostCondition | undefined {
  if (Array.isArray(condition)) {
    const [operator, name, value] = condition as readonly unknown[];
    if (condition.length !== 3 || typeof operator !== 'string') return undefined;
    if (typeof name !== 'string' || !name.startsWith('$') || typeof value !== 'string') return undefined;
    const type = operator.toLowerCase();
    if (type !== 'eq' && type !== 'starts-with') return undefined;
    return { type, name: name.slice(1).toLowerCase(), value };
  }
  if (!isRecord(condition)) return undefined;
  const [entry, ...others] = Object.entries(condition);
  if (!entry || others.length > 0 || typeof entry[1] !== 'string') return undefined;
  return { type: 'eq', name: entry[0].toLowerCase(), value: entry[1] };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
