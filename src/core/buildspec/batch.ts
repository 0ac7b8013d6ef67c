/** The `batch` section of a buildspec, read only when a batch build starts. */

import type { BatchBuild, BatchEnvironment, BatchSpec, Dimension } from '#core/batch/batch-spec.ts';
import {
  BATCH_BUILDS_MAX,
  expandMatrix,
  graphProblem,
  isIdentifier,
  matrixSize,
} from '#core/batch/batch-spec.ts';
import { YamlFault } from './node.ts';
import type { YamlEntry, YamlNode } from './node.ts';
import { find, readSwitch, readText, readTextList, readTextMap } from './values.ts';

const KINDS = ['build-fanout', 'build-graph', 'build-list', 'build-matrix'];
const EMPTY: YamlNode = { line: 0, kind: 'map', text: '', items: [], entries: [] };

export interface BatchSection {
  readonly batch: BatchSpec;
  readonly warnings: readonly string[];
}

/** Throws `YamlFault`. */
export function readBatch(root: YamlNode): BatchSection {
  const entry = find(root, 'batch');
  if (!entry) throw new YamlFault('Missing buildspec key: batch');
  const section = mapOf(entry);
  const kinds = section.entries.filter(({ key }) => key !== 'fast-fail');
  const [kind] = kinds;
  if (!kind || kinds.length > 1 || !KINDS.includes(kind.key)) {
    const found = kinds.map(({ key }) => key).join(',') || 'none';
    throw new YamlFault(
      `Invalid batch at line ${entry.line}: found ${found}. Expecting exactly one of: ${KINDS.join(',')}`,
    );
  }
  const warnings: string[] = [];
  const builds = readBuilds(kind, warnings);
  const problem = graphProblem(builds);
  if (problem !== undefined) throw new YamlFault(`${problem}, in ${kind.key} at line ${kind.line}`);
  return { batch: { fastFail: readSwitch(find(section, 'fast-fail')), builds }, warnings };
}

function readBuilds(kind: YamlEntry, warnings: string[]): readonly BatchBuild[] {
  switch (kind.key) {
    case 'build-fanout':
      return readFanout(kind);
    case 'build-matrix':
      return readMatrix(kind);
    default:
      return readList(kind, warnings);
  }
}

function readList(kind: YamlEntry, warnings: string[]): readonly BatchBuild[] {
  const { items } = kind.value;
  if (kind.value.kind !== 'list' || items.length === 0) {
    throw new YamlFault(`Invalid ${kind.key} at line ${kind.line}: a list of builds is expected`);
  }
  checkCount(kind, items.length);
  return items.map((item) => readItem(kind, item, warnings));
}

function readItem({ key }: YamlEntry, item: YamlNode, warnings: string[]): BatchBuild {
  if (item.kind !== 'map')
    throw new YamlFault(`Cannot unmarshal ${item.kind} to build of ${key} at line ${item.line}`);
  const identifier = readText(find(item, 'identifier')) ?? '';
  if (!isIdentifier(identifier)) {
    throw new YamlFault(
      `Invalid identifier of ${key}: ${identifier || 'none'} at line ${item.line}. ` +
        'Expecting: letters, digits and underscores',
    );
  }
  const dependencies = find(item, 'depend-on');
  if (dependencies && key !== 'build-graph') {
    throw new YamlFault(`depend-on of ${identifier} at line ${dependencies.line} needs a build-graph`);
  }
  if (readSwitch(find(item, 'debug-session')))
    warnings.push(`debug-session of ${identifier} has no effect: there are no debug sessions`);
  return {
    identifier,
    dependsOn: [...new Set(readTextList(dependencies))],
    ignoreFailure: readSwitch(find(item, 'ignore-failure')),
    ...textMember('buildspec', readText(find(item, 'buildspec'))),
    environment: readEnvironment(find(item, 'env'), identifier),
  };
}

function readEnvironment(entry: YamlEntry | undefined, of: string): BatchEnvironment {
  const env = entry ? mapOf(entry) : EMPTY;
  const text = (key: string) => readText(find(env, key)) || undefined;
  const privileged = find(env, 'privileged-mode');
  const computeType = text('compute-type');
  const fleet = text('fleet');
  if (computeType !== undefined && fleet !== undefined) {
    throw new YamlFault(
      `Invalid env of ${of} at line ${entry?.line}: compute-type and fleet exclude each other`,
    );
  }
  return {
    ...textMember('type', text('type')),
    ...textMember('image', text('image')),
    ...textMember('computeType', computeType),
    ...textMember('fleet', fleet),
    ...(privileged ? { privileged: readSwitch(privileged) } : {}),
    variables: readTextMap(find(env, 'variables')),
  };
}

function readFanout(kind: YamlEntry): readonly BatchBuild[] {
  const section = mapOf(kind);
  const text = readText(find(section, 'parallelism')) ?? 'none';
  if (!/^[1-9]\d{0,9}$/.test(text)) {
    throw new YamlFault(`Invalid parallelism: ${text} at line ${kind.line}. Expecting: a number above 0`);
  }
  const total = Number(text);
  checkCount(kind, total);
  const ignoreFailure = readSwitch(find(section, 'ignore-failure'));
  return Array.from({ length: total }, (_, index) => ({
    identifier: `build_${index + 1}`,
    dependsOn: [],
    ignoreFailure,
    environment: { variables: {} },
    shard: { index, total },
  }));
}

function readMatrix(kind: YamlEntry): readonly BatchBuild[] {
  const section = mapOf(kind);
  const part = (key: string) => {
    const entry = find(section, key);
    return entry ? mapOf(entry) : EMPTY;
  };
  const fixed = part('static');
  const base: BatchBuild = {
    identifier: '',
    dependsOn: [],
    ignoreFailure: readSwitch(find(fixed, 'ignore-failure')),
    environment: readEnvironment(find(fixed, 'env'), 'build-matrix static'),
  };
  const dimensions = readDimensions(part('dynamic'));
  checkCount(kind, matrixSize(dimensions));
  return expandMatrix(base, dimensions);
}

function readDimensions(dynamic: YamlNode): readonly Dimension[] {
  const entry = find(dynamic, 'env');
  const env = entry ? mapOf(entry) : EMPTY;
  const variables = find(env, 'variables');
  const inEnvironment = (change: (value: string) => Partial<BatchEnvironment>) => (value: string) => {
    return (build: BatchBuild) => ({ ...build, environment: { ...build.environment, ...change(value) } });
  };
  const setVariable = (name: string) => (value: string) => (build: BatchBuild) => {
    const { environment } = build;
    return {
      ...build,
      environment: { ...environment, variables: { ...environment.variables, [name]: value } },
    };
  };
  return [
    readTextList(find(dynamic, 'buildspec')).map((buildspec) => (build: BatchBuild) => ({
      ...build,
      buildspec,
    })),
    readTextList(find(env, 'compute-type')).map(inEnvironment((computeType) => ({ computeType }))),
    readTextList(find(env, 'image')).map(inEnvironment((image) => ({ image }))),
    ...(variables ? mapOf(variables).entries : []).map((variable) =>
      readTextList(variable).map(setVariable(variable.key)),
    ),
  ].filter((dimension) => dimension.length > 0);
}

function checkCount({ key, line }: YamlEntry, count: number): void {
  if (count <= BATCH_BUILDS_MAX) return;
  throw new YamlFault(`Too many builds in ${key} at line ${line}: there can be at most ${BATCH_BUILDS_MAX}`);
}

function mapOf({ key, line, value }: YamlEntry): YamlNode {
  if (value.kind === 'map') return value;
  if (value.kind === 'scalar' && value.text === '') return EMPTY;
  throw new YamlFault(`Cannot unmarshal ${value.kind} to map: ${key} at line ${line}`);
}

function textMember<Name extends string>(
  name: Name,
  text: string | undefined,
): Partial<Record<Name, string>> {
  return text ? ({ [name]: text } as Partial<Record<Name, string>>) : {};
}
