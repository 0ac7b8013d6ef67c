/**
 * Builds that cannot go on here: they belong to another worker, and that has been given up, or their orders would not
 * have come. Their log says so, as far as it can be written, and their machine decides.
 */

import { isFault } from '#base/fault.ts';
import { currentPhase } from '#core/build/decide.ts';
import type { BuildState, BuildWorker } from '#core/build/state.ts';
import type { RoleSessions } from './credentials.ts';
import { endLines } from './narration.ts';
import type { Room } from './room.ts';

export interface WorkerLost {
  readonly type: 'WorkerLost';
  readonly workerId: string;
}

type Elsewhere = BuildState & { readonly worker: BuildWorker };

export function isElsewhere({ workplace }: Room, state: BuildState): state is Elsewhere {
  return state.worker !== undefined && state.worker.id !== workplace.id;
}

export async function loseBuild(room: Room, sessions: RoleSessions, state: Elsewhere): Promise<WorkerLost> {
  const { plan, worker } = state;
  // Before its commands began it waits again, as if nothing had happened.
  if (plan.logs && currentPhase(state) !== 'PROVISIONING') {
    const context = {
      statusCode: 'INTERNAL_SERVICE_ERROR',
      message: `the worker ${worker.name} gives no sign of life any more`,
    };
    const text = endLines(room, currentPhase(state), state.ending ?? 'FAULT', context);
    const timestamp = room.house.clock.now();
    try {
      const role = await sessions.of(plan);
      await role.send('logs:PutLogEvents', {
        logGroupName: plan.logs.groupName,
        logStreamName: plan.logs.streamName,
        logEvents: text
          .split('\n')
          .filter(Boolean)
          .map((message) => ({ timestamp, message: `${message}\n` })),
      });
    } catch (error) {
      // It may have been lost before it had a stream; its phases say the same.
      if (!isFault(error)) throw error;
      room.house.log.info('the log of a lost build does not say so', { buildId: plan.id, error });
    }
  }
  return { type: 'WorkerLost', workerId: worker.id };
}
