/**
 * Whether a caller may store a declaration and whether it is right, in AWS's order: passing the roles, the rules of
 * the declaration, and last whether the pipeline's role can be assumed.
 */

import { fault, isFault } from '#base/fault.ts';
import type { Declaration } from '#core/pipeline/declaration.ts';
import type { GivenDeclaration } from '#core/pipeline/declaration-given.ts';
import { completeDeclaration } from '#core/pipeline/declaration-given.ts';
import { actionTypeOf } from '#core/pipeline/catalogue.ts';
import { quotasOf } from '#core/pipeline/limits.ts';
import { declarationFaults } from '#core/pipeline/validate.ts';
import type { Call, Permission } from '#services/service.ts';
import type { Room } from './room.ts';
import { pipelineArn } from './room.ts';
import { sessionNameOf } from './session.ts';

export async function checkDeclaration(
  room: Room,
  call: Call,
  given: GivenDeclaration,
  version: number,
): Promise<Declaration> {
  const { house } = room;
  const declaration = completeDeclaration(given, version);
  await call.authorize(...passedRoles(declaration));
  const [wrong] = declarationFaults(given, declaration, {
    region: house.region,
    quotas: quotasOf('seed'),
    actionTypeOf,
  });
  if (wrong) throw fault(wrong.code, wrong.message);
  await checkTrust(room, declaration);
  return declaration;
}

function passedRoles(declaration: Declaration): Permission[] {
  const pass = (resource: string, service: string): Permission => ({
    action: 'iam:PassRole',
    resource,
    context: { 'iam:PassedToService': service },
  });
  const actions = declaration.stages.flatMap((stage) => stage.actions);
  const own = new Set([declaration.roleArn, ...actions.flatMap(({ roleArn }) => (roleArn ? [roleArn] : []))]);
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
