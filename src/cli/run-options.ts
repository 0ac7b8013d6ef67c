/**
 * What a person asks of `slipway run`, read and checked before anything starts: the letters are those of AWS's own
 * script for local builds, each with a long name beside it. A secret's value is never on the command line.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/use-codebuild-agent.html
 */

import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { Buildspec } from '#core/buildspec/buildspec.ts';
import { BUILDSPEC_LENGTH_MAX } from '#core/buildspec/node.ts';
import { parseBuildspec } from '#core/buildspec/parse.ts';
import { readPlaced } from '#core/placed-document.ts';
import { RUNTIME_CHOICES, type RuntimeChoice } from '#runtimes/choice.ts';
import { pipelineKind } from './check-pipeline.ts';
import { BadUsage } from './errors.ts';
import { readVariables, type Variable } from './run-variables.ts';

export interface RunOptions {
  readonly buildspec?: string;
  readonly source?: readonly string[];
  readonly artifacts?: string;
  readonly unpack: boolean;
  readonly reports?: string;
  readonly envFile?: string;
  readonly env?: readonly string[];
  readonly secret?: readonly string[];
  readonly image: string;
  readonly compute: string;
  readonly timeout: string;
  readonly privileged: boolean;
  readonly runtime: string;
  readonly json: boolean;
  readonly mount?: true;
  readonly awsConfiguration?: true;
  readonly profile?: string;
  readonly agentImage?: string;
}

export interface RunPlan {
  readonly projectName: string;
  readonly source: string;
  readonly secondary: readonly { readonly identifier: string; readonly path: string }[];
  /** As a project names it: a path in the source, or the text itself. */
  readonly buildspec: string;
  /** Absent when it has faults; the build then says which. */
  readonly spec: Buildspec | undefined;
  readonly artifacts: string | undefined;
  readonly unpack: boolean;
  readonly reports: string | undefined;
  readonly variables: readonly Variable[];
  readonly image: string;
  readonly computeType: string;
  readonly timeoutMinutes: number;
  readonly privileged: boolean;
  readonly runtime: RuntimeChoice;
}

const COMPUTE = ['SMALL', 'MEDIUM', 'LARGE', 'XLARGE', '2XLARGE'];
const TIMEOUT_MINUTES = { min: 5, max: 2160 };
const SECONDARY_MAX = 12;

/** Throws `BadUsage`, which says what is wrong, where, and what would help. */
export function planRun(file: string | undefined, options: RunOptions): RunPlan {
  refuseForeign(options);
  const [first = '.', ...more] = options.source ?? [];
  const source = folder(first, '--source');
  const { buildspec, spec } = readBuildspec(file, options.buildspec, source);
  const runtime = RUNTIME_CHOICES.find((choice) => choice === options.runtime);
  if (!runtime) {
    throw new BadUsage(`There is no runtime named ${options.runtime}. Choose ${RUNTIME_CHOICES.join(', ')}.`);
  }
  return {
    projectName: projectNameOf(source),
    source,
    secondary: secondarySources(more),
    buildspec,
    spec,
    artifacts: output(options.artifacts, '--artifacts'),
    unpack: options.unpack,
    reports: output(options.reports, '--reports'),
    variables: readVariables(options, spec),
    image: options.image,
    computeType: computeType(options.compute),
    timeoutMinutes: timeout(options.timeout),
    privileged: options.privileged,
    runtime,
  };
}

/** What AWS's script knows and this command refuses, each with the reason. */
function refuseForeign({ mount, awsConfiguration, profile, agentImage }: RunOptions): void {
  if (mount) {
    throw new BadUsage(
      '--mount is not offered: a build works on a copy of the source, so that it can change nothing outside of its ' +
        'sandbox. Fetch what it makes with --artifacts DIR.',
    );
  }
  if (awsConfiguration || profile !== undefined) {
    throw new BadUsage(
      'A local run has an account of its own, and its build never sees your AWS configuration. Give it the keys that ' +
        'it needs as secrets under names of your own, such as --secret DEPLOY_ACCESS_KEY_ID.',
    );
  }
  if (agentImage !== undefined) {
    throw new BadUsage('There is no agent image to choose: this program itself runs the build.');
  }
}

function folder(given: string, option: string): string {
  const path = resolve(given);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new BadUsage(`There is no folder ${path}. Name the one to build with ${option} DIR.`);
  if (!stat.isDirectory()) throw new BadUsage(`${path} is a file. ${option} takes the folder that is built.`);
  return realpathSync(path);
}

function output(given: string | undefined, option: string): string | undefined {
  if (given === undefined) return undefined;
  const path = resolve(given);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === false) {
    throw new BadUsage(`${path} is a file. ${option} takes a folder, which is made if it is not there.`);
  }
  return path;
}

function secondarySources(given: readonly string[]): RunPlan['secondary'] {
  const sources = given.map((text) => {
    const [, identifier = '', path = ''] = /^(\w{1,127}):(.+)$/.exec(text) ?? [];
    if (path === '') {
      throw new BadUsage(
        `${text} is no secondary source. Only the first --source is a folder alone; write the others as ID:DIR, ` +
          'such as --source library:../library.',
      );
    }
    return { identifier, path: folder(path, `--source ${identifier}:`) };
  });
  if (new Set(sources.map(({ identifier }) => identifier)).size < sources.length) {
    throw new BadUsage('Two secondary sources have the same ID. Give each --source ID:DIR one of its own.');
  }
  if (sources.length > SECONDARY_MAX) {
    throw new BadUsage(
      `A build has at most ${SECONDARY_MAX} secondary sources; ${sources.length} are named.`,
    );
  }
  return sources;
}

function readBuildspec(
  argument: string | undefined,
  option: string | undefined,
  source: string,
): Pick<RunPlan, 'buildspec' | 'spec'> {
  if (argument !== undefined && option !== undefined) {
    throw new BadUsage(`Two buildspecs are named, ${argument} and ${option}. Name one.`);
  }
  const given = argument ?? option;
  const path = [
    ...(given === undefined ? [] : [resolve(given)]),
    ...(given !== undefined && isAbsolute(given) ? [] : [join(source, given ?? 'buildspec.yml')]),
  ].find((each) => existsSync(each));
  if (path === undefined) {
    throw new BadUsage(
      `There is no ${given ?? `buildspec.yml in ${source}`}. Name the buildspec: slipway run FILE, ` +
        'and the folder that it builds with --source DIR.',
    );
  }
  const stat = statSync(path);
  if (stat.isDirectory()) throw new BadUsage(`${path} is a folder. Name the buildspec in it.`);
  if (stat.size > BUILDSPEC_LENGTH_MAX) {
    throw new BadUsage(`${path} has ${stat.size} bytes; a buildspec has at most ${BUILDSPEC_LENGTH_MAX}.`);
  }
  const text = readFileSync(path, 'utf8');
  const { value } = readPlaced(text);
  if (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    pipelineKind.recognizes(value)
  ) {
    throw new BadUsage(
      `${path} is the definition of a pipeline. slipway run builds a buildspec; slipway check says what is wrong ` +
        'with a pipeline, and slipway serve runs it.',
    );
  }
  const parsed = parseBuildspec(text);
  const way = relative(source, realpathSync(path));
  const isInside = way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  return {
    // A text is known by its line break.
    buildspec: isInside ? way : `${text}\n`,
    spec: 'buildspec' in parsed ? parsed.buildspec : undefined,
  };
}

function computeType(given: string): string {
  const size = given.replace(/^BUILD_GENERAL1_/i, '').toUpperCase();
  if (COMPUTE.includes(size)) return `BUILD_GENERAL1_${size}`;
  throw new BadUsage(
    `There is no compute type ${given}. Choose ${COMPUTE.map((each) => each.toLowerCase()).join(', ')}.`,
  );
}

function timeout(given: string): number {
  const minutes = /^\d{1,6}$/.test(given) ? Number(given) : Number.NaN;
  if (minutes >= TIMEOUT_MINUTES.min && minutes <= TIMEOUT_MINUTES.max) return minutes;
  throw new BadUsage(
    `--timeout ${given} is no time for a build. Give minutes, from ${TIMEOUT_MINUTES.min} to ${TIMEOUT_MINUTES.max}.`,
  );
}

function projectNameOf(source: string): string {
  const name = basename(source)
    .replace(/[^\w-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 60);
  return name.length >= 2 ? name : 'local';
}
