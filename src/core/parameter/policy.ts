/**
 * Parameter policies: JSON texts that a request hangs on an advanced parameter. They end it at a time, or tell of its
 * end or of its rest. See "Assigning parameter policies" in the Systems Manager User Guide. Pure.
 */

const POLICIES_MAX = 10;
const HOUR_MS = 3_600_000;
/** AWS: `Before` and `After` are numbers of days or hours. */
const UNITS: Readonly<Record<string, number>> = { Hours: HOUR_MS, Days: 24 * HOUR_MS };
const AMOUNT_MAX = 10_000;

export type PolicyType = 'Expiration' | 'ExpirationNotification' | 'NoChangeNotification';

export interface ParameterPolicy {
  readonly type: PolicyType;
  /** As the request wrote it, as JSON. */
  readonly text: string;
  /** When it acts, milliseconds since the epoch. */
  readonly dueAt: number;
}

export interface PolicyFault {
  readonly code: string;
  readonly message: string;
}

export function isPolicyFault(reading: readonly ParameterPolicy[] | PolicyFault): reading is PolicyFault {
  return 'code' in reading;
}

/** An empty list, or a list of nothing but `{}`, takes all policies away. */
export function readPolicies(text: string, now: number): readonly ParameterPolicy[] | PolicyFault {
  const list = parseJson(text);
  if (!Array.isArray(list)) return invalid('Parameter policies must be a JSON list.');
  if (list.length > POLICIES_MAX) {
    const message = `You specified more than the maximum number of allowed policies for the parameter. The maximum is ${POLICIES_MAX}.`;
    return { code: 'PoliciesLimitExceededException', message };
  }
  const given = (list as readonly unknown[]).filter((item) => !isEmpty(item));
  const expiration = given.map(expirationOf).find((at) => at !== undefined);
  const policies: ParameterPolicy[] = [];
  for (const item of given) {
    const policy = readPolicy(item, expiration, now);
    if ('code' in policy) return policy;
    policies.push(policy);
  }
  if (policies.filter(({ type }) => type === 'Expiration').length > 1) {
    return invalid('A parameter can have one Expiration policy.');
  }
  return policies;
}

/** For a version that leaves its policies as they are: a rest without change begins anew. */
export function renewPolicies(policies: readonly ParameterPolicy[], now: number): readonly ParameterPolicy[] {
  return policies.map((policy) => {
    if (policy.type !== 'NoChangeNotification') return policy;
    const { Attributes } = JSON.parse(policy.text) as Written;
    const span = spanOf(Attributes ?? {}, 'After');
    return span === undefined ? policy : { ...policy, dueAt: now + span };
  });
}

interface Written {
  readonly Type?: unknown;
  readonly Version?: unknown;
  readonly Attributes?: Readonly<Record<string, unknown>>;
}

function readPolicy(
  item: unknown,
  expiration: number | undefined,
  now: number,
): ParameterPolicy | PolicyFault {
  if (!isMap(item)) return invalid('A parameter policy must be a JSON object.');
  const { Type: type, Version: version, Attributes: attributes } = item as Written;
  if (version !== '1.0') return invalid('Version of a parameter policy must be 1.0.');
  if (!isMap(attributes)) return invalid('A parameter policy must have Attributes.');
  const text = JSON.stringify(item);
  switch (type) {
    case 'Expiration': {
      const dueAt = expirationOf(item);
      if (dueAt === undefined)
        return invalid('Attributes.Timestamp of an Expiration policy must be an ISO 8601 time.');
      if (dueAt <= now) return invalid('Attributes.Timestamp of an Expiration policy must be in the future.');
      return { type, text, dueAt };
    }
    case 'ExpirationNotification': {
      const span = spanOf(attributes, 'Before');
      if (span === undefined) return invalid('ExpirationNotification needs the attributes Before and Unit.');
      if (expiration === undefined) return invalid('ExpirationNotification needs an Expiration policy.');
      return { type, text, dueAt: expiration - span };
    }
    case 'NoChangeNotification': {
      const span = spanOf(attributes, 'After');
      if (span === undefined) return invalid('NoChangeNotification needs the attributes After and Unit.');
      return { type, text, dueAt: now + span };
    }
    default: {
      const message = `The policy type is not supported. Parameter Store supports the following policy types: Expiration, ExpirationNotification, and NoChangeNotification.`;
      return { code: 'InvalidPolicyTypeException', message };
    }
  }
}

function expirationOf(item: unknown): number | undefined {
  const { Type, Attributes } = (isMap(item) ? item : {}) as Written;
  const timestamp = Type === 'Expiration' && isMap(Attributes) ? Attributes['Timestamp'] : undefined;
  const at = typeof timestamp === 'string' ? Date.parse(timestamp) : NaN;
  return Number.isNaN(at) ? undefined : at;
}

function spanOf(attributes: Readonly<Record<string, unknown>>, name: string): number | undefined {
  const unit = attributes['Unit'];
  const length = typeof unit === 'string' && Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  const amount = Number(attributes[name]);
  const isUsable = Number.isInteger(amount) && amount > 0 && amount <= AMOUNT_MAX;
  return length !== undefined && isUsable ? amount * length : undefined;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(item: unknown): boolean {
  return isMap(item) && Object.keys(item).length === 0;
}

function invalid(message: string): PolicyFault {
  return { code: 'InvalidPolicyAttributeException', message };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // What is no JSON is refused like any other text that is no list.
    return undefined;
  }
}
