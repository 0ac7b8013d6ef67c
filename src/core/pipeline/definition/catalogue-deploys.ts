/** The catalogue of deploy actions to hosts, containers and buckets; CloudFormation has a page of its own. */

import type { ActionType } from './catalogue-type.ts';
import {
  aws,
  between,
  BOOLEAN,
  DAY_MS,
  exactly,
  HOUR_MS,
  MINUTE_MS,
  NUMBER,
  oneOf,
  optional,
  required,
  requiredIf,
} from './catalogue-type.ts';

const DEPLOY = { inputs: exactly(1), outputs: exactly(0), timeoutMs: HOUR_MS } as const;

export const DEPLOY_TYPES: readonly ActionType[] = [
  {
    ...DEPLOY,
    id: aws('Deploy', 'S3'),
    properties: [
      required('BucketName'),
      required('Extract', BOOLEAN),
      // What is not unpacked needs a name of its own.
      optional('ObjectKey', requiredIf('Extract', 'false')),
      optional('CacheControl'),
      optional('CannedACL'),
      optional('KMSEncryptionKeyARN'),
    ],
    timeoutMs: 90 * MINUTE_MS,
    isEverywhere: true,
  },
  {
    ...DEPLOY,
    id: aws('Deploy', 'CodeDeploy'),
    properties: [required('ApplicationName'), required('DeploymentGroupName')],
    timeoutMs: 5 * DAY_MS,
  },
  {
    ...DEPLOY,
    id: aws('Deploy', 'CodeDeployToECS'),
    properties: [
      required('ApplicationName'),
      required('DeploymentGroupName'),
      required('TaskDefinitionTemplateArtifact'),
      required('AppSpecTemplateArtifact'),
      optional('TaskDefinitionTemplatePath'),
      optional('AppSpecTemplatePath'),
      ...[1, 2, 3, 4].flatMap((number) => [
        optional(`Image${number}ArtifactName`),
        optional(`Image${number}ContainerName`),
      ]),
    ],
    inputs: between(1, 5),
    timeoutMs: 5 * DAY_MS,
  },
  {
    ...DEPLOY,
    id: aws('Deploy', 'ECS'),
    properties: [
      required('ClusterName'),
      required('ServiceName'),
      optional('FileName'),
      optional('DeploymentTimeout', { ...NUMBER, bounds: between(1, 60) }),
    ],
  },
  {
    ...DEPLOY,
    id: aws('Deploy', 'EKS'),
    properties: [
      required('ClusterName'),
      // Either a Helm chart with a release, or manifests for kubectl.
      optional('HelmReleaseName', requiredIf('ManifestFiles', undefined)),
      optional('HelmChartLocation', requiredIf('ManifestFiles', undefined)),
      optional('HelmValuesFiles'),
      optional('ManifestFiles', requiredIf('HelmChartLocation', undefined)),
      optional('Namespace'),
      optional('Subnets'),
      optional('SecurityGroupIds'),
    ],
    isV2Only: true,
    fields: ['environmentVariables'],
  },
  {
    ...DEPLOY,
    id: aws('Deploy', 'EC2'),
    properties: [
      required('InstanceTagKey'),
      optional('InstanceTagValue'),
      required('InstanceType', oneOf('EC2', 'SSM_MANAGED_NODE')),
      // A deploy specification in the artifact says what these say otherwise.
      optional('TargetDirectory', requiredIf('DeploySpec', undefined)),
      optional('DeploySpec'),
      optional('MaxBatch'),
      optional('MaxError'),
      optional('TargetGroupNameList'),
      optional('PreScript'),
      optional('PostScript', requiredIf('DeploySpec', undefined)),
    ],
    isV2Only: true,
  },
  {
    ...DEPLOY,
    id: aws('Deploy', 'ElasticBeanstalk'),
    properties: [required('ApplicationName'), required('EnvironmentName')],
  },
  {
    id: aws('Deploy', 'Lambda'),
    properties: [
      required('FunctionName'),
      optional('FunctionAlias'),
      optional('PublishedTargetVersion'),
      optional('DeployStrategy'),
      optional('Alarms'),
    ],
    // The page asks for one input, and yet offers to name a version instead of an artifact.
    inputs: between(0, 1),
    outputs: exactly(0),
    // At most two days of shifting traffic, besides the work itself.
    timeoutMs: 2 * DAY_MS + HOUR_MS,
    isV2Only: true,
  },
  {
    ...DEPLOY,
    id: aws('Deploy', 'AppConfig'),
    properties: [
      required('Application'),
      required('Environment'),
      required('ConfigurationProfile'),
      required('InputArtifactConfigurationPath'),
      optional('DeploymentStrategy'),
    ],
  },
  {
    ...DEPLOY,
    id: aws('Deploy', 'ServiceCatalog'),
    properties: [
      required('ProductId'),
      // Either a file of the artifact that says everything, or the parts.
      optional('ConfigurationFilePath', requiredIf('TemplateFilePath', undefined)),
      optional('TemplateFilePath', requiredIf('ConfigurationFilePath', undefined)),
      optional('ProductVersionName', requiredIf('ConfigurationFilePath', undefined)),
      optional('ProductType', requiredIf('ConfigurationFilePath', undefined)),
      optional('ProductVersionDescription'),
    ],
  },
];
