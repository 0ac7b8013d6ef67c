/**
 * Objects that running work needs, such as the artifacts of a pipeline's execution, are not deleted, whoever asks: the
 * refusal says who needs them. See docs/decisions/013.
 */

import type { House } from '#services/service.ts';
import { s3Fault } from './faults.ts';
import { objectArn, readRows } from './room.ts';
import { latestVersion } from './versions.ts';

export interface Doomed {
  readonly key: string;
  readonly versionId: string | undefined;
}

/** Why each key is needed, for those that are. */
export async function heldKeys(
  { heldOf }: House,
  bucket: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const held = await heldOf(keys.map((key) => objectArn(bucket, key)));
  return new Map(
    keys.flatMap((key) => {
      const holder = held.get(objectArn(bucket, key));
      return holder === undefined ? [] : [[key, holder] as const];
    }),
  );
}

/**
 * Refuses what would take the object away from those who read it by its key: the end of its current version, and a
 * marker over it. Older versions may go.
 */
export async function refuseHeld(
  house: House,
  bucket: string,
  { key, versionId }: Doomed,
  holder: string | undefined,
): Promise<void> {
  if (holder === undefined) return;
  if (versionId !== undefined) {
    const latest = await latestVersion(readRows(house), bucket, key);
    if (latest?.version_id !== versionId) return;
  }
  throw s3Fault(
    'AccessDenied',
    {},
    `${objectArn(bucket, key)} cannot be deleted: ${holder} needs it. Wait until the execution has ended, or stop it.`,
  );
}
