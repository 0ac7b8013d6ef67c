/**
 * Revisions that somebody names: those that a start fixes for its source actions, and those of which PutActionRevision
 * tells. AWS: "Start a pipeline with a source revision override".
 */

import { createHash } from 'node:crypto';
import type { SourceRevisionOverride } from '@aws-sdk/client-codepipeline';
import { present } from '#base/assert.ts';
import { fault } from '#base/fault.ts';
import type { ActionDeclaration, Declaration } from '#core/pipeline/definition/declaration.ts';
import { actionOf, stageOf } from '#core/pipeline/definition/declaration.ts';
import { HISTORY_MS_MAX } from '#core/pipeline/limits.ts';
import type { RevisionPin } from '#core/pipeline/state.ts';
import { principalArn } from '#core/policy/principal.ts';
import type { Handler } from '#services/service.ts';
import { findDeclaration, requirePipeline, type Room } from './room.ts';
import { triggerRows, withinTriggers } from './trigger-tables.ts';

interface Pinnable {
  /** `Owner Provider` of the source actions that have such revisions. */
  readonly providers: readonly string[];
  readonly member: keyof RevisionPin;
}

const PINNABLE: Readonly<Record<string, Pinnable>> = {
  COMMIT_ID: {
    providers: ['AWS CodeCommit', 'AWS CodeStarSourceConnection', 'ThirdParty GitHub'],
    member: 'commitId',
  },
  IMAGE_DIGEST: { providers: ['AWS ECR'], member: 'imageDigest' },
  S3_OBJECT_VERSION_ID: { providers: ['AWS S3'], member: 'objectVersionId' },
  S3_OBJECT_KEY: { providers: ['AWS S3'], member: 'objectKey' },
};

/** What a start fixes for its source actions. */
export function pinsOf(
  declaration: Declaration,
  overrides: readonly SourceRevisionOverride[],
): Record<string, RevisionPin> {
  const refuse = (message: string) => fault('ValidationException', message);
  const pins: Record<string, RevisionPin> = {};
  for (const { actionName = '', revisionType = '', revisionValue = '' } of overrides) {
    const action = declaration.stages[0]?.actions.find((candidate) => candidate.name === actionName);
    if (!action) throw refuse(`The pipeline does not have a source action with the name '${actionName}'`);
    const pinnable = PINNABLE[revisionType];
    if (!pinnable?.providers.includes(providerOf(action))) {
      throw refuse(`A revision of type ${revisionType} does not fit the source action '${actionName}'`);
    }
    const mayOverrideKey = action.configuration['AllowOverrideForS3ObjectKey']?.toLowerCase() === 'true';
    if (revisionType === 'S3_OBJECT_KEY' && !mayOverrideKey) {
      throw refuse(`The source action '${actionName}' does not allow its S3 object key to be overridden`);
    }
    const earlier = Object.hasOwn(pins, actionName) ? pins[actionName] : undefined;
    if (earlier?.[pinnable.member] !== undefined) {
      throw refuse(`The source action '${actionName}' has more than one revision of type ${revisionType}`);
    }
    pins[actionName] = { ...earlier, [pinnable.member]: revisionValue };
  }
  return pins;
}

function providerOf({ actionTypeId: { owner, provider } }: ActionDeclaration): string {
  return `${owner} ${provider}`;
}

/** What a revision id of a source action means to it. */
function pinOf(action: ActionDeclaration, revisionId: string): RevisionPin {
  const types = ['COMMIT_ID', 'IMAGE_DIGEST', 'S3_OBJECT_VERSION_ID'];
  const type = types.find((candidate) => PINNABLE[candidate]?.providers.includes(providerOf(action)));
  return { [PINNABLE[type ?? '']?.member ?? 'revisionId']: revisionId };
}

export function revisionOperations(room: Room) {
  const { house, machine } = room;

  const PutActionRevision: Handler<'codepipeline', 'PutActionRevision'> = async (call, input) => {
    const pipeline = await requirePipeline(house, input.pipelineName);
    const declaration = await findDeclaration(house, pipeline.pipeline_id, pipeline.version);
    const action = requireSource(present(declaration, 'declaration'), input.stageName, input.actionName);
    const { revisionId = '', revisionChangeId = '' } = input.actionRevision ?? {};
    const key = { pipeline_id: pipeline.pipeline_id, action: action.name, change_id: revisionChangeId };
    const seen = await triggerRows(house.database)
      .selectFrom('codepipeline_revisions')
      .select('execution_id')
      .where((row) => row.and(key))
      .executeTakeFirst();
    if (seen) return { newRevision: false, pipelineExecutionId: seen.execution_id };
    const { value, changed } = await house.engine.send(machine, pipeline.pipeline_id, {
      type: 'ExecutionRequested',
      trigger: { type: 'PutActionRevision', detail: principalArn(call.principal) },
      variables: {},
      pinned: { [action.name]: pinOf(action, revisionId) },
      // Tells apart two calls that both find nothing seen.
      token: `revision:${hashOf(action.name, revisionChangeId)}`,
      fingerprint: '',
    });
    const { pipelineExecutionId } = value as { readonly pipelineExecutionId: string };
    await house.database.transaction(async (transaction) => {
      const kysely = withinTriggers(transaction);
      await kysely
        .deleteFrom('codepipeline_revisions')
        .where('pipeline_id', '=', pipeline.pipeline_id)
        .where('seen_at', '<', call.at - HISTORY_MS_MAX)
        .execute();
      await kysely
        .insertInto('codepipeline_revisions')
        .values({ ...key, execution_id: pipelineExecutionId, seen_at: call.at })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    });
    return { newRevision: changed, pipelineExecutionId };
  };

  return { PutActionRevision };
}

function requireSource(
  declaration: Declaration,
  stageName: string | undefined,
  actionName: string | undefined,
): ActionDeclaration {
  const { name } = declaration;
  const stage = stageOf(declaration, stageName ?? '');
  if (!stage) {
    throw fault('StageNotFoundException', `Pipeline ${name} does not have a stage with name '${stageName}'`);
  }
  const action = actionOf(stage, actionName ?? '');
  if (!action) {
    throw fault(
      'ActionNotFoundException',
      `Stage ${stageName} of pipeline ${name} does not have an action with name '${actionName}'`,
    );
  }
  if (action.actionTypeId.category === 'Source') return action;
  throw fault('ValidationException', `The action '${actionName}' is not a source action`);
}

function hashOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
