/** Under whom an action acts: the pipeline's role, or a further role that this role assumes for one action. */

import { fault, isFault } from '#base/fault.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import type { Assumed, House } from '#services/service.ts';
import { pipelineArn } from './room.ts';

const SESSION_NAME_LENGTH_MAX = 64;

/** Rooms show a build's initiator by this name. */
export function sessionNameOf(pipeline: string): string {
  return `codepipeline-${pipeline}`.slice(0, SESSION_NAME_LENGTH_MAX);
}

export interface ActingRoles {
  readonly pipeline: string;
  readonly roleArn: string;
  readonly actionRoleArn?: string;
}

/** `policy` narrows what the session may do, for one that is handed on. */
export async function openSession(
  house: House,
  roles: ActingRoles,
  policy?: PolicyDocument,
): Promise<Assumed> {
  const { pipeline, roleArn, actionRoleArn } = roles;
  const sessionName = sessionNameOf(pipeline);
  const request = { service: 'codepipeline', sessionName, sourceArn: pipelineArn(house, pipeline) };
  const narrowed = { ...request, ...(policy ? { policy } : {}) };
  if (actionRoleArn === undefined) {
    return refusing(roleArn, () => house.assumeRole({ ...narrowed, roleArn }));
  }
  const by = await refusing(roleArn, () => house.assumeRole({ ...request, roleArn }));
  return refusing(actionRoleArn, () => house.assumeRole({ ...narrowed, roleArn: actionRoleArn, by }));
}

/** A role that cannot be assumed is a matter of permission, whatever exactly is missing. */
async function refusing<Result>(roleArn: string, assume: () => Promise<Result>): Promise<Result> {
  try {
    return await assume();
  } catch (error) {
    if (!isFault(error) || (error.status ?? 400) >= 500) throw error;
    const message = `CodePipeline is not authorized to perform AssumeRole on role ${roleArn}`;
    throw fault('AccessDeniedException', message, { cause: error });
  }
}
