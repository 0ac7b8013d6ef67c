/**
 * Filters of lists of parameters: by name, path, type, key, tier, data type, tag and label. Within one filter any value
 * will do; all filters must hold. See `ParameterStringFilter` in the Systems Manager API reference. Pure.
 */

import { fault, type Fault } from '#base/fault.ts';
import { isBelow, isPath } from './name.ts';

export interface FilterInput {
  readonly Key?: string | undefined;
  readonly Option?: string | undefined;
  readonly Values?: readonly string[] | undefined;
}

/** What filters look at. */
export interface Filtered {
  readonly name: string;
  readonly type: string;
  readonly keyId: string | undefined;
  readonly tier: string;
  readonly dataType: string;
  readonly tags: Readonly<Record<string, string>>;
}

type Check = (parameter: Filtered) => boolean;

export interface Filters {
  /** Versions that have one of these labels are asked for; empty for the newest. */
  readonly labels: readonly string[];
  fits(parameter: Filtered): boolean;
}

const VALUES_MAX = 50;
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  Name: ['Equals', 'BeginsWith', 'Contains'],
  Path: ['OneLevel', 'Recursive'],
  Type: ['Equals', 'BeginsWith'],
  KeyId: ['Equals', 'BeginsWith'],
  Label: ['Equals'],
  Tier: ['Equals', 'BeginsWith'],
  DataType: ['Equals', 'BeginsWith'],
};

/** `keys` are those that the operation takes; `tag` stands for all of `tag:…`. Throws the fault of AWS. */
export function readFilters(inputs: readonly FilterInput[], keys: readonly string[]): Filters {
  const labels: string[] = [];
  const checks: Check[] = [];
  const seen = new Set<string>();
  for (const { Key: key = '', Option: given, Values: values = [] } of inputs) {
    const kind = key.startsWith('tag:') ? 'tag' : key;
    if (!keys.includes(kind)) {
      const message = `The following filter key is not valid: ${key}. Valid filter keys include: [${keys.join(', ')}].`;
      throw fault('InvalidFilterKey', message);
    }
    if (seen.has(key)) throw fault('InvalidFilterKey', `The filter ${key} is there twice.`);
    seen.add(key);
    const option = given ?? (kind === 'Path' ? 'OneLevel' : 'Equals');
    if (!(OPTIONS[kind] ?? ['Equals']).includes(option)) {
      const message = `The following filter option is not valid: ${option}. Valid options include: [${(OPTIONS[kind] ?? ['Equals']).join(', ')}].`;
      throw fault('InvalidFilterOption', message);
    }
    if (values.length > VALUES_MAX) throw invalidValue(`A filter takes at most ${VALUES_MAX} values.`);
    if (values.length === 0 && kind !== 'tag') {
      throw invalidValue('The following filter values are missing : null for filter key ' + key);
    }
    if (kind === 'Label') labels.push(...values);
    else checks.push(checkOf(kind, key, option, values));
  }
  return { labels, fits: (parameter) => checks.every((check) => check(parameter)) };
}

function checkOf(kind: string, key: string, option: string, values: readonly string[]): Check {
  switch (kind) {
    case 'tag': {
      const tag = key.slice('tag:'.length);
      return ({ tags }) => {
        const value = Object.hasOwn(tags, tag) ? tags[tag] : undefined;
        return value !== undefined && (values.length === 0 || values.includes(value));
      };
    }
    case 'Path': {
      const wrong = values.find((path) => !isPath(path));
      if (wrong !== undefined) {
        const message = `The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/": ${wrong.slice(0, 100)}`;
        throw invalidValue(message);
      }
      return ({ name }) => values.some((path) => isBelow(name, path, option === 'Recursive'));
    }
    default:
      return (parameter) => {
        const text = textOf(kind, parameter);
        return text !== undefined && values.some((value) => matches(option, text, value));
      };
  }
}

function textOf(kind: string, parameter: Filtered): string | undefined {
  switch (kind) {
    case 'Name':
      return parameter.name;
    case 'Type':
      return parameter.type;
    case 'KeyId':
      return parameter.keyId;
    case 'Tier':
      return parameter.tier;
    default:
      return parameter.dataType;
  }
}

function matches(option: string, text: string, value: string): boolean {
  switch (option) {
    case 'BeginsWith':
      return text.startsWith(value);
    case 'Contains':
      return text.includes(value);
    default:
      return text === value;
  }
}

function invalidValue(message: string): Fault {
  return fault('InvalidFilterValue', message);
}
