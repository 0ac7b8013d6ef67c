/** What the files of this room share: its tables, its machine, and how trails are named and found. */

import { parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import type { TrailEffect, TrailEvent, TrailState } from '#core/trail/state.ts';
import type { Machine } from '#engine/machine.ts';
import type { House } from '#services/service.ts';
import type { RecordWriter } from './recorder.ts';
import type { Selection } from './selection.ts';
import { readRows } from './tables.ts';

export interface Room {
  readonly house: House;
  readonly writer: RecordWriter;
  readonly trails: Machine<TrailState, TrailEvent, TrailEffect>;
  readonly selection: Selection;
}

const NAME_FORM = /^[A-Za-z0-9](?:[A-Za-z0-9]|[._-](?=[A-Za-z0-9])){2,127}$/;
const ADDRESS_FORM = /^\d{1,3}(?:\.\d{1,3}){3}$/;

/** The rules of "CloudTrail trail naming requirements". */
export function checkTrailName(name: string): string {
  if (NAME_FORM.test(name) && !ADDRESS_FORM.test(name)) return name;
  throw fault(
    'InvalidTrailNameException',
    'A trail name has 3 to 128 letters, digits, periods, underscores and dashes, starts and ends with a letter or' +
      ' digit, has no two signs in a row, and is no IP address.',
  );
}

/** From a name or an ARN. */
export function trailNameOf(house: House, given: string | undefined): string {
  const text = given ?? '';
  if (!text.startsWith('arn:')) return checkTrailName(text);
  const arn = parseArn(text);
  const name = arn?.resource.startsWith('trail/') ? arn.resource.slice('trail/'.length) : '';
  if (!arn || arn.service !== 'cloudtrail' || name === '') {
    throw fault('CloudTrailARNInvalidException', `${text.slice(0, 256)} is not the ARN of a trail.`);
  }
  if (arn.account !== house.account || arn.region !== house.region) throw unknownTrail(text);
  return checkTrailName(name);
}

export function trailArn({ account, region }: Pick<House, 'account' | 'region'>, name: string): string {
  return `arn:aws:cloudtrail:${region}:${account}:trail/${name}`;
}

export async function findTrail(room: Room, given: string | undefined): Promise<TrailState> {
  const name = trailNameOf(room.house, given);
  const state = await room.house.engine.read(room.trails, name);
  if (!state || state.isDeleted) throw unknownTrail(name);
  return state;
}

export function unknownTrail(name: string) {
  return fault('TrailNotFoundException', `The trail ${name.slice(0, 256)} does not exist.`);
}

export async function trailNames(room: Room): Promise<readonly string[]> {
  const rows = await readRows(room.house.database)
    .selectFrom('cloudtrail_trail')
    .select('name')
    .orderBy('name')
    .execute();
  return rows.map(({ name }) => name);
}
