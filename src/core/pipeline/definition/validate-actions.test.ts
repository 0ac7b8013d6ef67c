/** The rules of single actions: types, artifact counts, configurations, fields. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approvalAction, buildAction, pipeline, sourceAction } from '#core/pipeline/decide-fixture.ts';
import type { GivenAction, GivenDeclaration } from './declaration-given.ts';
import { action, allFaults, faultOf, JENKINS, withAction } from './validate-fixture.ts';

const input = { inputArtifacts: [{ name: 'SourceOutput' }] };
const jenkins = (rest: Partial<GivenAction> = {}): GivenDeclaration =>
  withAction({ name: 'A', actionTypeId: JENKINS.id, configuration: { ProjectName: 'web' }, ...rest });
const commands = (rest: Partial<GivenAction> = {}): GivenDeclaration =>
  withAction(action('Compute', 'Commands', { commands: ['make'], ...input, ...rest }));
const deploy = (provider: string, configuration: Record<string, string>) =>
  withAction(action('Deploy', provider, { configuration, ...input }));
const build = (configuration: Record<string, string>, rest: Partial<GivenAction> = {}) =>
  withAction({ ...buildAction('A'), configuration: { ProjectName: 'p', ...configuration }, ...rest });

const inRegions = (given: GivenAction): GivenDeclaration => ({
  ...withAction(given),
  artifactStore: undefined as never,
  artifactStores: {
    'us-east-1': { type: 'S3', location: 'here' },
    'eu-west-1': { type: 'S3', location: 'there' },
  },
});

const A = 'stages/1/actions/0';
const CODE = 'InvalidActionDeclarationException';
const missing = (key: string) =>
  `${A}/configuration: ${CODE}: Action configuration for action 'A' is missing required configuration '${key}'`;
const invalid = (key: string, why: string) =>
  `${A}/configuration/${key}: ${CODE}: Action configuration for action 'A' has an invalid value for '${key}': ${why}`;
const unavailable = (category: string, owner: string, provider: string, version = '1') =>
  `${A}/actionTypeId: ${CODE}: ActionType (Category: '${category}', Provider: '${provider}', Owner: '${owner}', ` +
  `Version: '${version}') in action 'A' is not available in region US_EAST_1`;
const noField = (field: string) =>
  `${CODE}: The following action cannot contain a ${field} field: A. To use the ${field} field, use a compute action.`;

const table: readonly (readonly [string, GivenDeclaration, string | undefined])[] = [
  ['A1: an unknown provider', withAction(action('Deploy', 'Heroku')), unavailable('Deploy', 'AWS', 'Heroku')],
  [
    'A1: an unknown version',
    withAction({ ...buildAction('A'), actionTypeId: { ...buildAction('A').actionTypeId, version: '2' } }),
    unavailable('Build', 'AWS', 'CodeBuild', '2'),
  ],
  [
    'A1: a custom type that the account does not have',
    jenkins({ actionTypeId: { ...JENKINS.id, version: '9' } }),
    unavailable('Build', 'Custom', 'Jenkins', '9'),
  ],
  [
    'A1: most actions run in the region of the house only',
    inRegions({ ...buildAction('A'), region: 'eu-west-1' }),
    `${A}/region: ${CODE}: ActionType (Category: 'Build', Provider: 'CodeBuild', Owner: 'AWS', Version: '1') in ` +
      "action 'A' is not available in region EU_WEST_1",
  ],
  [
    'A1: what needs only buckets runs in every region',
    inRegions({ ...approvalAction('A'), region: 'eu-west-1' }),
    undefined,
  ],
  ['A1: the own region may be named', build({}, { region: 'us-east-1' }), undefined],
  ['A1: a custom type of the account', jenkins(), undefined],
  [
    'A2: CodeDeploy with one input',
    deploy('CodeDeploy', { ApplicationName: 'a', DeploymentGroupName: 'g' }),
    undefined,
  ],
  [
    'A2: CodeDeploy needs an input',
    withAction(
      action('Deploy', 'CodeDeploy', { configuration: { ApplicationName: 'a', DeploymentGroupName: 'g' } }),
    ),
    `${A}: ${CODE}: Action A declares 0 input artifacts which is less than the minimum count (1)`,
  ],
  [
    'A2: CodeDeploy takes one input',
    pipeline(
      { name: 'S1', actions: [sourceAction(), sourceAction('Other')] },
      {
        name: 'S2',
        actions: [
          action('Deploy', 'CodeDeploy', {
            configuration: { ApplicationName: 'a', DeploymentGroupName: 'g' },
            inputArtifacts: [{ name: 'SourceOutput' }, { name: 'OtherOutput' }],
          }),
        ],
      },
    ),
    `${A}/inputArtifacts: ${CODE}: Action A declares 2 input artifacts which is more than the maximum count (1)`,
  ],
  [
    'A3: a source makes an artifact',
    pipeline(
      { name: 'S1', actions: [{ ...sourceAction('A'), outputArtifacts: [] }] },
      { name: 'S2', actions: [approvalAction('Ask')] },
    ),
    `stages/0/actions/0: ${CODE}: Action A declares 0 output artifacts which is less than the minimum count (1)`,
  ],
  [
    'A3: an approval makes none',
    withAction({ ...approvalAction('A'), outputArtifacts: [{ name: 'x' }] }),
    `${A}/outputArtifacts: ${CODE}: Action A declares 1 output artifacts which is more than the maximum count (0)`,
  ],
  [
    'A6: inputs are named once',
    build(
      { PrimarySource: 'SourceOutput' },
      { inputArtifacts: [{ name: 'SourceOutput' }, { name: 'SourceOutput' }] },
    ),
    `${A}/inputArtifacts/1/name: ${CODE}: Action A declares the input artifact SourceOutput more than once`,
  ],
  [
    'A7: required configuration',
    withAction({ ...buildAction('A'), configuration: {} }),
    missing('ProjectName'),
  ],
  [
    'A7: a property of every object is not configuration',
    build({}, { configuration: Object.create({ ProjectName: 'x' }) as Record<string, string> }),
    missing('ProjectName'),
  ],
  [
    'A7: S3 needs a key for what it does not unpack',
    deploy('S3', { BucketName: 'b', Extract: 'False' }),
    missing('ObjectKey'),
  ],
  ['A7: and none for what it does', deploy('S3', { BucketName: 'b', Extract: 'true' }), undefined],
  [
    'A7: a stack needs a template and a role to be made',
    deploy('CloudFormation', { ActionMode: 'CREATE_UPDATE', StackName: 's', RoleArn: 'r' }),
    missing('TemplatePath'),
  ],
  [
    'A7: and only a role to be deleted',
    deploy('CloudFormation', { ActionMode: 'DELETE_ONLY', StackName: 's', RoleArn: 'r' }),
    undefined,
  ],
  [
    'A7: a change set has a name',
    deploy('CloudFormation', { ActionMode: 'CHANGE_SET_EXECUTE', StackName: 's' }),
    missing('ChangeSetName'),
  ],
  [
    'A7: EKS deploys a chart or manifests',
    deploy('EKS', { ClusterName: 'c', HelmChartLocation: 'l' }),
    missing('HelmReleaseName'),
  ],
  [
    'A7: EKS with manifests needs no chart',
    deploy('EKS', { ClusterName: 'c', ManifestFiles: 'm' }),
    undefined,
  ],
  [
    'A8: unknown configuration',
    build({ Color: 'red' }),
    `${A}/configuration/Color: ${CODE}: Action configuration for action 'A' contains unknown configuration 'Color'`,
  ],
  [
    'A9: a boolean',
    deploy('S3', { BucketName: 'b', Extract: 'yes' }),
    invalid('Extract', 'it must be true or false'),
  ],
  [
    'A9: a number',
    deploy('ECS', { ClusterName: 'c', ServiceName: 's', DeploymentTimeout: 'ten' }),
    invalid('DeploymentTimeout', 'it must be a number'),
  ],
  [
    'A9: a number within bounds',
    deploy('ECS', { ClusterName: 'c', ServiceName: 's', DeploymentTimeout: '61' }),
    invalid('DeploymentTimeout', 'it must be between 1 and 60'),
  ],
  [
    'A9: one of several words',
    deploy('CloudFormation', { ActionMode: 'UPDATE', StackName: 's' }),
    invalid(
      'ActionMode',
      'only CREATE_UPDATE, REPLACE_ON_FAILURE, CHANGE_SET_REPLACE, CHANGE_SET_EXECUTE, DELETE_ONLY is available',
    ),
  ],
  ['A9: JSON', build({ EnvironmentVariables: '[{' }), invalid('EnvironmentVariables', 'it must be JSON')],
  [
    'A9: a number of a custom type',
    jenkins({ configuration: { ProjectName: 'p', Agents: '1x' } }),
    invalid('Agents', 'it must be a number'),
  ],
  [
    'A9: what holds a reference is known later',
    deploy('S3', { BucketName: 'b', Extract: '#{SourceVariables.Unpack}' }),
    undefined,
  ],
  [
    'A13: Commands needs commands',
    commands({ commands: [] }),
    `${A}: ${CODE}: Action A must have a non-empty commands field`,
  ],
  [
    'A13: a command is one line',
    commands({ commands: ['make', 'a\nb'] }),
    `${A}/commands/1: ${CODE}: Action A has a line break in a command. Each command must be one line`,
  ],
  [
    'A14: other actions have no commands',
    build({}, { commands: ['ls'] }),
    `${A}/commands: ${noField('commands')}`,
  ],
  [
    'A14: other actions choose no files',
    build({}, { outputArtifacts: [{ name: 'x', files: ['a'] }] }),
    `${A}/outputArtifacts/0/files: ${noField('files')}`,
  ],
  [
    'other actions declare no output variables',
    build({}, { outputVariables: ['V'] }),
    `${A}/outputVariables: ${noField('outputVariables')}`,
  ],
  [
    'other actions have no environment variables',
    build({}, { environmentVariables: [{ name: 'a', value: 'b' }] }),
    `${A}/environmentVariables: ${noField('environmentVariables')}`,
  ],
  [
    'Commands has all of these',
    commands({
      outputArtifacts: [{ name: 'x', files: ['**/*'] }],
      outputVariables: ['V'],
      environmentVariables: [{ name: 'a', value: 'b', type: 'SECRETS_MANAGER' }],
    }),
    undefined,
  ],
  [
    'secrets of the environment are for Commands only',
    withAction(
      action('Deploy', 'EKS', {
        configuration: { ClusterName: 'c', ManifestFiles: 'm' },
        environmentVariables: [{ name: 'a', value: 'b', type: 'SECRETS_MANAGER' }],
        ...input,
      }),
    ),
    `${A}/environmentVariables/0/type: ${CODE}: Action A cannot have environment variables of the type SECRETS_MANAGER: only Commands actions can`,
  ],
  [
    'A15: sources stay in the region of the pipeline',
    pipeline(
      { name: 'S1', actions: [{ ...sourceAction('A'), region: 'eu-west-1' }] },
      { name: 'S2', actions: [approvalAction('Ask')] },
    ),
    `stages/0/actions/0/region: ${CODE}: Action A cannot be in region eu-west-1: source, third-party and custom actions run in the region of the pipeline`,
  ],
  [
    'A15: so do custom actions',
    jenkins({ region: 'eu-west-1' }),
    `${A}/region: ${CODE}: Action A cannot be in region eu-west-1: source, third-party and custom actions run in the region of the pipeline`,
  ],
  [
    'A16: custom actions have no role',
    jenkins({ roleArn: 'arn:aws:iam::123456789012:role/r' }),
    `${A}/roleArn: ${CODE}: Action A cannot have a role: third-party and custom actions do not act under one`,
  ],
  [
    'A17: a queryable value is short',
    jenkins({ configuration: { ProjectName: 'x'.repeat(21) } }),
    invalid('ProjectName', 'it must have at most 20 characters of letters, digits, hyphens and underscores'),
  ],
  [
    'A17: a queryable value is plain',
    jenkins({ configuration: { ProjectName: 'a b' } }),
    invalid('ProjectName', 'it must have at most 20 characters of letters, digits, hyphens and underscores'),
  ],
  [
    'A18: several inputs of a build need a primary source',
    pipeline(
      { name: 'S1', actions: [sourceAction(), sourceAction('Other')] },
      {
        name: 'S2',
        actions: [
          { ...buildAction('A'), inputArtifacts: [{ name: 'SourceOutput' }, { name: 'OtherOutput' }] },
        ],
      },
    ),
    `${A}/configuration: ${CODE}: Action configuration for action 'A' must name one of its input artifacts as PrimarySource, because it has more than one`,
  ],
  [
    'A18: artifacts are combined only of a batch',
    withAction({ ...buildAction('A'), configuration: { ProjectName: 'p', CombineArtifacts: 'true' } }),
    `${A}/configuration/CombineArtifacts: ${CODE}: Action configuration for action 'A' can be CombineArtifacts only with BatchEnabled`,
  ],
  [
    'A18: combined artifacts are one',
    withAction({
      ...buildAction('A'),
      configuration: { ProjectName: 'p', BatchEnabled: 'true', CombineArtifacts: 'true' },
      outputArtifacts: [{ name: 'x' }, { name: 'y' }],
    }),
    `${A}/configuration/CombineArtifacts: ${CODE}: Action configuration for action 'A' can be CombineArtifacts only with one output artifact, and it has 2`,
  ],
  [
    'A19: an approval takes no artifact',
    withAction({ ...approvalAction('A'), ...input }),
    `${A}/inputArtifacts: ${CODE}: Action A declares 1 input artifacts which is more than the maximum count (0)`,
  ],
  ...(['Approval', 'Compute'] as const).map(
    (category) =>
      [
        `A20: ${category} is for AWS`,
        jenkins({ actionTypeId: { category, owner: 'Custom', provider: 'Jenkins', version: '1' } }),
        unavailable(category, 'Custom', 'Jenkins'),
      ] as const,
  ),
  [
    'a timeout is for approvals',
    build({}, { timeoutInMinutes: 5 }),
    `${A}/timeoutInMinutes: ${CODE}: Action A cannot have a timeout: only manual approval actions can`,
  ],
  ['an approval may have a timeout', withAction({ ...approvalAction('A'), timeoutInMinutes: 5 }), undefined],
  [
    'references in secrets are not looked for',
    jenkins({ configuration: { ProjectName: 'p', Password: '#{No.such}' } }),
    undefined,
  ],
];

for (const [name, given, expected] of table) test(name, () => assert.equal(faultOf(given), expected));

test('an unknown name comes with the names that there are', () => {
  const unknownOf = (given: GivenDeclaration) => allFaults(given)[0]?.unknown;
  assert.deepEqual(unknownOf(withAction(action('Approval', 'Manuel'))), {
    name: 'Manuel',
    known: ['Manual'],
  });
  assert.deepEqual(
    unknownOf(deploy('CodeDeploy', { ApplicationName: 'a', DeploymentGroupName: 'g', Color: 'r' })),
    {
      name: 'Color',
      known: ['ApplicationName', 'DeploymentGroupName'],
    },
  );
});
