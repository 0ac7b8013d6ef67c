/**
 * Secrets in the configuration of actions: sealed before anything is stored or decided, shown as asterisks, and opened
 * only for whoever does the work. A secret is taken as it is: references to variables are not looked for in it.
 * AWS: "Security best practices: configuration properties that are secret".
 */

import { isDeepStrictEqual } from 'node:util';
import { fault } from '#base/fault.ts';
import type { ActionTypeLookup } from '#core/pipeline/definition/catalogue.ts';
import type { GivenAction } from '#core/pipeline/definition/declaration-given.ts';
import type { ActionDeclaration, Declaration } from '#core/pipeline/definition/declaration.ts';
import { actionOf, stageOf } from '#core/pipeline/definition/declaration.ts';
import type { House } from '#services/service.ts';
import { SealBroken } from '#store/keyring.ts';

type Configuration = Readonly<Record<string, string>>;

const PURPOSE = 'codepipeline/secret';
const PREFIX = 'sealed:';
const SEALED = /^sealed:v1\.[A-Za-z0-9_-]{38,}$/;
const MASK = '****';

/**
 * Seals the secrets of a declaration. A mask keeps the secret that the action had, if nothing else in the action has
 * changed; otherwise nobody would notice that somebody else's change uses a secret that they never knew.
 */
export function sealDeclaration(
  house: House,
  declaration: Declaration,
  actionTypeOf: ActionTypeLookup,
  before?: Declaration,
): Declaration {
  const stages = declaration.stages.map((stage) => {
    const stageBefore = before && stageOf(before, stage.name);
    const actions = stage.actions.map((action) => {
      const secrets = secretsOf(action, actionTypeOf);
      const actionBefore = stageBefore && actionOf(stageBefore, action.name);
      return secrets.length === 0 ? action : sealAction(house, action, secrets, actionBefore);
    });
    return { ...stage, actions };
  });
  return { ...declaration, stages };
}

/** True if the declaration asks to keep a secret that is stored. */
export function keepsSecrets(declaration: Declaration, actionTypeOf: ActionTypeLookup): boolean {
  return declaration.stages.some(({ actions }) =>
    actions.some((action) =>
      secretsOf(action, actionTypeOf).some((name) => isMask(action.configuration[name] ?? '')),
    ),
  );
}

/** The values that work needs. What we did not seal is somebody's own text that happens to begin so, and stays. */
export function unsealConfiguration(house: House, configuration: Configuration): Record<string, string> {
  return mapValues(configuration, (name, value) => {
    if (!SEALED.test(value)) return value;
    try {
      return house.keyring.open(PURPOSE, value.slice(PREFIX.length), name).toString();
    } catch (error) {
      if (error instanceof SealBroken) return value;
      throw error;
    }
  });
}

/** As answers, history and logs show it. */
export function maskConfiguration(configuration: Configuration): Record<string, string> {
  return mapValues(configuration, (_name, value) => (SEALED.test(value) ? MASK : value));
}

export function maskDeclaration(declaration: Declaration): Declaration {
  const stages = declaration.stages.map((stage) => ({
    ...stage,
    actions: stage.actions.map((action) => ({
      ...action,
      configuration: maskConfiguration(action.configuration),
    })),
  }));
  return { ...declaration, stages };
}

/** An action as it is given, before anything is sealed, without its secrets. */
export function hideSecrets(action: GivenAction, actionTypeOf: ActionTypeLookup): GivenAction {
  if (!action.configuration) return action;
  const properties = action.actionTypeId && actionTypeOf(action.actionTypeId)?.properties;
  const isShown = (name: string) => properties?.some((each) => each.name === name && !each.secret) === true;
  const configuration = mapValues(action.configuration, (name, value) => (isShown(name) ? value : MASK));
  return { ...action, configuration };
}

/** Names of the secret properties that the action has. */
function secretsOf(action: ActionDeclaration, actionTypeOf: ActionTypeLookup): readonly string[] {
  return (actionTypeOf(action.actionTypeId)?.properties ?? [])
    .filter((property) => property.secret && Object.hasOwn(action.configuration, property.name))
    .map((property) => property.name);
}

function sealAction(
  house: House,
  action: ActionDeclaration,
  secrets: readonly string[],
  before: ActionDeclaration | undefined,
): ActionDeclaration {
  const isKept =
    before !== undefined && isDeepStrictEqual(without(action, secrets), without(before, secrets));
  const configuration = mapValues(action.configuration, (name, value) => {
    if (!secrets.includes(name)) return value;
    if (!isMask(value)) return PREFIX + house.keyring.seal(PURPOSE, value, name);
    const kept = isKept ? before.configuration[name] : undefined;
    if (kept !== undefined) return kept;
    throw fault(
      'InvalidActionDeclarationException',
      `Action configuration for action '${action.name}' has asterisks for '${name}', which keep a stored secret only ` +
        'if nothing else in the action has changed, nor the names of action and stage. Give the secret again',
    );
  });
  return { ...action, configuration };
}

function without(action: ActionDeclaration, secrets: readonly string[]): object {
  const others = Object.entries(action.configuration).filter(([name]) => !secrets.includes(name));
  return { ...action, configuration: Object.fromEntries(others) };
}

/** Four or five asterisks, with spaces or without. */
function isMask(value: string): boolean {
  return /^\*{4,5}$/.test(value.replaceAll(' ', ''));
}

function mapValues(
  configuration: Configuration,
  change: (name: string, value: string) => string,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(configuration).map(([name, value]) => [name, change(name, value)]),
  );
}
