/**
 * Staging labels: each is on one version of its secret at most. What is current and what was current before move
 * together. See `PutSecretValue` and `UpdateSecretVersionStage` in the Secrets Manager API reference. Pure.
 */

import { fault } from '#base/fault.ts';

export const CURRENT = 'AWSCURRENT';
export const PREVIOUS = 'AWSPREVIOUS';
export const STAGES_PER_VERSION_MAX = 20;

/** Ids of versions, by staging label. */
export type Stages = ReadonlyMap<string, string>;

/** A new version takes these labels from whoever has them; the first one of a secret is current in any case. */
export function placeStages(before: Stages, version: string, labels: readonly string[]): Stages {
  const wanted = new Set(before.has(CURRENT) ? labels : [...labels, CURRENT]);
  const after = new Map(before);
  const former = before.get(CURRENT);
  for (const label of wanted) after.set(label, version);
  if (wanted.has(CURRENT) && former !== undefined && former !== version) after.set(PREVIOUS, former);
  return checkCounts(after);
}

export interface StageMove {
  readonly stage: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Throws the fault of AWS for what cannot be. That the versions exist was seen to before. */
export function moveStage(before: Stages, { stage, from, to }: StageMove): Stages {
  const holder = before.get(stage);
  if (from === undefined && to === undefined) {
    throw invalid('You must specify RemoveFromVersionId, MoveToVersionId, or both.');
  }
  if (from !== undefined && holder !== from) {
    throw invalid(`The staging label ${stage} is not attached to version ${from}.`);
  }
  if (to === undefined && stage === CURRENT) {
    throw invalid(
      `You can only move staging label ${CURRENT} to a different secret version. It can't be completely removed.`,
    );
  }
  if (to !== undefined && from === undefined && holder !== undefined && holder !== to) {
    throw invalid(
      `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently attached to version ${holder}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
  }
  const after = new Map(before);
  if (to === undefined) after.delete(stage);
  else after.set(stage, to);
  if (stage === CURRENT && holder !== undefined && holder !== to) after.set(PREVIOUS, holder);
  return checkCounts(after);
}

/** Labels by version, each list in order. */
export function labelsByVersion(stages: Stages): ReadonlyMap<string, readonly string[]> {
  const labels = new Map<string, string[]>();
  for (const [label, version] of stages) labels.set(version, [...(labels.get(version) ?? []), label].sort());
  return labels;
}

function checkCounts(stages: Stages): Stages {
  for (const labels of labelsByVersion(stages).values()) {
    if (labels.length > STAGES_PER_VERSION_MAX) {
      const message = `A version of a secret can have ${STAGES_PER_VERSION_MAX} staging labels.`;
      throw fault('LimitExceededException', message);
    }
  }
  return stages;
}

function invalid(message: string): Error {
  return fault('InvalidParameterException', message);
}
