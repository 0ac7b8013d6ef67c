/**
 * How large the artifacts of one execution may be together. It is looked at when an action has succeeded and written
 * its own; artifacts that nobody may look at, or that are not there, count nothing.
 */

import type { QuotaProfile } from '#base/quotas.ts';
import { isFault } from '#base/fault.ts';
import type { ArtifactLocation, NamedArtifact } from '#core/pipeline/state.ts';
import type { Caller, House } from '#services/service.ts';
import { ActionRefused } from './actions/action.ts';
import { openSession, type ActingRoles } from './session.ts';
import { rows } from './tables.ts';

/** AWS publishes no such limit; ours is what this product promises. */
const ARTIFACT_BYTES_MAX: Readonly<Record<QuotaProfile, number>> = { seed: 1024 ** 3, aws: Infinity };

interface Ended extends Pick<ActingRoles, 'pipeline' | 'roleArn'> {
  readonly executionId: string;
  readonly action: string;
  readonly actionExecutionId: string;
}

/** Refuses what alone would be too much, before it is written. */
export function requireArtifactSize({ quotas }: House, bytes: number): void {
  const bytesMax = ARTIFACT_BYTES_MAX[quotas];
  if (bytes <= bytesMax) return;
  const message = `The artifact has ${bytes} bytes; those of one execution may have ${bytesMax}`;
  throw new ActionRefused('ConfigurationError', message);
}

/** Refuses the success of an action whose outputs are too much. */
export async function checkArtifactSizes(
  house: House,
  ended: Ended,
  bytesMax = ARTIFACT_BYTES_MAX[house.quotas],
): Promise<void> {
  if (bytesMax === Infinity) return;
  const { made, before } = await artifactsOf(house, ended);
  if (made.length === 0) return;
  const { pipeline, roleArn } = ended;
  const caller = await openSession(house, { pipeline, roleArn });
  let total = 0;
  for (const artifact of [...made, ...before.values()]) total += await sizeOf(caller, artifact);
  if (total <= bytesMax) return;
  throw new ActionRefused(
    'ConfigurationError',
    `With those of the action ${ended.action} the artifacts of this execution have ${total} bytes, and may have ${bytesMax}`,
  );
}

/** What the action made, and by name what the other actions of the execution made last. */
async function artifactsOf(house: House, { executionId, actionExecutionId }: Ended) {
  const runs = await rows(house.database)
    .selectFrom('codepipeline_actions')
    .select(['action_execution_id', 'status', 'output'])
    .where('execution_id', '=', executionId)
    .orderBy('started_at')
    .execute();
  const outputsOf = (output: string) =>
    (JSON.parse(output) as { readonly outputs: readonly NamedArtifact[] }).outputs;
  const own = runs.find((run) => run.action_execution_id === actionExecutionId);
  const made = own ? outputsOf(own.output) : [];
  const before = new Map<string, ArtifactLocation>();
  for (const { status, output } of runs) {
    if (status !== 'Succeeded') continue;
    for (const { name, bucket, key } of outputsOf(output)) before.set(name, { bucket, key });
  }
  for (const { name } of made) before.delete(name);
  return { made, before };
}

async function sizeOf(caller: Caller, { bucket: Bucket, key: Key }: ArtifactLocation): Promise<number> {
  try {
    const { ContentLength = 0 } = await caller.send('s3:HeadObject', { Bucket, Key });
    return ContentLength;
  } catch (error) {
    if (!isFault(error) || (error.status ?? 400) >= 500) throw error;
    return 0;
  }
}
