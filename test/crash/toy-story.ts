/**
 * The story of two parcels. Its world is a directory with one file for each effect id, so that an effect that is
 * performed again is seen to be done, and one that is ordered twice is seen twice.
 */

import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createParcelMachine } from '#test/support/toy.ts';
import type { Chapter, Story } from './harness.ts';

const PARCELS = ['p', 'q'];

export const story: Story = {
  migrations: [],
  open({ directory, engine }): Chapter {
    const world = join(directory, 'world');
    mkdirSync(world, { recursive: true });
    const machine = createParcelMachine(async (effectId, what) => {
      await nextTurn();
      const name = createHash('sha256').update(effectId).digest('hex').slice(0, 16);
      closeSync(openSync(join(world, `${name} ${what}`), 'a'));
    });
    const read = async () => await Promise.all(PARCELS.map((id) => engine.read(machine, id)));
    return {
      machines: [machine],
      async begin() {
        for (const id of PARCELS) {
          await engine.send(machine, id, { type: 'ParcelSent', legs: 2, crates: 2, restMs: 500 });
        }
      },
      isOver: async () => (await read()).every((parcel) => parcel?.status === 'Arrived'),
      end: async () => ({
        parcels: await read(),
        world: readdirSync(world)
          .map((name) => name.slice(17))
          .sort(),
      }),
    };
  },
};
