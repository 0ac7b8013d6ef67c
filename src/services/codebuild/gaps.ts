/** What AWS CodeBuild has and this room has not, by reason. */

import { gap } from '#services/service.ts';

const fleets = gap('builds run on this machine; there are no fleets');

export const gaps = {
  BatchGetFleets: fleets,
  CreateFleet: fleets,
  DeleteFleet: fleets,
  ListFleets: fleets,
  UpdateFleet: fleets,
} as const;
