/**
 * What is wrong with the definition of a custom action type. AWS: "CreateCustomActionType", and "Create and add a
 * custom action in CodePipeline".
 */

import type {
  ActionProperty,
  ActionType,
  Bounds,
  TypeSettings,
} from '#core/pipeline/definition/catalogue.ts';
import { unknownPlaceholders } from './url-templates.ts';

const CATEGORIES = ['Source', 'Build', 'Deploy', 'Test', 'Invoke'];

/** The first thing that is wrong, in one sentence. */
export function customTypeProblem(type: ActionType): string | undefined {
  const { category, provider } = type.id;
  const problems = [
    ...(CATEGORIES.includes(category)
      ? []
      : [`A custom action type cannot be of category ${category}, only of ${CATEGORIES.join(', ')}`]),
    ...boundsProblems('input', type.inputs),
    ...boundsProblems('output', type.outputs),
    ...propertyProblems(type.properties),
    ...templateProblems(type.settings ?? {}, type.properties),
  ];
  return problems[0] && `The action type ${provider} is not valid: ${problems[0]}`;
}

function boundsProblems(kind: string, { min, max }: Bounds): string[] {
  if (min <= max) return [];
  return [`The minimum count of ${kind} artifacts (${min}) is larger than the maximum count (${max})`];
}

function propertyProblems(properties: readonly ActionProperty[]): string[] {
  const names = properties.map(({ name }) => name);
  const queryable = properties.filter((property) => property.queryable);
  return [
    ...names
      .filter((name, i) => names.indexOf(name) < i)
      .map((name) => `The property ${name} is there twice`),
    ...(queryable.length > 1 ? ['At most one property can be queryable'] : []),
    ...queryable
      .filter((property) => !property.required || property.secret)
      .map(({ name }) => `The queryable property ${name} must be required and not secret`),
  ];
}

export function templateProblems(settings: TypeSettings, properties: readonly ActionProperty[]): string[] {
  const shown = properties.filter((property) => property.required && !property.secret);
  const names = shown.map(({ name }) => name);
  return (['entityUrlTemplate', 'executionUrlTemplate', 'revisionUrlTemplate'] as const).flatMap((member) =>
    unknownPlaceholders(settings[member] ?? '', names).map(
      (name) =>
        `{${name}} in ${member} stands for nothing. Possible are {Config:Name} of a required property that is ` +
        'not secret, {ExternalExecutionId} and {RevisionId}',
    ),
  );
}
