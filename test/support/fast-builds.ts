/**
 * Builds without a sandbox, for tests of what surrounds builds: the machine is the real one, and so are its decisions,
 * its queue and its news; what would run in a sandbox is a function of the test.
 */

import { currentPhase } from '#core/build/decide.ts';
import type { BuildFacts, BuildPlan, BuildState } from '#core/build/state.ts';
import { parseBatchspec } from '#core/buildspec/parse.ts';
import type { Engine, Machine, NamedMachine } from '#engine/machine.ts';

export interface FastEnd {
  readonly status: 'SUCCEEDED' | 'FAILED';
  readonly facts?: BuildFacts;
}

type Effects = Record<string, (effect: never, performance: { machineId: string }) => Promise<unknown>>;

/** Changes the machine in place. `work` may be asked again for one build. */
export function runWithoutSandbox(
  machine: NamedMachine,
  engine: () => Engine,
  work: (plan: BuildPlan) => Promise<FastEnd>,
): void {
  const builds = machine as unknown as Machine<BuildState, never>;
  const effects = (machine as unknown as { effects: Effects }).effects;
  effects['RunBuild'] = async (_effect, { machineId }) => {
    let state = await engine().read(builds, machineId);
    while (state && !state.isComplete && !state.ending) {
      const phase = currentPhase(state);
      const isWork = phase === 'DOWNLOAD_SOURCE';
      const { status, facts = {} } = isWork
        ? await endOf(state.plan, work)
        : ({ status: 'SUCCEEDED' } as FastEnd);
      const context = status === 'FAILED' ? FAILED : { statusCode: '', message: '' };
      const event = { type: 'PhaseEnded', phase, status, context, isLast: false, facts };
      ({ state } = await engine().send(builds, machineId, event as never));
    }
    return undefined;
  };
  effects['KillBuild'] = async () => ({ type: 'BuildKilled' });
}

const FAILED = { statusCode: 'COMMAND_EXECUTION_ERROR', message: 'it failed' };

/** The first build of a batch reads the batch section, as it would in its sandbox. */
async function endOf(plan: BuildPlan, work: (plan: BuildPlan) => Promise<FastEnd>): Promise<FastEnd> {
  const end = await work(plan);
  if (!plan.batch?.isRoot) return { ...end, facts: { commandPhases: [], ...end.facts } };
  const parsed = parseBatchspec(plan.source.buildspec ?? '');
  if ('error' in parsed || !parsed.batch) return { status: 'FAILED' };
  return { ...end, facts: { commandPhases: [], batch: parsed.batch } };
}
