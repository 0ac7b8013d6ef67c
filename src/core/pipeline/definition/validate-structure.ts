/** The rules of a pipeline as a whole: its sizes, its stages, its names, where its artifacts are stored. */

import type { DeclarationFault, Path } from './declaration-fault.ts';
import { faultsOf, repeated } from './declaration-fault.ts';
import type { GivenDeclaration } from './declaration-given.ts';
import { v2Features } from './declaration-given.ts';
import type { ActionDeclaration, Declaration } from './declaration.ts';
import { rulesOf } from './declaration.ts';
import type { Quotas } from '#core/pipeline/limits.ts';
import { STAGES_MIN } from '#core/pipeline/limits.ts';

/** More than the quotas allow. */
export function sizeFaults({ stages }: Declaration, quotas: Quotas): readonly DeclarationFault[] {
  const { faults, say } = faultsOf('InvalidStructureException');
  if (stages.length > quotas.stagesMax) {
    const max = quotas.stagesMax;
    say(['stages'], `Pipeline has ${stages.length} stages. The maximum number of stages is ${max}`);
  }
  const ofStages = faultsOf('InvalidStageDeclarationException');
  for (const [index, { name, actions }] of stages.entries()) {
    if (actions.length <= quotas.actionsPerStageMax) continue;
    ofStages.say(
      ['stages', index, 'actions'],
      `Stage ${name} has ${actions.length} actions. The maximum number of actions in a stage is ` +
        quotas.actionsPerStageMax,
    );
  }
  const total = stages.reduce((sum, stage) => sum + stage.actions.length, 0);
  if (faults.length + ofStages.faults.length === 0 && total > quotas.actionsPerPipelineMax) {
    const max = quotas.actionsPerPipelineMax;
    say(['stages'], `Pipeline has ${total} actions. The maximum number of actions is ${max}`);
  }
  return [...faults, ...ofStages.faults];
}

export function structureFaults(
  given: GivenDeclaration,
  declaration: Declaration,
): readonly DeclarationFault[] {
  const { faults, say } = faultsOf('InvalidStructureException');
  const { stages, variables = [] } = declaration;
  if (stages.length < STAGES_MIN) {
    say(
      ['stages'],
      `Pipeline has only ${stages.length} stage(s). There should be a minimum of ${STAGES_MIN} stages in a pipeline`,
    );
  }
  for (const index of repeated(stages.map((stage) => stage.name))) {
    say(
      ['stages', index, 'name'],
      `Stage names must be unique in the pipeline. ${stages[index]?.name} is used more than once`,
    );
  }
  sourceMessages(declaration).forEach(([index, message]) => say(['stages', ...index], message));
  if (given.pipelineType === 'V1') {
    for (const feature of v2Features(given)) {
      say(feature.path, `The pipeline type is V1, and ${feature.name} can be used with the type V2 only`);
    }
  }
  if (declaration.executionMode === 'PARALLEL') {
    for (const path of rollbackPaths(declaration)) {
      say(path, 'The result ROLLBACK cannot be used with the execution mode PARALLEL');
    }
  }
  for (const index of repeated(variables.map((variable) => variable.name))) {
    say(
      ['variables', index, 'name'],
      `Pipeline variable names must be unique. ${variables[index]?.name} is used more than once`,
    );
  }
  for (const [path, name] of namesOf(declaration)) {
    if (name in Object.prototype) say(path, `The name ${name} cannot be used in a pipeline here`);
  }
  return faults;
}

function sourceMessages({ stages }: Declaration): readonly (readonly [Path, string])[] {
  const isSource = (action: ActionDeclaration) => action.actionTypeId.category === 'Source';
  const [first, ...later] = stages;
  const messages: (readonly [Path, string])[] = [];
  if (first && (first.actions.length === 0 || !first.actions.every(isSource))) {
    const wrong = first.actions.findIndex((action) => !isSource(action));
    messages.push([
      wrong < 0 ? [0, 'actions'] : [0, 'actions', wrong, 'actionTypeId', 'category'],
      'Pipeline should start with a stage that only contains source actions',
    ]);
  }
  for (const [index, stage] of later.entries()) {
    for (const [at, action] of stage.actions.entries()) {
      if (!isSource(action)) continue;
      messages.push([
        [index + 1, 'actions', at, 'actionTypeId', 'category'],
        `Source action ${action.name} may only occur in the first stage`,
      ]);
    }
  }
  return messages;
}

/** Where a stage says that it is to be rolled back. */
function rollbackPaths({ stages }: Declaration): readonly Path[] {
  return stages.flatMap(({ onFailure, onSuccess }, index) => [
    ...(onFailure?.result === 'ROLLBACK' ? [['stages', index, 'onFailure', 'result']] : []),
    ...(
      [
        ['onFailure', onFailure],
        ['onSuccess', onSuccess],
      ] as const
    ).flatMap(([kind, conditions]) =>
      (conditions?.conditions ?? []).flatMap(({ result }, at) =>
        result === 'ROLLBACK' ? [['stages', index, kind, 'conditions', at, 'result']] : [],
      ),
    ),
  ]);
}

/** Names under which things are kept by name; those of JavaScript's own properties are refused. */
function namesOf({ stages, variables = [] }: Declaration): readonly (readonly [Path, string])[] {
  return [
    ...stages.map((stage, index) => [['stages', index, 'name'], stage.name] as const),
    ...variables.map((variable, index) => [['variables', index, 'name'], variable.name] as const),
    ...stages.flatMap((stage, index) =>
      stage.actions.flatMap((action, at) => {
        const path = ['stages', index, 'actions', at];
        return [
          [[...path, 'name'], action.name] as const,
          ...(action.namespace === undefined ? [] : [[[...path, 'namespace'], action.namespace] as const]),
          ...action.outputArtifacts.map(
            ({ name }, output) => [[...path, 'outputArtifacts', output, 'name'], name] as const,
          ),
        ];
      }),
    ),
    ...stages.flatMap((stage, index) =>
      rulesOf(stage).map((rule) => [['stages', index], rule.name] as const),
    ),
  ];
}

/** Every region in which something runs needs a store there. */
export function storeFaults(declaration: Declaration, region: string): readonly DeclarationFault[] {
  const { faults, say } = faultsOf('InvalidStructureException');
  const { artifactStore, artifactStores, stages } = declaration;
  if ((artifactStore === undefined) === (artifactStores === undefined)) {
    say([], 'Specify either artifactStore or artifactStores, not both');
  }
  const regions = new Set([region]);
  for (const stage of stages) {
    for (const each of [...stage.actions, ...rulesOf(stage)]) regions.add(each.region ?? region);
  }
  for (const needed of regions) {
    if (artifactStores && !Object.hasOwn(artifactStores, needed)) {
      say(['artifactStores'], `No artifact store is configured for region ${needed}`);
    }
    if (artifactStore && needed !== region) {
      say(
        ['artifactStore'],
        `An action in region ${needed} needs artifactStores with an entry for that region`,
      );
    }
  }
  return faults;
}
