/** Where the one artifact of a batch lies, and the parts of it that its builds make. */

import type { ProjectArtifacts } from '@aws-sdk/client-codebuild';
import type { BatchPlan } from '#core/batch/state.ts';
import type { ArtifactsPlan } from '#core/build/state.ts';
import type { BatchRequest } from './request.ts';

export interface ObjectPlace {
  readonly bucket: string;
  /** Of the ZIP, or of the folder; empty for the whole bucket. */
  readonly key: string;
}

/** As a build would put it, with the id of the batch in place of the build's. */
export function combinedPlace(artifacts: ArtifactsPlan, { uuid }: BatchPlan): ObjectPlace {
  const { path, namespaceType, name } = artifacts;
  return {
    bucket: bucketOf(artifacts.location),
    key: joined([path, namespaceType === 'BUILD_ID' ? uuid : '', name]),
  };
}

/** Each build puts its part beside the whole, in a folder of the batch. */
export function partArtifacts(
  { settings, overrides }: BatchRequest,
  { uuid }: BatchPlan,
  identifier: string,
): ProjectArtifacts {
  const whole: Partial<ProjectArtifacts> = overrides.artifactsOverride ?? settings.artifacts ?? {};
  const folders = (whole.name ?? '').split('/').slice(0, -1).join('/');
  return {
    type: 'S3',
    location: bucketOf(whole.location),
    path: joined([whole.path, folders, uuid]),
    namespaceType: 'NONE',
    name: `${identifier}.zip`,
    packaging: 'ZIP',
    ...(whole.encryptionDisabled === undefined ? {} : { encryptionDisabled: whole.encryptionDisabled }),
  };
}

export function placeOf(location: string): ObjectPlace {
  const path = location.replace(/^arn:[^:]+:s3:::/, '');
  const slash = path.indexOf('/');
  return { bucket: path.slice(0, slash), key: path.slice(slash + 1) };
}

function bucketOf(location: string | undefined): string {
  return (location ?? '').replace(/^arn:[^:]+:s3:::/, '');
}

function joined(parts: readonly (string | undefined)[]): string {
  return parts
    .map((part) => (part ?? '').replace(/^\/+|\/+$/g, ''))
    .filter(Boolean)
    .join('/');
}
