/** The switches between stages. AWS: "Disable or enable transitions". Inbound of a stage is outbound of the one before. */

import { present } from '#base/assert.ts';
import type { Draft } from './draft.ts';
import { declarationOf, openStage } from './draft.ts';
import { TRANSITION_WAIT_MS_MAX } from './limits.ts';
import { admit, endWaiting } from './stages.ts';
import type { Event } from './events.ts';
import type { Verdict } from './verdict.ts';
import { changed, noSuchStage, unchanged } from './verdict.ts';

export function disableTransition(
  draft: Draft,
  event: Extract<Event, { readonly type: 'TransitionDisabled' }>,
): Verdict {
  const target = targetOf(draft, event);
  if (typeof target !== 'string') return target;
  openStage(draft, target).transition = {
    enabled: false,
    changedBy: event.by,
    changedAt: draft.at,
    reason: event.reason,
  };
  return changed();
}

export function enableTransition(
  draft: Draft,
  event: Extract<Event, { readonly type: 'TransitionEnabled' }>,
): Verdict {
  const target = targetOf(draft, event);
  if (typeof target !== 'string') return target;
  const stage = openStage(draft, target);
  stage.transition = { enabled: true, changedBy: event.by, changedAt: draft.at };
  for (const id of [...stage.waiting]) {
    const since = present(draft.state.executions[id]?.position, 'position of a waiting execution').since;
    if (draft.at - since > TRANSITION_WAIT_MS_MAX) {
      endWaiting(draft, id, 'Failed', `The execution waited more than 30 days to enter stage ${target}`);
    }
  }
  admit(draft, target);
  return changed();
}

/** The stage whose entrance is meant. There is none behind the last stage: AWS accepts that and does nothing. */
function targetOf(
  draft: Draft,
  event: { readonly stage: string; readonly direction: 'Inbound' | 'Outbound' },
): string | Verdict {
  const { stages } = declarationOf(draft.state, { version: draft.state.version });
  const index = stages.findIndex((stage) => stage.name === event.stage);
  if (index < 0) return noSuchStage(draft.state.name, event.stage);
  return stages[event.direction === 'Inbound' ? index : index + 1]?.name ?? unchanged;
}
