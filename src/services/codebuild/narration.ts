/** What the log tells of phases, in the words of CodeBuild. */

import type { BuildState, PhaseContext, PhaseType } from '#core/build/state.ts';
import { containerLine, type Bench } from './bench.ts';
import type { Room } from './room.ts';

export const FINE: PhaseContext = { statusCode: '', message: '' };

/** Phases without commands are passed by the decision; the log tells them when the next phase begins. */
export function sayPassedPhases(bench: Bench, state: BuildState): void {
  const done = state.phases.slice(0, -1);
  const worked = new Set<PhaseType>([...(state.facts.commandPhases ?? []), 'DOWNLOAD_SOURCE']);
  const last = done.findLastIndex((phase) => worked.has(phase.type));
  for (const phase of done.slice(last + 1)) {
    bench.say(`Entering phase ${phase.type}`);
    for (const text of endTexts(phase.type, phase.status ?? '', FINE)) bench.say(text);
  }
}

export function endTexts(phase: PhaseType, status: string, context: PhaseContext): string[] {
  return [
    `Phase complete: ${phase} State: ${status}`,
    `Phase context status code: ${context.statusCode} Message: ${context.message}`,
  ];
}

export function endLines(room: Room, phase: PhaseType, status: string, context: PhaseContext): string {
  return endTexts(phase, status, context)
    .map((text) => containerLine(room.house.clock.now(), text))
    .join('');
}
