/** What is wrong with one action by itself: its type, its artifact counts, its configuration. */

import type { ActionProperty, ActionType, Bounds } from './catalogue.ts';
import { actionTypeOf, isApproval } from './catalogue.ts';
import type { DeclarationFault } from './declaration-fault.ts';
import { regionText, repeated } from './declaration-fault.ts';
import type { ActionDeclaration, Declaration, StageDeclaration } from './declaration.ts';
import { hasReference } from './variables.ts';

export function actionFaults(
  declaration: Declaration,
  stage: StageDeclaration,
  action: ActionDeclaration,
  region: string,
): DeclarationFault[] {
  const type = actionTypeOf(action.actionTypeId);
  const actionRegion = action.region ?? region;
  const messages =
    type && (actionRegion === region || !declaration.artifactStores?.[actionRegion])
      ? [
          ...fieldMessages(action),
          ...artifactMessages(action, type),
          ...configurationMessages(action, type),
          ...codeBuildMessages(action),
        ]
      : [unavailableMessage(action, actionRegion)];
  return messages.map((message) => ({ code: 'InvalidActionDeclarationException', message }));
}

function unavailableMessage(action: ActionDeclaration, region: string): string {
  const { category, owner, provider, version } = action.actionTypeId;
  return (
    `ActionType (Category: '${category}', Provider: '${provider}', Owner: '${owner}', Version: '${version}') ` +
    `in action '${action.name}' is not available in region ${regionText(region)}`
  );
}

/** Fields of the declaration that only other kinds of action may have. */
function fieldMessages(action: ActionDeclaration): string[] {
  const messages: string[] = [];
  const files = action.outputArtifacts.some((artifact) => (artifact.files?.length ?? 0) > 0);
  if ((action.commands?.length ?? 0) > 0 || files) {
    messages.push(
      `The following action cannot contain a ${files ? 'files' : 'commands'} field: ${action.name}. ` +
        `To use the ${files ? 'files' : 'commands'} field, use a compute action.`,
    );
  }
  if ((action.outputVariables?.length ?? 0) > 0 || (action.environmentVariables?.length ?? 0) > 0) {
    messages.push(`Action ${action.name} can have output and environment variables only as a compute action`);
  }
  if (action.timeoutInMinutes !== undefined && !isApproval(action.actionTypeId)) {
    messages.push(`Action ${action.name} cannot have a timeout: only manual approval actions can`);
  }
  return messages;
}

function artifactMessages(action: ActionDeclaration, type: ActionType): string[] {
  return [
    ...countMessages(action, 'input', action.inputArtifacts.length, type.inputs),
    ...countMessages(action, 'output', action.outputArtifacts.length, type.outputs),
    ...repeated(action.inputArtifacts.map((artifact) => artifact.name)).map(
      (name) => `Action ${action.name} declares the input artifact ${name} more than once`,
    ),
  ];
}

function countMessages(action: ActionDeclaration, kind: string, count: number, bounds: Bounds): string[] {
  const declares = `Action ${action.name} declares ${count} ${kind} artifacts which is`;
  if (count < bounds.min) return [`${declares} less than the minimum count (${bounds.min})`];
  if (count > bounds.max) return [`${declares} more than the maximum count (${bounds.max})`];
  return [];
}

function configurationMessages(action: ActionDeclaration, type: ActionType): string[] {
  const subject = `Action configuration for action '${action.name}'`;
  const missing = type.properties
    .filter((property) => property.required && action.configuration[property.name] === undefined)
    .map((property) => `${subject} is missing required configuration '${property.name}'`);
  const wrong = Object.entries(action.configuration).flatMap(([name, value]) => {
    const property = type.properties.find((candidate) => candidate.name === name);
    if (!property) return [`${subject} contains unknown configuration '${name}'`];
    const problem = hasReference(value) ? undefined : valueProblem(property, value);
    return problem ? [`${subject} has an invalid value for '${name}': ${problem}`] : [];
  });
  return [...missing, ...wrong];
}

function valueProblem(property: ActionProperty, value: string): string | undefined {
  switch (property.type) {
    case 'string':
      return undefined;
    case 'boolean':
      return /^(true|false)$/i.test(value) ? undefined : 'it must be true or false';
    case 'enum':
      return property.values?.includes(value)
        ? undefined
        : `only ${property.values?.join(', ')} is available`;
    case 'json':
      return isJson(value) ? undefined : 'it must be JSON';
  }
}

function isJson(value: string): boolean {
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}

function codeBuildMessages(action: ActionDeclaration): string[] {
  if (action.actionTypeId.provider !== 'CodeBuild' || action.inputArtifacts.length < 2) return [];
  const primary = action.configuration['PrimarySource'];
  if (primary !== undefined && action.inputArtifacts.some((artifact) => artifact.name === primary)) return [];
  return [
    `Action configuration for action '${action.name}' must name one of its input artifacts as PrimarySource, ` +
      'because it has more than one',
  ];
}
