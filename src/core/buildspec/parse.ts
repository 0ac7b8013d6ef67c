/**
 * Buildspec text → buildspec, or the message that the build's YAML_FILE_ERROR shows.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
 */

import { parseOnFailure } from './buildspec.ts';
import type { ArtifactsSpec, Buildspec, BuildspecEnvironment, CommandPhase, PhaseSpec } from './buildspec.ts';
import { readYaml, YamlFault } from './node.ts';
import type { YamlEntry, YamlNode } from './node.ts';

export type ParsedBuildspec = { readonly buildspec: Buildspec } | { readonly error: string };

export function parseBuildspec(text: string): ParsedBuildspec {
  try {
    const file = readYaml(text);
    return { buildspec: readBuildspec(file.root, [...file.warnings]) };
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

/** Keys that AWS reads and this release does not act on yet; the build's log says so. */
const KEYS_WITHOUT_EFFECT = ['proxy', 'reports', 'cache'];

function readBuildspec(root: YamlNode, warnings: string[]): Buildspec {
  if (root.kind !== 'map') throw new YamlFault('Cannot unmarshal the file to a buildspec: a map is expected');
  const version = readVersion(root);
  const known = ['version', 'run-as', 'env', 'environment_variables', 'phases', 'artifacts', 'batch'];
  for (const entry of root.entries) {
    if (KEYS_WITHOUT_EFFECT.includes(entry.key)) {
      warnings.push(`'${entry.key}' at line ${entry.line} is read but not acted on yet`);
    } else if (entry.key === 'steps') {
      throw new YamlFault('unsupported field "steps" in buildspec');
    } else if (!known.includes(entry.key)) {
      warnings.push(`unknown key '${entry.key}' at line ${entry.line} is ignored`);
    }
  }
  if (version === '0.1' && find(root, 'env')) {
    throw new YamlFault('Invalid buildspec key: env. Version 0.1 expects: environment_variables');
  }
  const env = find(root, 'env')?.value;
  const runAs = readText(find(root, 'run-as'));
  const artifacts = find(root, 'artifacts');
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
    warnings,
  };
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
  return { variables, parameterStore: {}, secretsManager: {}, exportedVariables: [] };
}

function readEnvironment(env: YamlNode | undefined, warnings: string[]): BuildspecEnvironment {
  const of = (key: string) => env && find(env, key);
  return {
    variables: withoutReserved(readTextMap(of('variables')), warnings),
    parameterStore: withoutReserved(readTextMap(of('parameter-store')), warnings),
    secretsManager: withoutReserved(readTextMap(of('secrets-manager')), warnings),
    exportedVariables: readTextList(of('exported-variables')),
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

function readSecondaryArtifacts(artifacts: YamlEntry | undefined): Record<string, ArtifactsSpec> {
  const secondary = artifacts && find(artifacts.value, 'secondary-artifacts');
  if (!secondary) return {};
  if (secondary.value.kind !== 'map')
    throw new YamlFault('Cannot unmarshal secondary-artifacts: a map is expected');
  return Object.fromEntries(
    secondary.value.entries.map((entry) => [
      entry.key,
      readArtifacts(entry, `secondary-artifacts ${entry.key}`),
    ]),
  );
}

function readArtifacts(entry: YamlEntry, label: string): ArtifactsSpec {
  const block = entry.value;
  const files = readTextList(find(block, 'files'));
  if (files.length === 0) throw new YamlFault(`Missing files in ${label} at line ${entry.line}`);
  const name = readText(find(block, 'name'));
  const baseDirectory = readText(find(block, 'base-directory'));
  const s3Prefix = readText(find(block, 's3-prefix'));
  return {
    files,
    ...(name ? { name } : {}),
    ...(baseDirectory ? { baseDirectory } : {}),
    excludePaths: readTextList(find(block, 'exclude-paths')),
    discardPaths: readSwitch(find(block, 'discard-paths')),
    enableSymlinks: readSwitch(find(block, 'enable-symlinks')),
    ...(s3Prefix ? { s3Prefix } : {}),
  };
}

function find(node: YamlNode, key: string): YamlEntry | undefined {
  return node.entries.find((entry) => entry.key === key);
}

function readText(entry: YamlEntry | undefined): string | undefined {
  if (!entry) return undefined;
  if (entry.value.kind !== 'scalar') {
    throw new YamlFault(`Cannot unmarshal ${entry.value.kind} to string: ${entry.key} at line ${entry.line}`);
  }
  return entry.value.text;
}

/** One text counts as a list of one. */
function readTextList(entry: YamlEntry | undefined): string[] {
  if (!entry) return [];
  if (entry.value.kind !== 'list') {
    const text = readText(entry);
    return text ? [text] : [];
  }
  return entry.value.items.map((item, index) => {
    if (item.kind === 'scalar') return item.text;
    throw new YamlFault(
      `Cannot unmarshal ${item.kind} to string: ${entry.key}[${index}] at line ${item.line}`,
    );
  });
}

function readTextMap(entry: YamlEntry | undefined): Record<string, string> {
  if (!entry || (entry.value.kind === 'scalar' && entry.value.text === '')) return {};
  if (entry.value.kind !== 'map') {
    throw new YamlFault(`Cannot unmarshal ${entry.value.kind} to map: ${entry.key} at line ${entry.line}`);
  }
  return Object.fromEntries(entry.value.entries.map((item) => [item.key, readText(item) ?? '']));
}

function readSwitch(entry: YamlEntry | undefined): boolean {
  const text = readText(entry)?.toLowerCase() ?? 'no';
  if (['yes', 'true', 'on'].includes(text)) return true;
  if (['no', 'false', 'off', ''].includes(text)) return false;
  throw new YamlFault(`Invalid ${entry?.key}: ${text} at line ${entry?.line}. Expecting: yes,no`);
}
