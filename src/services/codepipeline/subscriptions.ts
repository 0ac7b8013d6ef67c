/**
 * What this room hears: pushes, tags, pull requests and new objects, which start the pipelines that look out for them,
 * and the ends of builds and deployments, after which the truth is asked for under the pipeline's role.
 */

import { isFault } from '#base/fault.ts';
import type { ConditionKind } from '#core/pipeline/definition/declaration.ts';
import type { ExecutionRequested } from '#core/pipeline/events.ts';
import type { RevisionPin } from '#core/pipeline/state.ts';
import { pullRequestOf, pushOf, triggerDetailOf } from '#core/pipeline/trigger/trigger-event.ts';
import { passesFiles, type RepositoryChange } from '#core/pipeline/trigger/trigger-filter.ts';
import { interestsIn, watchersOf, type Interest } from '#core/pipeline/trigger/trigger-sources.ts';
import type { BusEvent, Subscription } from '#services/service.ts';
import type { Room } from './room.ts';
import { requestExecution } from './starts.ts';
import { rows } from './tables.ts';
import { commitOf, factsOf, filesOf, type Files } from './triggers.ts';
import { isPollingDisabled, watching, type Watcher } from './watchers.ts';

/** A start that cannot be now: the pipeline is gone meanwhile, or it has all the executions it may have. */
const REFUSALS = ['PipelineNotFoundException', 'ConcurrentPipelineExecutionsLimitExceededException'];

export function createSubscriptions(room: Room): readonly Subscription[] {
  return [
    {
      source: 'aws.codecommit',
      detailType: 'CodeCommit Repository State Change',
      hear: (event) => hearRepository(room, event, pushOf(event.detail)),
    },
    {
      source: 'aws.codecommit',
      detailType: 'CodeCommit Pull Request State Change',
      hear: (event) => hearRepository(room, event, pullRequestOf(event.detail)),
    },
    { source: 'aws.s3', detailType: 'Object Created', hear: (event) => hearObject(room, event) },
    {
      source: 'aws.codebuild',
      detailType: 'CodeBuild Build State Change',
      hear: (event) => hearBuild(room, event),
    },
    {
      source: 'slipway.codebuild',
      detailType: 'CodeBuild Build Batch State Change',
      hear: (event) => hearBatch(room, event),
    },
    {
      source: 'aws.codedeploy',
      detailType: 'CodeDeploy Deployment State-change Notification',
      hear: (event) => hearDeployment(room, event),
    },
  ];
}

async function hearRepository(
  room: Room,
  event: BusEvent,
  change: RepositoryChange | undefined,
): Promise<void> {
  if (!change) return;
  const { house } = room;
  // Asked once for all pipelines, and only if one has to know.
  const files = once(() => filesOf(house, change));
  const commitId = once(() => commitOf(house, change));
  const facts = once(async () => factsOf(house, change.repository, await commitId()));
  await startEach(
    room,
    event,
    await watching(room.house, 'CodeCommit', change.repository),
    async (watcher) => {
      const interests: Interest[] = [];
      for (const interest of interestsIn(watcher.declaration, change)) {
        if (await isPassed(interest.answer, files)) interests.push(interest);
      }
      const triggered = interests.filter(({ by }) => by === 'trigger');
      const pin = { commitId: await commitId() };
      if (triggered.length > 0) {
        const detail = triggerDetailOf({ ...change, ...pin }, await facts());
        return startOf(
          'WebhookV2',
          detail,
          triggered.map(({ action }) => action),
          pin,
        );
      }
      const [first] = interests;
      if (!first || (await isPollingDisabled(house, watcher))) return undefined;
      return startOf(
        'PollForSourceChanges',
        first.action,
        interests.map(({ action }) => action),
        pin,
      );
    },
  );
}

async function isPassed(answer: Interest['answer'], files: () => Promise<Files>): Promise<boolean> {
  if (answer.type === 'starts') return true;
  const touched = await files();
  return touched === 'unknown' || passesFiles(answer.filters, touched);
}

async function hearObject(room: Room, event: BusEvent): Promise<void> {
  const bucket = textOf((event.detail['bucket'] ?? {}) as BusEvent['detail'], 'name');
  const object = (event.detail['object'] ?? {}) as BusEvent['detail'];
  const key = textOf(object, 'key');
  const versionId = textOf(object, 'version-id');
  await startEach(room, event, await watching(room.house, 'S3', bucket, key), async (watcher) => {
    const actions = watchersOf(watcher.declaration, bucket, key);
    if (!actions[0] || (await isPollingDisabled(room.house, watcher))) return undefined;
    const pin = versionId ? { objectVersionId: versionId } : {};
    return startOf('PollForSourceChanges', actions[0], actions, pin);
  });
}

type Start = Pick<ExecutionRequested, 'trigger' | 'pinned'>;

function startOf(
  type: ExecutionRequested['trigger']['type'],
  detail: string,
  actions: readonly string[],
  pin: RevisionPin,
): Start {
  return {
    trigger: { type, detail },
    pinned: Object.fromEntries(actions.map((action) => [action, pin])),
  };
}

/**
 * One start of each pipeline that wants it; the event's id as token lets a repeated event start nothing more. What
 * goes wrong with one does not hold back the others, and has the event repeated afterwards.
 */
async function startEach(
  room: Room,
  event: BusEvent,
  watchers: readonly Watcher[],
  decide: (watcher: Watcher) => Promise<Start | undefined>,
): Promise<void> {
  const { house } = room;
  const failures: unknown[] = [];
  for (const watcher of watchers) {
    try {
      const start = await decide(watcher);
      if (!start) continue;
      await requestExecution(room, watcher.pipelineId, {
        type: 'ExecutionRequested',
        ...start,
        variables: {},
        token: `event:${event.id}`,
        fingerprint: '',
      });
    } catch (error) {
      if (!isFault(error) || !REFUSALS.includes(error.code)) failures.push(error);
      else
        house.log.warn('a source change started no execution', {
          pipelineId: watcher.pipelineId,
          event: event.id,
          error,
        });
    }
  }
  if (failures.length > 0)
    throw new AggregateError(failures, 'some pipelines were not started', { cause: failures[0] });
}

function once<Value>(ask: () => Promise<Value>): () => Promise<Value> {
  let asked: Promise<Value> | undefined;
  return () => (asked ??= ask());
}

/** The build's ARN ends in its id, `project:uuid`. */
async function hearBuild(room: Room, event: BusEvent): Promise<void> {
  if (event.detail['build-status'] === 'IN_PROGRESS') return;
  const [, id = ''] = textOf(event.detail, 'build-id').split(':build/');
  await reportEnd(room, id);
}

async function hearBatch(room: Room, event: BusEvent): Promise<void> {
  if (event.detail['build-batch-status'] === 'IN_PROGRESS') return;
  await reportEnd(room, textOf(event.detail, 'build-batch-id'));
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
  const evaluated = await rows(house.database)
    .selectFrom('codepipeline_rules')
    .select(['pipeline_id', 'execution_id', 'stage', 'condition', 'rule', 'rule_execution_id'])
    .where('external_id', '=', externalId)
    .where('status', '=', 'InProgress')
    .execute();
  for (const row of evaluated) {
    await house.engine.send(machine, row.pipeline_id, {
      type: 'RuleEndReported',
      executionId: row.execution_id,
      stage: row.stage,
      condition: row.condition as ConditionKind,
      rule: row.rule,
      ruleExecutionId: row.rule_execution_id,
    });
  }
}

function textOf(detail: Readonly<Record<string, unknown>>, name: string): string {
  const value = detail[name];
  return typeof value === 'string' ? value : '';
}
