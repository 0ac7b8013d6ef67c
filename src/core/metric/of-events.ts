/**
 * The metrics of the house's own services, out of the events that tell of them. AWS: "Monitoring CodeBuild metrics",
 * "CodePipeline metrics". AWS keeps none of deployments; ours are in a namespace of our own.
 */

import { createMetric, type Dimension, type Metric } from './metric.ts';

export interface HeardEvent {
  readonly source: string;
  readonly detailType: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface Measured {
  readonly metric: Metric;
  readonly unit: 'Count' | 'Seconds';
  readonly value: number;
}

/** What ended, for counters: a kind of work and how it ended. */
export interface Ended {
  readonly kind: 'build' | 'pipeline execution' | 'deployment';
  readonly outcome: string;
}

export interface Heard {
  readonly measured: readonly Measured[];
  readonly ended?: Ended;
}

const NOTHING: Heard = { measured: [] };

export function measureEvent(event: HeardEvent): Heard {
  switch (`${event.source} ${event.detailType}`) {
    case 'aws.codebuild CodeBuild Build State Change':
      return measureBuild(event);
    case 'aws.codepipeline CodePipeline Pipeline Execution State Change':
      return measurePipeline(event);
    case 'aws.codedeploy CodeDeploy Deployment State-change Notification':
      return measureDeployment(event);
    default:
      return NOTHING;
  }
}

const PHASE_METRICS: Readonly<Record<string, string>> = {
  SUBMITTED: 'SubmittedDuration',
  QUEUED: 'QueuedDuration',
  PROVISIONING: 'ProvisioningDuration',
  DOWNLOAD_SOURCE: 'DownloadSourceDuration',
  INSTALL: 'InstallDuration',
  PRE_BUILD: 'PreBuildDuration',
  BUILD: 'BuildDuration',
  POST_BUILD: 'PostBuildDuration',
  UPLOAD_ARTIFACTS: 'UploadArtifactsDuration',
  FINALIZING: 'FinalizingDuration',
};

/** A build is counted when it begins and when it ends; each number is told for its project and for the account. */
function measureBuild({ detail }: HeardEvent): Heard {
  const project: Dimension = { name: 'ProjectName', value: textOf(detail['project-name']) };
  const both = (name: string, unit: Measured['unit'], value: number): readonly Measured[] =>
    [[project], []].map((dimensions) => ({
      metric: createMetric('AWS/CodeBuild', name, dimensions),
      unit,
      value,
    }));
  const status = textOf(detail['build-status']);
  if (status === 'IN_PROGRESS') return { measured: both('Builds', 'Count', 1) };
  const phases = phasesOf(detail);
  const measured = [
    ...(status === 'SUCCEEDED' ? both('SucceededBuilds', 'Count', 1) : []),
    ...(['FAILED', 'FAULT', 'TIMED_OUT'].includes(status) ? both('FailedBuilds', 'Count', 1) : []),
    ...both(
      'Duration',
      'Seconds',
      phases.reduce((sum, { seconds }) => sum + seconds, 0),
    ),
    ...phases.flatMap(({ type, seconds }) => {
      const name = PHASE_METRICS[type];
      return name === undefined ? [] : both(name, 'Seconds', seconds);
    }),
  ];
  return { measured, ended: { kind: 'build', outcome: status } };
}

function phasesOf(
  detail: HeardEvent['detail'],
): readonly { readonly type: string; readonly seconds: number }[] {
  const { phases } = (detail['additional-information'] ?? {}) as { readonly phases?: unknown };
  if (!Array.isArray(phases)) return [];
  return (phases as readonly Readonly<Record<string, unknown>>[]).flatMap((phase) => {
    const seconds = phase['duration-in-seconds'];
    return typeof seconds === 'number' ? [{ type: textOf(phase['phase-type']), seconds }] : [];
  });
}

const PIPELINE_ENDS = ['SUCCEEDED', 'FAILED', 'STOPPED', 'SUPERSEDED', 'CANCELED'];

/** As on AWS, durations are those of executions that succeeded. */
function measurePipeline({ at, detail }: HeardEvent): Heard {
  const state = textOf(detail['state']);
  if (!PIPELINE_ENDS.includes(state)) return NOTHING;
  const dimensions = [{ name: 'PipelineName', value: textOf(detail['pipeline']) }];
  const metric = (name: string) => createMetric('AWS/CodePipeline', name, dimensions);
  const startedAt = Date.parse(textOf(detail['start-time']));
  const measured: Measured[] = [];
  if (state === 'SUCCEEDED' && Number.isFinite(startedAt)) {
    const value = Math.max(0, at - startedAt) / 1000;
    measured.push({ metric: metric('PipelineDuration'), unit: 'Seconds', value });
  }
  if (state === 'FAILED')
    measured.push({ metric: metric('FailedPipelineExecutions'), unit: 'Count', value: 1 });
  return { measured, ended: { kind: 'pipeline execution', outcome: state } };
}

const DEPLOYMENT_METRICS: Readonly<Record<string, string>> = {
  START: 'Deployments',
  SUCCESS: 'SucceededDeployments',
  FAILURE: 'FailedDeployments',
  STOP: 'StoppedDeployments',
};

function measureDeployment({ detail }: HeardEvent): Heard {
  const state = textOf(detail['state']);
  const name = DEPLOYMENT_METRICS[state];
  if (name === undefined) return NOTHING;
  const dimensions = [
    { name: 'Application', value: textOf(detail['application']) },
    { name: 'DeploymentGroup', value: textOf(detail['deploymentGroup']) },
  ];
  const measured: readonly Measured[] = [
    { metric: createMetric('Slipway', name, dimensions), unit: 'Count', value: 1 },
  ];
  return state === 'START' ? { measured } : { measured, ended: { kind: 'deployment', outcome: state } };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
