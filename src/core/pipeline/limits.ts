/**
 * The quotas of pipelines; AWS: "Quotas in AWS CodePipeline". Where ours differ, they are the product's defaults, and
 * the operator can choose AWS's instead.
 */

import type { QuotaProfile } from '#base/quotas.ts';

/** What the operator's profile decides. */
export interface Quotas {
  readonly pipelinesMax: number;
  readonly stagesMax: number;
  readonly actionsPerStageMax: number;
  readonly actionsPerPipelineMax: number;
  /** Characters of one value in an action's configuration. */
  readonly configurationValueLengthMax: number;
}

/** AWS publishes 1000 characters a value; its service has been seen to take more, and so do we unless told otherwise. */
const QUOTAS: Readonly<Record<QuotaProfile, Quotas>> = {
  seed: {
    pipelinesMax: 300,
    stagesMax: 10,
    actionsPerStageMax: 20,
    actionsPerPipelineMax: 200,
    configurationValueLengthMax: 50_000,
  },
  aws: {
    pipelinesMax: 1000,
    stagesMax: 50,
    actionsPerStageMax: 50,
    actionsPerPipelineMax: 1000,
    configurationValueLengthMax: 1000,
  },
};

export function quotasOf(profile: QuotaProfile): Quotas {
  return QUOTAS[profile];
}

export const STAGES_MIN = 2;
/** Characters of all triggers of a pipeline, as JSON. */
export const TRIGGERS_LENGTH_MAX = 200 * 1024;
/** In-flight executions of a QUEUED or PARALLEL pipeline. */
export const IN_FLIGHT_MAX = 50;
/** Actions that run at the same time in one PARALLEL execution. */
export const PARALLEL_ACTIONS_MAX = 5;
/** Failed or stopped PARALLEL executions that can still be retried. */
export const PARALLEL_RETRYABLE_MAX = 20;
/** An execution that waited longer before a disabled transition does not enter any more. */
export const TRANSITION_WAIT_MS_MAX = 30 * 86_400_000;
/** How long, and for how many starts, a client request token is remembered. */
export const TOKEN_MS_MAX = 86_400_000;
export const TOKENS_MAX = 100;
/** Size of one action's whole resolved configuration, in characters. */
export const CONFIGURATION_LENGTH_MAX = 102_400;
/** Size of one action's output variables, in characters. */
export const OUTPUT_VARIABLES_LENGTH_MAX = 122_880;
/** Pauses between two looks at a running build or deployment: 1 s at first, doubled up to this. */
export const POLL_MS_MIN = 1_000;
export const POLL_MS_MAX = 30_000;
/** How long a rule of a condition may take when it does not say. */
export const RULE_MS_MAX = 60 * 60_000;
/** How long the history of a pipeline is kept, from the start of what it tells. */
export const HISTORY_MS_MAX = 365 * 86_400_000;
