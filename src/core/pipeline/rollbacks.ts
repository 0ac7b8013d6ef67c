/**
 * Rolling back a stage by hand: a new execution of type ROLLBACK runs this one stage with the revisions, artifacts
 * and variables of an earlier success. The checks run in AWS's order. AWS: "Configure stage rollback".
 */

import { stageOf } from './definition/declaration.ts';
import type { Draft } from './draft.ts';
import { declarationOf } from './draft.ts';
import type { Event } from './events.ts';
import { rollBack } from './stages.ts';
import type { Verdict } from './verdict.ts';
import { changed, noSuchStage, refused } from './verdict.ts';

type RollbackRequested = Extract<Event, { readonly type: 'StageRollbackRequested' }>;

export function rollBackStage(draft: Draft, event: RollbackRequested): Verdict {
  const { state } = draft;
  const { stage, target, targetId, by } = event;
  const declaration = declarationOf(state, { version: state.version });
  if (!stageOf(declaration, stage)) return noSuchStage(state.name, stage);
  if (!target) {
    return refused(
      'PipelineExecutionNotFoundException',
      `Pipeline execution '${targetId}' was not found in pipeline '${state.name}'`,
    );
  }
  const unable = (why: string) =>
    refused(
      'UnableToRollbackStageException',
      `Unable to roll back stage ${stage} of pipeline ${state.name}: ${why}`,
    );
  if (declaration.executionMode === 'PARALLEL')
    return unable('executions in PARALLEL mode are not rolled back');
  if (declaration.stages[0]?.name === stage) return unable('a source stage cannot be rolled back');
  if (target.type === 'ROLLBACK') return unable('the target is itself a rollback');
  if (!target.succeeded) return unable(`the target ${targetId} did not succeed in this stage`);
  if (target.version !== state.version) {
    return unable(
      `the target ran version ${target.version} of the pipeline, which is version ${state.version} now`,
    );
  }
  const occupant = state.stages.find((each) => each.name === stage)?.occupant;
  if (occupant !== undefined) return unable(`execution ${occupant} is running in it`);
  if (target.outdated) {
    return refused(
      'PipelineExecutionOutdatedException',
      `Pipeline execution '${targetId}' is too old to roll back to: its artifacts are not kept any more`,
    );
  }
  const id = rollBack(draft, stage, target, { type: 'ManualRollback', detail: by });
  return changed({ pipelineExecutionId: id });
}
