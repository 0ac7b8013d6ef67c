/** The inside of the s3 room of a running house, for tests that bring its hourly round forward. */

import { present } from '#base/assert.ts';
import type { Room } from '#services/s3/room.ts';
import type { Slipway } from '#slipway';

export function s3RoomOf({ house, rooms }: Slipway): Room {
  const machines = present(
    rooms.find(({ name }) => name === 's3'),
    'the s3 room',
  ).machines;
  return { house, outbox: machines[0] as Room['outbox'] };
}
