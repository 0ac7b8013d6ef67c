/**
 * The rules of namespaces and of references to variables, wherever these may stand: in the configuration, commands and
 * environment variables of actions, in the configuration and commands of rules. AWS: "Variables reference".
 */

import type { ActionTypeLookup } from './catalogue-type.ts';
import type { DeclarationFault, Path, Unknown } from './declaration-fault.ts';
import { faultsOf } from './declaration-fault.ts';
import type { ActionDeclaration, Declaration } from './declaration.ts';
import { CONDITION_KINDS } from './declaration.ts';
import { isBefore } from './validate-artifacts.ts';
import type { Reference } from '#core/pipeline/variables.ts';
import { referencesIn } from '#core/pipeline/variables.ts';

interface Place {
  readonly stage: string;
  readonly stageIndex: number;
  readonly path: Path;
  readonly action: ActionDeclaration;
}

/** Something with texts in which references may stand. */
interface Reader {
  readonly path: Path;
  /** `StageName=[S], ActionName=[A], ActionConfigurationKey=` */
  readonly prefix: string;
  readonly texts: readonly (readonly [key: string, below: Path, text: string])[];
  /** When it reads. */
  readonly moment: { readonly stage: number; readonly runOrder: number };
  /** Source actions run before anything has a value; AWS lets them see the execution's own id only. */
  readonly isSource: boolean;
}

export function referenceFaults(
  declaration: Declaration,
  actionTypeOf: ActionTypeLookup,
): readonly DeclarationFault[] {
  const places = declaration.stages.flatMap((stage, stageIndex) =>
    stage.actions.map((action, at): Place => ({
      stage: stage.name,
      stageIndex,
      path: ['stages', stageIndex, 'actions', at],
      action,
    })),
  );
  const ofActions = faultsOf('InvalidActionDeclarationException');
  const ofRules = faultsOf('InvalidStageDeclarationException');
  const check = createCheck(declaration, places);
  for (const place of places) check(readerOfAction(place, actionTypeOf), ofActions.say);
  for (const reader of readersOfRules(declaration)) check(reader, ofRules.say);
  return [
    ...reservedNamespaceFaults(declaration, places),
    ...namespaceFaults(places),
    ...ofActions.faults,
    ...ofRules.faults,
  ];
}

function namespaceFaults(places: readonly Place[]): readonly DeclarationFault[] {
  const { faults, say } = faultsOf('InvalidActionDeclarationException');
  const users = new Map<string, Place[]>();
  for (const place of places) {
    const { namespace } = place.action;
    if (namespace === undefined) continue;
    const all = users.get(namespace) ?? [];
    users.set(namespace, all);
    all.push(place);
  }
  const repeated = [...users.values()].filter((all) => all.length > 1).flat();
  const [, second] = repeated;
  if (second) {
    say(
      [...second.path, 'namespace'],
      'Namespaces must be unique across the pipeline definition. The following occur more than once in the ' +
        `pipeline. ${repeated.map(describe).join(', ')}`,
    );
  }
  const artifacts = new Set(
    places.flatMap(({ action }) =>
      [...action.inputArtifacts, ...action.outputArtifacts].map((artifact) => artifact.name),
    ),
  );
  for (const place of places) {
    if (!artifacts.has(place.action.namespace ?? '')) continue;
    say(
      [...place.path, 'namespace'],
      `Namespaces must differ from the names of artifacts. ${describe(place)}`,
    );
  }
  return faults;
}

function describe({ stage, action }: Place): string {
  return `StageName=[${stage}], ActionName=[${action.name}], Namespace=[${action.namespace}]`;
}

function reservedNamespaceFaults(
  declaration: Declaration,
  places: readonly Place[],
): readonly DeclarationFault[] {
  const { faults, say } = faultsOf('InvalidStructureException');
  const reserved = ['codepipeline', ...((declaration.variables?.length ?? 0) > 0 ? ['variables'] : [])];
  for (const place of places) {
    const { namespace } = place.action;
    if (namespace === undefined || !reserved.includes(namespace)) continue;
    say([...place.path, 'namespace'], `The namespace ${namespace} is reserved. ${describe(place)}`);
  }
  return faults;
}

/** Secrets are taken as they are: nothing in them is a reference. */
function readerOfAction({ stage, stageIndex, path, action }: Place, actionTypeOf: ActionTypeLookup): Reader {
  const { configuration, commands = [], environmentVariables = [], actionTypeId, name, runOrder } = action;
  const properties = actionTypeOf(actionTypeId)?.properties ?? [];
  const secrets = new Set(properties.filter((property) => property.secret).map((property) => property.name));
  return {
    path,
    prefix: `StageName=[${stage}], ActionName=[${name}], ActionConfigurationKey=`,
    texts: [
      ...textsOf(configuration, commands).filter(([key]) => !secrets.has(key)),
      ...environmentVariables.map(
        ({ value }, at) => ['environmentVariables', ['environmentVariables', at, 'value'], value] as const,
      ),
    ],
    moment: { stage: stageIndex, runOrder },
    isSource: actionTypeId.category === 'Source',
  };
}

function readersOfRules({ stages }: Declaration): readonly Reader[] {
  return stages.flatMap((stage, index) =>
    CONDITION_KINDS.flatMap((kind) =>
      (stage[kind]?.conditions ?? []).flatMap(({ rules }, condition) =>
        rules.map((rule, at): Reader => ({
          path: ['stages', index, kind, 'conditions', condition, 'rules', at],
          prefix: `StageName=[${stage.name}], RuleName=[${rule.name}], RuleConfigurationKey=`,
          texts: textsOf(rule.configuration, rule.commands ?? []),
          moment: { stage: index, runOrder: kind === 'beforeEntry' ? 0 : Infinity },
          isSource: false,
        })),
      ),
    ),
  );
}

function textsOf(configuration: Readonly<Record<string, string>>, commands: readonly string[]) {
  return [
    ...Object.entries(configuration).map(([key, value]) => [key, ['configuration', key], value] as const),
    ...commands.map((command, at) => ['commands', ['commands', at], command] as const),
  ];
}

function createCheck(declaration: Declaration, places: readonly Place[]) {
  const variables = (declaration.variables ?? []).map((variable) => variable.name);
  const producers = new Map<string, Place>();
  for (const place of places) {
    const { namespace } = place.action;
    if (namespace !== undefined && !producers.has(namespace)) producers.set(namespace, place);
  }
  const isKnown = (reader: Reader, namespace: string, key: string): boolean => {
    if (namespace === 'codepipeline') return key === 'PipelineExecutionId';
    if (reader.isSource) return false;
    if (namespace === 'variables' && variables.length > 0) return variables.includes(key);
    const producer = producers.get(namespace);
    if (!producer) return false;
    return isBefore({ stage: producer.stageIndex, runOrder: producer.action.runOrder }, reader.moment);
  };
  const namespaces = ['codepipeline', ...(variables.length > 0 ? ['variables'] : []), ...producers.keys()];
  return (reader: Reader, say: (path: Path, message: string, unknown?: Unknown) => void): void => {
    for (const [key, below, text] of reader.texts) {
      if (!text.includes('#{')) continue;
      const { references, malformed } = referencesIn(text);
      const wrong = references.filter(({ namespace, key: name }) => !isKnown(reader, namespace, name));
      const meant = wrong.map((each) => [each.text, unknownOf(each, namespaces, variables)] as const);
      for (const [written, unknown] of [...malformed.map((each) => [each, undefined] as const), ...meant]) {
        say(
          [...reader.path, ...below],
          'Valid format for a pipeline execution variable reference is a namespace and a key separated by a period ' +
            '(.). The following pipeline execution variables are referencing a namespace that does not exist. ' +
            `${reader.prefix}[${key}], VariableReferenceText=[${written}]`,
          unknown,
        );
      }
    }
  };
}

/** The part of a reference that means nothing, if it is a name that does not exist at all. */
function unknownOf(
  { namespace, key }: Reference,
  namespaces: readonly string[],
  variables: readonly string[],
): Unknown | undefined {
  if (namespace === 'variables' && variables.length > 0) return { name: key, known: variables };
  if (namespace === 'codepipeline') return { name: key, known: ['PipelineExecutionId'] };
  return namespaces.includes(namespace) ? undefined : { name: namespace, known: namespaces };
}
