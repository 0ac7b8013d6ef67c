/** What AWS CodeBuild has and this room has not, by reason. */

import { gap } from '#services/service.ts';

const batches = gap('batch builds are not built yet');
const sandboxes = gap('interactive sandboxes are not built yet');
const fleets = gap('builds run on this machine; there are no fleets');

export const gaps = {
  BatchGetBuildBatches: batches,
  DeleteBuildBatch: batches,
  ListBuildBatches: batches,
  ListBuildBatchesForProject: batches,
  RetryBuildBatch: batches,
  StartBuildBatch: batches,
  StopBuildBatch: batches,
  BatchGetCommandExecutions: sandboxes,
  BatchGetSandboxes: sandboxes,
  ListCommandExecutionsForSandbox: sandboxes,
  ListSandboxes: sandboxes,
  ListSandboxesForProject: sandboxes,
  StartCommandExecution: sandboxes,
  StartSandbox: sandboxes,
  StartSandboxConnection: sandboxes,
  StopSandbox: sandboxes,
  BatchGetFleets: fleets,
  CreateFleet: fleets,
  DeleteFleet: fleets,
  ListFleets: fleets,
  UpdateFleet: fleets,
} as const;
