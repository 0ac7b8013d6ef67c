/**
 * What happens inside a stage: actions start in groups by run order, all of one group together, and end one by one.
 * Nothing here moves an execution between stages; `progress` tells how the stage stands.
 */

import { assert, present } from '#base/assert.ts';
import { actionTypeOrGeneric, isApproval, isDoneByWorkers } from './definition/catalogue.ts';
import { tellAction } from './changes.ts';
import { filesOf, settingsOf } from './configuration.ts';
import type { ActionDeclaration, Declaration } from './definition/declaration.ts';
import { actionOf, artifactStoreOf, stageOf } from './definition/declaration.ts';
import type { Draft, Writable } from './draft.ts';
import { currentStage, declarationOf } from './draft.ts';
import type { ExternalReference } from './events.ts';
import { PARALLEL_ACTIONS_MAX, POLL_MS_MAX, POLL_MS_MIN } from './limits.ts';
import type { ActionError, ActionRun, Execution, NamedArtifact, Run, StageRun } from './state.ts';

export type ActionsOutcome = 'running' | 'succeeded' | 'failed';

/** Starts what may start now; total and bounded: every turn starts at least one action or returns. */
export function progress(draft: Draft, execution: Writable<Execution>): ActionsOutcome {
  const { declared, run, name } = currentStage(draft, execution);
  for (;;) {
    const runs = Object.values(run.actions);
    const running = runs.filter((action) => action.status === 'InProgress').length;
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

function startAction(
  draft: Draft,
  execution: Writable<Execution>,
  stage: string,
  action: ActionDeclaration,
): void {
  const declaration = declarationOf(draft.state, execution);
  const type = actionTypeOrGeneric(action.actionTypeId);
  const store = present(
    artifactStoreOf(declaration, action.region ?? draft.state.region),
    'artifact store of a region that the declaration was checked for',
  );
  const id = draft.createId();
  const timeoutMs = action.timeoutInMinutes ? action.timeoutInMinutes * 60_000 : type.timeoutMs;
  const run: Writable<ActionRun> = {
    id,
    status: 'InProgress',
    startedAt: draft.at,
    changedAt: draft.at,
    deadline: draft.at + timeoutMs,
    inputs: inputsOf(execution, action.inputArtifacts),
    outputs: action.outputArtifacts.map(({ name }) => ({
      name,
      bucket: store.location,
      key: artifactKey(draft, name, type.id.category === 'Source'),
    })),
  };
  present(execution.stages[stage], 'stage run').actions[action.name] = run;
  tellAction(draft, execution, stage, action, run, 'STARTED');

  const lost = lostInput(execution, action.inputArtifacts);
  if (lost) return endAction(draft, execution, stage, action.name, lost);
  const jsonNames = type.properties.filter(({ type: kind }) => kind === 'json').map(({ name }) => name);
  const settings = settingsOf(action, jsonNames, execution);
  if ('message' in settings) return endAction(draft, execution, stage, action.name, settings);
  const { configuration } = settings;
  if (isApproval(type.id)) {
    openApproval(draft, run, configuration);
    if (configuration['NotificationArn'] === undefined) return;
  }
  const pin = execution.pinned[action.name];
  const files = filesOf(action);
  draft.effects.push({
    type: 'StartAction',
    executionId: execution.id,
    stage,
    action: action.name,
    actionExecutionId: id,
    ...actingOf(draft, declaration, action),
    startedAt: draft.at,
    deadline: run.deadline,
    actionType: action.actionTypeId,
    ...settings,
    inputs: run.inputs,
    outputs: run.outputs,
    artifactBucket: store.location,
    ...(store.encryptionKey ? { encryptionKey: store.encryptionKey.id } : {}),
    ...(pin ? { pin } : {}),
    ...(action.outputVariables ? { outputVariableNames: action.outputVariables } : {}),
    ...(Object.keys(files).length > 0 ? { files } : {}),
    ...(run.token === undefined ? {} : { approval: { token: run.token, expiresAt: run.deadline } }),
  });
}

/** The newest artifacts of these names; those that do not exist are left out. */
export function inputsOf(
  execution: Writable<Execution>,
  declared: readonly { readonly name: string }[],
): Writable<NamedArtifact>[] {
  return declared.flatMap(({ name }) => {
    const location = execution.artifacts[name];
    const source = execution.revisions.find((revision) => revision.artifactName === name);
    return location ? [{ name, ...location, ...(source ? { revisionId: source.revisionId } : {}) }] : [];
  });
}

export function lostInput(
  execution: Writable<Execution>,
  declared: readonly { readonly name: string }[],
): ActionError | undefined {
  const lost = declared.find(({ name }) => execution.artifacts[name] === undefined);
  if (!lost) return undefined;
  const message = `The input artifact ${lost.name} does not exist: no action of this execution has made it`;
  return { code: 'ConfigurationError', message };
}

/** Under which roles, and in which region if it is another one, an action or a rule works. */
export function actingOf(
  draft: Draft,
  declaration: Declaration,
  { roleArn, region }: { readonly roleArn?: string; readonly region?: string },
) {
  return {
    pipeline: draft.state.name,
    roleArn: declaration.roleArn,
    ...(roleArn === undefined ? {} : { actionRoleArn: roleArn }),
    ...(region === undefined || region === draft.state.region ? {} : { region }),
  };
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

/** An empty summary takes back what was told before. */
export function noteReference(draft: Draft, run: Writable<Run>, reference: ExternalReference): void {
  run.changedAt = draft.at;
  for (const name of REFERENCE_NAMES) {
    if (reference[name] !== undefined) Object.assign(run, { [name]: reference[name] });
  }
  if (run.summary === '') delete run.summary;
}

const REFERENCE_NAMES = [
  'externalId',
  'externalUrl',
  'summary',
  'percentComplete',
  'logStreamArn',
  'entityUrl',
  'revisionUrl',
] as const satisfies readonly (keyof ExternalReference)[];

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
    ...actingOf(draft, declarationOf(draft.state, execution), action),
    actionType: action.actionTypeId,
    externalId: run.externalId,
    ...(run.summary !== undefined && { told: run.summary }),
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
  const action = declaredAction(draft, execution, stage, actionName);
  const run = present(execution.stages[stage]?.actions[actionName], 'action run');
  assert(run.status === 'InProgress', 'an action ends once');
  run.changedAt = draft.at;
  delete run.poll;
  switch (ending) {
    case 'Succeeded':
      run.status = 'Succeeded';
      for (const { name, bucket, key } of run.outputs) execution.artifacts[name] = { bucket, key };
      return tellAction(draft, execution, stage, action, run, 'SUCCEEDED');
    case 'Rejected':
      run.status = 'Failed';
      return tellAction(draft, execution, stage, action, run, 'FAILED');
    case 'Abandoned':
      run.status = 'Abandoned';
      withdraw(draft, execution, stage, action, run);
      return tellAction(draft, execution, stage, action, run, 'ABANDONED');
    case 'Voided':
      run.status = 'Abandoned';
      return tellAction(draft, execution, stage, action, run, 'CANCELED');
    default:
      run.status = 'Failed';
      run.error = { code: ending.code, message: ending.message };
      if (ending.code === 'JobTimedOut') withdraw(draft, execution, stage, action, run);
      return tellAction(draft, execution, stage, action, run, 'FAILED');
  }
}

/** Takes work away from the workers that poll for it; with `onlyUnacknowledged`, if none has begun it. */
export function withdraw(
  draft: Draft,
  execution: Writable<Execution>,
  stage: string,
  action: ActionDeclaration,
  run: Writable<ActionRun>,
  onlyUnacknowledged = false,
): void {
  if (!isDoneByWorkers(action.actionTypeId)) return;
  draft.effects.push({
    type: 'WithdrawAction',
    executionId: execution.id,
    stage,
    action: action.name,
    actionExecutionId: run.id,
    pipeline: draft.state.name,
    actionType: action.actionTypeId,
    onlyUnacknowledged,
  });
}

export function declaredAction(
  draft: Draft,
  execution: Writable<Execution>,
  stage: string,
  name: string,
): ActionDeclaration {
  const declared = stageOf(declarationOf(draft.state, execution), stage);
  return present(declared && actionOf(declared, name), 'declared action');
}
