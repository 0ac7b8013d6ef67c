/** The rules of a pipeline as a whole: sizes, stages, names, stores, what needs V2. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  approvalAction,
  buildAction,
  pipeline,
  sourceAction,
  threeStages,
} from '#core/pipeline/decide-fixture.ts';
import type { GivenDeclaration, GivenStage } from './declaration-given.ts';
import { completeDeclaration } from './declaration-given.ts';
import { action, allFaults, faultOf, source, withAction } from './validate-fixture.ts';

const approvals = (count: number): GivenStage[] =>
  Array.from({ length: count }, (_, index) => ({ name: `A${index}`, actions: [approvalAction('Ask')] }));
const manyActions = (count: number): GivenStage => ({
  name: 'S2',
  actions: Array.from({ length: count }, (_, index) => approvalAction(`Ask${index}`)),
});
const withStage = (stage: Partial<GivenStage>, rest: Partial<GivenDeclaration> = {}): GivenDeclaration => ({
  ...pipeline(source, { name: 'S2', actions: [approvalAction('Ask')], ...stage }),
  ...rest,
});
const regional = { ...buildAction('A'), region: 'eu-west-1' };
const store = { type: 'S3', location: 'artifacts' } as const;
const stores = (...regions: string[]) => ({
  artifactStore: undefined as never,
  artifactStores: Object.fromEntries(regions.map((region) => [region, store])),
});
const V1 = 'can be used with the type V2 only';
const v1With = (feature: string) =>
  `InvalidStructureException: The pipeline type is V1, and ${feature} ${V1}`;

const table: readonly (readonly [string, GivenDeclaration, string | undefined])[] = [
  ['a plain pipeline is accepted', threeStages, undefined],
  [
    'S1: one stage is not a pipeline',
    pipeline(source),
    'stages: InvalidStructureException: Pipeline has only 1 stage(s). There should be a minimum of 2 stages in a pipeline',
  ],
  ['S2: ten stages are enough', pipeline(source, ...approvals(9)), undefined],
  [
    'S2: eleven stages are too many',
    pipeline(source, ...approvals(10)),
    'stages: InvalidStructureException: Pipeline has 11 stages. The maximum number of stages is 10',
  ],
  [
    'S3: the first stage holds sources only',
    pipeline({ name: 'S1', actions: [sourceAction(), approvalAction('Ask')] }, ...approvals(1)),
    'stages/0/actions/1/actionTypeId/category: InvalidStructureException: Pipeline should start with a stage that only contains source actions',
  ],
  [
    'S3: the first stage holds a source',
    pipeline({ name: 'S1', actions: [] }, ...approvals(1)),
    'stages/0/actions: InvalidStructureException: Pipeline should start with a stage that only contains source actions',
  ],
  [
    'S4, S5: sources are in the first stage only',
    withAction(sourceAction('Late')),
    'stages/1/actions/0/actionTypeId/category: InvalidStructureException: Source action Late may only occur in the first stage',
  ],
  [
    'S6: stage names are unique',
    pipeline(source, { name: 'S1', actions: [approvalAction('Ask')] }),
    'stages/1/name: InvalidStructureException: Stage names must be unique in the pipeline. S1 is used more than once',
  ],
  [
    'S7: a stage has an action',
    withStage({ actions: [] }),
    'stages/1/actions: InvalidStageDeclarationException: Stage S2 must contain at least one action',
  ],
  ['S7: twenty actions are enough', pipeline(source, manyActions(20)), undefined],
  [
    'S7: twenty-one actions are too many',
    pipeline(source, manyActions(21)),
    'stages/1/actions: InvalidStageDeclarationException: Stage S2 has 21 actions. The maximum number of actions in a stage is 20',
  ],
  [
    'S8: action names are unique within a stage',
    withStage({ actions: [approvalAction('Ask'), approvalAction('Ask')] }),
    'stages/1/actions/1/name: InvalidStageDeclarationException: Action names must be unique within stage S2',
  ],
  [
    'S9: an artifact store is needed',
    { ...threeStages, artifactStore: undefined as never },
    ': InvalidStructureException: Specify either artifactStore or artifactStores, not both',
  ],
  [
    'S9: one kind of artifact store is enough',
    { ...threeStages, artifactStores: { 'us-east-1': store } },
    ': InvalidStructureException: Specify either artifactStore or artifactStores, not both',
  ],
  ['S10: a store for the own region is enough', { ...threeStages, ...stores('us-east-1') }, undefined],
  [
    'S10: the own region needs a store',
    { ...threeStages, ...stores('eu-west-1') },
    'artifactStores: InvalidStructureException: No artifact store is configured for region us-east-1',
  ],
  [
    'S10: the region of an action needs a store',
    { ...withAction(regional), ...stores('us-east-1') },
    'artifactStores: InvalidStructureException: No artifact store is configured for region eu-west-1',
  ],
  [
    'S10: a region that is named as a property of every object has no store',
    { ...withAction({ ...buildAction('A'), region: 'constructor' }), ...stores('us-east-1') },
    'artifactStores: InvalidStructureException: No artifact store is configured for region constructor',
  ],
  [
    'S11: an action in another region needs stores by region',
    withAction(regional),
    'artifactStore: InvalidStructureException: An action in region eu-west-1 needs artifactStores with an entry for that region',
  ],
  [
    'S15: parallel executions are not rolled back after a failure',
    withStage({ onFailure: { result: 'ROLLBACK' } }, { executionMode: 'PARALLEL' }),
    'stages/1/onFailure/result: InvalidStructureException: The result ROLLBACK cannot be used with the execution mode PARALLEL',
  ],
  [
    'S15: parallel executions are not rolled back by a condition',
    withStage(
      {
        onSuccess: {
          conditions: [
            {
              result: 'ROLLBACK',
              rules: [
                {
                  name: 'r',
                  ruleTypeId: { category: 'Rule', provider: 'DeploymentWindow' },
                  configuration: { Cron: '* * * * * ?' },
                },
              ],
            },
          ],
        },
      },
      { executionMode: 'PARALLEL' },
    ),
    'stages/1/onSuccess/conditions/0/result: InvalidStructureException: The result ROLLBACK cannot be used with the execution mode PARALLEL',
  ],
  [
    'S16: V1 has one mode',
    { ...threeStages, pipelineType: 'V1', executionMode: 'QUEUED' },
    `executionMode: ${v1With('the execution mode QUEUED')}`,
  ],
  [
    'S16: V1 has no variables',
    { ...threeStages, pipelineType: 'V1', variables: [{ name: 'v' }] },
    `variables: ${v1With('variables')}`,
  ],
  [
    'S16: V1 has no triggers',
    {
      ...threeStages,
      pipelineType: 'V1',
      triggers: [
        { providerType: 'CodeStarSourceConnection', gitConfiguration: { sourceActionName: 'Source' } },
      ],
    },
    `triggers: ${v1With('triggers')}`,
  ],
  [
    'S16: V1 has no failure results',
    withStage({ onFailure: { result: 'RETRY' } }, { pipelineType: 'V1' }),
    `stages/1/onFailure: ${v1With('onFailure')}`,
  ],
  [
    'S16: V1 has no actions of the newer types',
    {
      ...withAction(
        action('Compute', 'Commands', { commands: ['ls'], inputArtifacts: [{ name: 'SourceOutput' }] }),
      ),
      pipelineType: 'V1',
    },
    `stages/1/actions/0/actionTypeId: ${v1With('the action type Compute/Commands')}`,
  ],
  [
    'S16: V1 has no environment variables of actions',
    {
      ...withAction({ ...buildAction('A'), environmentVariables: [{ name: 'a', value: 'b' }] }),
      pipelineType: 'V1',
    },
    `stages/1/actions/0/environmentVariables: ${v1With('environmentVariables')}`,
  ],
  [
    'S19: pipeline variables are unique',
    { ...threeStages, variables: [{ name: 'v' }, { name: 'v' }] },
    'variables/1/name: InvalidStructureException: Pipeline variable names must be unique. v is used more than once',
  ],
  [
    'S19: the namespace codepipeline is reserved',
    withAction({ ...buildAction('A'), namespace: 'codepipeline' }),
    'stages/1/actions/0/namespace: InvalidStructureException: The namespace codepipeline is reserved. StageName=[S2], ActionName=[A], Namespace=[codepipeline]',
  ],
  [
    'S19: the namespace variables is reserved if there are pipeline variables',
    { ...withAction({ ...buildAction('A'), namespace: 'variables' }), variables: [{ name: 'v' }] },
    'stages/1/actions/0/namespace: InvalidStructureException: The namespace variables is reserved. StageName=[S2], ActionName=[A], Namespace=[variables]',
  ],
  ['S19: and free if there are none', withAction({ ...buildAction('A'), namespace: 'variables' }), undefined],
  [
    'blockers are reserved',
    withStage({ blockers: [{}] }),
    'stages/1/blockers: InvalidBlockerDeclarationException: Reserved for future use',
  ],
  [
    'names of properties that every object has are refused',
    pipeline(source, { name: 'constructor', actions: [approvalAction('__proto__')] }),
    'stages/1/name: InvalidStructureException: The name constructor cannot be used in a pipeline here',
  ],
];

for (const [name, given, expected] of table) test(name, () => assert.equal(faultOf(given), expected));

test('with the quotas of AWS fifty stages are accepted, and fifty actions in one of them', () => {
  assert.equal(faultOf(pipeline(source, ...approvals(49)), 'aws'), undefined);
  assert.equal(faultOf(pipeline(source, manyActions(50)), 'aws'), undefined);
  assert.match(faultOf(pipeline(source, ...approvals(50)), 'aws') ?? '', /maximum number of stages is 50/);
  assert.match(faultOf(pipeline(source, manyActions(51)), 'aws') ?? '', /actions in a stage is 50/);
  const full = Array.from({ length: 21 }, (_, index) => ({ ...manyActions(50), name: `S${index + 2}` }));
  assert.match(
    faultOf(pipeline(source, ...full), 'aws') ?? '',
    /^stages: InvalidStructureException: Pipeline has 1051 actions\. The maximum number of actions is 1000$/,
  );
});

test('a value may have as many characters as the profile says, and is not shown', () => {
  const given = withAction({ ...buildAction('A'), configuration: { ProjectName: 'x'.repeat(1001) } });
  assert.equal(faultOf(given, 'seed'), undefined);
  assert.equal(
    faultOf(given, 'aws'),
    'stages/1/actions/0/configuration/ProjectName: ValidationException: 1 validation error detected: Value at ' +
      "'pipeline.stages.2.member.actions.1.member.configuration' failed to satisfy constraint: Map value must " +
      'satisfy constraint: [Member must have length less than or equal to 1000, Member must have length greater ' +
      'than or equal to 1]',
  );
});

test('every fault is found, not only the first', () => {
  const given = pipeline(source, { name: 'S1', actions: [{ ...buildAction('A'), configuration: {} }] });
  assert.deepEqual(
    allFaults(given).map((fault) => fault.path.join('/')),
    ['stages/1/name', 'stages/1/actions/0/configuration'],
  );
});

test('the type is V2 as soon as something needs it, else V1, and the mode is SUPERSEDED', () => {
  const typeOf = (given: GivenDeclaration) => completeDeclaration(given, 1).pipelineType;
  assert.equal(typeOf(threeStages), 'V1');
  assert.equal(completeDeclaration(threeStages, 1).executionMode, 'SUPERSEDED');
  assert.equal(typeOf({ ...threeStages, executionMode: 'SUPERSEDED' }), 'V1');
  assert.equal(typeOf({ ...threeStages, executionMode: 'QUEUED' }), 'V2');
  assert.equal(typeOf({ ...threeStages, variables: [{ name: 'v' }] }), 'V2');
  assert.equal(typeOf(withStage({ onFailure: {} })), 'V2');
  assert.equal(typeOf(withAction(action('Invoke', 'CodePipeline'))), 'V2');
  assert.equal(typeOf({ ...threeStages, pipelineType: 'V2' }), 'V2');
});

test('what a caller leaves out is filled in, and what is echoed is not invented', () => {
  const { stages } = completeDeclaration(withAction(approvalAction('Ask')), 7);
  assert.deepEqual(stages[1]?.actions[0], {
    name: 'Ask',
    actionTypeId: { category: 'Approval', owner: 'AWS', provider: 'Manual', version: '1' },
    runOrder: 1,
    configuration: {},
    inputArtifacts: [],
    outputArtifacts: [],
  });
});
