/**
 * The Commands action: shell commands in a throw-away build without a project, under the pipeline's role or the
 * action's. CodePipeline itself asks the build room for it (see `command-builds.ts` there); the commands become the
 * build phase of a buildspec, so that variables and the working directory carry over from one to the next and the
 * first failure ends them. The action execution's id makes a repeated start the same build.
 * AWS: "Commands action reference".
 */

import type { Build, StartBuildInput } from '@aws-sdk/client-codebuild';
import { arnOf } from '#base/arn.ts';
import { present } from '#base/assert.ts';
import type { StartAction } from '#core/pipeline/orders.ts';
import { pipelineArn } from '#services/codepipeline/room.ts';
import type { Caller, House } from '#services/service.ts';
import type { Action, Outcome } from './action.ts';
import { ActionRefused } from './action.ts';
import { artifactsOf, failureIn, locationOf, outcomeOf, referenceOf } from './builds.ts';

/** The build room's name for builds without a project. */
const PROJECT = 'codepipeline.commands';
const EVERYTHING = ['**/*'];

export const commands: Action = {
  async start({ house }, order) {
    const log = logOf(order);
    const { build } = await serviceFor(house, order.pipeline).send('codebuild:StartBuild', {
      projectName: PROJECT,
      idempotencyToken: order.actionExecutionId,
      serviceRoleOverride: [order.roleArn, ...(order.actionRoleArn ? [order.actionRoleArn] : [])].join(','),
      buildspecOverride: buildspecOf(order),
      logsConfigOverride: { cloudWatchLogs: { status: 'ENABLED', ...log } },
      environmentVariablesOverride: variablesOf(order),
      ...environmentOf(order),
      ...artifactsFor(order),
    });
    const begun = present(build, 'the build that was started');
    const logStreamArn = arnOf(
      'logs',
      house.region,
      house.account,
      `log-group:${log.groupName}:log-stream:${log.streamName}`,
    );
    return endOf(begun) ?? { type: 'ActionStarted', ...referenceOf(begun), logStreamArn };
  },

  async poll({ house }, { pipeline, externalId }) {
    const { builds } = await serviceFor(house, pipeline).send('codebuild:BatchGetBuilds', {
      ids: [externalId],
    });
    const build = builds?.[0];
    if (!build) throw new ActionRefused('JobFailed', `The build ${externalId} does not exist any more`);
    return endOf(build);
  },
};

/** The service itself, for this pipeline: the role need not be allowed to start builds. */
function serviceFor(house: House, pipeline: string): Caller {
  return house.asService('codepipeline', pipelineArn(house, pipeline));
}

/** A group's name has no `@`, a pipeline's may. */
function logOf({ pipeline, actionExecutionId }: StartAction) {
  return {
    groupName: `/aws/codepipeline/${pipeline.replaceAll('@', '_')}`,
    streamName: actionExecutionId,
  };
}

/** JSON is YAML: whatever is in a command stays in its command. */
function buildspecOf({ commands = [], outputVariableNames = [], outputs, files = {} }: StartAction): string {
  const [output] = outputs;
  return JSON.stringify({
    version: '0.2',
    ...(outputVariableNames.length > 0 ? { env: { 'exported-variables': outputVariableNames } } : {}),
    phases: { build: { commands } },
    ...(output ? { artifacts: { files: files[output.name] ?? EVERYTHING } } : {}),
  });
}

/** A secret is asked for by the build, under the role that acts, and masked there. */
function variablesOf({ environmentVariables = [] }: StartAction) {
  return environmentVariables.map(({ name, value, type = 'PLAINTEXT' }) => ({ name, value, type }));
}

type Environment = Pick<StartBuildInput, 'environmentTypeOverride' | 'computeTypeOverride'>;

function environmentOf({ configuration }: StartAction): Environment {
  const { EnvironmentType, ComputeType, VpcId } = configuration;
  if (VpcId !== undefined) {
    throw new ActionRefused('ConfigurationError', 'Commands cannot run in a VPC here: there are no VPCs yet');
  }
  if (EnvironmentType !== undefined && EnvironmentType !== 'LINUX_CONTAINER') {
    const message = `Commands cannot run in ${EnvironmentType} here, only in LINUX_CONTAINER`;
    throw new ActionRefused('ConfigurationError', message);
  }
  return ComputeType === undefined
    ? {}
    : { computeTypeOverride: ComputeType as NonNullable<Environment['computeTypeOverride']> };
}

/** The first input is where the commands run; a rule has perhaps none. */
function artifactsFor({ inputs, outputs, encryptionKey }: StartAction): Partial<StartBuildInput> {
  const [primary, ...others] = inputs;
  const [output] = outputs;
  return {
    ...(primary
      ? { sourceLocationOverride: locationOf(primary) }
      : { sourceTypeOverride: 'NO_SOURCE' as const }),
    ...(primary?.revisionId === undefined ? {} : { sourceVersion: primary.revisionId }),
    secondarySourcesOverride: others.map((artifact) => ({
      type: 'S3',
      location: locationOf(artifact),
      sourceIdentifier: artifact.name,
    })),
    artifactsOverride: output ? artifactsOf(output) : { type: 'NO_ARTIFACTS' },
    ...(encryptionKey === undefined ? {} : { encryptionKeyOverride: encryptionKey }),
  };
}

/** Here the build's role is the action's: what it was not allowed is a matter of permission. */
function endOf(build: Build): Outcome | undefined {
  const outcome = outcomeOf(build);
  const failed = failureIn(build);
  if (outcome?.type !== 'ActionFailed' || !failed) return outcome;
  const isDenied =
    failed.code === 'ACCESS_DENIED' || (failed.phase !== 'BUILD' && /\bAccess ?Denied/.test(failed.message));
  return isDenied ? { ...outcome, code: 'PermissionError' } : outcome;
}
