/** What AWS CodeBuild has and this room has not, by reason. */

import { gap } from '#services/service.ts';

const batches = gap('batch builds are not built yet');
const fleets = gap('builds run on this machine; there are no fleets');

export const gaps = {
  BatchGetBuildBatches: batches,
  DeleteBuildBatch: batches,
  ListBuildBatches: batches,
  ListBuildBatchesForProject: batches,
  RetryBuildBatch: batches,
  StartBuildBatch: batches,
  StopBuildBatch: batches,
  BatchGetFleets: fleets,
  CreateFleet: fleets,
  DeleteFleet: fleets,
  ListFleets: fleets,
  UpdateFleet: fleets,
} as const;
