/**
 * What a CodeCommit source of a pipeline leaves when it was asked for a full clone: a small JSON text in place of the
 * archive, which says what the build has to clone, with the permissions of its own role.
 */

import { readFileSync, statSync } from 'node:fs';

const LENGTH_MAX = 4096;

export interface CloneReference {
  readonly url: string;
  readonly commitId: string;
}

/** `undefined` for anything else, such as an archive. */
export function readCloneReference(path: string): CloneReference | undefined {
  if (statSync(path).size > LENGTH_MAX) return undefined;
  const text = readFileSync(path, 'utf8');
  if (!text.startsWith('{')) return undefined;
  let reference: unknown;
  try {
    reference = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { Format, CloneUrl, CommitId } = reference as Readonly<Record<string, unknown>>;
  if (Format !== 'CODEBUILD_CLONE_REF' || typeof CloneUrl !== 'string') return undefined;
  return typeof CommitId === 'string' ? { url: CloneUrl, commitId: CommitId } : undefined;
}
