/** What a build takes from the fleet of its project: the kind of its environment, and its place. */

import type { BuildPlan } from '#core/build/state.ts';
import { invalid } from '#services/codebuild/settings.ts';
import type { House } from '#services/service.ts';
import { computeTypeOf, unsupportedByHouse } from './settings.ts';
import { findFleet, settingsOfFleet } from './tables.ts';

/** The plan as its fleet makes it; a fault for a fleet that is not there. */
export async function settleInFleet({ database }: House, plan: BuildPlan): Promise<BuildPlan> {
  const { environment } = plan;
  if (environment.fleet === undefined) return plan;
  const row = await findFleet(database, environment.fleet);
  if (!row) throw invalid(`Invalid fleet: ${environment.fleet} does not exist`);
  const fleet = settingsOfFleet(row);
  const problem = unsupportedByHouse(fleet);
  const unsupported =
    problem === undefined ? environment.unsupported : `The fleet ${row.name} has no capacity: ${problem}`;
  return {
    ...plan,
    environment: {
      ...environment,
      fleet: row.arn,
      type: fleet.environmentType ?? environment.type,
      computeType: computeTypeOf(fleet),
      ...(unsupported === undefined ? {} : { unsupported }),
    },
  };
}
