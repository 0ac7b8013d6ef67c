/**
 * The output of a source that was asked for a full clone: not the files, but where to clone them from. Only builds of
 * CodeBuild projects know what to do with it; every other action that is given one is refused.
 * AWS: "CodeCommit source action reference", OutputArtifactFormat.
 */

import type { StartAction } from '#core/pipeline/orders.ts';
import type { NamedArtifact } from '#core/pipeline/state.ts';
import { isFault } from '#base/fault.ts';
import type { Caller } from '#services/service.ts';
import { ActionRefused, type Acting } from './action.ts';
import { encryptionOf } from './artifacts.ts';

const FORMAT = 'CODEBUILD_CLONE_REF';
/** Of the object that holds one. */
const METADATA = 'codepipeline-artifact-format';

export interface CloneSource {
  readonly url: string;
  readonly branch: string;
  readonly commitId: string;
}

export function isCloneWanted({ configuration }: StartAction): boolean {
  return configuration['OutputArtifactFormat'] === FORMAT;
}

export async function putCloneReference(
  { caller }: Acting,
  order: StartAction,
  { bucket, key }: NamedArtifact,
  { url, branch, commitId }: CloneSource,
): Promise<void> {
  const reference = { Format: FORMAT, CloneUrl: url, BranchName: branch, CommitId: commitId };
  await caller.send('s3:PutObject', {
    Bucket: bucket,
    Key: key,
    Body: Buffer.from(JSON.stringify(reference)),
    ContentType: 'application/json',
    Metadata: { [METADATA]: FORMAT },
    ...encryptionOf(order),
  });
}

/** Looks at the inputs that a source made, unless the action is a build. */
export async function refuseCloneReferences(caller: Caller, order: StartAction): Promise<void> {
  if (order.actionType.provider === 'CodeBuild') return;
  for (const { name, bucket, key, revisionId } of order.inputs) {
    if (revisionId === undefined || !(await isCloneReference(caller, bucket, key))) continue;
    const message = `The artifact ${name} has the format ${FORMAT}, which only CodeBuild actions can use`;
    throw new ActionRefused('ConfigurationError', message);
  }
}

/** Who may not look at the object learns of that when it uses it. */
async function isCloneReference(caller: Caller, Bucket: string, Key: string): Promise<boolean> {
  try {
    const { Metadata = {} } = await caller.send('s3:HeadObject', { Bucket, Key });
    return Metadata[METADATA] === FORMAT;
  } catch (error) {
    if (!isFault(error) || (error.status ?? 400) >= 500) throw error;
    return false;
  }
}
