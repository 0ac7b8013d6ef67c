/** Batches that a webhook starts: who pushed may not be known to the house, so the service itself starts them. */

import type { StartBuildBatchInput } from '@aws-sdk/client-codebuild';
import { createUuid } from '#base/chance.ts';
import type { Planner } from '#services/codebuild/plan.ts';
import type { Token } from '#services/codebuild/request-tokens.ts';
import type { ProjectSettings } from '#services/codebuild/settings.ts';
import type { Batches } from './batch-room.ts';
import { planBatch } from './request.ts';
import { startBatch } from './starting.ts';

/** What only the delivery tells. */
export interface DeliveryFacts {
  readonly initiator: string;
  readonly webhook: Readonly<Record<string, string>>;
}

/** Resolves to the id of the batch. Throws the fault of whatever cannot be. */
export async function startWebhookBatch(
  batches: Batches,
  call: Planner & { readonly at: number },
  settings: ProjectSettings,
  input: StartBuildBatchInput,
  { initiator, webhook }: DeliveryFacts,
  token: Token,
): Promise<string> {
  const reported = { ...input, reportBuildBatchStatusOverride: true };
  const { plan, request } = planBatch(call, input.projectName ?? '', settings, reported, createUuid());
  const told = { ...request, build: { ...request.build, initiator }, webhook };
  const { id = '' } = await startBatch(batches, call, { plan, request: told }, token);
  return id;
}
