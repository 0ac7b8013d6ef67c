/**
 * The CodeBuild build and test actions: one build whose sources are the input artifacts, the primary first, and whose
 * outputs go where the pipeline says. The action execution's id makes a repeated start the same build.
 * AWS: "AWS CodeBuild build and test action reference".
 */

import type { EnvironmentVariable } from '@aws-sdk/client-codebuild';
import { present } from '#base/assert.ts';
import type { StartAction } from '#core/pipeline/orders.ts';
import type { NamedArtifact } from '#core/pipeline/state.ts';
import type { Action } from './action.ts';
import { ActionRefused, configured } from './action.ts';
import { artifactsOf, locationOf, outcomeOf, referenceOf } from './builds.ts';

export const codebuild: Action = {
  async start({ caller }, order) {
    const { configuration, outputs } = order;
    const [primary, ...others] = sourcesOf(order);
    const [output, ...furtherOutputs] = outputs;
    const { build } = await caller.send('codebuild:StartBuild', {
      projectName: configured(order, 'ProjectName'),
      idempotencyToken: order.actionExecutionId,
      ...(primary ? { sourceLocationOverride: locationOf(primary) } : {}),
      ...(primary?.revisionId === undefined ? {} : { sourceVersion: primary.revisionId }),
      secondarySourcesOverride: others.map((artifact) => ({
        type: 'S3',
        location: locationOf(artifact),
        sourceIdentifier: artifact.name,
      })),
      artifactsOverride:
        output && furtherOutputs.length === 0 ? artifactsOf(output) : { type: 'NO_ARTIFACTS' },
      // Several outputs are the buildspec's secondary artifacts, each under the artifact's name.
      secondaryArtifactsOverride:
        furtherOutputs.length === 0
          ? []
          : outputs.map((each) => ({ ...artifactsOf(each), artifactIdentifier: each.name })),
      ...(order.encryptionKey === undefined ? {} : { encryptionKeyOverride: order.encryptionKey }),
      environmentVariablesOverride: variablesOf(configuration['EnvironmentVariables']),
      ...(configuration['BuildspecOverride']
        ? { buildspecOverride: configuration['BuildspecOverride'] }
        : {}),
      ...(configuration['ServiceRoleArnOverride']
        ? { serviceRoleOverride: configuration['ServiceRoleArnOverride'] }
        : {}),
    });
    const begun = present(build, 'the build that was started');
    return outcomeOf(begun) ?? { type: 'ActionStarted', ...referenceOf(begun) };
  },

  async poll({ caller }, order) {
    const { builds } = await caller.send('codebuild:BatchGetBuilds', { ids: [order.externalId] });
    const build = builds?.[0];
    if (!build) {
      throw new ActionRefused('JobFailed', `The build ${order.externalId} does not exist any more`);
    }
    return outcomeOf(build);
  },
};

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
