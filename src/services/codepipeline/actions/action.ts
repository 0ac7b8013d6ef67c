/**
 * What an action does when it starts and when it is looked at. One file per provider implements it; `effects.ts`
 * calls it under the acting role and translates faults.
 *
 * `start` may be called again for the same action execution after a crash, and must then find what it began, or
 * repeat it harmlessly. `poll` answers nothing while the work goes on; only actions that answer `started` have one.
 */

import type { ExternalReference } from '#core/pipeline/events.ts';
import type { PollAction, StartAction } from '#core/pipeline/orders.ts';
import type { ActionError, SourceRevision } from '#core/pipeline/state.ts';
import type { RevisionPin } from '#core/pipeline/state.ts';
import type { Caller, House } from '#services/service.ts';

export interface Acting {
  readonly house: House;
  /** The pipeline's role, or the action's. */
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

export interface Action {
  start(acting: Acting, order: StartAction): Promise<Outcome>;
  poll?(acting: Acting, order: PollAction): Promise<Outcome | undefined>;
}

export type Outcome = ExternalReference &
  (
    | { readonly type: 'ActionStarted' }
    | { readonly type: 'ActionProgressed' }
    | {
        readonly type: 'ActionSucceeded';
        readonly outputVariables: Readonly<Record<string, string>>;
        readonly revision?: Omit<SourceRevision, 'actionName' | 'artifactName'>;
        readonly pin?: RevisionPin;
      }
    | ({ readonly type: 'ActionFailed' } & ActionError)
  );

/** Ends the action with an error of its own; thrown by providers, turned into ActionFailed. */
export class ActionRefused extends Error {
  override readonly name = 'ActionRefused';
  readonly code: ActionError['code'];

  constructor(code: ActionError['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** A configuration value that the declaration's rules require. */
export function configured(order: StartAction, name: string): string {
  const value = order.configuration[name];
  if (value !== undefined) return value;
  throw new ActionRefused('ConfigurationError', `The action configuration ${name} is missing`);
}

/** Longer texts are cut, as AWS's shapes are bounded. */
export function cut(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : text.slice(0, lengthMax);
}
