/**
 * Whether a caller may store a declaration and whether it is right, in AWS's order: passing the roles, the rules of
 * the declaration, and last whether the pipeline's role can be assumed. What is right leaves with its secrets sealed.
 */

import { parseArn } from '#base/arn.ts';
import { present } from '#base/assert.ts';
import { fault, isFault } from '#base/fault.ts';
import type { ActionType, ActionTypeLookup } from '#core/pipeline/definition/catalogue.ts';
import { actionTypeOf, keyOf } from '#core/pipeline/definition/catalogue.ts';
import type { GivenDeclaration } from '#core/pipeline/definition/declaration-given.ts';
import { completeDeclaration } from '#core/pipeline/definition/declaration-given.ts';
import type { ActionTypeId, Declaration } from '#core/pipeline/definition/declaration.ts';
import { rulesOf } from '#core/pipeline/definition/declaration.ts';
import { quotasOf } from '#core/pipeline/limits.ts';
import { sizeFaults } from '#core/pipeline/definition/validate-structure.ts';
import { declarationFaults } from '#core/pipeline/definition/validate.ts';
import type { Call, House, Permission } from '#services/service.ts';
import { findActionType } from './action-types.ts';
import type { Room } from './room.ts';
import { pipelineArn } from './room.ts';
import { hideSecrets, keepsSecrets, sealDeclaration } from './secrets.ts';
import { sessionNameOf } from './session.ts';

export interface Checked {
  readonly declaration: Declaration;
  /** Secrets were taken over from the declaration before. */
  readonly keepsSecrets: boolean;
}

/** `before` is what an update replaces. */
export async function checkDeclaration(
  room: Room,
  call: Call,
  given: GivenDeclaration,
  version: number,
  before?: Declaration,
): Promise<Checked> {
  const { house } = room;
  const declaration = completeDeclaration(given, version);
  const quotas = quotasOf(house.quotas);
  // Before anything is asked for each of a million actions.
  const [excess] = sizeFaults(declaration, quotas);
  if (excess) throw fault(excess.code, excess.message);
  await call.authorize(...passedRoles(declaration));
  const actions = declaration.stages.flatMap((stage) => stage.actions);
  const actionTypes = await findTypes(house, actions);
  const circumstances = { region: house.region, quotas, actionTypeOf: actionTypes };
  const [wrong] = declarationFaults(given, declaration, circumstances);
  if (wrong) throw fault(wrong.code, wrong.message);
  const sealed = sealDeclaration(house, declaration, actionTypes, before);
  await checkTrust(room, declaration);
  return { declaration: sealed, keepsSecrets: keepsSecrets(declaration, actionTypes) };
}

/**
 * The input of an operation as records may show it. Of custom and third-party actions whose types are not known every
 * value is hidden: any of them may be the secret of a type that somebody is about to make.
 */
export async function shownInput(house: House, operation: string, input: object): Promise<object> {
  if (operation !== 'CreatePipeline' && operation !== 'UpdatePipeline') return input;
  const { pipeline } = input as { readonly pipeline?: Partial<GivenDeclaration> };
  const { actionsPerPipelineMax } = quotasOf(house.quotas);
  const actions = (pipeline?.stages ?? []).flatMap((stage) => stage.actions ?? []);
  const known = actions.filter((action) => action.actionTypeId !== undefined).slice(0, actionsPerPipelineMax);
  const actionTypes = await findTypes(house, known);
  const stages = pipeline?.stages?.map((stage) => ({
    ...stage,
    actions: stage.actions?.map((action) => hideSecrets(action, actionTypes)),
  }));
  return { ...input, pipeline: { ...pipeline, ...(stages ? { stages } : {}) } };
}

/** Built-in types, and those custom and third-party types that the declaration names. */
async function findTypes(
  house: House,
  actions: readonly { readonly actionTypeId: ActionTypeId }[],
): Promise<ActionTypeLookup> {
  const found = new Map<string, ActionType>();
  const asked = new Set<string>();
  for (const { actionTypeId: id } of actions) {
    if (id.owner === 'AWS' || actionTypeOf(id) || asked.has(keyOf(id))) continue;
    asked.add(keyOf(id));
    const type = await findActionType(house, id);
    if (type) found.set(keyOf(id), type);
  }
  return (id) => actionTypeOf(id) ?? found.get(keyOf(id));
}

function passedRoles(declaration: Declaration): Permission[] {
  const pass = (resource: string, service: string): Permission => ({
    action: 'iam:PassRole',
    resource,
    context: { 'iam:PassedToService': service },
  });
  const actions = declaration.stages.flatMap((stage) => stage.actions);
  const roles = [...actions, ...declaration.stages.flatMap(rulesOf)].map(({ roleArn }) => roleArn);
  // A role of another account cannot be passed, it is taken on by the pipeline's role if it lets it.
  const { account } = present(parseArn(declaration.roleArn), 'the ARN of a role');
  const passed = roles.filter((role) => role !== undefined && parseArn(role)?.account === account);
  const own = new Set([declaration.roleArn, ...passed.filter((role) => role !== undefined)]);
  const builders = actions.flatMap(({ configuration: { ServiceRoleArnOverride } }) =>
    ServiceRoleArnOverride ? [ServiceRoleArnOverride] : [],
  );
  return [
    ...[...own].map((role) => pass(role, 'codepipeline.amazonaws.com')),
    ...builders.map((role) => pass(role, 'codebuild.amazonaws.com')),
  ];
}

async function checkTrust({ house }: Room, { roleArn, name }: Declaration): Promise<void> {
  try {
    await house.assumeRole({
      service: 'codepipeline',
      roleArn,
      sessionName: sessionNameOf(name),
      sourceArn: pipelineArn(house, name),
    });
  } catch (error) {
    if (!isFault(error) || (error.status ?? 400) >= 500) throw error;
    const message = `CodePipeline is not authorized to perform AssumeRole on role ${roleArn}`;
    throw fault('InvalidStructureException', message, { cause: error });
  }
}
