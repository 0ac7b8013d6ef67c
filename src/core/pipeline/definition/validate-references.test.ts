/** The rules between actions: artifacts, namespaces, and references to variables wherever these may stand. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approvalAction, buildAction, pipeline, sourceAction } from '#core/pipeline/decide-fixture.ts';
import type { GivenAction, GivenDeclaration, GivenRule } from './declaration-given.ts';
import { action, allFaults, faultOf, source, withAction } from './validate-fixture.ts';

const build = (name: string, projectName: string, runOrder = 1): GivenAction => ({
  ...buildAction(name, runOrder),
  configuration: { ProjectName: projectName },
});
const named = (name: string, runOrder = 1): GivenAction => ({
  ...buildAction(name, runOrder),
  namespace: `${name}Variables`,
});
const second = (...actions: GivenAction[]) => pipeline(source, { name: 'S2', actions });
const rule = (text: string, commands?: string[]): GivenRule => ({
  name: 'R',
  ruleTypeId: { category: 'Rule', provider: commands ? 'Commands' : 'DeploymentWindow' },
  ...(commands ? { commands } : { configuration: { Cron: text } }),
});
const withRule = (kind: 'beforeEntry' | 'onSuccess', given: GivenRule): GivenDeclaration =>
  pipeline(source, {
    name: 'S2',
    actions: [named('A')],
    [kind]: { conditions: [{ rules: [given] }] },
  });

const CODE = 'InvalidActionDeclarationException';
const A11 =
  'Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). The ' +
  'following pipeline execution variables are referencing a namespace that does not exist. ';
const unknown = (path: string, place: string, text: string) =>
  `${path}: ${CODE}: ${A11}${place}, VariableReferenceText=[${text}]`;
const inA = (text: string, index = 0, name = 'A') =>
  unknown(
    `stages/1/actions/${index}/configuration/ProjectName`,
    `StageName=[S2], ActionName=[${name}], ActionConfigurationKey=[ProjectName]`,
    text,
  );
const notDeclared = (at: number, artifact: string, consumer: string) =>
  `stages/1/actions/${at}/inputArtifacts/0/name: ${CODE}: Input Artifact Bundle ${artifact} in action ${consumer} is ` +
  'not declared as Output Artifact Bundle in any of the preceding actions';

const table: readonly (readonly [string, GivenDeclaration, string | undefined])[] = [
  [
    'A4: nobody makes the artifact',
    second({ ...buildAction('A'), inputArtifacts: [{ name: 'Nothing' }] }),
    notDeclared(0, 'Nothing', 'A'),
  ],
  [
    'A4: a parallel action makes the artifact',
    second(buildAction('A'), { ...buildAction('B'), inputArtifacts: [{ name: 'AOutput' }] }),
    notDeclared(1, 'AOutput', 'B'),
  ],
  [
    'A4: a lower run order in the same stage is before',
    second(buildAction('A'), { ...buildAction('B', 2), inputArtifacts: [{ name: 'AOutput' }] }),
    undefined,
  ],
  [
    'A4: a later stage makes the artifact',
    pipeline(
      source,
      { name: 'S2', actions: [{ ...buildAction('A'), inputArtifacts: [{ name: 'BOutput' }] }] },
      { name: 'S3', actions: [buildAction('B')] },
    ),
    notDeclared(0, 'BOutput', 'A'),
  ],
  [
    'A5: output artifacts are unique',
    second({ ...buildAction('A'), outputArtifacts: [{ name: 'SourceOutput' }] }),
    `stages/1/actions/0/outputArtifacts/0/name: ${CODE}: Output Artifact Bundle name must be unique within the pipeline. SourceOutput has been used more than once`,
  ],
  [
    'A10: namespaces are unique',
    second({ ...buildAction('A'), namespace: 'SourceVariables' }),
    `stages/1/actions/0/namespace: ${CODE}: Namespaces must be unique across the pipeline definition. The following occur more than once in the pipeline. StageName=[S1], ActionName=[Source], Namespace=[SourceVariables], StageName=[S2], ActionName=[A], Namespace=[SourceVariables]`,
  ],
  [
    'A10: namespaces differ from artifacts',
    second({ ...buildAction('A'), namespace: 'SourceOutput' }),
    `stages/1/actions/0/namespace: ${CODE}: Namespaces must differ from the names of artifacts. StageName=[S2], ActionName=[A], Namespace=[SourceOutput]`,
  ],
  ['A11: a namespace of an earlier stage', second(build('A', '#{SourceVariables.CommitId}')), undefined],
  ['A11: the id of the execution', second(build('A', 'x-#{codepipeline.PipelineExecutionId}-y')), undefined],
  ['A11: a lower run order', second(named('B'), build('A', '#{BVariables.X}', 2)), undefined],
  ['A11: an unknown namespace', second(build('A', '#{Nope.X}')), inA('#{Nope.X}')],
  [
    'A11: another case',
    second(build('A', '#{sourcevariables.CommitId}')),
    inA('#{sourcevariables.CommitId}'),
  ],
  ['A11: a parallel action', second(named('B'), build('A', '#{BVariables.X}')), inA('#{BVariables.X}', 1)],
  [
    'A11: itself',
    second({ ...build('A', '#{AVariables.X}'), namespace: 'AVariables' }),
    inA('#{AVariables.X}'),
  ],
  ['A11: no period', second(build('A', '#{SourceVariables}')), inA('#{SourceVariables}')],
  ['A11: nothing', second(build('A', '#{}')), inA('#{}')],
  [
    'A11: another key of codepipeline',
    second(build('A', '#{codepipeline.Name}')),
    inA('#{codepipeline.Name}'),
  ],
  ['A11: no pipeline variables', second(build('A', '#{variables.x}')), inA('#{variables.x}')],
  [
    'A11: a pipeline variable',
    { ...second(build('A', '#{variables.x}')), variables: [{ name: 'x' }] },
    undefined,
  ],
  [
    'A11: another pipeline variable',
    { ...second(build('A', '#{variables.y}')), variables: [{ name: 'x' }] },
    inA('#{variables.y}'),
  ],
  ['A11: what only looks like a reference', second(build('A', '#{ # { }')), undefined],
  [
    'A11: in a command',
    withAction(
      action('Compute', 'Commands', {
        commands: ['make', 'echo #{Nope.X}'],
        inputArtifacts: [{ name: 'SourceOutput' }],
      }),
    ),
    unknown(
      'stages/1/actions/0/commands/1',
      'StageName=[S2], ActionName=[A], ActionConfigurationKey=[commands]',
      '#{Nope.X}',
    ),
  ],
  [
    'A11: in an environment variable',
    withAction(
      action('Compute', 'Commands', {
        commands: ['make'],
        inputArtifacts: [{ name: 'SourceOutput' }],
        environmentVariables: [{ name: 'V', value: '#{Nope.X}' }],
      }),
    ),
    unknown(
      'stages/1/actions/0/environmentVariables/0/value',
      'StageName=[S2], ActionName=[A], ActionConfigurationKey=[environmentVariables]',
      '#{Nope.X}',
    ),
  ],
  [
    'A11: in a rule',
    withRule('beforeEntry', rule('#{Nope.X}')),
    'stages/1/beforeEntry/conditions/0/rules/0/configuration/Cron: InvalidStageDeclarationException: ' +
      `${A11}StageName=[S2], RuleName=[R], RuleConfigurationKey=[Cron], VariableReferenceText=[#{Nope.X}]`,
  ],
  [
    'A11: in a command of a rule',
    withRule('onSuccess', rule('', ['echo #{Nope.X}'])),
    'stages/1/onSuccess/conditions/0/rules/0/commands/0: InvalidStageDeclarationException: ' +
      `${A11}StageName=[S2], RuleName=[R], RuleConfigurationKey=[commands], VariableReferenceText=[#{Nope.X}]`,
  ],
  ['A11: a rule after the stage sees its actions', withRule('onSuccess', rule('#{AVariables.X}')), undefined],
  [
    'A11: a rule before the stage does not',
    withRule('beforeEntry', rule('#{AVariables.X}')),
    'stages/1/beforeEntry/conditions/0/rules/0/configuration/Cron: InvalidStageDeclarationException: ' +
      `${A11}StageName=[S2], RuleName=[R], RuleConfigurationKey=[Cron], VariableReferenceText=[#{AVariables.X}]`,
  ],
  [
    'A12: a source sees no pipeline variables',
    {
      ...pipeline(
        {
          name: 'S1',
          actions: [
            { ...sourceAction(), configuration: { RepositoryName: 'r', BranchName: '#{variables.b}' } },
          ],
        },
        { name: 'S2', actions: [approvalAction('Ask')] },
      ),
      variables: [{ name: 'b' }],
    },
    unknown(
      'stages/0/actions/0/configuration/BranchName',
      'StageName=[S1], ActionName=[Source], ActionConfigurationKey=[BranchName]',
      '#{variables.b}',
    ),
  ],
];

for (const [name, given, expected] of table) test(name, () => assert.equal(faultOf(given), expected));

test('hostile references and artifacts cost no more than their length', () => {
  const hostile = [
    '#{'.repeat(25_000),
    `#{${'a'.repeat(49_990)}`,
    '#{a.b}'.repeat(8_000),
    `#{${'a.'.repeat(24_000)}}`,
    `${'#'.repeat(49_000)}{a.b}`,
  ];
  const artifacts = Array.from({ length: 4_000 }, (_, index) => ({ name: `x${index % 2_000}` }));
  const actions = Array.from({ length: 20 }, (_, index) => ({
    ...build(`A${index}`, hostile[index % hostile.length] ?? ''),
    inputArtifacts: artifacts,
    outputArtifacts: artifacts,
  }));
  const started = process.cpuUsage();
  const faults = allFaults(second(...actions));
  const { user, system } = process.cpuUsage(started);
  assert.equal(faults.length, 200, 'and the list of faults is bounded');
  assert.ok(user + system < 3_000_000, `${(user + system) / 1000} ms`);
});

test('a declaration that is far too large is told so, and not looked at further', () => {
  const actions = Array.from({ length: 100_000 }, () => build('A', '#{Nope.X}'));
  const faults = allFaults(second(...actions));
  assert.deepEqual(
    faults.map((fault) => fault.message),
    ['Stage S2 has 100000 actions. The maximum number of actions in a stage is 20'],
  );
});
