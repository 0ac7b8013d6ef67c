/** States of sandboxes and rows of commands as the API shows them; pure. */

import type { CommandExecution, Sandbox, SandboxSession } from '@aws-sdk/client-codebuild';
import { currentSandboxPhase, sandboxStatus } from '#core/sandbox/decide.ts';
import type { SandboxState } from '#core/sandbox/state.ts';
import { viewEnvironment, viewLogs, viewPhase, viewSource } from '#services/codebuild/views.ts';
import type { Scope } from '#services/service.ts';
import type { CommandRow } from './tables.ts';

export function viewSandbox(scope: Scope, state: SandboxState): Sandbox {
  const { plan } = state;
  const started = state.phases.find((phase) => phase.type === 'PROVISIONING');
  const completed = state.phases.find((phase) => phase.type === 'COMPLETED');
  const { cloudWatchLogs, s3Logs } = viewLogs(scope, state) ?? {};
  return {
    id: plan.id,
    arn: plan.arn,
    projectName: plan.projectName,
    requestTime: new Date(state.requestAt),
    ...(started && { startTime: new Date(started.startAt) }),
    ...(completed && { endTime: new Date(completed.startAt) }),
    status: sandboxStatus(state),
    source: viewSource(plan.source),
    ...(plan.sourceVersion === undefined ? {} : { sourceVersion: plan.sourceVersion }),
    secondarySources: plan.secondarySources.map(viewSource),
    secondarySourceVersions: plan.secondarySources.flatMap(({ identifier, version }) =>
      version === undefined ? [] : [{ sourceIdentifier: identifier, sourceVersion: version }],
    ),
    environment: viewEnvironment(plan.environment),
    timeoutInMinutes: plan.timeoutMinutes,
    queuedTimeoutInMinutes: plan.queuedTimeoutMinutes,
    logConfig: { cloudWatchLogs, s3Logs },
    encryptionKey: plan.encryptionKey,
    serviceRole: plan.serviceRole,
    currentSession: viewSession(scope, state),
  };
}

/** Here a sandbox has one session, from its beginning to its end. */
function viewSession(scope: Scope, state: SandboxState): SandboxSession {
  const { plan, phases } = state;
  const completed = phases.find((phase) => phase.type === 'COMPLETED');
  return {
    id: plan.uuid,
    status: sandboxStatus(state),
    startTime: new Date(state.requestAt),
    ...(completed && { endTime: new Date(completed.startAt) }),
    currentPhase: currentSandboxPhase(state),
    phases: phases.map(viewPhase),
    ...(state.resolvedSourceVersion !== undefined && { resolvedSourceVersion: state.resolvedSourceVersion }),
    logs: viewLogs(scope, state),
  };
}

export function viewCommand(scope: Scope, state: SandboxState, row: CommandRow): CommandExecution {
  return {
    id: row.command_id,
    sandboxId: row.sandbox_id,
    sandboxArn: state.plan.arn,
    submitTime: new Date(row.submitted_at),
    ...(row.started_at === null ? {} : { startTime: new Date(row.started_at) }),
    ...(row.ended_at === null ? {} : { endTime: new Date(row.ended_at) }),
    status: row.status,
    command: row.command,
    type: 'SHELL',
    ...(row.exit_code === null ? {} : { exitCode: String(row.exit_code) }),
    ...(row.standard_output === null ? {} : { standardOutputContent: row.standard_output }),
    ...(row.standard_error === null ? {} : { standardErrContent: row.standard_error }),
    logs: viewLogs(scope, state),
  };
}
