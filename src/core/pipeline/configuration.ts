/**
 * What an action or a rule is given at the moment it starts, with its variables resolved, and what an action leaves
 * behind for those that follow.
 */

import type { ActionDeclaration, Declaration, EnvironmentVariable } from './definition/declaration.ts';
import { rulesOf } from './definition/declaration.ts';
import { CONFIGURATION_LENGTH_MAX } from './limits.ts';
import type { ActionError, Execution } from './state.ts';
import type { Lookup } from './variables.ts';
import { hasReference, referencesIn, resolveJson, resolveText } from './variables.ts';

/** What has settings with references in them: an action, or a rule of a condition. */
export interface Configured {
  readonly name: string;
  readonly configuration: Readonly<Record<string, string>>;
  readonly commands?: readonly string[];
  readonly environmentVariables?: readonly EnvironmentVariable[];
}

export interface Settings {
  readonly configuration: Record<string, string>;
  readonly commands?: readonly string[];
  readonly environmentVariables?: readonly EnvironmentVariable[];
}

/** All settings resolved, or the first that cannot be. `jsonNames` hold JSON, which is parsed first. */
export function settingsOf(
  given: Configured,
  jsonNames: readonly string[],
  execution: Execution,
): Settings | ActionError {
  const lookup: Lookup = (namespace, key) => valueOf(execution, namespace, key);
  let length = 0;
  let missing: string | undefined;
  const resolve = (place: string, value: string, isJson = false): string => {
    const resolved = !hasReference(value)
      ? { text: value }
      : isJson
        ? resolveJson(value, lookup)
        : resolveText(value, lookup);
    if ('missing' in resolved) {
      missing ??= `The variable reference ${resolved.missing} in ${place} of ${given.name} has no value`;
      return '';
    }
    length += resolved.text.length;
    return resolved.text;
  };
  const configuration = Object.fromEntries(
    Object.entries(given.configuration).map(([name, value]) => {
      length += name.length;
      return [name, resolve(`the configuration ${name}`, value, jsonNames.includes(name))] as const;
    }),
  );
  const commands = given.commands?.map((command) => resolve('a command', command));
  const environmentVariables = given.environmentVariables?.map((variable) => ({
    ...variable,
    value: resolve(`the environment variable ${variable.name}`, variable.value),
  }));
  if (missing !== undefined) return { code: 'ConfigurationError', message: missing };
  if (length > CONFIGURATION_LENGTH_MAX) {
    const message = `The resolved configuration of ${given.name} is larger than ${CONFIGURATION_LENGTH_MAX} characters`;
    return { code: 'ConfigurationError', message };
  }
  return {
    configuration,
    ...(commands ? { commands } : {}),
    ...(environmentVariables ? { environmentVariables } : {}),
  };
}

function valueOf(execution: Execution, namespace: string, key: string): string | undefined {
  const own = (record: Readonly<Record<string, string>> | undefined) =>
    record && Object.hasOwn(record, key) ? record[key] : undefined;
  if (namespace === 'codepipeline') return key === 'PipelineExecutionId' ? execution.id : undefined;
  if (namespace === 'variables' && own(execution.variables) !== undefined) return own(execution.variables);
  return Object.hasOwn(execution.outputs, namespace) ? own(execution.outputs[namespace]) : undefined;
}

/** Of an action's output variables, those that something in the declaration refers to. */
export function referredOutputs(
  declaration: Declaration,
  namespace: string,
  outputs: Readonly<Record<string, string>>,
): Record<string, string> {
  const keys = new Set<string>();
  const readers = declaration.stages.flatMap((stage): readonly Configured[] => [
    ...stage.actions,
    ...rulesOf(stage),
  ]);
  for (const value of readers.flatMap(textsOf)) {
    for (const reference of referencesIn(value).references) {
      if (reference.namespace === namespace) keys.add(reference.key);
    }
  }
  return Object.fromEntries(Object.entries(outputs).filter(([key]) => keys.has(key)));
}

/** Every text of an action or rule in which references may stand. */
function textsOf(given: Configured): readonly string[] {
  return [
    ...Object.values(given.configuration),
    ...(given.commands ?? []),
    ...(given.environmentVariables ?? []).map((variable) => variable.value),
  ];
}

/** The patterns of files, by output artifact; only compute actions have them. */
export function filesOf(action: ActionDeclaration): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    action.outputArtifacts.flatMap(({ name, files }) => (files ? [[name, files] as const] : [])),
  );
}
