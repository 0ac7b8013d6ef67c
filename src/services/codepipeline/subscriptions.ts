/**
 * What this room hears: pushes and new objects, which start pipelines without polling, and the ends of builds and
 * deployments, after which the truth is asked for under the pipeline's role.
 */

import { isFault } from '#base/fault.ts';
import type { BusEvent, Subscription } from '#services/service.ts';
import type { RevisionPin } from '#core/pipeline/state.ts';
import type { Room } from './room.ts';
import { rows, type SourceRow } from './tables.ts';

/** A start that cannot be now: the pipeline is gone meanwhile, or it has all the executions it may have. */
const REFUSALS = ['PipelineNotFoundException', 'ConcurrentPipelineExecutionsLimitExceededException'];

export function createSubscriptions(room: Room): readonly Subscription[] {
  return [
    {
      source: 'aws.codecommit',
      detailType: 'CodeCommit Repository State Change',
      hear: (event) => hearPush(room, event),
    },
    { source: 'aws.s3', detailType: 'Object Created', hear: (event) => hearObject(room, event) },
    {
      source: 'aws.codebuild',
      detailType: 'CodeBuild Build State Change',
      hear: (event) => hearBuild(room, event),
    },
    {
      source: 'aws.codedeploy',
      detailType: 'CodeDeploy Deployment State-change Notification',
      hear: (event) => hearDeployment(room, event),
    },
  ];
}

async function hearPush(room: Room, event: BusEvent): Promise<void> {
  const { detail } = event;
  if (detail['referenceType'] !== 'branch' || detail['event'] === 'referenceDeleted') return;
  const watched = await watching(
    room,
    'CodeCommit',
    textOf(detail, 'repositoryName'),
    textOf(detail, 'referenceName'),
  );
  await startAll(room, event, watched, { commitId: textOf(detail, 'commitId') });
}

async function hearObject(room: Room, event: BusEvent): Promise<void> {
  const bucket = (event.detail['bucket'] ?? {}) as Record<string, unknown>;
  const object = (event.detail['object'] ?? {}) as Record<string, unknown>;
  const versionId = textOf(object, 'version-id');
  const watched = await watching(room, 'S3', textOf(bucket, 'name'), textOf(object, 'key'));
  await startAll(room, event, watched, versionId ? { objectVersionId: versionId } : {});
}

function watching(room: Room, provider: string, place: string, entry: string): Promise<SourceRow[]> {
  return rows(room.house.database)
    .selectFrom('codepipeline_sources')
    .selectAll()
    .where('provider', '=', provider)
    .where('place', '=', place)
    .where('entry', '=', entry)
    .execute();
}

/** One start of each pipeline; the event's id as token lets a repeated event start nothing more. */
async function startAll(
  room: Room,
  event: BusEvent,
  watched: readonly SourceRow[],
  pin: RevisionPin,
): Promise<void> {
  const { house, machine } = room;
  for (const [pipelineId, sources] of Map.groupBy(watched, (source) => source.pipeline_id)) {
    try {
      await house.engine.send(machine, pipelineId, {
        type: 'ExecutionRequested',
        trigger: { type: 'PollForSourceChanges', detail: sources[0]?.action ?? '' },
        variables: {},
        pinned: Object.fromEntries(sources.map(({ action }) => [action, pin])),
        token: `event:${event.id}`,
        fingerprint: '',
      });
    } catch (error) {
      if (!isFault(error) || !REFUSALS.includes(error.code)) throw error;
      house.log.warn('a source change started no execution', { pipelineId, event: event.id, error });
    }
  }
}

/** The build's ARN ends in its id, `project:uuid`. */
async function hearBuild(room: Room, event: BusEvent): Promise<void> {
  if (event.detail['build-status'] === 'IN_PROGRESS') return;
  const [, id = ''] = textOf(event.detail, 'build-id').split(':build/');
  await reportEnd(room, id);
}

async function hearDeployment(room: Room, event: BusEvent): Promise<void> {
  if (!['SUCCESS', 'FAILURE', 'STOP'].includes(textOf(event.detail, 'state'))) return;
  await reportEnd(room, textOf(event.detail, 'deploymentId'));
}

async function reportEnd({ house, machine }: Room, externalId: string): Promise<void> {
  const running = await rows(house.database)
    .selectFrom('codepipeline_actions')
    .select(['pipeline_id', 'execution_id', 'stage', 'action', 'action_execution_id'])
    .where('external_id', '=', externalId)
    .where('status', '=', 'InProgress')
    .execute();
  for (const row of running) {
    await house.engine.send(machine, row.pipeline_id, {
      type: 'ActionEndReported',
      executionId: row.execution_id,
      stage: row.stage,
      action: row.action,
      actionExecutionId: row.action_execution_id,
    });
  }
}

function textOf(detail: Readonly<Record<string, unknown>>, name: string): string {
  const value = detail[name];
  return typeof value === 'string' ? value : '';
}
