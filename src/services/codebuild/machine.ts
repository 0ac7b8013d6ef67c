/** The machine of builds as the engine runs it: what its orders do in the world, and the row beside its state. */

import type { Kysely } from 'kysely';
import { deriveUuid } from '#base/ids.ts';
import { buildDecider } from '#core/build/decide.ts';
import type { BuildState } from '#core/build/state.ts';
import type { BusEvent, House } from '#services/service.ts';
import { reportStatus } from './commit-status.ts';
import type { RoleSessions } from './credentials.ts';
import type { BuildMachine, Room } from './room.ts';
import { killBuild, runBuild } from './run.ts';
import { numberOf, startAutoRetry } from './starting.ts';
import { tables } from './tables.ts';
import { viewChange, viewPhaseChange } from './views.ts';
import { BUILDS_TOPIC } from './workers.ts';

export const BUILD_KIND = 'codebuild.build';
/** From TERM to KILL. */
const KILL_GRACE_MS = 10_000;

export function createMachine(room: Room, sessions: RoleSessions): BuildMachine {
  const { house } = room;
  const machine: BuildMachine = {
    kind: BUILD_KIND,
    decider: buildDecider,
    effects: {
      async PlaceBuild(_effect, { machineId, signal }) {
        await room.placing().wait(machineId, signal);
        return undefined;
      },
      RunBuild: (_effect, performance) => runBuild(room, sessions, performance),
      async KillBuild(_effect, { machineId }) {
        return killBuild(room, sessions, machineId, KILL_GRACE_MS);
      },
      async StartAutoRetry(_effect, { machineId }) {
        const arn = await startAutoRetry(room, sessions.of, machineId);
        return arn === undefined ? undefined : { type: 'AutoRetryStarted', arn };
      },
      async ReportStatus({ change }, { machineId }) {
        await reportStatus(room, sessions, machineId, change);
        return undefined;
      },
      async PublishPhase({ phase: type }, { machineId }) {
        const state = await house.engine.read(machine, machineId);
        const phase = state?.phases.find((each) => each.type === type);
        if (!state || phase?.endAt === undefined) return undefined;
        const detail = viewPhaseChange(state, await numberOf(room, machineId), phase);
        const event = eventOf(house, state, type, 'CodeBuild Build Phase Change', phase.endAt, detail);
        // Most builds have nobody who follows their phases.
        if (await house.isWanted(event)) await house.publish(event);
        return undefined;
      },
      async PublishChange(effect, { machineId }) {
        const state = await house.engine.read(machine, machineId);
        if (!state) return undefined;
        if (effect.change === 'ENDED') room.placing().look();
        const detail = viewChange(state, await numberOf(room, machineId), effect.change);
        await house.publish(
          eventOf(house, state, effect.change, 'CodeBuild Build State Change', effect.at, detail),
        );
        return undefined;
      },
    },
    async record(transaction, { id, before, after }) {
      if (before?.worker && !after.worker) await queueAgain(transaction, id);
      if (!after.isComplete || before?.isComplete) return;
      await tables(transaction)
        .updateTable('codebuild_build')
        .set({ is_complete: 1 })
        .where('build_id', '=', id)
        .execute();
      await house.database.notices?.tell(transaction, BUILDS_TOPIC);
    },
  };
  return machine;
}

async function queueAgain(transaction: Kysely<unknown>, id: string): Promise<void> {
  await tables(transaction)
    .updateTable('codebuild_build')
    .set({ worker_id: null })
    .where('build_id', '=', id)
    .execute();
}

/** `name` tells the events of one build apart. */
function eventOf(
  house: House,
  { plan }: BuildState,
  name: string,
  detailType: string,
  at: number,
  detail: BusEvent['detail'],
): BusEvent {
  return {
    id: deriveUuid(`${plan.arn}/${name}`, 0),
    source: 'aws.codebuild',
    detailType,
    account: house.account,
    region: house.region,
    at,
    resources: [plan.arn],
    detail,
  };
}
