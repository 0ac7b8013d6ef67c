/**
 * What the catalogue says of a type of action or rule: what it must be given, how many artifacts it takes, how long it
 * may run. The words here build its pages. AWS: "Action structure reference", "Rule structure reference".
 */

export interface ActionTypeId {
  readonly category: string;
  readonly owner: string;
  readonly provider: string;
  readonly version: string;
}

export interface RuleTypeId {
  readonly category: string;
  readonly owner: string;
  readonly provider: string;
  readonly version: string;
}

export interface ActionType {
  readonly id: ActionTypeId;
  readonly properties: readonly ActionProperty[];
  readonly inputs: Bounds;
  readonly outputs: Bounds;
  readonly timeoutMs: number;
  /** It needs nothing but buckets, which exist in every region; other actions run in the region of the house. */
  readonly isEverywhere?: true;
  /** Only pipelines of type V2 may have it. */
  readonly isV2Only?: true;
  /** Members of the declaration, besides the configuration, that only some types have. */
  readonly fields?: readonly TypeField[];
  readonly settings?: TypeSettings;
  /** What it must be given is not known here, so nothing is wrong about what it is given. */
  readonly isOpen?: true;
}

export type TypeField = 'commands' | 'files' | 'outputVariables' | 'environmentVariables' | 'secretVariables';

export interface RuleType {
  readonly id: RuleTypeId;
  readonly properties: readonly ActionProperty[];
  readonly inputs: Bounds;
  /** It is given commands, and needs some. */
  readonly hasCommands?: true;
  /** It may decide whether a stage is skipped. */
  readonly isForSkip?: true;
  readonly settings?: TypeSettings;
}

export interface ActionProperty {
  readonly name: string;
  readonly required: boolean;
  /** Stored sealed, and shown as asterisks. */
  readonly secret: boolean;
  readonly type: PropertyType;
  /** For `enum`. */
  readonly values?: readonly string[];
  /** For `number`. */
  readonly bounds?: Bounds;
  /** Required only if another property has one of these values; `undefined` stands for its absence. */
  readonly requiredIf?: { readonly property: string; readonly values: readonly (string | undefined)[] };
  /** Workers may poll for jobs by its value. */
  readonly queryable?: boolean;
  /** Together with others it tells the configured action apart; absent means true. */
  readonly key?: boolean;
  readonly description?: string;
}

/** `json` values are parsed before references inside their strings are resolved. */
export type PropertyType = 'string' | 'boolean' | 'number' | 'enum' | 'json';

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Templates of the addresses that consoles show; `{Config:Name}` stands for a configuration value. */
export interface TypeSettings {
  readonly thirdPartyConfigurationUrl?: string;
  readonly entityUrlTemplate?: string;
  readonly executionUrlTemplate?: string;
  readonly revisionUrlTemplate?: string;
}

/** Finds a type by its id; custom types exist in one account only. */
export type ActionTypeLookup = (id: ActionTypeId) => ActionType | undefined;

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

export function aws(category: string, provider: string): ActionTypeId {
  return { category, owner: 'AWS', provider, version: '1' };
}

export function exactly(count: number): Bounds {
  return { min: count, max: count };
}

export function between(min: number, max: number): Bounds {
  return { min, max };
}

export function required(name: string, form: Partial<ActionProperty> = {}): ActionProperty {
  return { name, required: true, secret: false, type: 'string', ...form };
}

export function optional(name: string, form: Partial<ActionProperty> = {}): ActionProperty {
  return { name, required: false, secret: false, type: 'string', ...form };
}

export const BOOLEAN = { type: 'boolean' } as const;
export const NUMBER = { type: 'number' } as const;
export const JSON_TEXT = { type: 'json' } as const;

export function oneOf(...values: readonly string[]): Partial<ActionProperty> {
  return { type: 'enum', values };
}

/** Required if the other property has one of these values. */
export function requiredIf(
  property: string,
  ...values: readonly (string | undefined)[]
): Partial<ActionProperty> {
  return { requiredIf: { property, values } };
}
