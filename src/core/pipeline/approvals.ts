/** The answer to a manual approval. AWS: "Approve or reject an approval action in CodePipeline". */

import { endAction } from './actions.ts';
import { isApproval } from './definition/catalogue.ts';
import { actionOf, stageOf } from './definition/declaration.ts';
import type { Draft } from './draft.ts';
import { declarationOf, openExecution } from './draft.ts';
import { advance } from './stages.ts';
import type { Event } from './events.ts';
import type { Verdict } from './verdict.ts';
import { changed, noSuchStage, refused } from './verdict.ts';

export function answerApproval(
  draft: Draft,
  event: Extract<Event, { readonly type: 'ApprovalAnswered' }>,
): Verdict {
  const { state } = draft;
  const stage = stageOf(declarationOf(state, { version: state.version }), event.stage);
  if (!stage) return noSuchStage(state.name, event.stage);
  const action = actionOf(stage, event.action);
  if (!action || !isApproval(action.actionTypeId)) {
    return refused(
      'ActionNotFoundException',
      `Stage ${event.stage} of pipeline ${state.name} does not have an approval action with name '${event.action}'`,
    );
  }
  const found = Object.values(state.executions).find(
    (execution) => execution.stages[event.stage]?.actions[event.action]?.token === event.token,
  );
  const run = found?.stages[event.stage]?.actions[event.action];
  if (run?.answered) {
    return refused(
      'ApprovalAlreadyCompletedException',
      'The approval action has already been approved or rejected',
    );
  }
  if (!found || run?.status !== 'InProgress') {
    return refused(
      'InvalidApprovalTokenException',
      'The approval token is not valid for this approval action',
    );
  }
  const execution = openExecution(draft, found.id);
  const open = execution.stages[event.stage]?.actions[event.action];
  if (open) {
    open.answered = true;
    open.updatedBy = event.by;
    open.summary = event.summary;
  }
  endAction(draft, execution, event.stage, event.action, event.approved ? 'Succeeded' : 'Rejected');
  advance(draft, found.id);
  return changed({ approvedAt: draft.at });
}
