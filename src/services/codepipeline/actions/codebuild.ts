/**
 * The CodeBuild build and test actions: one build, or one batch, whose sources are the input artifacts, the primary
 * first, and whose outputs go where the pipeline says. The action execution's id makes a repeated start the same build.
 * AWS: "AWS CodeBuild build and test action reference".
 */

import type { EnvironmentVariable, ProjectArtifacts } from '@aws-sdk/client-codebuild';
import { present } from '#base/assert.ts';
import type { PollAction, StartAction } from '#core/pipeline/orders.ts';
import type { NamedArtifact } from '#core/pipeline/state.ts';
import type { Caller } from '#services/service.ts';
import type { Action, Outcome } from './action.ts';
import { ActionRefused, configured } from './action.ts';
import { artifactsOf, batchFailureOf, locationOf, outcomeOf, progressOf, referenceOf } from './builds.ts';

const NO_ARTIFACTS = { type: 'NO_ARTIFACTS' } as const;

export const codebuild: Action = {
  async start({ caller }, order) {
    if (isOn(order.configuration['BatchEnabled'])) return startBatch(caller, order);
    const { outputs } = order;
    const [output, ...furtherOutputs] = outputs;
    const { build } = await caller.send('codebuild:StartBuild', {
      ...requestOf(order),
      artifactsOverride: output && furtherOutputs.length === 0 ? artifactsOf(output) : NO_ARTIFACTS,
      // Several outputs are the buildspec's secondary artifacts, each under the artifact's name.
      secondaryArtifactsOverride: furtherOutputs.length === 0 ? [] : outputs.map(namedArtifactsOf),
    });
    const begun = present(build, 'the build that was started');
    return outcomeOf(begun) ?? { type: 'ActionStarted', ...referenceOf(begun) };
  },

  async poll({ caller }, order) {
    if (order.externalId.includes(':build-batch/')) return pollBatch(caller, order);
    const { builds } = await caller.send('codebuild:BatchGetBuilds', { ids: [order.externalId] });
    const build = builds?.[0];
    if (!build) {
      throw new ActionRefused('JobFailed', `The build ${order.externalId} does not exist any more`);
    }
    const outcome = outcomeOf(build);
    // What it waited for is over.
    return outcome ? { ...outcome, summary: '' } : progressOf(build, order.told);
  },
};

function isOn(text: string | undefined): boolean {
  return text?.toLowerCase() === 'true';
}

/** What a build and a batch are asked alike. */
function requestOf(order: StartAction) {
  const { configuration } = order;
  const [primary, ...others] = sourcesOf(order);
  return {
    projectName: configured(order, 'ProjectName'),
    idempotencyToken: order.actionExecutionId,
    ...(primary ? { sourceLocationOverride: locationOf(primary) } : {}),
    ...(primary?.revisionId === undefined ? {} : { sourceVersion: primary.revisionId }),
    secondarySourcesOverride: others.map((artifact) => ({
      type: 'S3' as const,
      location: locationOf(artifact),
      sourceIdentifier: artifact.name,
    })),
    ...(order.encryptionKey === undefined ? {} : { encryptionKeyOverride: order.encryptionKey }),
    environmentVariablesOverride: variablesOf(configuration['EnvironmentVariables']),
    ...(configuration['BuildspecOverride'] ? { buildspecOverride: configuration['BuildspecOverride'] } : {}),
    ...(configuration['ServiceRoleArnOverride']
      ? { serviceRoleOverride: configuration['ServiceRoleArnOverride'] }
      : {}),
  };
}

/**
 * Outputs have the names of the builds that make them, unless all is combined into one. The action is known by the ARN
 * of the batch, which tells a batch from a build.
 */
async function startBatch(caller: Caller, order: StartAction): Promise<Outcome> {
  const { configuration, outputs } = order;
  const [output] = outputs;
  const combineArtifacts = isOn(configuration['CombineArtifacts']) && output !== undefined;
  const { buildBatch } = await caller.send('codebuild:StartBuildBatch', {
    ...requestOf(order),
    artifactsOverride: combineArtifacts ? artifactsOf(output) : NO_ARTIFACTS,
    secondaryArtifactsOverride: combineArtifacts ? [] : outputs.map(namedArtifactsOf),
    buildBatchConfigOverride: { combineArtifacts },
  });
  const { arn } = present(buildBatch, 'the batch that was started');
  return { type: 'ActionStarted', ...(arn === undefined ? {} : { externalId: arn }) };
}

async function pollBatch(caller: Caller, { externalId }: PollAction): Promise<Outcome | undefined> {
  const { buildBatches } = await caller.send('codebuild:BatchGetBuildBatches', { ids: [externalId] });
  const batch = buildBatches?.[0];
  if (!batch) throw new ActionRefused('JobFailed', `The build batch ${externalId} does not exist any more`);
  if (!batch.complete) return undefined;
  if (batch.buildBatchStatus !== 'SUCCEEDED') return batchFailureOf(batch);
  const [root] = batch.buildGroups ?? [];
  const ids = [root?.currentBuildSummary?.arn ?? ''];
  const { builds } = await caller.send('codebuild:BatchGetBuilds', { ids });
  const build = builds?.[0];
  if (!build)
    throw new ActionRefused('JobFailed', `The first build of ${externalId} does not exist any more`);
  // What the first build exports are the variables of the action.
  const outcome = outcomeOf(build);
  return outcome && { ...outcome, externalId };
}

function namedArtifactsOf(artifact: NamedArtifact): ProjectArtifacts {
  return { ...artifactsOf(artifact), artifactIdentifier: artifact.name };
}

function sourcesOf({ inputs, configuration }: StartAction): readonly NamedArtifact[] {
  const primary = configuration['PrimarySource'] ?? inputs[0]?.name;
  return [
    ...inputs.filter((artifact) => artifact.name === primary),
    ...inputs.filter((artifact) => artifact.name !== primary),
  ];
}

function variablesOf(text: string | undefined): EnvironmentVariable[] {
  if (text === undefined) return [];
  const list = parsedOf(text);
  const isVariable = (item: unknown): item is { name: string; value: string; type?: string } =>
    typeof item === 'object' && item !== null && 'name' in item && 'value' in item;
  if (!Array.isArray(list) || !list.every(isVariable)) {
    throw new ActionRefused(
      'ConfigurationError',
      'EnvironmentVariables must be a JSON array of objects with name, value and type',
    );
  }
  return list.map(({ name, value, type }) => ({
    name: String(name),
    value: String(value),
    type: (type ?? 'PLAINTEXT') as EnvironmentVariable['type'],
  }));
}

/** `undefined` for what is not JSON, as text with variables in it may turn out to be. */
function parsedOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
