/**
 * What is wrong between actions: artifacts and variables must come from actions that are certain to have run before,
 * and names that others refer to must be unique.
 */

import type { DeclarationFault } from './declaration-fault.ts';
import { repeated } from './declaration-fault.ts';
import type { ActionDeclaration, Declaration } from './declaration.ts';
import { referencesIn } from './variables.ts';

interface Place {
  readonly stage: string;
  readonly stageIndex: number;
  readonly action: ActionDeclaration;
}

export function referenceFaults(declaration: Declaration): DeclarationFault[] {
  const places = declaration.stages.flatMap((stage, stageIndex) =>
    stage.actions.map((action): Place => ({ stage: stage.name, stageIndex, action })),
  );
  const messages = [
    ...outputMessages(places),
    ...places.flatMap((place) => inputMessages(place, places)),
    ...namespaceMessages(places),
    ...places.flatMap((place) => variableMessages(declaration, place, places)),
  ];
  return [
    ...reservedNamespaceFaults(declaration, places),
    ...messages.map((message) => ({ code: 'InvalidActionDeclarationException' as const, message })),
  ];
}

function isBefore(producer: Place, consumer: Place): boolean {
  return (
    producer.stageIndex < consumer.stageIndex ||
    (producer.stageIndex === consumer.stageIndex && producer.action.runOrder < consumer.action.runOrder)
  );
}

function outputMessages(places: readonly Place[]): string[] {
  const names = places.flatMap((place) => place.action.outputArtifacts.map((artifact) => artifact.name));
  return repeated(names).map(
    (name) =>
      `Output Artifact Bundle name must be unique within the pipeline. ${name} has been used more than once`,
  );
}

function inputMessages(consumer: Place, places: readonly Place[]): string[] {
  const produced = places
    .filter((place) => isBefore(place, consumer))
    .flatMap((place) => place.action.outputArtifacts.map((artifact) => artifact.name));
  return consumer.action.inputArtifacts
    .filter((artifact) => !produced.includes(artifact.name))
    .map(
      (artifact) =>
        `Input Artifact Bundle ${artifact.name} in action ${consumer.action.name} is not declared as Output ` +
        'Artifact Bundle in any of the preceding actions',
    );
}

function namespaceMessages(places: readonly Place[]): string[] {
  const used = places.filter((place) => place.action.namespace !== undefined);
  const twice = repeated(used.map((place) => place.action.namespace ?? ''));
  const occurrences = used
    .filter((place) => twice.includes(place.action.namespace ?? ''))
    .map(describe)
    .join(', ');
  const artifacts = new Set(
    places.flatMap(({ action }) =>
      [...action.inputArtifacts, ...action.outputArtifacts].map((artifact) => artifact.name),
    ),
  );
  return [
    ...(occurrences
      ? [
          'Namespaces must be unique across the pipeline definition. The following occur more than once in the ' +
            `pipeline. ${occurrences}`,
        ]
      : []),
    ...used
      .filter((place) => artifacts.has(place.action.namespace ?? ''))
      .map((place) => `Namespaces must differ from the names of artifacts. ${describe(place)}`),
  ];
}

function describe(place: Place): string {
  return `StageName=[${place.stage}], ActionName=[${place.action.name}], Namespace=[${place.action.namespace}]`;
}

function reservedNamespaceFaults(declaration: Declaration, places: readonly Place[]): DeclarationFault[] {
  const reserved = ['codepipeline', ...((declaration.variables?.length ?? 0) > 0 ? ['variables'] : [])];
  return places
    .filter((place) => reserved.includes(place.action.namespace ?? ''))
    .map((place) => ({
      code: 'InvalidStructureException',
      message: `The namespace ${place.action.namespace} is reserved. ${describe(place)}`,
    }));
}

function variableMessages(declaration: Declaration, consumer: Place, places: readonly Place[]): string[] {
  const known = new Set(['codepipeline']);
  if ((declaration.variables?.length ?? 0) > 0) known.add('variables');
  for (const place of places) {
    if (place.action.namespace && isBefore(place, consumer)) known.add(place.action.namespace);
  }
  // Source actions run before anything has a value; AWS lets them see the execution's own id only.
  const isSource = consumer.action.actionTypeId.category === 'Source';
  const isKnown = (namespace: string) => (isSource ? namespace === 'codepipeline' : known.has(namespace));
  const variables = new Set((declaration.variables ?? []).map((variable) => variable.name));
  return Object.entries(consumer.action.configuration).flatMap(([key, value]) => {
    const { references, malformed } = referencesIn(value);
    const unknown = references.filter(
      (reference) =>
        !isKnown(reference.namespace) ||
        (reference.namespace === 'codepipeline' && reference.key !== 'PipelineExecutionId') ||
        (reference.namespace === 'variables' && known.has('variables') && !variables.has(reference.key)),
    );
    return [...malformed, ...unknown.map((reference) => reference.text)].map(
      (text) =>
        'Valid format for a pipeline execution variable reference is a namespace and a key separated by a period ' +
        '(.). The following pipeline execution variables are referencing a namespace that does not exist. ' +
        `StageName=[${consumer.stage}], ActionName=[${consumer.action.name}], ActionConfigurationKey=[${key}], ` +
        `VariableReferenceText=[${text}]`,
    );
  });
}
