/** The rules that actions and the rules of conditions share: what they are configured with, and how many artifacts. */

import type { ActionProperty, Bounds } from './catalogue-type.ts';
import type { Path, Unknown } from './declaration-fault.ts';
import { hasReference } from '#core/pipeline/variables.ts';

/** What is configured, as texts name it: `Action Build`, `Rule Check`. */
export interface Subject {
  readonly kind: 'Action' | 'Rule';
  readonly name: string;
}

export interface Message {
  /** Below what is configured. */
  readonly below: Path;
  readonly message: string;
  readonly unknown?: Unknown;
}

type Configuration = Readonly<Record<string, string>>;

const QUERYABLE = /^[a-zA-Z0-9_-]{1,20}$/;
const NUMBER = /^-?\d{1,15}(\.\d{1,15})?$/;

export function configurationMessages(
  subject: Subject,
  configuration: Configuration,
  properties: readonly ActionProperty[],
): readonly Message[] {
  const { kind, name } = subject;
  const about = `${kind} configuration for ${kind.toLowerCase()} '${name}'`;
  const byName = new Map(properties.map((property) => [property.name, property]));
  const valueOf = (key: string) => (Object.hasOwn(configuration, key) ? configuration[key] : undefined);
  const missing = properties
    .filter((property) => valueOf(property.name) === undefined && isRequired(property, byName, valueOf))
    .map((property) => ({
      below: ['configuration'],
      message: `${about} is missing required configuration '${property.name}'`,
    }));
  const wrong = Object.entries(configuration).flatMap(([key, value]): Message[] => {
    const below = ['configuration', key];
    const property = byName.get(key);
    if (!property) {
      const message = `${about} contains unknown configuration '${key}'`;
      return [{ below, message, unknown: { name: key, known: [...byName.keys()] } }];
    }
    const problem = property.secret || hasReference(value) ? undefined : valueProblem(property, value);
    return problem ? [{ below, message: `${about} has an invalid value for '${key}': ${problem}` }] : [];
  });
  return [...missing, ...wrong];
}

function isRequired(
  property: ActionProperty,
  byName: ReadonlyMap<string, ActionProperty>,
  valueOf: (key: string) => string | undefined,
): boolean {
  const { requiredIf } = property;
  if (!requiredIf) return property.required;
  const value = valueOf(requiredIf.property);
  const isBoolean = byName.get(requiredIf.property)?.type === 'boolean';
  return requiredIf.values.includes(isBoolean ? value?.toLowerCase() : value);
}

function valueProblem(property: ActionProperty, value: string): string | undefined {
  if (property.queryable && !QUERYABLE.test(value)) {
    return 'it must have at most 20 characters of letters, digits, hyphens and underscores';
  }
  switch (property.type) {
    case 'string':
      return undefined;
    case 'boolean':
      return /^(true|false)$/i.test(value) ? undefined : 'it must be true or false';
    case 'number':
      return numberProblem(value, property.bounds);
    case 'enum':
      return property.values?.includes(value)
        ? undefined
        : `only ${property.values?.join(', ')} is available`;
    case 'json':
      return isJson(value) ? undefined : 'it must be JSON';
  }
}

function numberProblem(value: string, bounds: Bounds | undefined): string | undefined {
  if (!NUMBER.test(value)) return 'it must be a number';
  const number = Number(value);
  return bounds && (number < bounds.min || number > bounds.max)
    ? `it must be between ${bounds.min} and ${bounds.max}`
    : undefined;
}

function isJson(value: string): boolean {
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}

export function countMessages(
  { kind, name }: Subject,
  artifacts: 'input' | 'output',
  count: number,
  bounds: Bounds,
): readonly string[] {
  const declares = `${kind} ${name} declares ${count} ${artifacts} artifacts which is`;
  if (count < bounds.min) return [`${declares} less than the minimum count (${bounds.min})`];
  if (count > bounds.max) return [`${declares} more than the maximum count (${bounds.max})`];
  return [];
}

/** Each command is one line, run after the one before. */
export function commandMessages(
  { kind, name }: Subject,
  commands: readonly string[] | undefined,
): readonly Message[] {
  return (commands ?? []).flatMap((command, at) =>
    /[\r\n]/.test(command)
      ? [
          {
            below: ['commands', at],
            message: `${kind} ${name} has a line break in a command. Each command must be one line`,
          },
        ]
      : [],
  );
}

/** Only a batch has artifacts to combine, and combined they are one. */
export function batchMessages(
  { kind, name }: Subject,
  provider: string,
  { configuration }: { readonly configuration: Configuration },
  outputCount?: number,
): readonly Message[] {
  if (provider !== 'CodeBuild' || !isOn(configuration['CombineArtifacts'])) return [];
  const below = ['configuration', 'CombineArtifacts'];
  const start = `${kind} configuration for ${kind.toLowerCase()} '${name}' can be CombineArtifacts only`;
  if (!isOn(configuration['BatchEnabled'])) return [{ below, message: `${start} with BatchEnabled` }];
  if (outputCount === undefined || outputCount <= 1) return [];
  return [{ below, message: `${start} with one output artifact, and it has ${outputCount}` }];
}

function isOn(text: string | undefined): boolean {
  return text?.toLowerCase() === 'true';
}

/** CodeBuild must know in which of several inputs the buildspec is. */
export function primarySourceMessages(
  { kind, name }: Subject,
  provider: string,
  given: {
    readonly configuration: Configuration;
    readonly inputArtifacts: readonly { readonly name: string }[];
  },
): readonly Message[] {
  const names = given.inputArtifacts.map((artifact) => artifact.name);
  if (provider !== 'CodeBuild' || names.length < 2) return [];
  const primary = given.configuration['PrimarySource'];
  if (primary !== undefined && names.includes(primary)) return [];
  const message =
    `${kind} configuration for ${kind.toLowerCase()} '${name}' must name one of its input artifacts as ` +
    'PrimarySource, because it has more than one';
  if (primary === undefined) return [{ below: ['configuration'], message }];
  const below = ['configuration', 'PrimarySource'];
  return [{ below, message, unknown: { name: primary, known: names } }];
}
