/** What the actions that build have in common: how CodeBuild is told of artifacts, and what its answers mean. */

import type { Build, BuildBatch, ProjectArtifacts } from '@aws-sdk/client-codebuild';
import type { ExternalReference } from '#core/pipeline/events.ts';
import type { NamedArtifact } from '#core/pipeline/state.ts';
import type { Outcome } from './action.ts';
import { cut } from './action.ts';

const SUMMARY_LENGTH_MAX = 2_048;
const FAILURES = ['FAILED', 'FAULT', 'TIMED_OUT', 'CLIENT_ERROR'];

export function locationOf({ bucket, key }: NamedArtifact): string {
  return `${bucket}/${key}`;
}

export function artifactsOf({ bucket, key }: NamedArtifact): ProjectArtifacts {
  return { type: 'S3', location: bucket, path: '', name: key, packaging: 'ZIP', namespaceType: 'NONE' };
}

/** The build's end as the action's: nothing while it runs. */
export function outcomeOf(build: Build): Outcome | undefined {
  switch (build.buildStatus) {
    case 'IN_PROGRESS':
      return undefined;
    case 'SUCCEEDED': {
      const exported = (build.exportedEnvironmentVariables ?? []).map(
        ({ name, value }) => [name ?? '', value ?? ''] as const,
      );
      const outputVariables = Object.fromEntries(exported);
      return { type: 'ActionSucceeded', outputVariables, ...referenceOf(build) };
    }
    default: {
      const message = `Build terminated with state: ${build.buildStatus}${reasonOf(build)}`;
      return { type: 'ActionFailed', code: 'JobFailed', message, ...referenceOf(build) };
    }
  }
}

/** What a build waits for, while it does; nothing where that is known. */
export function progressOf(build: Build, told: string | undefined): Outcome | undefined {
  const { currentPhase, phases = [] } = build;
  const waits = currentPhase === 'QUEUED' ? phases.at(-1)?.contexts?.[0]?.message : undefined;
  const summary = cut(waits ?? '', SUMMARY_LENGTH_MAX);
  return summary === (told ?? '') ? undefined : { type: 'ActionProgressed', summary };
}

export function batchFailureOf(batch: BuildBatch): Outcome {
  const message = `Build terminated with state: ${batch.buildBatchStatus}${reasonOf(batch)}`;
  return {
    type: 'ActionFailed',
    code: 'JobFailed',
    message,
    ...(batch.arn ? { externalId: batch.arn } : {}),
  };
}

/** AWS tells the phase and the reason after the state. */
function reasonOf(build: WithPhases): string {
  const failed = failureIn(build);
  if (!failed) return '';
  const { phase, code, message } = failed;
  return cut(`. Phase: ${phase}, Code: ${code}, Message: ${message}`, SUMMARY_LENGTH_MAX);
}

type WithPhases = Pick<Build, 'phases'> | Pick<BuildBatch, 'phases'>;

/** The first phase that did not end well, if it says why. */
export function failureIn({ phases = [] }: WithPhases) {
  const failed = phases.find(({ phaseStatus }) => FAILURES.includes(phaseStatus ?? ''));
  const context = failed?.contexts?.[0];
  if (!context) return undefined;
  return { phase: failed?.phaseType, code: context.statusCode ?? '', message: context.message ?? '' };
}

export function referenceOf({ id, logs }: Build): ExternalReference {
  return {
    ...(id === undefined ? {} : { externalId: id }),
    ...(logs?.deepLink === undefined ? {} : { externalUrl: logs.deepLink }),
    ...(logs?.cloudWatchLogsArn === undefined ? {} : { logStreamArn: logs.cloudWatchLogsArn }),
  };
}
