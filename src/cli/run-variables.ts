/**
 * The variables of a local run. Plain ones come from `--env` and from a file, as StartBuild's overrides; secret ones
 * come from the environment or from files of their own and stand in for what the buildspec takes from Parameter Store
 * and Secrets Manager.
 */

import { readFileSync, statSync } from 'node:fs';
import type { Buildspec } from '#core/buildspec/buildspec.ts';
import { BadUsage } from './errors.ts';

export interface Variable {
  readonly name: string;
  readonly value: string;
  /** Where a secret one is kept while the build runs; CodeBuild masks what comes from there. */
  readonly type: 'PLAINTEXT' | 'PARAMETER_STORE' | 'SECRETS_MANAGER';
}

export interface VariableOptions {
  readonly envFile?: string;
  readonly env?: readonly string[];
  readonly secret?: readonly string[];
}

const NAME = /^[A-Za-z_]\w*$/;
const FILE_BYTES_MAX = 1024 * 1024;
/** What an advanced parameter and a secret may hold. */
const VALUE_BYTES_MAX = { PARAMETER_STORE: 8 * 1024, SECRETS_MANAGER: 64 * 1024 };

export function readVariables(options: VariableOptions, spec: Buildspec | undefined): readonly Variable[] {
  const variables = new Map<string, Variable>();
  const set = (each: Variable) => variables.set(each.name, each);
  if (options.envFile !== undefined) for (const each of readEnvironmentFile(options.envFile)) set(each);
  for (const text of options.env ?? []) {
    const [, name] = /^([^=]+)=/.exec(text) ?? [];
    set(plain(text, () => (name === undefined ? 'An --env' : `--env ${name}`)));
  }
  for (const text of options.secret ?? []) set(secret(text, spec));
  if (spec) requireSecrets(spec, variables);
  return [...variables.values()];
}

/** `VAR=VAL` a line; quotes belong to the value, as in AWS's script. */
function readEnvironmentFile(path: string): readonly Variable[] {
  return readText(path, '--env-file')
    .split('\n')
    .map((line, index) => ({ line: line.replace(/\r$/, ''), at: `${path}:${index + 1}` }))
    .filter(({ line }) => line.trim() !== '' && !line.trimStart().startsWith('#'))
    .map(({ line, at }) => plain(line, () => at));
}

/** The value is not repeated in an error: it may be what nobody should see. */
function plain(text: string, place: () => string): Variable {
  const equals = text.indexOf('=');
  const name = text.slice(0, equals).trim();
  if (equals > 0 && NAME.test(name)) return { name, value: text.slice(equals + 1), type: 'PLAINTEXT' };
  throw new BadUsage(`${place()} is no variable. Write NAME=VALUE, with a name of letters, digits and _.`);
}

/** `NAME` of the environment, or `NAME@FILE`; one line break at the end of a file does not count. */
function secret(text: string, spec: Buildspec | undefined): Variable {
  const [, name = '', file] = /^([A-Za-z_]\w*)(?:@(.+))?$/s.exec(text) ?? [];
  if (name === '') {
    // Perhaps NAME=VALUE, which must not be shown again.
    throw new BadUsage(
      'A --secret is written NAME, and its value read from the environment, or NAME@FILE. ' +
        'Its value never stands on a command line.',
    );
  }
  const value =
    file === undefined ? process.env[name] : readText(file, `--secret ${name}`).replace(/\r?\n$/, '');
  if (value === undefined) {
    throw new BadUsage(`The environment has no ${name}. Export it, or name a file: --secret ${name}@FILE.`);
  }
  if (value === '') throw new BadUsage(`The secret ${name} is empty. Give it a value.`);
  const type = name in (spec?.environment.parameterStore ?? {}) ? 'PARAMETER_STORE' : 'SECRETS_MANAGER';
  if (Buffer.byteLength(value) > VALUE_BYTES_MAX[type]) {
    throw new BadUsage(
      `The secret ${name} is longer than ${VALUE_BYTES_MAX[type]} bytes, which is the most.`,
    );
  }
  return { name, value, type };
}

function requireSecrets(spec: Buildspec, variables: ReadonlyMap<string, Variable>): void {
  const { parameterStore, secretsManager } = spec.environment;
  const missing = [
    ...Object.entries(parameterStore).map(([name, from]) => ({ name, from: `parameter ${from}` })),
    ...Object.entries(secretsManager).map(([name, from]) => ({ name, from: `secret ${from}` })),
  ].filter(({ name }) => !variables.has(name));
  if (missing.length === 0) return;
  const list = missing.map(({ name, from }) => `${name} (${from})`).join(', ');
  const help = missing.map(({ name }) => `--secret ${name}`).join(' ');
  throw new BadUsage(
    `The buildspec takes ${list} from AWS, which a local run does not ask. ` +
      `Give the values: ${help}, each from your environment, or NAME@FILE.`,
  );
}

function readText(path: string, option: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new BadUsage(`There is no file ${path}, which ${option} names.`);
  if (stat.isDirectory()) throw new BadUsage(`${path}, which ${option} names, is a folder.`);
  const text = readFileSync(path, 'utf8');
  if (text.length <= FILE_BYTES_MAX) return text;
  throw new BadUsage(`${path}, which ${option} names, is longer than ${FILE_BYTES_MAX} bytes.`);
}
