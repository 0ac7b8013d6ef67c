/**
 * State changes as the bus tells them. AWS: "Monitoring CodePipeline events", whose members have hyphens, one L in
 * CANCELED, and numbers that are floats.
 */

import type { Draft, Writable } from './draft.ts';
import type { ActionDeclaration } from './definition/declaration.ts';
import type { ActionRun, Execution, StageRun } from './state.ts';

export type ChangeState =
  | 'STARTED'
  | 'RESUMED'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'STOPPING'
  | 'STOPPED'
  | 'SUPERSEDED'
  | 'CANCELED'
  | 'ABANDONED';

export function tellExecution(draft: Draft, execution: Writable<Execution>, state: ChangeState): void {
  tell(draft, 'CodePipeline Pipeline Execution State Change', {
    ...common(draft, execution),
    'start-time': new Date(execution.startedAt).toISOString(),
    state,
    ...triggerOf(execution, state),
    ...(state === 'STOPPING' && execution.stop?.reason
      ? { 'stop-execution-comments': execution.stop.reason }
      : {}),
  });
}

/** Told at the start; what git told of a commit is told again at the end, unless the source stage itself failed. */
function triggerOf(execution: Writable<Execution>, state: ChangeState): Record<string, unknown> {
  const { type, detail } = execution.trigger;
  const commit = type === 'WebhookV2' ? fieldsOf(detail) : {};
  if (state === 'STARTED') {
    return { 'execution-trigger': { 'trigger-type': type, 'trigger-detail': detail, ...commit } };
  }
  const isEnd = state === 'SUCCEEDED' || (state === 'FAILED' && execution.revisions.length > 0);
  return isEnd && Object.keys(commit).length > 0 ? { 'execution-trigger': commit } : {};
}

/** The members of a git trigger's detail, which is a JSON object; a decision must not fail over anything else. */
function fieldsOf(detail: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(detail);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}

export function tellStage(
  draft: Draft,
  execution: Writable<Execution>,
  stage: string,
  run: Writable<StageRun>,
  state: ChangeState,
): void {
  tell(draft, 'CodePipeline Stage Execution State Change', {
    ...common(draft, execution),
    'start-time': new Date(run.startedAt).toISOString(),
    stage,
    state,
    ...(run.retry ? { 'stage-last-retry-attempt-time': new Date(run.retry.at).toISOString() } : {}),
  });
}

export function tellAction(
  draft: Draft,
  execution: Writable<Execution>,
  stage: string,
  action: ActionDeclaration,
  run: Writable<ActionRun>,
  state: ChangeState,
): void {
  const artifacts = (list: ActionRun['inputs']) =>
    list.map(({ name, bucket, key }) => ({ name, s3location: { bucket, key } }));
  tell(draft, 'CodePipeline Action Execution State Change', {
    ...common(draft, execution),
    'start-time': new Date(run.startedAt).toISOString(),
    stage,
    action: action.name,
    'action-execution-id': run.id,
    state,
    region: action.region ?? draft.state.region,
    type: { ...action.actionTypeId },
    'input-artifacts': artifacts(run.inputs),
    'output-artifacts': artifacts(run.outputs),
    ...(state === 'STARTED' ? {} : { 'execution-result': resultOf(run) }),
  });
}

function resultOf(run: Writable<ActionRun>): Record<string, string> {
  return {
    ...(run.externalUrl ? { 'external-execution-url': run.externalUrl } : {}),
    ...(run.error || run.summary
      ? { 'external-execution-summary': run.error?.message ?? run.summary ?? '' }
      : {}),
    ...(run.externalId ? { 'external-execution-id': run.externalId } : {}),
    ...(run.error ? { 'error-code': run.error.code } : {}),
  };
}

function common(draft: Draft, execution: Writable<Execution>): Record<string, unknown> {
  return {
    pipeline: draft.state.name,
    'execution-id': execution.id,
    version: execution.version,
    'pipeline-execution-attempt': execution.attempt,
  };
}

function tell(draft: Draft, detailType: string, detail: Record<string, unknown>): void {
  draft.changes.push({ id: draft.createId(), at: draft.at, detailType, detail });
}
