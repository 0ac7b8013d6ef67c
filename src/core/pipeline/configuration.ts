/** An action's configuration at the moment it starts, with its variables resolved, and what an action leaves behind. */

import type { ActionType } from './catalogue.ts';
import type { ActionDeclaration, Declaration } from './declaration.ts';
import { CONFIGURATION_LENGTH_MAX } from './limits.ts';
import type { ActionError, Execution } from './state.ts';
import type { Lookup } from './variables.ts';
import { hasReference, referencesIn, resolveJson, resolveText } from './variables.ts';

export function configurationOf(
  action: ActionDeclaration,
  type: ActionType,
  execution: Execution,
): { readonly values: Record<string, string> } | ActionError {
  const lookup: Lookup = (namespace, key) => valueOf(execution, namespace, key);
  const values: Record<string, string> = {};
  let length = 0;
  for (const [name, value] of Object.entries(action.configuration)) {
    const isJson = type.properties.find((property) => property.name === name)?.type === 'json';
    const resolved = !hasReference(value)
      ? { text: value }
      : isJson
        ? resolveJson(value, lookup)
        : resolveText(value, lookup);
    if ('missing' in resolved) {
      const message = `The variable reference ${resolved.missing} in the configuration ${name} of action ${action.name} has no value`;
      return { code: 'ConfigurationError', message };
    }
    values[name] = resolved.text;
    length += name.length + resolved.text.length;
  }
  if (length > CONFIGURATION_LENGTH_MAX) {
    const message = `The resolved configuration of action ${action.name} is larger than ${CONFIGURATION_LENGTH_MAX} characters`;
    return { code: 'ConfigurationError', message };
  }
  return { values };
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
  for (const action of declaration.stages.flatMap((stage) => stage.actions)) {
    for (const value of Object.values(action.configuration)) {
      for (const reference of referencesIn(value).references) {
        if (reference.namespace === namespace) keys.add(reference.key);
      }
    }
  }
  return Object.fromEntries(Object.entries(outputs).filter(([key]) => keys.has(key)));
}
