/**
 * Which store of blobs this installation has. It is written down beside the data, so that a server which is started
 * with another setting says so instead of missing every object.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ObjectStore, openObjects } from './objects.ts';
import { openRemoteObjects, parseRemoteObjects, type RemoteObjects } from './remote-objects.ts';

/**
 * `SLIPWAY_OBJECTS` names a bucket elsewhere; without it, blobs are files in `directory`, which several nodes may share.
 * Throws with what helps.
 */
export async function openConfiguredObjects(
  directory: string,
  environment: NodeJS.ProcessEnv,
  now: () => number,
  isShared = false,
): Promise<ObjectStore> {
  const url = environment['SLIPWAY_OBJECTS'];
  const note = join(directory, 'elsewhere');
  const noted = existsSync(note) ? readFileSync(note, 'utf8').trim() : undefined;
  if (!url) {
    if (noted === undefined) return openObjects(directory, isShared);
    throw new Error(`The objects of this installation are in ${noted}. Set SLIPWAY_OBJECTS as it was.`);
  }
  const settings = parseRemoteObjects(url, environment);
  const place = placeOf(settings);
  if (noted !== undefined && noted !== place) {
    throw new Error(
      `The objects of this installation are in ${noted}, but SLIPWAY_OBJECTS names ${place}. ` +
        `If they were copied there, remove ${note}.`,
    );
  }
  if (noted === undefined && hasBlobs(directory)) {
    throw new Error(
      `SLIPWAY_OBJECTS names ${place}, but this installation has objects in ${join(directory, 'blobs')}. ` +
        'Copy every file of its folders there under its own name, and move the folder away.',
    );
  }
  const store = await openRemoteObjects(settings, now);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(note, `${place}\n`, { mode: 0o600 });
  return store;
}

/** Where the bytes are, whatever way leads there. */
function placeOf({ bucket, prefix }: RemoteObjects): string {
  return `s3://${bucket}/${prefix}`;
}

function hasBlobs(directory: string): boolean {
  const blobs = join(directory, 'blobs');
  return (
    existsSync(blobs) && readdirSync(blobs).some((folder) => readdirSync(join(blobs, folder)).length > 0)
  );
}
