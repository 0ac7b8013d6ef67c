/**
 * What the `batch` section of a buildspec asks for, with matrices and fan-outs spelt out: plain builds, each with what
 * it waits for. Also what makes such a list impossible.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/batch-build-buildspec.html
 */

/** AWS's quota is 100, and can be raised; fan-outs of 200 are in use. */
export const BATCH_BUILDS_MAX = 500;
const DEPENDENCIES_MAX = BATCH_BUILDS_MAX;
const IDENTIFIER_LENGTH_MAX = 128;
/** The build that fetches the source and reads the batch section, before all others. */
export const ROOT_IDENTIFIER = 'DOWNLOAD_SOURCE';

export interface BatchSpec {
  readonly fastFail: boolean;
  readonly builds: readonly BatchBuild[];
}

export interface BatchBuild {
  readonly identifier: string;
  readonly dependsOn: readonly string[];
  readonly ignoreFailure: boolean;
  /** Another file of the source than the batch was read from. */
  readonly buildspec?: string;
  readonly environment: BatchEnvironment;
  /** Of a fan-out: which part of the tests is this build's. */
  readonly shard?: Shard;
}

export interface BatchEnvironment {
  readonly type?: string;
  readonly image?: string;
  readonly computeType?: string;
  readonly fleet?: string;
  readonly privileged?: boolean;
  readonly variables: Readonly<Record<string, string>>;
}

export interface Shard {
  /** From 0. */
  readonly index: number;
  readonly total: number;
}

/** What a build knows of the batch that started it. */
export interface BatchPart {
  readonly batchArn: string;
  readonly identifier: string;
  /** It reads the batch section and runs nothing. */
  readonly isRoot: boolean;
  readonly shard?: Shard;
}

export function isIdentifier(text: string): boolean {
  return text.length <= IDENTIFIER_LENGTH_MAX && /^\w+$/.test(text);
}

/** What is wrong with builds and what they depend on, in one sentence. */
export function graphProblem(builds: readonly BatchBuild[]): string | undefined {
  const known = new Set<string>([ROOT_IDENTIFIER]);
  for (const { identifier } of builds) {
    if (known.has(identifier)) return `The identifier ${identifier} is used more than once`;
    known.add(identifier);
  }
  known.delete(ROOT_IDENTIFIER);
  for (const { identifier, dependsOn } of builds) {
    if (dependsOn.length > DEPENDENCIES_MAX) {
      return `The build ${identifier} depends on more than ${DEPENDENCIES_MAX} others`;
    }
    const unknown = dependsOn.find((other) => !known.has(other));
    if (unknown !== undefined) return `The build ${identifier} depends on ${unknown}, which does not exist`;
  }
  const startable = withoutCycles(builds);
  const first = builds.find(({ identifier }) => !startable.has(identifier));
  if (!first) return undefined;
  return `Builds depend on each other in a circle: ${wayFrom(first, builds, startable).join(' → ')}`;
}

/** The builds that could be started one after the other. */
function withoutCycles(builds: readonly BatchBuild[]): ReadonlySet<string> {
  const dependents = new Map<string, string[]>();
  const waitsFor = new Map<string, number>();
  for (const { identifier, dependsOn } of builds) {
    const others = new Set(dependsOn);
    waitsFor.set(identifier, others.size);
    for (const other of others) dependents.set(other, [...(dependents.get(other) ?? []), identifier]);
  }
  const done = new Set<string>();
  const ready = builds.filter((build) => waitsFor.get(build.identifier) === 0).map((each) => each.identifier);
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    done.add(next);
    for (const dependent of dependents.get(next) ?? []) {
      const left = (waitsFor.get(dependent) ?? 0) - 1;
      waitsFor.set(dependent, left);
      if (left === 0) ready.push(dependent);
    }
  }
  return done;
}

/** Where following one dependency after the other leads, from the circle's first build to itself. */
function wayFrom(
  start: BatchBuild,
  builds: readonly BatchBuild[],
  startable: ReadonlySet<string>,
): readonly string[] {
  const byIdentifier = new Map(builds.map((build) => [build.identifier, build]));
  const way: string[] = [];
  let at: string | undefined = start.identifier;
  while (at !== undefined && !way.includes(at)) {
    way.push(at);
    at = byIdentifier.get(at)?.dependsOn.find((other) => !startable.has(other));
  }
  return at === undefined ? way : [...way.slice(way.indexOf(at)), at];
}

/** One way to vary the builds of a matrix; each value changes a build. */
export type Dimension = readonly ((build: BatchBuild) => BatchBuild)[];

/** How many builds a matrix has; counting stops above the bound. */
export function matrixSize(dimensions: readonly Dimension[]): number {
  let size = 1;
  for (const { length } of dimensions) {
    size *= length;
    if (size > BATCH_BUILDS_MAX) return size;
  }
  return size;
}

/** Every combination, the last dimension changing fastest: `build_1`, `build_2` and so on. */
export function expandMatrix(base: BatchBuild, dimensions: readonly Dimension[]): readonly BatchBuild[] {
  let builds: readonly BatchBuild[] = [base];
  for (const dimension of dimensions) {
    builds = builds.flatMap((build) => dimension.map((change) => change(build)));
  }
  return builds.map((build, i) => ({ ...build, identifier: `build_${i + 1}` }));
}
