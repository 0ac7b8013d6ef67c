/**
 * How the source actions of a pipeline look out for changes: by themselves, which every CodeCommit and S3 source does
 * unless it is told not to, or by a trigger of the pipeline, which takes the place of that. AWS has triggers for
 * connections only; here CodeCommit sources may have them too, which is our extension.
 */

import type { ActionDeclaration, Declaration } from '#core/pipeline/definition/declaration.ts';
import type { TriggerAnswer, RepositoryChange } from './trigger-filter.ts';
import { askTrigger } from './trigger-filter.ts';

/** A pipeline that nothing started, and nobody changed, for so long does not look out by itself any more. */
export const INACTIVE_MS_MAX = 30 * 86_400_000;

/** Providers whose sources look out for changes by themselves. */
const POLLED = ['AWS CodeCommit', 'AWS S3', 'ThirdParty GitHub'];

/** True unless its configuration says that a rule of EventBridge or a webhook does it, or a trigger does it. */
export function detectsByItself(declaration: Declaration, action: ActionDeclaration): boolean {
  const { actionTypeId, configuration } = action;
  if (triggerOf(declaration, action.name)) return false;
  if (!POLLED.includes(`${actionTypeId.owner} ${actionTypeId.provider}`)) return false;
  return configuration['PollForSourceChanges']?.toLowerCase() !== 'false';
}

/** True if the pipeline counts among those whose sources are polled at AWS. */
export function polls(declaration: Declaration): boolean {
  return sourcesOf(declaration).some((action) => detectsByItself(declaration, action));
}

/** Since when the pipeline does not look out by itself; nothing while it does. */
export function pollingDisabledAt(
  declaration: Declaration,
  activeAt: number,
  now: number,
): number | undefined {
  const at = activeAt + INACTIVE_MS_MAX;
  return polls(declaration) && at <= now ? at : undefined;
}

export interface Interest {
  readonly action: string;
  /** Of the pipeline's own looking out, or of a trigger. */
  readonly by: 'itself' | 'trigger';
  readonly answer: Exclude<TriggerAnswer, { readonly type: 'never' }>;
}

/** The source actions that a change in a CodeCommit repository interests. */
export function interestsIn(declaration: Declaration, change: RepositoryChange): readonly Interest[] {
  return sourcesOf(declaration).flatMap((action): Interest[] => {
    const { actionTypeId, configuration, name } = action;
    if (actionTypeId.owner !== 'AWS' || actionTypeId.provider !== 'CodeCommit') return [];
    if (configuration['RepositoryName'] !== change.repository) return [];
    const trigger = triggerOf(declaration, name);
    if (trigger) {
      const answer = askTrigger(trigger.gitConfiguration, configuration['BranchName'], change);
      return answer.type === 'never' ? [] : [{ action: name, by: 'trigger', answer }];
    }
    const isItsBranch = change.type === 'branch' && change.branch === configuration['BranchName'];
    if (!isItsBranch || !detectsByItself(declaration, action)) return [];
    return [{ action: name, by: 'itself', answer: { type: 'starts' } }];
  });
}

/** The source actions that look out by themselves for a new version of an object. */
export function watchersOf(declaration: Declaration, bucket: string, key: string): readonly string[] {
  return sourcesOf(declaration)
    .filter(({ actionTypeId, configuration }) => {
      const isS3 = actionTypeId.owner === 'AWS' && actionTypeId.provider === 'S3';
      return isS3 && configuration['S3Bucket'] === bucket && configuration['S3ObjectKey'] === key;
    })
    .filter((action) => detectsByItself(declaration, action))
    .map((action) => action.name);
}

export function sourcesOf(declaration: Declaration): readonly ActionDeclaration[] {
  return declaration.stages[0]?.actions ?? [];
}

function triggerOf(declaration: Declaration, action: string) {
  return declaration.triggers?.find((trigger) => trigger.gitConfiguration.sourceActionName === action);
}
