/** Every rule of declarations, with the code and the text of its fault. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approvalAction, buildAction, pipeline, sourceAction, threeStages } from './decide-fixture.ts';
import type { GivenAction, GivenDeclaration } from './declaration-given.ts';
import { completeDeclaration } from './declaration-given.ts';
import { actionTypeOf } from './catalogue.ts';
import { quotasOf } from './limits.ts';
import { declarationFaults } from './validate.ts';

/** The first fault, as a caller sees it. */
function faultOf(given: GivenDeclaration): string | undefined {
  const [first] = declarationFaults(given, completeDeclaration(given, 1), {
    region: 'us-east-1',
    quotas: quotasOf('seed'),
    actionTypeOf,
  });
  return first && `${first.code}: ${first.message}`;
}

function withAction(action: GivenAction): GivenDeclaration {
  return pipeline({ name: 'S1', actions: [sourceAction()] }, { name: 'S2', actions: [action] });
}

const source = { name: 'S1', actions: [sourceAction()] };

const table: readonly (readonly [string, GivenDeclaration, string | undefined])[] = [
  ['a plain pipeline is accepted', threeStages, undefined],
  [
    'one stage is not a pipeline',
    pipeline(source),
    'InvalidStructureException: Pipeline has only 1 stage(s). There should be a minimum of 2 stages in a pipeline',
  ],
  [
    'eleven stages are too many',
    pipeline(
      source,
      ...Array.from({ length: 10 }, (_, index) => ({
        name: `A${index}`,
        actions: [approvalAction('Ask')],
      })),
    ),
    'InvalidStructureException: Pipeline has 11 stages. The maximum number of stages is 10',
  ],
  [
    'the first stage holds sources only',
    pipeline(
      { name: 'S1', actions: [approvalAction('Ask')] },
      { name: 'S2', actions: [approvalAction('B')] },
    ),
    'InvalidStructureException: Pipeline should start with a stage that only contains source actions',
  ],
  [
    'sources are in the first stage only',
    withAction(sourceAction('Late')),
    'InvalidStructureException: Source action Late may only occur in the first stage',
  ],
  [
    'stage names are unique',
    pipeline(source, { name: 'S1', actions: [approvalAction('Ask')] }),
    'InvalidStructureException: Stage names must be unique in the pipeline. S1 is used more than once',
  ],
  [
    'a stage has an action',
    pipeline(source, { name: 'S2', actions: [] }),
    'InvalidStageDeclarationException: Stage S2 must contain at least one action',
  ],
  [
    'action names are unique within a stage',
    pipeline(source, { name: 'S2', actions: [approvalAction('Ask'), approvalAction('Ask')] }),
    'InvalidStageDeclarationException: Action names must be unique within stage S2',
  ],
  [
    'blockers are reserved',
    pipeline(source, { name: 'S2', actions: [approvalAction('Ask')], blockers: [{}] }),
    'InvalidBlockerDeclarationException: Reserved for future use',
  ],
  [
    'V1 has no modes',
    { ...threeStages, pipelineType: 'V1', executionMode: 'QUEUED' },
    'InvalidStructureException: The pipeline type is V1, and the execution mode QUEUED can be used with the type V2 only',
  ],
  [
    'an artifact store is needed',
    { ...threeStages, artifactStore: undefined as never },
    'InvalidStructureException: Specify either artifactStore or artifactStores, not both',
  ],
  [
    'an unknown action type is refused in AWS words',
    withAction({
      ...approvalAction('Go'),
      actionTypeId: { category: 'Deploy', owner: 'AWS', provider: 'Heroku', version: '1' },
    }),
    "InvalidActionDeclarationException: ActionType (Category: 'Deploy', Provider: 'Heroku', Owner: 'AWS', Version: '1') in action 'Go' is not available in region US_EAST_1",
  ],
  [
    'CodeDeploy takes one input artifact',
    withAction({
      name: 'Go',
      actionTypeId: { category: 'Deploy', owner: 'AWS', provider: 'CodeDeploy', version: '1' },
      configuration: { ApplicationName: 'a', DeploymentGroupName: 'g' },
    }),
    'InvalidActionDeclarationException: Action Go declares 0 input artifacts which is less than the minimum count (1)',
  ],
  [
    'an input artifact comes from an action before',
    pipeline(source, {
      name: 'S2',
      actions: [buildAction('A'), { ...buildAction('B'), inputArtifacts: [{ name: 'AOutput' }] }],
    }),
    'InvalidActionDeclarationException: Input Artifact Bundle AOutput in action B is not declared as Output Artifact Bundle in any of the preceding actions',
  ],
  [
    'a lower run order in the same stage is before',
    pipeline(source, {
      name: 'S2',
      actions: [buildAction('A'), { ...buildAction('B', 2), inputArtifacts: [{ name: 'AOutput' }] }],
    }),
    undefined,
  ],
  [
    'output artifacts are unique',
    withAction({ ...buildAction('A'), outputArtifacts: [{ name: 'SourceOutput' }] }),
    'InvalidActionDeclarationException: Output Artifact Bundle name must be unique within the pipeline. SourceOutput has been used more than once',
  ],
  [
    'required configuration is required',
    withAction({ ...buildAction('A'), configuration: {} }),
    "InvalidActionDeclarationException: Action configuration for action 'A' is missing required configuration 'ProjectName'",
  ],
  [
    'unknown configuration is refused',
    withAction({ ...buildAction('A'), configuration: { ProjectName: 'p', Color: 'red' } }),
    "InvalidActionDeclarationException: Action configuration for action 'A' contains unknown configuration 'Color'",
  ],
  [
    'commands are for compute actions',
    withAction({ ...buildAction('A'), commands: ['ls'] }),
    'InvalidActionDeclarationException: The following action cannot contain a commands field: A. To use the commands field, use a compute action.',
  ],
  [
    'a reference needs a namespace that ran before',
    withAction({ ...buildAction('A'), configuration: { ProjectName: '#{Nope.X}' } }),
    'InvalidActionDeclarationException: Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). The following pipeline execution variables are referencing a namespace that does not exist. StageName=[S2], ActionName=[A], ActionConfigurationKey=[ProjectName], VariableReferenceText=[#{Nope.X}]',
  ],
  [
    'namespaces are unique',
    withAction({ ...buildAction('A'), namespace: 'SourceVariables' }),
    'InvalidActionDeclarationException: Namespaces must be unique across the pipeline definition. The following occur more than once in the pipeline. StageName=[S1], ActionName=[Source], Namespace=[SourceVariables], StageName=[S2], ActionName=[A], Namespace=[SourceVariables]',
  ],
  [
    'the namespace codepipeline is reserved',
    withAction({ ...buildAction('A'), namespace: 'codepipeline' }),
    'InvalidStructureException: The namespace codepipeline is reserved. StageName=[S2], ActionName=[A], Namespace=[codepipeline]',
  ],
  [
    'names of properties that every object has are refused',
    pipeline(source, { name: 'constructor', actions: [approvalAction('__proto__')] }),
    'InvalidStructureException: The name constructor cannot be used in a pipeline here',
  ],
  [
    'several inputs need a primary source',
    withAction({ ...buildAction('A'), inputArtifacts: [{ name: 'SourceOutput' }, { name: 'SourceOutput' }] }),
    'InvalidActionDeclarationException: Action A declares the input artifact SourceOutput more than once',
  ],
  [
    'a timeout is for approvals',
    withAction({ ...buildAction('A'), timeoutInMinutes: 5 }),
    'InvalidActionDeclarationException: Action A cannot have a timeout: only manual approval actions can',
  ],
  [
    'a rule type that is not carried is refused',
    pipeline(source, {
      name: 'S2',
      actions: [approvalAction('Ask')],
      beforeEntry: {
        conditions: [{ rules: [{ name: 'r', ruleTypeId: { category: 'Rule', provider: 'Weather' } }] }],
      },
    }),
    "InvalidStageDeclarationException: RuleType (Category: 'Rule', Provider: 'Weather', Owner: 'AWS', Version: '1') in rule 'r' is not available in region US_EAST_1",
  ],
];

for (const [name, given, expected] of table) {
  test(name, () => assert.equal(faultOf(given), expected));
}

test('a V2 feature makes the pipeline V2', () => {
  assert.equal(completeDeclaration(threeStages, 1).pipelineType, 'V1');
  assert.equal(completeDeclaration({ ...threeStages, executionMode: 'QUEUED' }, 1).pipelineType, 'V2');
});
