/** What the files of this room share: the house, the machine of keys, names and limits. */

import { arnOf } from '#base/arn.ts';
import type { KeyEvent, KeyState } from '#core/key/state.ts';
import type { House } from '#services/service.ts';
import type { KeyMachine } from './machine.ts';

export const ALIASES_PER_KEY_MAX = 50;
export const GRANTS_PER_KEY_MAX = 1000;
export const KEYS_MAX = 10_000;

export interface Room {
  readonly house: House;
  readonly machine: KeyMachine;
}

export function keyArn({ region, account }: House, id: string): string {
  return arnOf('kms', region, account, `key/${id}`);
}

export function aliasArn({ region, account }: House, name: string): string {
  return arnOf('kms', region, account, name);
}

/** Decides an event on a key and answers its state. */
export async function decide(room: Room, id: string, event: KeyEvent): Promise<KeyState> {
  return (await room.house.engine.send(room.machine, id, event)).state;
}
