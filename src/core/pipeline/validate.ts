/**
 * What is wrong with a declaration: the rules of structure and stages here, those of actions and their references in
 * the files beside this one. Pure: whether a role can be assumed or a name is free is asked by the room.
 * AWS: "CodePipeline pipeline structure reference".
 */

import { ACTIONS_PER_STAGE_MAX, STAGES_MAX, STAGES_MIN } from './limits.ts';
import type { Declaration, FailureDeclaration, GivenDeclaration, StageDeclaration } from './declaration.ts';
import { usesV2 } from './declaration.ts';
import type { DeclarationFault } from './declaration-fault.ts';
import { regionText, repeated } from './declaration-fault.ts';
import { actionFaults } from './validate-actions.ts';
import { referenceFaults } from './validate-references.ts';

/** All faults, the most fundamental first; AWS answers one at a time, the first. */
export function declarationFaults(
  given: GivenDeclaration,
  declaration: Declaration,
  region: string,
): readonly DeclarationFault[] {
  return [
    ...structureFaults(given, declaration),
    ...declaration.stages.flatMap((stage, index) => stageFaults(stage, index, region)),
    ...declaration.stages.flatMap((stage) =>
      stage.actions.flatMap((action) => actionFaults(declaration, stage, action, region)),
    ),
    ...storeFaults(declaration, region),
    ...referenceFaults(declaration),
  ];
}

function structureFaults(given: GivenDeclaration, declaration: Declaration): DeclarationFault[] {
  const faults: DeclarationFault[] = [];
  const say = (message: string) => faults.push({ code: 'InvalidStructureException', message });
  const { stages } = declaration;
  if (stages.length < STAGES_MIN) {
    say(
      `Pipeline has only ${stages.length} stage(s). There should be a minimum of ${STAGES_MIN} stages in a pipeline`,
    );
  }
  if (stages.length > STAGES_MAX) {
    say(`Pipeline has ${stages.length} stages. The maximum number of stages is ${STAGES_MAX}`);
  }
  for (const name of repeated(stages.map((stage) => stage.name))) {
    say(`Stage names must be unique in the pipeline. ${name} is used more than once`);
  }
  const [first, ...later] = stages;
  const isSource = (action: { actionTypeId: { category: string } }) =>
    action.actionTypeId.category === 'Source';
  if (first && (first.actions.length === 0 || !first.actions.every(isSource))) {
    say('Pipeline should start with a stage that only contains source actions');
  }
  for (const action of later.flatMap((stage) => stage.actions).filter(isSource)) {
    say(`Source action ${action.name} may only occur in the first stage`);
  }
  if (given.pipelineType === 'V1' && usesV2(given)) {
    say('The pipeline has features that need the pipeline type V2, but its type is V1');
  }
  for (const name of repeated((declaration.variables ?? []).map((variable) => variable.name))) {
    say(`Pipeline variable names must be unique. ${name} is used more than once`);
  }
  for (const name of namesOf(declaration).filter((candidate) => candidate in Object.prototype)) {
    say(`The name ${name} cannot be used in a pipeline here`);
  }
  for (const trigger of declaration.triggers ?? []) {
    say(
      `Trigger source action ${trigger.gitConfiguration.sourceActionName} must be a source action of the pipeline with the provider ` +
        'CodeStarSourceConnection',
    );
  }
  return faults;
}

/** Names under which things are kept by name; those of JavaScript's own properties are refused. */
function namesOf(declaration: Declaration): string[] {
  const actions = declaration.stages.flatMap((stage) => stage.actions);
  return [
    ...declaration.stages.map((stage) => stage.name),
    ...(declaration.variables ?? []).map((variable) => variable.name),
    ...actions.flatMap((action) => [
      action.name,
      ...(action.namespace === undefined ? [] : [action.namespace]),
      ...action.outputArtifacts.map((artifact) => artifact.name),
    ]),
  ];
}

function stageFaults(stage: StageDeclaration, index: number, region: string): DeclarationFault[] {
  const faults: DeclarationFault[] = [];
  const say = (message: string) => faults.push({ code: 'InvalidStageDeclarationException', message });
  if ((stage.blockers?.length ?? 0) > 0) {
    faults.push({ code: 'InvalidBlockerDeclarationException', message: 'Reserved for future use' });
  }
  if (stage.actions.length === 0) say(`Stage ${stage.name} must contain at least one action`);
  if (stage.actions.length > ACTIONS_PER_STAGE_MAX) {
    say(
      `Stage ${stage.name} has ${stage.actions.length} actions. The maximum number of actions in a stage is ` +
        ACTIONS_PER_STAGE_MAX,
    );
  }
  if (repeated(stage.actions.map((action) => action.name)).length > 0) {
    say(`Action names must be unique within stage ${stage.name}`);
  }
  if (stage.onFailure) failureMessages(stage, stage.onFailure, index).forEach(say);
  if (stage.beforeEntry && index === 0) say(`The source stage ${stage.name} cannot have entry conditions`);
  for (const rule of rulesOf(stage)) {
    const { category, owner = 'AWS', provider, version = '1' } = rule.ruleTypeId;
    say(
      `RuleType (Category: '${category}', Provider: '${provider}', Owner: '${owner}', Version: '${version}') ` +
        `in rule '${rule.name}' is not available in region ${regionText(region)}`,
    );
  }
  return faults;
}

function failureMessages(stage: StageDeclaration, failure: FailureDeclaration, index: number): string[] {
  const messages: string[] = [];
  if (failure.result === 'ROLLBACK') {
    messages.push(
      index === 0
        ? `The source stage ${stage.name} cannot be rolled back`
        : `The result ROLLBACK of stage ${stage.name} is not available: stages cannot be rolled back here yet`,
    );
  }
  if (failure.result === 'SKIP')
    messages.push(`The result SKIP is only for entry conditions, not for stage ${stage.name}`);
  if (failure.retryConfiguration && failure.result !== 'RETRY') {
    messages.push(`The retry configuration of stage ${stage.name} needs the result RETRY`);
  }
  if (failure.result === 'RETRY' && (failure.conditions?.length ?? 0) > 0) {
    messages.push(`The result RETRY of stage ${stage.name} cannot be combined with failure conditions`);
  }
  return messages;
}

function rulesOf(stage: StageDeclaration) {
  const conditions = [
    ...(stage.beforeEntry?.conditions ?? []),
    ...(stage.onSuccess?.conditions ?? []),
    ...(stage.onFailure?.conditions ?? []),
  ];
  return conditions.flatMap((condition) => condition.rules ?? []);
}

function storeFaults(declaration: Declaration, region: string): DeclarationFault[] {
  const faults: DeclarationFault[] = [];
  const say = (message: string) => faults.push({ code: 'InvalidStructureException', message });
  const { artifactStore, artifactStores } = declaration;
  if ((artifactStore === undefined) === (artifactStores === undefined)) {
    say('Specify either artifactStore or artifactStores, not both');
  }
  const regions = new Set([region]);
  for (const action of declaration.stages.flatMap((stage) => stage.actions)) {
    regions.add(action.region ?? region);
  }
  for (const needed of regions) {
    if (artifactStores && !artifactStores[needed])
      say(`No artifact store is configured for region ${needed}`);
    if (artifactStore && needed !== region) {
      say(`An action in region ${needed} needs artifactStores with an entry for that region`);
    }
  }
  return faults;
}
