/**
 * The certificates by which the programs of a build trust the endpoint, where only this installation vouches for it: a
 * file that they can read and not change.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sandbox } from '#runtimes/runtime.ts';
import type { House } from '#services/service.ts';
import type { Bench } from './bench.ts';

const NAME = 'authorities.pem';

/** Again whenever a sandbox is opened: the authority may be another one. */
export function placeAuthorities(house: House, sandbox: Sandbox): void {
  const text = house.authorities?.();
  if (text !== undefined) writeFileSync(join(sandbox.readonlyDirectory, NAME), text, { mode: 0o644 });
}

/** As the build sees the file; `undefined` where it needs none. */
export function authoritiesFor({ room, sandbox }: Bench): string | undefined {
  return room.house.authorities?.() === undefined ? undefined : `${sandbox.workspace}/readonly/${NAME}`;
}
