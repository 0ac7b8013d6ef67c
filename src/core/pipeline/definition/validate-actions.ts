/** What is wrong with one action by itself: its type, its artifact counts, its configuration, its other fields. */

import { ACTION_TYPES, isApproval } from './catalogue.ts';
import type { ActionType, ActionTypeId } from './catalogue-type.ts';
import type { DeclarationFault, Path, Unknown } from './declaration-fault.ts';
import { faultsOf, regionText, repeated } from './declaration-fault.ts';
import type { ActionDeclaration, Declaration } from './declaration.ts';
import { artifactStoreOf } from './declaration.ts';
import type { Circumstances } from './validate-circumstances.ts';
import type { Message } from './validate-configuration.ts';
import {
  batchMessages,
  commandMessages,
  configurationMessages,
  countMessages,
  primarySourceMessages,
} from './validate-configuration.ts';

/** Who may provide actions of each category. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  Source: ['AWS', 'ThirdParty', 'Custom'],
  Build: ['AWS', 'ThirdParty', 'Custom'],
  Test: ['AWS', 'ThirdParty', 'Custom'],
  Deploy: ['AWS', 'ThirdParty', 'Custom'],
  Invoke: ['AWS', 'ThirdParty', 'Custom'],
  Approval: ['AWS'],
  Compute: ['AWS'],
};

export function actionFaults(
  declaration: Declaration,
  action: ActionDeclaration,
  path: Path,
  circumstances: Circumstances,
): readonly DeclarationFault[] {
  const { region, quotas } = circumstances;
  const { faults, say } = faultsOf('InvalidActionDeclarationException');
  const id = action.actionTypeId;
  const actionRegion = action.region ?? region;
  const isPaired = OWNERS[id.category]?.includes(id.owner) === true;
  const type = isPaired ? circumstances.actionTypeOf(id) : undefined;
  if (!type) {
    say([...path, 'actionTypeId'], unavailableMessage(action, actionRegion), unknownProvider(id));
    return faults;
  }
  if (actionRegion !== region) {
    if (id.category === 'Source' || id.owner !== 'AWS') {
      say(
        [...path, 'region'],
        `Action ${action.name} cannot be in region ${actionRegion}: source, third-party and custom actions run in ` +
          'the region of the pipeline',
      );
      // Without a store for the region, that is what has to be mended first.
    } else if (
      !type.isEverywhere &&
      declaration.artifactStores &&
      artifactStoreOf(declaration, actionRegion)
    ) {
      say([...path, 'region'], unavailableMessage(action, actionRegion));
    }
  }
  for (const { below, message, unknown } of [
    ...fieldMessages(action, type),
    ...artifactMessages(action, type),
    ...(type.isOpen ? [] : configurationMessages(subjectOf(action), action.configuration, type.properties)),
    ...primarySourceMessages(subjectOf(action), id.provider, action),
    ...batchMessages(subjectOf(action), id.provider, action, action.outputArtifacts.length),
  ]) {
    say([...path, ...below], message, unknown);
  }
  return [...lengthFaults(action, path, quotas.configurationValueLengthMax), ...faults];
}

function subjectOf({ name }: ActionDeclaration) {
  return { kind: 'Action', name } as const;
}

function unavailableMessage(action: ActionDeclaration, region: string): string {
  const { category, owner, provider, version } = action.actionTypeId;
  return (
    `ActionType (Category: '${category}', Provider: '${provider}', Owner: '${owner}', Version: '${version}') ` +
    `in action '${action.name}' is not available in region ${regionText(region)}`
  );
}

function unknownProvider({ category, provider }: ActionTypeId): Unknown {
  const known = ACTION_TYPES.filter((type) => type.id.category === category).map(({ id }) => id.provider);
  return { name: provider, known };
}

/** Members of the declaration that only some types of action may have. */
function fieldMessages(action: ActionDeclaration, type: ActionType): readonly Message[] {
  const { name, commands = [], outputVariables = [], environmentVariables = [] } = action;
  const has = (field: NonNullable<ActionType['fields']>[number]) => type.fields?.includes(field) === true;
  const messages: Message[] = [...commandMessages(subjectOf(action), commands)];
  const say = (below: Path, message: string) => messages.push({ below, message });
  const cannot = (field: string) =>
    `The following action cannot contain a ${field} field: ${name}. To use the ${field} field, use a compute action.`;

  if (has('commands') && commands.length === 0)
    say([], `Action ${name} must have a non-empty commands field`);
  if (!has('commands') && commands.length > 0) say(['commands'], cannot('commands'));
  for (const [at, { files = [] }] of action.outputArtifacts.entries()) {
    if (!has('files') && files.length > 0) say(['outputArtifacts', at, 'files'], cannot('files'));
  }
  if (!has('outputVariables') && outputVariables.length > 0) {
    say(['outputVariables'], cannot('outputVariables'));
  }
  if (!has('environmentVariables') && environmentVariables.length > 0) {
    say(['environmentVariables'], cannot('environmentVariables'));
  } else {
    for (const [at, variable] of environmentVariables.entries()) {
      if (has('secretVariables') || variable.type !== 'SECRETS_MANAGER') continue;
      say(
        ['environmentVariables', at, 'type'],
        `Action ${name} cannot have environment variables of the type SECRETS_MANAGER: only Commands actions can`,
      );
    }
  }
  if (action.timeoutInMinutes !== undefined && !isApproval(type.id)) {
    say(['timeoutInMinutes'], `Action ${name} cannot have a timeout: only manual approval actions can`);
  }
  if (action.roleArn !== undefined && type.id.owner !== 'AWS') {
    say(
      ['roleArn'],
      `Action ${name} cannot have a role: third-party and custom actions do not act under one`,
    );
  }
  return messages;
}

function artifactMessages(action: ActionDeclaration, type: ActionType): readonly Message[] {
  const { inputArtifacts: inputs, outputArtifacts: outputs } = action;
  const subject = subjectOf(action);
  return [
    ...countMessages(subject, 'input', inputs.length, type.inputs).map((message) => ({
      below: inputs.length > 0 ? ['inputArtifacts'] : [],
      message,
    })),
    ...countMessages(subject, 'output', outputs.length, type.outputs).map((message) => ({
      below: outputs.length > 0 ? ['outputArtifacts'] : [],
      message,
    })),
    ...repeated(inputs.map((artifact) => artifact.name)).map((at) => ({
      below: ['inputArtifacts', at, 'name'],
      message: `Action ${action.name} declares the input artifact ${inputs[at]?.name} more than once`,
    })),
  ];
}

/** The wire allows the longest values of any profile; the values themselves are not shown, as they may be secret. */
function lengthFaults(action: ActionDeclaration, path: Path, max: number): readonly DeclarationFault[] {
  const { faults, say } = faultsOf('ValidationException');
  for (const [key, value] of Object.entries(action.configuration)) {
    if (value.length <= max) continue;
    const [, stage, , at] = path;
    say(
      [...path, 'configuration', key],
      `1 validation error detected: Value at 'pipeline.stages.${Number(stage) + 1}.member.actions.` +
        `${Number(at) + 1}.member.configuration' failed to satisfy constraint: Map value must satisfy constraint: ` +
        `[Member must have length less than or equal to ${max}, Member must have length greater than or equal to 1]`,
    );
  }
  return faults;
}
