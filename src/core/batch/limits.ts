/**
 * What a project allows its batches, and what somebody waits for: whether the builds that a buildspec asks for keep to
 * it, and which output is whose.
 * https://docs.aws.amazon.com/codebuild/latest/APIReference/API_BatchRestrictions.html
 */

import type { BatchBuild } from './batch-spec.ts';

export interface BatchLimits {
  readonly buildsMax?: number;
  /** Empty for all. */
  readonly computeTypes: readonly string[];
  /** Names or ARNs; empty for all. */
  readonly fleets: readonly string[];
  /** Of builds that name none. */
  readonly computeTypeDefault: string;
  /** That of the project, whose machines are used whatever a build names. */
  readonly fleetDefault?: string;
  /** What a pipeline waits for: each must be a build's artifact, or a secondary artifact of one. */
  readonly outputs: readonly string[];
}

/** What is not allowed, in one sentence. */
export function limitProblem(limits: BatchLimits, builds: readonly BatchBuild[]): string | undefined {
  const { buildsMax } = limits;
  if (buildsMax !== undefined && builds.length > buildsMax) {
    return `The batch has ${builds.length} builds, and the project allows at most ${buildsMax}`;
  }
  for (const build of builds) {
    const problem = machineProblem(limits, build);
    if (problem !== undefined) return problem;
  }
  const identifiers = builds.map(({ identifier }) => identifier);
  const lost = limits.outputs.find((output) => ownerOf(output, identifiers) === undefined);
  if (lost === undefined) return undefined;
  return (
    `No build of the batch makes the output artifact ${lost}: its name must be the identifier of a build, ` +
    'or the identifier, an underscore and the identifier of a secondary artifact'
  );
}

function machineProblem(limits: BatchLimits, { identifier, environment }: BatchBuild): string | undefined {
  const fleet = environment.fleet ?? limits.fleetDefault;
  if (fleet !== undefined) {
    if (limits.fleets.length === 0 || limits.fleets.some((each) => fleetName(each) === fleetName(fleet))) {
      return undefined;
    }
    return `The build ${identifier} uses the fleet ${fleet}, which the project does not allow in batches`;
  }
  const computeType = environment.computeType ?? limits.computeTypeDefault;
  if (limits.computeTypes.length === 0 || limits.computeTypes.includes(computeType)) return undefined;
  return `The build ${identifier} uses the compute type ${computeType}, which the project does not allow in batches`;
}

/** `arn:…:fleet/name:uuid` → `name` */
function fleetName(fleet: string): string {
  return fleet.startsWith('arn:') ? (fleet.split('fleet/')[1] ?? fleet).replace(/:[^:]*$/, '') : fleet;
}

/** Which build makes an output, if any: `<identifier>`, or `<identifier>_<identifier of a secondary artifact>`. */
export function ownerOf(output: string, identifiers: readonly string[]): string | undefined {
  if (identifiers.includes(output)) return output;
  return identifiers
    .filter((identifier) => output.startsWith(`${identifier}_`))
    .sort((a, b) => b.length - a.length)[0];
}
