/**
 * What happens inside a stage: actions start in groups by run order, all of one group together, and end one by one.
 * Nothing here moves an execution between stages; `progress` tells how the stage stands.
 */

import { assert, present } from '#base/assert.ts';
import { actionTypeOf, isApproval } from './catalogue.ts';
import { tellAction } from './changes.ts';
import { configurationOf } from './configuration.ts';
import type { ActionDeclaration, RetryMode } from './declaration.ts';
import { artifactStoreOf } from './declaration.ts';
import type { Draft, Writable } from './draft.ts';
import { currentStage, declarationOf } from './draft.ts';
import { PARALLEL_ACTIONS_MAX, POLL_MS_MAX, POLL_MS_MIN } from './limits.ts';
import type { ExternalReference } from './events.ts';
import type { ActionError, ActionRun, Execution, NamedArtifact, StageRun } from './state.ts';

export type StageOutcome = 'running' | 'succeeded' | 'failed' | 'stopped' | 'cancelled';

/** Starts what may start now; total and bounded: every turn starts at least one action or returns. */
export function progress(draft: Draft, execution: Writable<Execution>): StageOutcome {
  const { declared, run, name } = currentStage(draft, execution);
  for (;;) {
    const runs = Object.values(run.actions);
    const running = runs.filter((action) => action.status === 'InProgress').length;
    if (execution.cancelling) return running > 0 ? 'running' : 'cancelled';
    if (execution.stop) return running > 0 ? 'running' : 'stopped';
    if (runs.some((action) => action.status === 'Failed' || action.status === 'Abandoned')) {
      return running > 0 ? 'running' : 'failed';
    }
    const group = nextGroup(declared.actions, run);
    if (group.length === 0) return 'succeeded';
    const startable = group.filter((action) => run.actions[action.name] === undefined);
    const slots = execution.mode === 'PARALLEL' ? PARALLEL_ACTIONS_MAX - running : startable.length;
    const starting = startable.slice(0, Math.max(0, slots));
    if (starting.length === 0) return 'running';
    for (const action of starting) startAction(draft, execution, name, action);
  }
}

/** The actions of the lowest run order that has not succeeded as a whole. */
function nextGroup(actions: readonly ActionDeclaration[], run: StageRun): readonly ActionDeclaration[] {
  const open = actions.filter((action) => run.actions[action.name]?.status !== 'Succeeded');
  const order = Math.min(...open.map((action) => action.runOrder));
  return open.filter((action) => action.runOrder === order);
}

/** Takes away the runs that a retry repeats; they stay in the room's history. */
export function retryActions(run: Writable<StageRun>, mode: RetryMode): void {
  const replaced: Record<string, Writable<ActionRun>> = {};
  for (const [name, action] of Object.entries(run.actions)) {
    if (mode === 'ALL_ACTIONS' || action.status === 'Failed' || action.status === 'Abandoned') {
      replaced[name] = action;
      delete run.actions[name];
    }
  }
  run.replaced = replaced;
}

function startAction(
  draft: Draft,
  execution: Writable<Execution>,
  stage: string,
  action: ActionDeclaration,
): void {
  const declaration = declarationOf(draft.state, execution);
  const type = actionTypeOf(action.actionTypeId);
  const store = artifactStoreOf(declaration, draft.state.region);
  assert(type && store, 'an action that the declaration was checked for');
  const id = draft.createId();
  const timeoutMs = action.timeoutInMinutes ? action.timeoutInMinutes * 60_000 : type.timeoutMs;
  const run: Writable<ActionRun> = {
    id,
    status: 'InProgress',
    startedAt: draft.at,
    changedAt: draft.at,
    deadline: draft.at + timeoutMs,
    inputs: action.inputArtifacts.flatMap(({ name }) => {
      const location = execution.artifacts[name];
      const source = execution.revisions.find((revision) => revision.artifactName === name);
      return location ? [{ name, ...location, ...(source ? { revisionId: source.revisionId } : {}) }] : [];
    }),
    outputs: action.outputArtifacts.map(({ name }) => ({
      name,
      bucket: store.location,
      key: artifactKey(draft, name, type.id.category === 'Source'),
    })),
  };
  present(execution.stages[stage], 'stage run').actions[action.name] = run;
  tellAction(draft, execution, stage, action, run, 'STARTED');

  const lost = action.inputArtifacts.find(({ name }) => execution.artifacts[name] === undefined);
  if (lost) {
    const message = `The input artifact ${lost.name} does not exist: no action of this execution has made it`;
    return endAction(draft, execution, stage, action.name, { code: 'ConfigurationError', message });
  }
  const configuration = configurationOf(action, type, execution);
  if ('message' in configuration) {
    return endAction(draft, execution, stage, action.name, configuration);
  }
  if (isApproval(type.id)) openApproval(draft, run, configuration.values);
  if (isApproval(type.id) && configuration.values['NotificationArn'] === undefined) return;
  const pin = execution.pinned[action.name];
  draft.effects.push({
    type: 'StartAction',
    executionId: execution.id,
    stage,
    action: action.name,
    actionExecutionId: id,
    pipeline: draft.state.name,
    startedAt: draft.at,
    actionType: action.actionTypeId,
    configuration: configuration.values,
    roleArn: declaration.roleArn,
    ...(action.roleArn ? { actionRoleArn: action.roleArn } : {}),
    inputs: run.inputs,
    outputs: run.outputs,
    ...(store.encryptionKey ? { encryptionKey: store.encryptionKey.id } : {}),
    ...(pin ? { pin } : {}),
  });
}

/** AWS cuts the names so that session policies stay small. Only sources have an extension. */
function artifactKey(draft: Draft, artifact: string, isSource: boolean): string {
  const folder = `${draft.state.name.slice(0, 20)}/${artifact.slice(0, 10)}`;
  return `${folder}/${draft.createKey()}${isSource ? '.zip' : ''}`;
}

/** An approval is a pending question: nothing runs outside, a person or the deadline ends it. */
function openApproval(
  draft: Draft,
  run: Writable<ActionRun>,
  configuration: Readonly<Record<string, string>>,
): void {
  run.token = draft.createId();
  run.externalId = run.token;
  if (configuration['CustomData'] !== undefined) run.summary = configuration['CustomData'];
  if (configuration['ExternalEntityLink'] !== undefined) run.entityUrl = configuration['ExternalEntityLink'];
}

/** Work outside began: from now on it is looked at, at first soon, later at most every half minute. */
export function noteStarted(draft: Draft, run: Writable<ActionRun>, reference: ExternalReference): void {
  noteReference(draft, run, run.token === undefined ? reference : { ...reference, externalId: run.token });
  if (run.token === undefined) run.poll = { at: draft.at + POLL_MS_MIN, pauseMs: POLL_MS_MIN };
}

export function noteReference(draft: Draft, run: Writable<ActionRun>, reference: ExternalReference): void {
  run.changedAt = draft.at;
  if (reference.externalId !== undefined) run.externalId = reference.externalId;
  if (reference.externalUrl !== undefined) run.externalUrl = reference.externalUrl;
  if (reference.summary !== undefined) run.summary = reference.summary;
}

/** Orders one look at work outside, and sets when the next is due. */
export function pollAction(
  draft: Draft,
  execution: Writable<Execution>,
  stage: string,
  action: ActionDeclaration,
  run: Writable<ActionRun>,
): void {
  if (!run.poll || run.externalId === undefined) return;
  const pauseMs = Math.min(run.poll.pauseMs * 2, POLL_MS_MAX);
  run.poll = { at: draft.at + pauseMs, pauseMs };
  draft.effects.push({
    type: 'PollAction',
    executionId: execution.id,
    stage,
    action: action.name,
    actionExecutionId: run.id,
    pipeline: draft.state.name,
    actionType: action.actionTypeId,
    roleArn: declarationOf(draft.state, execution).roleArn,
    ...(action.roleArn ? { actionRoleArn: action.roleArn } : {}),
    externalId: run.externalId,
  });
}

/** Ends a run: with an error, or well, which binds its output artifacts to the execution. */
export function endAction(
  draft: Draft,
  execution: Writable<Execution>,
  stage: string,
  actionName: string,
  ending: ActionError | 'Succeeded' | 'Rejected' | 'Abandoned' | 'Voided',
): void {
  const declared = declarationOf(draft.state, execution).stages.find((candidate) => candidate.name === stage);
  const action = present(
    declared?.actions.find((candidate) => candidate.name === actionName),
    'declared action',
  );
  const run = present(execution.stages[stage]?.actions[actionName], 'action run');
  assert(run.status === 'InProgress', 'an action ends once');
  run.changedAt = draft.at;
  delete run.poll;
  switch (ending) {
    case 'Succeeded':
      run.status = 'Succeeded';
      for (const output of run.outputs) bindArtifact(execution, output);
      return tellAction(draft, execution, stage, action, run, 'SUCCEEDED');
    case 'Rejected':
      run.status = 'Failed';
      return tellAction(draft, execution, stage, action, run, 'FAILED');
    case 'Abandoned':
      run.status = 'Abandoned';
      return tellAction(draft, execution, stage, action, run, 'ABANDONED');
    case 'Voided':
      run.status = 'Abandoned';
      return tellAction(draft, execution, stage, action, run, 'CANCELED');
    default:
      run.status = 'Failed';
      run.error = { code: ending.code, message: ending.message };
      return tellAction(draft, execution, stage, action, run, 'FAILED');
  }
}

function bindArtifact(execution: Writable<Execution>, output: NamedArtifact): void {
  execution.artifacts[output.name] = { bucket: output.bucket, key: output.key };
}
