/**
 * The action types that AWS offers, as data, and how they are looked up. Every one may be declared; an action whose
 * provider has no room in this house fails when it runs, and says so. Custom types are the room's. AWS's own types come
 * without addresses: those of its console would lead to somebody else's resources.
 */

import { BUILD_TYPES } from './catalogue-builds.ts';
import { DEPLOY_TYPES } from './catalogue-deploys.ts';
import { INVOKE_TYPES } from './catalogue-invokes.ts';
import { SOURCE_TYPES } from './catalogue-sources.ts';
import { STACK_TYPES } from './catalogue-stacks.ts';
import type { ActionType, ActionTypeId } from './catalogue-type.ts';
import { DAY_MS } from './catalogue-type.ts';

export type {
  ActionProperty,
  ActionType,
  ActionTypeLookup,
  Bounds,
  PropertyType,
  TypeSettings,
} from './catalogue-type.ts';

export const ACTION_TYPES: readonly ActionType[] = [
  ...SOURCE_TYPES,
  ...BUILD_TYPES,
  ...DEPLOY_TYPES,
  ...STACK_TYPES,
  ...INVOKE_TYPES,
];

const typesById = new Map(ACTION_TYPES.map((type) => [keyOf(type.id), type]));

/** A built-in type. */
export function actionTypeOf(id: ActionTypeId): ActionType | undefined {
  return typesById.get(keyOf(id));
}

/** The type, or what holds for every custom action: a worker may take a day. */
export function actionTypeOrGeneric(id: ActionTypeId): ActionType {
  const artifacts = { min: 0, max: 5 };
  return actionTypeOf(id) ?? { id, properties: [], inputs: artifacts, outputs: artifacts, timeoutMs: DAY_MS };
}

/** True if the work is done as a job that somebody outside takes and reports. */
export function isDoneByWorkers(id: ActionTypeId): boolean {
  if (id.owner !== 'AWS') return actionTypeOf(id) === undefined;
  return id.category === 'Invoke' && id.provider === 'Lambda';
}

export function isApproval(id: ActionTypeId): boolean {
  return id.category === 'Approval';
}

/** One text for each id. */
export function keyOf({ category, owner, provider, version }: ActionTypeId): string {
  return JSON.stringify([category, owner, provider, version]);
}
