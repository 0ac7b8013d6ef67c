/** How executions begin. Every start runs all source actions, even if only one source changed. */

import { present } from '#base/assert.ts';
import { tellExecution } from './changes.ts';
import type { Declaration } from './definition/declaration.ts';
import type { Draft } from './draft.ts';
import { openExecution } from './draft.ts';
import type { ExecutionRequested } from './events.ts';
import { createExecution, inFlightRefusal } from './executions.ts';
import { TOKENS_MAX, TOKEN_MS_MAX } from './limits.ts';
import { arrive } from './stages.ts';
import type { Verdict } from './verdict.ts';
import { changed, refused } from './verdict.ts';

export function requestExecution(draft: Draft, event: ExecutionRequested): Verdict {
  const { state } = draft;
  state.tokens = state.tokens.filter((token) => token.at > draft.at - TOKEN_MS_MAX).slice(-TOKENS_MAX);
  const earlier = state.tokens.find((token) => token.token === event.token);
  if (earlier && earlier.fingerprint !== event.fingerprint) {
    return refused(
      'ValidationException',
      'The client request token was used before for a start of this pipeline with different content',
    );
  }
  if (earlier) return { type: 'unchanged', value: { pipelineExecutionId: earlier.executionId } };

  const declaration = present(state.declarations[state.version], 'current declaration');
  const declared = declaration.variables ?? [];
  const unknown = Object.keys(event.variables).find(
    (name) => !declared.some((variable) => variable.name === name),
  );
  if (unknown !== undefined) {
    return refused('ValidationException', `The pipeline does not have a variable with the name '${unknown}'`);
  }
  const missing = declared.find(
    (variable) => variable.defaultValue === undefined && event.variables[variable.name] === undefined,
  );
  if (missing && event.trigger.type === 'StartPipelineExecution') {
    return refused(
      'ValidationException',
      `The pipeline variable '${missing.name}' has no default value and must be given`,
    );
  }
  const excess = inFlightRefusal(draft, declaration.executionMode);
  if (excess) return excess;

  const defaults = declared.flatMap(({ name, defaultValue }) =>
    defaultValue === undefined ? [] : [[name, defaultValue] as const],
  );
  const id = createExecution(draft, event.trigger, {
    variables: { ...Object.fromEntries(defaults), ...event.variables },
    pinned: takesHeads(declaration, event) ? {} : event.pinned,
  });
  if (event.token !== undefined) {
    state.tokens.push({
      token: event.token,
      fingerprint: event.fingerprint,
      executionId: id,
      at: draft.at,
    });
    state.tokens = state.tokens.slice(-TOKENS_MAX);
  }
  if (missing) {
    failAtStart(draft, id, `The pipeline variable '${missing.name}' has no default value and none was given`);
  } else {
    arrive(draft, id, present(declaration.stages[0], 'first stage').name);
  }
  return changed({ pipelineExecutionId: id });
}

/** A PARALLEL execution that default detection started takes the heads of its sources, whatever change it was. */
function takesHeads(declaration: Declaration, { trigger }: Pick<ExecutionRequested, 'trigger'>): boolean {
  return declaration.executionMode === 'PARALLEL' && trigger.type === 'PollForSourceChanges';
}

function failAtStart(draft: Draft, id: string, summary: string): void {
  const execution = openExecution(draft, id);
  execution.status = 'Failed';
  execution.statusSummary = summary;
  tellExecution(draft, execution, 'FAILED');
}
