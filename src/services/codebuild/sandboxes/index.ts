/** The door to interactive sandboxes, for the room. */

import type { Operations } from '#services/service.ts';
import { executionOperations } from './executions.ts';
import type { Sandboxes } from './room.ts';
import { sandboxOperations } from './sandboxes.ts';

export { createSandboxes, SANDBOX_KIND } from './machine.ts';
export { sandboxMigrations } from './tables.ts';

type SandboxOperations = Pick<
  Operations<'codebuild'>,
  | 'BatchGetCommandExecutions'
  | 'BatchGetSandboxes'
  | 'ListCommandExecutionsForSandbox'
  | 'ListSandboxes'
  | 'ListSandboxesForProject'
  | 'StartCommandExecution'
  | 'StartSandbox'
  | 'StopSandbox'
>;

export function interactiveOperations(sandboxes: Sandboxes): SandboxOperations {
  return {
    ...sandboxOperations(sandboxes),
    ...executionOperations(sandboxes),
  };
}
