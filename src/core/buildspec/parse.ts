/**
 * Buildspec text → buildspec, or the message that the build's YAML_FILE_ERROR shows.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
 */

import type { BatchSpec } from '#core/batch/batch-spec.ts';
import { readBatch } from './batch.ts';
import { parseOnFailure } from './buildspec.ts';
import type { Buildspec, BuildspecEnvironment, CommandPhase, PhaseSpec } from './buildspec.ts';
import { readYaml, YamlFault } from './node.ts';
import type { YamlEntry, YamlNode } from './node.ts';
import { readArtifacts, readCache, readReports, readSecondaryArtifacts } from './outputs.ts';
import { find, readSwitch, readText, readTextList, readTextMap } from './values.ts';

export type ParsedBuildspec =
  | {
      readonly buildspec: Buildspec;
      /** Only of what starts a batch. */
      readonly batch?: BatchSpec;
    }
  | { readonly error: string };

export function parseBuildspec(text: string): ParsedBuildspec {
  return parsed(() => {
    const file = readYaml(text);
    return { buildspec: readBuildspec(file.root, [...file.warnings]) };
  });
}

/** What starts a batch: the batch, and a buildspec that runs nothing but has the environment, for what it exports. */
export function parseBatchspec(
  text: string,
): { readonly buildspec: Buildspec; readonly batch: BatchSpec } | { readonly error: string } {
  return parsed(() => {
    const file = readYaml(text);
    const { root } = file;
    const { batch, warnings } = readBatch(root);
    // The phases may all be in the buildspecs of the builds.
    const entries = root.entries.filter(({ key }) =>
      ['version', 'env', 'environment_variables'].includes(key),
    );
    const phases = { key: 'phases', line: 1, value: { ...root, entries: [] } };
    const buildspec = readBuildspec({ ...root, entries: [...entries, phases] }, [
      ...file.warnings,
      ...warnings,
    ]);
    return { batch, buildspec };
  });
}

function parsed<Result>(read: () => Result): Result | { readonly error: string } {
  try {
    return read();
  } catch (error) {
    if (error instanceof YamlFault) return { error: error.message };
    throw error;
  }
}

const PHASES: Readonly<Record<string, CommandPhase>> = {
  install: 'INSTALL',
  pre_build: 'PRE_BUILD',
  build: 'BUILD',
  post_build: 'POST_BUILD',
};

const KEYS = [
  'version',
  'run-as',
  'env',
  'environment_variables',
  'proxy',
  'phases',
  'reports',
  'artifacts',
  'cache',
  'batch',
];

function readBuildspec(root: YamlNode, warnings: string[]): Buildspec {
  if (root.kind !== 'map') throw new YamlFault('Cannot unmarshal the file to a buildspec: a map is expected');
  const version = readVersion(root);
  for (const entry of root.entries) {
    if (entry.key === 'steps') throw new YamlFault('unsupported field "steps" in buildspec');
    if (!KEYS.includes(entry.key))
      warnings.push(`unknown key '${entry.key}' at line ${entry.line} is ignored`);
  }
  checkProxy(root, warnings);
  if (version === '0.1' && find(root, 'env')) {
    throw new YamlFault('Invalid buildspec key: env. Version 0.1 expects: environment_variables');
  }
  const env = find(root, 'env')?.value;
  const runAs = readText(find(root, 'run-as'));
  const artifacts = find(root, 'artifacts');
  const cache = readCache(find(root, 'cache'));
  return {
    version,
    shell: readShell(env && find(env, 'shell')),
    ...(runAs === undefined ? {} : { runAs }),
    environment: version === '0.1' ? readOldEnvironment(root) : readEnvironment(env, warnings),
    phases: readPhases(find(root, 'phases')),
    ...(artifacts && artifacts.value.kind === 'map'
      ? { artifacts: readArtifacts(artifacts, 'artifacts') }
      : {}),
    secondaryArtifacts: readSecondaryArtifacts(artifacts),
    reports: readReports(find(root, 'reports')),
    ...(cache ? { cache } : {}),
    warnings,
  };
}

/** What the server sends for a build goes through no proxy of the build. */
function checkProxy(root: YamlNode, warnings: string[]): void {
  const proxy = find(root, 'proxy');
  for (const key of ['upload-artifacts', 'logs']) {
    const entry = proxy && find(proxy.value, key);
    if (readSwitch(entry))
      warnings.push(`proxy ${key} at line ${entry?.line} has no effect: no proxy is needed`);
  }
}

function readVersion(root: YamlNode): '0.1' | '0.2' {
  const entry = find(root, 'version');
  const text = entry?.value.text ?? '';
  if (text === '0.1' || text === '0.2') return text;
  throw new YamlFault(
    entry
      ? `Invalid buildspec version: ${text} at line ${entry.line}. Expecting: 0.1,0.2`
      : 'Missing buildspec version. Expecting: 0.1,0.2',
  );
}

function readShell(entry: YamlEntry | undefined): 'sh' | 'bash' {
  const shell = readText(entry)?.toLowerCase();
  if (shell === undefined || shell === '' || shell === 'sh' || shell === '/bin/sh') return 'sh';
  if (shell === 'bash' || shell === '/bin/bash') return 'bash';
  throw new YamlFault(`Invalid env shell: ${shell} at line ${entry?.line}. Expecting: bash,/bin/sh`);
}

function readOldEnvironment(root: YamlNode): BuildspecEnvironment {
  const block = find(root, 'environment_variables')?.value;
  const variables = readTextMap(block && find(block, 'plaintext'));
  return {
    variables,
    parameterStore: {},
    secretsManager: {},
    exportedVariables: [],
    gitCredentialHelper: false,
  };
}

function readEnvironment(env: YamlNode | undefined, warnings: string[]): BuildspecEnvironment {
  const of = (key: string) => env && find(env, key);
  return {
    variables: withoutReserved(readTextMap(of('variables')), warnings),
    parameterStore: withoutReserved(readTextMap(of('parameter-store')), warnings),
    secretsManager: withoutReserved(readTextMap(of('secrets-manager')), warnings),
    exportedVariables: readTextList(of('exported-variables')),
    gitCredentialHelper: readSwitch(of('git-credential-helper')),
  };
}

/** Names starting with `CODEBUILD_` are CodeBuild's own, but for its two switches. */
function withoutReserved(variables: Record<string, string>, warnings: string[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).filter(([name]) => {
      const reserved = name.startsWith('CODEBUILD_') && !name.startsWith('CODEBUILD_CONFIG_');
      if (reserved)
        warnings.push(`variable '${name}' is not set: names starting with CODEBUILD_ are reserved`);
      return !reserved;
    }),
  );
}

function readPhases(entry: YamlEntry | undefined): Partial<Record<CommandPhase, PhaseSpec>> {
  if (!entry || entry.value.kind !== 'map') throw new YamlFault('Missing buildspec key: phases');
  const phases: Partial<Record<CommandPhase, PhaseSpec>> = {};
  for (const { key, value, line } of entry.value.entries) {
    const phase = Object.hasOwn(PHASES, key) ? PHASES[key] : undefined;
    if (!phase) {
      throw new YamlFault(
        `Invalid buildspec phase name: ${key}. Expecting: build,install,post_build,pre_build`,
      );
    }
    if (value.kind === 'list') throw new YamlFault(`Cannot unmarshal list to phase ${key} at line ${line}`);
    phases[phase] = readPhase(key, value);
  }
  return phases;
}

function readPhase(name: string, phase: YamlNode): PhaseSpec {
  if (find(phase, 'steps')) throw new YamlFault('unsupported field "steps" in buildspec');
  const failure = find(phase, 'on-failure');
  const onFailure = failure && parseOnFailure(readText(failure) ?? '');
  if (failure && !onFailure) {
    throw new YamlFault(
      `Invalid on-failure of phase ${name}: ${failure.value.text} at line ${failure.line}. ` +
        'Expecting: ABORT,CONTINUE,RETRY,RETRY-count,RETRY-regex,RETRY-count-regex',
    );
  }
  const runAs = readText(find(phase, 'run-as'));
  return {
    commands: readCommands(find(phase, 'commands'), 'Commands'),
    finally: readCommands(find(phase, 'finally'), 'Finally'),
    ...(onFailure ? { onFailure } : {}),
    ...(runAs === undefined ? {} : { runAs }),
    runtimeVersions: readTextMap(find(phase, 'runtime-versions')),
  };
}

function readCommands(entry: YamlEntry | undefined, label: string): string[] {
  if (!entry) return [];
  const { value } = entry;
  if (value.kind === 'scalar') return value.text === '' ? [] : [value.text];
  if (value.kind === 'map')
    throw new YamlFault(`Cannot unmarshal map to list of commands at line ${entry.line}`);
  return value.items.map((item, index) => {
    if (item.kind === 'scalar') return item.text;
    const found = item.kind === 'map' ? 'subkeys' : 'a list';
    const empty =
      item.entries.find((sub) => sub.value.kind === 'scalar' && sub.value.text === '') ?? item.entries[0];
    throw new YamlFault(
      `Expected ${label}[${index}] to be of string type: found ${found} instead at line ${item.line}, ` +
        `value of the key tag on line ${empty?.line ?? item.line} might be empty`,
    );
  });
}
