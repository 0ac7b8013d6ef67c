/**
 * The ends of builds come in here, as the room hears them on the bus. Those of one batch that come while it decides
 * about others are told to it together, so that hundreds of ends are not hundreds of decisions.
 */

import type { BuildEnd } from '#core/batch/state.ts';
import type { BusEvent, Subscription } from '#services/service.ts';
import type { Batches } from './batch-room.ts';
import { endOf } from './children.ts';

export function batchSubscription(batches: Batches): Subscription {
  const { house } = batches.room;
  const tell = createTeller((batchId, ends) => endBuilds(batches, batchId, ends));
  return {
    source: 'aws.codebuild',
    detailType: 'CodeBuild Build State Change',
    wants: async (event) => isEnd(event),
    async hear(event) {
      const id = event.resources[0]?.split(':build/')[1];
      if (id === undefined || !isEnd(event)) return;
      const build = await house.engine.read(batches.room.machine(), id);
      if (!build?.plan.batch || !build.isComplete) return;
      await tell(build.plan.batch.batchArn.split(':build-batch/')[1] ?? '', endOf(build));
    },
  };
}

function isEnd({ detail }: BusEvent): boolean {
  return detail['build-status'] !== 'IN_PROGRESS';
}

async function endBuilds({ room, machine }: Batches, id: string, ends: readonly BuildEnd[]): Promise<void> {
  const { engine } = room.house;
  // A build that somebody retried by itself may outlive its batch.
  if (!(await engine.read(machine(), id))) return;
  await engine.send(machine(), id, { type: 'BuildsEnded', ends });
}

type Send = (batchId: string, ends: readonly BuildEnd[]) => Promise<void>;

/** One telling at a time for each batch; resolves when the end was told. */
function createTeller(send: Send): (batchId: string, end: BuildEnd) => Promise<void> {
  const current = new Map<string, Promise<void>>();
  const next = new Map<string, { readonly ends: BuildEnd[]; readonly told: Promise<void> }>();
  return (batchId, end) => {
    const waiting = next.get(batchId);
    if (waiting) {
      waiting.ends.push(end);
      return waiting.told;
    }
    const ends = [end];
    const before = current.get(batchId) ?? Promise.resolve();
    const told = before
      .catch(() => undefined)
      .then(async () => {
        next.delete(batchId);
        current.set(batchId, told);
        try {
          await send(batchId, ends);
        } finally {
          if (current.get(batchId) === told) current.delete(batchId);
        }
      });
    next.set(batchId, { ends, told });
    return told;
  };
}
