/**
 * Builds without a project: the commands of a pipeline's Commands action or rule. CodePipeline itself asks for one, and
 * nobody else can: by StartBuild of a name that no project can have. What a project would say comes in the overrides:
 * the buildspec, sources and outputs as for a project of a pipeline, the log stream by its exact name, and as
 * `serviceRoleOverride` the role that acts, or two with a comma between them: the pipeline's, and the one that it takes
 * on for one action. CodePipeline takes them on, so that their trust need not name CodeBuild.
 */

import type { StartBuildInput } from '@aws-sdk/client-codebuild';
import { arnOf } from '#base/arn.ts';
import { assert, present } from '#base/assert.ts';
import type { BuildPlan, PipelinePlan } from '#core/build/state.ts';
import type { Assumed, Call, House } from '#services/service.ts';
import { PIPELINE_SERVICE, PIPELINE_SESSION, planBuild } from './plan.ts';
import type { ProjectSettings } from './settings.ts';

/** A project's name has no dot. */
export const COMMANDS_PROJECT = 'codepipeline.commands';
const SESSION_NAME_LENGTH_MAX = 64;
const TIMEOUT_MINUTES = 55;

const SETTINGS: ProjectSettings = {
  source: { type: 'CODEPIPELINE' },
  artifacts: { type: 'CODEPIPELINE' },
  environment: {
    type: 'LINUX_CONTAINER',
    image: 'aws/codebuild/amazonlinux2-x86_64-standard:5.0',
    computeType: 'BUILD_GENERAL1_SMALL',
  },
  timeoutInMinutes: TIMEOUT_MINUTES,
};

export function isCommandBuild({ principal }: Call, { projectName }: StartBuildInput): boolean {
  return (
    projectName === COMMANDS_PROJECT && principal.type === 'service' && principal.service === PIPELINE_SERVICE
  );
}

export function planCommandBuild(call: Call, input: StartBuildInput, uuid: string): BuildPlan {
  const { serviceRoleOverride = '', ...overrides } = input;
  const roles = serviceRoleOverride.split(',');
  const encryptionKey = arnOf('kms', call.region, call.account, 'alias/aws/s3');
  const plan = planBuild(call, COMMANDS_PROJECT, { ...SETTINGS, encryptionKey }, overrides, uuid);
  const pipeline = pipelineOf(call, roles);
  const stream = overrides.logsConfigOverride?.cloudWatchLogs?.streamName;
  return {
    ...plan,
    initiator: `codepipeline/${pipeline.name}`,
    serviceRole: present(roles.at(-1), 'the role that acts'),
    pipeline,
    ...(plan.logs && stream !== undefined ? { logs: { ...plan.logs, streamName: stream } } : {}),
  };
}

function pipelineOf({ principal }: Call, roles: readonly string[]): PipelinePlan {
  assert(principal.type === 'service', 'a service starts commands');
  const arn = present(principal.sourceArn, 'the pipeline for which commands are run');
  return { arn, name: arn.slice(arn.lastIndexOf(':') + 1), roles };
}

/** Takes on the roles one after the other; the last acts. */
export async function assumePipelineRoles(house: House, pipeline: PipelinePlan): Promise<Assumed> {
  const sessionName = `${PIPELINE_SESSION}${pipeline.name}`.slice(0, SESSION_NAME_LENGTH_MAX);
  let session: Assumed | undefined;
  for (const roleArn of pipeline.roles) {
    session = await house.assumeRole({
      service: 'codepipeline',
      roleArn,
      sessionName,
      sourceArn: pipeline.arn,
      ...(session ? { by: session } : {}),
    });
  }
  return present(session, 'a role of the pipeline');
}
